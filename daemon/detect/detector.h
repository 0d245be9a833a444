/* detector - what an answer about a creator means: the state that follows, and what is to be told.
 *
 *   in:   the creator's state, one answer, the time, the rules
 *   out:  the new state, and at most two transitions (an end, a start)
 *   not:  telling it (domain/event), storing it (poller), believing a crowd (massflip)
 *
 * Pure. For each creator starts and ends alternate; nothing ever follows from UNKNOWN.
 */
#ifndef GOLIVED_DETECT_DETECTOR_H
#define GOLIVED_DETECT_DETECTOR_H

#include "base/config.h"
#include "detect/answer.h"
#include "domain/creator.h"

struct detector_rules {
	int64_t end_confirmations; /* OFFLINE answers in a row … */
	int64_t end_grace_ms;      /* … and the time from the first to the last of them */
	enum config_first_sight first_sight;
	int64_t first_sight_max_age_ms;
};

enum transition_type { TRANSITION_START, TRANSITION_END };

struct transition {
	enum transition_type type;
	bool is_announced;   /* false: a live adopted in silence; a session, but no event */
	bool is_first_sight; /* a start seen in the creator's very first answer */
	uint64_t room;       /* 0: not known */
	int64_t started_at_ms;
	enum event_start_source source;
	bool is_resumed;              /* of a start: this room had ended before */
	int64_t ended_at_ms;          /* of an end; never before started_at_ms */
	enum event_end_reason reason; /* of an end */
};

enum { DETECTOR_TRANSITIONS_MAX = 2 };

struct detector_result {
	struct creator_state state; /* sequence counts the announced transitions */
	struct transition transitions[DETECTOR_TRANSITIONS_MAX]; /* in the order of the events */
	unsigned transition_count;
};

void detector_step(const struct detector_rules *rules, const struct creator_state *state,
		   const struct answer *answer, int64_t now_ms, struct detector_result *ret_result);

/* Adds an answer to the row of evidence of that kind; one that follows other evidence, or that is
 * older than the row, begins it anew. */
void detector_add_evidence(struct creator_state *state, enum creator_evidence evidence,
			   int64_t now_ms);

/* When the next answer of a row of evidence is wanted, so that the row is long enough and spans
 * enough at the earliest moment; 0 where nothing is being confirmed. */
int64_t detector_confirm_at(const struct detector_rules *rules, const struct creator_state *state);

#endif
