/* janitor - what has to be done every now and then: retention, paced replays, gauges, the watchdog.
 *
 *   in:   clock, configuration (retention)
 *   out:  store (slices small enough to hold nothing up), metrics, systemd
 *   not:  checkpoints (db/store_thread does them where they cost least)
 */
#ifndef GOLIVED_JANITOR_H
#define GOLIVED_JANITOR_H

#include "base/config.h"
#include "base/loop.h"
#include "db/store_thread.h"

struct janitor;

struct janitor_hooks {
	void (*on_enqueued)(void *arg); /* a replay added deliveries: a hint that may be lost */
	void *arg;
};

/* config is borrowed and may change in place at any time between two turns of the loop. */
struct janitor *janitor_create(struct loop *loop, struct store_thread *store,
			       const struct config *config, const struct janitor_hooks *hooks);
/* Jobs of its own that are still under way are waited for by store_thread_destroy(); call this
 * after it. */
void janitor_destroy(struct janitor *janitor);

void janitor_start(struct janitor *janitor);
void janitor_stop(struct janitor *janitor);

#endif
