#include "base/key_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void an_empty_set_has_nothing(void **state)
{
	struct key_set set = { 0 };

	(void)state;
	assert_false(key_set_has(&set, 1));
	key_set_finish(&set);
}

static void it_has_what_was_added_and_nothing_else(void **state)
{
	struct key_set set = { 0 };

	(void)state;
	/* Far more than it begins with, some that follow each other and some that share low bits.
	 */
	for (int64_t i = 1; i <= 3000; i++) {
		key_set_add(&set, 2 * i);
		key_set_add(&set, i << 32);
	}
	for (int64_t i = 1; i <= 3000; i++) {
		assert_true(key_set_has(&set, 2 * i));
		assert_true(key_set_has(&set, i << 32));
		assert_false(key_set_has(&set, 2 * i + 1));
	}
	key_set_finish(&set);
}

static void what_is_added_twice_is_in_it_once(void **state)
{
	struct key_set set = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		key_set_add(&set, INT64_MAX);
	assert_int_equal(set.count, 1);
	assert_true(key_set_has(&set, INT64_MAX));
	key_set_finish(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_set_has_nothing),
		cmocka_unit_test(it_has_what_was_added_and_nothing_else),
		cmocka_unit_test(what_is_added_twice_is_in_it_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
