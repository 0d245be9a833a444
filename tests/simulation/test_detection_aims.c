/* What the planner, the quota and the habits are to reach together, in short: fewer creators and
 * days than `./dev bench detection` measures, with bounds as much wider as luck needs. What
 * golived is for stands or falls with them, and a planner that only takes turns fails them. The
 * quota has the proportions of Basic for 1,000 creators.
 */
#include "bench/campaign.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define MONDAY INT64_C(1780272000000) /* 2026-06-01T00:00:00Z */

enum {
	CREATORS = 200,
	BATCH = 10,
	PER_MINUTE = 12,
	PER_DAY = 2000,
	MINUTE_MS = 60 * 1000,
	MAX_INTERVAL_MS = 30 * MINUTE_MS,
	SEED = 1,
};

static const int64_t day_ms = 24 * 60 * (int64_t)MINUTE_MS;

/* The most that is good, as a part of what taking turns gives. */
struct aims {
	double mean, p95, p99, ends, last_week;
};

struct trial {
	struct stage stage;
	struct campaign_options options;
	struct campaign_result uniform, learned;
	unsigned failures;
};

static void trial_run(struct trial *trial, enum mix mix, int warm_up_days, int days)
{
	int64_t measured_ms = MONDAY + warm_up_days * day_ms;
	int64_t until_ms = measured_ms + days * day_ms;
	*trial = (struct trial){ 0 };
	stage_make(&trial->stage, mix, CREATORS, SEED, MONDAY, measured_ms + days * day_ms / 2,
		   until_ms);
	trial->options = campaign_usual();
	trial->options.batch = BATCH;
	trial->options.per_minute = PER_MINUTE;
	trial->options.per_day = PER_DAY;
	trial->options.max_interval_ms = MAX_INTERVAL_MS;
	trial->options.measured_from_ms = measured_ms;
	trial->options.until_ms = until_ms;
	trial->options.seed = SEED;
	trial->options.policy = CAMPAIGN_UNIFORM;
	campaign_run(&trial->stage, &trial->options, &trial->uniform);
	trial->options.policy = CAMPAIGN_LEARNED;
	campaign_run(&trial->stage, &trial->options, &trial->learned);
}

static void expect_at_most(struct trial *trial, const char *what, double came, double wanted)
{
	if (came <= wanted)
		return;
	print_error("%s: %.3f came, at most %.3f was wanted\n", what, came, wanted);
	trial->failures++;
}

static double of_uniform(const struct delays *learned, const struct delays *uniform, double share)
{
	return delays_quantile(learned, share) / delays_quantile(uniform, share);
}

static double week_of_uniform(const struct trial *trial, int week)
{
	const struct campaign_result *learned = &trial->learned, *uniform = &trial->uniform;
	return learned->week_sum[week] / (double)learned->week_count[week] /
	       (uniform->week_sum[week] / (double)uniform->week_count[week]);
}

static void trial_check(struct trial *trial, const struct aims *aims, int days)
{
	const struct campaign_result *learned = &trial->learned, *uniform = &trial->uniform;
	expect_at_most(trial, "mean delay of starts, of uniform's",
		       delays_mean(&learned->starts) / delays_mean(&uniform->starts), aims->mean);
	expect_at_most(trial, "its p95", of_uniform(&learned->starts, &uniform->starts, 0.95),
		       aims->p95);
	expect_at_most(trial, "its p99", of_uniform(&learned->starts, &uniform->starts, 0.99),
		       aims->p99);
	expect_at_most(trial, "its mean in the last week", week_of_uniform(trial, days / 7 - 1),
		       aims->last_week);
	expect_at_most(trial, "mean delay of ends, of uniform's",
		       delays_mean(&learned->ends) / delays_mean(&uniform->ends), aims->ends);
	expect_at_most(trial, "lives missed, with uniform's the most", (double)learned->missed,
		       (double)uniform->missed);
	expect_at_most(trial, "events that were false or came twice",
		       (double)(learned->false_events + learned->duplicate_events), 0);
	expect_at_most(trial, "requests, with uniform's and 1 in 1,000 the most",
		       (double)learned->requests, (double)uniform->requests * 1.001);
	expect_at_most(trial, "requests in a minute", (double)learned->fullest_minute, PER_MINUTE);
	expect_at_most(trial, "requests in a day", (double)learned->fullest_day, PER_DAY);
	expect_at_most(trial, "minutes that somebody waited",
		       (double)learned->worst_gap_ms / MINUTE_MS,
		       (double)MAX_INTERVAL_MS / MINUTE_MS);
}

static void reach(enum mix mix, int warm_up_days, int days, const struct aims *aims)
{
	struct trial trial;
	trial_run(&trial, mix, warm_up_days, days);
	trial_check(&trial, aims, days);
	unsigned failures = trial.failures;
	campaign_finish(&trial.uniform);
	campaign_finish(&trial.learned);
	stage_finish(&trial.stage);
	if (failures > 0)
		fail_msg("%s lives, %d creators, seed %d: %u aims were missed", mix_name(mix),
			 CREATORS, SEED, failures);
}

static void who_has_habits_is_found_much_sooner_than_by_turns(void **state)
{
	(void)state;
	reach(MIX_HABITUAL, 14, 7,
	      &(struct aims){
		      .mean = 0.52, .p95 = 0.85, .p99 = 1.30, .ends = 0.42, .last_week = 0.52 });
}

/* Here luck is larger than the gain of 5 % that the benchmark measures; but a planner that believes
 * in habits where there are none is worse than this, and one that takes turns is late with ends. */
static void who_has_none_is_found_as_soon_and_their_ends_sooner(void **state)
{
	(void)state;
	reach(MIX_IRREGULAR, 14, 7,
	      &(struct aims){
		      .mean = 1.03, .p95 = 1.2, .p99 = 1.6, .ends = 0.72, .last_week = 1.03 });
}

static void habits_that_move_are_found_again_within_two_weeks(void **state)
{
	(void)state;
	reach(MIX_SHIFTED, 14, 28,
	      &(struct aims){
		      .mean = 0.55, .p95 = 0.85, .p99 = 1.30, .ends = 0.42, .last_week = 0.50 });
}

static void a_service_that_is_often_wrong_makes_nothing_false_or_double(void **state)
{
	(void)state;
	enum { SEEDS = 5 };
	for (uint64_t seed = SEED; seed < SEED + SEEDS; seed++) {
		struct stage stage;
		struct campaign_result result;
		struct campaign_options options = campaign_usual();
		options.policy = CAMPAIGN_LEARNED;
		options.is_faulty = true;
		options.seed = seed;
		options.measured_from_ms = MONDAY + day_ms;
		options.until_ms = MONDAY + 3 * day_ms;
		stage_make(&stage, MIX_FAULTY, CREATORS, seed, MONDAY, INT64_MAX, options.until_ms);
		campaign_run(&stage, &options, &result);
		if (result.false_events > 0 || result.duplicate_events > 0 || result.missed > 0)
			fail_msg("seed %" PRIu64 ", %" PRId64 " lives: %" PRId64
				 " false events, %" PRId64 " twice, %" PRId64 " lives missed",
				 seed, result.lives, result.false_events, result.duplicate_events,
				 result.missed);
		campaign_finish(&result);
		stage_finish(&stage);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_has_habits_is_found_much_sooner_than_by_turns),
		cmocka_unit_test(who_has_none_is_found_as_soon_and_their_ends_sooner),
		cmocka_unit_test(habits_that_move_are_found_again_within_two_weeks),
		cmocka_unit_test(a_service_that_is_often_wrong_makes_nothing_false_or_double),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
