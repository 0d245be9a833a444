#include "admin/request.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool is_utf8(const char *text)
{
	for (size_t left = strlen(text); left;) {
		size_t length = utf8_sequence(text, left);
		if (!length)
			return false;
		text += length;
		left -= length;
	}
	return true;
}

/* Undoes %XX (and '+' for a space where it is a query). A decoded '/' would make another path of
 * it, and a NUL would cut it. The result is owned by the caller. */
static int decode(const char *text, size_t length, bool is_query, char **ret_decoded)
{
	char *decoded CLEANUP(cleanup_free) = memory_zeroed(length + 1, 1);
	size_t out = 0;

	for (size_t i = 0; i < length; i++) {
		char c = text[i];
		if (c == '+' && is_query)
			c = ' ';
		if (c == '%') {
			bool is_whole = length - i > 2;
			int high = is_whole ? hex_digit(text[i + 1]) : -1;
			int low = is_whole ? hex_digit(text[i + 2]) : -1;
			if (high < 0 || low < 0)
				return -EINVAL;
			c = (char)(high * 16 + low);
			i += 2;
			if (!c || (c == '/' && !is_query))
				return -EINVAL;
		}
		decoded[out++] = c;
	}
	if (!is_utf8(decoded))
		return -EINVAL;
	*ret_decoded = TAKE(decoded);
	return 0;
}

static int parse_argument(struct admin_request *request, const char *text, size_t length)
{
	const char *equals = memchr(text, '=', length);
	size_t name_length = equals ? (size_t)(equals - text) : length;
	struct request_argument argument = { 0 };

	if (request->query_count == REQUEST_QUERY_MAX)
		return -E2BIG;
	int result = decode(text, name_length, true, &argument.name);
	if (!result && equals)
		result = decode(equals + 1, length - name_length - 1, true, &argument.value);
	else if (!result)
		argument.value = memory_text("");
	if (result) {
		free(argument.name);
		return result;
	}
	request->query[request->query_count++] = argument;
	return 0;
}

int request_parse_target(struct admin_request *request, const char *target, char **ret_path)
{
	char *path CLEANUP(cleanup_free) = NULL;
	size_t path_length = strcspn(target, "?");

	if (target[0] != '/')
		return -EINVAL;
	int result = decode(target, path_length, false, &path);
	if (result)
		return result;
	for (const char *at = target + path_length; *at;) {
		size_t length = strcspn(++at, "&");
		if (length)
			result = parse_argument(request, at, length);
		if (result)
			return result;
		at += length;
	}
	*ret_path = TAKE(path);
	return 0;
}

void request_finish(struct admin_request *request)
{
	for (size_t i = 0; i < request->query_count; i++) {
		free(request->query[i].name);
		free(request->query[i].value);
	}
	request->query_count = 0;
}

const char *request_query(const struct admin_request *request, const char *name)
{
	for (size_t i = 0; i < request->query_count; i++)
		if (strcmp(request->query[i].name, name) == 0)
			return request->query[i].value;
	return NULL;
}

int request_query_time(const struct admin_request *request, const char *name,
		       struct admin_reply *reply, int64_t *ret_unix_ms)
{
	const char *text = request_query(request, name);

	if (!text || clock_parse(text, ret_unix_ms) == 0)
		return 0;
	reply_problem(reply, 422, "bad_filter", name,
		      "\"%s\" is not a time as RFC 3339 writes it, like 2026-06-18T13:00:00Z.",
		      text);
	return -EINVAL;
}

int request_query_handle(const struct admin_request *request, const char *name,
			 struct admin_reply *reply, char ret_handle[HANDLE_SIZE], bool *ret_given)
{
	const char *text = request_query(request, name);

	if (text && handle_normalize(text, ret_handle) < 0) {
		reply_problem(reply, 422, "bad_filter", name, "\"%s\" is not a creator's name.",
			      text);
		return -EINVAL;
	}
	*ret_given = text != NULL;
	return 0;
}

int request_audit(const struct admin_request *request, struct store *store, const char *action,
		  const char *subject, const char *detail, struct admin_reply *reply)
{
	const char *actor = request->caller ? request->caller->name : "";
	int result = store_audit_add(store, actor, action, subject, detail, request->now_ms);

	if (result)
		reply_store_error(reply, result);
	return result;
}
