/* The happy path is: a creator is OFFLINE, an answer says LIVE in a room not seen before, that is a
 * start, at once. Later answers say LIVE in the same room, and nothing happens. Then one says
 * OFFLINE: evidence. When enough OFFLINE answers have come in a row and they span the grace, that
 * is an end, and it is dated back to the first of them. LIVE in the same room before that drops the
 * evidence, as if nothing had been.
 *
 * What can go wrong, and what is made of it:
 *   - the service does not know (UNKNOWN): nothing changes, not even a row of evidence;
 *   - it flickers to OFFLINE and back: see above;
 *   - its caches revive a room that has ended, or one older than the room that ended last: that is
 *     evidence of a resumption, confirmed as an end is, and the start says `resumed`;
 *   - the end between two lives was missed: another room while live is an end and a start together;
 *   - it tells no room (the map shape): then a live is told apart by its start only. LIVE without a
 *     room continues the live that is known; a room told later belongs to it unless that room was
 *     made after the live was seen;
 *   - our clock steps back: a row of evidence from the future starts anew.
 *
 * Every answer is classified against the state, one table says what to do for each pair, and
 * state_move() is the only place that writes status and evidence; it asserts that the move is
 * legal.
 */
#include "detect/detector.h"

#include "domain/room.h"

#include <assert.h>

enum { SAME_LIVE_SLACK_MS = 60 * 1000 };

/* What an answer is, seen from the state. */
enum sighting {
	SIGHTING_OFFLINE,
	SIGHTING_SAME,  /* LIVE, and nothing speaks against its being the live that is known */
	SIGHTING_FRESH, /* LIVE in a room (or without one) that is none of the others */
	SIGHTING_STALE, /* LIVE in a room that already ended, or is older than one that did */
	SIGHTING_COUNT,
};

struct step {
	const struct detector_rules *rules;
	const struct answer *answer;
	int64_t now_ms;
	struct detector_result *result;
};

typedef void (*step_fn)(struct step *step);

/* Which evidence goes with which status, and which status may follow which. */
static const bool evidence_is_legal[][3] = {
	[CREATOR_UNKNOWN] = { [EVIDENCE_NONE] = true },
	[CREATOR_OFFLINE] = { [EVIDENCE_NONE] = true, [EVIDENCE_RESUMING] = true },
	[CREATOR_LIVE] = { true, true, true },
};
static const bool move_is_legal[][3] = {
	[CREATOR_UNKNOWN] = { [CREATOR_OFFLINE] = true, [CREATOR_LIVE] = true },
	[CREATOR_OFFLINE] = { [CREATOR_OFFLINE] = true, [CREATOR_LIVE] = true },
	[CREATOR_LIVE] = { [CREATOR_OFFLINE] = true, [CREATOR_LIVE] = true },
};

static void state_move(struct creator_state *state, enum creator_status status,
		       enum creator_evidence evidence)
{
	assert(move_is_legal[state->status][status]);
	assert(evidence_is_legal[status][evidence]);
	if (evidence == EVIDENCE_NONE) {
		state->evidence_count = 0;
		state->evidence_since_ms = 0;
	}
	state->status = (uint8_t)status;
	state->evidence = (uint8_t)evidence;
}

static struct transition *result_add(struct detector_result *result, struct transition transition)
{
	assert(result->transition_count < DETECTOR_TRANSITIONS_MAX);
	if (transition.is_announced)
		result->state.sequence++;
	result->transitions[result->transition_count] = transition;
	return &result->transitions[result->transition_count++];
}

static void start_live(struct step *step, bool is_announced, bool is_resumed, bool is_first_sight)
{
	struct creator_state *state = &step->result->state;
	struct transition start = {
		.type = TRANSITION_START,
		.is_announced = is_announced,
		.is_first_sight = is_first_sight,
		.is_resumed = is_resumed,
		.room = step->answer->room,
		.started_at_ms = step->now_ms,
		.source = EVENT_STARTED_OBSERVED,
	};
	if (room_started_at(start.room, step->now_ms, &start.started_at_ms))
		start.source = EVENT_STARTED_BY_ROOM_ID;
	result_add(step->result, start);
	state_move(state, CREATOR_LIVE, EVIDENCE_NONE);
	state->room = start.room;
	state->live_since_ms = start.started_at_ms;
	state->started_source = (uint8_t)start.source;
}

static void end_live(struct step *step, int64_t ended_at_ms, enum event_end_reason reason)
{
	struct creator_state *state = &step->result->state;
	result_add(step->result,
		   (struct transition){
			   .type = TRANSITION_END,
			   .is_announced = true,
			   .room = state->room,
			   .started_at_ms = state->live_since_ms,
			   .source = (enum event_start_source)state->started_source,
			   .ended_at_ms = ended_at_ms < state->live_since_ms ? state->live_since_ms
									     : ended_at_ms,
			   .reason = reason,
		   });
	state_move(state, CREATOR_OFFLINE, EVIDENCE_NONE);
	state->ended_room = state->room;
	state->room = 0;
	state->live_since_ms = 0;
	state->started_source = 0;
}

void detector_add_evidence(struct creator_state *state, enum creator_evidence evidence,
			   int64_t now_ms)
{
	if (state->evidence != evidence || now_ms < state->evidence_since_ms) {
		state->evidence_count = 0;
		state->evidence_since_ms = now_ms;
	}
	state->evidence_count++;
	state_move(state, (enum creator_status)state->status, evidence);
}

/* Adds this answer to the row of evidence. True once the row is long enough and spans enough. */
static bool evidence_is_complete(struct step *step, enum creator_evidence evidence)
{
	struct creator_state *state = &step->result->state;
	detector_add_evidence(state, evidence, step->now_ms);
	return state->evidence_count >= step->rules->end_confirmations &&
	       step->now_ms - state->evidence_since_ms >= step->rules->end_grace_ms;
}

static void drop_evidence(struct step *step)
{
	struct creator_state *state = &step->result->state;
	state_move(state, (enum creator_status)state->status, EVIDENCE_NONE);
}

static void on_first_offline(struct step *step)
{
	state_move(&step->result->state, CREATOR_OFFLINE, EVIDENCE_NONE);
}

static void on_first_live(struct step *step)
{
	int64_t started_at_ms;
	bool is_announced = step->rules->first_sight == FIRST_SIGHT_ANNOUNCE;
	if (step->rules->first_sight == FIRST_SIGHT_RECENT)
		is_announced = room_started_at(step->answer->room, step->now_ms, &started_at_ms) &&
			       step->now_ms - started_at_ms < step->rules->first_sight_max_age_ms;
	start_live(step, is_announced, false, true);
}

static void on_start(struct step *step)
{
	start_live(step, true, false, false);
}

static void on_resumption(struct step *step)
{
	if (evidence_is_complete(step, EVIDENCE_RESUMING))
		start_live(step, true, true, false);
}

static void on_offline_while_live(struct step *step)
{
	if (evidence_is_complete(step, EVIDENCE_ENDING))
		end_live(step, step->result->state.evidence_since_ms, EVENT_ENDED);
}

/* The live goes on; a room that is told only now is its room. */
static void on_same_live(struct step *step)
{
	drop_evidence(step);
	if (step->result->state.room == 0)
		step->result->state.room = step->answer->room;
}

/* The end was missed. The old room ended when the new one was made, if that can be told. */
static int64_t changed_at_ms(const struct step *step)
{
	int64_t started_at_ms;
	if (room_started_at(step->answer->room, step->now_ms, &started_at_ms) &&
	    started_at_ms > step->result->state.live_since_ms)
		return started_at_ms;
	return step->now_ms;
}

static void on_another_room(struct step *step)
{
	end_live(step, changed_at_ms(step), EVENT_ROOM_CHANGED);
	start_live(step, true, false, false);
}

static void on_stale_room_while_live(struct step *step)
{
	if (!evidence_is_complete(step, EVIDENCE_RESUMING))
		return;
	end_live(step, changed_at_ms(step), EVENT_ROOM_CHANGED);
	start_live(step, true, true, false);
}

static const step_fn steps[][SIGHTING_COUNT] = {
	[CREATOR_UNKNOWN] = { [SIGHTING_OFFLINE] = on_first_offline,
			      [SIGHTING_FRESH] = on_first_live },
	[CREATOR_OFFLINE] = { [SIGHTING_OFFLINE] = drop_evidence,
			      [SIGHTING_FRESH] = on_start,
			      [SIGHTING_STALE] = on_resumption },
	[CREATOR_LIVE] = { [SIGHTING_OFFLINE] = on_offline_while_live,
			   [SIGHTING_SAME] = on_same_live,
			   [SIGHTING_FRESH] = on_another_room,
			   [SIGHTING_STALE] = on_stale_room_while_live },
};

static bool room_is_stale(uint64_t room, uint64_t ended_room, int64_t now_ms)
{
	int64_t started_at_ms, ended_started_at_ms;
	if (room == 0 || ended_room == 0)
		return false;
	return room == ended_room || (room_started_at(room, now_ms, &started_at_ms) &&
				      room_started_at(ended_room, now_ms, &ended_started_at_ms) &&
				      started_at_ms < ended_started_at_ms);
}

/* LIVE while live: the live that is known? */
static bool is_same_live(const struct creator_state *state, uint64_t room, int64_t now_ms)
{
	int64_t started_at_ms;
	if (room == 0 || room == state->room)
		return true;
	if (state->room != 0)
		return false;
	return !room_started_at(room, now_ms, &started_at_ms) ||
	       started_at_ms <= state->live_since_ms + SAME_LIVE_SLACK_MS;
}

static enum sighting sighting_of(const struct creator_state *state, const struct answer *answer,
				 int64_t now_ms)
{
	if (answer->verdict == ANSWER_OFFLINE)
		return SIGHTING_OFFLINE;
	if (state->status == CREATOR_UNKNOWN)
		return SIGHTING_FRESH;
	if (state->status == CREATOR_LIVE && is_same_live(state, answer->room, now_ms))
		return SIGHTING_SAME;
	return room_is_stale(answer->room, state->ended_room, now_ms) ? SIGHTING_STALE
								      : SIGHTING_FRESH;
}

void detector_step(const struct detector_rules *rules, const struct creator_state *state,
		   const struct answer *answer, int64_t now_ms, struct detector_result *ret_result)
{
	*ret_result = (struct detector_result){ .state = *state };
	if (answer->verdict == ANSWER_UNKNOWN)
		return;
	struct step step = {
		.rules = rules, .answer = answer, .now_ms = now_ms, .result = ret_result
	};
	step_fn act = steps[state->status][sighting_of(state, answer, now_ms)];
	assert(act);
	act(&step);
	ret_result->state.answered_at_ms = now_ms;
}

/* With n answers wanted over the grace, the first is there and the others follow at equal
 * distances, the last of them when the grace is over. */
int64_t detector_confirm_at(const struct detector_rules *rules, const struct creator_state *state)
{
	if (state->evidence == EVIDENCE_NONE)
		return 0;
	int64_t gaps = rules->end_confirmations > 1 ? rules->end_confirmations - 1 : 1;
	int64_t done = state->evidence_count < gaps ? (int64_t)state->evidence_count : gaps;
	return state->evidence_since_ms + rules->end_grace_ms * done / gaps;
}
