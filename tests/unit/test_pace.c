#include "detect/pace.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MIDNIGHT INT64_C(1781740800000) /* 2026-06-18T00:00:00Z */
enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE };

static int64_t at_hour(unsigned hour)
{
	return MIDNIGHT + hour * (int64_t)HOUR;
}

static void expect_share(const struct pace *pace, unsigned hour, double share)
{
	double given = pace_share(pace, at_hour(hour));
	if (fabs(given - share) > 1e-9)
		fail_msg("hour %u has a share of %g, not %g", hour, given, share);
}

static void where_nothing_is_known_all_hours_are_alike(void **state)
{
	(void)state;
	static const double nothing[PACE_HOURS];
	struct pace pace = pace_of(nothing, 0.5, 5);
	for (unsigned hour = 0; hour < PACE_HOURS; hour++)
		expect_share(&pace, hour, 1);
	assert_true(fabs(pace_rate(&pace, at_hour(0)) * 24 * HOUR - 1) < 1e-9);
	assert_true(fabs(pace_rate(&pace, at_hour(18) + HOUR / 2) * 5.5 * HOUR - 1) < 1e-9);
}

static void shares_follow_the_worth_where_that_is_within_bounds(void **state)
{
	(void)state;
	double worth[PACE_HOURS];
	for (unsigned hour = 0; hour < PACE_HOURS; hour++)
		worth[hour] = hour < 12 ? 80 : 120;
	struct pace pace = pace_of(worth, 0.5, 5);
	expect_share(&pace, 3, 0.8);
	expect_share(&pace, 20, 1.2);
}

/* 23 hours of 1 and one of 25: a mean of 2, so 0.5 and 12.5 of it. */
static void no_hour_starves_and_none_gets_more_than_it_can_use(void **state)
{
	(void)state;
	double worth[PACE_HOURS], sum = 0;
	for (unsigned hour = 0; hour < PACE_HOURS; hour++)
		worth[hour] = hour == 20 ? 25 : 1;
	struct pace pace = pace_of(worth, 0.8, 100);
	expect_share(&pace, 0, 0.8);
	expect_share(&pace, 20, 5.6);
	pace = pace_of(worth, 0.5, 3.3);
	expect_share(&pace, 20, 3.3);
	expect_share(&pace, 0, 0.9);
	for (unsigned hour = 0; hour < PACE_HOURS; hour++)
		sum += pace_share(&pace, at_hour(hour));
	assert_true(fabs(sum - PACE_HOURS) < 1e-9);
	pace = pace_of(worth, 1, 3);
	expect_share(&pace, 20, 1); /* no room: even */
}

static void the_rest_of_the_day_is_used_up_by_its_end(void **state)
{
	(void)state;
	double worth[PACE_HOURS], left = 1;
	for (unsigned hour = 0; hour < PACE_HOURS; hour++)
		worth[hour] = 1 + hour % 5;
	struct pace pace = pace_of(worth, 0.1, 5);
	int64_t at_ms = at_hour(7) + 20 * MINUTE, end_ms = at_hour(24);
	for (; at_ms < end_ms; at_ms += MINUTE)
		left -= left * pace_rate(&pace, at_ms) * MINUTE;
	if (left > 1e-6 || left < -1e-6)
		fail_msg("%g of the rest of the day is left at midnight", left);
}

static void a_wait_ends_when_so_much_of_the_day_is_left(void **state)
{
	(void)state;
	double worth[PACE_HOURS];
	for (unsigned hour = 0; hour < PACE_HOURS; hour++)
		worth[hour] = hour < 12 ? 50 : 150;
	struct pace pace = pace_of(worth, 0.5, 5);
	assert_true(fabs(pace_rest(&pace, at_hour(0)) - 24) < 1e-9);
	assert_true(fabs(pace_rest(&pace, at_hour(11) + HOUR / 2) - 18.25) < 1e-9);
	assert_int_equal(pace_wait_ms(&pace, at_hour(0), 24), 0);
	assert_int_equal(pace_wait_ms(&pace, at_hour(0), 23.75), HOUR / 2);
	assert_int_equal(pace_wait_ms(&pace, at_hour(10), 16.5), 3 * HOUR);
	assert_int_equal(pace_wait_ms(&pace, at_hour(10), 0), 14 * HOUR);
}

static void the_leanest_hour_still_serves_everybody_within_max_interval(void **state)
{
	(void)state;
	int64_t most_ms = 30 * (int64_t)MINUTE;
	static const struct {
		int64_t sweep_min;
		double least;
	} cases[] = { { 1, 0.5 }, { 8, 0.5 }, { 12, 0.7 }, { 18, 1 }, { 29, 1 }, { 300, 1 } };
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double least = pace_least(cases[i].sweep_min * MINUTE, most_ms);
		if (fabs(least - cases[i].least) > 1e-9)
			fail_msg("a sweep of %lld min: %g at least, not %g",
				 (long long)cases[i].sweep_min, least, cases[i].least);
	}
}

static void the_fullest_hour_leaves_some_of_the_minutes_limit(void **state)
{
	(void)state;
	assert_true(fabs(pace_most(60, 14400) - 4.8) < 1e-9); /* 48 of 60 a minute, 10 are even */
	assert_true(fabs(pace_most(7, 14400) - 1) < 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_nothing_is_known_all_hours_are_alike),
		cmocka_unit_test(shares_follow_the_worth_where_that_is_within_bounds),
		cmocka_unit_test(no_hour_starves_and_none_gets_more_than_it_can_use),
		cmocka_unit_test(the_rest_of_the_day_is_used_up_by_its_end),
		cmocka_unit_test(a_wait_ends_when_so_much_of_the_day_is_left),
		cmocka_unit_test(the_leanest_hour_still_serves_everybody_within_max_interval),
		cmocka_unit_test(the_fullest_hour_leaves_some_of_the_minutes_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
