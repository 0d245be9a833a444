#include "drain.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/metrics.h"

#include <stdlib.h>

enum {
	RETRIES_SPREAD_MS = 60000, /* so far apart are retries at random times */
	FEED_PIECE = 64,           /* events added in one job */
};

static int64_t attempts_delivered(void)
{
	return metrics_value(METRIC_ATTEMPTS, metrics_label(METRIC_ATTEMPTS, "delivered"));
}

/* ---- until everything is recorded ---- */

static int read_totals(struct store *store, void *arg)
{
	struct drain *drain = arg;
	return store_delivery_totals(store, clock_now_ms(), &drain->totals);
}

static void on_totals(void *arg, int result)
{
	struct drain *drain = arg;
	rig_must(result == 0, "the totals cannot be read");
	drain->is_asking = false;
	if (drain->totals.pending == 0)
		loop_stop(drain->rig->loop);
}

static void on_settled(void *arg)
{
	struct drain *drain = arg;
	if (drain->attempts_wanted == 0 || attempts_delivered() < drain->attempts_wanted ||
	    drain->is_asking)
		return;
	drain->is_asking = true;
	store_write(drain->rig->store, read_totals, on_totals, drain);
}

void drain_init(struct drain *drain, struct rig *rig)
{
	*drain = (struct drain){ .rig = rig };
	rig->on_settled = on_settled;
	rig->on_settled_arg = drain;
}

/* ---- a round ---- */

struct added_events {
	struct rig *rig;
	unsigned first, count;
};

static int add_events(struct store *store, void *arg)
{
	const struct added_events *added = arg;
	return rig_add_events(store, added->rig, added->first, added->count);
}

/* Those of one lane that are due by then have failed once, and come again at any time between then
 * and now. */
static int fail_lane(struct store *store, const char *webhook_id, unsigned max, int64_t then_ms,
		     int64_t now_ms, unsigned *failed)
{
	struct claimed_lane lane;
	struct outcome_effect effect;
	int result = store_claim(store, webhook_id, max, then_ms, NULL, &lane);
	if (result != 0)
		return result;
	for (unsigned i = 0; i < lane.claim_count && result == 0; i++) {
		const struct attempt_outcome outcome = {
			.delivery_key = lane.claims[i].delivery_key,
			.attempt = 1,
			.verdict = ATTEMPT_RETRY,
			.retry_at_ms = then_ms + 1 + rand() % (now_ms - then_ms),
			.started_at_ms = then_ms,
			.status_code = 500,
			.error = "http",
		};
		result = store_attempt_finish(store, &outcome, then_ms, &effect);
	}
	*failed += lane.claim_count;
	store_claimed_lane_finish(&lane);
	return result;
}

/* A first attempt lets the creator's next one go, so there are several rounds. */
static int fail_all(struct store *store, unsigned count, int64_t then_ms, int64_t now_ms)
{
	unsigned failed = 0;
	while (failed < count) {
		CLEANUP(cleanup_free) struct lane_due *lanes = NULL;
		unsigned lane_count;
		int result = store_lanes_list(store, &lanes, &lane_count);
		for (unsigned i = 0; i < lane_count && result == 0; i++)
			result = fail_lane(store, lanes[i].webhook_id, count, then_ms, now_ms,
					   &failed);
		if (result != 0)
			return result;
	}
	return 0;
}

static int add_failed_events(struct store *store, void *arg)
{
	const struct added_events *added = arg;
	int64_t now_ms = clock_now_ms();
	int result = rig_add_events(store, added->rig, added->first, added->count);
	return result == 0 ? fail_all(store, added->count, now_ms - added->rig->backdated_ms / 2,
				      now_ms)
			   : result;
}

static struct measure run_added(struct drain *drain, store_job_fn add, unsigned count)
{
	struct added_events added = { drain->rig, drain->added + 1, count };
	drain->added += count;
	drain->attempts_wanted = attempts_delivered() + count;
	rig_do(drain->rig, add, &added);
	int64_t started_us = clock_mono_us(), cpu_us = rig_cpu_us();
	dispatcher_wake(drain->rig->dispatcher);
	loop_run(drain->rig->loop);
	drain->attempts_wanted = 0;
	return (struct measure){
		.per_s = count * 1e6 / (double)(clock_mono_us() - started_us),
		.cpu_us = (double)(rig_cpu_us() - cpu_us) / count,
	};
}

struct measure drain_run(struct drain *drain, unsigned count)
{
	return run_added(drain, add_events, count);
}

struct measure drain_retries(struct drain *drain, unsigned count)
{
	drain->rig->backdated_ms = RETRIES_SPREAD_MS * 2;
	struct measure measure = run_added(drain, add_failed_events, count);
	drain->rig->backdated_ms = 0;
	return measure;
}

/* ---- while events are added ---- */

struct feed {
	struct drain *drain;
	struct added_events piece;
	unsigned left;
};

static int add_piece(struct store *store, void *arg)
{
	struct feed *feed = arg;
	return add_events(store, &feed->piece);
}

static void feed_more(struct feed *feed);

static void on_fed(void *arg, int result)
{
	struct feed *feed = arg;
	rig_must(result == 0, "events cannot be added");
	dispatcher_wake(feed->drain->rig->dispatcher);
	feed_more(feed);
}

/* The next piece goes to the store as soon as the one before is committed, so that the store has
 * both to do all the time. */
static void feed_more(struct feed *feed)
{
	feed->piece.count = feed->left < FEED_PIECE ? feed->left : FEED_PIECE;
	feed->piece.first = feed->drain->added + 1;
	feed->left -= feed->piece.count;
	feed->drain->added += feed->piece.count;
	if (feed->piece.count > 0)
		store_write(feed->drain->rig->store, add_piece, on_fed, feed);
}

double drain_fed(struct drain *drain, unsigned count)
{
	struct feed feed = { .drain = drain, .piece.rig = drain->rig, .left = count };
	drain->attempts_wanted = attempts_delivered() + count;
	int64_t started_us = clock_mono_us();
	feed_more(&feed);
	loop_run(drain->rig->loop);
	drain->attempts_wanted = 0;
	return count * 1e6 / (double)(clock_mono_us() - started_us);
}

/* ---- of several rounds ---- */

static int compare(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;
	return (one > other) - (one < other);
}

double median_of(double *values, unsigned count)
{
	qsort(values, count, sizeof(values[0]), compare);
	return values[count / 2];
}

struct measure median_measure(const struct measure *measures, unsigned count)
{
	CLEANUP(cleanup_free) double *per_s = memory_zeroed(count, sizeof(*per_s));
	CLEANUP(cleanup_free) double *cpu_us = memory_zeroed(count, sizeof(*cpu_us));
	for (unsigned i = 0; i < count; i++) {
		per_s[i] = measures[i].per_s;
		cpu_us[i] = measures[i].cpu_us;
	}
	return (struct measure){ median_of(per_s, count), median_of(cpu_us, count) };
}
