#include "ctl/csv.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void expect_creators(const char *text, const char *expected)
{
	struct csv_creators creators = { 0 };
	struct strbuf why, names;

	strbuf_init(&why, 10000);
	strbuf_init(&names, 10000);
	if (csv_read_creators(text, &why, &creators) < 0)
		fail_msg("%s", why.data);
	for (size_t i = 0; i < creators.count; i++)
		strbuf_addf(&names, "%s%s", i > 0 ? " " : "", creators.handles[i]);
	assert_string_equal(names.data, expected);
	csv_creators_finish(&creators);
	strbuf_finish(&names);
	strbuf_finish(&why);
}

static void expect_mistakes(const char *text, const char *expected)
{
	struct csv_creators creators = { 0 };
	struct strbuf why;

	strbuf_init(&why, 10000);
	assert_int_equal(csv_read_creators(text, &why, &creators), -EINVAL);
	assert_string_equal(why.data, expected);
	assert_int_equal(creators.count, 0);
	strbuf_finish(&why);
}

static void a_list_of_names_is_a_table_of_one_column(void **state)
{
	(void)state;
	expect_creators("ada\nbob\n", "ada bob");
	expect_creators("ada\nbob", "ada bob");
	expect_creators("", "");
}

static void names_are_taken_in_every_spelling(void **state)
{
	(void)state;
	expect_creators("@Ada\nhttps://www.tiktok.com/@bob/live\n", "ada bob");
}

static void without_headings_the_first_column_counts(void **state)
{
	(void)state;
	expect_creators("ada,Ada Lovelace,7\nbob;x\ncem\ty\n", "ada bob cem");
}

static void a_heading_says_which_column_counts(void **state)
{
	(void)state;
	expect_creators("Name,Username,Notes\nAda Lovelace,ada,\"a, b\"\n\"Bob, B.\",bob,\n",
			"ada bob");
	expect_creators("unique_id\nada\n", "ada");
}

static void quotes_spaces_and_line_ends_of_spreadsheets_are_taken_off(void **state)
{
	(void)state;
	expect_creators("\xef\xbb\xbf\"ada\",1\r\n  bob  ,2\r\n\r\n", "ada bob");
}

static void empty_lines_and_comments_do_not_count(void **state)
{
	(void)state;
	expect_creators("\n# the team\nada\n\n,nobody\n", "ada");
}

static void every_mistake_is_named_with_its_line(void **state)
{
	(void)state;
	expect_mistakes("ada\nnot a name\nbob\n!\n", "line 2: \"not a name\" is no creator's name\n"
						     "line 4: \"!\" is no creator's name\n");
}

static void a_quote_that_is_not_closed_ends_with_its_line(void **state)
{
	(void)state;
	expect_creators("\"ada\nbob\n", "ada bob");
	expect_mistakes("\"a\"\"b\"\n", "line 1: \"a\"b\" is no creator's name\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_of_names_is_a_table_of_one_column),
		cmocka_unit_test(names_are_taken_in_every_spelling),
		cmocka_unit_test(without_headings_the_first_column_counts),
		cmocka_unit_test(a_heading_says_which_column_counts),
		cmocka_unit_test(quotes_spaces_and_line_ends_of_spreadsheets_are_taken_off),
		cmocka_unit_test(empty_lines_and_comments_do_not_count),
		cmocka_unit_test(every_mistake_is_named_with_its_line),
		cmocka_unit_test(a_quote_that_is_not_closed_ends_with_its_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
