#include "admin/reply.h"

#include "base/limits.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROBLEM_DETAIL_SIZE = 1024 };

static const struct {
	int status;
	const char *title;
} titles[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 421, "Misdirected Request" },
	{ 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 503, "Service Unavailable" },
};

const char *reply_status_title(int status)
{
	for (size_t i = 0; i < ARRAY_SIZE(titles); i++)
		if (titles[i].status == status)
			return titles[i].title;
	return "Error";
}

void reply_init(struct admin_reply *reply)
{
	*reply = (struct admin_reply){ 0 };
	strbuf_init(&reply->body, LIMIT_ADMIN_REPLY_BYTES);
}

static void clear_headers(struct admin_reply *reply)
{
	for (size_t i = 0; i < reply->header_count; i++)
		free(reply->headers[i].value);
	reply->header_count = 0;
}

void reply_finish(struct admin_reply *reply)
{
	clear_headers(reply);
	strbuf_finish(&reply->body);
}

void reply_clear(struct admin_reply *reply)
{
	reply_finish(reply);
	reply_init(reply);
}

struct json_writer *reply_json(struct admin_reply *reply, int status)
{
	assert(!reply->status);
	reply->status = status;
	reply->content_type = "application/json";
	json_writer_init(&reply->writer, &reply->body);
	json_begin_object(&reply->writer, NULL);
	return &reply->writer;
}

void reply_end(struct admin_reply *reply)
{
	json_end_object(&reply->writer);
	if (strbuf_is_full(&reply->body))
		reply_problem(reply, 500, "answer_too_large", NULL,
			      "The answer would be larger than %d bytes; ask for less at a time.",
			      LIMIT_ADMIN_REPLY_BYTES);
}

void reply_text(struct admin_reply *reply, int status, const char *content_type, const char *text,
		size_t length)
{
	assert(!reply->status);
	reply->status = status;
	reply->content_type = content_type;
	strbuf_add(&reply->body, text, length);
}

void reply_no_content(struct admin_reply *reply)
{
	assert(!reply->status);
	reply->status = 204;
}

void reply_header(struct admin_reply *reply, const char *name, const char *value)
{
	assert(reply->header_count < REPLY_HEADERS_MAX);
	reply->headers[reply->header_count++] =
		(struct reply_header){ .name = name, .value = memory_text(value) };
}

void reply_problem(struct admin_reply *reply, int status, const char *code, const char *field,
		   const char *format, ...)
{
	char detail[PROBLEM_DETAIL_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(detail, sizeof(detail), format, arguments);
	va_end(arguments);

	reply_clear(reply);
	struct json_writer *writer = reply_json(reply, status);
	reply->content_type = "application/problem+json";
	json_put_string(writer, "type", "about:blank");
	json_put_string(writer, "title", reply_status_title(status));
	json_put_integer(writer, "status", status);
	json_put_string(writer, "detail", detail);
	json_put_string(writer, "code", code);
	if (field)
		json_put_string(writer, "field", field);
	json_end_object(writer);
}

void reply_not_found(struct admin_reply *reply, const char *what, const char *id)
{
	reply_problem(reply, 404, "not_found", NULL, "There is no %s \"%s\".", what, id);
}

void reply_store_error(struct admin_reply *reply, int error)
{
	assert(error < 0);
	if (error == -ENOSPC)
		reply_problem(reply, 503, "store_full", NULL,
			      "The disk is full: nothing was changed. Try again later.");
	else
		reply_problem(reply, 503, "store_unavailable", NULL,
			      "The store could not do it: %s. The daemon's log says more.",
			      strerror(-error));
	reply_header(reply, "Retry-After", "5");
	reply->store_error = error;
}

void reply_wait(struct admin_reply *reply, reply_continue_fn again, const char *subject,
		int64_t wait_ms)
{
	assert(!reply->status);
	reply->wait = again;
	reply->wait_ms = wait_ms;
	snprintf(reply->subject, sizeof(reply->subject), "%s", subject);
}

void reply_stream(struct admin_reply *reply, const char *after)
{
	assert(!reply->status);
	reply->status = 200;
	reply->content_type = "text/event-stream";
	reply->is_stream = true;
	snprintf(reply->subject, sizeof(reply->subject), "%s", after);
}
