#include "base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_new_buffer_is_an_empty_text(void **state)
{
	(void)state;
	struct strbuf buffer;
	strbuf_init(&buffer, 100);
	assert_string_equal(buffer.data, "");
	assert_int_equal(buffer.length, 0);
	assert_false(strbuf_is_full(&buffer));
	strbuf_finish(&buffer);
}

static void pieces_follow_one_another(void **state)
{
	(void)state;
	struct strbuf buffer;
	strbuf_init(&buffer, 100);
	strbuf_add_text(&buffer, "one");
	strbuf_add_char(&buffer, ' ');
	strbuf_add(&buffer, "two!", 3);
	strbuf_addf(&buffer, " %d %s", 3, "four");
	assert_string_equal(buffer.data, "one two 3 four");
	assert_int_equal(buffer.length, strlen("one two 3 four"));
	strbuf_finish(&buffer);
}

static void bytes_may_contain_a_nul(void **state)
{
	(void)state;
	struct strbuf buffer;
	strbuf_init(&buffer, 100);
	strbuf_add(&buffer, "a\0b", 3);
	assert_int_equal(buffer.length, 3);
	assert_memory_equal(buffer.data, "a\0b", 4);
	strbuf_finish(&buffer);
}

static void the_maximum_can_be_filled_to_the_last_byte(void **state)
{
	(void)state;
	struct strbuf buffer;
	strbuf_init(&buffer, 5);
	strbuf_add_text(&buffer, "12345");
	assert_string_equal(buffer.data, "12345");
	assert_false(strbuf_is_full(&buffer));
	strbuf_add_char(&buffer, '6');
	assert_string_equal(buffer.data, "12345");
	assert_true(strbuf_is_full(&buffer));
	strbuf_finish(&buffer);
}

static void what_does_not_fit_is_left_out_whole_and_so_is_all_behind_it(void **state)
{
	(void)state;
	struct strbuf buffer;
	strbuf_init(&buffer, 8);
	strbuf_add_text(&buffer, "12345");
	strbuf_addf(&buffer, "%s", "6789");
	strbuf_add_char(&buffer, 'x');
	assert_string_equal(buffer.data, "12345");
	assert_true(strbuf_is_full(&buffer));
	strbuf_finish(&buffer);
}

static void clearing_makes_room_again(void **state)
{
	(void)state;
	struct strbuf buffer;
	strbuf_init(&buffer, 4);
	strbuf_add_text(&buffer, "too long");
	strbuf_clear(&buffer);
	assert_false(strbuf_is_full(&buffer));
	strbuf_add_text(&buffer, "fits");
	strbuf_clear(&buffer);
	assert_string_equal(buffer.data, "");
	strbuf_finish(&buffer);
}

static void a_formatted_piece_may_be_longer_than_any_inner_buffer(void **state)
{
	(void)state;
	char piece[5000];
	memset(piece, 'x', sizeof(piece) - 1);
	piece[sizeof(piece) - 1] = '\0';
	struct strbuf buffer;
	strbuf_init(&buffer, SIZE_MAX);
	strbuf_addf(&buffer, "<%s>", piece);
	assert_int_equal(buffer.length, sizeof(piece) + 1);
	assert_int_equal(buffer.data[0], '<');
	assert_string_equal(buffer.data + sizeof(piece), ">");
	strbuf_finish(&buffer);
}

static void a_buffer_grows_to_what_is_appended(void **state)
{
	(void)state;
	struct strbuf buffer;
	strbuf_init(&buffer, 100000);
	for (int i = 0; i < 100000; i++)
		strbuf_add_char(&buffer, (char)('a' + i % 26));
	assert_int_equal(buffer.length, 100000);
	assert_false(strbuf_is_full(&buffer));
	assert_int_equal(strlen(buffer.data), 100000);
	assert_int_equal(buffer.data[99999], 'a' + 99999 % 26);
	strbuf_finish(&buffer);
}

static void a_stolen_text_is_the_callers_and_the_buffer_starts_anew(void **state)
{
	(void)state;
	struct strbuf buffer;
	strbuf_init(&buffer, 10);
	strbuf_add_text(&buffer, "mine");
	char *stolen = strbuf_steal(&buffer);
	assert_string_equal(stolen, "mine");
	assert_string_equal(buffer.data, "");
	strbuf_add_text(&buffer, "again");
	assert_string_equal(buffer.data, "again");
	free(stolen);
	strbuf_finish(&buffer);
}

static void an_empty_text_can_be_stolen_too(void **state)
{
	(void)state;
	struct strbuf buffer;
	strbuf_init(&buffer, 10);
	char *stolen = strbuf_steal(&buffer);
	assert_string_equal(stolen, "");
	free(stolen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_buffer_is_an_empty_text),
		cmocka_unit_test(pieces_follow_one_another),
		cmocka_unit_test(bytes_may_contain_a_nul),
		cmocka_unit_test(the_maximum_can_be_filled_to_the_last_byte),
		cmocka_unit_test(what_does_not_fit_is_left_out_whole_and_so_is_all_behind_it),
		cmocka_unit_test(clearing_makes_room_again),
		cmocka_unit_test(a_formatted_piece_may_be_longer_than_any_inner_buffer),
		cmocka_unit_test(a_buffer_grows_to_what_is_appended),
		cmocka_unit_test(a_stolen_text_is_the_callers_and_the_buffer_starts_anew),
		cmocka_unit_test(an_empty_text_can_be_stolen_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
