#include "base/memory.h"
#include "detect/digest.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOW INT64_C(1781784000000)
#define ROOM UINT64_C(7662704023158852352)

static const struct digest_rules rules = {
	.detector = { .end_confirmations = 2, .end_grace_ms = 60000 },
	.planner = { .min_interval_ms = 60000, .sweep_ms = 60000 },
};

/* What one answer makes of somebody who is live in ROOM. */
static struct record_row digest_one(struct answer answer)
{
	struct roster roster;
	struct massflip massflip = { 0 };
	struct record record;
	size_t place = 0, held[MASSFLIP_DIRECTIONS];
	struct watched_creator creator = {
		.key = { 1 },
		.handle = "ann",
		.watched = true,
		.state = { .status = CREATOR_LIVE,
			   .room = ROOM,
			   .live_since_ms = NOW - 600000,
			   .answered_at_ms = NOW - 60000 },
	};
	roster_init(&roster);
	roster_change(&roster, &creator, NOW - 60000);
	record_init(&record, 1, NOW, 0);
	digest_batch(&rules, &massflip, &roster, &place, &answer, &record, held);
	struct record_row row = record.rows[0];
	record_finish(&record);
	roster_finish(&roster);
	return row;
}

static void an_answer_that_changes_nothing_is_stored_as_a_check_alone(void **state)
{
	(void)state;
	struct record_row row = digest_one((struct answer){ .verdict = ANSWER_LIVE, .room = ROOM });
	assert_false(row.has_new_state);
	assert_int_equal(row.state.answered_at_ms, NOW);
}

static void evidence_is_a_new_state(void **state)
{
	(void)state;
	struct record_row row = digest_one((struct answer){ .verdict = ANSWER_OFFLINE });
	assert_true(row.has_new_state);
	assert_int_equal(row.transition_count, 0);
	assert_int_equal(row.state.evidence_count, 1);
}

static void what_is_not_known_leaves_the_time_of_the_last_answer(void **state)
{
	(void)state;
	struct record_row row = digest_one((struct answer){ .verdict = ANSWER_UNKNOWN });
	assert_false(row.has_new_state);
	assert_int_equal(row.state.answered_at_ms, NOW - 60000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_that_changes_nothing_is_stored_as_a_check_alone),
		cmocka_unit_test(evidence_is_a_new_state),
		cmocka_unit_test(what_is_not_known_leaves_the_time_of_the_last_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
