#include "base/log.h"

#include "base/journal.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* Standard error while a test runs is one end of a pipe; what was logged is read from the other. */
struct fixture {
	int stderr_before;
	int reading_end;
	char text[1 << 20];
};

static void capture_into(struct fixture *fixture, int reading_end, int writing_end)
{
	fixture->stderr_before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	fixture->reading_end = reading_end;
	dup2(writing_end, STDERR_FILENO);
	close(writing_end);
	fcntl(reading_end, F_SETFL, O_NONBLOCK);
}

static int set_up(void **state)
{
	static struct fixture fixture;
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	capture_into(&fixture, ends[0], ends[1]);
	unsetenv("JOURNAL_STREAM");
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	dup2(fixture->stderr_before, STDERR_FILENO);
	close(fixture->stderr_before);
	close(fixture->reading_end);
	return 0;
}

/* All that was logged since the last call. */
static const char *logged(struct fixture *fixture)
{
	size_t length = 0;
	ssize_t got;
	while ((got = read(fixture->reading_end, fixture->text + length,
			   sizeof(fixture->text) - 1 - length)) > 0)
		length += (size_t)got;
	fixture->text[length] = '\0';
	return fixture->text;
}

/* As logged(), behind the time of the one line. */
static const char *logged_behind_time(struct fixture *fixture)
{
	const char *text = logged(fixture), *space = strchr(text, ' ');
	assert_non_null(space);
	return space + 1;
}

static void a_text_line_is_time_level_message_and_fields(void **state)
{
	log_warning("attempt failed", LOG_TEXT("delivery", "del_01J"), LOG_INT("status", 503));
	const char *text = logged(*state);
	int year, month, end = 0;
	sscanf(text, "%4d-%2d-%*2dT%*2d:%*2d:%*2d.%*3dZ%n", &year, &month, &end);
	assert_int_equal(end, strlen("2026-06-18T13:00:00.000Z"));
	assert_string_equal(text + end, " warning attempt failed delivery=del_01J status=503\n");
}

static void a_line_may_have_no_fields(void **state)
{
	log_error("out of luck");
	assert_string_equal(logged_behind_time(*state), "error out of luck\n");
}

static void values_that_could_be_misread_are_quoted(void **state)
{
	static const struct {
		const char *value, *written;
	} cases[] = {
		{ "plain-value_1.5:/x@y", "plain-value_1.5:/x@y" },
		{ "", "\"\"" },
		{ "two words", "\"two words\"" },
		{ "a=b", "\"a=b\"" },
		{ "say \"hi\"", "\"say \\\"hi\\\"\"" },
		{ "back\\slash", "\"back\\\\slash\"" },
		{ "one\ntwo\r\x1b[31m\x7f", "\"one\\ntwo\\u000d\\u001b[31m\\u007f\"" },
		{ "\xc2\x85", "\"\\u0085\"" }, /* a C1 control */
		{ "caf\u00e9", "\"caf\u00e9\"" },
		{ "bad\xffutf8", "\"bad\ufffdutf8\"" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char expected[200];
		snprintf(expected, sizeof(expected), "info x value=%s next=1\n", cases[i].written);
		log_info("x", LOG_TEXT("value", cases[i].value), LOG_INT("next", 1));
		assert_string_equal(logged_behind_time(*state), expected);
	}
}

static void a_message_stays_on_its_line(void **state)
{
	log_info("bad \"value\"\nforged line");
	assert_string_equal(logged_behind_time(*state), "info bad \"value\"\\nforged line\n");
}

static void a_missing_text_is_an_empty_value(void **state)
{
	const char *nothing = NULL;
	log_info("x", LOG_TEXT("value", nothing));
	assert_string_equal(logged_behind_time(*state), "info x value=\"\"\n");
}

static void an_errno_is_written_in_words(void **state)
{
	log_error("cannot open", LOG_ERRNO(-ENOENT));
	assert_string_equal(logged_behind_time(*state),
			    "error cannot open error=\"No such file or directory\"\n");
	assert_string_equal(log_errno_text(-123456), "unknown error");
}

static void a_json_line_is_a_json_object(void **state)
{
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_notice("it \"happened\"", LOG_TEXT("value", "a\n\"b\"\\\x01\xff"), LOG_INT("n", -7));
	const char *text = logged(*state);
	struct json_document *document = NULL;
	assert_int_equal(json_parse(text, strlen(text), &document, NULL), 0);
	const struct json_value *root = json_root(document);
	int64_t number = 0;
	assert_int_equal(strlen(json_string(json_member(root, "time"))), 24);
	assert_string_equal(json_string(json_member(root, "level")), "notice");
	assert_string_equal(json_string(json_member(root, "message")), "it \"happened\"");
	assert_string_equal(json_string(json_member(root, "value")), "a\n\"b\"\\\x01\ufffd");
	assert_true(json_integer(json_member(root, "n"), &number));
	assert_int_equal(number, -7);
	assert_int_equal(text[strlen(text) - 1], '\n');
	json_destroy(document);
}

static void levels_below_the_one_that_was_set_are_silent(void **state)
{
	log_debug("too much");
	assert_string_equal(logged(*state), "");
	assert_false(log_is_enabled(LOG_LEVEL_DEBUG));

	log_configure(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	log_debug("wanted now");
	assert_string_equal(logged_behind_time(*state), "debug wanted now\n");

	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	log_warning("not that bad");
	assert_string_equal(logged(*state), "");
}

static void make_stderr_the_journal(void)
{
	char stream[64];
	struct stat status;
	assert_int_equal(fstat(STDERR_FILENO, &status), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev,
		 (uintmax_t)status.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
}

static void the_journal_gets_levels_instead_of_times(void **state)
{
	make_stderr_the_journal();
	log_configure(LOG_LEVEL_DEBUG, LOG_FORMAT_AUTO);
	log_error("e", LOG_INT("n", 1));
	log_warning("w");
	log_notice("n");
	log_info("i");
	log_debug("d");
	assert_string_equal(logged(*state), "<3>e n=1\n<4>w\n<5>n\n<6>i\n<7>d\n");
}

/* A journal's socket of our own, at a path that is returned. */
static int open_journal(char path[32])
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(path, 32, "@golived-journal-%d", (int)getpid());
	memcpy(address.sun_path + 1, path + 1, strlen(path) - 1);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))),
			 0);
	return fd;
}

static void the_journals_socket_gets_fields(void **state)
{
	char path[32], entry[8192];
	int journal = open_journal(path);
	make_stderr_the_journal();
	log_set_journal(path);
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	log_warning("webhook deactivated", LOG_TEXT("webhook", "wh_1"), LOG_INT("fail_streak", 7),
		    LOG_TEXT("detail", "a\nb"));
	log_set_journal(NULL);

	ssize_t length = recv(journal, entry, sizeof(entry), 0);
	static const char expected[] =
		"MESSAGE=webhook deactivated webhook=wh_1 fail_streak=7 detail=\"a\\nb\"\n"
		"PRIORITY=4\nSYSLOG_IDENTIFIER=golived\n"
		"MESSAGE_ID=@\nGOLIVED_WEBHOOK=wh_1\nGOLIVED_FAIL_STREAK=7\n"
		"GOLIVED_DETAIL\n\3\0\0\0\0\0\0\0a\nb\n";
	const char *id_at = strchr(expected, '@');
	size_t before_id = (size_t)(id_at - expected);
	const char *id = journal_message_id("webhook deactivated");
	assert_int_equal(length, sizeof(expected) - 2 + 32);
	assert_memory_equal(entry, expected, before_id);
	assert_memory_equal(entry + before_id, id, 32);
	assert_memory_equal(entry + before_id + 32, id_at + 1, sizeof(expected) - 2 - before_id);
	assert_string_equal(logged(*state), ""); /* not twice */
	close(journal);
}

static void a_journal_without_its_socket_gets_lines(void **state)
{
	make_stderr_the_journal();
	log_set_journal("/nonexistent/journal");
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	log_notice("hello", LOG_INT("n", 1));
	log_set_journal(NULL);
	assert_string_equal(logged(*state), "<5>hello n=1\n");
}

static void a_journal_that_is_full_never_blocks(void **state)
{
	char path[32];
	int journal = open_journal(path);
	uint64_t dropped_before = log_dropped();
	make_stderr_the_journal();
	log_set_journal(path);
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	for (int i = 0; i < 10000 && log_dropped() == dropped_before; i++)
		log_info("filling");
	log_set_journal(NULL);
	assert_int_equal(log_dropped() - dropped_before, 1);
	assert_string_equal(logged(*state), "");
	close(journal);
	log_info("the count is told, so that the next test does not");
	(void)logged(*state);
}

static void a_stderr_that_is_not_the_journals_gets_text(void **state)
{
	setenv("JOURNAL_STREAM", "1:2", 1);
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	log_info("hello");
	assert_string_equal(logged_behind_time(*state), "info hello\n");
}

static void a_full_pipe_drops_lines_and_says_how_many_once_it_drains(void **state)
{
	uint64_t dropped_before = log_dropped();
	char value[900];
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	int written = 0;
	while (log_dropped() == dropped_before && written < 100000) {
		log_info("filling", LOG_TEXT("value", value));
		written++;
	}
	log_info("lost too");
	log_info("lost too");
	assert_int_equal(log_dropped() - dropped_before, 3);

	const char *text = logged(*state);
	assert_int_equal(text[strlen(text) - 1], '\n'); /* whole lines only */
	assert_null(strstr(text, "lost too"));

	log_info("there is room");
	text = logged_behind_time(*state);
	assert_non_null(strstr(text, "warning log lines dropped count=3\n"));
	assert_non_null(strstr(text, "info there is room\n"));

	log_info("said once");
	assert_string_equal(logged_behind_time(*state), "info said once\n");
}

static void a_full_socket_drops_lines_too(void **state)
{
	struct fixture *fixture = *state;
	int ends[2];
	tear_down(state);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	capture_into(fixture, ends[0], ends[1]);

	uint64_t dropped_before = log_dropped();
	for (int i = 0; i < 100000 && log_dropped() == dropped_before; i++)
		log_info("filling the socket", LOG_INT("line", i));
	assert_int_equal(log_dropped() - dropped_before, 1);
	logged(fixture);
	log_info("there is room");
	assert_non_null(strstr(logged(fixture), "info there is room\n"));
}

static void a_closed_reader_costs_lines_and_nothing_else(void **state)
{
	struct fixture *fixture = *state;
	close(fixture->reading_end);
	uint64_t dropped_before = log_dropped();
	log_info("nobody reads this");
	assert_int_equal(log_dropped() - dropped_before, 1);
	fixture->reading_end = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void the_descriptor_stays_as_it_was(void **state)
{
	(void)state;
	log_info("x");
	assert_false(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK);
}

static void errno_stays_as_it_was(void **state)
{
	struct fixture *fixture = *state;
	close(fixture->reading_end);
	errno = ECHILD;
	log_info("cannot be written");
	assert_int_equal(errno, ECHILD);
	fixture->reading_end = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void long_values_are_cut_and_long_lines_bounded(void **state)
{
	char value[3000];
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_info("long", LOG_TEXT("a", value), LOG_TEXT("b", value), LOG_TEXT("c", value),
		 LOG_TEXT("d", value), LOG_INT("last", 1));
	const char *text = logged(*state);
	assert_in_range(strlen(text), 3000, PIPE_BUF);
	struct json_document *document = NULL;
	assert_int_equal(json_parse(text, strlen(text), &document, NULL), 0);
	const struct json_value *root = json_root(document);
	assert_int_equal(strlen(json_string(json_member(root, "a"))), 1024 + strlen("\u2026"));
	assert_non_null(json_member(root, "c"));
	assert_null(json_member(root, "d"));
	assert_non_null(json_member(root, "last"));
	assert_non_null(json_member(root, "cut"));
	json_destroy(document);
}

static void control_bytes_cannot_make_a_line_longer_than_its_bound(void **state)
{
	char value[1024];
	memset(value, '\x01', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	log_info("hostile", LOG_TEXT("a", value), LOG_TEXT("b", "kept"));
	assert_string_equal(logged_behind_time(*state), "info hostile b=kept cut=1\n");
}

static void *log_many(void *unused)
{
	for (int i = 0; i < 100; i++)
		log_info("from a thread", LOG_INT("i", i));
	return unused;
}

static void lines_of_threads_do_not_mix(void **state)
{
	pthread_t threads[4];
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_many, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	int lines = 0;
	char *rest = NULL;
	char *text = (char *)(uintptr_t)logged(*state);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		assert_non_null(strstr(line, "Z info from a thread i="));
		lines++;
	}
	assert_int_equal(lines, 400);
}

static void level_names_read_back(void **state)
{
	(void)state;
	for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		enum log_level parsed;
		assert_true(log_level_parse(log_level_name((enum log_level)level), &parsed));
		assert_int_equal(parsed, level);
	}
	enum log_level untouched = LOG_LEVEL_NOTICE;
	assert_false(log_level_parse("loud", &untouched));
	assert_false(log_level_parse("", &untouched));
	assert_int_equal(untouched, LOG_LEVEL_NOTICE);
}

int main(void)
{
#define CAPTURED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CAPTURED(a_text_line_is_time_level_message_and_fields),
		CAPTURED(a_line_may_have_no_fields),
		CAPTURED(values_that_could_be_misread_are_quoted),
		CAPTURED(a_message_stays_on_its_line),
		CAPTURED(a_missing_text_is_an_empty_value),
		CAPTURED(an_errno_is_written_in_words),
		CAPTURED(a_json_line_is_a_json_object),
		CAPTURED(levels_below_the_one_that_was_set_are_silent),
		CAPTURED(the_journal_gets_levels_instead_of_times),
		CAPTURED(the_journals_socket_gets_fields),
		CAPTURED(a_journal_without_its_socket_gets_lines),
		CAPTURED(a_journal_that_is_full_never_blocks),
		CAPTURED(a_stderr_that_is_not_the_journals_gets_text),
		CAPTURED(a_full_pipe_drops_lines_and_says_how_many_once_it_drains),
		CAPTURED(a_full_socket_drops_lines_too),
		CAPTURED(the_descriptor_stays_as_it_was),
		CAPTURED(long_values_are_cut_and_long_lines_bounded),
		CAPTURED(control_bytes_cannot_make_a_line_longer_than_its_bound),
		CAPTURED(lines_of_threads_do_not_mix),
		CAPTURED(level_names_read_back),
		/* The last ones: they leave a count of dropped lines to be reported. */
		CAPTURED(a_closed_reader_costs_lines_and_nothing_else),
		CAPTURED(errno_stays_as_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
