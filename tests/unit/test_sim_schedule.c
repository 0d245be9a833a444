#include "sim/schedule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const int64_t monday_ms = INT64_C(1781481600000); /* 2026-06-15 00:00 UTC */
static const int64_t week_ms = INT64_C(7) * 24 * 3600 * 1000;
static const struct sim_schedule population = { .seed = 7, .creators = 2000 };

static void names_find_their_creators(void **state)
{
	(void)state;
	for (size_t i = 0; i < population.creators; i += 37) {
		char name[SIM_NAME_SIZE];
		size_t found;
		sim_schedule_name(&population, i, name);
		assert_true(sim_schedule_find(&population, name, &found));
		assert_int_equal(found, i);
		assert_true(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") ==
			    strlen(name));
	}
}

static void other_names_find_nobody(void **state)
{
	(void)state;
	char name[SIM_NAME_SIZE], longer[SIM_NAME_SIZE + 2];
	size_t found = 12345;
	sim_schedule_name(&population, 5, name);
	snprintf(longer, sizeof(longer), "%s0", name);
	assert_false(sim_schedule_find(&population, longer, &found));
	assert_false(sim_schedule_find(&population, "charlidamelio", &found));
	assert_false(sim_schedule_find(&population, "nobody.plays.99999999", &found));
	assert_false(sim_schedule_find(&population, "x.", &found));
	assert_int_equal(found, 12345);
}

static void the_mix_of_habits_is_the_one_that_was_measured_with(void **state)
{
	(void)state;
	size_t counts[3] = { 0 };
	for (size_t i = 0; i < population.creators; i++)
		counts[sim_schedule_habit(&population, i)]++;
	assert_in_range(counts[SIM_HABITUAL], 1020, 1180); /* 55 % of 2000 */
	assert_in_range(counts[SIM_IRREGULAR], 430, 570);
	assert_in_range(counts[SIM_DORMANT], 330, 470);
}

/* Every live of a creator in four weeks, each by asking for the next. */
static size_t lives_of_four_weeks(size_t creator, struct sim_live *lives, size_t max)
{
	size_t count = 0;
	int64_t at_ms = monday_ms;
	while (count < max && sim_schedule_next_live(&population, creator, at_ms, &lives[count]) &&
	       lives[count].started_at_ms < monday_ms + 4 * week_ms)
		at_ms = lives[count++].started_at_ms;
	return count;
}

static void a_live_is_on_from_its_start_to_before_its_end(void **state)
{
	(void)state;
	size_t seen = 0;
	for (size_t i = 0; i < 200; i++) {
		struct sim_live lives[64], found;
		size_t count = lives_of_four_weeks(i, lives, 64);
		for (size_t k = 0; k < count; k++) {
			int64_t start = lives[k].started_at_ms, end = lives[k].ended_at_ms;
			assert_true(sim_schedule_live_at(&population, i, start, &found));
			assert_int_equal(found.ended_at_ms, end);
			assert_true(sim_schedule_live_at(&population, i, end - 1, &found));
			assert_int_equal(found.started_at_ms, start);
			assert_false(sim_schedule_live_at(&population, i, end, &found));
			assert_false(sim_schedule_live_at(&population, i, start - 1, &found));
			seen++;
		}
	}
	assert_true(seen > 1000);
}

static void lives_of_one_creator_do_not_overlap(void **state)
{
	(void)state;
	for (size_t i = 0; i < 300; i++) {
		struct sim_live lives[64];
		size_t count = lives_of_four_weeks(i, lives, 64);
		for (size_t k = 1; k < count; k++)
			assert_true(lives[k - 1].ended_at_ms < lives[k].started_at_ms);
	}
}

static void dormant_creators_are_never_live_and_the_others_are(void **state)
{
	(void)state;
	for (size_t i = 0; i < 300; i++) {
		struct sim_live lives[64];
		size_t count = lives_of_four_weeks(i, lives, 64);
		if (sim_schedule_habit(&population, i) == SIM_DORMANT)
			assert_int_equal(count, 0);
	}
}

static void habitual_creators_keep_their_hours(void **state)
{
	(void)state;
	size_t near = 0, all = 0;
	for (size_t i = 0; i < 300; i++) {
		struct sim_live lives[64], a_week_later;
		if (sim_schedule_habit(&population, i) != SIM_HABITUAL)
			continue;
		size_t count = lives_of_four_weeks(i, lives, 64);
		for (size_t k = 0; k < count; k++) {
			int64_t from = lives[k].started_at_ms + week_ms - 3600 * 1000;
			bool has = sim_schedule_next_live(&population, i, from, &a_week_later);
			near += has && a_week_later.started_at_ms < from + 2 * 3600 * 1000;
			all++;
		}
	}
	assert_true(near > all / 2);
}

static void the_median_live_lasts_an_hour_and_a_half(void **state)
{
	(void)state;
	size_t longer = 0, all = 0;
	for (size_t i = 0; i < 500; i++) {
		struct sim_live lives[64];
		size_t count = lives_of_four_weeks(i, lives, 64);
		for (size_t k = 0; k < count; k++) {
			longer += lives[k].ended_at_ms - lives[k].started_at_ms > 90 * 60000;
			all++;
		}
	}
	double share = (double)longer / (double)all;
	if (fabs(share - 0.5) > 0.05)
		fail_msg("%.3f of %zu lives are longer than the median", share, all);
}

static void another_seed_is_another_population(void **state)
{
	(void)state;
	struct sim_schedule other = { .seed = 8, .creators = 2000 };
	size_t same = 0;
	for (size_t i = 0; i < 200; i++) {
		char here[SIM_NAME_SIZE], there[SIM_NAME_SIZE];
		sim_schedule_name(&population, i, here);
		sim_schedule_name(&other, i, there);
		same += strcmp(here, there) == 0;
	}
	assert_true(same < 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_find_their_creators),
		cmocka_unit_test(other_names_find_nobody),
		cmocka_unit_test(the_mix_of_habits_is_the_one_that_was_measured_with),
		cmocka_unit_test(a_live_is_on_from_its_start_to_before_its_end),
		cmocka_unit_test(lives_of_one_creator_do_not_overlap),
		cmocka_unit_test(dormant_creators_are_never_live_and_the_others_are),
		cmocka_unit_test(habitual_creators_keep_their_hours),
		cmocka_unit_test(the_median_live_lasts_an_hour_and_a_half),
		cmocka_unit_test(another_seed_is_another_population),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
