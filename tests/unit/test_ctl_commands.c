#include "ctl/commands.h"

#include "db/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORDS_MAX = 16, TEXT_MAX_BYTES = 32 << 10 };

/* What the last command line printed. */
static char out_text[TEXT_MAX_BYTES], error_text[TEXT_MAX_BYTES];

static void take_text(FILE *file, char text[TEXT_MAX_BYTES])
{
	rewind(file);
	text[fread(text, 1, TEXT_MAX_BYTES - 1, file)] = '\0';
	(void)fclose(file);
}

/* Runs a command line, split at its spaces, and returns the exit status. */
static int run(const char *line)
{
	char *copy = strdup(line), *rest, *words[WORDS_MAX];
	FILE *out = tmpfile(), *errors = tmpfile();
	int count = 0;

	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		words[count++] = word;
	int status = commands_run(count, words, out, errors);
	take_text(out, out_text);
	take_text(errors, error_text);
	free(copy);
	return status;
}

static int set_up(void **state)
{
	(void)state;
	unsetenv("GOLIVECTL_URL");
	unsetenv("GOLIVECTL_KEY");
	return 0;
}

static void help_lists_every_command(void **state)
{
	(void)state;
	assert_int_equal(run("golivectl help"), EXIT_STATUS_OK);
	assert_non_null(strstr(out_text, "webhooks add"));
	assert_non_null(strstr(out_text, "verify"));
	assert_string_equal(error_text, "");
	assert_int_equal(run("golivectl --help"), EXIT_STATUS_OK);
	assert_non_null(strstr(out_text, "webhooks add"));
}

static void a_group_alone_lists_its_commands(void **state)
{
	(void)state;
	assert_int_equal(run("golivectl creators"), EXIT_STATUS_USAGE);
	assert_non_null(strstr(error_text, "creators explain"));
	assert_null(strstr(error_text, "webhooks"));
	assert_string_equal(out_text, "");
	static const char *const wanted[] = { "golivectl creators --help",
					      "golivectl help creators" };
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		assert_int_equal(run(wanted[i]), EXIT_STATUS_OK);
		assert_non_null(strstr(out_text, "creators ls"));
		assert_string_equal(error_text, "");
	}
	assert_int_equal(run("golivectl creators nonsense"), EXIT_STATUS_USAGE);
	assert_non_null(strstr(error_text, "no command \"creators nonsense\""));
	assert_int_equal(run("golivectl creator"), EXIT_STATUS_USAGE);
	assert_non_null(strstr(error_text, "no command \"creator\""));
}

/* A line of the help, "  webhooks ls         list …", is cut down to its command. */
static bool take_name(char *line, char **ret_name)
{
	char *end = strstr(line + strspn(line, " "), "  ");

	if (strncmp(line, "  ", 2) != 0 || line[2] == '-' || line[2] == ' ' || !end ||
	    strncmp(line, "  help", 6) == 0)
		return false;
	*end = '\0';
	*ret_name = line + 2;
	return true;
}

static void every_command_has_help_with_an_example_of_itself(void **state)
{
	char *listing, *rest, *name, line[128], example[128];
	unsigned count = 0;

	(void)state;
	assert_int_equal(run("golivectl help"), EXIT_STATUS_OK);
	listing = strdup(out_text);
	for (char *at = strtok_r(listing, "\n", &rest); at; at = strtok_r(NULL, "\n", &rest)) {
		if (!take_name(at, &name))
			continue;
		snprintf(line, sizeof(line), "golivectl help %s", name);
		snprintf(example, sizeof(example), "example: golivectl %s", name);
		if (run(line) != EXIT_STATUS_OK || !strstr(out_text, example))
			fail_msg("%s: %s%s", line, out_text, error_text);
		count++;
	}
	free(listing);
	assert_in_range(count, 30, 100);
}

static void what_makes_no_sense_is_a_usage_error(void **state)
{
	static const char *const lines[] = {
		"golivectl",
		"golivectl fly",
		"golivectl webhooks",
		"golivectl webhooks fly",
		"golivectl help fly",
		"golivectl webhooks show",
		"golivectl webhooks show a b",
		"golivectl status extra",
		"golivectl status --limit 5",
		"golivectl webhooks ls --nonsense",
		"golivectl --url http://127.0.0.1:1 --key-file /nonexistent status",
		"golivectl --url nonsense status",
		"golivectl verify --body /nonexistent",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (run(lines[i]) != EXIT_STATUS_USAGE || *error_text == '\0')
			fail_msg("%s: expected a usage error, got \"%s\"", lines[i], error_text);
}

static void a_key_is_never_taken_from_the_command_line(void **state)
{
	(void)state;
	assert_int_equal(run("golivectl --key SECRET status"), EXIT_STATUS_USAGE);
}

static void wrong_values_are_told_before_anybody_is_asked(void **state)
{
	static const char *const lines[] = {
		"golivectl events ls --since yesterday",
		"golivectl replay wh_1 --since yesterday",
		"golivectl webhooks add http://x --rate-limit fast",
		"golivectl webhooks add http://x --header nonsense",
		"golivectl webhooks add http://x --active --inactive",
		"golivectl webhooks set wh_1",
		"golivectl watchlists import a /nonexistent.csv",
		"golivectl deliveries ls --creator a --creator b",
	};

	(void)state;
	/* Nobody listens there: asking would be another status. */
	setenv("GOLIVECTL_URL", "http://127.0.0.1:1", 1);
	setenv("GOLIVECTL_KEY", "K", 1);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (run(lines[i]) != EXIT_STATUS_USAGE)
			fail_msg("%s: expected a usage error, got \"%s\"", lines[i], error_text);
}

static void a_daemon_that_does_not_answer_has_its_own_status(void **state)
{
	(void)state;
	setenv("GOLIVECTL_URL", "http://127.0.0.1:1", 1);
	setenv("GOLIVECTL_KEY", "K", 1);
	assert_int_equal(run("golivectl status"), EXIT_STATUS_UNREACHABLE);
	assert_non_null(strstr(error_text, "127.0.0.1"));
	setenv("GOLIVECTL_URL", "unix:/nonexistent/api", 1);
	assert_int_equal(run("golivectl status"), EXIT_STATUS_UNREACHABLE);
	assert_non_null(strstr(error_text, "/nonexistent/api"));
}

/* A directory with a database and a configuration that names it. */
struct place {
	char directory[32], database[64], copy[64], config[64];
};

static void make_place(struct place *place)
{
	struct store *store;
	struct strbuf why;

	strcpy(place->directory, "/tmp/golivectl-XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	snprintf(place->database, sizeof(place->database), "%s/golived.db", place->directory);
	snprintf(place->copy, sizeof(place->copy), "%s/copy.db", place->directory);
	snprintf(place->config, sizeof(place->config), "%s/golived.conf", place->directory);
	FILE *config = fopen(place->config, "w");
	(void)fprintf(config, "[store]\npath = %s\n", place->database);
	(void)fclose(config);
	strbuf_init(&why, 4096);
	if (store_open(place->database, STORE_WRITER, SYNCHRONOUS_NORMAL, &why, &store) < 0)
		fail_msg("%s", why.data);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_fact_set(store, "answer", 42), 0);
	assert_int_equal(store_commit(store), 0);
	store_close(store);
	strbuf_finish(&why);
}

static void remove_place(const struct place *place)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", place->directory);
	assert_int_equal(system(command), 0);
}

static void a_backup_is_a_database_with_everything_in_it(void **state)
{
	struct place place;
	struct store *store;
	struct strbuf why;
	char line[256];
	int64_t answer = 0;

	(void)state;
	make_place(&place);
	snprintf(line, sizeof(line), "golivectl backup %s --config %s", place.copy, place.config);
	if (run(line) != EXIT_STATUS_OK)
		fail_msg("%s", error_text);
	/* A second one does not write over it. */
	assert_int_equal(run(line), EXIT_STATUS_FAILED);
	assert_non_null(strstr(error_text, place.copy));
	strbuf_init(&why, 4096);
	assert_int_equal(store_open(place.copy, STORE_WRITER, SYNCHRONOUS_NORMAL, &why, &store), 0);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_fact_get(store, "answer", &answer), 0);
	assert_int_equal(answer, 42);
	store_rollback(store);
	store_close(store);
	strbuf_finish(&why);
	remove_place(&place);
}

static void the_version_is_printed(void **state)
{
	(void)state;
	assert_int_equal(run("golivectl version"), EXIT_STATUS_OK);
	assert_string_equal(out_text, "golivectl " GOLIVED_VERSION "\n");
	assert_int_equal(run("golivectl --version"), EXIT_STATUS_OK);
	assert_string_equal(out_text, "golivectl " GOLIVED_VERSION "\n");
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(help_lists_every_command),
		TEST(a_group_alone_lists_its_commands),
		TEST(every_command_has_help_with_an_example_of_itself),
		TEST(what_makes_no_sense_is_a_usage_error),
		TEST(a_key_is_never_taken_from_the_command_line),
		TEST(wrong_values_are_told_before_anybody_is_asked),
		TEST(a_daemon_that_does_not_answer_has_its_own_status),
		TEST(a_backup_is_a_database_with_everything_in_it),
		TEST(the_version_is_printed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
