/* schedule - what follows from the answer to an attempt (CONTRACT.md, section 6).
 *
 *   in:   the number and the start of the attempt, the answer's status and Retry-After, now
 *   out:  delivered; again at a time; given up
 *   not:  making attempts (egress), trouble of our own (dispatcher)
 */
#ifndef GOLIVED_DELIVER_SCHEDULE_H
#define GOLIVED_DELIVER_SCHEDULE_H

#include "db/deliveries.h"

#include <stdbool.h>
#include <stdint.h>

struct schedule {
	const int64_t *offsets_ms; /* borrowed: of each attempt from the delivery's creation, rising
				    */
	unsigned steps;            /* attempts in all */
	int64_t retry_after_max_ms;
};

struct schedule_answer {
	unsigned attempt; /* from 1 */
	int64_t started_at_ms;
	int64_t answered_at_ms;
	int status;              /* of a complete final head; 0: there was none */
	const char *retry_after; /* the header's value; NULL: none */
	bool is_test;            /* of a webhook: one attempt, whatever comes */
};

struct schedule_decision {
	enum attempt_verdict verdict; /* ATTEMPT_DELIVERED, ATTEMPT_RETRY or ATTEMPT_DEAD */
	int64_t retry_at_ms;          /* for ATTEMPT_RETRY, else 0 */
	bool endpoint_is_gone;        /* the webhook is to be deactivated */
};

/* A status from 200 to 299. */
bool schedule_is_success(int status);

/* How long each delivery may wait for its next attempt at most. */
void schedule_waits(const struct schedule *schedule, struct delivery_waits *ret_waits);

struct schedule_decision schedule_decide(const struct schedule *schedule,
					 const struct schedule_answer *answer);

#endif
