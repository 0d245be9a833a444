/* A response's head, cut into lines as libcurl does, is complete only with a blank line; its status
 * is a final one, and it holds no transfer encoding that was not asked for, nor a NUL. The input:
 * the bytes of an answer. */
#include "fuzz.h"

#include "base/http_head.h"
#include "base/limits.h"

#include <ctype.h>
#include <strings.h>

/* Every field of that name has this value; a second reader than http_head_field(). */
static void must_only_have(const char *text, const char *name, const char *value)
{
	size_t name_length = strlen(name);
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncasecmp(line, name, name_length) != 0 || line[name_length] != ':')
			continue;
		const char *at = line + name_length + 1;
		at += strspn(at, " \t\r");
		FUZZ_MUST(strncasecmp(at, value, strlen(value)) == 0);
		FUZZ_MUST(strchr(" \t\r\n", at[strlen(value)]));
	}
}

static void must_be_final(const struct http_head *head)
{
	FUZZ_MUST(head->status >= 200 && head->status <= 999);
	FUZZ_MUST(strlen(head->text.data) == head->text.length);
	FUZZ_MUST(head->text.length >= 2 && head->text.data[head->text.length - 1] == '\n');
	FUZZ_MUST(strncmp(head->text.data, "HTTP/1.", 7) == 0);
	must_only_have(head->text.data, "Transfer-Encoding", "chunked");

	size_t length = 0;
	const char *value = http_head_field(head->text.data, "Retry-After", &length);
	if (value) {
		FUZZ_MUST(value > head->text.data &&
			  value + length < head->text.data + head->text.length);
		FUZZ_MUST(!memchr(value, '\n', length));
		FUZZ_MUST(length == 0 || (!isblank((unsigned char)value[0]) &&
					  !isblank((unsigned char)value[length - 1])));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_head head;
	const char *objection = NULL;
	http_head_init(&head);
	for (size_t at = 0; at < size && !objection;) {
		const uint8_t *end = memchr(data + at, '\n', size - at);
		size_t length = end ? (size_t)(end - data) + 1 - at : size - at;
		char *line = memory_text_n((const char *)data + at, length);
		objection = http_head_add_line(&head, line, length);
		free(line);
		at += length;
		FUZZ_MUST(head.text.length <= LIMIT_RESPONSE_HEAD_BYTES);
	}
	if (!objection && http_head_is_complete(&head))
		must_be_final(&head);
	http_head_clear(&head);
	FUZZ_MUST(!http_head_is_complete(&head) && head.text.length == 0);
	http_head_finish(&head);
	return 0;
}
