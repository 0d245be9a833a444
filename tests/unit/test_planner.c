#include "detect/bisect.h"
#include "detect/planner.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1781787600000)
enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

static const struct planner_rules uniform = {
	.policy = POLICY_UNIFORM,
	.min_interval_ms = 60 * SECOND,
	.max_interval_ms = 30 * MINUTE,
	.quarantine_interval_ms = HOUR,
	.sweep_ms = 60 * SECOND,
};

static struct planner_entry checked(int64_t ago_ms)
{
	return (struct planner_entry){ .is_waiting = true,
				       .is_swept = true,
				       .priority = PRIORITY_NORMAL,
				       .last_checked_at_ms = NOW - ago_ms };
}

static struct planner_batch pick(const struct planner_rules *rules,
				 const struct planner_entry *entries, size_t count, size_t size,
				 size_t *picks)
{
	struct planner_batch batch;
	planner_pick(rules, entries, count, size, NOW, picks, &batch);
	return batch;
}

static void those_who_waited_longest_go_first_and_the_batch_is_full(void **state)
{
	(void)state;
	struct planner_entry entries[] = { checked(2 * MINUTE), checked(5 * MINUTE),
					   checked(3 * MINUTE), checked(59 * SECOND),
					   checked(4 * MINUTE) };
	size_t picks[3];
	struct planner_batch batch = pick(&uniform, entries, 5, 3, picks);
	assert_int_equal(batch.count, 3);
	assert_int_equal(picks[0], 1);
	assert_int_equal(picks[1], 4);
	assert_int_equal(picks[2], 2);
	assert_false(batch.has_confirmation || batch.has_first);
}

static void nobody_is_checked_more_often_than_min_interval(void **state)
{
	(void)state;
	struct planner_entry entries[] = { checked(59 * SECOND), checked(20 * SECOND) };
	size_t picks[2];
	struct planner_batch batch = pick(&uniform, entries, 2, 2, picks);
	assert_int_equal(batch.count, 0);
	assert_int_equal(batch.next_at_ms, NOW + SECOND);
	entries[0].is_waiting = entries[1].is_waiting = false;
	assert_int_equal(pick(&uniform, entries, 2, 2, picks).next_at_ms, INT64_MAX);
}

static void a_confirmation_that_is_due_goes_first_whatever_the_interval(void **state)
{
	(void)state;
	struct planner_entry entries[] = { checked(10 * MINUTE), checked(5 * SECOND),
					   checked(6 * SECOND) };
	size_t picks[3];
	entries[1].confirm_at_ms = NOW;
	entries[2].confirm_at_ms = NOW + 7 * SECOND;
	struct planner_batch batch = pick(&uniform, entries, 3, 3, picks);
	assert_int_equal(batch.count, 2);
	assert_int_equal(picks[0], 1);
	assert_int_equal(picks[1], 0);
	assert_true(batch.has_confirmation);
	assert_int_equal(batch.next_at_ms, NOW + 7 * SECOND);
	entries[1].not_before_ms = NOW + SECOND; /* after a failure even a confirmation waits */
	batch = pick(&uniform, entries, 3, 3, picks);
	assert_false(batch.has_confirmation);
}

static void a_thousand_creators_cost_ten_batches_of_a_hundred(void **state)
{
	(void)state;
	static struct planner_entry entries[1000];
	size_t picks[100];
	for (size_t i = 0; i < 1000; i++)
		entries[i] = checked(2 * MINUTE + (int64_t)(i * 37 % 1000));
	for (int batches = 0; batches < 10; batches++) {
		struct planner_batch batch = pick(&uniform, entries, 1000, 100, picks);
		assert_int_equal(batch.count, 100);
		for (size_t i = 0; i < 100; i++) {
			assert_true(entries[picks[i]].is_waiting);
			entries[picks[i]] = checked(0);
			entries[picks[i]].is_waiting = false;
		}
	}
	assert_int_equal(pick(&uniform, entries, 1000, 100, picks).count, 0);
}

static void the_silent_are_asked_about_apart_and_the_refused_alone(void **state)
{
	(void)state;
	struct planner_entry entries[] = { checked(9 * MINUTE), checked(8 * MINUTE),
					   checked(7 * MINUTE), checked(2 * HOUR) };
	size_t picks[4];
	entries[0].company = entries[2].company = PLANNER_APART;
	entries[3].company = PLANNER_ALONE;
	struct planner_batch batch = pick(&uniform, entries, 4, 4, picks);
	assert_int_equal(batch.count, 1);
	assert_int_equal(picks[0], 3);
	entries[3].last_checked_at_ms = NOW - 59 * MINUTE;
	batch = pick(&uniform, entries, 4, 4, picks);
	assert_int_equal(batch.count, 2);
	assert_int_equal(picks[0], 0);
	assert_int_equal(picks[1], 2);
	entries[0].is_waiting = entries[2].is_waiting = false;
	batch = pick(&uniform, entries, 4, 4, picks);
	assert_int_equal(batch.count, 1);
	assert_int_equal(picks[0], 1);
}

static void those_never_asked_about_go_before_the_others(void **state)
{
	(void)state;
	struct planner_entry entries[] = { checked(5 * MINUTE), { .is_waiting = true } };
	size_t picks[1];
	struct planner_batch batch = pick(&uniform, entries, 2, 1, picks);
	assert_int_equal(picks[0], 1);
	assert_true(batch.has_first);
}

static void a_check_in_the_future_was_made_under_a_wrong_clock(void **state)
{
	(void)state;
	struct planner_entry entries[] = { checked(-5 * HOUR) };
	size_t picks[1];
	assert_int_equal(pick(&uniform, entries, 1, 1, picks).count, 1);
}

static void with_learning_the_live_and_the_important_go_before_the_others(void **state)
{
	(void)state;
	struct planner_rules learned = uniform;
	learned.policy = POLICY_LEARNED;
	struct planner_entry entries[] = { checked(5 * MINUTE), checked(5 * MINUTE),
					   checked(5 * MINUTE), checked(5 * MINUTE),
					   checked(29 * MINUTE) };
	entries[0].priority = PRIORITY_LOW;
	entries[2].priority = PRIORITY_HIGH;
	entries[3].is_live = true;
	entries[4].priority = PRIORITY_LOW; /* but it waits longer than anybody should */
	size_t picks[5];
	assert_int_equal(pick(&learned, entries, 5, 5, picks).count, 5);
	static const size_t expected[] = { 4, 3, 2, 1, 0 };
	assert_memory_equal(picks, expected, sizeof(expected));
}

static void overdue_means_twice_an_even_share_where_the_quota_cannot_serve_everyone(void **state)
{
	(void)state;
	struct planner_rules learned = uniform;
	learned.policy = POLICY_LEARNED;
	learned.sweep_ms = 40 * MINUTE;
	struct planner_entry entries[] = { checked(60 * MINUTE), checked(50 * MINUTE) };
	entries[1].is_live = true;
	size_t picks[1];
	pick(&learned, entries, 2, 1, picks);
	assert_int_equal(picks[0], 1);
	entries[0].last_checked_at_ms = NOW - 75 * MINUTE;
	pick(&learned, entries, 2, 1, picks);
	assert_int_equal(picks[0], 0);
}

static void who_has_waited_for_max_interval_is_late_where_the_quota_can_serve_everyone(void **state)
{
	(void)state;
	struct planner_rules learned = uniform;
	learned.policy = POLICY_LEARNED;
	struct planner_entry entries[] = { checked(28 * MINUTE), checked(20 * MINUTE) };
	size_t picks[2];
	struct planner_batch batch = pick(&learned, entries, 2, 2, picks);
	assert_false(batch.has_late);
	assert_int_equal(batch.next_at_ms, NOW + 1 * MINUTE); /* then the first one is */
	entries[0] = checked(29 * MINUTE);
	assert_true(pick(&learned, entries, 2, 2, picks).has_late);
	learned.sweep_ms = 40 * MINUTE;
	assert_false(pick(&learned, entries, 2, 2, picks).has_late);
}

static void a_short_batch_waits_for_those_who_are_nearly_due(void **state)
{
	(void)state;
	struct planner_entry entries[] = { checked(70 * SECOND), checked(50 * SECOND),
					   checked(10 * SECOND) };
	size_t picks[3];
	struct planner_batch batch = pick(&uniform, entries, 3, 3, picks);
	assert_int_equal(batch.count, 0); /* the second is due before the first has waited 30 s */
	assert_int_equal(batch.next_at_ms, NOW + 10 * SECOND);
	assert_int_equal(pick(&uniform, entries, 3, 1, picks).count, 1); /* full: it goes */
	entries[1] = checked(60 * SECOND);
	batch = pick(&uniform, entries, 3, 3, picks);
	assert_int_equal(batch.count, 2); /* the third would come too late */
	entries[0] = checked(90 * SECOND);
	entries[1] = checked(50 * SECOND);
	assert_int_equal(pick(&uniform, entries, 3, 3, picks).count, 1);
}

static void what_is_in_a_hurry_waits_for_nobody_and_takes_the_waiting_along(void **state)
{
	(void)state;
	struct planner_entry entries[] = { checked(70 * SECOND), checked(50 * SECOND),
					   checked(20 * SECOND) };
	size_t picks[3];
	entries[2].confirm_at_ms = NOW;
	struct planner_batch batch = pick(&uniform, entries, 3, 3, picks);
	assert_int_equal(batch.count, 2);
	assert_int_equal(picks[0], 2);
	assert_int_equal(picks[1], 0);
	entries[2] = (struct planner_entry){ .is_waiting = true };
	assert_int_equal(pick(&uniform, entries, 3, 3, picks).count, 2);
	entries[2] = checked(2 * HOUR);
	entries[2].company = PLANNER_ALONE; /* goes while the others wait */
	batch = pick(&uniform, entries, 3, 3, picks);
	assert_int_equal(batch.count, 1);
	assert_int_equal(picks[0], 2);
}

static void due_times_follow_sweep_confirmation_and_quarantine(void **state)
{
	(void)state;
	struct planner_rules rules = uniform;
	struct planner_entry entry = checked(0);
	assert_int_equal(planner_due_at_ms(&rules, &entry), NOW + MINUTE);
	rules.sweep_ms = 16 * MINUTE;
	assert_int_equal(planner_due_at_ms(&rules, &entry), NOW + 16 * MINUTE);
	entry.confirm_at_ms = NOW + 2 * MINUTE;
	assert_int_equal(planner_due_at_ms(&rules, &entry), NOW + 2 * MINUTE);
	entry.confirm_at_ms = 0;
	entry.company = PLANNER_ALONE;
	assert_int_equal(planner_due_at_ms(&rules, &entry), NOW + HOUR);
	struct planner_entry added = { .is_waiting = true, .known_since_ms = NOW };
	assert_int_equal(planner_due_at_ms(&rules, &added), NOW);
	assert_int_equal(planner_sweep_ms(1000, 10, 9600, MINUTE), 960000);
	assert_int_equal(planner_sweep_ms(5, 10, 9600, MINUTE), MINUTE);
}

/* ---- bisect ---- */

/* Settles a batch against a service that takes size_max handles and refuses those in bad[]. */
static unsigned bisect_all(struct bisect *bisect, size_t count, size_t size_max, const bool *bad)
{
	struct bisect_piece piece;
	unsigned requests = 0;
	bisect_start(bisect, count);
	while (bisect_next(bisect, &piece)) {
		bool is_bad = piece.end - piece.first > size_max;
		for (size_t i = piece.first; i < piece.end; i++)
			is_bad |= bad[i];
		requests++;
		if (is_bad)
			bisect_refused(bisect, piece);
		else
			bisect_accepted(bisect, piece);
	}
	return requests;
}

static bool is_suspect(const struct bisect *bisect, size_t member)
{
	for (size_t i = 0; i < bisect->refused_count; i++)
		if (bisect->refused[i].first == member && bisect->refused[i].end == member + 1)
			return true;
	return false;
}

static void a_batch_that_is_too_big_tells_the_size_that_works(void **state)
{
	(void)state;
	static const bool nobody[1000];
	struct bisect bisect;
	bisect_all(&bisect, 200, 50, nobody);
	assert_int_equal(bisect_size(&bisect), 50);
	assert_int_equal(bisect.suspects, 0);
	bisect_all(&bisect, 1000, 1, nobody);
	assert_int_equal(bisect_size(&bisect), 1);
	bisect_all(&bisect, 7, 4, nobody);
	assert_int_equal(bisect_size(&bisect), 4);
}

static void a_bad_handle_is_found_and_the_size_stays(void **state)
{
	(void)state;
	struct bisect bisect;
	for (size_t at = 0; at < 100; at++) {
		bool bad[100] = { false };
		bad[at] = true;
		unsigned requests = bisect_all(&bisect, 100, 100, bad);
		assert_true(requests <= 14);
		assert_int_equal(bisect.suspects, 1);
		assert_true(is_suspect(&bisect, at));
		assert_int_equal(bisect_size(&bisect), 0);
	}
}

static void several_bad_handles_in_a_batch_that_is_too_big_are_told_apart(void **state)
{
	(void)state;
	struct bisect bisect;
	bool bad[200] = { false };
	bad[0] = bad[3] = bad[60] = true;
	bisect_all(&bisect, 200, 50, bad);
	assert_int_equal(bisect.suspects, 3);
	assert_true(is_suspect(&bisect, 0) && is_suspect(&bisect, 3) && is_suspect(&bisect, 60));
	assert_int_equal(bisect_size(&bisect), 50);
}

static void where_nobody_is_accepted_it_is_hopeless(void **state)
{
	(void)state;
	struct bisect bisect;
	struct bisect_piece piece;
	unsigned requests = 0;
	bisect_start(&bisect, 1000);
	while (!bisect_is_hopeless(&bisect)) {
		assert_true(bisect_next(&bisect, &piece));
		bisect_refused(&bisect, piece);
		requests++;
	}
	assert_true(requests <= 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_who_waited_longest_go_first_and_the_batch_is_full),
		cmocka_unit_test(nobody_is_checked_more_often_than_min_interval),
		cmocka_unit_test(a_confirmation_that_is_due_goes_first_whatever_the_interval),
		cmocka_unit_test(a_thousand_creators_cost_ten_batches_of_a_hundred),
		cmocka_unit_test(the_silent_are_asked_about_apart_and_the_refused_alone),
		cmocka_unit_test(those_never_asked_about_go_before_the_others),
		cmocka_unit_test(a_check_in_the_future_was_made_under_a_wrong_clock),
		cmocka_unit_test(with_learning_the_live_and_the_important_go_before_the_others),
		cmocka_unit_test(
			overdue_means_twice_an_even_share_where_the_quota_cannot_serve_everyone),
		cmocka_unit_test(
			who_has_waited_for_max_interval_is_late_where_the_quota_can_serve_everyone),
		cmocka_unit_test(a_short_batch_waits_for_those_who_are_nearly_due),
		cmocka_unit_test(what_is_in_a_hurry_waits_for_nobody_and_takes_the_waiting_along),
		cmocka_unit_test(due_times_follow_sweep_confirmation_and_quarantine),
		cmocka_unit_test(a_batch_that_is_too_big_tells_the_size_that_works),
		cmocka_unit_test(a_bad_handle_is_found_and_the_size_stays),
		cmocka_unit_test(several_bad_handles_in_a_batch_that_is_too_big_are_told_apart),
		cmocka_unit_test(where_nobody_is_accepted_it_is_hopeless),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
