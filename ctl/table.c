#include "ctl/table.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_MAX_BYTES = 4096 };

struct table {
	const struct table_column *columns;
	unsigned column_count;
	struct libscols_table *smartcols;
	struct libscols_line *line; /* that is being filled; borrowed */
	size_t cell_count;
};

static const char *const colours[] = {
	[TABLE_GOOD] = "green",
	[TABLE_WARN] = "brown",
	[TABLE_BAD] = "red",
	[TABLE_DIM] = "halfbright",
};

static const char separator[] = "  ";

/* libsmartcols fails only for want of memory, and for what is no table. */
static void must(int result)
{
	if (result != 0)
		abort();
}

struct table *table_create(const struct table_column *columns)
{
	struct table *table = memory_zeroed(1, sizeof(*table));

	table->columns = columns;
	table->smartcols = scols_new_table();
	must(table->smartcols == NULL);
	must(scols_table_set_column_separator(table->smartcols, separator));
	must(scols_table_enable_noencoding(table->smartcols, 1));
	/* As wide as it is: an id that is cut is none. */
	must(scols_table_set_termforce(table->smartcols, SCOLS_TERMFORCE_NEVER));
	for (; columns[table->column_count].heading != NULL; table->column_count++) {
		const struct table_column *column = &columns[table->column_count];
		struct libscols_column *made =
			scols_table_new_column(table->smartcols, column->heading, 0,
					       column->align == TABLE_RIGHT ? SCOLS_FL_RIGHT : 0);
		must(made == NULL);
		must(scols_cell_set_color(scols_column_get_header(made), colours[TABLE_DIM]));
	}
	return table;
}

void table_destroy(struct table *table)
{
	if (table == NULL)
		return;
	scols_unref_table(table->smartcols);
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
	struct strbuf safe CLEANUP(strbuf_finish);
	size_t column = table->cell_count++ % table->column_count;

	if (column == 0)
		table->line = scols_table_new_line(table->smartcols, NULL);
	must(table->line == NULL);
	strbuf_init(&safe, CELL_MAX_BYTES);
	table_add_safe_text(&safe, text != NULL && *text != '\0' ? text : "-");
	must(scols_line_set_data(table->line, column, safe.data));
	if (colours[colour] != NULL)
		must(scols_cell_set_color(scols_line_get_cell(table->line, column),
					  colours[colour]));
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

/* Of a table without rows libsmartcols prints nothing. */
static void render_headings(const struct table *table, struct strbuf *out)
{
	for (unsigned i = 0; i < table->column_count; i++)
		strbuf_addf(out, "%s%s", i > 0 ? separator : "", table->columns[i].heading);
	strbuf_add_char(out, '\n');
}

void table_render(const struct table *table, bool with_colours, struct strbuf *out)
{
	char *text CLEANUP(cleanup_free) = NULL;

	assert(table->cell_count % table->column_count == 0);
	if (table->cell_count == 0) {
		render_headings(table, out);
		return;
	}
	must(scols_table_enable_colors(table->smartcols, with_colours));
	must(scols_print_table_to_string(table->smartcols, &text));
	strbuf_add_text(out, text);
	strbuf_add_char(out, '\n');
}
