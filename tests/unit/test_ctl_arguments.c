#include "ctl/arguments.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct option_spec specs[] = {
	{ "json", 'j', OPTION_FLAG, NULL, "" },
	{ "limit", 'l', OPTION_VALUE, "N", "" },
	{ "header", 0, OPTION_LIST, "H", "" },
	{ NULL, 0, OPTION_FLAG, NULL, NULL },
};

enum { WORDS_MAX = 16 };

struct fixture {
	char line[128]; /* what arguments point into */
	struct arguments arguments;
	struct strbuf why;
};

static int set_up(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){ 0 };
	strbuf_init(&fixture.why, 1000);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	arguments_finish(&fixture->arguments);
	strbuf_finish(&fixture->why);
	return 0;
}

/* Takes a line apart that is split at its spaces. */
static int parse(struct fixture *fixture, const char *line)
{
	char *words[WORDS_MAX], *rest;
	int count = 0;

	snprintf(fixture->line, sizeof(fixture->line), "%s", line);
	for (char *word = strtok_r(fixture->line, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest))
		words[count++] = word;
	return arguments_parse(specs, count, words, &fixture->why, &fixture->arguments);
}

static void words_and_options_may_be_mixed(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(parse(fixture, "--json show --limit 5 wh_1"), 0);
	assert_int_equal(fixture->arguments.word_count, 2);
	assert_string_equal(fixture->arguments.words[0], "show");
	assert_string_equal(fixture->arguments.words[1], "wh_1");
	assert_true(arguments_has(&fixture->arguments, "json"));
	assert_string_equal(arguments_value(&fixture->arguments, "limit"), "5");
	assert_null(arguments_value(&fixture->arguments, "header"));
}

static void a_value_may_be_attached(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(parse(fixture, "--limit=7 -j --header=a=b"), 0);
	assert_string_equal(arguments_value(&fixture->arguments, "limit"), "7");
	assert_string_equal(arguments_value(&fixture->arguments, "header"), "a=b");
	assert_true(arguments_has(&fixture->arguments, "json"));
}

static void a_letter_may_stand_for_the_name(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(parse(fixture, "-l9"), 0);
	assert_string_equal(arguments_value(&fixture->arguments, "limit"), "9");
	arguments_finish(&fixture->arguments);
	assert_int_equal(parse(fixture, "-l 8"), 0);
	assert_string_equal(arguments_value(&fixture->arguments, "limit"), "8");
}

static void behind_two_dashes_are_words_and_one_dash_is_a_word(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(parse(fixture, "- -- --json -l"), 0);
	assert_int_equal(fixture->arguments.word_count, 3);
	assert_string_equal(fixture->arguments.words[0], "-");
	assert_string_equal(fixture->arguments.words[1], "--json");
	assert_false(arguments_has(&fixture->arguments, "json"));
}

static void a_list_has_all_its_values_in_order(void **state)
{
	struct fixture *fixture = *state;
	size_t at = 0;

	assert_int_equal(parse(fixture, "--header a --json --header b"), 0);
	assert_string_equal(arguments_next(&fixture->arguments, "header", &at), "a");
	assert_string_equal(arguments_next(&fixture->arguments, "header", &at), "b");
	assert_null(arguments_next(&fixture->arguments, "header", &at));
}

static void what_makes_no_sense_is_refused_with_a_reason(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(parse(fixture, "--nonsense"), -EINVAL);
	assert_string_equal(fixture->why.data, "there is no option --nonsense");
	strbuf_clear(&fixture->why);
	assert_int_equal(parse(fixture, "-x"), -EINVAL);
	assert_string_equal(fixture->why.data, "there is no option -x");
	strbuf_clear(&fixture->why);
	assert_int_equal(parse(fixture, "--limit"), -EINVAL);
	assert_string_equal(fixture->why.data, "--limit needs a value: N");
	strbuf_clear(&fixture->why);
	assert_int_equal(parse(fixture, "--json=yes"), -EINVAL);
	assert_string_equal(fixture->why.data, "--json takes no value");
	strbuf_clear(&fixture->why);
	assert_int_equal(parse(fixture, "--limit 1 --limit 2"), -EINVAL);
	assert_string_equal(fixture->why.data, "--limit is given twice");
	strbuf_clear(&fixture->why);
	/* No abbreviations: they would change their meaning with every new option. */
	assert_int_equal(parse(fixture, "--lim 1"), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(words_and_options_may_be_mixed),
		TEST(a_value_may_be_attached),
		TEST(a_letter_may_stand_for_the_name),
		TEST(behind_two_dashes_are_words_and_one_dash_is_a_word),
		TEST(a_list_has_all_its_values_in_order),
		TEST(what_makes_no_sense_is_refused_with_a_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
