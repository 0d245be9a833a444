#include "detect/digest.h"

#include "base/attrs.h"
#include "base/clock.h"
#include "detect/explain.h"

#include <string.h>

/* What is not known was not looked at; but who is never known must not crowd out the others. */
enum { DOUBTS_MAX = 2 };

/* A row's step, before it is known whether it holds. */
struct digest_step {
	struct detector_result result;
	bool is_flip;
	enum massflip_direction direction;
};

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* A flip goes to where its last transition leads. */
static struct digest_step digest_step(const struct digest_rules *rules,
				      const struct creator_state *state,
				      const struct answer *answer, int64_t now_ms)
{
	struct digest_step step = { 0 };
	detector_step(&rules->detector, state, answer, now_ms, &step.result);
	step.is_flip = step.result.transition_count > 0 && state->status != CREATOR_UNKNOWN;
	step.direction =
		step.result.state.status == CREATOR_LIVE ? MASSFLIP_LIVE : MASSFLIP_OFFLINE;
	return step;
}

static void batch_count(struct massflip_batch *batch, const struct roster_entry *entry,
			const struct answer *answer, const struct digest_step *step)
{
	if (answer->verdict == ANSWER_UNKNOWN || entry->creator.state.status == CREATOR_UNKNOWN)
		return;
	batch->checked++;
	if (step->is_flip && !entry->is_held[step->direction])
		batch->flips[step->direction]++;
}

/* Doubt about a confirmation is cleared up soon, but with growing patience. */
static int64_t doubt_ms(const struct digest_rules *rules, const struct roster_entry *entry,
			const struct answer *answer)
{
	unsigned doubtful = answer->verdict == ANSWER_UNKNOWN ? entry->doubtful : 0;
	int64_t wait_ms = (int64_t)DIGEST_DOUBT_FIRST_MS << (doubtful < 16 ? doubtful : 16);
	return smaller(wait_ms, rules->planner.min_interval_ms);
}

static int64_t confirm_at_ms(const struct digest_rules *rules, const struct roster_entry *entry,
			     const struct answer *answer, const struct record_row *row,
			     int64_t now_ms)
{
	int64_t evidence_ms = detector_confirm_at(&rules->detector, &row->state);
	int64_t soonest_ms = now_ms + doubt_ms(rules, entry, answer);
	if (row->is_held[MASSFLIP_LIVE] || row->is_held[MASSFLIP_OFFLINE])
		return larger(soonest_ms, now_ms + smaller(DIGEST_SECOND_CHECK_MS,
							   rules->planner.min_interval_ms));
	return evidence_ms > 0 ? larger(soonest_ms, evidence_ms) : 0;
}

static void row_fill(struct record_row *row, const struct roster_entry *entry, size_t place,
		     struct answer *answer)
{
	row->place = place;
	row->key = entry->creator.key;
	memcpy(row->handle, entry->creator.handle, sizeof(row->handle));
	row->state = entry->creator.state;
	row->first_sequence = entry->creator.state.sequence + 1;
	row->title = TAKE(answer->title);
	row->viewer_count = answer->viewer_count;
	row->verdict = answer->verdict;
	row->is_missing = answer->is_missing;
	row->tally = entry->creator.tally;
	/* An answer lifts a quarantine: the service takes the handle again. */
	row->has_new_quarantine = entry->creator.quarantined && !answer->is_missing;
}

/* Most answers only say that all is as it was. */
static bool state_has_moved(const struct creator_state *from, const struct creator_state *to)
{
	return from->room != to->room || from->ended_room != to->ended_room ||
	       from->live_since_ms != to->live_since_ms ||
	       from->evidence_since_ms != to->evidence_since_ms || from->sequence != to->sequence ||
	       from->evidence_count != to->evidence_count || from->status != to->status ||
	       from->evidence != to->evidence || from->started_source != to->started_source;
}

static void row_take_step(struct record_row *row, const struct digest_step *step)
{
	row->has_new_state = state_has_moved(&row->state, &step->result.state);
	row->state = step->result.state;
	row->transition_count = step->result.transition_count;
	memcpy(row->transitions, step->result.transitions, sizeof(row->transitions));
}

/* A flip that was held and is confirmed by this answer goes through; another one waits if there are
 * too many. No answer leaves what is held as it is; one that is no flip clears it. */
static void row_settle(struct record_row *row, const struct roster_entry *entry,
		       const struct answer *answer, const struct digest_step *step,
		       const bool hold[MASSFLIP_DIRECTIONS])
{
	if (answer->verdict == ANSWER_UNKNOWN) {
		memcpy(row->is_held, entry->is_held, sizeof(row->is_held));
		return;
	}
	if (step->is_flip && hold[step->direction] && !entry->is_held[step->direction])
		row->is_held[step->direction] = true;
	else
		row_take_step(row, step);
}

/* What is kept of the answer: findings, or one more of its kind. */
static void row_explain(struct record_row *row, const struct digest_rules *rules,
			const struct roster_entry *entry, const struct answer *answer,
			const struct digest_step *step, int64_t now_ms)
{
	const struct explain_step explained = {
		.rules = &rules->detector,
		.before = &entry->creator.state,
		.answer = answer,
		.result = &step->result,
		.now_ms = now_ms,
		.was_held = entry->is_held[MASSFLIP_LIVE] || entry->is_held[MASSFLIP_OFFLINE],
		.is_held = row->is_held[MASSFLIP_LIVE] || row->is_held[MASSFLIP_OFFLINE],
	};
	if (answer->verdict == ANSWER_UNKNOWN) {
		tally_count(&row->tally, answer->is_missing ? TALLY_MISSING : TALLY_UNCLEAR);
		return;
	}
	explain_step(&explained, row->findings, &row->finding_count);
	if (row->finding_count == 0) {
		tally_count(&row->tally, TALLY_UNCHANGED);
		return;
	}
	row->findings[0].tally = row->tally;
	row->tally = (struct tally){ 0 };
}

static void row_plan(const struct digest_rules *rules, const struct roster *roster,
		     const struct answer *answer, int64_t now_ms, struct record_row *row)
{
	const struct roster_entry *entry = &roster->entries[row->place];
	struct planner_entry plan = roster->plans[row->place];
	row->confirm_at_ms = confirm_at_ms(rules, entry, answer, row, now_ms);
	plan.last_checked_at_ms = now_ms;
	plan.confirm_at_ms = row->confirm_at_ms;
	if (row->has_new_quarantine)
		plan.company = PLANNER_TOGETHER;
	row->next_check_at_ms = planner_due_at_ms(&rules->planner, &plan);
}

void digest_batch(const struct digest_rules *rules, struct massflip *massflip,
		  const struct roster *roster, const size_t *places, struct answer *answers,
		  struct record *record, size_t ret_held[MASSFLIP_DIRECTIONS])
{
	struct massflip_batch batch = { 0 };
	bool hold[MASSFLIP_DIRECTIONS];
	for (size_t i = 0; i < record->count; i++) {
		const struct roster_entry *entry = &roster->entries[places[i]];
		struct digest_step step =
			digest_step(rules, &entry->creator.state, &answers[i], record->now_ms);
		batch_count(&batch, entry, &answers[i], &step);
	}
	massflip_judge(massflip, &batch, (int64_t)roster->watched, hold);
	for (unsigned d = 0; d < MASSFLIP_DIRECTIONS; d++)
		ret_held[d] = hold[d] ? (size_t)batch.flips[d] : 0;
	for (size_t i = 0; i < record->count; i++) {
		const struct roster_entry *entry = &roster->entries[places[i]];
		struct record_row *row = &record->rows[i];
		struct digest_step step =
			digest_step(rules, &entry->creator.state, &answers[i], record->now_ms);
		row_fill(row, entry, places[i], &answers[i]);
		row_settle(row, entry, &answers[i], &step, hold);
		row_explain(row, rules, entry, &answers[i], &step, record->now_ms);
		row_plan(rules, roster, &answers[i], record->now_ms, row);
	}
}

static void learn_row(const struct record_row *row, int64_t now_ms, struct roster *roster)
{
	for (unsigned i = 0; i < row->transition_count; i++) {
		const struct transition *transition = &row->transitions[i];
		if (transition->type == TRANSITION_START)
			roster_learn_start(roster, row->place, transition->started_at_ms);
		else
			roster_learn_end(roster, row->place, transition->started_at_ms,
					 transition->ended_at_ms);
	}
	if (row->transition_count > 0)
		roster_expect(roster, row->place, now_ms);
}

static void commit_row(const struct record *record, const struct record_row *row, int64_t moved_ms,
		       struct roster *roster)
{
	int64_t now_ms = record->now_ms + moved_ms;
	struct roster_entry *entry = &roster->entries[row->place];
	struct planner_entry *plan = &roster->plans[row->place];
	entry->creator.state = row->state;
	entry->creator.state.evidence_since_ms =
		clock_moved_ms(row->state.evidence_since_ms, moved_ms);
	entry->creator.tally = row->tally;
	entry->creator.last_checked_at_ms = now_ms;
	if (row->has_new_quarantine)
		entry->creator.quarantined = row->is_quarantined;
	memcpy(entry->is_held, row->is_held, sizeof(entry->is_held));
	entry->doubtful = row->verdict == ANSWER_UNKNOWN ? entry->doubtful + 1 : 0;
	entry->failures = 0;
	entry->suspect_since_mono_ms = 0;
	plan->is_live = row->state.status == CREATOR_LIVE;
	learn_row(row, now_ms, roster);
	if (row->verdict != ANSWER_UNKNOWN || entry->doubtful > DOUBTS_MAX)
		planner_settle(plan, now_ms);
	plan->last_checked_at_ms = now_ms;
	plan->not_before_ms = 0;
	plan->confirm_at_ms = clock_moved_ms(row->confirm_at_ms, moved_ms);
	plan->is_swept = true;
	plan->company = entry->creator.quarantined ? PLANNER_ALONE : PLANNER_TOGETHER;
	roster_note_silence(roster, row->place, row->is_missing);
}

void digest_commit(const struct record *record, int64_t moved_ms, struct roster *roster)
{
	for (size_t i = 0; i < record->count; i++)
		if (!record->rows[i].is_gone)
			commit_row(record, &record->rows[i], moved_ms, roster);
}
