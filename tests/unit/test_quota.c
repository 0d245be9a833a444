#include "detect/quota.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MIDNIGHT INT64_C(1781740800000) /* 2026-06-18T00:00:00Z */
#define DAY_MS INT64_C(86400000)
#define MONO INT64_C(5000000)
enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

static struct quota quota_of(int64_t per_minute, int64_t per_day, int64_t reserve_percent,
			     int64_t now_ms)
{
	struct quota quota;
	quota_init(&quota, now_ms, MONO);
	quota_set_limits(&quota, per_minute, per_day, reserve_percent, false);
	return quota;
}

static void ask(struct quota *quota, int64_t now_ms, int64_t mono_ms)
{
	quota_take(quota, now_ms, mono_ms);
	quota_sent(quota, mono_ms);
	quota_ended(quota);
}

/* Asks as often as it may for a while; the times of the requests go to sent[]. */
static size_t ask_greedily(struct quota *quota, enum quota_use use, int64_t from_ms,
			   int64_t duration_ms, int64_t *sent, size_t max)
{
	size_t count = 0;
	int64_t at_ms = 0;
	while (at_ms < duration_ms && count < max) {
		int64_t wait_ms = quota_wait_ms(quota, use, from_ms + at_ms, MONO + at_ms);
		assert_true(wait_ms >= 0 && wait_ms != INT64_MAX);
		if (wait_ms == 0) {
			ask(quota, from_ms + at_ms, MONO + at_ms);
			sent[count++] = at_ms;
		}
		at_ms += wait_ms;
	}
	return count;
}

static void no_minute_has_more_requests_than_its_limit(void **state)
{
	(void)state;
	static int64_t sent[20000];
	struct quota quota = quota_of(60, 1000000000, 0, MIDNIGHT);
	size_t count = ask_greedily(&quota, QUOTA_ORDINARY, MIDNIGHT, 30 * MINUTE, sent, 20000);
	for (size_t i = 60; i < count; i++)
		if (sent[i] - sent[i - 60] < MINUTE)
			fail_msg("request %zu came %lld ms after the 60th before it", i,
				 (long long)(sent[i] - sent[i - 60]));
	/* Caution costs little: 1,800 would be the most. */
	assert_true(count >= 1700);
}

static void what_was_granted_counts_before_it_is_sent(void **state)
{
	(void)state;
	struct quota quota = quota_of(2, 1000000, 0, MIDNIGHT);
	quota_take(&quota, MIDNIGHT, MONO);
	quota_take(&quota, MIDNIGHT, MONO);
	assert_int_equal(quota_wait_ms(&quota, QUOTA_CONFIRMATION, MIDNIGHT, MONO), INT64_MAX);
	quota_not_sent(&quota);
	assert_int_equal(quota_wait_ms(&quota, QUOTA_CONFIRMATION, MIDNIGHT, MONO), 0);
	quota_take(&quota, MIDNIGHT, MONO);
	quota_sent(&quota, MONO + 10 * SECOND);
	quota_sent(&quota, MONO + 10 * SECOND);
	int64_t wait_ms =
		quota_wait_ms(&quota, QUOTA_CONFIRMATION, MIDNIGHT + MINUTE, MONO + MINUTE);
	assert_true(wait_ms >= 10 * SECOND && wait_ms <= 11 * SECOND);
}

static void the_day_is_spread_evenly_and_never_exceeded(void **state)
{
	(void)state;
	static int64_t sent[20000];
	struct quota quota = quota_of(60, 10000, 10, MIDNIGHT);
	size_t count = ask_greedily(&quota, QUOTA_ORDINARY, MIDNIGHT, DAY_MS - 1, sent, 20000);
	assert_true(count <= 10000);
	assert_true(count >= 9800); /* the reserve is not left over */
	size_t before_noon = 0;
	while (before_noon < count && sent[before_noon] < DAY_MS / 2)
		before_noon++;
	if (before_noon < count * 45 / 100 || before_noon > count * 52 / 100)
		fail_msg("%zu of %zu before noon", before_noon, count);
	/* A new day, new requests. */
	assert_int_equal(quota_remaining_today(&quota, MIDNIGHT + DAY_MS), 10000);
	assert_int_equal(quota_wait_ms(&quota, QUOTA_ORDINARY, MIDNIGHT + DAY_MS + MINUTE,
				       MONO + DAY_MS + MINUTE),
			 0);
}

/* Six hours in the evening are worth three times as much as the others. */
static struct pace evening_pace(void)
{
	double worth[PACE_HOURS];
	for (unsigned hour = 0; hour < PACE_HOURS; hour++)
		worth[hour] = hour >= 16 && hour < 22 ? 3 : 1;
	return pace_of(worth, 0.5, 5);
}

/* Asks as often as it may from an hour of the day on, to its end; gives the requests by hour. */
static void ask_by_the_hour(struct quota *quota, int first_hour, unsigned by_hour[PACE_HOURS])
{
	static int64_t sent[20000];
	int64_t from_ms = MIDNIGHT + first_hour * (int64_t)HOUR;
	memset(by_hour, 0, PACE_HOURS * sizeof(*by_hour));
	size_t count = ask_greedily(quota, QUOTA_ORDINARY, from_ms, MIDNIGHT + DAY_MS - from_ms - 1,
				    sent, 20000);
	for (size_t i = 0; i < count; i++)
		by_hour[first_hour + sent[i] / HOUR]++;
}

static void hours_that_are_worth_more_get_more_of_the_day(void **state)
{
	(void)state;
	unsigned by_hour[PACE_HOURS], requests = 0;
	struct quota quota = quota_of(60, 10000, 0, MIDNIGHT);
	struct pace pace = evening_pace();
	quota_set_pace(&quota, &pace);
	ask_by_the_hour(&quota, 0, by_hour);
	/* 9900 and a purse of 100, which goes first: 412 an hour; shares of 2 and of 2/3. */
	for (unsigned hour = 1; hour < PACE_HOURS; hour++) {
		unsigned wanted = hour >= 16 && hour < 22 ? 825 : 275;
		requests += by_hour[hour];
		if (by_hour[hour] < wanted * 97 / 100 || by_hour[hour] > wanted * 103 / 100)
			fail_msg("%u requests in hour %u, not about %u", by_hour[hour], hour,
				 wanted);
	}
	requests += by_hour[0];
	if (requests < 9900 || requests > 10000)
		fail_msg("%u of 10000 requests of the day were used", requests);
}

/* A restart, a change of the habits: the rest of the day is shared out anew, from what is left. */
static void what_is_left_of_the_day_is_shared_out_among_what_is_left_of_it(void **state)
{
	(void)state;
	unsigned by_hour[PACE_HOURS], requests = 0;
	struct quota quota = quota_of(60, 10000, 0, MIDNIGHT + 20 * (int64_t)HOUR);
	struct pace pace = evening_pace();
	quota_set_used(&quota, clock_utc_day(MIDNIGHT), 9000);
	quota_set_pace(&quota, &pace);
	/* 1000 over 2 hours of a share of 2, and 2 of one of 2/3. */
	assert_int_equal(quota_this_hour(&quota, MIDNIGHT + 20 * (int64_t)HOUR), 375);
	assert_int_equal(quota_pace_ms(&quota, MIDNIGHT + 20 * (int64_t)HOUR), 4 * HOUR / 1000);
	ask_by_the_hour(&quota, 20, by_hour);
	for (unsigned hour = 20; hour < PACE_HOURS; hour++)
		requests += by_hour[hour];
	if (requests > 1000 || requests < 980)
		fail_msg("%u of 1000 requests were used", requests);
	if (by_hour[23] < 80 || by_hour[23] > 140)
		fail_msg("%u requests in the last hour, not about 100", by_hour[23]);
}

static void this_hour_is_told_within_what_its_minutes_allow(void **state)
{
	(void)state;
	struct quota quota = quota_of(1, 10000, 0, MIDNIGHT);
	assert_int_equal(quota_this_hour(&quota, MIDNIGHT), 60);
	quota_set_used(&quota, clock_utc_day(MIDNIGHT), 10000);
	assert_int_equal(quota_this_hour(&quota, MIDNIGHT), 0);
}

static void a_used_up_day_lasts_until_midnight_utc(void **state)
{
	(void)state;
	int64_t now_ms = MIDNIGHT + 20 * HOUR;
	struct quota quota = quota_of(60, 100, 10, now_ms);
	quota_set_used(&quota, clock_utc_day(now_ms), 100);
	for (enum quota_use use = QUOTA_ORDINARY; use <= QUOTA_CONFIRMATION; use++)
		assert_int_equal(quota_wait_ms(&quota, use, now_ms, MONO), 4 * HOUR);
	assert_int_equal(quota_remaining_today(&quota, now_ms), 0);
	quota_set_used(&quota, clock_utc_day(now_ms) - 1, 5000); /* of another day: nothing to us */
	assert_int_equal(quota_remaining_today(&quota, now_ms + 4 * HOUR), 100);
}

static void the_reserve_is_for_confirmations_and_first_sweeps(void **state)
{
	(void)state;
	int64_t noon_ms = MIDNIGHT + 12 * HOUR;
	struct quota quota = quota_of(60, 1000, 10, noon_ms);
	quota_set_used(&quota, clock_utc_day(noon_ms), 960); /* 40 left, 50 reserved at noon */
	int64_t wait_ms = quota_wait_ms(&quota, QUOTA_ORDINARY, noon_ms, MONO);
	assert_true(wait_ms > 2 * HOUR && wait_ms < 3 * HOUR); /* until 40 are reserved */
	assert_int_equal(quota_wait_ms(&quota, QUOTA_FIRST_SWEEP, noon_ms, MONO), 0);
	assert_int_equal(quota_wait_ms(&quota, QUOTA_CONFIRMATION, noon_ms, MONO), 0);
}

static void a_burst_takes_from_a_purse_that_fills_again(void **state)
{
	(void)state;
	struct quota quota = quota_of(1000, 10000, 0, MIDNIGHT);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(quota_wait_ms(&quota, QUOTA_ORDINARY, MIDNIGHT, MONO), 0);
		ask(&quota, MIDNIGHT, MONO);
	}
	int64_t wait_ms = quota_wait_ms(&quota, QUOTA_ORDINARY, MIDNIGHT, MONO);
	assert_true(wait_ms > 8 * SECOND && wait_ms < 9 * SECOND); /* 9,900 over a day */
	assert_int_equal(quota_wait_ms(&quota, QUOTA_CONFIRMATION, MIDNIGHT, MONO), 0);
	assert_int_equal(quota_wait_ms(&quota, QUOTA_ORDINARY, MIDNIGHT + wait_ms, MONO + wait_ms),
			 0);
}

static void what_the_service_says_remains_is_obeyed(void **state)
{
	(void)state;
	struct quota quota = quota_of(60, 1000000, 0, MIDNIGHT);
	struct quota_notice notice = { .has_limit = true,
				       .limit = 30,
				       .has_remaining = true,
				       .remaining = 2,
				       .has_reset = true,
				       .reset_in_ms = 40 * SECOND };
	quota_notice(&quota, &notice, MONO);
	assert_int_equal(quota.requests_per_minute, 30);
	ask(&quota, MIDNIGHT, MONO);
	ask(&quota, MIDNIGHT, MONO);
	assert_int_equal(quota_wait_ms(&quota, QUOTA_CONFIRMATION, MIDNIGHT, MONO), 40 * SECOND);
	assert_int_equal(quota_wait_ms(&quota, QUOTA_CONFIRMATION, MIDNIGHT, MONO + 40 * SECOND),
			 0);
}

static void a_limit_set_by_the_operator_or_of_a_longer_window_is_not_overruled(void **state)
{
	(void)state;
	struct quota quota = quota_of(60, 1000000, 0, MIDNIGHT);
	struct quota_notice daily = { .has_limit = true,
				      .limit = 75000,
				      .has_remaining = true,
				      .remaining = 0,
				      .has_reset = true,
				      .reset_in_ms = 5 * HOUR };
	quota_notice(&quota, &daily, MONO);
	assert_int_equal(quota.requests_per_minute, 60);
	assert_int_equal(quota_wait_ms(&quota, QUOTA_ORDINARY, MIDNIGHT, MONO), 5 * HOUR);
	quota = quota_of(60, 1000000, 0, MIDNIGHT);
	quota_set_limits(&quota, 7, 1000000, 0, true);
	struct quota_notice minute = { .has_limit = true, .limit = 300 };
	quota_notice(&quota, &minute, MONO);
	assert_int_equal(quota.requests_per_minute, 7);
}

static void after_a_429_nothing_goes_out_before_its_time(void **state)
{
	(void)state;
	static const struct {
		struct quota_notice notice;
		int64_t wait_ms;
	} cases[] = {
		{ { .has_retry_after = true, .retry_after_ms = 90 * SECOND }, 90 * SECOND },
		{ { .has_retry_after = true,
		    .retry_after_ms = 5 * SECOND,
		    .has_reset = true,
		    .reset_in_ms = 30 * SECOND },
		  5 * SECOND },
		{ { .has_reset = true, .reset_in_ms = 30 * SECOND }, 30 * SECOND },
		{ { .has_reset = true, .reset_in_ms = -5 }, 60 * SECOND },
		{ { 0 }, 60 * SECOND },
		{ { .has_retry_after = true, .retry_after_ms = 3 * HOUR }, 3 * HOUR },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct quota quota = quota_of(60, 1000000, 0, MIDNIGHT);
		quota_refused(&quota, &cases[i].notice, MONO);
		for (enum quota_use use = QUOTA_ORDINARY; use <= QUOTA_CONFIRMATION; use++)
			assert_int_equal(quota_wait_ms(&quota, use, MIDNIGHT, MONO),
					 cases[i].wait_ms);
		/* Nor what was granted before. */
		assert_true(quota_is_closed(&quota, MONO + cases[i].wait_ms - 1));
		assert_false(quota_is_closed(&quota, MONO + cases[i].wait_ms));
		assert_int_equal(
			quota_wait_ms(&quota, QUOTA_ORDINARY, MIDNIGHT, MONO + cases[i].wait_ms),
			0);
	}
}

static void the_minute_is_remembered_over_a_restart(void **state)
{
	(void)state;
	int64_t stored = 0, now_ms = MIDNIGHT + 50 * SECOND;
	for (int i = 0; i < 3; i++)
		stored = quota_recent(stored, now_ms);
	stored = quota_recent(stored, now_ms + 20 * SECOND);
	/* Four were sent, the last 5 s ago; the first three may have been sent as late as 0:59.999.
	 */
	now_ms += 25 * SECOND;
	struct quota quota = quota_of(4, 1000000, 0, now_ms);
	quota_resume(&quota, stored, now_ms, MONO);
	int64_t wait_ms = quota_wait_ms(&quota, QUOTA_CONFIRMATION, now_ms, MONO);
	assert_true(wait_ms >= 45 * SECOND && wait_ms <= 46 * SECOND);
	quota = quota_of(5, 1000000, 0, now_ms);
	quota_resume(&quota, stored, now_ms, MONO);
	assert_int_equal(quota_wait_ms(&quota, QUOTA_CONFIRMATION, now_ms, MONO), 0);
	/* Two minutes later it is forgotten. */
	quota = quota_of(1, 1000000, 0, now_ms + 2 * MINUTE);
	quota_resume(&quota, stored, now_ms + 2 * MINUTE, MONO);
	assert_int_equal(quota_wait_ms(&quota, QUOTA_CONFIRMATION, now_ms + 2 * MINUTE, MONO), 0);
}

static void silence_that_was_asked_for_is_kept_over_a_restart(void **state)
{
	(void)state;
	static const struct {
		const char *what;
		int64_t for_ms, passed_ms, left_ms;
	} cases[] = {
		{ "there was none", 0, 0, 0 },
		{ "at once", 90 * SECOND, 0, 90 * SECOND },
		{ "30 s later", 90 * SECOND, 30 * SECOND, 60 * SECOND },
		{ "when it is over", 90 * SECOND, 90 * SECOND, 0 },
		{ "the clock was set back", 90 * SECOND, -HOUR, 90 * SECOND },
		{ "longer than is believed", 100 * HOUR, HOUR, 23 * HOUR },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct quota quota = quota_of(60, 1000000, 0, MIDNIGHT);
		quota_resume_closed(&quota, MIDNIGHT - cases[i].passed_ms, cases[i].for_ms,
				    MIDNIGHT, MONO);
		int64_t left_ms = quota_closed_for_ms(&quota, MONO);
		if (left_ms != cases[i].left_ms)
			fail_msg("%s: expected %lld ms, got %lld ms", cases[i].what,
				 (long long)cases[i].left_ms, (long long)left_ms);
		assert_int_equal(quota_is_closed(&quota, MONO), left_ms > 0);
	}
}

/* The store may be slow: what was counted for a minute goes out in it, or is asked for anew. */
static void what_was_counted_for_a_minute_counts_for_no_other(void **state)
{
	(void)state;
	int64_t last_ms = MIDNIGHT + MINUTE - 1;
	int64_t stored = quota_recent(0, last_ms);
	assert_true(quota_is_of_this_minute(stored, MIDNIGHT));
	assert_true(quota_is_of_this_minute(stored, last_ms));
	assert_false(quota_is_of_this_minute(stored, last_ms + 1));
	assert_false(quota_is_of_this_minute(stored, MIDNIGHT - 1)); /* the clock was set */
}

static void a_clock_that_steps_back_gives_no_second_day(void **state)
{
	(void)state;
	struct quota quota = quota_of(60, 100, 0, MIDNIGHT);
	quota_set_used(&quota, clock_utc_day(MIDNIGHT), 100);
	assert_true(quota_wait_ms(&quota, QUOTA_ORDINARY, MIDNIGHT - HOUR, MONO) > 0);
	assert_int_equal(quota_remaining_today(&quota, MIDNIGHT - HOUR), 0);
}

static void tiers_are_known_by_all_their_names(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum config_tier tier;
	} cases[] = {
		{ "free", TIER_SANDBOX },
		{ "sandbox", TIER_SANDBOX },
		{ "basic", TIER_BASIC },
		{ "Pro", TIER_PRO },
		{ "ultra", TIER_ULTRA },
		{ "global", TIER_GLOBAL },
		{ "platinum", TIER_AUTO },
		{ "agency_global", TIER_GLOBAL },
		{ "", TIER_AUTO },
		{ NULL, TIER_AUTO },
		{ "global_agency", TIER_GLOBAL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(quota_tier_parse(cases[i].name), cases[i].tier);
	assert_int_equal(quota_tier_limits(TIER_PRO).batch_size, 50);
	assert_int_equal(quota_tier_limits(TIER_GLOBAL).requests_per_day, 1000000);
	assert_string_equal(quota_tier_name(TIER_ULTRA), "ultra");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_minute_has_more_requests_than_its_limit),
		cmocka_unit_test(what_was_granted_counts_before_it_is_sent),
		cmocka_unit_test(the_day_is_spread_evenly_and_never_exceeded),
		cmocka_unit_test(hours_that_are_worth_more_get_more_of_the_day),
		cmocka_unit_test(what_is_left_of_the_day_is_shared_out_among_what_is_left_of_it),
		cmocka_unit_test(this_hour_is_told_within_what_its_minutes_allow),
		cmocka_unit_test(a_used_up_day_lasts_until_midnight_utc),
		cmocka_unit_test(the_reserve_is_for_confirmations_and_first_sweeps),
		cmocka_unit_test(a_burst_takes_from_a_purse_that_fills_again),
		cmocka_unit_test(what_the_service_says_remains_is_obeyed),
		cmocka_unit_test(
			a_limit_set_by_the_operator_or_of_a_longer_window_is_not_overruled),
		cmocka_unit_test(after_a_429_nothing_goes_out_before_its_time),
		cmocka_unit_test(the_minute_is_remembered_over_a_restart),
		cmocka_unit_test(silence_that_was_asked_for_is_kept_over_a_restart),
		cmocka_unit_test(what_was_counted_for_a_minute_counts_for_no_other),
		cmocka_unit_test(a_clock_that_steps_back_gives_no_second_day),
		cmocka_unit_test(tiers_are_known_by_all_their_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
