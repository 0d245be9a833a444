/* flight - one claimed delivery on its way: held, sent, answered, recorded.
 *
 *   in:   a claim and its endpoint; the configuration
 *   out:  what came of it, as the store records it (struct attempt_outcome)
 *   not:  when it may start, storing the outcome (dispatcher)
 */
#ifndef GOLIVED_DELIVER_FLIGHT_H
#define GOLIVED_DELIVER_FLIGHT_H

#include "base/config.h"
#include "base/http.h"
#include "db/deliveries.h"
#include "deliver/egress.h"
#include "deliver/flight_note.h"
#include "deliver/schedule.h"
#include "deliver/signer.h"
#include "domain/target.h"

#include <stdbool.h>
#include <stdint.h>

struct flight;
typedef void (*flight_done_fn)(void *arg, struct flight *flight);

/* The claims of one lane share its endpoint, until the last flight is destroyed. */
struct flight_batch {
	struct claimed_lane lane; /* owned */
	bool is_url_good;         /* the endpoint's URL could be read: url is what it says */
	struct http_url url;
	char origin[TARGET_ORIGIN_SIZE]; /* for the log */
	unsigned references;
};

struct flight {
	struct flight *next, **link;        /* in a list: the next one, and what points here */
	struct flight_batch *batch;         /* shared */
	const struct delivery_claim *claim; /* of the batch */
	const struct config *config;        /* borrowed */
	flight_done_fn done;
	void *arg;

	struct flight_note *note; /* a reference: where it is noted; NULL: nowhere */
	int64_t start_at_ms;      /* not before its turn in the webhook's rate limit, */
	int64_t spacing_ms;       /* which are this far apart; 0: there is no limit */
	/* The wall clock may be set while it is under way, or until its outcome can be stored. */
	int64_t started_mono_ms, retry_mono_ms;
	/* Owned, while it is under way. */
	struct egress_call *call;
	struct signer_headers headers;

	/* Filled when it is over. */
	struct attempt_outcome outcome;
	char peer_address[HTTP_ADDRESS_TEXT_SIZE];
	char *error_detail, *response; /* owned */

	/* Filled by the store's thread, which alone touches the flight while it is stored. */
	bool is_recorded; /* false: the delivery is there no more */
	struct outcome_effect effect;
};

/* One flight for each claim of the lane, linked in the order of the claims; NULL if there is none.
 * Takes over what the lane owns. */
struct flight *flight_create_all(struct claimed_lane *lane, const struct config *config,
				 flight_done_fn done, void *arg);
void flight_destroy(struct flight *flight);

bool flight_is_test(const struct flight *flight); /* of a webhook */
const struct endpoint *flight_endpoint(const struct flight *flight);

struct schedule flight_schedule(const struct config *config);

/* Signs and sends. done is called later, once the outcome is filled. */
void flight_send(struct flight *flight, struct egress *egress, int64_t now_ms);

/* Ends what is under way without its callback: it will be made again, under the same number. */
void flight_interrupt(struct flight *flight);

/* Says by the wall clock when the next attempt is due, as it is to be stored now. */
void flight_plan(struct flight *flight, int64_t now_ms);

/* Fills the outcome of an attempt that was never sent: due again at once, not counted. */
void flight_give_back(struct flight *flight);

/* Flights in the same state, in order. A flight is in one list at most. */
struct flight_list {
	struct flight *first, **last;
	unsigned count;
};

void flight_list_init(struct flight_list *list);
void flight_list_append(struct flight_list *list, struct flight *flight);
struct flight *flight_list_take(struct flight_list *list, struct flight *flight);
struct flight *flight_list_take_first(struct flight_list *list); /* NULL: it is empty */
void flight_list_destroy_all(struct flight_list *list);

#endif
