#include "deliver/flight_note.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct flight_note *end(struct flight_notes *notes, struct flight_note *note)
{
	flight_notes_over(notes, note);
	flight_note_unref(note);
	return NULL;
}

/* Keys of notes that are to be dropped by now; the first one is *ret_key. */
static size_t count_over(struct flight_notes *notes, int64_t *ret_key)
{
	int64_t *keys;
	size_t count;

	flight_notes_take_over(notes, &keys, &count);
	*ret_key = count ? keys[0] : 0;
	free(keys);
	return count;
}

static void what_is_claimed_is_noted_together(void **state)
{
	struct flight_notes notes = { 0 };
	struct claim_note note;

	(void)state;
	struct flight_note *first = flight_notes_add(&notes, 7, 1);
	struct flight_note *second = flight_notes_add(&notes, 8, 3);
	assert_true(flight_notes_close(&notes, 5000, &note));
	assert_int_equal(note.count, 2);
	assert_int_equal(note.claimed_at_ms, 5000);
	assert_int_equal(note.entries[0].delivery_key, 7);
	assert_int_equal(note.entries[1].delivery_key, 8);
	assert_int_equal(note.entries[1].attempt, 3);
	free(note.entries);
	assert_false(flight_notes_close(&notes, 5000, &note));

	int64_t key;
	end(&notes, first);
	assert_int_equal(count_over(&notes, &key), 0);
	end(&notes, second);
	assert_int_equal(count_over(&notes, &key), 1);
	assert_int_equal(key, note.key);
	flight_notes_finish(&notes);
}

static void what_has_its_outcome_before_it_was_noted_never_is(void **state)
{
	struct flight_notes notes = { 0 };
	struct claim_note note;
	int64_t key;

	(void)state;
	end(&notes, flight_notes_add(&notes, 7, 1));
	assert_false(flight_notes_close(&notes, 5000, &note));
	assert_int_equal(count_over(&notes, &key), 0);
	flight_notes_finish(&notes);
}

static void each_note_has_a_key_of_its_own(void **state)
{
	struct flight_notes notes = { 0 };
	struct claim_note one, other;

	(void)state;
	struct flight_note *first = flight_notes_add(&notes, 7, 1);
	assert_true(flight_notes_close(&notes, 5000, &one));
	struct flight_note *second = flight_notes_add(&notes, 8, 1);
	assert_true(flight_notes_close(&notes, 5000, &other));
	assert_int_not_equal(one.key, other.key);
	free(one.entries);
	free(other.entries);
	flight_note_unref(first);
	flight_note_unref(second);
	flight_notes_finish(&notes);
}

static void a_note_that_could_not_be_dropped_is_dropped_later(void **state)
{
	struct flight_notes notes = { 0 };
	int64_t key;

	(void)state;
	flight_notes_give_back(&notes, &(int64_t){ 12 }, 1);
	assert_int_equal(count_over(&notes, &key), 1);
	assert_int_equal(key, 12);
	flight_notes_finish(&notes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_claimed_is_noted_together),
		cmocka_unit_test(what_has_its_outcome_before_it_was_noted_never_is),
		cmocka_unit_test(each_note_has_a_key_of_its_own),
		cmocka_unit_test(a_note_that_could_not_be_dropped_is_dropped_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
