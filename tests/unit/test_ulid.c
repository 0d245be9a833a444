#include "base/ulid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t zeros[10];
static const uint8_t ones[10] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 };

static void an_id_is_its_prefix_its_time_and_its_random_bits(void **state)
{
	(void)state;
	const struct {
		int64_t now_ms;
		const uint8_t *random;
		const char *text;
	} cases[] = {
		{ 1469918176385, zeros, "evt_01ARYZ6S410000000000000000" }, /* the spec's time */
		{ 1469918176385, ones, "evt_01ARYZ6S41ZZZZZZZZZZZZZZZZ" },
		{ 281474976710655, ones, "evt_7ZZZZZZZZZZZZZZZZZZZZZZZZZ" },
		{ 1, (const uint8_t[]){ 0, 0, 0, 0, 0, 0, 0, 0, 0, 33 },
		  "evt_00000000010000000000000011" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ulid_source source = { { 0 } };
		char text[ID_TEXT_SIZE];
		ulid_next(&source, "evt_", cases[i].now_ms, cases[i].random, text);
		assert_string_equal(text, cases[i].text);
		assert_true(ulid_is_valid("evt_", text));
	}
}

static void ids_of_one_millisecond_rise_whatever_the_random_bits_are(void **state)
{
	(void)state;
	struct ulid_source source = { { 0 } };
	char before[ID_TEXT_SIZE], text[ID_TEXT_SIZE];
	ulid_next(&source, "del_", 1469918176385, ones, before);
	for (int i = 0; i < 1000; i++) {
		ulid_next(&source, "del_", 1469918176385, i % 2 ? ones : zeros, text);
		assert_true(strcmp(text, before) > 0);
		strcpy(before, text);
	}
}

static void ids_rise_when_the_clock_steps_back(void **state)
{
	(void)state;
	struct ulid_source source = { { 0 } };
	char before[ID_TEXT_SIZE], text[ID_TEXT_SIZE];
	ulid_next(&source, "evt_", 1469918176385, zeros, before);
	ulid_next(&source, "evt_", 1469918170000, ones, text);
	assert_true(strcmp(text, before) > 0);
	assert_string_equal(text, "evt_01ARYZ6S410000000000000001");
}

static void a_later_time_takes_its_own_random_bits(void **state)
{
	(void)state;
	struct ulid_source source = { { 0 } };
	char text[ID_TEXT_SIZE];
	ulid_next(&source, "evt_", 1469918176385, ones, text);
	ulid_next(&source, "evt_", 1469918176386, zeros, text);
	assert_string_equal(text, "evt_01ARYZ6S420000000000000000");
}

static void a_source_goes_on_behind_the_last_id_of_the_database(void **state)
{
	(void)state;
	struct ulid_source source = { { 0 } };
	char text[ID_TEXT_SIZE];
	ulid_advance(&source, "evt_01ARYZ6S4ZZZZZZZZZZZZZZZZZ");
	ulid_advance(&source, "evt_01ARYZ6S410000000000000000"); /* smaller: no step back */
	ulid_advance(&source, "evt_7not_an_id");
	ulid_advance(&source, "");
	ulid_next(&source, "evt_", 1469918176385, zeros, text);
	assert_string_equal(text, "evt_01ARYZ6S500000000000000000");
}

static void a_request_may_name_only_what_is_an_id(void **state)
{
	(void)state;
	static const char *const refused[] = {
		"",
		"evt_",
		"01ARYZ6S410000000000000000",
		"del_01ARYZ6S410000000000000000",
		"evt_01ARYZ6S41000000000000000",
		"evt_01ARYZ6S4100000000000000000",
		"evt_81ARYZ6S410000000000000000", /* more than 128 bits */
		"evt_01ARYZ6S41000000000000000I",
		"evt_01ARYZ6S41000000000000000U",
		"evt_01aryz6s410000000000000000",
		"evt_01ARYZ6S4100000000000000 0",
	};
	assert_true(ulid_is_valid("evt_", "evt_01ARYZ6S410000000000000000"));
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		if (ulid_is_valid("evt_", refused[i]))
			fail_msg("\"%s\" passed as an id", refused[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_is_its_prefix_its_time_and_its_random_bits),
		cmocka_unit_test(ids_of_one_millisecond_rise_whatever_the_random_bits_are),
		cmocka_unit_test(ids_rise_when_the_clock_steps_back),
		cmocka_unit_test(a_later_time_takes_its_own_random_bits),
		cmocka_unit_test(a_source_goes_on_behind_the_last_id_of_the_database),
		cmocka_unit_test(a_request_may_name_only_what_is_an_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
