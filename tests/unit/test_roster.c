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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_creator_takes_at_most_400_bytes),
		cmocka_unit_test(everybody_is_found_among_many_until_they_leave),
		cmocka_unit_test(what_is_planned_moves_with_the_clock_and_what_was_told_does_not),
		cmocka_unit_test(who_leaves_stays_until_the_last_check_is_saved),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
