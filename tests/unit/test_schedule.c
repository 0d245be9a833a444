#include "deliver/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS INT64_C(3600000)

/* 2026-06-18T13:00:00.000Z */
static const int64_t noon_ms = INT64_C(1781787600000);

static const int64_t offsets_ms[] = { 0,       30 * SECOND_MS, 2 * MINUTE_MS, 10 * MINUTE_MS,
				      HOUR_MS, 6 * HOUR_MS };
static const struct schedule schedule = { offsets_ms, ARRAY_SIZE(offsets_ms), HOUR_MS };

/* An answer 2 s after the start at noon. */
static struct schedule_answer answer(unsigned attempt, int status)
{
	return (struct schedule_answer){
		.attempt = attempt,
		.started_at_ms = noon_ms,
		.answered_at_ms = noon_ms + 2 * SECOND_MS,
		.status = status,
	};
}

static int64_t retry_gap_ms(const struct schedule_answer *given)
{
	struct schedule_decision decision = schedule_decide(&schedule, given);
	assert_int_equal(decision.verdict, ATTEMPT_RETRY);
	assert_false(decision.endpoint_is_gone);
	return decision.retry_at_ms - given->started_at_ms;
}

static void every_2xx_is_a_delivery(void **state)
{
	(void)state;
	for (int status = 200; status <= 299; status++) {
		struct schedule_answer given = answer(1, status);
		struct schedule_decision decision = schedule_decide(&schedule, &given);
		assert_int_equal(decision.verdict, ATTEMPT_DELIVERED);
		assert_int_equal(decision.retry_at_ms, 0);
	}
}

static void everything_else_is_tried_again(void **state)
{
	(void)state;
	const int statuses[] = { 0, 199, 300, 301, 304, 307, 400, 401, 404, 409, 500, 599, 999 };
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		struct schedule_answer given = answer(1, statuses[i]);
		assert_int_equal(retry_gap_ms(&given), 30 * SECOND_MS);
	}
}

static void gaps_count_from_the_start_of_the_attempt_before(void **state)
{
	(void)state;
	const int64_t gaps_ms[] = { 30 * SECOND_MS, 90 * SECOND_MS, 8 * MINUTE_MS, 50 * MINUTE_MS,
				    5 * HOUR_MS };
	for (unsigned i = 0; i < ARRAY_SIZE(gaps_ms); i++) {
		struct schedule_answer given = answer(i + 1, 500);
		assert_int_equal(retry_gap_ms(&given), gaps_ms[i]);
	}
}

static void six_attempts_span_six_hours_when_all_are_on_time(void **state)
{
	(void)state;
	struct schedule_answer given = answer(1, 500);
	for (unsigned attempt = 1; attempt < 6; attempt++) {
		given.attempt = attempt;
		given.answered_at_ms = given.started_at_ms + 10 * SECOND_MS;
		given.started_at_ms += retry_gap_ms(&given);
	}
	assert_int_equal(given.started_at_ms - noon_ms, 6 * HOUR_MS);
}

static void after_the_last_failure_the_delivery_is_dead(void **state)
{
	(void)state;
	for (unsigned attempt = 6; attempt < 9; attempt++) {
		struct schedule_answer given = answer(attempt, 500);
		struct schedule_decision decision = schedule_decide(&schedule, &given);
		assert_int_equal(decision.verdict, ATTEMPT_DEAD);
		assert_false(decision.endpoint_is_gone);
	}
}

static void a_schedule_that_became_shorter_ends_what_is_beyond_it(void **state)
{
	(void)state;
	const struct schedule shorter = { offsets_ms, 2, HOUR_MS };
	struct schedule_answer given = answer(4, 500);
	assert_int_equal(schedule_decide(&shorter, &given).verdict, ATTEMPT_DEAD);
	given.status = 200;
	assert_int_equal(schedule_decide(&shorter, &given).verdict, ATTEMPT_DELIVERED);
}

static void retry_after_only_makes_it_later(void **state)
{
	(void)state;
	const struct {
		const char *value;
		int64_t gap_ms; /* from the start, 2 s before the answer */
	} cases[] = {
		{ "0", 30 * SECOND_MS },
		{ "10", 30 * SECOND_MS },
		{ "28", 30 * SECOND_MS },
		{ "29", 31 * SECOND_MS },
		{ " 120 ", 122 * SECOND_MS },
		{ "3600", HOUR_MS + 2 * SECOND_MS },
		{ "3601", HOUR_MS + 2 * SECOND_MS },
		{ "99999999999999999999999999", HOUR_MS + 2 * SECOND_MS },
		{ "Thu, 18 Jun 2026 13:05:00 GMT", 5 * MINUTE_MS },
		{ "Thu, 18 Jun 2026 13:00:10 GMT", 30 * SECOND_MS },
		{ "Thu, 18 Jun 2026 12:00:00 GMT", 30 * SECOND_MS },
		{ "Fri, 19 Jun 2026 13:00:00 GMT", HOUR_MS + 2 * SECOND_MS },
		/* What says nothing that counts. */
		{ "", 30 * SECOND_MS },
		{ "-120", 30 * SECOND_MS },
		{ "120.5", 30 * SECOND_MS },
		{ "soon", 30 * SECOND_MS },
		{ "120 120", 30 * SECOND_MS },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const int statuses[] = { 429, 503 };
		for (size_t j = 0; j < ARRAY_SIZE(statuses); j++) {
			struct schedule_answer given = answer(1, statuses[j]);
			given.retry_after = cases[i].value;
			int64_t gap_ms = retry_gap_ms(&given);
			if (gap_ms != cases[i].gap_ms)
				fail_msg("Retry-After: %s: expected %lld, got %lld", cases[i].value,
					 (long long)cases[i].gap_ms, (long long)gap_ms);
		}
	}
}

/* Where the next attempt is due before the answer to this one came, it follows at once; then the
 * last second of a Retry-After shows, too. */
static void a_gap_shorter_than_the_answer_took_ends_with_the_answer(void **state)
{
	(void)state;
	static const int64_t brief_ms[] = { 0, SECOND_MS };
	const struct schedule brief = { brief_ms, ARRAY_SIZE(brief_ms), HOUR_MS };
	const struct {
		int status;
		const char *retry_after;
		int64_t gap_ms; /* from the start, 2.5 s before the answer */
	} cases[] = {
		{ 500, NULL, 2500 },
		{ 500, "5", 2500 },
		{ 503, NULL, 2500 },
		{ 503, "soon", 2500 },
		{ 503, "0", 2500 },
		{ 503, "5", 7500 },
		{ 503, "Thu, 18 Jun 2026 12:00:00 GMT", 2500 },
		{ 503, "Thu, 18 Jun 2026 13:00:02 GMT", 2500 },
		{ 503, "Thu, 18 Jun 2026 13:00:03 GMT", 3000 },
		{ 503, "Thu, 18 Jun 2026 14:00:02 GMT", HOUR_MS + 2000 },
		{ 503, "Thu, 18 Jun 2026 14:00:03 GMT", HOUR_MS + 2500 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct schedule_answer given = answer(1, cases[i].status);
		given.answered_at_ms = noon_ms + 2500;
		given.retry_after = cases[i].retry_after;
		int64_t gap_ms = schedule_decide(&brief, &given).retry_at_ms - noon_ms;
		if (gap_ms != cases[i].gap_ms)
			fail_msg("%d, Retry-After: %s: expected %lld, got %lld", cases[i].status,
				 cases[i].retry_after ? cases[i].retry_after : "(none)",
				 (long long)cases[i].gap_ms, (long long)gap_ms);
	}
}

static void without_a_retry_after_the_schedule_stands(void **state)
{
	(void)state;
	const int statuses[] = { 429, 503 };
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		struct schedule_answer given = answer(1, statuses[i]);
		assert_int_equal(retry_gap_ms(&given), 30 * SECOND_MS);
	}
}

static void retry_after_means_nothing_with_another_status(void **state)
{
	(void)state;
	const int statuses[] = { 0, 301, 400, 500, 502 };
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		struct schedule_answer given = answer(1, statuses[i]);
		given.retry_after = "600";
		assert_int_equal(retry_gap_ms(&given), 30 * SECOND_MS);
	}
}

static void a_cap_of_retry_after_does_not_shorten_the_schedule(void **state)
{
	(void)state;
	struct schedule_answer given = answer(5, 503);
	given.retry_after = "86400";
	assert_int_equal(retry_gap_ms(&given), 5 * HOUR_MS);
}

static void gone_ends_the_delivery_and_the_webhook(void **state)
{
	(void)state;
	struct schedule_answer given = answer(1, 410);
	struct schedule_decision decision = schedule_decide(&schedule, &given);
	assert_int_equal(decision.verdict, ATTEMPT_DEAD);
	assert_true(decision.endpoint_is_gone);
}

static void a_test_has_one_attempt(void **state)
{
	(void)state;
	const struct {
		int status;
		enum attempt_verdict verdict;
	} cases[] = {
		{ 200, ATTEMPT_DELIVERED },
		{ 500, ATTEMPT_DEAD },
		{ 0, ATTEMPT_DEAD },
		{ 410, ATTEMPT_DEAD },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct schedule_answer given = answer(1, cases[i].status);
		given.is_test = true;
		struct schedule_decision decision = schedule_decide(&schedule, &given);
		assert_int_equal(decision.verdict, cases[i].verdict);
		assert_false(decision.endpoint_is_gone);
	}
}

static void no_delivery_waits_longer_than_its_gap_or_what_was_asked_for(void **state)
{
	(void)state;
	struct delivery_waits waits;
	schedule_waits(&schedule, &waits);
	static const int64_t expected_ms[] = {
		0,           30 * SECOND_MS, 90 * SECOND_MS, 8 * MINUTE_MS, 50 * MINUTE_MS,
		5 * HOUR_MS, 5 * HOUR_MS
	};
	for (size_t made = 0; made < ARRAY_SIZE(expected_ms); made++)
		assert_int_equal(waits.after_ms[made], expected_ms[made]);
	assert_int_equal(waits.after_ms[LIMIT_SCHEDULE_STEPS - 1], 5 * HOUR_MS);
	assert_int_equal(waits.asked_for_ms, HOUR_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_2xx_is_a_delivery),
		cmocka_unit_test(everything_else_is_tried_again),
		cmocka_unit_test(gaps_count_from_the_start_of_the_attempt_before),
		cmocka_unit_test(six_attempts_span_six_hours_when_all_are_on_time),
		cmocka_unit_test(after_the_last_failure_the_delivery_is_dead),
		cmocka_unit_test(a_schedule_that_became_shorter_ends_what_is_beyond_it),
		cmocka_unit_test(retry_after_only_makes_it_later),
		cmocka_unit_test(a_gap_shorter_than_the_answer_took_ends_with_the_answer),
		cmocka_unit_test(without_a_retry_after_the_schedule_stands),
		cmocka_unit_test(retry_after_means_nothing_with_another_status),
		cmocka_unit_test(a_cap_of_retry_after_does_not_shorten_the_schedule),
		cmocka_unit_test(gone_ends_the_delivery_and_the_webhook),
		cmocka_unit_test(a_test_has_one_attempt),
		cmocka_unit_test(no_delivery_waits_longer_than_its_gap_or_what_was_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
