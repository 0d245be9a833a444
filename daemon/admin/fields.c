#include "admin/fields.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void text_list_finish(struct text_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free((char *)list->items[i]);
	free(list->items);
	*list = (struct text_list){ 0 };
}

static enum field_state bad(struct admin_reply *reply, const char *name, const char *wanted)
{
	reply_problem(reply, 422, "bad_value", name, "%s must be %s.", name, wanted);
	return FIELD_BAD;
}

/* FIELD_GIVEN: *ret_value is there and is not null. */
static enum field_state find(const struct admin_request *request, const char *name,
			     const struct json_value **ret_value)
{
	const struct json_value *value = json_member(request->body, name);

	if (!value)
		return FIELD_ABSENT;
	if (json_type(value) == JSON_NULL)
		return FIELD_NULL;
	*ret_value = value;
	return FIELD_GIVEN;
}

static size_t count_characters(const char *text)
{
	size_t count = 0;

	/* The text came out of the strict JSON reader: it is UTF-8. */
	for (size_t left = strlen(text); left; count++) {
		size_t length = utf8_sequence(text, left);
		assert(length);
		text += length;
		left -= length;
	}
	return count;
}

enum field_state field_text(const struct admin_request *request, const char *name, size_t max_chars,
			    struct admin_reply *reply, const char **ret_text)
{
	const struct json_value *value;
	enum field_state state = find(request, name, &value);

	if (state != FIELD_GIVEN)
		return state;
	const char *text = json_string(value);
	if (!text)
		return bad(reply, name, "a string");
	if (count_characters(text) > max_chars) {
		reply_problem(reply, 422, "too_long", name, "%s may have %zu characters at most.",
			      name, max_chars);
		return FIELD_BAD;
	}
	*ret_text = text;
	return FIELD_GIVEN;
}

enum field_state field_flag(const struct admin_request *request, const char *name,
			    struct admin_reply *reply, bool *ret_flag)
{
	const struct json_value *value;
	enum field_state state = find(request, name, &value);

	if (state != FIELD_GIVEN || json_bool(value, ret_flag))
		return state;
	return bad(reply, name, "true or false");
}

enum field_state field_integer(const struct admin_request *request, const char *name, int64_t min,
			       int64_t max, struct admin_reply *reply, int64_t *ret_number)
{
	const struct json_value *value;
	enum field_state state = find(request, name, &value);
	int64_t number;

	if (state != FIELD_GIVEN)
		return state;
	if (!json_integer(value, &number) || number < min || number > max) {
		reply_problem(reply, 422, "bad_value", name,
			      "%s must be a whole number from %" PRId64 " to %" PRId64 ".", name,
			      min, max);
		return FIELD_BAD;
	}
	*ret_number = number;
	return FIELD_GIVEN;
}

enum field_state field_time(const struct admin_request *request, const char *name,
			    struct admin_reply *reply, int64_t *ret_unix_ms)
{
	const struct json_value *value;
	enum field_state state = find(request, name, &value);

	if (state != FIELD_GIVEN)
		return state;
	const char *text = json_string(value);
	if (text && clock_parse(text, ret_unix_ms) == 0)
		return FIELD_GIVEN;
	return bad(reply, name, "a time as RFC 3339 writes it, like \"2026-06-18T13:00:00Z\"");
}

/* "live.start, live.end" */
static enum field_state bad_event_type(struct admin_reply *reply, const char *name)
{
	struct strbuf wanted;

	strbuf_init(&wanted, 1024);
	for (int type = 0; type < EVENT_TYPE_COUNT; type++)
		strbuf_addf(&wanted, "%s\"%s\"", type ? ", " : "",
			    event_type_name((enum event_type)type));
	reply_problem(reply, 422, "unknown_event_type", name, "The event types are %s.",
		      wanted.data);
	strbuf_finish(&wanted);
	return FIELD_BAD;
}

enum field_state field_event_type(const struct admin_request *request, const char *name,
				  struct admin_reply *reply, enum event_type *ret_type)
{
	const struct json_value *value;
	enum field_state state = find(request, name, &value);

	if (state != FIELD_GIVEN)
		return state;
	const char *text = json_string(value);
	if (!text || !event_type_parse(text, ret_type))
		return bad_event_type(reply, name);
	return FIELD_GIVEN;
}

enum field_state field_event_types(const struct admin_request *request, const char *name,
				   struct admin_reply *reply, unsigned *ret_types)
{
	const struct json_value *value;
	enum field_state state = find(request, name, &value);
	unsigned types = 0;

	if (state != FIELD_GIVEN)
		return state;
	if (json_type(value) != JSON_ARRAY || !json_count(value))
		return bad(reply, name, "an array with at least one event type");
	for (const struct json_value *item = json_first(value); item; item = json_next(item)) {
		const char *text = json_string(item);
		enum event_type type;
		if (!text || !event_type_parse(text, &type))
			return bad_event_type(reply, name);
		types |= 1u << type;
	}
	*ret_types = types;
	return FIELD_GIVEN;
}

static enum field_state bad_handle(struct admin_reply *reply, const char *name, const char *text)
{
	reply_problem(
		reply, 422, "bad_creator", name,
		"\"%.100s\" is not a creator's name: 2 to %d of a-z, 0-9, '.', '_' and '-', with "
		"or without an @ or https://www.tiktok.com/@ in front.",
		text ? text : "", LIMIT_HANDLE_MAX);
	return FIELD_BAD;
}

enum field_state field_handle(const struct admin_request *request, const char *name,
			      struct admin_reply *reply, char ret_handle[HANDLE_SIZE])
{
	const struct json_value *value;
	enum field_state state = find(request, name, &value);

	if (state != FIELD_GIVEN)
		return state;
	const char *text = json_string(value);
	if (!text)
		return bad(reply, name, "a string");
	if (handle_normalize(text, ret_handle) < 0)
		return bad_handle(reply, name, text);
	return FIELD_GIVEN;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_and_fold(struct text_list *list)
{
	size_t kept = 0;

	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare_texts);
	for (size_t i = 0; i < list->count; i++) {
		if (kept && strcmp(list->items[kept - 1], list->items[i]) == 0)
			free((char *)list->items[i]);
		else
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

/* Makes the item's text into what is kept; false: a problem is in the reply. */
typedef bool (*text_accept_fn)(const char *name, const char *text, struct admin_reply *reply,
			       char **ret_kept);

static bool accept_handle(const char *name, const char *text, struct admin_reply *reply,
			  char **ret_kept)
{
	char handle[HANDLE_SIZE];

	if (handle_normalize(text, handle) < 0) {
		bad_handle(reply, name, text);
		return false;
	}
	*ret_kept = memory_text(handle);
	return true;
}

static bool accept_text(const char *name, const char *text, struct admin_reply *reply,
			char **ret_kept)
{
	(void)name;
	(void)reply;
	*ret_kept = memory_text(text);
	return true;
}

static enum field_state read_texts(const struct admin_request *request, const char *name,
				   struct admin_reply *reply, text_accept_fn accept,
				   struct text_list *ret_texts)
{
	const struct json_value *value;
	enum field_state state = find(request, name, &value);
	struct text_list list CLEANUP(text_list_finish) = { 0 };

	if (state != FIELD_GIVEN)
		return state;
	if (json_type(value) != JSON_ARRAY)
		return bad(reply, name, "an array of strings");
	list.items = memory_zeroed(json_count(value) + 1, sizeof(*list.items));
	for (const struct json_value *item = json_first(value); item; item = json_next(item)) {
		char *kept;
		if (!json_string(item))
			return bad(reply, name, "an array of strings");
		if (!accept(name, json_string(item), reply, &kept))
			return FIELD_BAD;
		list.items[list.count++] = kept;
	}
	sort_and_fold(&list);
	*ret_texts = list;
	list = (struct text_list){ 0 };
	return FIELD_GIVEN;
}

enum field_state field_handles(const struct admin_request *request, const char *name,
			       struct admin_reply *reply, struct text_list *ret_handles)
{
	return read_texts(request, name, reply, accept_handle, ret_handles);
}

enum field_state field_texts(const struct admin_request *request, const char *name,
			     struct admin_reply *reply, struct text_list *ret_texts)
{
	return read_texts(request, name, reply, accept_text, ret_texts);
}

bool field_is_missing(enum field_state state, const char *name, struct admin_reply *reply)
{
	if (state == FIELD_GIVEN)
		return false;
	if (state != FIELD_BAD)
		reply_problem(reply, 422, "missing", name, "%s must be given.", name);
	return true;
}
