/* planning - what keeping and planning many creators takes, without store and service: a roster of
 * creators whose habits are all known, asked about at a steady rate in virtual time. */
#ifndef GOLIVED_BENCH_PLANNING_H
#define GOLIVED_BENCH_PLANNING_H

struct planning {
	double bytes;   /* of memory, of each creator */
	double pick_ms; /* CPU of one pick */
	double cpu_ms;  /* CPU of a second: its picks, and what renews the expectations */
};

/* size: of a batch. */
struct planning planning_measure(unsigned creators, unsigned size, double picks_per_minute,
				 unsigned seconds);

#endif
