#include "detect/habit.h"
#include "detect/roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MONDAY INT64_C(1780272000000) /* 2026-06-01T00:00:00Z */

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE };
static const int64_t day = 24 * (int64_t)HOUR, week = 7 * 24 * (int64_t)HOUR;

/* So many weeks, with a live at 20:00 on Mondays and Thursdays, give or take. */
static int64_t live_by_habit(struct habit *habit, struct habit_crowd *crowd, int64_t from_ms,
			     int weeks)
{
	for (int w = 0; w < weeks; w++) {
		int64_t stray_ms = (w * 7 % 5 - 2) * 5 * (int64_t)MINUTE;
		int64_t monday_ms = from_ms + w * week + 20 * HOUR + stray_ms;
		habit_learn_start(habit, crowd, monday_ms);
		habit_learn_start(habit, crowd, monday_ms + 3 * day);
	}
	return from_ms + weeks * week;
}

static void a_habit_is_expected_at_its_time_and_hardly_at_another(void **state)
{
	(void)state;
	struct habit habit = { 0 };
	struct habit_crowd crowd = { 0 };
	habit_watch(&habit, MONDAY);
	int64_t now_ms = live_by_habit(&habit, &crowd, MONDAY, 6);
	double then = habit_start_rate(&habit, &crowd, now_ms + 20 * HOUR);
	double at_noon = habit_start_rate(&habit, &crowd, now_ms + 12 * HOUR);
	double on_tuesday = habit_start_rate(&habit, &crowd, now_ms + day + 20 * HOUR);
	if (then < 30 * at_noon || then < 2 * on_tuesday || on_tuesday < at_noon)
		fail_msg("%.3f an hour then, %.3f at noon, %.3f on Tuesday", then, at_noon,
			 on_tuesday);
}

static void what_is_expected_of_a_week_adds_up_to_what_a_week_had(void **state)
{
	(void)state;
	struct habit habit = { 0 };
	struct habit_crowd crowd = { 0 };
	habit_watch(&habit, MONDAY);
	int64_t now_ms = live_by_habit(&habit, &crowd, MONDAY, 8);
	double expected = 0;
	for (int64_t at_ms = now_ms; at_ms < now_ms + week; at_ms += 5 * MINUTE)
		expected += habit_start_rate(&habit, &crowd, at_ms) / 12;
	assert_true(expected > 1.4 && expected < 2.4);
}

/* The ring holds twelve days of them. */
static void who_starts_more_often_than_is_kept_is_expected_as_often(void **state)
{
	(void)state;
	enum { DAYS = 140 };
	struct habit habit = { 0 };
	struct habit_crowd crowd = { 0 };
	double expected = 0;
	habit_watch(&habit, MONDAY);
	for (int d = 0; d < DAYS; d++) {
		habit_learn_start(&habit, &crowd, MONDAY + d * day + 9 * HOUR);
		habit_learn_start(&habit, &crowd, MONDAY + d * day + 20 * HOUR);
	}
	for (int64_t at_ms = MONDAY + DAYS * day; at_ms < MONDAY + (DAYS + 1) * day;
	     at_ms += 5 * MINUTE)
		expected += habit_start_rate(&habit, &crowd, at_ms) / 12;
	if (expected < 1.3 || expected > 2.2)
		fail_msg("%.1f starts a day expected, of 2", expected);
}

static void a_habit_that_moves_is_believed_within_two_weeks(void **state)
{
	(void)state;
	struct habit habit = { 0 };
	struct habit_crowd crowd = { 0 };
	habit_watch(&habit, MONDAY);
	int64_t moved_ms = live_by_habit(&habit, &crowd, MONDAY, 8) + 6 * HOUR;
	int64_t now_ms = live_by_habit(&habit, &crowd, moved_ms, 2);
	double then = habit_start_rate(&habit, &crowd, now_ms + 20 * HOUR);
	double before = habit_start_rate(&habit, &crowd, now_ms + 14 * HOUR);
	if (then < 1.5 * before)
		fail_msg("%.3f an hour at the new time, %.3f at the old one", then, before);
}

enum { CROWD = 30 };

/* After eight weeks all creators but the last come by so many hours later. Gives how often the last
 * is expected at its new time, by how often it was before anything was known. */
static double follow_the_crowd(int hours, struct habit_crowd *crowd)
{
	struct habit habits[CROWD] = { 0 };
	for (int w = 0; w < 8; w++)
		for (int i = 0; i < CROWD; i++)
			live_by_habit(&habits[i], crowd, MONDAY + w * week, 1);
	assert_int_equal(crowd->moved_by, 0);
	int64_t new_ms = MONDAY + 8 * week + (20 + hours) * HOUR;
	double before = habit_start_rate(&habits[CROWD - 1], crowd, new_ms + week);
	for (int i = 0; i < CROWD - 1; i++)
		habit_learn_start(&habits[i], crowd, new_ms);
	return habit_start_rate(&habits[CROWD - 1], crowd, new_ms + week) / before;
}

static void habits_that_move_together_are_followed_by_those_not_seen_since(void **state)
{
	static const int moves[] = { 6, 1, -1, -6 };
	(void)state;
	for (size_t i = 0; i < sizeof(moves) / sizeof(*moves); i++) {
		struct habit_crowd crowd = { 0 };
		double times = follow_the_crowd(moves[i], &crowd);
		if (crowd.moved_by != moves[i] * 12 || times < 3)
			fail_msg("all moved by %d h: seen as %d steps of five minutes, %.2f times "
				 "as likely",
				 moves[i], crowd.moved_by, times);
	}
}

/* Half of them live twelve hours away, and all go live within three hours of their noon: whose few
 * starts tell where their day is, of them it is known when they hardly ever do. */
static void who_lives_elsewhere_is_expected_at_the_same_hours_of_their_own_day(void **state)
{
	struct habit habits[CROWD] = { 0 };
	struct habit_crowd crowd = { 0 };
	(void)state;
	for (int d = 0; d < 40; d++)
		for (int i = 0; i < CROWD; i++)
			if ((d + i) % 3 == 0)
				habit_learn_start(&habits[i], &crowd,
						  MONDAY + d * day +
							  (i % 2 * 12 + (d + i * 5) % 7) * HOUR);
	double at_noon = 0;
	for (int hour = 8; hour < 16; hour++)
		at_noon += crowd.own_hours[hour];
	if (at_noon < 0.95 * crowd.own_total)
		fail_msg("of %.0f starts only %.0f are within four hours of the middle of the own "
			 "day",
			 crowd.own_total, at_noon);
	if (crowd.own_hours[0] > 0.01 * crowd.own_total)
		fail_msg("%.0f starts are at the other side of the day", crowd.own_hours[0]);
}

static void who_has_no_habits_is_not_believed_to_have_any(void **state)
{
	(void)state;
	struct habit habit = { 0 };
	struct habit_crowd crowd = { 0 };
	double most = 0, sum = 0;
	habit_watch(&habit, MONDAY);
	int64_t now_ms = MONDAY;
	for (uint32_t i = 0, dice = 1; i < 24; i++) {
		dice = dice * 1664525 + 1013904223;
		now_ms += (int64_t)(dice >> 8) * 2 * 56 * HOUR / (1 << 24);
		habit_learn_start(&habit, &crowd, now_ms);
	}
	for (int64_t at_ms = now_ms; at_ms < now_ms + week; at_ms += HOUR) {
		double rate = habit_start_rate(&habit, &crowd, at_ms);
		sum += rate;
		most = rate > most ? rate : most;
	}
	if (most > 12 * sum / 168)
		fail_msg("%.3f an hour at most, %.3f on average", most, sum / 168);
}

static void who_never_goes_live_is_expected_less_and_less(void **state)
{
	(void)state;
	struct habit_crowd crowd = { 0 };
	struct habit habit = { 0 };
	habit_watch(&habit, MONDAY);
	double soon = habit_start_rate(&habit, &crowd, MONDAY + HOUR);
	double later = habit_start_rate(&habit, &crowd, MONDAY + 8 * week);
	assert_true(later > 0 && later < soon / 5);
}

static void starts_of_half_a_year_ago_are_forgotten(void **state)
{
	(void)state;
	struct habit habit = { 0 };
	struct habit_crowd crowd = { 0 };
	int64_t now_ms = live_by_habit(&habit, &crowd, MONDAY, 2);
	habit_forget(&habit, now_ms + 20 * week);
	assert_int_equal(habit.count, 4);
	habit_forget(&habit, MONDAY + 27 * week);
	assert_int_equal(habit.count, 2);
	habit_forget(&habit, MONDAY + 30 * week);
	assert_int_equal(habit.count, 0);
}

static void a_live_is_expected_to_end_when_lives_of_the_creator_do(void **state)
{
	(void)state;
	struct habit shortly = { 0 }, nothing = { 0 };
	for (int i = 0; i < 20; i++)
		habit_learn_end(&shortly, 30 * MINUTE);
	assert_true(habit_end_rate(&shortly, 25 * MINUTE) >
		    3 * habit_end_rate(&nothing, 25 * MINUTE));
	assert_true(habit_end_rate(&nothing, 5 * MINUTE) < habit_end_rate(&nothing, 90 * MINUTE));
	for (int64_t hours = 0; hours < 1000; hours++) {
		double rate = habit_end_rate(&shortly, hours * HOUR);
		assert_true(rate > 0 && rate < 100);
	}
}

static void a_creator_takes_400_bytes_at_most(void **state)
{
	(void)state;
	/* The index has two to four slots, and the list of free places one. */
	size_t size = sizeof(struct roster_entry) + sizeof(struct planner_entry) +
		      sizeof(struct habit) + 3 * sizeof(size_t);
	if (size > 400)
		fail_msg("%zu bytes", size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_habit_is_expected_at_its_time_and_hardly_at_another),
		cmocka_unit_test(what_is_expected_of_a_week_adds_up_to_what_a_week_had),
		cmocka_unit_test(who_starts_more_often_than_is_kept_is_expected_as_often),
		cmocka_unit_test(a_habit_that_moves_is_believed_within_two_weeks),
		cmocka_unit_test(habits_that_move_together_are_followed_by_those_not_seen_since),
		cmocka_unit_test(
			who_lives_elsewhere_is_expected_at_the_same_hours_of_their_own_day),
		cmocka_unit_test(who_has_no_habits_is_not_believed_to_have_any),
		cmocka_unit_test(who_never_goes_live_is_expected_less_and_less),
		cmocka_unit_test(starts_of_half_a_year_ago_are_forgotten),
		cmocka_unit_test(a_live_is_expected_to_end_when_lives_of_the_creator_do),
		cmocka_unit_test(a_creator_takes_400_bytes_at_most),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
