/* Whatever answers come, in whatever order, at whatever times: for each creator starts and ends
 * alternate, an end has its row of OFFLINE answers or another room behind it, nothing follows from
 * UNKNOWN or from silence, and once all is well the state is the truth. The input is a row of
 * steps: time passes (or is set back), the planner chooses whom to ask, they are answered or not,
 * the daemon starts again. */
#include "fuzz.h"

#include "detect/detector.h"
#include "detect/planner.h"
#include "domain/room.h"

enum { CREATORS = 5, SIZE_MAX_PICKED = 4, ROOMS = 6, SECOND_MS = 1000, HOUR_MS = 3600 * SECOND_MS };
static const int64_t first_ms = INT64_C(1781787600000);

/* What has been told of a creator, by the events alone, and the answers since. */
struct told {
	bool is_live;
	bool is_silent; /* the live was adopted without an event */
	int64_t sequence, started_at_ms;
	uint64_t room;
	int64_t offline_count, offline_since_ms; /* of OFFLINE answers without a LIVE between */
};

struct scene {
	struct detector_rules rules;
	struct planner_rules planner;
	int64_t now_ms;
	uint64_t rooms[ROOMS];
	struct creator_state states[CREATORS];
	struct planner_entry entries[CREATORS];
	struct told told[CREATORS];
};

static void note_answer(struct told *told, const struct answer *answer, int64_t now_ms)
{
	if (answer->verdict == ANSWER_LIVE)
		told->offline_count = 0;
	if (answer->verdict != ANSWER_OFFLINE)
		return;
	if (told->offline_count++ == 0 || now_ms < told->offline_since_ms)
		told->offline_since_ms = now_ms;
}

static void check_end(const struct scene *scene, const struct told *told,
		      const struct answer *answer, const struct transition *end)
{
	FUZZ_MUST(told->is_live && end->is_announced);
	FUZZ_MUST(end->started_at_ms == told->started_at_ms);
	FUZZ_MUST(end->ended_at_ms >= end->started_at_ms);
	FUZZ_MUST(told->room == 0 || end->room == told->room);
	if (end->reason == EVENT_ROOM_CHANGED) {
		FUZZ_MUST(answer->verdict == ANSWER_LIVE && answer->room != 0);
		FUZZ_MUST(answer->room != end->room);
		return;
	}
	FUZZ_MUST(answer->verdict == ANSWER_OFFLINE);
	FUZZ_MUST(told->offline_count >= scene->rules.end_confirmations);
	FUZZ_MUST(scene->now_ms - told->offline_since_ms >= scene->rules.end_grace_ms);
}

static void check_start(const struct told *told, const struct answer *answer,
			const struct transition *start, bool was_unknown)
{
	FUZZ_MUST(!told->is_live && answer->verdict == ANSWER_LIVE);
	FUZZ_MUST(start->room == answer->room);
	FUZZ_MUST(start->is_first_sight == was_unknown);
	FUZZ_MUST(start->is_announced || was_unknown);
}

static void check_state(const struct creator_state *state, const struct told *told)
{
	FUZZ_MUST((state->status == CREATOR_LIVE) == told->is_live);
	FUZZ_MUST(state->sequence == told->sequence);
	FUZZ_MUST((state->evidence == EVIDENCE_NONE) == (state->evidence_count == 0));
	FUZZ_MUST(state->evidence != EVIDENCE_ENDING || state->status == CREATOR_LIVE);
	FUZZ_MUST(state->status == CREATOR_LIVE || state->room == 0);
}

/* One answer about one creator, and everything that must hold of what follows from it. */
static unsigned answer_one(struct scene *scene, size_t place, const struct answer *answer)
{
	struct creator_state *state = &scene->states[place], before = *state;
	struct told *told = &scene->told[place];
	struct detector_result result;

	note_answer(told, answer, scene->now_ms);
	detector_step(&scene->rules, state, answer, scene->now_ms, &result);
	if (answer->verdict == ANSWER_UNKNOWN) {
		FUZZ_MUST(result.transition_count == 0);
		FUZZ_MUST(memcmp(&result.state, &before, sizeof(before)) == 0);
	}
	FUZZ_MUST(result.transition_count <= DETECTOR_TRANSITIONS_MAX);
	for (unsigned i = 0; i < result.transition_count; i++) {
		const struct transition *transition = &result.transitions[i];
		bool is_start = transition->type == TRANSITION_START;
		if (is_start)
			check_start(told, answer, transition, before.status == CREATOR_UNKNOWN);
		else
			check_end(scene, told, answer, transition);
		told->is_live = is_start;
		told->room = is_start ? transition->room : 0;
		told->started_at_ms = is_start ? transition->started_at_ms : 0;
		told->sequence += transition->is_announced ? 1 : 0;
		told->offline_count = 0;
	}
	*state = result.state;
	check_state(state, told);
	return result.transition_count;
}

/* As the poller does after an answer that told something. */
static void settle(struct scene *scene, size_t place, bool was_answered)
{
	struct planner_entry *entry = &scene->entries[place];
	if (was_answered) {
		entry->is_swept = true;
		entry->last_checked_at_ms = scene->now_ms;
		planner_settle(entry, scene->now_ms);
	} else {
		entry->not_before_ms = scene->now_ms + SECOND_MS;
	}
	entry->is_live = scene->states[place].status == CREATOR_LIVE;
	entry->confirm_at_ms = detector_confirm_at(&scene->rules, &scene->states[place]);
	FUZZ_MUST((entry->confirm_at_ms == 0) == (scene->states[place].evidence == EVIDENCE_NONE));
	entry->is_waiting = true;
}

/* Whom the planner chooses, after what must hold of its choice. */
static size_t choose(const struct scene *scene, size_t size, size_t *picks)
{
	struct planner_batch batch;
	bool is_picked[CREATORS] = { false };
	planner_pick(&scene->planner, scene->entries, CREATORS, size, scene->now_ms, picks, &batch);
	FUZZ_MUST(batch.count <= size);
	for (size_t i = 0; i < batch.count; i++) {
		FUZZ_MUST(picks[i] < CREATORS && !is_picked[picks[i]]);
		is_picked[picks[i]] = true;
		FUZZ_MUST(scene->entries[picks[i]].is_waiting);
		FUZZ_MUST(scene->entries[picks[i]].not_before_ms <= scene->now_ms);
		FUZZ_MUST(scene->entries[picks[i]].company == scene->entries[picks[0]].company);
	}
	FUZZ_MUST(batch.count > 0 || batch.next_at_ms > scene->now_ms);
	FUZZ_MUST(batch.count > 0 || batch.next_at_ms < INT64_MAX); /* everybody waits */
	return batch.count;
}

static void ask(struct scene *scene, struct fuzz_input *input)
{
	size_t picks[SIZE_MAX_PICKED];
	size_t count = choose(scene, 1 + fuzz_take_byte(input) % SIZE_MAX_PICKED, picks);
	for (size_t i = 0; i < count; i++) {
		uint8_t byte = fuzz_take_byte(input);
		struct answer answer = { .verdict = byte % 3, .viewer_count = -1 };
		if (answer.verdict == ANSWER_LIVE)
			answer.room = scene->rooms[byte / 3 % ROOMS];
		answer_one(scene, picks[i], &answer);
		settle(scene, picks[i], answer.verdict != ANSWER_UNKNOWN);
	}
}

/* States are in the store; what the planner knows is not. */
static void restart(struct scene *scene)
{
	for (size_t i = 0; i < CREATORS; i++) {
		scene->entries[i] = (struct planner_entry){
			.is_waiting = true,
			.priority = PRIORITY_NORMAL,
			.last_checked_at_ms = scene->entries[i].last_checked_at_ms,
			.is_live = scene->states[i].status == CREATOR_LIVE,
			.confirm_at_ms = detector_confirm_at(&scene->rules, &scene->states[i]),
			.known_since_ms = scene->now_ms,
		};
	}
}

static void step(struct scene *scene, struct fuzz_input *input)
{
	uint8_t byte = fuzz_take_byte(input), operand = byte >> 3;
	switch (byte & 7) {
	case 0:
	case 1:
	case 2:
		ask(scene, input);
		break;
	case 3:
		scene->now_ms += operand * SECOND_MS;
		break;
	case 4:
		scene->now_ms += operand * operand * 100 * SECOND_MS;
		break;
	case 5:
		scene->now_ms -= operand * 10 * SECOND_MS;
		break;
	case 6: /* a room made now, or some time ago */
		scene->rooms[1 + operand % (ROOMS - 1)] =
			(uint64_t)(scene->now_ms / 1000 - operand / (ROOMS - 1) * 60) << 32 |
			operand;
		break;
	default:
		if (operand % 2)
			restart(scene);
		else
			scene->entries[operand / 2 % CREATORS].company = operand / 10 % 3;
		break;
	}
}

/* Once the service tells the truth, and the clock runs on: OFFLINE ends every live, once; then a
 * room that nobody has seen is a start at once. */
static void must_come_right(struct scene *scene, size_t place)
{
	const struct answer offline = { .verdict = ANSWER_OFFLINE, .viewer_count = -1 };
	unsigned told = 0, was_live = scene->told[place].is_live;
	for (int64_t i = 0; i <= scene->rules.end_confirmations; i++) {
		told += answer_one(scene, place, &offline);
		scene->now_ms += scene->rules.end_grace_ms + 1;
	}
	FUZZ_MUST(told == was_live && scene->states[place].status == CREATOR_OFFLINE);
	const struct answer live = { .verdict = ANSWER_LIVE,
				     .viewer_count = -1,
				     .room = (uint64_t)(scene->now_ms / 1000) << 32 | 0xFFFF };
	FUZZ_MUST(answer_one(scene, place, &live) == 1);
	FUZZ_MUST(answer_one(scene, place, &live) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	uint8_t choice = fuzz_take_byte(&input);
	struct scene scene = {
		.rules = { .end_confirmations = 1 + choice % 4,
			   .end_grace_ms = choice / 4 % 4 * 60 * (int64_t)SECOND_MS,
			   .first_sight = choice / 16 % 3,
			   .first_sight_max_age_ms = 600 * SECOND_MS },
		.planner = { .policy = choice & 128 ? POLICY_LEARNED : POLICY_UNIFORM,
			     .min_interval_ms = 60 * SECOND_MS,
			     .max_interval_ms = 30 * 60 * SECOND_MS,
			     .quarantine_interval_ms = HOUR_MS,
			     .sweep_ms = 60 * SECOND_MS,
			     .haste_h = PLANNER_HASTE_H },
		.now_ms = first_ms,
		.rooms = { 0, UINT64_C(7000000000000000000), UINT64_C(7000000000000000001) },
	};
	restart(&scene);
	while (input.left > 0)
		step(&scene, &input);
	for (size_t i = 0; i < CREATORS; i++)
		must_come_right(&scene, i);
	return 0;
}
