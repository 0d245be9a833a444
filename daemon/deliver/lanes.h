/* lanes - which webhook may have how many attempts now, or when the next one may.
 *
 *   in:   when something is due in a lane, what became of its attempts, the limits, now
 *   out:  grants: a lane and a number of attempts; or the time of the next grant
 *   not:  which deliveries (store_claim), making the attempts
 *
 * A lane is one webhook's queue. Lanes that are ready take turns. Each has a limit of its own that
 * follows its receiver, as Postfix does per destination: it begins small, grows with every success,
 * shrinks with every failure, and is a single probe while the receiver fails again and again.
 * Doubtful lanes (failing, slow) together hold at most half of the slots, and with those of which
 * nothing is known yet three quarters, so that they delay nobody else. A webhook's rate limit
 * spaces its attempts evenly.
 *
 * What is here is a cache: losing it costs a little time, never a delivery.
 */
#ifndef GOLIVED_DELIVER_LANES_H
#define GOLIVED_DELIVER_LANES_H

#include "base/ulid.h"

#include <stdbool.h>
#include <stdint.h>

struct lanes;

enum {
	LANES_LIMIT_FIRST = 2,     /* attempts at once of a lane that nothing is known of */
	LANES_FAILING_STREAK = 3,  /* failures in a row after which there is a single probe */
	LANES_SLOW_MS = 1000,      /* a receiver that takes longer on average is slow */
	LANES_PACE_AHEAD_MS = 100, /* attempts are granted this long before a rate limit's turn */
	LANES_PIECE = 4,           /* where there is stock, lanes take turns by so many */
	LANES_IDLE_MS = 600000,    /* a lane with nothing to do is forgotten after this long */
};

struct lanes_limits {
	unsigned total, per_lane; /* attempts at once, at least 1 */
	/* Granted beyond total, so that the next attempts are at hand while others are claimed. */
	unsigned ahead;
};

struct lanes *lanes_create(const struct lanes_limits *limits);
void lanes_destroy(struct lanes *lanes);
void lanes_set_limits(struct lanes *lanes, const struct lanes_limits *limits, int64_t now_ms);

/* What the store knows of a webhook: whether an attempt was made ever, and how many failed in a
 * row. For a lane that is not known here, as after a start: so the dead ones are not taken for new.
 */
void lanes_introduce(struct lanes *lanes, const char *webhook_id, bool was_tried,
		     int64_t fail_streak, int64_t now_ms);

/* Something is due in this lane at that time, or earlier than was known. INT64_MAX says nothing. */
void lanes_touch(struct lanes *lanes, const char *webhook_id, int64_t due_at_ms, int64_t now_ms);

/* This is when the lane's next delivery is due, whatever was told before. INT64_MAX: nothing is
 * pending. */
void lanes_set_due(struct lanes *lanes, const char *webhook_id, int64_t due_at_ms, int64_t now_ms);

/* The same, from what a claim found left. What was told since the grant may be newer than what the
 * claim has seen, and counts, too. */
void lanes_set_left(struct lanes *lanes, const char *webhook_id, int64_t due_at_ms, int64_t now_ms);

/* Webhooks may have been changed: their rate limits are not known any more until the next claim,
 * and lanes long idle are forgotten. */
void lanes_refresh(struct lanes *lanes, int64_t now_ms);

/* Permission to claim up to count deliveries of a lane that are due; takes count slots. */
struct lanes_grant {
	char webhook_id[ID_TEXT_SIZE];
	unsigned count;
};
/* False: nobody may start anything now; see lanes_next_grant_ms(). A lane has one grant at a time,
 * until lanes_claimed(). */
bool lanes_grant(struct lanes *lanes, int64_t now_ms, struct lanes_grant *ret_grant);

/* When the next lane will be due, or INT64_MAX. What waits for a slot only is not counted: a slot
 * becomes free by lanes_finished() or lanes_claimed(). */
int64_t lanes_next_grant_ms(const struct lanes *lanes);

/* What became of a grant: so many were claimed (the other slots are free again), and the webhook's
 * rate limit is so many attempts a second (0: none). The n-th of them is to start at
 * *ret_first_start_ms + n * *ret_spacing_ms, all at once without a limit. Follow it with
 * lanes_set_left(). */
void lanes_claimed(struct lanes *lanes, const struct lanes_grant *grant, unsigned claimed,
		   double rate_limit, int64_t now_ms, int64_t *ret_first_start_ms,
		   int64_t *ret_spacing_ms);

/* What became of one attempt; its slot is free. */
enum lanes_result {
	LANES_SUCCEEDED,
	LANES_FAILED,
	LANES_NOTHING_LEARNT, /* it was not made, or cut short by us */
};
void lanes_finished(struct lanes *lanes, const char *webhook_id, enum lanes_result result,
		    int64_t duration_ms, int64_t now_ms);

/* An attempt of a lane with a rate limit started so much after its turn: the turns to come are as
 * much later. */
void lanes_delay(struct lanes *lanes, const char *webhook_id, int64_t late_ms, int64_t now_ms);

unsigned lanes_in_use(const struct lanes *lanes);  /* slots */
unsigned lanes_failing(const struct lanes *lanes); /* lanes with a single probe */

#endif
