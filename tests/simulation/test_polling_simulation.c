/* A day of polling in virtual time: planner and quota together, against a service that answers at
 * once. What is promised of a day must hold for each policy: the limits, the intervals, the turns.
 */
#include "detect/planner.h"
#include "detect/quota.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIDNIGHT INT64_C(1781740800000) /* 2026-06-18T00:00:00Z */

enum {
	SECOND = 1000,
	MINUTE = 60 * SECOND,
	HOUR = 60 * MINUTE,
	DAY = 24 * HOUR,
	CREATORS = 1000,
	BATCH = 10,
	PER_MINUTE = 60,
	PER_DAY = 10000,
	LIVE = 100, /* the first ones are live all day */
};

struct day {
	struct planner_rules rules;
	struct planner_entry entries[CREATORS];
	struct quota quota;
	unsigned requests;
	unsigned slots;
	int64_t longest_ms[2]; /* offline, live */
	double sum_ms[2];
	unsigned gaps[2];
	int64_t sent_ms[PER_DAY];
};

static void day_check(struct day *day, size_t place, int64_t now_ms)
{
	struct planner_entry *entry = &day->entries[place];
	int64_t gap_ms = now_ms - entry->last_checked_at_ms;
	if (entry->last_checked_at_ms > 0) {
		assert_true(gap_ms >= day->rules.min_interval_ms);
		if (gap_ms > day->longest_ms[entry->is_live])
			day->longest_ms[entry->is_live] = gap_ms;
		day->sum_ms[entry->is_live] += (double)gap_ms;
		day->gaps[entry->is_live]++;
	}
	entry->last_checked_at_ms = now_ms;
	entry->is_swept = true;
}

static void day_run(struct day *day, enum config_policy policy, size_t creators)
{
	size_t picks[BATCH];
	memset(day, 0, sizeof(*day));
	quota_init(&day->quota, MIDNIGHT, 0);
	quota_set_limits(&day->quota, PER_MINUTE, PER_DAY, 10, false);
	for (size_t i = 0; i < creators; i++)
		day->entries[i] = (struct planner_entry){ .is_waiting = true,
							  .is_live = i < LIVE,
							  .priority = PRIORITY_NORMAL };
	for (int64_t at_ms = 0; at_ms < DAY;) {
		int64_t now_ms = MIDNIGHT + at_ms;
		struct planner_batch batch;
		day->rules = (struct planner_rules){
			.policy = policy,
			.min_interval_ms = MINUTE,
			.max_interval_ms = 30 * MINUTE,
			.quarantine_interval_ms = HOUR,
			.haste_h = PLANNER_HASTE_H,
			.sweep_ms = planner_sweep_ms(creators, BATCH,
						     quota_pace_ms(&day->quota, now_ms), MINUTE),
		};
		planner_pick(&day->rules, day->entries, creators, BATCH, now_ms, picks, &batch);
		int64_t wait_ms = batch.count == 0 ? batch.next_at_ms - now_ms
						   : quota_wait_ms(&day->quota, QUOTA_ORDINARY,
								   now_ms, at_ms);
		if (wait_ms == 0) {
			assert_true(day->requests < PER_DAY);
			day->sent_ms[day->requests++] = at_ms;
			day->slots += (unsigned)batch.count;
			quota_take(&day->quota, now_ms, at_ms);
			quota_sent(&day->quota, at_ms);
			quota_ended(&day->quota);
			for (size_t i = 0; i < batch.count; i++)
				day_check(day, picks[i], now_ms);
		}
		at_ms += wait_ms;
	}
	for (unsigned i = PER_MINUTE; i < day->requests; i++)
		assert_true(day->sent_ms[i] - day->sent_ms[i - PER_MINUTE] >= MINUTE);
}

static struct day *day_create(void)
{
	return calloc(1, sizeof(struct day));
}

static void uniform_gives_everyone_their_turn(void **state)
{
	(void)state;
	struct day *day = day_create();
	day_run(day, POLICY_UNIFORM, CREATORS);
	assert_true(day->requests > PER_DAY * 97 / 100);
	assert_int_equal(day->slots, day->requests * BATCH); /* every batch full */
	/* 10,000 requests of 10 for 1,000: a turn is 14.4 minutes, 16 with the reserve. */
	if (day->longest_ms[0] > 17 * MINUTE || day->longest_ms[1] > 17 * MINUTE)
		fail_msg("somebody waited %lld s", (long long)day->longest_ms[0] / 1000);
	free(day);
}

static void learned_looks_at_the_live_more_often_and_keeps_max_interval(void **state)
{
	(void)state;
	struct day *day = day_create();
	day_run(day, POLICY_LEARNED, CREATORS);
	double offline_s = day->sum_ms[0] / day->gaps[0] / 1000;
	double live_s = day->sum_ms[1] / day->gaps[1] / 1000;
	if (live_s > 0.6 * offline_s || offline_s > 20 * 60)
		fail_msg("live every %.0f s, offline every %.0f s", live_s, offline_s);
	if (day->longest_ms[0] > 30 * MINUTE)
		fail_msg("somebody waited %lld s", (long long)day->longest_ms[0] / 1000);
	assert_int_equal(day->slots, day->requests * BATCH);
	free(day);
}

static void a_short_list_is_asked_about_every_min_interval(void **state)
{
	(void)state;
	struct day *day = day_create();
	day_run(day, POLICY_LEARNED, BATCH);
	assert_int_equal(day->requests, DAY / MINUTE);
	assert_int_equal(day->longest_ms[1], MINUTE);
	free(day);
}

/* Creators who came to be watched at times a tenth of a second apart, in batches that would hold
 * them all: their turns fall together within a few intervals. */
static void those_added_one_by_one_soon_share_their_batches(void **state)
{
	(void)state;
	enum { ADDED = 20, ROUNDS = 5 };
	static const struct planner_rules rules = {
		.policy = POLICY_LEARNED,
		.min_interval_ms = 2 * SECOND,
		.max_interval_ms = 30 * MINUTE,
		.quarantine_interval_ms = HOUR,
		.sweep_ms = 2 * SECOND,
	};
	struct planner_entry entries[ADDED];
	int64_t settled_ms = MIDNIGHT + 3 * rules.min_interval_ms;
	int64_t end_ms = settled_ms + ROUNDS * rules.min_interval_ms;
	unsigned requests = 0, checks = 0;
	for (int i = 0; i < ADDED; i++)
		entries[i] = (struct planner_entry){ .is_waiting = true,
						     .is_swept = true,
						     .priority = PRIORITY_NORMAL,
						     .last_checked_at_ms = MIDNIGHT - i * 100 };
	for (int64_t now_ms = MIDNIGHT; now_ms < end_ms;) {
		size_t picks[ADDED * 2];
		struct planner_batch batch;
		planner_pick(&rules, entries, ADDED, ADDED * 2, now_ms, picks, &batch);
		for (size_t i = 0; i < batch.count; i++)
			entries[picks[i]].last_checked_at_ms = now_ms;
		requests += batch.count > 0 && now_ms >= settled_ms;
		checks += now_ms >= settled_ms ? (unsigned)batch.count : 0;
		now_ms = batch.count > 0 ? now_ms + 1 : batch.next_at_ms;
	}
	if (requests > ROUNDS || checks < (ROUNDS - 1) * ADDED)
		fail_msg("%u creators in %u intervals: %u checks in %u requests", ADDED, ROUNDS,
			 checks, requests);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uniform_gives_everyone_their_turn),
		cmocka_unit_test(learned_looks_at_the_live_more_often_and_keeps_max_interval),
		cmocka_unit_test(a_short_list_is_asked_about_every_min_interval),
		cmocka_unit_test(those_added_one_by_one_soon_share_their_batches),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
