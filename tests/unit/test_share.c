#include "admin/share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { ONE_IN = 20, BURST_US = 50 * 1000 };

static struct share a_twentieth(void)
{
	struct share share;

	share_init(&share, ONE_IN, BURST_US, 0);
	return share;
}

static void whoever_asks_now_and_then_never_waits(void **state)
{
	struct share share = a_twentieth();

	(void)state;
	for (int64_t now_us = 0; now_us < 10 * 1000 * 1000; now_us += 10 * 1000)
		assert_int_equal(share_spend(&share, 450, now_us + 450), 0);
}

static void a_burst_is_let_through_and_then_pays(void **state)
{
	struct share share = a_twentieth();

	(void)state;
	assert_int_equal(share_spend(&share, BURST_US, BURST_US), 0);
	/* 10 ms more than there is take 20 times as long, less what has gone by. */
	assert_in_range(share_spend(&share, 10 * 1000, BURST_US + 10 * 1000), 120, 200);
}

static void a_flood_gets_its_part(void **state)
{
	struct share share = a_twentieth();
	int64_t now_us = 0, worked_us = 0;

	(void)state;
	while (now_us < 60 * 1000 * 1000) {
		int64_t rest_ms = share_spend(&share, 1500, now_us + 1500);
		worked_us += 1500;
		now_us += 1500 + rest_ms * 1000;
	}
	assert_in_range(worked_us * 1000 / now_us, 45, 55);
}

static void what_was_saved_has_an_end(void **state)
{
	struct share share = a_twentieth();

	(void)state;
	assert_int_equal(share_spend(&share, 0, INT64_C(3600) * 1000000), 0);
	assert_int_equal(share.left_us, BURST_US);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_asks_now_and_then_never_waits),
		cmocka_unit_test(a_burst_is_let_through_and_then_pays),
		cmocka_unit_test(a_flood_gets_its_part),
		cmocka_unit_test(what_was_saved_has_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
