#include "detect/lineup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1781787600000)
enum {
	SECOND = 1000,
	MINUTE = 60 * SECOND,
	HOUR = 60 * MINUTE,
	CREATORS = 1000,
	SIZE = 50,
	FAST_MS = 12, /* 5,000 requests a minute */
};

static const struct planner_rules rules = {
	.policy = POLICY_LEARNED,
	.min_interval_ms = 60 * SECOND,
	.max_interval_ms = 30 * MINUTE,
	.quarantine_interval_ms = HOUR,
	.sweep_ms = 60 * SECOND,
	.haste_h = PLANNER_HASTE_H,
};

struct bench {
	struct planner_entry entries[CREATORS];
	struct lineup lineup;
	size_t picks[SIZE];
	struct planner_batch batch;
};

static struct planner_entry checked(int64_t ago_ms)
{
	return (struct planner_entry){ .is_waiting = true,
				       .is_swept = true,
				       .priority = PRIORITY_NORMAL,
				       .last_checked_at_ms = NOW - ago_ms };
}

static struct bench *new_bench(void)
{
	static struct bench bench;
	lineup_finish(&bench.lineup);
	for (size_t i = 0; i < CREATORS; i++)
		bench.entries[i] = checked(2 * MINUTE + (int64_t)(i * 37 % CREATORS) * 100);
	return &bench;
}

static void pick_at(struct bench *bench, int64_t pace_ms, int64_t now_ms)
{
	lineup_pick(&bench->lineup, &rules, bench->entries, CREATORS, SIZE, pace_ms, now_ms,
		    bench->picks, &bench->batch);
}

/* They go into a batch. */
static void take(struct bench *bench)
{
	for (size_t i = 0; i < bench->batch.count; i++)
		bench->entries[bench->picks[i]].is_waiting = false;
}

static size_t position(const struct bench *bench, size_t place)
{
	for (size_t i = 0; i < bench->batch.count; i++)
		if (bench->picks[i] == place)
			return i;
	return SIZE;
}

/* Of the same instant the batches are those that a look for each of them would give. */
static void one_look_gives_the_batches_that_many_looks_would(void **state)
{
	(void)state;
	struct bench *bench = new_bench();
	for (int batches = 0; batches < CREATORS / SIZE; batches++) {
		size_t expected[SIZE];
		struct planner_batch wanted;
		planner_pick(&rules, bench->entries, CREATORS, SIZE, NOW, expected, &wanted);
		pick_at(bench, FAST_MS, NOW);
		assert_int_equal(bench->batch.count, SIZE);
		assert_memory_equal(bench->picks, expected, sizeof(expected));
		take(bench);
	}
	pick_at(bench, FAST_MS, NOW);
	assert_int_equal(bench->batch.count, 0);
	assert_int_equal(bench->batch.next_at_ms, INT64_MAX);
}

/* A batch is only taken once it goes out: the quota may not have granted it. */
static void those_who_were_not_taken_are_picked_again(void **state)
{
	(void)state;
	struct bench *bench = new_bench();
	size_t before[SIZE];
	pick_at(bench, FAST_MS, NOW);
	memcpy(before, bench->picks, sizeof(before));
	pick_at(bench, FAST_MS, NOW + 10);
	assert_memory_equal(bench->picks, before, sizeof(before));
}

static void who_becomes_urgent_waits_for_200_ms_at_most(void **state)
{
	(void)state;
	struct bench *bench = new_bench();
	pick_at(bench, FAST_MS, NOW);
	size_t last = bench->picks[SIZE - 1]; /* in the first batch, so in no other */
	take(bench);
	bench->entries[last] = checked(5 * SECOND);
	bench->entries[last].confirm_at_ms = NOW + SECOND / 10;
	for (int64_t now_ms = NOW; now_ms < NOW + LINEUP_MS; now_ms += FAST_MS) {
		pick_at(bench, FAST_MS, now_ms);
		assert_int_equal(position(bench, last), SIZE);
		assert_false(bench->batch.has_confirmation);
		/* Who waits for the quota looks again by then. */
		assert_true(bench->batch.next_at_ms <= NOW + LINEUP_MS);
	}
	pick_at(bench, FAST_MS, NOW + LINEUP_MS);
	assert_int_equal(position(bench, last), 0);
	assert_true(bench->batch.has_confirmation);
}

static void at_a_pace_that_allows_it_every_batch_has_its_own_look(void **state)
{
	(void)state;
	struct bench *bench = new_bench();
	pick_at(bench, LINEUP_MS + 1, NOW);
	size_t last = bench->picks[SIZE - 1];
	take(bench);
	bench->entries[last] = checked(5 * SECOND);
	bench->entries[last].confirm_at_ms = NOW + 1;
	pick_at(bench, LINEUP_MS + 1, NOW + 1);
	assert_int_equal(position(bench, last), 0);
}

/* Checked by another way meanwhile, gone, suspected, after a failure: each is passed over, and the
 * batch is full all the same. */
static void who_may_no_longer_be_asked_is_passed_over(void **state)
{
	(void)state;
	struct bench *bench = new_bench();
	size_t expected[SIZE];
	struct planner_batch wanted;
	pick_at(bench, FAST_MS, NOW);
	take(bench);
	planner_pick(&rules, bench->entries, CREATORS, SIZE, NOW, expected, &wanted);
	bench->entries[expected[0]] = checked(SECOND);
	bench->entries[expected[1]] = (struct planner_entry){ 0 };
	bench->entries[expected[2]].company = PLANNER_APART;
	bench->entries[expected[3]].not_before_ms = NOW + MINUTE;
	pick_at(bench, FAST_MS, NOW);
	assert_int_equal(bench->batch.count, SIZE);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(position(bench, expected[i]), SIZE);
	for (size_t i = 4; i < SIZE; i++)
		assert_int_equal(position(bench, expected[i]), i - 4);
}

/* The rest of a look is no batch: who came back since fills it up. */
static void a_short_rest_is_looked_at_anew(void **state)
{
	(void)state;
	struct bench *bench = new_bench();
	for (size_t i = SIZE + SIZE / 2; i < CREATORS; i++)
		bench->entries[i].is_waiting = false;
	pick_at(bench, FAST_MS, NOW);
	take(bench);
	for (size_t i = SIZE + SIZE / 2; i < CREATORS; i++)
		bench->entries[i].is_waiting = true;
	pick_at(bench, FAST_MS, NOW + 1);
	assert_int_equal(bench->batch.count, SIZE);
}

static void a_clock_that_is_set_back_does_not_keep_an_old_look(void **state)
{
	(void)state;
	struct bench *bench = new_bench();
	pick_at(bench, FAST_MS, NOW);
	take(bench);
	pick_at(bench, FAST_MS, NOW - MINUTE);
	assert_int_equal(bench->lineup.looked_at_ms, NOW - MINUTE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_look_gives_the_batches_that_many_looks_would),
		cmocka_unit_test(those_who_were_not_taken_are_picked_again),
		cmocka_unit_test(who_becomes_urgent_waits_for_200_ms_at_most),
		cmocka_unit_test(at_a_pace_that_allows_it_every_batch_has_its_own_look),
		cmocka_unit_test(who_may_no_longer_be_asked_is_passed_over),
		cmocka_unit_test(a_short_rest_is_looked_at_anew),
		cmocka_unit_test(a_clock_that_is_set_back_does_not_keep_an_old_look),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
