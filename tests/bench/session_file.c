#include "session_file.h"

#include "base/attrs.h"
#include "base/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 512, FIELDS = 4, HANDLE_BYTES = sizeof(((struct cast *)0)->handle) };

/* Later than this it is milliseconds: the year 5138. */
#define SECONDS_MAX INT64_C(100000000000)

struct row {
	char handle[HANDLE_BYTES];
	struct life life;
};

struct rows {
	struct row *items; /* owned */
	size_t count, capacity;
};

static struct row *rows_add(struct rows *rows)
{
	if (rows->count == rows->capacity) {
		rows->capacity = rows->capacity ? rows->capacity * 2 : 1024;
		rows->items = memory_resized(rows->items, rows->capacity, sizeof(*rows->items));
	}
	return &rows->items[rows->count++];
}

PRINTF_LIKE(3, 4)
static bool fail(struct session_file *file, unsigned line, const char *format, ...)
{
	va_list arguments;
	int length = line == 0 ? 0 : snprintf(file->error, sizeof(file->error), "line %u: ", line);
	va_start(arguments, format);
	vsnprintf(file->error + length, sizeof(file->error) - (size_t)length, format, arguments);
	va_end(arguments);
	return false;
}

/* Cuts the line at its commas; fields that are not there are empty. */
static bool line_split(char *line, char *fields[FIELDS])
{
	char *rest = line;
	line[strcspn(line, "\r\n")] = '\0';
	for (unsigned i = 0; i < FIELDS; i++) {
		char *field = strsep(&rest, ",");
		fields[i] = field ? field : line + strlen(line);
	}
	return rest == NULL;
}

static bool seconds_parse(struct session_file *file, unsigned line, const char *name,
			  const char *text, int64_t *ret_s)
{
	char *end;
	long long seconds = strtoll(text, &end, 10);
	if (end == text || *end || seconds <= 0)
		return fail(file, line, "%s \"%s\" is not a time: Unix seconds are wanted", name,
			    text);
	if (seconds > SECONDS_MAX)
		return fail(file, line, "%s %s is in milliseconds: divide it by 1000", name, text);
	*ret_s = seconds;
	return true;
}

static bool room_parse(struct session_file *file, unsigned line, const char *text,
		       uint64_t *ret_room)
{
	char *end = NULL;
	errno = 0;
	*ret_room = *text ? strtoull(text, &end, 10) : 0;
	if (*text && (*end || end == text || errno != 0 || *text == '-'))
		return fail(file, line,
			    "room_id \"%s\" is not a number: leave it empty, and one is made up",
			    text);
	return true;
}

static bool row_parse(struct session_file *file, unsigned line, char *text, struct row *ret_row)
{
	char *fields[FIELDS];
	int64_t start_s, end_s;
	*ret_row = (struct row){ 0 };
	if (!line_split(text, fields))
		return fail(file, line, "more than unique_id,start,end,room_id");
	if (!*fields[0] || strlen(fields[0]) >= sizeof(ret_row->handle))
		return fail(file, line, "unique_id has %zu characters: 1 to %zu are wanted",
			    strlen(fields[0]), sizeof(ret_row->handle) - 1);
	if (!seconds_parse(file, line, "start", fields[1], &start_s) ||
	    !seconds_parse(file, line, "end", fields[2], &end_s) ||
	    !room_parse(file, line, fields[3], &ret_row->life.room))
		return false;
	if (end_s <= start_s)
		return fail(file, line,
			    "it ends at %" PRId64 ", but starts at %" PRId64
			    ": leave out sessions that go on or lasted no time",
			    end_s, start_s);
	memcpy(ret_row->handle, fields[0], strlen(fields[0]));
	ret_row->life.start_ms = start_s * 1000;
	ret_row->life.end_ms = end_s * 1000;
	return true;
}

static bool is_heading(const char *text, unsigned line)
{
	return line == 1 && strncmp(text, "unique_id", strlen("unique_id")) == 0;
}

static bool rows_read(struct session_file *file, FILE *stream, struct rows *rows)
{
	char text[LINE_MAX_BYTES];
	for (unsigned line = 1; fgets(text, sizeof(text), stream); line++) {
		struct row row;
		if (!strchr(text, '\n') && !feof(stream))
			return fail(file, line, "it is longer than %d bytes", LINE_MAX_BYTES - 2);
		if (text[strspn(text, " \t\r\n")] == '\0' || is_heading(text, line))
			continue;
		if (!row_parse(file, line, text, &row))
			return false;
		*rows_add(rows) = row;
		file->sessions++;
	}
	return rows->count > 0 || fail(file, 0, "there are no sessions in it");
}

/* By creator; of each in the order of time, and of those that begin together the longest first. */
static int by_creator_and_start(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = strcmp(x->handle, y->handle);
	if (order != 0)
		return order;
	if (x->life.start_ms != y->life.start_ms)
		return x->life.start_ms < y->life.start_ms ? -1 : 1;
	return x->life.end_ms > y->life.end_ms ? -1 : x->life.end_ms < y->life.end_ms;
}

static struct cast *stage_cast(struct stage *stage, const char *handle, size_t *capacity)
{
	if (stage->count > 0 && strcmp(stage->casts[stage->count - 1].handle, handle) == 0)
		return &stage->casts[stage->count - 1];
	if (stage->count == *capacity) {
		*capacity = *capacity ? *capacity * 2 : 64;
		stage->casts = memory_resized(stage->casts, *capacity, sizeof(*stage->casts));
	}
	struct cast *cast = &stage->casts[stage->count++];
	*cast = (struct cast){ 0 };
	memcpy(cast->handle, handle, strlen(handle) + 1);
	return cast;
}

/* The next of the rows in order. */
static void stage_take(struct stage *stage, struct session_file *file, const struct row *row,
		       size_t *capacity)
{
	struct cast *cast = stage_cast(stage, row->handle, capacity);
	struct life life = row->life, *last = cast->count ? &cast->lives[cast->count - 1] : NULL;
	file->roomless += life.room == 0;
	if (life.room == 0)
		life.room = room_made_up(life.start_ms, stage->count - 1);
	if (life.end_ms > stage->until_ms)
		stage->until_ms = life.end_ms;
	if (life.start_ms < stage->from_ms)
		stage->from_ms = life.start_ms;
	file->cut += last && life.start_ms < last->end_ms;
	if (last && life.start_ms < last->end_ms &&
	    (life.start_ms == last->start_ms || life.room == last->room)) {
		last->end_ms = life.end_ms > last->end_ms ? life.end_ms : last->end_ms;
		return;
	}
	if (last && life.start_ms < last->end_ms)
		last->end_ms = life.start_ms;
	cast_add(cast, life);
}

bool session_file_read(struct stage *stage, const char *path, struct session_file *ret_file)
{
	struct rows rows = { 0 };
	size_t capacity = 0;
	FILE *stream = fopen(path, "re");
	*stage = (struct stage){ .from_ms = INT64_MAX, .shift_ms = INT64_MAX };
	*ret_file = (struct session_file){ 0 };
	if (!stream)
		return fail(ret_file, 0, "%s", strerror(errno));
	bool is_good = rows_read(ret_file, stream, &rows);
	fclose(stream);
	if (is_good)
		qsort(rows.items, rows.count, sizeof(*rows.items), by_creator_and_start);
	for (size_t i = 0; is_good && i < rows.count; i++)
		stage_take(stage, ret_file, &rows.items[i], &capacity);
	free(rows.items);
	return is_good;
}
