/* counters - how often each of many texts was met. */
#ifndef GOLIVED_SIM_COUNTERS_H
#define GOLIVED_SIM_COUNTERS_H

#include <stdint.h>

struct sim_counters {
	void *by_text; /* owned tree; zero-initialise the struct */
};

void sim_counters_finish(struct sim_counters *counters); /* may be used again */

/* Counts one more of that text; the result is how many there were before. */
uint64_t sim_counters_add(struct sim_counters *counters, const char *text);

/* In the order of the texts. */
typedef void (*sim_counter_fn)(void *arg, const char *text, uint64_t count);
void sim_counters_each(const struct sim_counters *counters, sim_counter_fn fn, void *arg);

#endif
