#include "detect/explain.h"

static struct finding finding_of(const struct explain_step *step, enum finding_effect effect)
{
	return (struct finding){
		.answered_at_ms = step->now_ms,
		.previous_at_ms = step->before->answered_at_ms,
		.room = step->answer->room,
		.effect = (uint8_t)effect,
		.flags = step->was_held ? FINDING_WAS_HELD : 0,
		.is_live = step->answer->verdict == ANSWER_LIVE,
	};
}

/* The row of evidence that this answer is the last of. */
static void add_evidence(struct finding *finding, const struct explain_step *step,
			 enum creator_evidence evidence)
{
	struct creator_state state = *step->before;
	detector_add_evidence(&state, evidence, step->now_ms);
	finding->evidence_count = state.evidence_count;
	finding->evidence_since_ms = state.evidence_since_ms;
	finding->evidence_wanted = (uint32_t)step->rules->end_confirmations;
	finding->evidence_span_ms = step->rules->end_grace_ms;
}

static struct finding start_finding(const struct explain_step *step,
				    const struct transition *transition)
{
	struct finding finding = finding_of(step, FINDING_START);
	unsigned flags = finding.flags;
	if (!transition->is_announced)
		flags |= FINDING_SILENT;
	if (transition->is_first_sight)
		flags |= FINDING_FIRST_SIGHT;
	if (transition->source == EVENT_STARTED_BY_ROOM_ID)
		flags |= FINDING_BY_ROOM_ID;
	if (step->before->status == CREATOR_LIVE)
		flags |= FINDING_ROOM_CHANGED;
	if (transition->is_resumed) {
		flags |= FINDING_RESUMED;
		add_evidence(&finding, step, EVIDENCE_RESUMING);
	}
	finding.flags = (uint8_t)flags;
	finding.told_at_ms = transition->started_at_ms;
	return finding;
}

static struct finding end_finding(const struct explain_step *step,
				  const struct transition *transition)
{
	struct finding finding = finding_of(step, FINDING_END);
	finding.room = transition->room;
	finding.told_at_ms = transition->ended_at_ms;
	if (transition->reason == EVENT_ROOM_CHANGED)
		finding.flags |= FINDING_ROOM_CHANGED;
	else
		add_evidence(&finding, step, EVIDENCE_ENDING);
	return finding;
}

/* An answer without a transition. False: it moved nothing. */
static bool other_finding(const struct explain_step *step, struct finding *ret_finding)
{
	static const enum finding_effect gathering[] = {
		[EVIDENCE_ENDING] = FINDING_END_EVIDENCE,
		[EVIDENCE_RESUMING] = FINDING_RESUME_EVIDENCE,
	};
	static const enum finding_effect dropped[] = {
		[EVIDENCE_ENDING] = FINDING_END_DROPPED,
		[EVIDENCE_RESUMING] = FINDING_RESUME_DROPPED,
	};
	const struct creator_state *before = step->before, *after = &step->result->state;
	if (before->status == CREATOR_UNKNOWN) {
		*ret_finding = finding_of(step, FINDING_FIRST_OFFLINE);
	} else if (after->evidence != EVIDENCE_NONE) {
		*ret_finding = finding_of(step, gathering[after->evidence]);
		add_evidence(ret_finding, step, (enum creator_evidence)after->evidence);
	} else if (before->evidence != EVIDENCE_NONE) {
		*ret_finding = finding_of(step, dropped[before->evidence]);
	} else if (after->room != before->room) {
		*ret_finding = finding_of(step, FINDING_ROOM_TOLD);
	} else if (step->was_held) {
		*ret_finding = finding_of(step, FINDING_HELD_DROPPED);
	} else {
		return false;
	}
	return true;
}

void explain_step(const struct explain_step *step, struct finding *ret_findings,
		  unsigned *ret_count)
{
	const struct detector_result *result = step->result;
	if (step->is_held) {
		ret_findings[0] = finding_of(step, FINDING_HELD);
		*ret_count = 1;
		return;
	}
	if (result->transition_count == 0) {
		*ret_count = other_finding(step, &ret_findings[0]);
		return;
	}
	for (unsigned i = 0; i < result->transition_count; i++) {
		const struct transition *transition = &result->transitions[i];
		ret_findings[i] = transition->type == TRANSITION_START
					  ? start_finding(step, transition)
					  : end_finding(step, transition);
	}
	*ret_count = result->transition_count;
}
