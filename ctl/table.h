/* table - rows and columns made readable for people. The only file that knows libsmartcols.
 *
 *   in:   cells of text
 *   out:  aligned text, with colours where the caller says so
 *   not:  deciding whether there is a terminal (console)
 *
 * Widths are those of the locale's characters: golivectl sets UTF-8. Cells come from outside:
 * control characters are shown as '?', so that no answer can steer the terminal.
 */
#ifndef GOLIVED_CTL_TABLE_H
#define GOLIVED_CTL_TABLE_H

#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

enum table_align { TABLE_LEFT, TABLE_RIGHT };
enum table_colour { TABLE_PLAIN, TABLE_GOOD, TABLE_WARN, TABLE_BAD, TABLE_DIM };

struct table_column {
	const char *heading;
	enum table_align align;
};

struct table;

/* columns is borrowed and ends with a NULL heading. */
struct table *table_create(const struct table_column *columns);
void table_destroy(struct table *table);
void table_cleanup(struct table **table);

/* Cells fill the rows from left to right. NULL and "" are shown as "-". */
void table_put(struct table *table, const char *text);
void table_put_colour(struct table *table, const char *text, enum table_colour colour);
void table_put_integer(struct table *table, int64_t number);

/* Appends headings and rows to out, two spaces between columns, no trailing space. A table without
 * rows is its headings. */
void table_render(const struct table *table, bool with_colours, struct strbuf *out);

/* Appends text as a cell would show it: control characters as '?'. */
void table_add_safe_text(struct strbuf *out, const char *text);

#endif
