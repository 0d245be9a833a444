#include "ctl/capture.h"

#include "base/json.h"
#include "base/memory.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

void capture_finish(struct capture *capture)
{
	for (size_t i = 0; i < capture->header_count; i++) {
		free(capture->headers[i].name);
		free(capture->headers[i].value);
	}
	free(capture->headers);
	free(capture->body);
	*capture = (struct capture){ 0 };
}

static void add(struct capture *capture, char *name, char *value)
{
	capture->headers = memory_resized(capture->headers, capture->header_count + 1,
					  sizeof(*capture->headers));
	capture->headers[capture->header_count++] =
		(struct capture_header){ .name = name, .value = value };
}

int capture_add_header(struct capture *capture, const char *line)
{
	size_t length = strcspn(line, ":");

	if (line[length] != ':' || length == 0)
		return -EINVAL;
	const char *value = line + length + 1;
	value += strspn(value, " \t");
	size_t value_length = strlen(value);
	while (value_length > 0 && strchr(" \t\r\n", value[value_length - 1]) != NULL)
		value_length--;
	add(capture, memory_text_n(line, length), memory_text_n(value, value_length));
	return 0;
}

void capture_set_body(struct capture *capture, const char *body, size_t length)
{
	free(capture->body);
	capture->body = memory_text_n(body, length);
	capture->body_length = length;
}

int capture_read_json(struct capture *capture, const char *text, struct strbuf *why)
{
	struct json_document *document CLEANUP(json_cleanup) = NULL;
	struct json_error error;

	if (json_parse(text, strcspn(text, "\n"), &document, &error) < 0) {
		strbuf_addf(why, "the first line is not JSON: %s at byte %zu", error.reason,
			    error.offset);
		return -EINVAL;
	}
	const struct json_value *headers = json_member(json_root(document), "headers");
	const char *body = json_string(json_member(json_root(document), "body"));
	if (json_type(headers) != JSON_OBJECT || body == NULL) {
		strbuf_add_text(why, "the first line has no \"headers\" and \"body\"");
		return -EINVAL;
	}
	for (const struct json_value *at = json_first(headers); at != NULL; at = json_next(at))
		if (json_string(at) != NULL)
			add(capture, memory_text(json_key(at)), memory_text(json_string(at)));
	capture_set_body(capture, body, strlen(body));
	return 0;
}

const char *capture_header(const struct capture *capture, const char *name)
{
	for (size_t i = 0; i < capture->header_count; i++)
		if (strcasecmp(capture->headers[i].name, name) == 0)
			return capture->headers[i].value;
	return NULL;
}

const char *capture_header_ending(const struct capture *capture, const char *ending,
				  const char * not )
{
	size_t length = strlen(ending);

	for (size_t i = 0; i < capture->header_count; i++) {
		const char *name = capture->headers[i].name;
		size_t name_length = strlen(name);
		if (name_length > length && strcasecmp(name + name_length - length, ending) == 0 &&
		    strncasecmp(name, not, strlen(not )) != 0)
			return capture->headers[i].value;
	}
	return NULL;
}
