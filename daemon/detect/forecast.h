/* forecast - what checks are worth in each hour of the UTC day, from everybody's habits.
 *
 *   in:   the roster
 *   out:  how the hours are to share the day's requests
 *   not:  holding them to it (quota)
 *
 * A round through the roster is made after a start and before each UTC day. It takes minutes, a few
 * creators at a time; a thousand of them, evenly apart, tell about all. Nothing of it needs to be
 * kept over a restart: it comes from the habits, and they from the sessions on disk.
 */
#ifndef GOLIVED_DETECT_FORECAST_H
#define GOLIVED_DETECT_FORECAST_H

#include "detect/pace.h"
#include "detect/quota.h"
#include "detect/roster.h"

/* All zero: nothing is known. */
struct forecast {
	double worth[PACE_HOURS]; /* of the last whole round */
	double sums[PACE_HOURS];  /* of this one */
	int64_t day;              /* UTC; which this round is about, or the last one was */
	size_t place;             /* where it goes on; 0: none is on */
};

/* Looks at the next creators; to be called every second, or every_ms. */
void forecast_step(struct forecast *forecast, const struct roster *roster, int64_t now_ms,
		   int64_t every_ms);

/* The shares that follow, if everybody is to be asked about within max_interval in batches of size.
 */
struct pace forecast_pace(const struct forecast *forecast, const struct roster *roster,
			  const struct quota *quota, size_t size, int64_t max_interval_ms);

#endif
