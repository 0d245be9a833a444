/* fast_clock - simulated time: real time, from a start of one's choice, perhaps faster.
 *
 * Creators live by the simulated clock, and so do the days of the quota. What clients compare with
 * their own clock stays real: the minute of the rate limit, and the time inside a room id, without
 * which a daemon would take rooms for rooms of the future or of last week.
 */
#ifndef GOLIVED_SIM_FAST_CLOCK_H
#define GOLIVED_SIM_FAST_CLOCK_H

#include <stdint.h>

struct sim_fast_clock {
	int64_t real_start_ms, simulated_start_ms;
	double speed; /* simulated seconds in a real one; above 0 */
};

static inline int64_t sim_fast_clock_now(const struct sim_fast_clock *clock, int64_t real_ms)
{
	return clock->simulated_start_ms +
	       (int64_t)((double)(real_ms - clock->real_start_ms) * clock->speed);
}

/* The real time at which the simulated clock shows simulated_ms. */
static inline int64_t sim_fast_clock_real(const struct sim_fast_clock *clock, int64_t simulated_ms)
{
	return clock->real_start_ms +
	       (int64_t)((double)(simulated_ms - clock->simulated_start_ms) / clock->speed);
}

#endif
