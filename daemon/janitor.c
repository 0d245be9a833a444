#include "janitor.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/notify.h"
#include "db/deliveries.h"
#include "db/replays.h"
#include "db/webhooks.h"

#include <errno.h>
#include <inttypes.h>

enum {
	TICK_MS = 1000,
	/* How often `systemctl status` learns how things are. */
	STATUS_PAUSE_MS = 10 * 1000,
	/* A slice takes a few milliseconds of the store thread: a delivery behind it does not
	   notice. */
	SLICE_ROWS = 500,
	/* Between two slices while there is more to do, and between two looks while there is not.
	 */
	SLICE_PAUSE_MS = 100,
	LOOK_PAUSE_MS = 60 * 1000,
	/* Replays: so many deliveries at a time, so often. Fresh events go between them. */
	REPLAY_SLICE_ROWS = 200,
	REPLAY_PAUSE_MS = 100,
	REPLAY_LOOK_PAUSE_MS = 1000,
};

/* One kind of work that is done in slices on the store thread: again soon while there is more, else
 * later. */
struct chore {
	struct janitor *janitor;
	const char *name;
	store_job_fn job;
	int64_t busy_pause_ms, idle_pause_ms;
	struct loop_timer *timer;
	bool running;
	/* Set by the job. */
	bool more;
	unsigned enqueued;
	struct store_retention retention;
};

enum { CHORE_PRUNE, CHORE_SWEEP, CHORE_REPLAY, CHORE_COUNT };

struct gauges {
	bool running, were_read;
	struct delivery_totals totals;
	int64_t database_bytes, wal_bytes;
	int64_t pending; /* as read last; the others belong to the job while it runs */
};

struct janitor {
	struct loop *loop;
	struct store_thread *store;
	const struct config *config;
	struct janitor_hooks hooks;
	struct chore chores[CHORE_COUNT];
	struct gauges gauges;
	struct loop_timer *tick;
	int64_t ticked_mono_ms;
	int64_t watchdog_ms;
	int64_t fed_mono_ms;
	int64_t told_mono_ms; /* 0: not yet */
	bool stopped;
};

static int prune_slice(struct store *store, void *arg)
{
	struct chore *chore = arg;
	unsigned deleted = 0;
	int error = store_prune(store, &chore->retention, clock_now_ms(), SLICE_ROWS, &deleted);
	chore->more = error == 0 && deleted >= SLICE_ROWS;
	return error;
}

static int sweep_slice(struct store *store, void *arg)
{
	struct chore *chore = arg;
	return store_webhooks_sweep(store, SLICE_ROWS, clock_now_ms(), &chore->more);
}

static int replay_slice(struct store *store, void *arg)
{
	struct chore *chore = arg;
	return store_replay_advance(store, REPLAY_SLICE_ROWS, clock_now_ms(), &chore->enqueued,
				    &chore->more);
}

static const struct {
	const char *name;
	store_job_fn job;
	int64_t busy_pause_ms, idle_pause_ms;
} chore_table[CHORE_COUNT] = {
	[CHORE_PRUNE] = { "prune", prune_slice, SLICE_PAUSE_MS, LOOK_PAUSE_MS },
	[CHORE_SWEEP] = { "sweep", sweep_slice, SLICE_PAUSE_MS, LOOK_PAUSE_MS },
	[CHORE_REPLAY] = { "replay", replay_slice, REPLAY_PAUSE_MS, REPLAY_LOOK_PAUSE_MS },
};

static void on_slice_done(void *arg, int result)
{
	struct chore *chore = arg;
	struct janitor *janitor = chore->janitor;
	chore->running = false;
	/* A full disk is reported by the store itself, once. */
	if (result < 0 && result != -ENOSPC)
		log_warning("housekeeping failed", LOG_TEXT("chore", chore->name),
			    LOG_ERRNO(result));
	if (result == 0 && chore->enqueued > 0)
		janitor->hooks.on_enqueued(janitor->hooks.arg);
	if (!janitor->stopped)
		loop_timer_set(chore->timer, result == 0 && chore->more ? chore->busy_pause_ms
									: chore->idle_pause_ms);
}

static void on_chore_due(void *arg)
{
	struct chore *chore = arg;
	const struct config *config = chore->janitor->config;
	chore->retention = (struct store_retention){
		.delivered_ms = config->retention.delivered_ms,
		.dead_ms = config->retention.dead_ms,
		.events_ms = config->retention.events_ms,
		.sessions_ms = config->retention.sessions_ms,
	};
	chore->more = false;
	chore->enqueued = 0;
	chore->running = true;
	store_write(chore->janitor->store, chore->job, on_slice_done, chore);
}

static int read_gauges(struct store *store, void *arg)
{
	struct gauges *gauges = arg;
	store_sizes(store, &gauges->database_bytes, &gauges->wal_bytes);
	return store_delivery_totals(store, clock_now_ms(), &gauges->totals);
}

static void on_gauges_read(void *arg, int result)
{
	struct gauges *gauges = arg;
	gauges->running = false;
	if (result < 0)
		return;
	gauges->were_read = true;
	gauges->pending = gauges->totals.pending;
	metrics_set(METRIC_STORE_BYTES, metrics_label(METRIC_STORE_BYTES, "db"),
		    gauges->database_bytes);
	metrics_set(METRIC_STORE_BYTES, metrics_label(METRIC_STORE_BYTES, "wal"),
		    gauges->wal_bytes);
	metrics_set(METRIC_DELIVERIES, metrics_label(METRIC_DELIVERIES, "pending"),
		    gauges->totals.pending);
	metrics_set(METRIC_DELIVERIES, metrics_label(METRIC_DELIVERIES, "dead"),
		    gauges->totals.dead);
	int64_t due_at_ms = gauges->totals.oldest_due_at_ms, now_ms = clock_now_ms();
	metrics_set_real(METRIC_DELIVERIES_OLDEST_DUE_SECONDS,
			 due_at_ms > 0 && due_at_ms < now_ms ? (double)(now_ms - due_at_ms) / 1000
							     : 0);
}

/* The watchdog is fed only for real progress: this tick shows that the loop turns, and the store's
 * threads must either have nothing to do or have got on since the last time. */
static void feed_watchdog(struct janitor *janitor, int64_t now_mono_ms)
{
	if (janitor->watchdog_ms == 0 || now_mono_ms - janitor->fed_mono_ms < janitor->watchdog_ms)
		return;
	if (!store_thread_has_moved(janitor->store))
		return;
	janitor->fed_mono_ms = now_mono_ms;
	notify_send("WATCHDOG=1");
}

/* Once the gauges were read for the first time; a stop has a status of its own. */
static void tell_status(struct janitor *janitor, int64_t now_mono_ms)
{
	bool is_due = janitor->told_mono_ms == 0 ||
		      now_mono_ms - janitor->told_mono_ms >= STATUS_PAUSE_MS;
	if (janitor->stopped || !janitor->gauges.were_read || !is_due)
		return;
	janitor->told_mono_ms = now_mono_ms;
	int64_t live = metrics_value(METRIC_CREATORS, metrics_label(METRIC_CREATORS, "live"));
	int64_t others = metrics_value(METRIC_CREATORS, metrics_label(METRIC_CREATORS, "offline")) +
			 metrics_value(METRIC_CREATORS, metrics_label(METRIC_CREATORS, "unknown"));
	notify_send("STATUS=%swatching %" PRId64 " creators, %" PRId64 " live, %" PRId64
		    " deliveries pending",
		    store_thread_is_degraded(janitor->store) ? "the disk is full; " : "",
		    live + others, live, janitor->gauges.pending);
}

static void on_tick(void *arg)
{
	struct janitor *janitor = arg;
	int64_t now_mono_ms = clock_mono_ms();
	int64_t late_ms = now_mono_ms - janitor->ticked_mono_ms - TICK_MS;
	metrics_set_real(METRIC_LOOP_LAG_SECONDS, late_ms > 0 ? (double)late_ms / 1000.0 : 0);
	janitor->ticked_mono_ms = now_mono_ms;
	metrics_set(METRIC_STORE_JOBS_PENDING, 0, store_thread_pending(janitor->store));

	if (!janitor->gauges.running) {
		janitor->gauges.running = true;
		store_read(janitor->store, read_gauges, on_gauges_read, &janitor->gauges);
	}
	feed_watchdog(janitor, now_mono_ms);
	tell_status(janitor, now_mono_ms);
	loop_timer_set(janitor->tick, TICK_MS);
}

struct janitor *janitor_create(struct loop *loop, struct store_thread *store,
			       const struct config *config, const struct janitor_hooks *hooks)
{
	struct janitor *janitor = memory_zeroed(1, sizeof(*janitor));
	janitor->loop = loop;
	janitor->store = store;
	janitor->config = config;
	janitor->hooks = *hooks;
	janitor->watchdog_ms = notify_watchdog_ms();
	janitor->stopped = true;
	for (unsigned i = 0; i < CHORE_COUNT; i++) {
		struct chore *chore = &janitor->chores[i];
		chore->janitor = janitor;
		chore->name = chore_table[i].name;
		chore->job = chore_table[i].job;
		chore->busy_pause_ms = chore_table[i].busy_pause_ms;
		chore->idle_pause_ms = chore_table[i].idle_pause_ms;
		chore->timer = loop_timer_create(loop, on_chore_due, chore);
	}
	janitor->tick = loop_timer_create(loop, on_tick, janitor);
	return janitor;
}

void janitor_start(struct janitor *janitor)
{
	janitor->stopped = false;
	janitor->ticked_mono_ms = clock_mono_ms();
	loop_timer_set(janitor->tick, TICK_MS);
	for (unsigned i = 0; i < CHORE_COUNT; i++)
		loop_timer_set(janitor->chores[i].timer, janitor->chores[i].busy_pause_ms);
}

void janitor_stop(struct janitor *janitor)
{
	/* The tick goes on: the watchdog must be fed while the daemon drains. */
	janitor->stopped = true;
	for (unsigned i = 0; i < CHORE_COUNT; i++)
		loop_timer_cancel(janitor->chores[i].timer);
}

void janitor_destroy(struct janitor *janitor)
{
	if (!janitor)
		return;
	for (unsigned i = 0; i < CHORE_COUNT; i++)
		loop_timer_destroy(janitor->chores[i].timer);
	loop_timer_destroy(janitor->tick);
	free(janitor);
}
