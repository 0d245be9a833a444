#include "base/json_writer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct strbuf out;
	struct json_writer writer;
};

static int set_up(void **state)
{
	static struct fixture fixture;
	strbuf_init(&fixture.out, 100000);
	json_writer_init(&fixture.writer, &fixture.out);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	strbuf_finish(&fixture->out);
	return 0;
}

static void members_and_items_are_separated_and_nested(void **state)
{
	struct fixture *fixture = *state;
	struct json_writer *writer = &fixture->writer;
	json_begin_object(writer, NULL);
	json_put_string(writer, "name", "ada");
	json_begin_array(writer, "numbers");
	json_put_integer(writer, NULL, 1);
	json_put_integer(writer, NULL, -2);
	json_begin_object(writer, NULL);
	json_end_object(writer);
	json_begin_array(writer, NULL);
	json_end_array(writer);
	json_end_array(writer);
	json_put_bool(writer, "yes", true);
	json_put_bool(writer, "no", false);
	json_put_null(writer, "nothing");
	json_put_string(writer, "no text", NULL);
	json_put_raw(writer, "raw", "{\"a\": 1}", 8);
	json_end_object(writer);
	assert_string_equal(fixture->out.data,
			    "{\"name\":\"ada\",\"numbers\":[1,-2,{},[]],\"yes\":true,\"no\":false,"
			    "\"nothing\":null,\"no text\":null,\"raw\":{\"a\": 1}}");
}

static void any_value_can_stand_alone(void **state)
{
	struct fixture *fixture = *state;
	json_put_integer(&fixture->writer, NULL, INT64_MIN);
	assert_string_equal(fixture->out.data, "-9223372036854775808");
}

static void strings_are_escaped_where_they_must(void **state)
{
	struct fixture *fixture = *state;
	json_begin_object(&fixture->writer, NULL);
	json_put_string(&fixture->writer, "q\"k",
			"a\"b\\c/d\b\f\n\r\t\x01\x1f\x7f\u00e9\U0001F600");
	json_end_object(&fixture->writer);
	assert_string_equal(fixture->out.data,
			    "{\"q\\\"k\":\"a\\\"b\\\\c/"
			    "d\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\u00e9\U0001F600\"}");
}

static void a_string_of_given_length_may_contain_a_nul(void **state)
{
	struct fixture *fixture = *state;
	json_put_string_n(&fixture->writer, NULL, "a\0b", 3);
	assert_string_equal(fixture->out.data, "\"a\\u0000b\"");
}

static void bytes_that_are_no_utf8_become_replacement_characters(void **state)
{
	struct fixture *fixture = *state;
	json_begin_array(&fixture->writer, NULL);
	json_put_string(&fixture->writer, NULL, "a\xff\x62");        /* never valid */
	json_put_string(&fixture->writer, NULL, "\xc3");             /* cut short */
	json_put_string(&fixture->writer, NULL, "\xc0\xaf");         /* overlong */
	json_put_string(&fixture->writer, NULL, "\xed\xa0\x80");     /* a surrogate */
	json_put_string(&fixture->writer, NULL, "\xf4\x90\x80\x80"); /* above U+10FFFF */
	json_put_string(&fixture->writer, NULL, "\xe2\x82\xac");     /* valid */
	json_end_array(&fixture->writer);
	assert_string_equal(fixture->out.data,
			    "[\"a\uFFFDb\",\"\uFFFD\",\"\uFFFD\uFFFD\",\"\uFFFD\uFFFD\uFFFD\","
			    "\"\uFFFD\uFFFD\uFFFD\uFFFD\",\"\u20AC\"]");
}

static void reals_are_written_in_the_fewest_digits_that_read_back(void **state)
{
	static const struct {
		double number;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 0.1, "0.1" },
		{ 0.5, "0.5" },
		{ 1.0 / 3, "0.3333333333333333" },
		{ 0.1 + 0.2, "0.30000000000000004" },
		{ 1e300, "1e+300" },
		{ -2.5, "-2.5" },
		{ 123456789, "123456789" },
		{ (double)NAN, "null" },
		{ (double)INFINITY, "null" },
	};
	struct fixture *fixture = *state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		strbuf_clear(&fixture->out);
		json_writer_init(&fixture->writer, &fixture->out);
		json_put_real(&fixture->writer, NULL, cases[i].number);
		assert_string_equal(fixture->out.data, cases[i].text);
	}
}

static void times_are_text_and_no_time_is_null(void **state)
{
	struct fixture *fixture = *state;
	json_begin_array(&fixture->writer, NULL);
	json_put_time(&fixture->writer, NULL, 1781787600000);
	json_put_time(&fixture->writer, NULL, 0);
	json_end_array(&fixture->writer);
	assert_string_equal(fixture->out.data, "[\"2026-06-18T13:00:00.000Z\",null]");
}

static void sixty_levels_nest_and_keep_their_commas(void **state)
{
	struct fixture *fixture = *state;
	for (int i = 0; i < 60; i++) {
		json_begin_array(&fixture->writer, NULL);
		json_put_integer(&fixture->writer, NULL, 0);
	}
	for (int i = 0; i < 60; i++)
		json_end_array(&fixture->writer);
	assert_int_equal(fixture->out.length, 60 * 4 - 1);
	assert_memory_equal(fixture->out.data, "[0,[0,[0", 8);
}

static void a_full_buffer_is_remembered_by_the_buffer(void **state)
{
	(void)state;
	struct strbuf out;
	struct json_writer writer;
	strbuf_init(&out, 10);
	json_writer_init(&writer, &out);
	json_begin_array(&writer, NULL);
	json_put_string(&writer, NULL, "longer than ten bytes");
	json_end_array(&writer);
	assert_true(strbuf_is_full(&out));
	strbuf_finish(&out);
}

int main(void)
{
#define WITH_WRITER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_WRITER(members_and_items_are_separated_and_nested),
		WITH_WRITER(any_value_can_stand_alone),
		WITH_WRITER(strings_are_escaped_where_they_must),
		WITH_WRITER(a_string_of_given_length_may_contain_a_nul),
		WITH_WRITER(bytes_that_are_no_utf8_become_replacement_characters),
		WITH_WRITER(reals_are_written_in_the_fewest_digits_that_read_back),
		WITH_WRITER(times_are_text_and_no_time_is_null),
		WITH_WRITER(sixty_levels_nest_and_keep_their_commas),
		cmocka_unit_test(a_full_buffer_is_remembered_by_the_buffer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
