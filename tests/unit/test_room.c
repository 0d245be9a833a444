#include "domain/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE_MS INT64_C(60000)
#define WEEK_MS (INT64_C(7) * 24 * 60 * MINUTE_MS)

/* A room of the documentation's own: made on 2026-06-25 at 11:38:16 UTC. */
static const uint64_t documented_room = UINT64_C(7655296008007584534);
static const int64_t documented_start_ms = INT64_C(1782387496000);

static void digits_are_a_room(void **state)
{
	(void)state;
	const struct {
		const char *digits;
		uint64_t room;
	} cases[] = {
		{ "1", 1 },
		{ "7655296008007584534", UINT64_C(7655296008007584534) },
		{ "18446744073709551615", UINT64_MAX },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t room = 0;
		assert_true(room_parse(cases[i].digits, &room));
		assert_true(room == cases[i].room);
	}
}

static void anything_else_is_no_room(void **state)
{
	(void)state;
	const char *const cases[] = {
		"",
		"0",
		"01",
		"-1",
		"+1",
		" 1",
		"1 ",
		"1.0",
		"1e3",
		"0x1",
		"abc",
		"18446744073709551616",
		"99999999999999999999",
		"100000000000000000000",
		"7655296008007584534\n",
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t room = 42;
		if (room_parse(cases[i], &room))
			fail_msg("\"%s\" was taken for a room", cases[i]);
		assert_true(room == 42);
	}
}

static void a_live_room_tells_its_start(void **state)
{
	(void)state;
	int64_t started_at_ms = 0;
	assert_true(
		room_started_at(documented_room, documented_start_ms + MINUTE_MS, &started_at_ms));
	assert_int_equal(started_at_ms, documented_start_ms);
}

static void the_id_of_another_kind_tells_no_start(void **state)
{
	(void)state;
	const uint64_t kind_bits = UINT64_C(0xF00);
	for (uint64_t kind = 0; kind < 16; kind++) {
		int64_t started_at_ms;
		uint64_t room = (documented_room & ~kind_bits) | kind << 8;
		assert_int_equal(room_started_at(room, documented_start_ms, &started_at_ms),
				 kind == 11);
	}
}

static void a_start_in_the_future_or_long_ago_is_not_believed(void **state)
{
	(void)state;
	const struct {
		int64_t now_ms;
		bool believed;
	} cases[] = {
		{ documented_start_ms - MINUTE_MS - 1, false },
		{ documented_start_ms - MINUTE_MS, true },
		{ documented_start_ms, true },
		{ documented_start_ms + WEEK_MS, true },
		{ documented_start_ms + WEEK_MS + 1, false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t started_at_ms = -1;
		assert_int_equal(room_started_at(documented_room, cases[i].now_ms, &started_at_ms),
				 cases[i].believed);
		assert_int_equal(started_at_ms, cases[i].believed ? documented_start_ms : -1);
	}
}

static void no_room_has_no_start(void **state)
{
	(void)state;
	int64_t started_at_ms;
	assert_false(room_started_at(0, 0, &started_at_ms));
	assert_false(room_started_at(UINT64_MAX, documented_start_ms, &started_at_ms));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digits_are_a_room),
		cmocka_unit_test(anything_else_is_no_room),
		cmocka_unit_test(a_live_room_tells_its_start),
		cmocka_unit_test(the_id_of_another_kind_tells_no_start),
		cmocka_unit_test(a_start_in_the_future_or_long_ago_is_not_believed),
		cmocka_unit_test(no_room_has_no_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
