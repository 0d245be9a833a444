/* deliveries - the outbox: which event goes to which webhook, every attempt at it, and what is due.
 *
 * A lane is one webhook's queue. The dispatcher holds lanes in memory as a cache:
 * store_lanes_list() gives them all, store_lanes_touched() those to which something was added,
 * store_claim() what is due in one of them, with the time of what comes next. Claiming only reads:
 * a claimed delivery is in flight, which the dispatcher alone knows, until its outcome is stored.
 * store_claims_note() keeps for the case of a crash what is in flight, and
 * store_deliveries_recover() puts it on record at the start.
 *
 * Order: a first attempt of a delivery is not claimable before those of earlier events for the same
 * webhook and creator have had their answer. Retries, replays and tests hold up nothing and wait
 * for nothing.
 */
#ifndef GOLIVED_DB_DELIVERIES_H
#define GOLIVED_DB_DELIVERIES_H

#include "base/key_set.h"
#include "base/limits.h"
#include "db/store.h"
#include "db/webhooks.h"
#include "domain/event.h"

#include <stddef.h>

/* The values are stored: never renumber. */
enum delivery_status {
	DELIVERY_PENDING = 0,
	DELIVERY_DELIVERED = 1,
	DELIVERY_DEAD = 2,
	DELIVERY_CANCELLED = 3
};
enum delivery_kind { DELIVERY_NORMAL = 0, DELIVERY_REPLAY = 1, DELIVERY_TEST = 2 };

const char *delivery_status_name(enum delivery_status status);
bool delivery_status_parse(const char *name, enum delivery_status *ret_status);

/* ---- enqueueing ---- */

/* One delivery for every active webhook that is subscribed to the event's type and creator.
 * due_at_ms: of the first attempt. */
int store_deliveries_enqueue(struct store *store, const char *event_id, int64_t created_at_ms,
			     int64_t due_at_ms, unsigned *ret_count) MUST_CHECK;

/* The one attempt of a webhook's test: kind DELIVERY_TEST, due at once, also where the webhook is
 * inactive. */
int store_delivery_add_test(struct store *store, const char *webhook_id, const char *event_id,
			    int64_t now_ms, char ret_id[ID_TEXT_SIZE]) MUST_CHECK;

/* A new delivery of the same event to the same webhook. -ENOENT: no such delivery; -ESTALE: its
 * webhook was deleted. (The event is there: it is kept as long as any delivery of it.) */
int store_delivery_replay(struct store *store, const char *delivery_id, int64_t now_ms,
			  int64_t due_at_ms, char ret_id[ID_TEXT_SIZE]) MUST_CHECK;

/* ---- dispatching ---- */

struct lane_due {
	char webhook_id[ID_TEXT_SIZE];
	int64_t due_at_ms; /* of its earliest delivery; INT64_MAX: nothing is pending */
	bool was_tried;    /* an attempt was made, ever */
	int64_t fail_streak;
};

/* Lanes of active webhooks that have something claimable, now or later. The array is the caller's
 * to free(). */
int store_lanes_list(struct store *store, struct lane_due **ret_lanes,
		     unsigned *ret_count) MUST_CHECK;

/* Lanes of claimable deliveries added since *mark, which moves on, and when the earliest of those
 * is due; looks at no more than max_rows of them. *ret_more: there are more. With a zero mark it
 * only sets the mark to now (store_lanes_list has told the rest). */
int store_lanes_touched(struct store *store, struct store_mark *mark, unsigned max_rows,
			struct lane_due **ret_lanes, unsigned *ret_count,
			bool *ret_more) MUST_CHECK;

/* What an attempt needs. Owned: store_claims_free(). */
struct delivery_claim {
	int64_t delivery_key;
	char delivery_id[ID_TEXT_SIZE], event_id[ID_TEXT_SIZE];
	enum event_type event_type;
	enum delivery_kind kind;
	bool is_test_event;
	unsigned attempt; /* the number of this attempt, from 1 */
	int64_t due_at_ms;
	int64_t created_at_ms;
	char *body;
	size_t body_length;
};

/* Where they go. Owned: store_endpoint_finish(). */
struct endpoint {
	char webhook_id[ID_TEXT_SIZE];
	char *target_url;
	char *bearer_token;  /* NULL: none */
	char *extra_headers; /* a JSON object of strings; NULL: none */
	double rate_limit;   /* attempts a second; 0: none */
	char secrets[LIMIT_SECRETS_PER_WEBHOOK][WEBHOOK_SECRET_SIZE]; /* valid ones, oldest first */
	unsigned secret_count;
};

struct claimed_lane {
	struct endpoint endpoint;
	struct delivery_claim *claims; /* earliest due first, replays last */
	unsigned claim_count;
	int64_t next_due_at_ms; /* of what is left claimable in the lane; INT64_MAX: nothing */
};

/* Gives up to max due deliveries of a lane, fresh events before replays, but none of those in
 * flight (NULL: nothing is); they are in flight from now on. An inactive or deleted webhook has
 * none, and no endpoint.
 */
int store_claim(struct store *store, const char *webhook_id, unsigned max, int64_t now_ms,
		struct key_set *in_flight, struct claimed_lane *ret_lane) MUST_CHECK;

/* The same for tests of webhooks, of any webhook, active or not: at most one. ret_lane->claim_count
 * 0: none. */
int store_claim_test(struct store *store, int64_t now_ms, struct key_set *in_flight,
		     struct claimed_lane *ret_lane) MUST_CHECK;
/* Whether there is one: a look, which need not wait for the writer. */
int store_test_is_due(struct store *store, int64_t now_ms, bool *ret_is_due) MUST_CHECK;

void store_claimed_lane_finish(struct claimed_lane *lane);

/* Attempts that are in flight, noted under a key of the caller's; dropped when their outcomes are
 * stored. A note of what has its outcome does no harm. */
struct claim_note {
	int64_t key;
	int64_t claimed_at_ms;
	struct claim_note_entry {
		int64_t delivery_key;
		unsigned attempt;
	} * entries;
	size_t count;
};
int store_claims_note(struct store *store, const struct claim_note *note) MUST_CHECK;
int store_claims_drop(struct store *store, int64_t note_key) MUST_CHECK;

/* What came of an attempt. */
enum attempt_verdict {
	ATTEMPT_DELIVERED,
	ATTEMPT_RETRY,       /* again at retry_at_ms */
	ATTEMPT_DEAD,        /* given up */
	ATTEMPT_INTERRUPTED, /* we stopped in the middle: due again at once, under the same number
			      */
	ATTEMPT_NOT_MADE, /* trouble of our own before anything was sent: due again at retry_at_ms,
			     no attempt counted or recorded */
};

struct attempt_outcome {
	int64_t delivery_key;
	unsigned attempt;
	enum attempt_verdict verdict;
	int64_t retry_at_ms;
	bool endpoint_is_gone; /* 410: deactivate the webhook, disabled_reason "gone" (never for a
				  test) */
	int64_t started_at_ms;
	int64_t duration_ms, dns_ms, connect_ms, tls_ms, first_byte_ms; /* -1: not reached */
	int status_code;                                                /* 0: none */
	const char *error; /* NULL on success; else "http", "timeout", … (CONTRACT.md, section 6) */
	const char *error_detail; /* a phrase for people, NULL: none */
	const char *peer_address; /* NULL: none */
	const char *response;     /* the first LIMIT_RESPONSE_KEPT_BYTES; NULL: none */
	size_t response_length;
};

struct outcome_effect {
	char webhook_id[ID_TEXT_SIZE];
	int64_t lane_due_at_ms; /* of what this outcome made claimable in the lane, now or later;
				   INT64_MAX: nothing */
	int64_t fail_streak;    /* of the webhook, after this outcome */
	int64_t fail_streak_before;
	bool webhook_deactivated; /* by this outcome */
};

/* Records the attempt, moves the delivery on, keeps the counters, lets the next first attempt of
 * that creator go. A delivery that was cancelled meanwhile keeps that status (unless it was
 * delivered after all) and gets its attempt on record. -ENOENT: it is gone, or has been settled, or
 * that attempt is on record already. */
int store_attempt_finish(struct store *store, const struct attempt_outcome *outcome, int64_t now_ms,
			 struct outcome_effect *ret_effect) MUST_CHECK;

/* After a start: what was noted as in flight, and has no outcome, is due at once under the same
 * attempt number, and an `interrupted` attempt is on record for each. */
int store_deliveries_recover(struct store *store, int64_t now_ms, unsigned *ret_count) MUST_CHECK;

/* How long a delivery may wait for its next attempt at most. */
struct delivery_waits {
	int64_t after_ms[LIMIT_SCHEDULE_STEPS]; /* by the attempts that were made */
	int64_t asked_for_ms; /* where the receiver may have asked for time: after a 429 or 503 */
};

/* The wall clock was set by step_ms, or by nobody knows how much while nobody looked: 0. What is
 * pending moves with it, and waits no longer than it may. Goes over up to max_rows of that behind
 * *mark, which moves on; *ret_more: there are more. */
int store_deliveries_replan(struct store *store, const struct delivery_waits *waits,
			    int64_t step_ms, int64_t now_ms, unsigned max_rows,
			    struct store_mark *mark, bool *ret_more) MUST_CHECK;

/* ---- reading ---- */

struct delivery {
	const char *id, *webhook_id, *event_id;
	enum event_type event_type;
	const char *creator;
	enum delivery_status status;
	unsigned attempts; /* made so far */
	int64_t created_at_ms;
	int64_t next_attempt_at_ms; /* 0: none */
	int64_t delivered_at_ms;    /* 0: not */
	const char *replay_of;      /* NULL: none */
	int last_status_code;       /* 0: none */
	const char *last_error;     /* NULL: none */
	const char *body;           /* the event; NULL in lists */
	size_t body_length;
};
typedef void (*delivery_visit_fn)(void *arg, const struct delivery *delivery);

struct attempt {
	unsigned attempt;
	int64_t started_at_ms;
	int64_t duration_ms, dns_ms, connect_ms, tls_ms, first_byte_ms; /* -1: not reached */
	int status_code;
	const char *error, *error_detail, *peer_address; /* NULL: none */
	const char *response;
	size_t response_length;
};
typedef void (*attempt_visit_fn)(void *arg, const struct attempt *attempt);

struct delivery_filter {
	const char *webhook_id, *event_id, *creator; /* NULL: all */
	bool has_status, has_type;
	enum delivery_status status;
	enum event_type type;
	int64_t since_ms, until_ms; /* created_at in [since, until); 0: open */
};

int store_delivery_list(struct store *store, const struct delivery_filter *filter,
			const char *after, unsigned limit, delivery_visit_fn visit,
			void *arg) MUST_CHECK;
int store_delivery_show(struct store *store, const char *id, delivery_visit_fn visit,
			void *arg) MUST_CHECK;
int store_attempt_list(struct store *store, const char *delivery_id, attempt_visit_fn visit,
		       void *arg) MUST_CHECK;

/* Kept with every change, not counted. oldest_due_at_ms: of what is claimable or in flight; 0:
 * nothing pending. */
struct delivery_totals {
	int64_t pending, dead, delivered_today;
	int64_t oldest_due_at_ms;
};
int store_delivery_totals(struct store *store, int64_t now_ms,
			  struct delivery_totals *ret_totals) MUST_CHECK;

#endif
