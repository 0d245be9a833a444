#include "ctl/view.h"

#include "ctl/table.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
	VALUE_MAX_BYTES = 64 << 10,
	NAME_SIZE = 128,
	MILLISECONDS_AT = 19 /* of 2026-06-18T13:00:00.000Z */
};

static const struct {
	const char *word;
	enum table_colour colour;
} states[] = {
	{ "delivered", TABLE_GOOD }, { "live", TABLE_GOOD },    { "done", TABLE_GOOD },
	{ "yes", TABLE_GOOD },       { "pending", TABLE_WARN }, { "running", TABLE_WARN },
	{ "dead", TABLE_BAD },       { "no", TABLE_BAD },       { "gone", TABLE_BAD },
	{ "unknown", TABLE_DIM },    { "offline", TABLE_DIM },  { "cancelled", TABLE_DIM },
};

static enum table_colour colour_of(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (strcmp(states[i].word, word) == 0)
			return states[i].colour;
	return TABLE_PLAIN;
}

const struct json_value *view_find(const struct json_value *object, const char *path)
{
	char name[64];

	while (object != NULL && *path != '\0') {
		size_t length = strcspn(path, ".");
		assert(length < sizeof(name));
		snprintf(name, sizeof(name), "%.*s", (int)length, path);
		object = json_member(object, name);
		path += length + (path[length] == '.');
	}
	return object;
}

static void add_value(const struct json_value *value, struct strbuf *out);

static void add_items(const struct json_value *container, struct strbuf *out)
{
	bool is_first = true;

	for (const struct json_value *item = json_first(container); item != NULL;
	     item = json_next(item)) {
		if (!is_first)
			strbuf_add_text(out, ", ");
		if (json_key(item) != NULL)
			strbuf_addf(out, "%s ", json_key(item));
		size_t before = out->length;
		add_value(item, out);
		if (out->length == before)
			strbuf_add_char(out, '-');
		is_first = false;
	}
}

/* Any value on one line; what is not there is nothing. */
static void add_value(const struct json_value *value, struct strbuf *out)
{
	bool flag = false;

	switch (json_type(value)) {
	case JSON_STRING:
		strbuf_add_text(out, json_string(value));
		break;
	case JSON_NUMBER:
		strbuf_add_text(out, json_number_text(value));
		break;
	case JSON_BOOL:
		(void)json_bool(value, &flag);
		strbuf_add_text(out, flag ? "yes" : "no");
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		add_items(value, out);
		break;
	case JSON_ABSENT:
	case JSON_NULL:
		break;
	}
}

/* "2026-06-18T13:00:00.000Z" without what nobody reads. */
static void drop_milliseconds(struct strbuf *time)
{
	if (time->length > MILLISECONDS_AT && time->data[MILLISECONDS_AT] == '.') {
		memcpy(time->data + MILLISECONDS_AT, "Z", sizeof("Z"));
		time->length = MILLISECONDS_AT + 1;
	}
}

static void put_cell(struct table *table, const struct json_value *value, enum view_kind kind)
{
	struct strbuf text;

	strbuf_init(&text, VALUE_MAX_BYTES);
	add_value(value, &text);
	if (kind == VIEW_TIME)
		drop_milliseconds(&text);
	table_put_colour(table, text.data, kind == VIEW_STATE ? colour_of(text.data) : TABLE_PLAIN);
	strbuf_finish(&text);
}

void view_list(const struct json_value *array, const struct view_column *columns, bool with_colours,
	       struct strbuf *out)
{
	struct table_column headings[VIEW_COLUMNS_MAX + 1] = { { 0 } };
	size_t count = 0;

	for (; columns[count].heading != NULL; count++) {
		assert(count < VIEW_COLUMNS_MAX);
		headings[count].heading = columns[count].heading;
		headings[count].align =
			columns[count].kind == VIEW_NUMBER ? TABLE_RIGHT : TABLE_LEFT;
	}
	struct table *table CLEANUP(table_cleanup) = table_create(headings);
	for (const struct json_value *row = json_first(array); row != NULL; row = json_next(row))
		for (size_t i = 0; i < count; i++)
			put_cell(table, view_find(row, columns[i].path), columns[i].kind);
	table_render(table, with_colours, out);
}

void view_event(const struct json_value *event, bool with_colours, struct strbuf *out)
{
	static const struct {
		const char *path;
		int width;
	} parts[] = { { "occurred_at", 24 },
		      { "event", 10 },
		      { "creator.unique_id", 24 },
		      { "event_id", 30 } };
	const char *type = json_string(json_member(event, "event"));
	const char *title = json_string(view_find(event, "live.title"));
	bool is_test = false, is_start = type != NULL && strcmp(type, "live.start") == 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const char *text = json_string(view_find(event, parts[i].path));
		bool has_colour = with_colours && i == 1;
		struct strbuf safe;

		strbuf_init(&safe, VALUE_MAX_BYTES);
		table_add_safe_text(&safe, text != NULL ? text : "-");
		strbuf_addf(out, "%s%-*s%s  ",
			    has_colour ? (is_start ? "\033[32m" : "\033[2m") : "", parts[i].width,
			    safe.data, has_colour ? "\033[0m" : "");
		strbuf_finish(&safe);
	}
	(void)json_bool(json_member(event, "is_test"), &is_test);
	const char *sequence = json_number_text(json_member(event, "sequence"));
	strbuf_addf(out, "sequence %s%s", sequence != NULL ? sequence : "-",
		    is_test ? " (test)" : "");
	if (title != NULL && *title != '\0') {
		strbuf_add_text(out, "  ");
		table_add_safe_text(out, title);
	}
	strbuf_add_char(out, '\n');
}

static bool is_table(const struct json_value *value)
{
	return json_type(value) == JSON_ARRAY && json_type(json_first(value)) == JSON_OBJECT;
}

/* A list of objects as a table with the columns of the first. */
static void add_table(const struct json_value *array, bool with_colours, struct strbuf *out)
{
	struct view_column columns[VIEW_COLUMNS_MAX + 1] = { { 0 } };
	size_t count = 0;

	for (const struct json_value *member = json_first(json_first(array));
	     member != NULL && count < VIEW_COLUMNS_MAX; member = json_next(member)) {
		const char *name = json_key(member);
		size_t length = strlen(name);
		bool is_time = length > 3 && strcmp(name + length - 3, "_at") == 0;
		columns[count++] = (struct view_column){ .heading = name,
							 .path = name,
							 .kind = is_time ? VIEW_TIME : VIEW_TEXT };
	}
	view_list(array, columns, with_colours, out);
}

/* An object of objects is too much for a line: its members have lines of their own. */
static bool is_deep(const struct json_value *value)
{
	if (json_type(value) != JSON_OBJECT)
		return false;
	for (const struct json_value *member = json_first(value); member != NULL;
	     member = json_next(member))
		if (json_type(member) == JSON_OBJECT)
			return true;
	return false;
}

static void add_line(const char *name, const struct json_value *value, int width,
		     struct strbuf *out)
{
	struct strbuf text;

	strbuf_init(&text, VALUE_MAX_BYTES);
	add_value(value, &text);
	strbuf_addf(out, "%-*s  ", width, name);
	table_add_safe_text(out, text.length > 0 ? text.data : "-");
	strbuf_add_char(out, '\n');
	strbuf_finish(&text);
}

/* A line for each member, the tables below aside; behind the prefix, as `payload.event`. Gives the
 * length of the longest name; out NULL: that is all. */
static int add_lines(const struct json_value *object, const char *prefix, int width,
		     struct strbuf *out)
{
	char name[NAME_SIZE];
	int widest = 0;

	for (const struct json_value *member = json_first(object); member != NULL;
	     member = json_next(member)) {
		if (*prefix == '\0' && is_table(member))
			continue;
		int length = snprintf(name, sizeof(name), "%s%s%s", prefix,
				      *prefix != '\0' ? "." : "", json_key(member));
		if (is_deep(member))
			length = add_lines(member, name, width, out);
		else if (out != NULL)
			add_line(name, member, width, out);
		widest = length > widest ? length : widest;
	}
	return widest;
}

void view_object(const struct json_value *object, bool with_colours, struct strbuf *out)
{
	(void)add_lines(object, "", add_lines(object, "", 0, NULL), out);
	for (const struct json_value *member = json_first(object); member != NULL;
	     member = json_next(member))
		if (is_table(member)) {
			strbuf_addf(out, "\n%s:\n", json_key(member));
			add_table(member, with_colours, out);
		}
}
