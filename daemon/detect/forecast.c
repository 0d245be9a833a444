#include "detect/forecast.h"

#include "base/clock.h"

#include <math.h>
#include <string.h>

enum {
	MINUTE_MS = 60 * 1000,
	HOUR_MS = 60 * MINUTE_MS,
	ROUND_MS = 5 * MINUTE_MS,
	SAMPLE = 1000, /* creators a round */
};

/* Each creator stands for the hour at another minute of it: lives like to start on the hour. */
static void forecast_add(struct forecast *forecast, const struct roster *roster, size_t place)
{
	const struct habit *habit = &roster->habits[place];
	int64_t first_ms =
		forecast->day * PACE_HOURS * HOUR_MS + (int64_t)(place * 37 % 60) * MINUTE_MS;
	double weight = planner_weight(roster->plans[place].priority);
	for (unsigned hour = 0; hour < PACE_HOURS; hour++) {
		double rate = habit_start_rate(habit, &roster->crowd, first_ms + hour * HOUR_MS);
		forecast->sums[hour] += sqrt(weight * rate);
	}
}

void forecast_step(struct forecast *forecast, const struct roster *roster, int64_t now_ms,
		   int64_t every_ms)
{
	size_t stride = (roster->count + SAMPLE - 1) / SAMPLE;
	size_t share = (size_t)((SAMPLE * every_ms + ROUND_MS - 1) / ROUND_MS);
	int64_t day = clock_utc_day(now_ms + ROUND_MS); /* when the round is done */
	if (roster->count == 0 || (forecast->place == 0 && forecast->day == day))
		return;
	if (forecast->place == 0) {
		memset(forecast->sums, 0, sizeof(forecast->sums));
		forecast->day = day;
	}
	for (; share > 0 && forecast->place < roster->count; share--, forecast->place += stride)
		if (roster->entries[forecast->place].is_taken)
			forecast_add(forecast, roster, forecast->place);
	if (forecast->place < roster->count)
		return;
	memcpy(forecast->worth, forecast->sums, sizeof(forecast->worth));
	forecast->place = 0;
}

struct pace forecast_pace(const struct forecast *forecast, const struct roster *roster,
			  const struct quota *quota, size_t size, int64_t max_interval_ms)
{
	int64_t sweep_ms = planner_sweep_ms(roster->watched, size, quota_day_pace_ms(quota), 0);
	return pace_of(forecast->worth, pace_least(sweep_ms, max_interval_ms),
		       pace_most(quota->requests_per_minute, quota->requests_per_day));
}
