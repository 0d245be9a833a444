#include "sim/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct chosen {
	const char *listen;
	uint64_t number;
	double speed;
	bool verbose;
	struct sim_texts faults;
};

static int read_words(struct chosen *chosen, struct strbuf *why, int argc, const char **argv)
{
	const struct sim_option options[] = {
		{ "--listen", SIM_OPTION_TEXT, &chosen->listen, "ADDRESS", "where" },
		{ "--number", SIM_OPTION_NUMBER, &chosen->number, "N", "how many" },
		{ "--speed", SIM_OPTION_REAL, &chosen->speed, "X", "how fast" },
		{ "--verbose", SIM_OPTION_FLAG, &chosen->verbose, NULL, "say more" },
		{ "--fault", SIM_OPTION_LIST, &chosen->faults, "KIND", "what goes wrong" },
	};
	strbuf_init(why, 200);
	return sim_options_read(options, ARRAY_SIZE(options), argc, (char **)argv, why);
}

static void both_spellings_of_a_value_are_taken(void **state)
{
	(void)state;
	struct chosen chosen = { 0 };
	struct strbuf why;
	const char *words[] = { "--listen",  "a:1",     "--number=7", "--speed",      "1.5",
				"--verbose", "--fault", "x",          "--fault=y=0.5" };
	assert_int_equal(read_words(&chosen, &why, ARRAY_SIZE(words), words), 0);
	assert_string_equal(chosen.listen, "a:1");
	assert_int_equal(chosen.number, 7);
	assert_true(chosen.speed > 1.4 && chosen.speed < 1.6);
	assert_true(chosen.verbose);
	assert_int_equal(chosen.faults.count, 2);
	assert_string_equal(chosen.faults.texts[1], "y=0.5");
	strbuf_finish(&why);
}

static void mistakes_are_named(void **state)
{
	(void)state;
	const struct {
		const char *words[2];
		const char *why;
	} cases[] = {
		{ { "--colour", "red" }, "there is no option --colour" },
		{ { "extra", NULL }, "there is no option extra" },
		{ { "--listen", NULL }, "--listen takes ADDRESS" },
		{ { "--verbose=yes", NULL }, "--verbose takes no value" },
		{ { "--number", "many" }, "--number: \"many\" is no N" },
		{ { "--number", "-1" }, "--number: \"-1\" is no N" },
		{ { "--speed", "0" }, "--speed: \"0\" is no X" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct chosen chosen = { 0 };
		struct strbuf why;
		const char *words[2] = { cases[i].words[0], cases[i].words[1] };
		assert_true(read_words(&chosen, &why, words[1] ? 2 : 1, words) < 0);
		assert_string_equal(why.data, cases[i].why);
		strbuf_finish(&why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_spellings_of_a_value_are_taken),
		cmocka_unit_test(mistakes_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
