#include "base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

static void times_are_written_in_utc_with_milliseconds(void **state)
{
	(void)state;
	static const struct {
		int64_t unix_ms;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 1781787600000, "2026-06-18T13:00:00.000Z" },
		{ 951782399999, "2000-02-28T23:59:59.999Z" },
		{ 951782400000, "2000-02-29T00:00:00.000Z" },
		{ 4107542400000, "2100-03-01T00:00:00.000Z" },
		{ -1, "1969-12-31T23:59:59.999Z" },
		{ 1001, "1970-01-01T00:00:01.001Z" },
		{ 253402300799999, "9999-12-31T23:59:59.999Z" },
		{ -62167219200000, "0000-01-01T00:00:00.000Z" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[CLOCK_TEXT_SIZE];
		assert_string_equal(clock_format(cases[i].unix_ms, text), cases[i].text);
	}
}

static void times_that_four_digits_of_year_cannot_say_are_brought_to_the_nearest(void **state)
{
	(void)state;
	char text[CLOCK_TEXT_SIZE];
	assert_string_equal(clock_format(INT64_MAX, text), "9999-12-31T23:59:59.999Z");
	assert_string_equal(clock_format(INT64_MIN, text), "0000-01-01T00:00:00.000Z");
}

static void writing_agrees_with_the_c_library_over_centuries(void **state)
{
	(void)state;
	for (int64_t unix_s = -5000000000; unix_s < 20000000000; unix_s += 86399 * 7) {
		char ours[CLOCK_TEXT_SIZE], theirs[CLOCK_TEXT_SIZE];
		time_t seconds = (time_t)unix_s;
		struct tm civil;
		gmtime_r(&seconds, &civil);
		strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S.000Z", &civil);
		assert_string_equal(clock_format(unix_s * 1000, ours), theirs);
	}
}

static void what_was_written_reads_back(void **state)
{
	(void)state;
	for (int64_t unix_ms = -62167219200000; unix_ms < 253402300799999;
	     unix_ms += 98765432101 * 3) {
		char text[CLOCK_TEXT_SIZE];
		int64_t read = 0;
		assert_int_equal(clock_parse(clock_format(unix_ms, text), &read), 0);
		assert_int_equal(read, unix_ms);
	}
}

static void requests_may_write_times_in_any_form_of_rfc_3339(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t unix_ms;
	} cases[] = {
		{ "2026-06-18T13:00:00Z", 1781787600000 },
		{ "2026-06-18t13:00:00z", 1781787600000 },
		{ "2026-06-18T13:00:00.5Z", 1781787600500 },
		{ "2026-06-18T13:00:00.123456789Z", 1781787600123 },
		{ "2026-06-18T15:00:00+02:00", 1781787600000 },
		{ "2026-06-18T07:30:00.25-05:30", 1781787600250 },
		{ "2026-06-18T13:00:00-00:00", 1781787600000 },
		{ "1970-01-01T00:30:00+01:00", -1800000 },
		{ "2016-12-31T23:59:60Z", 1483228800000 }, /* a leap second */
		{ "2024-02-29T00:00:00Z", 1709164800000 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t read = 0;
		if (clock_parse(cases[i].text, &read) != 0 || read != cases[i].unix_ms)
			fail_msg("%s: expected %lld, got %lld", cases[i].text,
				 (long long)cases[i].unix_ms, (long long)read);
	}
}

static void what_is_no_rfc_3339_time_is_refused(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"",
		"now",
		"1781787600",
		"2026-06-18",
		"2026-06-18 13:00:00Z",
		"2026-06-18T13:00Z",
		"2026-06-18T13:00:00",
		"2026-06-18T13:00:00.Z",
		"2026-06-18T13:00:00.1234567890Z",
		"2026-06-18T13:00:00,5Z",
		"2026-06-18T13:00:00+0200",
		"2026-06-18T13:00:00+24:00",
		"2026-06-18T13:00:00+02:60",
		"2026-06-18T13:00:00Z ",
		" 2026-06-18T13:00:00Z",
		"2026-6-18T13:00:00Z",
		"2026-00-18T13:00:00Z",
		"2026-13-18T13:00:00Z",
		"2026-06-00T13:00:00Z",
		"2026-06-31T13:00:00Z",
		"2025-02-29T13:00:00Z",
		"2100-02-29T13:00:00Z",
		"2026-06-18T24:00:00Z",
		"2026-06-18T13:60:00Z",
		"2026-06-18T13:00:60Z",
		"2026-06-18T23:59:61Z",
		"-026-06-18T13:00:00Z",
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t read = 42;
		if (clock_parse(cases[i], &read) != -EINVAL)
			fail_msg("\"%s\" was taken as %lld", cases[i], (long long)read);
		assert_int_equal(read, 42);
	}
}

static void the_three_forms_of_an_http_date_are_understood(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t unix_s;
	} cases[] = {
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
		{ "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
		{ "Sun Nov  6 08:49:37 1994", 784111777 },
		{ "Thu, 18 Jun 2026 13:00:00 GMT", 1781787600 },
		{ "Thursday, 18-Jun-26 13:00:00 GMT", 1781787600 },
		{ "Thu Jun 18 13:00:00 2026", 1781787600 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t read = 0;
		if (clock_parse_http_date(cases[i].text, &read) != 0 || read != cases[i].unix_s)
			fail_msg("%s: expected %lld, got %lld", cases[i].text,
				 (long long)cases[i].unix_s, (long long)read);
	}
}

static void what_is_no_http_date_is_refused(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"",
		"120",
		"2026-06-18T13:00:00Z",
		"Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 06 Nov 1994 08:49:37 GMT.",
		"Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun, 32 Nov 1994 08:49:37 GMT",
		"Sun, 06 Foo 1994 08:49:37 GMT",
		"Son, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 25:49:37 GMT",
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t read = 42;
		if (clock_parse_http_date(cases[i], &read) != -EINVAL)
			fail_msg("\"%s\" was taken as %lld", cases[i], (long long)read);
		assert_int_equal(read, 42);
	}
}

static void a_utc_day_ends_at_midnight_before_and_after_1970(void **state)
{
	(void)state;
	assert_int_equal(clock_utc_day(0), 0);
	assert_int_equal(clock_utc_day(86399999), 0);
	assert_int_equal(clock_utc_day(86400000), 1);
	assert_int_equal(clock_utc_day(-1), -1);
	assert_int_equal(clock_utc_day(-86400000), -1);
	assert_int_equal(clock_utc_day(-86400001), -2);
	assert_int_equal(clock_utc_day(1781787600000), 20622);
}

static void monotonic_time_never_goes_back(void **state)
{
	(void)state;
	int64_t before_us = clock_mono_us();
	int64_t before_ms = clock_mono_ms();
	for (int i = 0; i < 1000; i++) {
		int64_t now_us = clock_mono_us();
		assert_true(now_us >= before_us);
		before_us = now_us;
	}
	assert_true(clock_mono_ms() >= before_ms);
	assert_true(clock_now_ms() > INT64_C(1577836800000)); /* 2020 */
}

/* What the wall clock is seen to have been set by, look after look. */
static void a_wall_clock_that_was_set_is_noticed_once(void **state)
{
	(void)state;
	static const struct {
		const char *what;
		int64_t passed_ms, set_ms, step_ms;
	} cases[] = {
		{ "nothing", 1000, 0, 0 },
		{ "set back by an hour", 1000, -3600000, -3600000 },
		{ "left alone then", 1000, 0, 0 },
		{ "set forward by a day", 1000, 86400000, 86400000 },
		{ "corrected by little", 1000, 4999, 0 },
		{ "and by a little more", 1000, 4999, 0 },
		{ "by just enough, back", 1000, -5000, -5000 },
		{ "drift over six hours of suspension", 21600000, -10800, 0 },
		{ "a step in them", 21600000, -21600, -21600 },
		{ "to 1970", 1000, -INT64_C(1781784000000), -INT64_C(1781784000000) },
	};
	struct clock_anchor anchor = { 0 };
	int64_t now_ms = INT64_C(1781784000000), mono_ms = 77;
	assert_int_equal(clock_step_ms(&anchor, now_ms, mono_ms), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		now_ms += cases[i].passed_ms + cases[i].set_ms;
		mono_ms += cases[i].passed_ms;
		int64_t step_ms = clock_step_ms(&anchor, now_ms, mono_ms);
		if (step_ms != cases[i].step_ms)
			fail_msg("%s: expected %lld, got %lld", cases[i].what,
				 (long long)cases[i].step_ms, (long long)step_ms);
	}
}

/* 500 ppm, as far as a clock that is being corrected may be off. */
static void a_clock_that_drifts_was_not_set(void **state)
{
	(void)state;
	struct clock_anchor anchor = { 0 };
	for (int64_t s = 0; s <= 86400; s++)
		assert_int_equal(clock_step_ms(&anchor, s * 1000 - s / 2, s * 1000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_written_in_utc_with_milliseconds),
		cmocka_unit_test(
			times_that_four_digits_of_year_cannot_say_are_brought_to_the_nearest),
		cmocka_unit_test(writing_agrees_with_the_c_library_over_centuries),
		cmocka_unit_test(what_was_written_reads_back),
		cmocka_unit_test(requests_may_write_times_in_any_form_of_rfc_3339),
		cmocka_unit_test(what_is_no_rfc_3339_time_is_refused),
		cmocka_unit_test(the_three_forms_of_an_http_date_are_understood),
		cmocka_unit_test(what_is_no_http_date_is_refused),
		cmocka_unit_test(a_utc_day_ends_at_midnight_before_and_after_1970),
		cmocka_unit_test(monotonic_time_never_goes_back),
		cmocka_unit_test(a_wall_clock_that_was_set_is_noticed_once),
		cmocka_unit_test(a_clock_that_drifts_was_not_set),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
