/* drain - a number of deliveries through a rig, timed: they are committed before the time starts,
 * and all answered and recorded when it ends. CPU is that of the whole process.
 *
 *   in:   a rig whose dispatcher is started, and how many
 *   out:  deliveries a second, and CPU of each
 *   not:  two rigs at once: attempts are counted for the whole process
 */
#ifndef GOLIVED_BENCH_DRAIN_H
#define GOLIVED_BENCH_DRAIN_H

#include "rig.h"

#include "db/deliveries.h"

struct measure {
	double per_s, cpu_us;
};

struct drain {
	struct rig *rig;
	unsigned added; /* events */

	int64_t attempts_wanted; /* of METRIC_ATTEMPTS: then everything may be recorded */
	bool is_asking;
	struct delivery_totals totals;
};

/* The rig's on_settled is the drain's from then on; it stays where it is. */
void drain_init(struct drain *drain, struct rig *rig);

struct measure drain_run(struct drain *drain, unsigned count);

/* The same of deliveries that have failed once, each due at a time of its own within the last
 * minute, in no order. */
struct measure drain_retries(struct drain *drain, unsigned count);

/* Deliveries a second where the events are enqueued meanwhile, by the same store, as fast as it
 * does: what the whole of it sustains. */
double drain_fed(struct drain *drain, unsigned count);

/* Sorts the values. */
double median_of(double *values, unsigned count);
struct measure median_measure(const struct measure *measures, unsigned count);

#endif
