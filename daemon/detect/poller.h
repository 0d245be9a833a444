/* poller - asks the upstream service about everybody who is watched, and stores what follows from
 * the answers.
 *
 *   in:   store (who is watched, their state), clock, configuration
 *   out:  upstream (bulk checks), store (states, sessions, events, deliveries: one transaction a
 * batch) not:  what an answer means (detector), whom to ask next (planner), how often one may ask
 * (quota), delivering
 *
 * It drives the pure parts of detect/ and keeps the creators' states as a cache of the database. A
 * state in memory changes only after the commit that changed it on disk.
 */
#ifndef GOLIVED_DETECT_POLLER_H
#define GOLIVED_DETECT_POLLER_H

#include "base/config.h"
#include "base/loop.h"
#include "db/store_thread.h"
#include "domain/status.h"

struct poller;

struct poller_hooks {
	void (*on_enqueued)(void *arg); /* events were committed, perhaps with deliveries: a hint
					   that may be lost */
	void *arg;
};

/* config is borrowed and may change in place before poller_reload(). upstream_key is copied; NULL:
 * none, nothing is asked and the status says so. */
struct poller *poller_create(struct loop *loop, struct store_thread *store,
			     const struct config *config, const char *upstream_key,
			     const struct poller_hooks *hooks);
void poller_destroy(struct poller *poller);

void poller_start(struct poller *poller);
/* No new requests, and those under way are dropped; answers that are being stored still are. */
void poller_stop(struct poller *poller);

/* The configuration, and perhaps the key, changed. */
void poller_reload(struct poller *poller, const char *upstream_key);
/* Who is watched may have changed: a hint that may be lost. */
void poller_wake(struct poller *poller);

void poller_status(const struct poller *poller, struct poll_status *ret_status);

#endif
