#include "detect/forecast.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define MONDAY INT64_C(1780272000000) /* 2026-06-01T00:00:00Z */

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, BATCH = 10 };
static const int64_t day = 24 * (int64_t)HOUR, week = 7 * 24 * (int64_t)HOUR;
static const int64_t after_ms = MONDAY + 6 * 7 * 24 * (int64_t)HOUR; /* six weeks */

/* Everybody was live at 20:00 on each day of six weeks but the last, give or take. */
static void watch(struct roster *roster, int64_t count, bool have_habits)
{
	for (int64_t number = 1; number <= count; number++) {
		struct watched_creator creator = { .key = { number },
						   .watched = true,
						   .priority = PRIORITY_NORMAL,
						   .added_at_ms = MONDAY };
		snprintf(creator.handle, sizeof(creator.handle), "creator%lld", (long long)number);
		roster_change(roster, &creator, MONDAY);
		size_t place = (size_t)roster_find(roster, creator.key);
		for (int64_t d = 18; have_habits && d < 41; d++)
			roster_learn_start(roster, place,
					   MONDAY + d * day + 20 * HOUR +
						   (number * 7 + d * 5) % 11 * MINUTE);
	}
}

/* As many seconds as it takes, at most so many. */
static unsigned go_round(struct forecast *forecast, const struct roster *roster, int64_t now_ms,
			 unsigned seconds)
{
	for (unsigned s = 1; s <= seconds; s++) {
		double before = forecast->worth[0];
		forecast_step(forecast, roster, now_ms + s * SECOND, SECOND);
		if (forecast->worth[0] != before)
			return s;
	}
	return 0;
}

static struct pace pace_after(const struct forecast *forecast, const struct roster *roster)
{
	struct quota quota;
	quota_init(&quota, after_ms, 0);
	quota_set_limits(&quota, 60, 10000, 10, true);
	return forecast_pace(forecast, roster, &quota, BATCH, 30 * (int64_t)MINUTE);
}

static void the_hours_at_which_many_start_are_worth_more(void **state)
{
	(void)state;
	struct roster roster;
	struct forecast forecast = { 0 };
	roster_init(&roster);
	watch(&roster, 200, true);
	unsigned seconds = go_round(&forecast, &roster, after_ms, 300);
	if (seconds == 0)
		fail_msg("no round in five minutes");
	struct pace pace = pace_after(&forecast, &roster);
	double evening = pace_share(&pace, after_ms + 20 * HOUR);
	double morning = pace_share(&pace, after_ms + 8 * HOUR);
	if (evening < 2 || morning > 0.9 || morning < 0.5)
		fail_msg("shares of %.2f in the evening, %.2f in the morning", evening, morning);
	roster_finish(&roster);
}

static void without_habits_the_day_is_even(void **state)
{
	(void)state;
	struct roster roster;
	struct forecast forecast = { 0 };
	roster_init(&roster);
	watch(&roster, 50, false);
	go_round(&forecast, &roster, after_ms, 300);
	struct pace pace = pace_after(&forecast, &roster);
	for (unsigned hour = 0; hour < PACE_HOURS; hour++) {
		double share = pace_share(&pace, after_ms + hour * (int64_t)HOUR);
		if (share < 0.99 || share > 1.01)
			fail_msg("hour %u has a share of %.3f", hour, share);
	}
	roster_finish(&roster);
}

/* What a restart knows comes from the habits alone: another forecast of the same says the same. */
static void a_thousand_of_many_tell_as_much_within_five_minutes(void **state)
{
	(void)state;
	struct roster roster;
	struct forecast forecast = { 0 }, again = { 0 };
	roster_init(&roster);
	watch(&roster, 2500, true);
	unsigned seconds = go_round(&forecast, &roster, after_ms, 300);
	if (seconds == 0)
		fail_msg("no round in five minutes");
	assert_int_equal(go_round(&again, &roster, after_ms, 300), seconds);
	assert_memory_equal(forecast.worth, again.worth, sizeof(forecast.worth));
	struct pace pace = pace_after(&forecast, &roster);
	/* A sweep takes 40 minutes: nothing can be taken from any hour. */
	assert_true(pace_share(&pace, after_ms) > 0.999);
	roster_finish(&roster);
}

static void a_round_is_made_for_each_day_before_it_begins(void **state)
{
	(void)state;
	struct roster roster;
	struct forecast forecast = { 0 };
	roster_init(&roster);
	assert_int_equal(go_round(&forecast, &roster, after_ms, 10), 0); /* nobody is watched */
	watch(&roster, 20, true);
	assert_true(go_round(&forecast, &roster, after_ms, 300) > 0);
	assert_int_equal(go_round(&forecast, &roster, after_ms + 12 * HOUR, 300), 0);
	assert_true(go_round(&forecast, &roster, after_ms + day - 5 * MINUTE, 299) > 0);
	assert_int_equal(go_round(&forecast, &roster, after_ms + day + HOUR, 300), 0);
	assert_true(go_round(&forecast, &roster, after_ms + week, 300) > 0); /* slept through */
	roster_finish(&roster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hours_at_which_many_start_are_worth_more),
		cmocka_unit_test(without_habits_the_day_is_even),
		cmocka_unit_test(a_thousand_of_many_tell_as_much_within_five_minutes),
		cmocka_unit_test(a_round_is_made_for_each_day_before_it_begins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
