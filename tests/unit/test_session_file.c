#include "bench/session_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define START INT64_C(1780272000) /* 2026-06-01T00:00:00Z */
#define ROOM "7655296008007584534"

struct reading {
	struct stage stage;
	struct session_file file;
	bool is_good;
};

static FILE *file_create(char *path)
{
	int descriptor = mkstemp(path);
	assert_true(descriptor >= 0);
	return fdopen(descriptor, "w");
}

static struct reading read_text(const char *text)
{
	struct reading reading;
	char path[] = "/tmp/golived-sessions-XXXXXX";
	FILE *stream = file_create(path);
	fputs(text, stream);
	fclose(stream);
	reading.is_good = session_file_read(&reading.stage, path, &reading.file);
	unlink(path);
	return reading;
}

static struct reading read_good(const char *text)
{
	struct reading reading = read_text(text);
	if (!reading.is_good)
		fail_msg("refused: %s", reading.file.error);
	return reading;
}

static void expect_life(const struct cast *cast, size_t which, int64_t start_s, int64_t end_s)
{
	assert_true(which < cast->count);
	int64_t from_s = cast->lives[which].start_ms / 1000 - START;
	int64_t until_s = cast->lives[which].end_ms / 1000 - START;
	if (from_s != start_s || until_s != end_s)
		fail_msg("life %zu of %s is from %lld to %lld, not from %lld to %lld", which,
			 cast->handle, (long long)from_s, (long long)until_s, (long long)start_s,
			 (long long)end_s);
}

static void lines_in_any_order_become_each_creators_lives_in_order(void **state)
{
	(void)state;
	struct reading reading = read_good("unique_id,start,end,room_id\n"
					   "bea,1780275600,1780279200," ROOM "\r\n"
					   "ann,1780279200,1780282800," ROOM "\n"
					   "\n"
					   "bea,1780272000,1780272060,5\n");
	assert_int_equal(reading.stage.count, 2);
	assert_string_equal(reading.stage.casts[0].handle, "ann");
	assert_int_equal(reading.stage.casts[0].lives[0].room, UINT64_C(7655296008007584534));
	expect_life(&reading.stage.casts[0], 0, 7200, 10800);
	assert_int_equal(reading.stage.casts[1].count, 2);
	expect_life(&reading.stage.casts[1], 0, 0, 60);
	expect_life(&reading.stage.casts[1], 1, 3600, 7200);
	assert_int_equal(reading.stage.from_ms, START * 1000);
	assert_int_equal(reading.stage.until_ms, (START + 10800) * 1000);
	stage_finish(&reading.stage);
}

static void a_session_without_a_room_gets_one_that_tells_its_start(void **state)
{
	(void)state;
	struct reading reading = read_good("ann,1780272000,1780275600\n"
					   "ann,1780279200,1780282800,\n"
					   "bea,1780272000,1780275600,0\n");
	assert_int_equal(reading.file.roomless, 3);
	const struct cast *ann = &reading.stage.casts[0], *bea = &reading.stage.casts[1];
	assert_int_equal(ann->lives[0].room >> 32, START);
	assert_int_equal(ann->lives[0].room >> 8 & 15, 11);
	assert_int_equal(ann->lives[1].room >> 32, START + 7200);
	assert_true(ann->lives[0].room != bea->lives[0].room);
	stage_finish(&reading.stage);
}

static void overlapping_sessions_of_a_creator_are_cut_and_counted(void **state)
{
	(void)state;
	struct reading reading =
		read_good("ann,1780272000,1780275600,1\n" /* goes on into the next */
			  "ann,1780273800,1780279200,2\n"
			  "ann,1780279200,1780282800,3\n" /* follows at once */
			  "bea,1780272000,1780275600,4\n" /* one room, seen twice */
			  "bea,1780273800,1780279200,4\n"
			  "cal,1780272000,1780275600,5\n" /* begin together */
			  "cal,1780272000,1780279200,6\n");
	assert_int_equal(reading.file.cut, 3);
	const struct cast *casts = reading.stage.casts;
	assert_int_equal(casts[0].count, 3);
	expect_life(&casts[0], 0, 0, 1800);
	expect_life(&casts[0], 1, 1800, 7200);
	expect_life(&casts[0], 2, 7200, 10800);
	assert_int_equal(casts[1].count, 1);
	expect_life(&casts[1], 0, 0, 7200);
	assert_int_equal(casts[2].count, 1);
	expect_life(&casts[2], 0, 0, 7200);
	assert_int_equal(casts[2].lives[0].room, 6);
	stage_finish(&reading.stage);
}

static void what_is_wrong_is_told_with_its_line_and_a_remedy(void **state)
{
	(void)state;
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "", "there are no sessions in it" },
		{ "unique_id,start,end,room_id\n", "there are no sessions in it" },
		{ "ann,1780272000,1780275600,1\nann,monday,2,3\n",
		  "line 2: start \"monday\" is not a time: Unix seconds are wanted" },
		{ "ann,1780272000\n", "line 1: end \"\" is not a time: Unix seconds are wanted" },
		{ "ann,1780272000000,1780275600000,1\n",
		  "line 1: start 1780272000000 is in milliseconds: divide it by 1000" },
		{ "ann,1780275600,1780272000,1\n",
		  "line 1: it ends at 1780272000, but starts at 1780275600: leave out sessions "
		  "that go on or lasted no time" },
		{ "ann,1780272000,1780275600,room\n",
		  "line 1: room_id \"room\" is not a number: leave it empty, and one is made up" },
		{ "ann,1780272000,1780275600,99999999999999999999\n",
		  "line 1: room_id \"99999999999999999999\" is not a number: leave it empty, and "
		  "one is made up" },
		{ ",1780272000,1780275600,1\n",
		  "line 1: unique_id has 0 characters: 1 to 64 are wanted" },
		{ "ann,1780272000,1780275600,1,x\n",
		  "line 1: more than unique_id,start,end,room_id" },
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reading reading = read_text(cases[i].text);
		assert_false(reading.is_good);
		assert_string_equal(reading.file.error, cases[i].error);
		stage_finish(&reading.stage);
	}
	struct stage stage;
	struct session_file file;
	assert_false(session_file_read(&stage, "/nonexistent/sessions.csv", &file));
	assert_string_equal(file.error, "No such file or directory");
}

static double read_seconds(size_t creators, size_t each)
{
	char path[] = "/tmp/golived-sessions-XXXXXX";
	FILE *stream = file_create(path);
	for (size_t i = 0; i < each; i++)
		for (size_t c = 0; c < creators; c++)
			fprintf(stream, "creator%zu,%lld,%lld,\n", c * 7919 % creators,
				(long long)(START + (int64_t)(each - i) * 7200),
				(long long)(START + (int64_t)(each - i) * 7200 + 3600));
	fclose(stream);
	struct stage stage;
	struct session_file file;
	clock_t began = clock();
	assert_true(session_file_read(&stage, path, &file));
	double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
	assert_int_equal(stage.count, creators);
	assert_int_equal(stage.casts[creators - 1].count, each);
	stage_finish(&stage);
	unlink(path);
	return seconds;
}

/* Sixteen times as many creators, in the worst of orders: 256 times the time would be quadratic. */
static void an_unsorted_file_takes_no_quadratic_time(void **state)
{
	(void)state;
	double few = read_seconds(2000, 4), many = read_seconds(32000, 4);
	if (many > 64 * few + 0.5)
		fail_msg("%.3f s for 2,000 creators, %.3f s for 32,000", few, many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_in_any_order_become_each_creators_lives_in_order),
		cmocka_unit_test(a_session_without_a_room_gets_one_that_tells_its_start),
		cmocka_unit_test(overlapping_sessions_of_a_creator_are_cut_and_counted),
		cmocka_unit_test(what_is_wrong_is_told_with_its_line_and_a_remedy),
		cmocka_unit_test(an_unsorted_file_takes_no_quadratic_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
