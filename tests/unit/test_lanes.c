#include "deliver/lanes.h"

#include "base/attrs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { QUICK_MS = 50, SLOW_MS = 5000 };

static const struct lanes_limits usual = { .total = 64, .per_lane = 8 };

/* Grants and claims as a dispatcher does whose store has everything that is asked for. */
static unsigned claim(struct lanes *lanes, const char *id, unsigned max, int64_t now_ms)
{
	struct lanes_grant grant;
	int64_t first_ms, spacing_ms;
	if (!lanes_grant(lanes, now_ms, &grant))
		return 0;
	assert_string_equal(grant.webhook_id, id);
	unsigned claimed = grant.count < max ? grant.count : max;
	lanes_claimed(lanes, &grant, claimed, 0, now_ms, &first_ms, &spacing_ms);
	assert_int_equal(first_ms, now_ms);
	assert_int_equal(spacing_ms, 0);
	lanes_set_due(lanes, id, now_ms, now_ms); /* there is more */
	return claimed;
}

/* Claims all that a lane may have, and says how many that were. */
static unsigned fill(struct lanes *lanes, const char *id, int64_t now_ms)
{
	unsigned all = 0;
	for (unsigned claimed; (claimed = claim(lanes, id, UINT32_MAX, now_ms)) > 0;)
		all += claimed;
	return all;
}

static void finish(struct lanes *lanes, const char *id, enum lanes_result result,
		   int64_t duration_ms, unsigned count)
{
	while (count-- > 0)
		lanes_finished(lanes, id, result, duration_ms, 0);
}

/* A lane that has shown that its receiver is quick, with everything due and nothing in flight. */
static void prove(struct lanes *lanes, const char *id)
{
	lanes_set_due(lanes, id, 0, 0);
	for (int i = 0; i < 10; i++)
		finish(lanes, id, LANES_SUCCEEDED, QUICK_MS, fill(lanes, id, 0));
	lanes_set_due(lanes, id, INT64_MAX, 0);
}

static void nothing_is_granted_before_it_is_due(void **state)
{
	(void)state;
	struct lanes *lanes = lanes_create(&usual);
	struct lanes_grant grant;
	assert_false(lanes_grant(lanes, 0, &grant));
	assert_true(lanes_next_grant_ms(lanes) == INT64_MAX);

	lanes_set_due(lanes, "wh_a", 1000, 0);
	assert_false(lanes_grant(lanes, 999, &grant));
	assert_int_equal(lanes_next_grant_ms(lanes), 1000);
	assert_true(lanes_grant(lanes, 1000, &grant));
	assert_string_equal(grant.webhook_id, "wh_a");
	assert_true(lanes_next_grant_ms(lanes) == INT64_MAX);
	lanes_destroy(lanes);
}

static void the_earliest_lane_says_when_to_wake(void **state)
{
	(void)state;
	struct lanes *lanes = lanes_create(&usual);
	char id[32];
	for (int i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "wh_%d", i);
		lanes_set_due(lanes, id, 1000 + (i * 37) % 100, 0);
	}
	assert_int_equal(lanes_next_grant_ms(lanes), 1000);
	for (int i = 0; i < 100; i += 2) { /* moved away and back, the heap stays in order */
		snprintf(id, sizeof(id), "wh_%d", i);
		lanes_set_due(lanes, id, INT64_MAX, 0);
	}
	lanes_set_due(lanes, "wh_0", 5, 0);
	assert_int_equal(lanes_next_grant_ms(lanes), 5);

	int64_t before_ms = 0;
	struct lanes_grant grant;
	for (int i = 0; i < 51; i++) {
		int64_t at_ms = lanes_next_grant_ms(lanes);
		assert_true(at_ms >= before_ms && at_ms < 1100);
		assert_true(lanes_grant(lanes, at_ms, &grant));
		int64_t first_ms, spacing_ms;
		lanes_claimed(lanes, &grant, 0, 0, at_ms, &first_ms, &spacing_ms);
		lanes_set_due(lanes, grant.webhook_id, INT64_MAX, at_ms);
		before_ms = at_ms;
	}
	assert_false(lanes_grant(lanes, 2000, &grant));
	lanes_destroy(lanes);
}

static void a_touch_only_makes_it_earlier(void **state)
{
	(void)state;
	struct lanes *lanes = lanes_create(&usual);
	lanes_touch(lanes, "wh_a", INT64_MAX, 0);
	lanes_touch(lanes, "wh_a", 500, 0);
	lanes_touch(lanes, "wh_a", 900, 0);
	assert_int_equal(lanes_next_grant_ms(lanes), 500);
	lanes_touch(lanes, "wh_a", 300, 0);
	assert_int_equal(lanes_next_grant_ms(lanes), 300);
	lanes_set_due(lanes, "wh_a", 900, 0);
	assert_int_equal(lanes_next_grant_ms(lanes), 900);
	lanes_destroy(lanes);
}

/* A claim reads the store at some time between its grant and its end. */
static void what_is_told_while_a_claim_is_under_way_is_not_forgotten(void **state)
{
	(void)state;
	struct lanes *lanes = lanes_create(&usual);
	struct lanes_grant grant;
	int64_t first_ms, spacing_ms;
	lanes_set_due(lanes, "wh_a", 0, 0);
	assert_true(lanes_grant(lanes, 0, &grant));
	lanes_touch(lanes, "wh_a", 700, 0);
	lanes_claimed(lanes, &grant, 0, 0, 1, &first_ms, &spacing_ms);
	lanes_set_left(lanes, "wh_a", INT64_MAX, 1);
	assert_int_equal(lanes_next_grant_ms(lanes), 700);

	assert_true(lanes_grant(lanes, 700, &grant));
	lanes_claimed(lanes, &grant, 0, 0, 701, &first_ms, &spacing_ms);
	lanes_set_left(lanes, "wh_a", INT64_MAX, 701);
	assert_true(lanes_next_grant_ms(lanes) == INT64_MAX); /* that was about the first grant */
	lanes_destroy(lanes);
}

static void the_first_grant_of_a_lane_is_one_as_its_rate_is_not_known(void **state)
{
	(void)state;
	struct lanes *lanes = lanes_create(&usual);
	lanes_set_due(lanes, "wh_a", 0, 0);
	assert_int_equal(claim(lanes, "wh_a", UINT32_MAX, 0), 1);
	assert_int_equal(claim(lanes, "wh_a", UINT32_MAX, 0), LANES_LIMIT_FIRST - 1);
	assert_int_equal(claim(lanes, "wh_a", UINT32_MAX, 0), 0);
	assert_int_equal(lanes_in_use(lanes), LANES_LIMIT_FIRST);
	lanes_destroy(lanes);
}

static void a_lane_grows_with_success_up_to_its_limit(void **state)
{
	(void)state;
	struct lanes *lanes = lanes_create(&usual);
	unsigned widths[8];
	lanes_set_due(lanes, "wh_a", 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		widths[i] = fill(lanes, "wh_a", 0);
		finish(lanes, "wh_a", LANES_SUCCEEDED, QUICK_MS, widths[i]);
	}
	assert_int_equal(widths[0], LANES_LIMIT_FIRST);
	assert_int_equal(widths[1], 2 * LANES_LIMIT_FIRST);
	assert_int_equal(widths[7], usual.per_lane);
	lanes_destroy(lanes);
}

static void repeated_failure_leaves_a_single_probe_and_success_brings_it_back(void **state)
{
	(void)state;
	struct lanes *lanes = lanes_create(&usual);
	prove(lanes, "wh_a");
	lanes_set_due(lanes, "wh_a", 0, 0);
	assert_int_equal(fill(lanes, "wh_a", 0), usual.per_lane);
	finish(lanes, "wh_a", LANES_FAILED, QUICK_MS, 1);
	assert_int_equal(fill(lanes, "wh_a", 0), 0); /* one less than before */
	assert_int_equal(lanes_failing(lanes), 0);
	finish(lanes, "wh_a", LANES_FAILED, QUICK_MS, usual.per_lane - 1);
	assert_int_equal(lanes_failing(lanes), 1);
	assert_int_equal(fill(lanes, "wh_a", 0), 1);

	finish(lanes, "wh_a", LANES_SUCCEEDED, QUICK_MS, 1);
	assert_int_equal(lanes_failing(lanes), 0);
	assert_int_equal(fill(lanes, "wh_a", 0), 2);
	lanes_destroy(lanes);
}

static void what_was_not_made_teaches_nothing(void **state)
{
	(void)state;
	struct lanes *lanes = lanes_create(&usual);
	lanes_set_due(lanes, "wh_a", 0, 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(fill(lanes, "wh_a", 0), LANES_LIMIT_FIRST);
		finish(lanes, "wh_a", LANES_NOTHING_LEARNT, QUICK_MS, LANES_LIMIT_FIRST);
	}
	assert_int_equal(lanes_in_use(lanes), 0);
	assert_int_equal(lanes_failing(lanes), 0);
	lanes_destroy(lanes);
}

static void slots_not_claimed_are_free_again(void **state)
{
	(void)state;
	struct lanes *lanes = lanes_create(&usual);
	prove(lanes, "wh_a");
	lanes_set_due(lanes, "wh_a", 0, 0);
	assert_int_equal(claim(lanes, "wh_a", 3, 0), 3);
	assert_int_equal(lanes_in_use(lanes), 3);
	lanes_destroy(lanes);
}

static void a_lane_has_one_grant_at_a_time(void **state)
{
	(void)state;
	struct lanes *lanes = lanes_create(&usual);
	struct lanes_grant grant, second;
	lanes_set_due(lanes, "wh_a", 0, 0);
	assert_true(lanes_grant(lanes, 0, &grant));
	lanes_touch(lanes, "wh_a", 0, 0);
	lanes_set_due(lanes, "wh_a", 0, 0);
	assert_false(lanes_grant(lanes, 0, &second));
	lanes_destroy(lanes);
}

static void ready_lanes_take_turns(void **state)
{
	(void)state;
	const struct lanes_limits limits = { .total = 3, .per_lane = 8 };
	const char *const ids[] = { "wh_a", "wh_b", "wh_c" };
	struct lanes *lanes = lanes_create(&limits);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		prove(lanes, ids[i]);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		lanes_set_due(lanes, ids[i], 0, 0);
	for (int round = 0; round < 4; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
			assert_int_equal(claim(lanes, ids[i], UINT32_MAX, 0), 1);
		for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
			finish(lanes, ids[i], LANES_SUCCEEDED, QUICK_MS, 1);
	}
	lanes_destroy(lanes);
}

static void all_lanes_together_keep_to_the_total(void **state)
{
	(void)state;
	const struct lanes_limits limits = { .total = 10, .per_lane = 8 };
	struct lanes *lanes = lanes_create(&limits);
	prove(lanes, "wh_a");
	prove(lanes, "wh_b");
	lanes_set_due(lanes, "wh_a", 0, 0);
	assert_int_equal(fill(lanes, "wh_a", 0), 8);
	lanes_set_due(lanes, "wh_b", 0, 0);
	assert_int_equal(fill(lanes, "wh_b", 0), 2);
	assert_int_equal(lanes_in_use(lanes), 10);
	finish(lanes, "wh_a", LANES_SUCCEEDED, QUICK_MS, 1);
	assert_int_equal(lanes_in_use(lanes), 9);
	lanes_destroy(lanes);
}

/* Makes many lanes due and grants what can be granted. */
static unsigned flood(struct lanes *lanes, unsigned count)
{
	struct lanes_grant grant;
	int64_t first_ms, spacing_ms;
	char id[32];
	unsigned claimed = 0;
	for (unsigned i = 0; i < count; i++) {
		snprintf(id, sizeof(id), "wh_flood%u", i);
		lanes_set_due(lanes, id, 0, 0);
	}
	while (lanes_grant(lanes, 0, &grant)) {
		claimed += grant.count;
		lanes_claimed(lanes, &grant, grant.count, 0, 0, &first_ms, &spacing_ms);
		lanes_set_due(lanes, grant.webhook_id, 0, 0);
	}
	return claimed;
}

static void new_lanes_leave_a_quarter_of_the_slots(void **state)
{
	(void)state;
	struct lanes *lanes = lanes_create(&usual);
	prove(lanes, "wh_good");
	assert_int_equal(flood(lanes, 200), usual.total - usual.total / 4);
	lanes_set_due(lanes, "wh_good", 0, 0);
	assert_int_equal(fill(lanes, "wh_good", 0), usual.per_lane);
	lanes_destroy(lanes);
}

static void failing_lanes_leave_half_of_the_slots(void **state)
{
	(void)state;
	struct lanes *lanes = lanes_create(&usual);
	char id[32];
	prove(lanes, "wh_good");
	for (int i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "wh_flood%d", i);
		prove(lanes, id);
		lanes_set_due(lanes, id, 0, 0);
		unsigned count = fill(lanes, id, 0);
		lanes_set_due(lanes, id, INT64_MAX, 0);
		finish(lanes, id, LANES_FAILED, SLOW_MS, count);
	}
	assert_int_equal(lanes_failing(lanes), 100);
	assert_int_equal(flood(lanes, 100), usual.total / 2);
	lanes_set_due(lanes, "wh_good", 0, 0);
	assert_int_equal(fill(lanes, "wh_good", 0), usual.per_lane);
	lanes_set_due(lanes, "wh_new", 0, 0);
	assert_int_equal(fill(lanes, "wh_new", 0), LANES_LIMIT_FIRST);
	lanes_destroy(lanes);
}

static void slow_lanes_leave_half_of_the_slots(void **state)
{
	(void)state;
	struct lanes *lanes = lanes_create(&usual);
	char id[32];
	prove(lanes, "wh_good");
	for (int i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "wh_flood%d", i);
		lanes_set_due(lanes, id, 0, 0);
		unsigned count = fill(lanes, id, 0);
		lanes_set_due(lanes, id, INT64_MAX, 0);
		finish(lanes, id, LANES_SUCCEEDED, SLOW_MS, count);
	}
	assert_int_equal(lanes_failing(lanes), 0);
	assert_int_equal(flood(lanes, 100), usual.total / 2);
	lanes_set_due(lanes, "wh_good", 0, 0);
	assert_int_equal(fill(lanes, "wh_good", 0), usual.per_lane);
	lanes_destroy(lanes);
}

/* After a start nothing is known here; the store remembers. */
static void what_failed_before_the_start_is_not_taken_for_new(void **state)
{
	(void)state;
	struct lanes *lanes = lanes_create(&usual);
	char id[32];
	for (int i = 0; i < 200; i++) {
		snprintf(id, sizeof(id), "wh_flood%d", i);
		lanes_introduce(lanes, id, true, 7, 0);
	}
	assert_int_equal(lanes_failing(lanes), 200);
	assert_int_equal(flood(lanes, 200), usual.total / 2);
	lanes_introduce(lanes, "wh_good", true, 0, 0);
	lanes_set_due(lanes, "wh_good", 0, 0);
	assert_int_equal(fill(lanes, "wh_good", 0), LANES_LIMIT_FIRST);
	finish(lanes, "wh_flood0", LANES_SUCCEEDED, QUICK_MS, 1);
	assert_int_equal(lanes_failing(lanes), 199);
	lanes_destroy(lanes);
}

static void what_is_granted_ahead_is_beyond_the_total(void **state)
{
	(void)state;
	const struct lanes_limits limits = { .total = 10, .per_lane = 8, .ahead = 8 };
	const char *const ids[] = { "wh_a", "wh_b", "wh_c" };
	const unsigned counts[] = { 8, 8, 2 };
	struct lanes *lanes = lanes_create(&limits);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		prove(lanes, ids[i]);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		lanes_set_due(lanes, ids[i], 0, 0);
		assert_int_equal(fill(lanes, ids[i], 0), counts[i]);
	}
	lanes_destroy(lanes);
}

static void with_stock_proven_lanes_take_turns_by_pieces(void **state)
{
	(void)state;
	const struct lanes_limits limits = { .total = 8, .per_lane = 8, .ahead = 8 };
	const char *const ids[] = { "wh_a", "wh_b", "wh_c", "wh_d", "wh_e", "wh_f" };
	struct lanes_grant grant;
	struct lanes *lanes = lanes_create(&limits);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		prove(lanes, ids[i]);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		lanes_set_due(lanes, ids[i], 0, 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(claim(lanes, ids[i], UINT32_MAX, 0), LANES_PIECE);
	assert_false(lanes_grant(lanes, 0, &grant));
	finish(lanes, "wh_a", LANES_SUCCEEDED, QUICK_MS, LANES_PIECE);
	assert_int_equal(claim(lanes, "wh_e", UINT32_MAX, 0), LANES_PIECE);
	lanes_destroy(lanes);
}

static void failing_lanes_gain_nothing_by_what_is_ahead(void **state)
{
	(void)state;
	const struct lanes_limits limits = { .total = 64, .per_lane = 8, .ahead = 64 };
	struct lanes *lanes = lanes_create(&limits);
	char id[32];
	for (int i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "wh_flood%d", i);
		lanes_set_due(lanes, id, 0, 0);
		unsigned count = fill(lanes, id, 0);
		lanes_set_due(lanes, id, INT64_MAX, 0);
		finish(lanes, id, LANES_FAILED, SLOW_MS, count);
	}
	assert_int_equal(flood(lanes, 100), limits.total / 2);
	lanes_destroy(lanes);
}

static void one_slot_serves_everybody_in_turn(void **state)
{
	(void)state;
	const struct lanes_limits limits = { .total = 1, .per_lane = 1 };
	struct lanes *lanes = lanes_create(&limits);
	unsigned served[2] = { 0, 0 };
	prove(lanes, "wh_0"); /* one of them proven, the other never */
	for (int i = 0; i < 20; i++) {
		struct lanes_grant grant;
		int64_t first_ms, spacing_ms;
		lanes_set_due(lanes, "wh_0", 0, 0);
		lanes_set_due(lanes, "wh_1", 0, 0);
		assert_true(lanes_grant(lanes, 0, &grant));
		assert_int_equal(grant.count, 1);
		lanes_claimed(lanes, &grant, 1, 0, 0, &first_ms, &spacing_ms);
		bool is_good = grant.webhook_id[3] == '0';
		served[is_good ? 0 : 1]++;
		finish(lanes, grant.webhook_id, is_good ? LANES_SUCCEEDED : LANES_FAILED, QUICK_MS,
		       1);
	}
	assert_in_range(served[0], 9, 11);
	assert_in_range(served[1], 9, 11);
	lanes_destroy(lanes);
}

/* Plays a lane with a rate limit and everything due, with attempts of 20 ms. Writes the starts. */
static void play_rate(double rate, int64_t starts_ms[], unsigned count)
{
	const struct lanes_limits limits = { .total = 64, .per_lane = 64 };
	struct lanes *lanes = lanes_create(&limits);
	unsigned done = 0, started = 0;
	lanes_set_due(lanes, "wh_a", 0, 0);
	for (int64_t now_ms = 0; started < count; now_ms++) {
		struct lanes_grant grant;
		int64_t first_ms, spacing_ms;
		while (started < count && lanes_grant(lanes, now_ms, &grant)) {
			lanes_claimed(lanes, &grant, grant.count, rate, now_ms, &first_ms,
				      &spacing_ms);
			for (unsigned i = 0; i < grant.count && started < count; i++)
				starts_ms[started++] = first_ms + (int64_t)i * spacing_ms;
			lanes_set_due(lanes, "wh_a", now_ms, now_ms);
		}
		for (; done < started && starts_ms[done] + 20 <= now_ms; done++)
			lanes_finished(lanes, "wh_a", LANES_SUCCEEDED, 20, now_ms);
		assert_true(now_ms < 600000);
	}
	lanes_destroy(lanes);
}

static void a_rate_limit_spaces_attempts_evenly_and_without_a_burst(void **state)
{
	(void)state;
	const struct {
		double rate;
		int64_t spacing_ms;
	} cases[] = {
		{ 0.5, 2000 }, { 1, 1000 }, { 3, 334 }, { 10, 100 }, { 25, 40 }, { 100, 10 }
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t starts_ms[20];
		play_rate(cases[i].rate, starts_ms, ARRAY_SIZE(starts_ms));
		assert_int_equal(starts_ms[0], 0);
		for (size_t j = 1; j < ARRAY_SIZE(starts_ms); j++) {
			int64_t gap_ms = starts_ms[j] - starts_ms[j - 1];
			/* The width grows from 2, which may delay an early one; never the
			 * reverse. */
			if (gap_ms < cases[i].spacing_ms || gap_ms > cases[i].spacing_ms + 20)
				fail_msg("rate %g: a gap of %lld ms", cases[i].rate,
					 (long long)gap_ms);
		}
	}
}

static void a_rate_limit_says_when_to_wake(void **state)
{
	(void)state;
	struct lanes *lanes = lanes_create(&usual);
	struct lanes_grant grant;
	int64_t first_ms, spacing_ms;
	lanes_set_due(lanes, "wh_a", 0, 0);
	assert_true(lanes_grant(lanes, 0, &grant));
	lanes_claimed(lanes, &grant, 1, 0.5, 0, &first_ms, &spacing_ms);
	lanes_set_due(lanes, "wh_a", 0, 0);
	assert_int_equal(first_ms, 0);
	assert_int_equal(lanes_next_grant_ms(lanes), 2000 - LANES_PACE_AHEAD_MS);
	lanes_destroy(lanes);
}

static void a_late_start_puts_off_the_turns_behind_it(void **state)
{
	(void)state;
	struct lanes *lanes = lanes_create(&usual);
	int64_t first_ms, spacing_ms;
	struct lanes_grant grant;
	lanes_set_due(lanes, "wh_a", 0, 0);
	assert_true(lanes_grant(lanes, 0, &grant));
	lanes_claimed(lanes, &grant, 1, 0.5, 0, &first_ms, &spacing_ms);
	lanes_delay(lanes, "wh_a", 300, 300);
	assert_int_equal(lanes_next_grant_ms(lanes), 2300 - LANES_PACE_AHEAD_MS);
	lanes_destroy(lanes);
}

static void a_clock_that_is_set_back_does_not_stretch_a_rate_limit(void **state)
{
	(void)state;
	const int64_t now_ms = INT64_C(1781787600000), day_ms = INT64_C(86400000);
	struct lanes *lanes = lanes_create(&usual);
	struct lanes_grant grant;
	int64_t first_ms, spacing_ms;
	lanes_set_due(lanes, "wh_a", 0, now_ms);
	assert_true(lanes_grant(lanes, now_ms, &grant));
	lanes_claimed(lanes, &grant, 1, 0.5, now_ms, &first_ms, &spacing_ms);
	lanes_set_due(lanes, "wh_a", 0, now_ms);

	lanes_refresh(lanes, now_ms - day_ms);
	assert_int_equal(lanes_next_grant_ms(lanes), now_ms - day_ms + 2000);
	assert_true(lanes_grant(lanes, now_ms - day_ms + 2000, &grant));
	lanes_destroy(lanes);
}

static void a_refresh_asks_for_the_rate_again(void **state)
{
	(void)state;
	struct lanes *lanes = lanes_create(&usual);
	prove(lanes, "wh_a");
	lanes_refresh(lanes, 0);
	lanes_set_due(lanes, "wh_a", 0, 0);
	assert_int_equal(claim(lanes, "wh_a", UINT32_MAX, 0), 1);
	assert_int_equal(claim(lanes, "wh_a", UINT32_MAX, 0), usual.per_lane - 1);
	lanes_destroy(lanes);
}

static void lanes_long_idle_are_forgotten(void **state)
{
	(void)state;
	struct lanes *lanes = lanes_create(&usual);
	prove(lanes, "wh_idle");
	prove(lanes, "wh_due");
	prove(lanes, "wh_busy");
	lanes_set_due(lanes, "wh_busy", 0, 0);
	assert_int_equal(claim(lanes, "wh_busy", 1, 0), 1);
	lanes_set_due(lanes, "wh_busy", INT64_MAX, 0);
	lanes_set_due(lanes, "wh_due", INT64_C(9000000), 0);
	lanes_refresh(lanes, LANES_IDLE_MS);

	const char *const ids[] = { "wh_idle", "wh_due", "wh_busy" };
	const unsigned widths[] = { LANES_LIMIT_FIRST, usual.per_lane, usual.per_lane - 1 };
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		lanes_set_due(lanes, ids[i], 0, LANES_IDLE_MS);
		assert_int_equal(fill(lanes, ids[i], LANES_IDLE_MS), widths[i]);
	}
	lanes_destroy(lanes);
}

static void smaller_limits_hold_from_the_next_grant(void **state)
{
	(void)state;
	const struct lanes_limits smaller = { .total = 4, .per_lane = 2 };
	struct lanes *lanes = lanes_create(&usual);
	prove(lanes, "wh_a");
	lanes_set_due(lanes, "wh_a", 0, 0);
	assert_int_equal(claim(lanes, "wh_a", 3, 0), 3);
	lanes_set_limits(lanes, &smaller, 0);
	assert_int_equal(fill(lanes, "wh_a", 0), 0);
	finish(lanes, "wh_a", LANES_SUCCEEDED, QUICK_MS, 3);
	assert_int_equal(fill(lanes, "wh_a", 0), 2);
	lanes_set_limits(lanes, &usual, 0);
	assert_true(fill(lanes, "wh_a", 0) > 0);
	lanes_destroy(lanes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_granted_before_it_is_due),
		cmocka_unit_test(the_earliest_lane_says_when_to_wake),
		cmocka_unit_test(a_touch_only_makes_it_earlier),
		cmocka_unit_test(what_is_told_while_a_claim_is_under_way_is_not_forgotten),
		cmocka_unit_test(the_first_grant_of_a_lane_is_one_as_its_rate_is_not_known),
		cmocka_unit_test(a_lane_grows_with_success_up_to_its_limit),
		cmocka_unit_test(repeated_failure_leaves_a_single_probe_and_success_brings_it_back),
		cmocka_unit_test(what_was_not_made_teaches_nothing),
		cmocka_unit_test(slots_not_claimed_are_free_again),
		cmocka_unit_test(a_lane_has_one_grant_at_a_time),
		cmocka_unit_test(ready_lanes_take_turns),
		cmocka_unit_test(all_lanes_together_keep_to_the_total),
		cmocka_unit_test(new_lanes_leave_a_quarter_of_the_slots),
		cmocka_unit_test(failing_lanes_leave_half_of_the_slots),
		cmocka_unit_test(slow_lanes_leave_half_of_the_slots),
		cmocka_unit_test(what_failed_before_the_start_is_not_taken_for_new),
		cmocka_unit_test(what_is_granted_ahead_is_beyond_the_total),
		cmocka_unit_test(with_stock_proven_lanes_take_turns_by_pieces),
		cmocka_unit_test(failing_lanes_gain_nothing_by_what_is_ahead),
		cmocka_unit_test(one_slot_serves_everybody_in_turn),
		cmocka_unit_test(a_rate_limit_spaces_attempts_evenly_and_without_a_burst),
		cmocka_unit_test(a_rate_limit_says_when_to_wake),
		cmocka_unit_test(a_late_start_puts_off_the_turns_behind_it),
		cmocka_unit_test(a_clock_that_is_set_back_does_not_stretch_a_rate_limit),
		cmocka_unit_test(a_refresh_asks_for_the_rate_again),
		cmocka_unit_test(lanes_long_idle_are_forgotten),
		cmocka_unit_test(smaller_limits_hold_from_the_next_grant),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
