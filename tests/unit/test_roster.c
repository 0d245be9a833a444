#include "detect/roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define NOW INT64_C(1781784000000)

enum { MANY = 100000, BYTES_MAX = 400 };

static void watch_many(struct roster *roster, int64_t count)
{
	for (int64_t number = 1; number <= count; number++) {
		struct watched_creator creator = { .key = { number }, .watched = true };
		snprintf(creator.handle, sizeof(creator.handle), "creator.%06lld",
			 (long long)number);
		roster_change(roster, &creator, NOW);
	}
}

/* What is used of the arrays: what they have grown beyond that is not touched, so that the system
 * gives no memory for it. The index is scattered all over, and so counts whole. */
static void a_creator_takes_at_most_400_bytes(void **state)
{
	(void)state;
	struct roster roster;
	roster_init(&roster);
	watch_many(&roster, MANY);
	assert_int_equal(roster.watched, MANY);
	size_t bytes = roster.count * (sizeof(*roster.entries) + sizeof(*roster.plans) +
				       sizeof(*roster.habits) + sizeof(*roster.free_places)) +
		       roster.index_size * sizeof(*roster.index);
	if (bytes > (size_t)BYTES_MAX * MANY)
		fail_msg("%zu bytes a creator: entry %zu, plan %zu, habit %zu, index %zu",
			 bytes / MANY, sizeof(*roster.entries), sizeof(*roster.plans),
			 sizeof(*roster.habits), roster.index_size * sizeof(*roster.index) / MANY);
	roster_finish(&roster);
}

static void everybody_is_found_among_many_until_they_leave(void **state)
{
	(void)state;
	struct roster roster;
	roster_init(&roster);
	watch_many(&roster, MANY);
	for (int64_t number = 1; number <= MANY; number += 2)
		roster_change(&roster, &(struct watched_creator){ .key = { number } }, NOW);
	for (int64_t number = 1; number <= MANY; number++) {
		ssize_t place = roster_find(&roster, (struct creator_key){ number });
		if (number % 2 == 1)
			assert_int_equal(place, -1);
		else
			assert_int_equal(roster.entries[place].creator.key.value, number);
	}
	assert_int_equal(roster.watched, MANY / 2);
	roster_finish(&roster);
}

static void move(struct roster *roster, int64_t by_ms)
{
	struct planner_entry *plan = &roster->plans[0];
	struct creator_state *state = &roster->entries[0].creator.state;
	plan->last_checked_at_ms = NOW - 10000;
	plan->not_before_ms = NOW + 20000;
	plan->confirm_at_ms = NOW + 30000;
	plan->loss.at_ms = NOW - 10000;
	state->evidence_since_ms = NOW - 90000;
	state->live_since_ms = NOW - 3600000;
	roster_move_all(roster, by_ms);
	assert_int_equal(plan->last_checked_at_ms, NOW - 10000 + by_ms);
	assert_int_equal(plan->not_before_ms, NOW + 20000 + by_ms);
	assert_int_equal(plan->confirm_at_ms, NOW + 30000 + by_ms);
	assert_int_equal(plan->loss.at_ms, NOW - 10000 + by_ms);
	assert_int_equal(state->evidence_since_ms, NOW - 90000 + by_ms);
	assert_int_equal(state->live_since_ms, NOW - 3600000); /* it was told so */
}

static void what_is_planned_moves_with_the_clock_and_what_was_told_does_not(void **state)
{
	(void)state;
	struct roster roster;
	roster_init(&roster);
	watch_many(&roster, 2);
	move(&roster, -7200000);
	move(&roster, 86400000);
	/* Nothing was planned of her: nor is it now. */
	assert_int_equal(roster.plans[1].last_checked_at_ms, 0);
	assert_int_equal(roster.plans[1].not_before_ms, 0);
	assert_int_equal(roster.plans[1].confirm_at_ms, 0);
	assert_int_equal(roster.entries[1].creator.state.evidence_since_ms, 0);
	roster_finish(&roster);
}

static void who_leaves_stays_until_the_last_check_is_saved(void **state)
{
	(void)state;
	struct roster roster;
	roster_init(&roster);
	watch_many(&roster, 1);
	const struct watched_creator gone = { .key = { 1 } },
				     back = { .key = { 1 }, .watched = true };
	roster_set_unsaved(&roster, 0);
	roster_change(&roster, &gone, NOW);
	assert_int_equal(roster_find(&roster, gone.key), 0);
	assert_int_equal(roster.watched, 0);
	assert_false(roster.plans[0].is_waiting);

	roster_change(&roster, &back, NOW);
	assert_int_equal(roster.watched, 1);
	assert_true(roster.plans[0].is_waiting);
	roster_set_saved(&roster, 0);
	assert_int_equal(roster_find(&roster, gone.key), 0);

	roster_set_unsaved(&roster, 0);
	roster_take(&roster, 0);
	roster_change(&roster, &gone, NOW);
	roster_set_saved(&roster, 0);
	assert_int_equal(roster_find(&roster, gone.key), 0); /* in a batch */
	roster_set_unsaved(&roster, 0);
	roster_give_back(&roster, 0);
	assert_int_equal(roster_find(&roster, gone.key), 0);
	assert_false(roster.plans[0].is_waiting);
	roster_set_saved(&roster, 0);
	assert_int_equal(roster_find(&roster, gone.key), -1);
	roster_finish(&roster);
}

/* ---- one creator's way through ---- */

static struct roster roster; /* of the tests below, each of which begins with an empty one */

static int set_up(void **state)
{
	(void)state;
	roster_init(&roster);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	roster_finish(&roster);
	return 0;
}

static const struct watched_creator somebody = { .key = { 7 }, .watched = true };

static size_t place_of(struct creator_key key)
{
	ssize_t place = roster_find(&roster, key);
	assert_true(place >= 0);
	return (size_t)place;
}

static size_t watch(struct watched_creator creator)
{
	creator.watched = true;
	roster_change(&roster, &creator, NOW);
	return place_of(creator.key);
}

static void leave(struct creator_key key)
{
	roster_change(&roster, &(struct watched_creator){ .key = key }, NOW);
}

static void nobody_is_found_in_an_empty_roster(void **state)
{
	(void)state;
	assert_int_equal(roster_find(&roster, somebody.key), -1);
	leave(somebody.key);
	assert_int_equal(roster.count, 0);
}

static void a_batch_takes_a_creator_and_gives_it_back(void **state)
{
	(void)state;
	size_t place = watch(somebody);
	assert_true(roster.plans[place].is_waiting);
	roster_take(&roster, place);
	assert_false(roster.plans[place].is_waiting);
	roster_give_back(&roster, place);
	assert_true(roster.plans[place].is_waiting);
	assert_int_equal(roster_find(&roster, somebody.key), place);
}

static void who_leaves_while_in_a_batch_keeps_the_place_until_it_is_done(void **state)
{
	(void)state;
	size_t place = watch(somebody);
	roster_take(&roster, place);
	leave(somebody.key);
	assert_int_equal(roster.watched, 0);
	assert_int_equal(roster_find(&roster, somebody.key), place);
	leave(somebody.key);
	assert_int_equal(roster.watched, 0);
	roster_give_back(&roster, place);
	assert_int_equal(roster_find(&roster, somebody.key), -1);
	assert_false(roster.plans[place].is_waiting);
	/* The next one has that place. */
	assert_int_equal(watch((struct watched_creator){ .key = { 8 } }), place);
	assert_int_equal(roster.count, 1);
}

static void who_comes_back_before_the_batch_is_done_stays(void **state)
{
	(void)state;
	size_t place = watch(somebody);
	roster_take(&roster, place);
	leave(somebody.key);
	assert_int_equal(watch(somebody), place);
	assert_int_equal(roster.watched, 1);
	roster_give_back(&roster, place);
	assert_int_equal(roster_find(&roster, somebody.key), place);
}

static void a_change_moves_the_priority_and_leaves_what_is_known(void **state)
{
	(void)state;
	struct watched_creator creator = somebody;
	creator.priority = PRIORITY_NORMAL;
	size_t place = watch(creator);
	roster.entries[place].creator.state.status = CREATOR_LIVE;
	creator.priority = PRIORITY_HIGH;
	assert_int_equal(watch(creator), place);
	assert_int_equal(roster.plans[place].priority, PRIORITY_HIGH);
	assert_int_equal(roster.entries[place].creator.state.status, CREATOR_LIVE);
	assert_int_equal(roster.watched, 1);
}

static void whom_the_service_refuses_is_asked_about_alone_until_released(void **state)
{
	(void)state;
	struct watched_creator creator = somebody;
	size_t place = watch(creator);
	roster.entries[place].creator.quarantined = true;
	watch(creator);
	assert_int_equal(roster.plans[place].company, PLANNER_ALONE);
	roster_note_silence(&roster, place, false);
	assert_int_equal(roster.plans[place].company, PLANNER_ALONE);
	roster.entries[place].creator.quarantined = false;
	watch(creator);
	assert_int_equal(roster.plans[place].company, PLANNER_TOGETHER);
	/* Somebody who is refused already when the daemon starts. */
	size_t other = watch((struct watched_creator){ .key = { 8 }, .quarantined = true });
	assert_int_equal(roster.plans[other].company, PLANNER_ALONE);
}

static void two_replies_without_a_row_set_a_creator_apart_until_one_has_it(void **state)
{
	(void)state;
	size_t place = watch(somebody);
	roster_note_silence(&roster, place, true);
	assert_int_equal(roster.plans[place].company, PLANNER_TOGETHER);
	roster_note_silence(&roster, place, true);
	assert_int_equal(roster.plans[place].company, PLANNER_APART);
	watch(somebody); /* a change of something else does not forgive it */
	assert_int_equal(roster.plans[place].company, PLANNER_APART);
	roster_note_silence(&roster, place, false);
	assert_int_equal(roster.plans[place].company, PLANNER_TOGETHER);
	roster_note_silence(&roster, place, true);
	assert_int_equal(roster.plans[place].company, PLANNER_TOGETHER);
}

/* ---- what is expected of them ---- */

enum { HOUR_MS = 60 * 60 * 1000, SECOND_MS = 1000 };
static const int64_t week_ms = 7 * 24 * (int64_t)HOUR_MS;

static float rate_of(size_t place)
{
	return roster.plans[place].loss.rate;
}

static void starts_that_were_learned_are_expected_at_their_time(void **state)
{
	(void)state;
	size_t place = watch((struct watched_creator){ .key = { 7 }, .added_at_ms = NOW });
	for (int week = 1; week <= 6; week++)
		roster_learn_start(&roster, place, NOW + week * week_ms);
	roster_expect(&roster, place, NOW + 7 * week_ms);
	float then = rate_of(place);
	roster_expect(&roster, place, NOW + 7 * week_ms + 12 * HOUR_MS);
	if (then < 10 * rate_of(place))
		fail_msg("%.4f an hour at the usual time, %.4f twelve hours later", (double)then,
			 (double)rate_of(place));
}

static void ends_that_were_learned_are_expected_while_live(void **state)
{
	(void)state;
	size_t brief = watch((struct watched_creator){ .key = { 7 } });
	size_t lasting = watch((struct watched_creator){ .key = { 8 } });
	const size_t both[] = { brief, lasting };
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		struct creator_state *creator = &roster.entries[both[i]].creator.state;
		creator->status = CREATOR_LIVE;
		creator->live_since_ms = NOW;
		for (int live = 0; live < 10; live++)
			roster_learn_end(&roster, both[i], NOW - 30 * (int64_t)HOUR_MS,
					 NOW - (i == 0 ? 29 : 10) * (int64_t)HOUR_MS);
		roster_expect(&roster, both[i], NOW + HOUR_MS);
	}
	if (rate_of(brief) < 5 * rate_of(lasting))
		fail_msg("after an hour: %.4f ends an hour expected of lives of one, %.4f of 20",
			 (double)rate_of(brief), (double)rate_of(lasting));
}

static void everybodys_outlook_is_renewed_within_five_minutes(void **state)
{
	(void)state;
	watch_many(&roster, 1000);
	leave((struct creator_key){ 500 });
	for (int second = 1; second <= 300; second++)
		roster_foresee(&roster, NOW + second * SECOND_MS, SECOND_MS);
	for (int64_t number = 1; number <= 1000; number++) {
		if (number == 500)
			continue;
		size_t place = place_of((struct creator_key){ number });
		if (roster.plans[place].loss.at_ms <= NOW)
			fail_msg("the outlook of %lld was not renewed", (long long)number);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_creator_takes_at_most_400_bytes),
		cmocka_unit_test(everybody_is_found_among_many_until_they_leave),
		cmocka_unit_test(what_is_planned_moves_with_the_clock_and_what_was_told_does_not),
		cmocka_unit_test(who_leaves_stays_until_the_last_check_is_saved),
		cmocka_unit_test_setup_teardown(nobody_is_found_in_an_empty_roster, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_batch_takes_a_creator_and_gives_it_back, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			who_leaves_while_in_a_batch_keeps_the_place_until_it_is_done, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(who_comes_back_before_the_batch_is_done_stays,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_change_moves_the_priority_and_leaves_what_is_known, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			whom_the_service_refuses_is_asked_about_alone_until_released, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			two_replies_without_a_row_set_a_creator_apart_until_one_has_it, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(starts_that_were_learned_are_expected_at_their_time,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(ends_that_were_learned_are_expected_while_live,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(everybodys_outlook_is_renewed_within_five_minutes,
						set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
