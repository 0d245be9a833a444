/* planning - what keeping and planning many creators takes, without store and service: a roster of
 * creators whose habits are all known, asked about at a steady rate in virtual time. */
#ifndef GOLIVED_BENCH_PLANNING_H
#define GOLIVED_BENCH_PLANNING_H

enum { PLANNING_SECONDS = 60 };

struct planning_pace {
	unsigned size; /* of a batch */
	double per_minute;
};

struct planning_cost {
	double pick_ms; /* CPU of one pick */
	double cpu_ms;  /* CPU of a second: its picks, and what renews the expectations */
};

struct planning {
	double bytes; /* of memory, of each creator */
	struct planning_cost slow, fast;
};

/* For so long at either pace. */
struct planning planning_measure(unsigned creators, const struct planning_pace *slow,
				 const struct planning_pace *fast);

#endif
