#include "sim/exchange.h"

#include "base/json_writer.h"
#include "base/memory.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void headers_finish(struct sim_header *headers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(headers[i].name);
		free(headers[i].value);
	}
}

struct sim_request *sim_request_create(const char *target)
{
	struct sim_request *request = memory_zeroed(1, sizeof(*request));
	size_t path_length = strcspn(target, "?");
	request->target = memory_text(target);
	request->path = memory_text_n(target, path_length);
	request->query = request->target + path_length + (target[path_length] == '?');
	strbuf_init(&request->body, SIM_REQUEST_BODY_BYTES);
	return request;
}

void sim_request_destroy(struct sim_request *request)
{
	if (!request)
		return;
	headers_finish(request->headers, request->header_count);
	free(request->headers);
	free(request->method);
	free(request->target);
	free(request->path);
	free(request->remote);
	strbuf_finish(&request->body);
	free(request);
}

void sim_request_add_header(struct sim_request *request, const char *name, const char *value)
{
	request->headers = memory_resized(request->headers, request->header_count + 1,
					  sizeof(*request->headers));
	struct sim_header *header = &request->headers[request->header_count++];
	header->name = memory_text(name);
	header->value = memory_text(value);
	for (char *c = header->name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
}

const char *sim_request_header(const struct sim_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++) {
		if (strcmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	}
	return NULL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX and '+'; what is no escape stands for itself. */
static bool percent_decode(const char *text, size_t length, char *value, size_t size)
{
	size_t out = 0;
	for (size_t i = 0; i < length; i++) {
		char c = text[i] == '+' ? ' ' : text[i];
		if (c == '%' && i + 2 < length && hex_digit(text[i + 1]) >= 0 &&
		    hex_digit(text[i + 2]) >= 0) {
			c = (char)(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
			i += 2;
		}
		if (out + 1 >= size)
			return false;
		value[out++] = c;
	}
	value[out] = '\0';
	return true;
}

bool sim_request_parameter(const struct sim_request *request, const char *name, char *value,
			   size_t size)
{
	size_t name_length = strlen(name);
	for (const char *at = request->query; *at;) {
		size_t length = strcspn(at, "&");
		size_t key_length = strcspn(at, "=&");
		if (key_length == name_length && memcmp(at, name, name_length) == 0) {
			size_t skip = key_length + (at[key_length] == '=');
			return percent_decode(at + skip, length - skip, value, size);
		}
		at += length + (at[length] == '&');
	}
	return false;
}

void sim_answer_init(struct sim_answer *answer)
{
	*answer = (struct sim_answer){ .status = 200 };
	strbuf_init(&answer->body, SIM_ANSWER_BODY_BYTES);
}

void sim_answer_finish(struct sim_answer *answer)
{
	headers_finish(answer->headers, answer->header_count);
	strbuf_finish(&answer->body);
}

void sim_answer_add_header(struct sim_answer *answer, const char *name, const char *value)
{
	if (answer->header_count == SIM_ANSWER_HEADERS)
		return;
	struct sim_header *header = &answer->headers[answer->header_count++];
	header->name = memory_text(name);
	header->value = memory_text(value);
}

void sim_answer_add_number(struct sim_answer *answer, const char *name, int64_t number)
{
	char text[32];
	snprintf(text, sizeof(text), "%" PRId64, number);
	sim_answer_add_header(answer, name, text);
}

void sim_answer_fail(struct sim_answer *answer, int status, const char *text)
{
	headers_finish(answer->headers, answer->header_count);
	answer->header_count = 0;
	strbuf_clear(&answer->body);
	answer->status = status;
	sim_answer_add_header(answer, "Content-Type", "application/json");
	struct json_writer writer;
	json_writer_init(&writer, &answer->body);
	json_begin_object(&writer, NULL);
	json_put_string(&writer, "error", text);
	json_end_object(&writer);
}

bool sim_answer_is_plain(const struct sim_answer *answer)
{
	return !answer->is_raw && answer->drip_bytes == 0 && answer->cut_after == 0 &&
	       answer->ending == SIM_ENDS_WELL;
}

void sim_answer_render(const struct sim_answer *answer, struct strbuf *bytes)
{
	if (!answer->is_raw) {
		strbuf_addf(bytes, "HTTP/1.1 %d Simulated\r\n", answer->status);
		for (size_t i = 0; i < answer->header_count; i++)
			strbuf_addf(bytes, "%s: %s\r\n", answer->headers[i].name,
				    answer->headers[i].value);
		strbuf_addf(bytes, "Content-Length: %zu\r\nConnection: close\r\n\r\n",
			    answer->body.length);
	}
	strbuf_add(bytes, answer->body.data, answer->body.length);
	if (answer->cut_after > 0 && bytes->length > answer->cut_after) {
		bytes->length = answer->cut_after;
		bytes->data[bytes->length] = '\0';
	}
}
