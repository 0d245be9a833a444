/* pace - how the requests of a UTC day are shared out among its hours.
 *
 *   in:   what checks are worth in each hour, how far hours may differ, the time
 *   out:  what a moment gets of the requests that are left of the day
 *   not:  what the hours are worth (forecast), counting requests (quota)
 *
 * Pure. If lives start with the intensities λ_i in an hour with C checks, shared out as is best,
 * the expected delay adds up to (Σ√λ_i)²/2C; so over the hours of a day it is least with C in
 * proportion to Σ√λ_i. That is kept as it is where it can be; but no hour gets less than a given
 * share of an even one, for whom nobody expects anything of, and none more than the minute's limit
 * allows.
 */
#ifndef GOLIVED_DETECT_PACE_H
#define GOLIVED_DETECT_PACE_H

#include <stdint.h>

enum { PACE_HOURS = 24 };

/* Shares of the hours, 1 on average. All zero: nothing is known, so all alike. */
struct pace {
	double shares[PACE_HOURS];
};

/* worth: relative. No hour gets less than least or more than most of an even share: the hours are
 * made as much alike as that takes. least is 1 at most, most 1 at least. */
struct pace pace_of(const double worth[PACE_HOURS], double least, double most);

/* The share of this hour: 1 is an even one. */
double pace_share(const struct pace *pace, int64_t now_ms);

/* The rest of the UTC day, in even hours: 24 at midnight. */
double pace_rest(const struct pace *pace, int64_t now_ms);
/* How long it takes until no more than that is left of the day. */
int64_t pace_wait_ms(const struct pace *pace, int64_t now_ms, double rest);
/* Of the rest of the UTC day: how much of it is now, by the millisecond. */
double pace_rate(const struct pace *pace, int64_t now_ms);

/* The shortest share of an hour in which everybody is still asked about within max_interval, if a
 * sweep takes sweep_ms in an even one: with room for those who are asked about more often. */
double pace_least(int64_t sweep_ms, int64_t max_interval_ms);

/* The largest share that leaves some of each minute to confirmations. */
double pace_most(int64_t requests_per_minute, int64_t requests_per_day);

#endif
