#include "ctl/table.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CELL_MAX_BYTES = 4096 };

struct cell {
	char *text; /* owned, safe to print */
	enum table_colour colour;
};

struct table {
	const struct table_column *columns;
	unsigned column_count;
	struct cell *cells; /* row by row */
	size_t cell_count, cell_capacity;
};

static const char *const colour_codes[] = {
	[TABLE_GOOD] = "\033[32m",
	[TABLE_WARN] = "\033[33m",
	[TABLE_BAD] = "\033[31m",
	[TABLE_DIM] = "\033[2m",
};

struct table *table_create(const struct table_column *columns)
{
	struct table *table = memory_zeroed(1, sizeof(*table));
	table->columns = columns;
	while (columns[table->column_count].heading != NULL)
		table->column_count++;
	return table;
}

void table_destroy(struct table *table)
{
	if (table == NULL)
		return;
	for (size_t i = 0; i < table->cell_count; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table);
}

void table_cleanup(struct table **table)
{
	table_destroy(*table);
}

void table_add_safe_text(struct strbuf *out, const char *text)
{
	size_t left = strlen(text);
	while (left > 0) {
		size_t bytes = utf8_sequence(text, left);
		unsigned char first = (unsigned char)*text;
		/* C0, DEL, C1 (two bytes from 0xc2 0x80 to 0xc2 0x9f), and what is no UTF-8. */
		bool is_control = first < 0x20 || first == 0x7f ||
				  (first == 0xc2 && (unsigned char)text[1] < 0xa0);
		if (bytes == 0 || is_control)
			strbuf_add_char(out, '?');
		else
			strbuf_add(out, text, bytes);
		bytes = bytes == 0 ? 1 : bytes;
		text += bytes;
		left -= bytes;
	}
}

void table_put_colour(struct table *table, const char *text, enum table_colour colour)
{
	if (table->cell_count == table->cell_capacity) {
		table->cell_capacity = table->cell_capacity ? table->cell_capacity * 2 : 64;
		table->cells =
			memory_resized(table->cells, table->cell_capacity, sizeof(*table->cells));
	}
	struct strbuf safe;
	strbuf_init(&safe, CELL_MAX_BYTES);
	table_add_safe_text(&safe, text != NULL && *text != '\0' ? text : "-");
	table->cells[table->cell_count++] =
		(struct cell){ .text = strbuf_steal(&safe), .colour = colour };
}

void table_put(struct table *table, const char *text)
{
	table_put_colour(table, text, TABLE_PLAIN);
}

void table_put_integer(struct table *table, int64_t number)
{
	char text[24];
	snprintf(text, sizeof(text), "%" PRId64, number);
	table_put(table, text);
}

/* Characters, not bytes. Wide ones are rare in what is shown (handles are ASCII). */
static size_t text_width(const char *text)
{
	size_t width = 0;
	for (; *text != '\0'; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static size_t column_width(const struct table *table, unsigned column)
{
	size_t widest = text_width(table->columns[column].heading);
	for (size_t i = column; i < table->cell_count; i += table->column_count) {
		size_t width = text_width(table->cells[i].text);
		widest = width > widest ? width : widest;
	}
	return widest;
}

static void add_spaces(struct strbuf *out, size_t count)
{
	for (size_t i = 0; i < count; i++)
		strbuf_add_char(out, ' ');
}

static void render_cell(const struct table *table, unsigned column, size_t width,
			const struct cell *cell, bool with_colours, struct strbuf *out)
{
	size_t padding = width - text_width(cell->text);
	bool is_last = column + 1 == table->column_count;
	bool is_right = table->columns[column].align == TABLE_RIGHT;
	const char *code = with_colours ? colour_codes[cell->colour] : NULL;
	if (column > 0)
		strbuf_add_text(out, "  ");
	if (is_right)
		add_spaces(out, padding);
	if (code != NULL)
		strbuf_add_text(out, code);
	strbuf_add_text(out, cell->text);
	if (code != NULL)
		strbuf_add_text(out, "\033[0m");
	if (!is_right && !is_last)
		add_spaces(out, padding);
}

void table_render(const struct table *table, bool with_colours, struct strbuf *out)
{
	assert(table->cell_count % table->column_count == 0);
	size_t *widths = memory_zeroed(table->column_count, sizeof(*widths));
	for (unsigned column = 0; column < table->column_count; column++) {
		struct cell heading = { .text = (char *)(uintptr_t)table->columns[column].heading,
					.colour = TABLE_DIM };
		widths[column] = column_width(table, column);
		render_cell(table, column, widths[column], &heading, with_colours, out);
	}
	strbuf_add_char(out, '\n');
	for (size_t i = 0; i < table->cell_count; i++) {
		unsigned column = (unsigned)(i % table->column_count);
		render_cell(table, column, widths[column], &table->cells[i], with_colours, out);
		if (column + 1 == table->column_count)
			strbuf_add_char(out, '\n');
	}
	free(widths);
}
