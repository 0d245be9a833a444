#include "sim/faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const two_handles[] = { "alice", "bob" };
static const struct sim_fault_subject bulk = { true, two_handles, 2 };
static const struct sim_fault_subject other_call = { false, NULL, 0 };

static void order(struct sim_faults *faults, enum sim_fault_kind kind, int64_t count)
{
	struct sim_fault fault;
	sim_fault_init(&fault, kind, 0);
	fault.count = count;
	sim_faults_add(faults, &fault);
}

static void every_kind_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SIM_FAULT_KINDS; i++) {
		enum sim_fault_kind found;
		assert_true(sim_fault_find(sim_fault_name((enum sim_fault_kind)i), &found));
		assert_int_equal(found, i);
	}
	enum sim_fault_kind none;
	assert_false(sim_fault_find("earthquake", &none));
}

static void a_counted_fault_is_met_so_often_and_then_no_more(void **state)
{
	(void)state;
	struct sim_faults faults = { 0 };
	order(&faults, SIM_FAULT_HTML, 2);
	assert_non_null(sim_faults_draw(&faults, &bulk, 0, 1));
	assert_non_null(sim_faults_draw(&faults, &bulk, 1, 2));
	assert_null(sim_faults_draw(&faults, &bulk, 2, 3));
	assert_int_equal(faults.count, 0);
	sim_faults_finish(&faults);
}

static void a_timed_fault_ends(void **state)
{
	(void)state;
	struct sim_faults faults = { 0 };
	struct sim_fault fault;
	sim_fault_init(&fault, SIM_FAULT_HANG, 1000);
	fault.until_ms = 5000;
	sim_faults_add(&faults, &fault);
	assert_non_null(sim_faults_draw(&faults, &bulk, 0, 4999));
	assert_null(sim_faults_draw(&faults, &bulk, 0, 5000));
	sim_faults_finish(&faults);
}

static void a_request_meets_the_oldest_fault(void **state)
{
	(void)state;
	struct sim_faults faults = { 0 };
	order(&faults, SIM_FAULT_RESET, 1);
	order(&faults, SIM_FAULT_HTML, 1);
	assert_int_equal(sim_faults_draw(&faults, &bulk, 0, 1)->kind, SIM_FAULT_RESET);
	assert_int_equal(sim_faults_draw(&faults, &bulk, 0, 1)->kind, SIM_FAULT_HTML);
	sim_faults_finish(&faults);
}

static void a_rate_is_a_share_of_the_requests(void **state)
{
	(void)state;
	struct sim_faults faults = { 0 };
	struct sim_fault fault;
	sim_fault_init(&fault, SIM_FAULT_STATUS, 0);
	fault.rate = 0.25;
	sim_faults_add(&faults, &fault);
	fault.kind = SIM_FAULT_HANG; /* draws a chance of its own */
	sim_faults_add(&faults, &fault);
	size_t met[2] = { 0 };
	for (uint64_t key = 0; key < 10000; key++) {
		const struct sim_fault *drawn = sim_faults_draw(&faults, &bulk, key, 1);
		if (drawn)
			met[drawn->kind == SIM_FAULT_HANG]++;
	}
	assert_in_range(met[0], 2300, 2700);
	assert_in_range(met[1], 1700, 2050); /* a quarter of the rest */
	sim_faults_finish(&faults);
}

static void only_batches_above_the_size_are_too_large(void **state)
{
	(void)state;
	struct sim_faults faults = { 0 };
	struct sim_fault fault;
	sim_fault_init(&fault, SIM_FAULT_TOO_LARGE, 0);
	fault.batch_max = 2;
	sim_faults_add(&faults, &fault);
	assert_null(sim_faults_draw(&faults, &bulk, 0, 1));
	faults.orders[0].batch_max = 1;
	assert_non_null(sim_faults_draw(&faults, &bulk, 0, 1));
	sim_faults_finish(&faults);
}

static void poison_is_for_batches_that_hold_the_handle(void **state)
{
	(void)state;
	static const char *const innocent[] = { "carol" };
	const struct sim_fault_subject without = { true, innocent, 1 };
	struct sim_faults faults = { 0 };
	struct sim_fault fault;
	sim_fault_init(&fault, SIM_FAULT_POISON, 0);
	strcpy(fault.handle, "Bob");
	sim_faults_add(&faults, &fault);
	assert_non_null(sim_faults_draw(&faults, &bulk, 0, 1));
	assert_null(sim_faults_draw(&faults, &without, 0, 1));
	sim_faults_finish(&faults);
}

static void other_calls_are_spared_unless_all_paths_are_meant(void **state)
{
	(void)state;
	struct sim_faults faults = { 0 };
	order(&faults, SIM_FAULT_STATUS, -1);
	order(&faults, SIM_FAULT_ALL_LIVE, -1);
	assert_null(sim_faults_draw(&faults, &other_call, 0, 1));
	faults.orders[1].is_for_all_paths = true; /* but it makes no sense for them */
	assert_null(sim_faults_draw(&faults, &other_call, 0, 1));
	faults.orders[0].is_for_all_paths = true;
	assert_non_null(sim_faults_draw(&faults, &other_call, 0, 1));
	sim_faults_finish(&faults);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_has_a_name_of_its_own),
		cmocka_unit_test(a_counted_fault_is_met_so_often_and_then_no_more),
		cmocka_unit_test(a_timed_fault_ends),
		cmocka_unit_test(a_request_meets_the_oldest_fault),
		cmocka_unit_test(a_rate_is_a_share_of_the_requests),
		cmocka_unit_test(only_batches_above_the_size_are_too_large),
		cmocka_unit_test(poison_is_for_batches_that_hold_the_handle),
		cmocka_unit_test(other_calls_are_spared_unless_all_paths_are_meant),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
