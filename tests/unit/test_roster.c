#include "detect/roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define NOW INT64_C(1781784000000)

enum { MANY = 100000, BYTES_MAX = 400 };

static void watch_many(struct roster *roster, int64_t count)
{
	for (int64_t number = 1; number <= count; number++) {
		struct watched_creator creator = { .key = { number }, .watched = true };
		snprintf(creator.handle, sizeof(creator.handle), "creator.%06lld",
			 (long long)number);
		roster_change(roster, &creator, NOW);
	}
}

/* What is used of the arrays: what they have grown beyond that is not touched, so that the system
 * gives no memory for it. The index is scattered all over, and so counts whole. */
static void a_creator_takes_at_most_400_bytes(void **state)
{
	(void)state;
	struct roster roster;
	roster_init(&roster);
	watch_many(&roster, MANY);
	assert_int_equal(roster.watched, MANY);
	size_t bytes = roster.count * (sizeof(*roster.entries) + sizeof(*roster.plans) +
				       sizeof(*roster.habits) + sizeof(*roster.free_places)) +
		       roster.index_size * sizeof(*roster.index);
	if (bytes > (size_t)BYTES_MAX * MANY)
		fail_msg("%zu bytes a creator: entry %zu, plan %zu, habit %zu, index %zu",
			 bytes / MANY, sizeof(*roster.entries), sizeof(*roster.plans),
			 sizeof(*roster.habits), roster.index_size * sizeof(*roster.index) / MANY);
	roster_finish(&roster);
}

static void everybody_is_found_among_many_until_they_leave(void **state)
{
	(void)state;
	struct roster roster;
	roster_init(&roster);
	watch_many(&roster, MANY);
	for (int64_t number = 1; number <= MANY; number += 2)
		roster_change(&roster, &(struct watched_creator){ .key = { number } }, NOW);
	for (int64_t number = 1; number <= MANY; number++) {
		ssize_t place = roster_find(&roster, (struct creator_key){ number });
		if (number % 2 == 1)
			assert_int_equal(place, -1);
		else
			assert_int_equal(roster.entries[place].creator.key.value, number);
	}
	assert_int_equal(roster.watched, MANY / 2);
	roster_finish(&roster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_creator_takes_at_most_400_bytes),
		cmocka_unit_test(everybody_is_found_among_many_until_they_leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
