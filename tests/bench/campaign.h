/* campaign - polls a stage in virtual time with the daemon's own planner, quota, habits, detector
 * and guard against mass flips, and compares the events with the truth.
 */
#ifndef GOLIVED_BENCH_CAMPAIGN_H
#define GOLIVED_BENCH_CAMPAIGN_H

#include "sessions.h"

enum campaign_policy { CAMPAIGN_UNIFORM, CAMPAIGN_LEARNED, CAMPAIGN_ORACLE, CAMPAIGN_POLICIES };

struct campaign_options {
	enum campaign_policy policy;
	int64_t batch, per_minute, per_day;
	int64_t measured_from_ms; /* the warm-up is over */
	int64_t until_ms;
	bool is_faulty;
	uint64_t seed;
	double haste_h;
	int64_t max_interval_ms;
	bool is_even; /* the day's requests are spread evenly, not by the hours' worth */
};

enum { CAMPAIGN_WEEKS = 64 };

struct delays {
	double *seconds; /* owned; sorted */
	size_t count, capacity;
};

struct campaign_result {
	struct delays starts, ends;
	int64_t requests, lives, missed, false_events, duplicate_events;
	int64_t fullest_minute, fullest_day;
	int64_t worst_gap_ms;
	double week_sum[CAMPAIGN_WEEKS]; /* start delays by week of the measured time */
	int64_t week_count[CAMPAIGN_WEEKS];
	double cpu_s;
};

/* Basic quota and the daemon's default settings; whom it is about, when and by which policy is to
 * be filled in. */
struct campaign_options campaign_usual(void);

void campaign_run(const struct stage *stage, const struct campaign_options *options,
		  struct campaign_result *ret_result);
void campaign_finish(struct campaign_result *result);

double delays_mean(const struct delays *delays);
/* share: 0.95 is p95, 1 the worst. */
double delays_quantile(const struct delays *delays, double share);

#endif
