#include "ctl/table.h"

#include <assert.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct table_column columns[] = {
	{ "NAME", TABLE_LEFT },
	{ "PENDING", TABLE_RIGHT },
	{ "STATE", TABLE_LEFT },
	{ NULL, TABLE_LEFT },
};

static void assert_rendered(struct table *table, bool with_colours, const char *expected)
{
	struct strbuf out;
	strbuf_init(&out, 100000);
	table_render(table, with_colours, &out);
	assert_string_equal(out.data, expected);
	strbuf_finish(&out);
	table_destroy(table);
}

static void columns_are_as_wide_as_their_widest_cell_and_lines_end_without_spaces(void **state)
{
	(void)state;
	struct table *table = table_create(columns);
	table_put(table, "a-longer-name");
	table_put_integer(table, 7);
	table_put(table, "live");
	table_put(table, "b");
	table_put_integer(table, 12345678);
	table_put(table, "offline");
	assert_rendered(table, false,
			"NAME            PENDING  STATE\n"
			"a-longer-name         7  live\n"
			"b              12345678  offline\n");
}

static void what_is_not_there_is_a_dash(void **state)
{
	(void)state;
	struct table *table = table_create(columns);
	table_put(table, NULL);
	table_put(table, "");
	table_put(table, "x");
	assert_rendered(table, false, "NAME  PENDING  STATE\n-           -  x\n");
}

static void an_empty_table_is_its_headings(void **state)
{
	(void)state;
	assert_rendered(table_create(columns), false, "NAME  PENDING  STATE\n");
}

static void width_counts_characters_not_bytes(void **state)
{
	(void)state;
	struct table *table = table_create(columns);
	table_put(table, "\u00e9\u00e9\u00e9\u00e9\u00e9");
	table_put(table, "1");
	table_put(table, "x");
	assert_rendered(table, false,
			"NAME   PENDING  STATE\n\u00e9\u00e9\u00e9\u00e9\u00e9        1  x\n");
}

static void wide_characters_take_two_columns(void **state)
{
	(void)state;
	struct table *table = table_create(columns);
	table_put(table, "\u914d\u4fe1\u4e2d");
	table_put(table, "1");
	table_put(table, "x");
	assert_rendered(table, false, "NAME    PENDING  STATE\n\u914d\u4fe1\u4e2d        1  x\n");
}

static void no_cell_can_steer_the_terminal(void **state)
{
	(void)state;
	struct table *table = table_create(columns);
	table_put(table, "\033[2Jx\ny\x7f\xc2\x9b\xff");
	table_put(table, "1");
	table_put(table, "x");
	assert_rendered(table, false, "NAME        PENDING  STATE\n?[2Jx?y???        1  x\n");
}

static void colours_do_not_change_the_alignment(void **state)
{
	(void)state;
	struct table *table = table_create(columns);
	table_put_colour(table, "a", TABLE_BAD);
	table_put_colour(table, "1", TABLE_GOOD);
	table_put_colour(table, "x", TABLE_PLAIN);
	assert_rendered(table, true,
			"\033[2mNAME\033[0m  \033[2mPENDING\033[0m  \033[2mSTATE\033[0m\n"
			"\033[31ma   \033[0m  \033[32m      1\033[0m  x\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			columns_are_as_wide_as_their_widest_cell_and_lines_end_without_spaces),
		cmocka_unit_test(what_is_not_there_is_a_dash),
		cmocka_unit_test(an_empty_table_is_its_headings),
		cmocka_unit_test(width_counts_characters_not_bytes),
		cmocka_unit_test(wide_characters_take_two_columns),
		cmocka_unit_test(no_cell_can_steer_the_terminal),
		cmocka_unit_test(colours_do_not_change_the_alignment),
	};
	/* As golivectl does: widths are those of UTF-8. */
	assert(setlocale(LC_CTYPE, "C.UTF-8") != NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
