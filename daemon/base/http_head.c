#include "base/http_head.h"

#include "base/limits.h"

#include <string.h>
#include <strings.h>

void http_head_init(struct http_head *head)
{
	*head = (struct http_head){ 0 };
	strbuf_init(&head->text, LIMIT_RESPONSE_HEAD_BYTES);
}

void http_head_finish(struct http_head *head)
{
	strbuf_finish(&head->text);
}

void http_head_clear(struct http_head *head)
{
	strbuf_clear(&head->text);
	head->state = HTTP_HEAD_START;
	head->status = 0;
	head->total_bytes = 0;
}

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

/* "HTTP/1.1 200 OK" (RFC 9112 4); 0 if it is nothing like it. */
static int parse_status_line(const char *line, size_t length)
{
	static const char protocol[] = "HTTP/1.";
	const size_t digit_at = sizeof protocol - 1;

	if (length < digit_at + 6 || memcmp(line, protocol, digit_at) != 0)
		return 0;
	const char *rest = line + digit_at;
	if (!is_digit(rest[0]) || rest[1] != ' ' || rest[2] < '1' || rest[2] > '9' ||
	    !is_digit(rest[3]) || !is_digit(rest[4]) || !strchr(" \r\n", rest[5]))
		return 0;
	return (rest[2] - '0') * 100 + (rest[3] - '0') * 10 + (rest[4] - '0');
}

static bool is_blank(const char *line, size_t length)
{
	return (length == 1 && line[0] == '\n') ||
	       (length == 2 && line[0] == '\r' && line[1] == '\n');
}

/* Is there a Transfer-Encoding, in any of the fields of that name, other than chunked? */
static bool has_other_encoding(const char *text)
{
	static const char chunked[] = "chunked";
	size_t length;
	const char *at = text;
	while ((at = http_head_field(at, "Transfer-Encoding", &length)) != NULL) {
		if (length != sizeof chunked - 1 || strncasecmp(at, chunked, length) != 0)
			return true;
		at += length;
	}
	return false;
}

static const char *end_of_block(struct http_head *head)
{
	if (head->status == 101)
		return "the answer switches to another protocol";
	if (head->status < 200) {
		head->state = HTTP_HEAD_START;
		return NULL;
	}
	head->state = HTTP_HEAD_COMPLETE;
	if (has_other_encoding(head->text.data))
		return "the answer has a transfer encoding that was not asked for";
	return NULL;
}

const char *http_head_add_line(struct http_head *head, const char *line, size_t length)
{
	head->total_bytes += length;
	if (head->total_bytes > LIMIT_RESPONSE_HEAD_BYTES)
		return "the answer's head is too long";
	switch (head->state) {
	case HTTP_HEAD_COMPLETE: /* a trailer */
		return NULL;
	case HTTP_HEAD_START:
		strbuf_clear(&head->text);
		head->status = parse_status_line(line, length);
		if (head->status == 0)
			return "the answer is not HTTP/1.x";
		head->state = HTTP_HEAD_FIELDS;
		break;
	case HTTP_HEAD_FIELDS:
		break;
	}
	if (memchr(line, '\0', length)) /* would hide what stands behind it */
		return "the answer's head has a NUL";
	strbuf_add(&head->text, line, length);
	return is_blank(line, length) ? end_of_block(head) : NULL;
}

bool http_head_is_complete(const struct http_head *head)
{
	return head->state == HTTP_HEAD_COMPLETE;
}

const char *http_head_field(const char *text, const char *name, size_t *ret_length)
{
	static const char white_space[] = " \t\r";
	size_t name_length = strlen(name);

	for (const char *line = text; *line;) {
		const char *end = line + strcspn(line, "\n");
		if (strncasecmp(line, name, name_length) == 0 && line[name_length] == ':') {
			const char *value = line + name_length + 1;
			while (value < end && strchr(white_space, *value))
				value++;
			while (end > value && strchr(white_space, end[-1]))
				end--;
			*ret_length = (size_t)(end - value);
			return value;
		}
		line = *end ? end + 1 : end;
	}
	return NULL;
}

bool http_field_is_sendable(const char *name, const char *value)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789"
				    "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	if (name[0] == '\0' || name[strspn(name, token)] != '\0')
		return false;
	for (const char *byte = value; *byte; byte++) {
		if ((*byte < 0x20 || *byte > 0x7e) && *byte != '\t')
			return false;
	}
	return true;
}
