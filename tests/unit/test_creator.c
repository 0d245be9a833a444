#include "domain/creator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void states_have_the_names_of_the_api(void **state)
{
	(void)state;
	assert_string_equal(creator_status_name(CREATOR_UNKNOWN), "unknown");
	assert_string_equal(creator_status_name(CREATOR_OFFLINE), "offline");
	assert_string_equal(creator_status_name(CREATOR_LIVE), "live");
}

static void priorities_have_the_names_of_the_api(void **state)
{
	(void)state;
	assert_string_equal(creator_priority_name(PRIORITY_LOW), "low");
	assert_string_equal(creator_priority_name(PRIORITY_NORMAL), "normal");
	assert_string_equal(creator_priority_name(PRIORITY_HIGH), "high");
}

static void names_read_back(void **state)
{
	(void)state;
	for (int i = CREATOR_UNKNOWN; i <= CREATOR_LIVE; i++) {
		enum creator_status status;
		assert_true(
			creator_status_parse(creator_status_name((enum creator_status)i), &status));
		assert_int_equal(status, i);
	}
	for (int i = PRIORITY_LOW; i <= PRIORITY_HIGH; i++) {
		enum creator_priority priority;
		assert_true(creator_priority_parse(creator_priority_name((enum creator_priority)i),
						   &priority));
		assert_int_equal(priority, i);
	}
}

static void other_names_are_refused(void **state)
{
	(void)state;
	enum creator_status status;
	enum creator_priority priority;
	assert_false(creator_status_parse("", &status));
	assert_false(creator_status_parse("Live", &status));
	assert_false(creator_status_parse("online", &status));
	assert_false(creator_priority_parse("", &priority));
	assert_false(creator_priority_parse("highest", &priority));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_have_the_names_of_the_api),
		cmocka_unit_test(priorities_have_the_names_of_the_api),
		cmocka_unit_test(names_read_back),
		cmocka_unit_test(other_names_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
