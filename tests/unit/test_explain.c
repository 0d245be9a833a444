/* explain: every answer that moves something leaves a finding that says what and why, and no other
 * answer does. The detector itself makes the steps. */
#include "detect/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { S = 1000, MIN = 60 * S };
static const int64_t T0 = INT64_C(1781787600000); /* 2026-06-18T13:00:00Z */

static const struct detector_rules rules = { .end_confirmations = 2,
					     .end_grace_ms = 120 * S,
					     .first_sight = FIRST_SIGHT_RECENT,
					     .first_sight_max_age_ms = 10 * MIN };

struct scene {
	struct creator_state state;
	struct finding findings[DETECTOR_TRANSITIONS_MAX];
	unsigned count;
};

static uint64_t room_made_at(int64_t unix_ms)
{
	return (uint64_t)(unix_ms / 1000) << 32 | 11 << 8;
}

static void hear(struct scene *scene, struct answer answer, int64_t now_ms)
{
	struct detector_result result;
	detector_step(&rules, &scene->state, &answer, now_ms, &result);
	const struct explain_step step = { .rules = &rules,
					   .before = &scene->state,
					   .answer = &answer,
					   .result = &result,
					   .now_ms = now_ms };
	memset(scene->findings, 0xff, sizeof(scene->findings));
	explain_step(&step, scene->findings, &scene->count);
	scene->state = result.state;
}

static void hear_live(struct scene *scene, uint64_t room, int64_t now_ms)
{
	hear(scene, (struct answer){ .verdict = ANSWER_LIVE, .room = room }, now_ms);
}

static void hear_offline(struct scene *scene, int64_t now_ms)
{
	hear(scene, (struct answer){ .verdict = ANSWER_OFFLINE }, now_ms);
}

static void expect_effect(const struct scene *scene, enum finding_effect effect)
{
	if (scene->count != 1 || scene->findings[0].effect != effect)
		fail_msg("%u findings, the first %s; expected 1, %s", scene->count,
			 scene->count ? finding_effect_name(
						(enum finding_effect)scene->findings[0].effect)
				      : "(none)",
			 finding_effect_name(effect));
}

static void a_start_says_since_when_and_how_that_is_known(void **state)
{
	(void)state;
	struct scene scene = { 0 };
	hear_offline(&scene, T0);
	expect_effect(&scene, FINDING_FIRST_OFFLINE);
	assert_int_equal(scene.findings[0].previous_at_ms, 0);
	hear_offline(&scene, T0 + MIN);
	assert_int_equal(scene.count, 0);
	uint64_t room = room_made_at(T0 + MIN + 41 * S);
	hear_live(&scene, room, T0 + 2 * MIN);
	expect_effect(&scene, FINDING_START);
	const struct finding *start = &scene.findings[0];
	assert_true(start->is_live);
	assert_int_equal(start->room, room);
	assert_int_equal(start->told_at_ms, T0 + MIN + 41 * S);
	assert_int_equal(start->flags, FINDING_BY_ROOM_ID);
	assert_int_equal(start->previous_at_ms, T0 + MIN);
	assert_int_equal(start->evidence_count, 0);
	hear_live(&scene, room, T0 + 3 * MIN);
	assert_int_equal(scene.count, 0);
}

static void a_live_adopted_in_silence_says_so(void **state)
{
	(void)state;
	struct scene scene = { 0 };
	hear_live(&scene, room_made_at(T0 - 60 * MIN), T0);
	expect_effect(&scene, FINDING_START);
	assert_int_equal(scene.findings[0].flags,
			 FINDING_BY_ROOM_ID | FINDING_FIRST_SIGHT | FINDING_SILENT);
}

static void an_end_has_every_answer_of_its_evidence(void **state)
{
	(void)state;
	struct scene scene = { 0 };
	uint64_t room = room_made_at(T0 - MIN);
	hear_live(&scene, room, T0);
	hear_offline(&scene, T0 + MIN);
	expect_effect(&scene, FINDING_END_EVIDENCE);
	assert_int_equal(scene.findings[0].evidence_count, 1);
	assert_int_equal(scene.findings[0].evidence_wanted, 2);
	assert_int_equal(scene.findings[0].evidence_span_ms, 120 * S);
	hear(&scene, (struct answer){ .verdict = ANSWER_OFFLINE }, T0 + 3 * MIN);
	expect_effect(&scene, FINDING_END);
	assert_int_equal(scene.findings[0].evidence_count, 2);
	assert_int_equal(scene.findings[0].evidence_since_ms, T0 + MIN);
	assert_int_equal(scene.findings[0].told_at_ms, T0 + MIN);
	assert_int_equal(scene.findings[0].room, room);
}

static void what_spoke_for_an_end_and_was_dropped_is_told(void **state)
{
	(void)state;
	struct scene scene = { 0 };
	uint64_t room = room_made_at(T0 - MIN);
	hear_live(&scene, room, T0);
	hear_offline(&scene, T0 + MIN);
	hear_live(&scene, room, T0 + 2 * MIN);
	expect_effect(&scene, FINDING_END_DROPPED);
}

static void a_room_that_comes_back_gathers_evidence_and_resumes(void **state)
{
	(void)state;
	struct scene scene = { 0 };
	uint64_t room = room_made_at(T0 - MIN);
	hear_live(&scene, room, T0);
	hear_offline(&scene, T0 + MIN);
	hear_offline(&scene, T0 + 3 * MIN);
	hear_live(&scene, room, T0 + 4 * MIN);
	expect_effect(&scene, FINDING_RESUME_EVIDENCE);
	hear_offline(&scene, T0 + 5 * MIN);
	expect_effect(&scene, FINDING_RESUME_DROPPED);
	hear_live(&scene, room, T0 + 6 * MIN);
	hear_live(&scene, room, T0 + 8 * MIN);
	expect_effect(&scene, FINDING_START);
	assert_int_equal(scene.findings[0].flags, FINDING_BY_ROOM_ID | FINDING_RESUMED);
	assert_int_equal(scene.findings[0].evidence_count, 2);
	assert_int_equal(scene.findings[0].evidence_since_ms, T0 + 6 * MIN);
}

static void another_room_is_an_end_and_a_start(void **state)
{
	(void)state;
	struct scene scene = { 0 };
	uint64_t old = room_made_at(T0 - MIN), young = room_made_at(T0 + 30 * S);
	hear_live(&scene, old, T0);
	hear_live(&scene, young, T0 + MIN);
	assert_int_equal(scene.count, 2);
	assert_int_equal(scene.findings[0].effect, FINDING_END);
	assert_int_equal(scene.findings[0].room, old);
	assert_int_equal(scene.findings[0].flags, FINDING_ROOM_CHANGED);
	assert_int_equal(scene.findings[0].evidence_count, 0);
	assert_int_equal(scene.findings[1].effect, FINDING_START);
	assert_int_equal(scene.findings[1].room, young);
	assert_int_equal(scene.findings[1].flags, FINDING_BY_ROOM_ID | FINDING_ROOM_CHANGED);
}

static void a_room_told_later_is_told(void **state)
{
	(void)state;
	struct scene scene = { 0 };
	hear_live(&scene, 0, T0);
	hear_live(&scene, room_made_at(T0 - MIN), T0 + MIN);
	expect_effect(&scene, FINDING_ROOM_TOLD);
}

static void what_is_held_back_is_told_and_so_is_the_second_check(void **state)
{
	(void)state;
	struct scene scene = { 0 };
	struct detector_result result;
	const struct answer live = { .verdict = ANSWER_LIVE },
			    offline = { .verdict = ANSWER_OFFLINE };
	hear_offline(&scene, T0);
	detector_step(&rules, &scene.state, &live, T0 + MIN, &result);
	struct explain_step step = { .rules = &rules,
				     .before = &scene.state,
				     .answer = &live,
				     .result = &result,
				     .now_ms = T0 + MIN,
				     .is_held = true };
	explain_step(&step, scene.findings, &scene.count);
	expect_effect(&scene, FINDING_HELD);
	step.is_held = false;
	step.was_held = true;
	explain_step(&step, scene.findings, &scene.count);
	expect_effect(&scene, FINDING_START);
	assert_true(scene.findings[0].flags & FINDING_WAS_HELD);
	detector_step(&rules, &scene.state, &offline, T0 + MIN, &result);
	step.answer = &offline;
	explain_step(&step, scene.findings, &scene.count);
	expect_effect(&scene, FINDING_HELD_DROPPED);
}

static void a_tally_keeps_its_counts_and_stops_at_its_maximum(void **state)
{
	(void)state;
	struct tally tally = { .unchanged = TALLY_UNCHANGED_MAX - 1 };
	for (int i = 0; i < TALLY_DOUBT_MAX + 5; i++) {
		tally_count(&tally, TALLY_UNCHANGED);
		tally_count(&tally, TALLY_FAILED);
	}
	tally_count(&tally, TALLY_MISSING);
	tally_count(&tally, TALLY_UNCLEAR);
	tally_count(&tally, TALLY_UNCLEAR);
	assert_true(tally_pack(tally) > 0);
	struct tally read = tally_unpack(tally_pack(tally));
	assert_int_equal(read.unchanged, TALLY_UNCHANGED_MAX);
	assert_int_equal(read.missing, 1);
	assert_int_equal(read.unclear, 2);
	assert_int_equal(read.failed, TALLY_DOUBT_MAX);
	assert_int_equal(sizeof(struct tally), 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_start_says_since_when_and_how_that_is_known),
		cmocka_unit_test(a_live_adopted_in_silence_says_so),
		cmocka_unit_test(an_end_has_every_answer_of_its_evidence),
		cmocka_unit_test(what_spoke_for_an_end_and_was_dropped_is_told),
		cmocka_unit_test(a_room_that_comes_back_gathers_evidence_and_resumes),
		cmocka_unit_test(another_room_is_an_end_and_a_start),
		cmocka_unit_test(a_room_told_later_is_told),
		cmocka_unit_test(what_is_held_back_is_told_and_so_is_the_second_check),
		cmocka_unit_test(a_tally_keeps_its_counts_and_stops_at_its_maximum),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
