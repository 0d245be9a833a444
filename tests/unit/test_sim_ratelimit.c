#include "sim/ratelimit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct sim_tier two_a_minute_five_a_day = { "tiny", 1, 2, 5 };

static void tiers_are_those_of_the_documentation(void **state)
{
	(void)state;
	const struct sim_tier *pro = sim_tier_find("pro");
	assert_non_null(pro);
	assert_int_equal(pro->batch, 50);
	assert_int_equal(pro->per_minute, 300);
	assert_int_equal(pro->per_day, 75000);
	assert_null(sim_tier_find("platinum"));
}

static void the_minute_slides(void **state)
{
	(void)state;
	struct sim_ratelimit limit;
	sim_ratelimit_init(&limit, &two_a_minute_five_a_day);
	assert_int_equal(sim_ratelimit_take(&limit, 1000, 0), SIM_ALLOWED);
	assert_int_equal(sim_ratelimit_take(&limit, 31000, 0), SIM_ALLOWED);
	assert_int_equal(sim_ratelimit_remaining(&limit), 0);
	assert_int_equal(sim_ratelimit_take(&limit, 60999, 0), SIM_MINUTE_EXCEEDED);
	assert_int_equal(sim_ratelimit_reset_s(&limit, 60999), 61);
	assert_int_equal(sim_ratelimit_take(&limit, 61000, 0), SIM_ALLOWED);
	assert_int_equal(sim_ratelimit_take(&limit, 61001, 0), SIM_MINUTE_EXCEEDED);
	sim_ratelimit_finish(&limit);
}

static void what_is_refused_does_not_count(void **state)
{
	(void)state;
	struct sim_ratelimit limit;
	sim_ratelimit_init(&limit, &two_a_minute_five_a_day);
	for (int i = 0; i < 10; i++)
		(void)sim_ratelimit_take(&limit, 1000 + i, 0);
	assert_int_equal(limit.used_today, 2);
	assert_int_equal(sim_ratelimit_take(&limit, 61001, 0), SIM_ALLOWED);
	sim_ratelimit_finish(&limit);
}

static void the_day_ends_at_the_change_of_its_number(void **state)
{
	(void)state;
	struct sim_ratelimit limit;
	sim_ratelimit_init(&limit, &two_a_minute_five_a_day);
	for (int i = 0; i < 5; i++)
		assert_int_equal(sim_ratelimit_take(&limit, i * 60000, 7), SIM_ALLOWED);
	assert_int_equal(sim_ratelimit_take(&limit, 500000, 7), SIM_DAY_EXCEEDED);
	assert_int_equal(sim_ratelimit_take(&limit, 500000, 8), SIM_ALLOWED);
	assert_int_equal(limit.used_today, 1);
	sim_ratelimit_finish(&limit);
}

static void the_reset_is_told_in_whole_seconds_rounded_up(void **state)
{
	(void)state;
	struct sim_ratelimit limit;
	sim_ratelimit_init(&limit, &two_a_minute_five_a_day);
	assert_int_equal(sim_ratelimit_reset_s(&limit, 5500), 5);
	(void)sim_ratelimit_take(&limit, 5500, 0);
	assert_int_equal(sim_ratelimit_reset_s(&limit, 6000), 66);
	sim_ratelimit_finish(&limit);
}

static void a_window_grows_past_its_first_size_and_keeps_its_order(void **state)
{
	(void)state;
	struct sim_window window = { 0 };
	for (int i = 0; i < 50; i++)
		sim_window_add(&window, i);
	for (int i = 0; i < 500; i++) /* the first 50 leave while these come */
		sim_window_add(&window, 60020 + i);
	assert_int_equal(window.count, 500);
	assert_true(window.count_max >= 500);
	assert_int_equal(window.times_ms[window.first], 60020);
	sim_window_slide(&window, 1000000);
	assert_int_equal(window.count, 0);
	sim_window_finish(&window);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tiers_are_those_of_the_documentation),
		cmocka_unit_test(the_minute_slides),
		cmocka_unit_test(what_is_refused_does_not_count),
		cmocka_unit_test(the_day_ends_at_the_change_of_its_number),
		cmocka_unit_test(the_reset_is_told_in_whole_seconds_rounded_up),
		cmocka_unit_test(a_window_grows_past_its_first_size_and_keeps_its_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
