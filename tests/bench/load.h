/* load - a steady stream of events into a rig, each stamped when its commit is known. */
#ifndef GOLIVED_BENCH_LOAD_H
#define GOLIVED_BENCH_LOAD_H

#include "rig.h"
#include "sink.h"

/* For so long, events from number first on; returns the number behind the last one. */
unsigned load_run(struct rig *rig, struct sink *sink, unsigned first, double per_s,
		  int64_t duration_ms);

/* Runs the loop for so long. */
void load_settle(struct rig *rig, int64_t duration_ms);

/* The log is written as in the daemon, one line for each attempt, to nowhere. */
void load_quiet_log(void);

#endif
