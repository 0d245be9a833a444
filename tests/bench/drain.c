#include "drain.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/metrics.h"

#include <stdlib.h>

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

struct measure drain_run(struct drain *drain, unsigned count)
{
	struct added_events added = { drain->rig, drain->added + 1, count };
	drain->added += count;
	drain->attempts_wanted = attempts_delivered() + count;
	rig_do(drain->rig, add_events, &added);
	int64_t started_us = clock_mono_us(), cpu_us = rig_cpu_us();
	dispatcher_wake(drain->rig->dispatcher);
	loop_run(drain->rig->loop);
	drain->attempts_wanted = 0;
	return (struct measure){
		.per_s = count * 1e6 / (double)(clock_mono_us() - started_us),
		.cpu_us = (double)(rig_cpu_us() - cpu_us) / count,
	};
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
