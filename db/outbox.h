/* outbox - what the files about deliveries share: the stages a delivery goes through, and how one
 * is put in. For db/ only.
 *
 *               answer, the last one; or cancelled
 *   HELD ----> READY ---------------------------------> SETTLED
 *     release    ^  |
 *                +--+
 *                retry, interrupted, not made
 *
 * What is in flight is READY still, as only the dispatcher knows what it has claimed. The status is
 * what the outside sees; the stage says what the dispatcher may do.
 */
#ifndef GOLIVED_DB_OUTBOX_H
#define GOLIVED_DB_OUTBOX_H

#include "db/deliveries.h"
#include "db/store_private.h"

/* The values are stored: never renumber. The indexes of 0001_init.sql know READY. 1 was "in flight"
 * until 0006_claims.sql. */
enum delivery_stage {
	STAGE_READY = 0,   /* claimable once it is due, unless it is in flight */
	STAGE_HELD = 2,    /* a first attempt that waits for that of an earlier event */
	STAGE_SETTLED = 3, /* no attempt will follow */
};

struct new_delivery {
	int64_t webhook_key, event_key;
	const char *creator;
	enum delivery_kind kind;
	const char *replay_of; /* NULL: none */
	int64_t created_at_ms, due_at_ms;
};

/* Puts one in, held back if it has to be, and counts it. */
int outbox_add(struct store *store, const struct new_delivery *delivery,
	       char ret_id[ID_TEXT_SIZE]) MUST_CHECK;

/* Lets the earliest first attempt of the creator go that is held back, if none is before it.
 * *ret_due_at_ms: when that is due; INT64_MAX: there is none. */
int outbox_release_next(struct store *store, int64_t webhook_key, const char *creator,
			int64_t *ret_due_at_ms) MUST_CHECK;

/* When the lane has something to claim, or had it, if that is in flight; INT64_MAX: not. Not asking
 * whether its webhook is active. */
int outbox_lane_due(struct store *store, int64_t webhook_key, int64_t *ret_due_at_ms) MUST_CHECK;

/* Cancels up to max_rows of what is pending at a webhook. The counters are the caller's. */
int outbox_cancel(struct store *store, int64_t webhook_key, unsigned max_rows, int64_t now_ms,
		  unsigned *ret_count) MUST_CHECK;

/* Puts an attempt on record. */
struct attempt_record {
	int64_t delivery_key;
	unsigned attempt;
	int64_t started_at_ms, duration_ms, dns_ms, connect_ms, tls_ms, first_byte_ms;
	int status_code;
	const char *error, *error_detail, *peer_address, *response;
	size_t response_length;
};
int outbox_record_attempt(struct store *store, const struct attempt_record *record) MUST_CHECK;

#endif
