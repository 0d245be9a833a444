#include "detect/pace.h"

#include <math.h>

enum { HOUR_MS = 60 * 60 * 1000, MINUTES_PER_DAY = 24 * 60 };

/* However little an hour promises; and of a minute's limit. */
static const double least_at_all = 0.5, most_of_a_minute = 0.8;
static const double sweeps_in_max_interval = 1.75;

static double share_of(const struct pace *pace, int64_t hour)
{
	double share = pace->shares[hour % PACE_HOURS];
	return share > 0 ? share : 1;
}

/* How much of the deviation from 1 is left, so that a deviation of furthest is within reach. */
static double part_kept(double furthest, double reach, double part)
{
	return furthest * part > reach ? reach / furthest : part;
}

struct pace pace_of(const double worth[PACE_HOURS], double least, double most)
{
	struct pace pace = { 0 };
	double mean = 0, lowest = INFINITY, highest = 0, part = 1;
	for (unsigned hour = 0; hour < PACE_HOURS; hour++) {
		mean += worth[hour] / PACE_HOURS;
		lowest = fmin(lowest, worth[hour]);
		highest = fmax(highest, worth[hour]);
	}
	if (!(mean > 0))
		return pace;
	part = part_kept(1 - lowest / mean, 1 - least, part);
	part = part_kept(highest / mean - 1, most - 1, part);
	for (unsigned hour = 0; hour < PACE_HOURS; hour++)
		pace.shares[hour] = 1 + part * (worth[hour] / mean - 1);
	return pace;
}

double pace_share(const struct pace *pace, int64_t now_ms)
{
	return share_of(pace, now_ms / HOUR_MS);
}

double pace_rest(const struct pace *pace, int64_t now_ms)
{
	int64_t hour = now_ms / HOUR_MS;
	double rest = share_of(pace, hour) * (double)((hour + 1) * HOUR_MS - now_ms) / HOUR_MS;
	for (int64_t later = hour + 1; later % PACE_HOURS != 0; later++)
		rest += share_of(pace, later);
	return rest;
}

int64_t pace_wait_ms(const struct pace *pace, int64_t now_ms, double rest)
{
	double passing = pace_rest(pace, now_ms) - rest, wait_ms = 0;
	for (int64_t at_ms = now_ms; passing > 0;) {
		int64_t hour = at_ms / HOUR_MS;
		double left_ms = (double)((hour + 1) * HOUR_MS - at_ms);
		double share = share_of(pace, hour);
		if (passing * HOUR_MS <= share * left_ms)
			return (int64_t)ceil(wait_ms + passing * HOUR_MS / share);
		passing -= share * left_ms / HOUR_MS;
		wait_ms += left_ms;
		at_ms = (hour + 1) * HOUR_MS;
	}
	return (int64_t)wait_ms;
}

double pace_rate(const struct pace *pace, int64_t now_ms)
{
	return pace_share(pace, now_ms) / (pace_rest(pace, now_ms) * HOUR_MS);
}

double pace_least(int64_t sweep_ms, int64_t max_interval_ms)
{
	double least = sweeps_in_max_interval * (double)sweep_ms / (double)max_interval_ms;
	return fmin(fmax(least, least_at_all), 1);
}

double pace_most(int64_t requests_per_minute, int64_t requests_per_day)
{
	double even = (double)requests_per_day / MINUTES_PER_DAY;
	return fmax(most_of_a_minute * (double)requests_per_minute / even, 1);
}
