/* explain - what is to be kept of an answer, so that a transition can be explained by it.
 *
 *   in:   the state before, the answer, what the detector made of it
 *   out:  findings: none for an answer that moved nothing, one for each transition
 *   not:  storing them (record), making them readable (golivectl)
 *
 * Pure.
 */
#ifndef GOLIVED_DETECT_EXPLAIN_H
#define GOLIVED_DETECT_EXPLAIN_H

#include "detect/detector.h"
#include "domain/finding.h"

struct explain_step {
	const struct detector_rules *rules;
	const struct creator_state *before;
	const struct answer *answer; /* LIVE or OFFLINE */
	const struct detector_result *result;
	int64_t now_ms;
	bool was_held; /* a flip was waiting for this answer */
	bool is_held;  /* what follows from the answer waits for a second check */
};

/* At most DETECTOR_TRANSITIONS_MAX; those of transitions are in their order. *ret_count may be 0.
 * Their tally is the caller's. */
void explain_step(const struct explain_step *step, struct finding *ret_findings,
		  unsigned *ret_count);

#endif
