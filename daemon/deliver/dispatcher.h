/* dispatcher - moves due deliveries from the store to their receivers.
 *
 *   in:   store (due rows, lane by lane), clock, configuration
 *   out:  egress (one POST per row), store (what came of it)
 *   not:  deciding what to deliver (detect), signing (signer), when to try again (schedule), who
 * goes first (lanes)
 *
 * A row is in flight at most once. After a crash rows in flight are due again: receivers may see an
 * event twice, never zero times.
 */
#ifndef GOLIVED_DELIVER_DISPATCHER_H
#define GOLIVED_DELIVER_DISPATCHER_H

#include "base/config.h"
#include "base/dns.h"
#include "base/loop.h"
#include "db/store_thread.h"
#include "domain/status.h"

#include <stdbool.h>

struct dispatcher;

struct dispatcher_hooks {
	void (*on_settled)(void *arg); /* outcomes were committed: a hint that may be lost */
	void (*on_drained)(void *arg); /* after dispatcher_stop(): nothing is in flight, everything
					  is stored */
	void *arg;
};

/* config is borrowed and may change in place before dispatcher_reload(). */
struct dispatcher *dispatcher_create(struct loop *loop, struct store_thread *store, struct dns *dns,
				     const struct config *config,
				     const struct dispatcher_hooks *hooks);
void dispatcher_destroy(struct dispatcher *dispatcher);

void dispatcher_start(struct dispatcher *dispatcher);
/* Starts no more attempts; those in flight have drain_timeout to finish and are recorded as
 * interrupted then. on_drained follows, always later. */
void dispatcher_stop(struct dispatcher *dispatcher);

void dispatcher_reload(struct dispatcher *dispatcher);
/* Something was enqueued: a hint that may be lost. */
void dispatcher_wake(struct dispatcher *dispatcher);
/* Webhooks were changed, activated or removed: the lanes are read anew. A hint that may be lost. */
void dispatcher_endpoints_changed(struct dispatcher *dispatcher);

void dispatcher_status(const struct dispatcher *dispatcher, struct dispatch_status *ret_status);

#endif
