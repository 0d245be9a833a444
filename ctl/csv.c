#include "ctl/csv.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { CELL_SIZE = 512 };

static const char byte_order_mark[] = "\xef\xbb\xbf";

void csv_creators_finish(struct csv_creators *creators)
{
	free(creators->handles);
	*creators = (struct csv_creators){ 0 };
}

static const char *read_quoted(const char *at, char cell[CELL_SIZE])
{
	size_t length = 0;

	for (at++; *at != '\0' && *at != '\n'; at++) {
		if (*at == '"' && at[1] != '"')
			return at + 1;
		at += *at == '"';
		if (length + 1 < CELL_SIZE)
			cell[length++] = *at;
		cell[length] = '\0';
	}
	return at;
}

/* Reads the cell at `at`, without the spaces around it; returns what is behind it: a separator, the
 * line's end or the text's. */
static const char *read_cell(const char *at, char cell[CELL_SIZE])
{
	size_t length = 0;

	at += strspn(at, " ");
	cell[0] = '\0';
	if (*at == '"') {
		at = read_quoted(at, cell);
		return at + strcspn(at, ",;\t\n");
	}
	for (; *at != '\0' && strchr(",;\t\n", *at) == NULL; at++)
		if (length + 1 < CELL_SIZE)
			cell[length++] = *at;
	while (length > 0 && strchr(" \r", cell[length - 1]) != NULL)
		length--;
	cell[length] = '\0';
	return at;
}

static bool is_heading(const char *cell)
{
	static const char *const headings[] = { "unique_id", "uniqueid", "username", "creator",
						"handle" };

	for (size_t i = 0; i < ARRAY_SIZE(headings); i++)
		if (strcasecmp(cell, headings[i]) == 0)
			return true;
	return false;
}

/* The column of a heading in the line, or -1. */
static int find_heading(const char *line)
{
	char cell[CELL_SIZE];

	for (int column = 0;; column++) {
		line = read_cell(line, cell);
		if (is_heading(cell))
			return column;
		if (*line == '\0' || *line == '\n')
			return -1;
		line++;
	}
}

static void read_column(const char *line, int column, char cell[CELL_SIZE])
{
	for (;; column--) {
		line = read_cell(line, cell);
		if (column == 0)
			return;
		if (*line == '\0' || *line == '\n')
			break;
		line++;
	}
	cell[0] = '\0';
}

static void add_handle(struct csv_creators *creators, const char *handle)
{
	if (creators->count == creators->capacity) {
		creators->capacity = creators->capacity ? creators->capacity * 2 : 256;
		creators->handles = memory_resized(creators->handles, creators->capacity,
						   sizeof(*creators->handles));
	}
	snprintf(creators->handles[creators->count++], sizeof(*creators->handles), "%s", handle);
}

static void read_line(const char *line, unsigned number, int column, struct strbuf *why,
		      struct csv_creators *creators)
{
	char cell[CELL_SIZE], handle[HANDLE_SIZE];

	read_column(line, column, cell);
	if (cell[0] == '\0' || line[0] == '#')
		return;
	if (handle_normalize(cell, handle) < 0)
		strbuf_addf(why, "line %u: \"%s\" is no creator's name\n", number, cell);
	else
		add_handle(creators, handle);
}

int csv_read_creators(const char *text, struct strbuf *why, struct csv_creators *ret_creators)
{
	struct csv_creators creators CLEANUP(csv_creators_finish) = { 0 };
	size_t why_before = why->length;
	unsigned number = 1;

	if (strncmp(text, byte_order_mark, strlen(byte_order_mark)) == 0)
		text += strlen(byte_order_mark);
	int column = find_heading(text);
	bool has_headings = column >= 0;
	for (; *text != '\0'; number++) {
		if (number > 1 || !has_headings)
			read_line(text, number, has_headings ? column : 0, why, &creators);
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	if (why->length > why_before)
		return -EINVAL;
	*ret_creators = creators;
	creators = (struct csv_creators){ 0 };
	return 0;
}
