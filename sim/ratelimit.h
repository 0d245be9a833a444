/* ratelimit - what a tier allows: batch, requests in any 60 seconds, requests in a UTC day.
 *
 * Pure: time is an argument. The minute is a sliding window in real time, because its reset is told
 * to clients in Unix seconds; the day is the caller's to count (its clock may run fast). What is
 * refused does not count.
 */
#ifndef GOLIVED_SIM_RATELIMIT_H
#define GOLIVED_SIM_RATELIMIT_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As the upstream documents them. */
struct sim_tier {
	const char *name;
	unsigned batch;
	unsigned per_minute;
	unsigned per_day;
};

/* "sandbox", "basic", "pro", "ultra", "global"; NULL for a name that is none. */
const struct sim_tier *sim_tier_find(const char *name);

/* The times of what happened in the last 60 seconds, in a ring that grows as it must. */
struct sim_window {
	int64_t *times_ms; /* owned */
	size_t first, count, capacity;
	size_t count_max; /* the most that ever were in one window */
};

void sim_window_finish(struct sim_window *window);
/* Forgets what is 60 s old or older. */
void sim_window_slide(struct sim_window *window, int64_t now_ms);
/* Slides, then adds now_ms. */
void sim_window_add(struct sim_window *window, int64_t now_ms);

struct sim_ratelimit {
	struct sim_tier tier; /* the limits in force */
	struct sim_window accepted;
	int64_t day; /* the UTC day that used_today is of */
	unsigned used_today;
};

enum sim_verdict { SIM_ALLOWED, SIM_MINUTE_EXCEEDED, SIM_DAY_EXCEEDED };

void sim_ratelimit_init(struct sim_ratelimit *limit, const struct sim_tier *tier);
void sim_ratelimit_finish(struct sim_ratelimit *limit);

/* May one more request pass at now_ms, in the UTC day `day`? It is counted if so. */
enum sim_verdict sim_ratelimit_take(struct sim_ratelimit *limit, int64_t now_ms, int64_t day);

/* Requests that the window has room for. */
unsigned sim_ratelimit_remaining(const struct sim_ratelimit *limit);
/* Unix seconds at which the window has room for one more than now; now if it is empty. */
int64_t sim_ratelimit_reset_s(const struct sim_ratelimit *limit, int64_t now_ms);

#endif
