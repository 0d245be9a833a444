#include "detect/detector.h"
#include "detect/massflip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1781787600000)
enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

static const struct detector_rules rules = {
	.end_confirmations = 2,
	.end_grace_ms = 120 * SECOND,
	.first_sight = FIRST_SIGHT_RECENT,
	.first_sight_max_age_ms = 10 * MINUTE,
};

/* The id of a live room made at that time. */
static uint64_t room_at(int64_t unix_ms)
{
	return (uint64_t)(unix_ms / 1000) << 32 | UINT64_C(11) << 8 | 5;
}

#define OLD_ROOM UINT64_C(7000000000000000000) /* tells no time that could be true */
#define OTHER_ROOM UINT64_C(7000000000000000001)

static const struct answer offline = { .verdict = ANSWER_OFFLINE, .viewer_count = -1 };
static const struct answer unknown = { .verdict = ANSWER_UNKNOWN, .viewer_count = -1 };

static struct answer live(uint64_t room)
{
	return (struct answer){ .verdict = ANSWER_LIVE, .room = room, .viewer_count = -1 };
}

static struct detector_result step(struct creator_state *state, struct answer answer,
				   int64_t now_ms)
{
	struct detector_result result;
	detector_step(&rules, state, &answer, now_ms, &result);
	*state = result.state;
	return result;
}

static struct creator_state offline_state(void)
{
	return (struct creator_state){ .status = CREATOR_OFFLINE, .sequence = 4 };
}

static struct creator_state live_state(uint64_t room, int64_t since_ms)
{
	return (struct creator_state){ .status = CREATOR_LIVE,
				       .room = room,
				       .live_since_ms = since_ms,
				       .started_source = EVENT_STARTED_OBSERVED,
				       .sequence = 5 };
}

static void offline_to_live_is_a_start_at_once(void **unused)
{
	(void)unused;
	struct creator_state state = offline_state();
	struct detector_result result = step(&state, live(room_at(NOW - 19 * SECOND)), NOW);
	assert_int_equal(result.transition_count, 1);
	assert_int_equal(result.transitions[0].type, TRANSITION_START);
	assert_true(result.transitions[0].is_announced);
	assert_false(result.transitions[0].is_resumed);
	assert_int_equal(result.transitions[0].started_at_ms, NOW - 19 * SECOND);
	assert_int_equal(result.transitions[0].source, EVENT_STARTED_BY_ROOM_ID);
	assert_int_equal(state.status, CREATOR_LIVE);
	assert_int_equal(state.sequence, 5);
	assert_int_equal(
		step(&state, live(room_at(NOW - 19 * SECOND)), NOW + MINUTE).transition_count, 0);
}

static void a_start_without_a_time_of_its_own_is_when_it_was_seen(void **unused)
{
	(void)unused;
	static const uint64_t rooms[] = { 0, OLD_ROOM };
	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++) {
		struct creator_state state = offline_state();
		struct detector_result result = step(&state, live(rooms[i]), NOW);
		assert_int_equal(result.transitions[0].started_at_ms, NOW);
		assert_int_equal(result.transitions[0].source, EVENT_STARTED_OBSERVED);
		assert_int_equal(result.transitions[0].room, rooms[i]);
	}
}

static void an_unknown_answer_changes_nothing(void **unused)
{
	(void)unused;
	struct creator_state states[] = { { 0 },
					  offline_state(),
					  live_state(OLD_ROOM, NOW - HOUR),
					  live_state(OLD_ROOM, NOW - HOUR) };
	step(&states[3], offline, NOW);
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct creator_state before = states[i];
		assert_int_equal(step(&states[i], unknown, NOW + HOUR).transition_count, 0);
		assert_memory_equal(&states[i], &before, sizeof(before));
	}
}

static void an_end_needs_enough_answers_that_span_enough(void **unused)
{
	(void)unused;
	struct creator_state state = live_state(OLD_ROOM, NOW - HOUR);
	assert_int_equal(step(&state, offline, NOW).transition_count, 0);
	assert_int_equal(step(&state, offline, NOW + 60 * SECOND).transition_count, 0);
	assert_int_equal(step(&state, unknown, NOW + 90 * SECOND).transition_count, 0);
	assert_int_equal(step(&state, offline, NOW + 119 * SECOND).transition_count, 0);
	struct detector_result result = step(&state, offline, NOW + 120 * SECOND);
	assert_int_equal(result.transition_count, 1);
	assert_int_equal(result.transitions[0].type, TRANSITION_END);
	assert_int_equal(result.transitions[0].ended_at_ms, NOW);
	assert_int_equal(result.transitions[0].reason, EVENT_ENDED);
	assert_int_equal(result.transitions[0].started_at_ms, NOW - HOUR);
	assert_int_equal(result.transitions[0].room, OLD_ROOM);
	assert_int_equal(state.status, CREATOR_OFFLINE);
	assert_int_equal(state.ended_room, OLD_ROOM);
	assert_int_equal(step(&state, offline, NOW + HOUR).transition_count, 0);
}

static void span_alone_is_not_enough(void **unused)
{
	(void)unused;
	struct creator_state state = live_state(OLD_ROOM, NOW - HOUR);
	struct detector_rules three = rules;
	struct detector_result result;
	three.end_confirmations = 3;
	detector_step(&three, &state, &offline, NOW, &result);
	detector_step(&three, &result.state, &offline, NOW + HOUR, &result);
	assert_int_equal(result.transition_count, 0);
	detector_step(&three, &result.state, &offline, NOW + HOUR + 1, &result);
	assert_int_equal(result.transition_count, 1);
}

static void live_again_in_the_same_room_drops_the_evidence(void **unused)
{
	(void)unused;
	struct creator_state state = live_state(OLD_ROOM, NOW - HOUR);
	step(&state, offline, NOW);
	assert_int_equal(step(&state, live(OLD_ROOM), NOW + MINUTE).transition_count, 0);
	assert_int_equal(state.evidence, EVIDENCE_NONE);
	assert_int_equal(step(&state, offline, NOW + 3 * MINUTE).transition_count, 0);
	assert_int_equal(state.evidence_since_ms, NOW + 3 * MINUTE);
}

static void a_live_without_a_room_goes_on(void **unused)
{
	(void)unused;
	struct creator_state state = live_state(OLD_ROOM, NOW - HOUR);
	step(&state, offline, NOW);
	assert_int_equal(step(&state, live(0), NOW + MINUTE).transition_count, 0);
	assert_int_equal(state.room, OLD_ROOM);
	assert_int_equal(state.evidence, EVIDENCE_NONE);
}

static void a_room_that_is_told_later_belongs_to_the_live_unless_it_is_younger(void **unused)
{
	(void)unused;
	struct creator_state state = live_state(0, NOW - HOUR);
	assert_int_equal(step(&state, live(room_at(NOW - HOUR)), NOW).transition_count, 0);
	assert_int_equal(state.room, room_at(NOW - HOUR));
	state = live_state(0, NOW - HOUR);
	struct detector_result result = step(&state, live(room_at(NOW - 10 * MINUTE)), NOW);
	assert_int_equal(result.transition_count, 2);
	assert_int_equal(result.transitions[0].ended_at_ms, NOW - 10 * MINUTE);
}

/* A minute of grace for the clocks, to the millisecond. */
static void a_room_made_up_to_a_minute_after_the_live_was_seen_is_its_room(void **unused)
{
	(void)unused;
	static const struct {
		int64_t later_ms;
		bool is_its_room;
	} cases[] = { { 59970, true }, { 60000, true }, { 60030, false }, { 61000, false } };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t made_ms = NOW - HOUR; /* rooms tell whole seconds */
		struct creator_state state = live_state(0, made_ms - cases[i].later_ms);
		unsigned count = step(&state, live(room_at(made_ms)), NOW).transition_count;
		if (count != (cases[i].is_its_room ? 0 : 2))
			fail_msg("made %lld ms later: %u transitions", (long long)cases[i].later_ms,
				 count);
	}
}

static void another_room_is_an_end_and_a_start_together(void **unused)
{
	(void)unused;
	struct creator_state state = live_state(OLD_ROOM, NOW - HOUR);
	struct detector_result result = step(&state, live(room_at(NOW - 10 * MINUTE)), NOW);
	assert_int_equal(result.transition_count, 2);
	assert_int_equal(result.transitions[0].type, TRANSITION_END);
	assert_int_equal(result.transitions[0].reason, EVENT_ROOM_CHANGED);
	assert_int_equal(result.transitions[0].room, OLD_ROOM);
	assert_int_equal(result.transitions[0].ended_at_ms, NOW - 10 * MINUTE);
	assert_int_equal(result.transitions[1].type, TRANSITION_START);
	assert_int_equal(result.transitions[1].room, room_at(NOW - 10 * MINUTE));
	assert_false(result.transitions[1].is_resumed);
	assert_int_equal(state.sequence, 7);
	/* The new room's time is not known, or not later than the old start: the change is now. */
	state = live_state(OLD_ROOM, NOW - HOUR);
	assert_int_equal(step(&state, live(OTHER_ROOM), NOW).transitions[0].ended_at_ms, NOW);
	state = live_state(OLD_ROOM, NOW - HOUR);
	assert_int_equal(
		step(&state, live(room_at(NOW - 2 * HOUR)), NOW).transitions[0].ended_at_ms, NOW);
	state = live_state(OLD_ROOM, NOW - HOUR);
	assert_int_equal(step(&state, live(room_at(NOW - HOUR)), NOW).transitions[0].ended_at_ms,
			 NOW);
}

/* What a transition says besides its kind, each way by which one comes about. */
static void a_start_says_how_it_came_about(void **unused)
{
	(void)unused;
	static const struct {
		const char *what;
		struct creator_state state;
		uint64_t room;
		unsigned answers; /* so many of LIVE in that room, far enough apart */
		bool is_first_sight, is_resumed;
	} cases[] = {
		{ "first sight", { .status = CREATOR_UNKNOWN }, OLD_ROOM, 1, true, false },
		{ "a start", { .status = CREATOR_OFFLINE }, OLD_ROOM, 1, false, false },
		{ "a resumption",
		  { .status = CREATOR_OFFLINE, .ended_room = OLD_ROOM },
		  OLD_ROOM,
		  2,
		  false,
		  true },
		{ "another room",
		  { .status = CREATOR_LIVE, .room = OTHER_ROOM, .live_since_ms = NOW },
		  OLD_ROOM,
		  1,
		  false,
		  false },
		{ "a resumption while live",
		  { .status = CREATOR_LIVE,
		    .room = OTHER_ROOM,
		    .ended_room = OLD_ROOM,
		    .live_since_ms = NOW },
		  OLD_ROOM,
		  2,
		  false,
		  true },
	};
	struct detector_rules own = rules;
	own.first_sight = FIRST_SIGHT_ANNOUNCE;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct detector_result result = { .state = cases[i].state };
		const struct answer answer = live(cases[i].room);
		for (unsigned j = 1; j <= cases[i].answers; j++) {
			struct creator_state state = result.state;
			detector_step(&own, &state, &answer, NOW + j * HOUR, &result);
		}
		const struct transition *start = &result.transitions[result.transition_count - 1];
		if (result.transition_count == 0 || start->type != TRANSITION_START ||
		    !start->is_announced || start->is_first_sight != cases[i].is_first_sight ||
		    start->is_resumed != cases[i].is_resumed)
			fail_msg("%s: announced %d, first sight %d, resumed %d", cases[i].what,
				 start->is_announced, start->is_first_sight, start->is_resumed);
	}
}

static void an_end_says_where_its_start_was_known_from_and_leaves_nothing_behind(void **unused)
{
	(void)unused;
	static const enum event_start_source sources[] = { EVENT_STARTED_OBSERVED,
							   EVENT_STARTED_BY_ROOM_ID };
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		struct creator_state state = offline_state();
		uint64_t room = sources[i] == EVENT_STARTED_OBSERVED ? OLD_ROOM : room_at(NOW);
		step(&state, live(room), NOW);
		step(&state, offline, NOW + MINUTE);
		struct detector_result result = step(&state, offline, NOW + 3 * MINUTE);
		assert_int_equal(result.transitions[0].source, sources[i]);
		const struct creator_state left = { .status = CREATOR_OFFLINE,
						    .ended_room = room,
						    .sequence = 6,
						    .answered_at_ms = NOW + 3 * MINUTE };
		assert_int_equal(state.room, left.room);
		assert_int_equal(state.live_since_ms, left.live_since_ms);
		assert_int_equal(state.started_source, left.started_source);
		assert_int_equal(state.evidence_count, left.evidence_count);
		assert_int_equal(state.evidence_since_ms, left.evidence_since_ms);
		assert_int_equal(state.answered_at_ms, left.answered_at_ms);
		assert_memory_equal(&state, &left, sizeof(left));
	}
}

static void two_answers_of_the_same_moment_are_two(void **unused)
{
	(void)unused;
	struct creator_state state = live_state(OLD_ROOM, NOW - HOUR);
	step(&state, offline, NOW);
	step(&state, offline, NOW);
	assert_int_equal(state.evidence_count, 2);
}

static void a_room_that_ended_starts_again_only_when_confirmed(void **unused)
{
	(void)unused;
	struct creator_state state = offline_state();
	state.ended_room = OLD_ROOM;
	assert_int_equal(step(&state, live(OLD_ROOM), NOW).transition_count, 0);
	assert_int_equal(state.evidence, EVIDENCE_RESUMING);
	assert_int_equal(step(&state, unknown, NOW + MINUTE).transition_count, 0);
	struct detector_result result = step(&state, live(OLD_ROOM), NOW + 2 * MINUTE);
	assert_int_equal(result.transition_count, 1);
	assert_true(result.transitions[0].is_resumed);
	/* OFFLINE in between breaks the row. */
	state = offline_state();
	state.ended_room = OLD_ROOM;
	step(&state, live(OLD_ROOM), NOW);
	step(&state, offline, NOW + MINUTE);
	assert_int_equal(step(&state, live(OLD_ROOM), NOW + 2 * MINUTE).transition_count, 0);
	/* A room never seen starts at once, whatever was being confirmed. */
	assert_int_equal(step(&state, live(OTHER_ROOM), NOW + 3 * MINUTE).transition_count, 1);
	assert_int_equal(state.evidence, EVIDENCE_NONE);
}

static void a_room_older_than_the_one_that_ended_is_doubted(void **unused)
{
	(void)unused;
	struct creator_state state = offline_state();
	state.ended_room = room_at(NOW - HOUR);
	assert_int_equal(step(&state, live(room_at(NOW - 2 * HOUR)), NOW).transition_count, 0);
	assert_int_equal(step(&state, live(room_at(NOW - MINUTE)), NOW + 1).transition_count, 1);
	/* One of the same second is not older. */
	state = offline_state();
	state.ended_room = room_at(NOW - HOUR);
	assert_int_equal(step(&state, live(room_at(NOW - HOUR) + 1), NOW).transition_count, 1);
	/* The smallest number is a room like any other. */
	state = offline_state();
	state.ended_room = 1;
	assert_int_equal(step(&state, live(1), NOW).transition_count, 0);
}

/* Without a room nothing can be compared: LIVE is a start. */
static void a_live_without_a_room_is_not_doubted(void **unused)
{
	(void)unused;
	struct creator_state state = offline_state();
	assert_int_equal(step(&state, live(0), NOW).transition_count, 1);
	state = offline_state();
	state.ended_room = OLD_ROOM;
	assert_int_equal(step(&state, live(0), NOW).transition_count, 1);
}

static void rooms_that_alternate_while_live_do_not_flicker(void **unused)
{
	(void)unused;
	struct creator_state state = live_state(OLD_ROOM, NOW - HOUR);
	assert_int_equal(step(&state, live(OTHER_ROOM), NOW).transition_count, 2);
	for (int i = 1; i <= 10; i++) {
		uint64_t room = i % 2 ? OLD_ROOM : OTHER_ROOM;
		assert_int_equal(step(&state, live(room), NOW + i * MINUTE).transition_count, 0);
	}
	step(&state, live(OLD_ROOM), NOW + 20 * MINUTE);
	struct detector_result result = step(&state, live(OLD_ROOM), NOW + 22 * MINUTE);
	assert_int_equal(result.transition_count, 2);
	assert_true(result.transitions[1].is_resumed);
}

static void the_first_answer_is_announced_as_the_rules_say(void **unused)
{
	(void)unused;
	static const struct {
		enum config_first_sight first_sight;
		int64_t age_ms; /* -1: the room tells no time */
		bool is_announced;
	} cases[] = {
		{ FIRST_SIGHT_ANNOUNCE, -1, true },
		{ FIRST_SIGHT_ANNOUNCE, 5 * HOUR, true },
		{ FIRST_SIGHT_SILENT, MINUTE, false },
		{ FIRST_SIGHT_RECENT, MINUTE, true },
		{ FIRST_SIGHT_RECENT, 10 * MINUTE - SECOND, true },
		{ FIRST_SIGHT_RECENT, 10 * MINUTE, false },
		{ FIRST_SIGHT_RECENT, -1, false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct creator_state state = { 0 };
		struct detector_rules own = rules;
		struct answer answer =
			live(cases[i].age_ms < 0 ? OLD_ROOM : room_at(NOW - cases[i].age_ms));
		struct detector_result result;
		own.first_sight = cases[i].first_sight;
		detector_step(&own, &state, &answer, NOW, &result);
		assert_int_equal(result.transition_count, 1);
		if (result.transitions[0].is_announced != cases[i].is_announced)
			fail_msg("case %zu: announced %d", i, result.transitions[0].is_announced);
		assert_int_equal(result.state.sequence, cases[i].is_announced ? 1 : 0);
		/* Adopted in silence or not, its end is told. */
		state = result.state;
		step(&state, offline, NOW + MINUTE);
		result = step(&state, offline, NOW + 10 * MINUTE);
		assert_int_equal(result.transition_count, 1);
		assert_true(result.transitions[0].is_announced);
	}
	struct creator_state state = { 0 };
	assert_int_equal(step(&state, offline, NOW).transition_count, 0);
	assert_int_equal(state.status, CREATOR_OFFLINE);
}

static void no_end_lies_before_its_start(void **unused)
{
	(void)unused;
	struct creator_state state = offline_state();
	step(&state, live(room_at(NOW + 50 * SECOND)), NOW);
	assert_int_equal(state.live_since_ms, NOW + 50 * SECOND);
	step(&state, offline, NOW + SECOND);
	struct detector_result result = step(&state, offline, NOW + 3 * MINUTE);
	assert_int_equal(result.transitions[0].ended_at_ms, NOW + 50 * SECOND);
}

static void a_clock_that_steps_back_begins_a_new_row(void **unused)
{
	(void)unused;
	struct creator_state state = live_state(OLD_ROOM, NOW - HOUR);
	step(&state, offline, NOW);
	step(&state, offline, NOW - HOUR);
	assert_int_equal(state.evidence_since_ms, NOW - HOUR);
	assert_int_equal(state.evidence_count, 1);
	assert_int_equal(step(&state, offline, NOW - HOUR + 2 * MINUTE).transition_count, 1);
}

static void confirmations_are_wanted_at_equal_distances(void **unused)
{
	(void)unused;
	struct detector_rules own = rules;
	struct creator_state state = { .evidence = EVIDENCE_ENDING,
				       .evidence_since_ms = NOW,
				       .evidence_count = 1 };
	assert_int_equal(detector_confirm_at(&own, &state), NOW + 120 * SECOND);
	own.end_confirmations = 1; /* of which the first is there: only the grace is waited for */
	assert_int_equal(detector_confirm_at(&own, &state), NOW + 120 * SECOND);
	own.end_confirmations = 4;
	assert_int_equal(detector_confirm_at(&own, &state), NOW + 40 * SECOND);
	state.evidence_count = 3;
	assert_int_equal(detector_confirm_at(&own, &state), NOW + 120 * SECOND);
	state.evidence_count = 9;
	assert_int_equal(detector_confirm_at(&own, &state), NOW + 120 * SECOND);
	state.evidence = EVIDENCE_NONE;
	assert_int_equal(detector_confirm_at(&own, &state), 0);
}

/* ---- massflip ---- */

static bool held(struct massflip *massflip, int64_t sweep, int64_t checked, int64_t ends)
{
	struct massflip_batch batch = { .checked = checked,
					.flips = { [MASSFLIP_OFFLINE] = ends } };
	bool hold[MASSFLIP_DIRECTIONS];
	massflip_judge(massflip, &batch, sweep, hold);
	assert_false(hold[MASSFLIP_LIVE]);
	return hold[MASSFLIP_OFFLINE];
}

static void half_of_a_sweep_that_flips_at_once_is_held(void **unused)
{
	(void)unused;
	struct massflip massflip = { 0 };
	assert_true(held(&massflip, 20, 20, 10));
	massflip = (struct massflip){ 0 };
	assert_false(held(&massflip, 21, 21, 10));
	massflip = (struct massflip){ 0 };
	assert_false(held(&massflip, 9, 9, 9));
	/* The batches of a sweep count together. */
	massflip = (struct massflip){ 0 };
	assert_false(held(&massflip, 16, 8, 8));
	assert_true(held(&massflip, 16, 8, 8));
	/* Those of the sweep before do not. */
	assert_false(held(&massflip, 16, 16, 0));
	assert_false(held(&massflip, 16, 8, 8));
}

static void sweeps_of_the_past_do_not_dilute_the_last(void **unused)
{
	(void)unused;
	struct massflip massflip = { 0 };
	for (int i = 0; i < 1000; i++)
		assert_false(held(&massflip, 20, 10, 0));
	assert_true(held(&massflip, 20, 10, 10));
}

static void a_long_list_is_protected_from_the_first_batches_on(void **unused)
{
	(void)unused;
	struct massflip massflip = { 0 };
	for (int i = 0; i < 3000; i++)
		assert_false(held(&massflip, 1000, 10, 0));
	for (int i = 0; i < 100; i++)
		assert_true(held(&massflip, 1000, 10, 10));
	massflip = (struct massflip){ 0 };
	for (int i = 0; i < 3000; i++)
		assert_false(held(&massflip, 1000, 1, 0));
	unsigned let_go = 0;
	for (int i = 0; i < 200; i++)
		let_go += held(&massflip, 1000, 1, 1) ? 0 : 1;
	assert_true(let_go < 64); /* one by one, a slot has to fill */
}

static void a_rush_among_many_is_not_held(void **unused)
{
	(void)unused;
	struct massflip massflip = { 0 };
	for (int i = 0; i < 600; i++)
		assert_false(held(&massflip, 6000, 50, i % 3 == 2 ? 20 : 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offline_to_live_is_a_start_at_once),
		cmocka_unit_test(a_start_without_a_time_of_its_own_is_when_it_was_seen),
		cmocka_unit_test(an_unknown_answer_changes_nothing),
		cmocka_unit_test(an_end_needs_enough_answers_that_span_enough),
		cmocka_unit_test(span_alone_is_not_enough),
		cmocka_unit_test(live_again_in_the_same_room_drops_the_evidence),
		cmocka_unit_test(a_live_without_a_room_goes_on),
		cmocka_unit_test(
			a_room_that_is_told_later_belongs_to_the_live_unless_it_is_younger),
		cmocka_unit_test(a_room_made_up_to_a_minute_after_the_live_was_seen_is_its_room),
		cmocka_unit_test(another_room_is_an_end_and_a_start_together),
		cmocka_unit_test(a_start_says_how_it_came_about),
		cmocka_unit_test(
			an_end_says_where_its_start_was_known_from_and_leaves_nothing_behind),
		cmocka_unit_test(two_answers_of_the_same_moment_are_two),
		cmocka_unit_test(a_live_without_a_room_is_not_doubted),
		cmocka_unit_test(a_room_that_ended_starts_again_only_when_confirmed),
		cmocka_unit_test(a_room_older_than_the_one_that_ended_is_doubted),
		cmocka_unit_test(rooms_that_alternate_while_live_do_not_flicker),
		cmocka_unit_test(the_first_answer_is_announced_as_the_rules_say),
		cmocka_unit_test(no_end_lies_before_its_start),
		cmocka_unit_test(a_clock_that_steps_back_begins_a_new_row),
		cmocka_unit_test(confirmations_are_wanted_at_equal_distances),
		cmocka_unit_test(half_of_a_sweep_that_flips_at_once_is_held),
		cmocka_unit_test(sweeps_of_the_past_do_not_dilute_the_last),
		cmocka_unit_test(a_long_list_is_protected_from_the_first_batches_on),
		cmocka_unit_test(a_rush_among_many_is_not_held),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
