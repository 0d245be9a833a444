#include "base/json.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/strbuf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct json_document *parse(const char *text)
{
	struct json_document *document = NULL;
	struct json_error error = { 0 };
	if (json_parse(text, strlen(text), &document, &error) != 0)
		fail_msg("%s: refused at %zu: %s", text, error.offset, error.reason);
	return document;
}

#define BYTES(text) text, sizeof(text) - 1

/* After the table of RFC 8259 edge cases at github.com/nst/JSONTestSuite (y_*). */
static void json_is_taken(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t length;
	} cases[] = {
		{ BYTES("null") },
		{ BYTES("true") },
		{ BYTES("false") },
		{ BYTES("0") },
		{ BYTES("-0") },
		{ BYTES("-12.5e-10") },
		{ BYTES("1E+2") },
		{ BYTES("1e5") },
		{ BYTES("0.0") },
		{ BYTES("123456789012345678901234567890") },
		{ BYTES("\"\"") },
		{ BYTES("\"a\"") },
		{ BYTES("[]") },
		{ BYTES("{}") },
		{ BYTES(" \t\r\n[ \t\r\n1 , 2 ] \n") },
		{ BYTES("{\"\":0}") },
		{ BYTES("{ \"a\" : { \"a\" : [ { \"a\" : 1 } ] } }") },
		{ BYTES("[{\"a\":1},{\"a\":1}]") },
		{ BYTES("{\"a\":1,\"A\":2}") },
		{ BYTES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"") },
		{ BYTES("\"\\ud83d\\ude00\"") },
		{ BYTES("\"\\uD83D\\uDE00\"") },
		{ BYTES("\"\\uffff\\u0001\"") },
		{ BYTES("\"\x7f\"") },
		{ BYTES("\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"
			"\"") },
		{ BYTES("\"\xed\x9f\xbf\xee\x80\x80\"") },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_document *document = NULL;
		struct json_error error = { 0 };
		if (json_parse(cases[i].text, cases[i].length, &document, &error) != 0)
			fail_msg("%s: refused at %zu: %s", cases[i].text, error.offset,
				 error.reason);
		json_destroy(document);
	}
}

/* The offset is that of the byte which is wrong, or behind which something is missing. */
static void what_is_not_strict_json_is_refused_where_it_goes_wrong(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t length;
		size_t offset;
		const char *reason;
	} cases[] = {
		{ BYTES(""), 0, "a value is missing" },
		{ BYTES("  "), 2, "a value is missing" },
		{ BYTES("\xEF\xBB\xBF{}"), 0, "byte order mark" },
		{ BYTES("{} x"), 3, "something follows the value" },
		{ BYTES("{}{}"), 2, "something follows the value" },
		{ BYTES("null\0"), 4, "something follows the value" },
		{ BYTES("1 2"), 2, "something follows the value" },
		{ BYTES("\v1"), 0, "a value is missing" },
		{ BYTES("\xc2\xa0"
			"1"),
		  0, "a value is missing" },
		{ BYTES("nul"), 0, "unknown word" },
		{ BYTES("True"), 0, "a value is missing" },
		{ BYTES("NaN"), 0, "a value is missing" },
		{ BYTES("nan"), 0, "unknown word" },
		{ BYTES("Infinity"), 0, "a value is missing" },
		{ BYTES("-Infinity"), 1, "a digit is missing" },
		{ BYTES("01"), 1, "a number begins with 0" },
		{ BYTES("-01"), 2, "a number begins with 0" },
		{ BYTES("+1"), 0, "a value is missing" },
		{ BYTES("-"), 1, "a digit is missing" },
		{ BYTES("--1"), 1, "a digit is missing" },
		{ BYTES("1."), 2, "a digit is missing" },
		{ BYTES("1.e1"), 2, "a digit is missing" },
		{ BYTES(".5"), 0, "a value is missing" },
		{ BYTES("1e"), 2, "a digit is missing" },
		{ BYTES("1e+"), 3, "a digit is missing" },
		{ BYTES("1e+-1"), 3, "a digit is missing" },
		{ BYTES("0x10"), 1, "something follows the value" },
		{ BYTES("1_000"), 1, "something follows the value" },
		{ BYTES("["), 1, "a value is missing" },
		{ BYTES("[1"), 2, "',' or ']' is missing" },
		{ BYTES("[1,"), 3, "a value is missing" },
		{ BYTES("[1,]"), 3, "a value is missing" },
		{ BYTES("[,1]"), 1, "a value is missing" },
		{ BYTES("[1,,2]"), 3, "a value is missing" },
		{ BYTES("[1 2]"), 3, "',' or ']' is missing" },
		{ BYTES("[1}"), 2, "',' or ']' is missing" },
		{ BYTES("]"), 0, "a value is missing" },
		{ BYTES("{"), 1, "a key is missing" },
		{ BYTES("{\"a\""), 4, "':' is missing" },
		{ BYTES("{\"a\" 1}"), 5, "':' is missing" },
		{ BYTES("{\"a\":"), 5, "a value is missing" },
		{ BYTES("{\"a\":}"), 5, "a value is missing" },
		{ BYTES("{\"a\":1"), 6, "',' or '}' is missing" },
		{ BYTES("{\"a\":1]"), 6, "',' or '}' is missing" },
		{ BYTES("{\"a\":1,}"), 7, "a key is missing" },
		{ BYTES("{,}"), 1, "a key is missing" },
		{ BYTES("{a:1}"), 1, "a key is missing" },
		{ BYTES("{'a':1}"), 1, "a key is missing" },
		{ BYTES("{1:1}"), 1, "a key is missing" },
		{ BYTES("['a']"), 1, "a value is missing" },
		{ BYTES("[1]//"), 3, "something follows the value" },
		{ BYTES("/**/[1]"), 0, "a value is missing" },
		{ BYTES("\""), 1, "unterminated string" },
		{ BYTES("\"a"), 2, "unterminated string" },
		{ BYTES("\"\\\""), 3, "unterminated string" },
		{ BYTES("\"\n\""), 1, "control character in a string" },
		{ BYTES("\"\t\""), 1, "control character in a string" },
		{ BYTES("\"\0\""), 1, "control character in a string" },
		{ BYTES("\"\\x41\""), 2, "unknown escape" },
		{ BYTES("\"\\'\""), 2, "unknown escape" },
		{ BYTES("\"\\\0\""), 2, "unknown escape" },
		{ BYTES("\"\\"), 2, "unknown escape" },
		{ BYTES("\"\\u12\""), 5, "\\u needs four hexadecimal digits" },
		{ BYTES("\"\\u00g0\""), 5, "\\u needs four hexadecimal digits" },
		{ BYTES("\"\\U0041\""), 2, "unknown escape" },
		{ BYTES("\"a\\u0000\""), 8, "\\u0000 is not taken" },
		{ BYTES("\"\\ud800\""), 7, "lone surrogate" },
		{ BYTES("\"\\udc00\""), 7, "lone surrogate" },
		{ BYTES("\"\\ud800\\n\""), 8, "lone surrogate" },
		{ BYTES("\"\\ud800x\""), 7, "lone surrogate" },
		{ BYTES("\"\\ud800\\ud800\""), 13, "lone surrogate" },
		{ BYTES("\"\\ud800\\u0041\""), 13, "lone surrogate" },
		{ BYTES("\"\xff\""), 1, "invalid UTF-8" },
		{ BYTES("\"\x80\""), 1, "invalid UTF-8" },
		{ BYTES("\"\xc3\""), 1, "invalid UTF-8" },
		{ BYTES("\"\xc0\x80\""), 1, "invalid UTF-8" },
		{ BYTES("\"\xc1\xbf\""), 1, "invalid UTF-8" },
		{ BYTES("\"\xe0\x9f\xbf\""), 1, "invalid UTF-8" },
		{ BYTES("\"\xed\xa0\x80\""), 1, "invalid UTF-8" },
		{ BYTES("\"\xf0\x8f\xbf\xbf\""), 1, "invalid UTF-8" },
		{ BYTES("\"\xf4\x90\x80\x80\""), 1, "invalid UTF-8" },
		{ BYTES("\"\xf8\x88\x80\x80\x80\""), 1, "invalid UTF-8" },
		{ BYTES("\"\xe2\x82"), 1, "invalid UTF-8" },
		{ BYTES("{\"a\":1,\"a\":1}"), 7, "duplicate key" },
		{ BYTES("{\"a\":1,\"b\":{},\"a\":2}"), 14, "duplicate key" },
		{ BYTES("{\"a\":1,\"\\u0061\":2}"), 7, "duplicate key" },
		{ BYTES("{\"\":1,\"\":2}"), 6, "duplicate key" },
		{ BYTES("[[{\"x\":[{\"a\":1,\"a\":1}]}]]"), 15, "duplicate key" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_document *document = NULL;
		struct json_error error = { "accepted", 0 };
		int result = json_parse(cases[i].text, cases[i].length, &document, &error);
		if (result != -EINVAL || strcmp(error.reason, cases[i].reason) != 0 ||
		    error.offset != cases[i].offset)
			fail_msg("case %zu, %s: expected \"%s\" at %zu, got \"%s\" at %zu", i,
				 cases[i].text, cases[i].reason, cases[i].offset, error.reason,
				 error.offset);
		assert_null(document);
	}
}

static void who_does_not_want_the_reason_need_not_ask(void **state)
{
	(void)state;
	struct json_document *document = NULL;
	assert_int_equal(json_parse("[", 1, &document, NULL), -EINVAL);
	assert_null(document);
}

static void only_the_given_length_is_read(void **state)
{
	(void)state;
	struct json_document *document = NULL;
	assert_int_equal(json_parse("12]garbage", 2, &document, NULL), 0);
	assert_string_equal(json_number_text(json_root(document)), "12");
	json_destroy(document);
}

static void nesting_ends_at_the_limit(void **state)
{
	(void)state;
	char text[2 * LIMIT_JSON_DEPTH + 3];
	struct json_document *document = NULL;
	memset(text, '[', LIMIT_JSON_DEPTH);
	memset(text + LIMIT_JSON_DEPTH, ']', LIMIT_JSON_DEPTH);
	assert_int_equal(json_parse(text, 2 * LIMIT_JSON_DEPTH, &document, NULL), 0);
	json_destroy(document);

	struct json_error error;
	memset(text, '[', LIMIT_JSON_DEPTH + 1);
	memset(text + LIMIT_JSON_DEPTH + 1, ']', LIMIT_JSON_DEPTH + 1);
	assert_int_equal(json_parse(text, 2 * LIMIT_JSON_DEPTH + 2, &document, &error), -EINVAL);
	assert_string_equal(error.reason, "nested too deep");
	assert_int_equal(error.offset, LIMIT_JSON_DEPTH);
}

static void a_million_brackets_are_refused_without_recursion(void **state)
{
	(void)state;
	size_t length = 1 << 20;
	char *text = malloc(length);
	assert_non_null(text);
	memset(text, '[', length);
	struct json_document *document = NULL;
	assert_int_equal(json_parse(text, length, &document, NULL), -EINVAL);
	free(text);
}

static void every_type_is_told_apart(void **state)
{
	(void)state;
	struct json_document *document = parse("[null,true,1,\"1\",[],{}]");
	static const enum json_type expected[] = { JSON_NULL,   JSON_BOOL,  JSON_NUMBER,
						   JSON_STRING, JSON_ARRAY, JSON_OBJECT };
	size_t i = 0;
	const struct json_value *item;
	for (item = json_first(json_root(document)); item; item = json_next(item)) {
		assert_int_equal(json_type(item), expected[i++]);
		assert_null(json_key(item));
	}
	assert_int_equal(i, ARRAY_SIZE(expected));
	assert_int_equal(json_count(json_root(document)), ARRAY_SIZE(expected));
	json_destroy(document);
}

static void members_are_found_by_their_exact_name_and_walked_in_order(void **state)
{
	(void)state;
	struct json_document *document = parse("{\"b\":1,\"B\":2,\"\\u0061\":\"x\"}");
	const struct json_value *root = json_root(document);
	int64_t number = 0;
	assert_true(json_integer(json_member(root, "b"), &number));
	assert_int_equal(number, 1);
	assert_true(json_integer(json_member(root, "B"), &number));
	assert_int_equal(number, 2);
	assert_string_equal(json_string(json_member(root, "a")), "x");
	assert_null(json_member(root, "c"));

	char names[16] = "";
	for (const struct json_value *v = json_first(root); v; v = json_next(v))
		strcat(names, json_key(v));
	assert_string_equal(names, "bBa");
	json_destroy(document);
}

static void strings_come_without_their_escapes(void **state)
{
	(void)state;
	struct json_document *document =
		parse("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC\\ud83d\\ude00\xc3\xa9\"");
	assert_string_equal(json_string(json_root(document)),
			    "a\"\\/\b\f\n\r\t\u00e9\u20ac\U0001F600\u00e9");
	json_destroy(document);
}

static void numbers_keep_every_digit(void **state)
{
	(void)state;
	static const char *const numbers[] = {
		"7000000000000000001", "-0",     "1e3", "0.10", "123456789012345678901234567890",
		"9007199254740993",    "1E-400",
	};
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct json_document *document = parse(numbers[i]);
		assert_int_equal(json_type(json_root(document)), JSON_NUMBER);
		assert_string_equal(json_number_text(json_root(document)), numbers[i]);
		assert_null(json_string(json_root(document)));
		json_destroy(document);
	}
}

static void a_string_that_looks_like_a_number_stays_a_string(void **state)
{
	(void)state;
	struct json_document *document = parse("[\"7\",\"\\u00ff7\",\"\\u00017\"]");
	const struct json_value *item;
	for (item = json_first(json_root(document)); item; item = json_next(item)) {
		assert_int_equal(json_type(item), JSON_STRING);
		assert_null(json_number_text(item));
	}
	json_destroy(document);
}

static void an_integer_is_written_as_one_and_fits(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool is_integer;
		int64_t number;
	} cases[] = {
		{ "0", true, 0 },
		{ "-0", true, 0 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "1.0", false, 0 },
		{ "1e3", false, 0 },
		{ "\"1\"", false, 0 },
		{ "true", false, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_document *document = parse(cases[i].text);
		int64_t number = 42;
		bool is_integer = json_integer(json_root(document), &number);
		if (is_integer != cases[i].is_integer ||
		    number != (is_integer ? cases[i].number : 42))
			fail_msg("%s gave %d, %lld", cases[i].text, is_integer, (long long)number);
		json_destroy(document);
	}
}

static void a_real_is_any_number_that_is_finite(void **state)
{
	(void)state;
	struct json_document *document = parse("[0.5,-3,1e2,1e999,\"1\"]");
	static const double expected[] = { 0.5, -3, 100 };
	const struct json_value *item = json_first(json_root(document));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++, item = json_next(item)) {
		double number = 0;
		assert_true(json_real(item, &number));
		assert_true(number == expected[i]);
	}
	double untouched = 42;
	assert_false(json_real(item, &untouched));
	assert_false(json_real(json_next(item), &untouched));
	assert_true(untouched == 42);
	json_destroy(document);
}

static void an_absent_value_answers_as_one_of_the_wrong_type(void **state)
{
	(void)state;
	bool flag;
	int64_t integer;
	double real;
	assert_int_equal(json_type(NULL), JSON_ABSENT);
	assert_null(json_member(NULL, "a"));
	assert_null(json_first(NULL));
	assert_null(json_next(NULL));
	assert_null(json_key(NULL));
	assert_int_equal(json_count(NULL), 0);
	assert_null(json_string(NULL));
	assert_null(json_number_text(NULL));
	assert_false(json_bool(NULL, &flag));
	assert_false(json_integer(NULL, &integer));
	assert_false(json_real(NULL, &real));

	struct json_document *document = parse("[1]");
	assert_null(json_member(json_root(document), "a"));
	assert_null(json_first(json_first(json_root(document))));
	assert_false(json_bool(json_root(document), &flag));
	json_destroy(document);
	json_destroy(NULL);
}

static void a_bool_is_read(void **state)
{
	(void)state;
	struct json_document *document = parse("[true,false]");
	bool flag = false;
	assert_true(json_bool(json_first(json_root(document)), &flag));
	assert_true(flag);
	assert_true(json_bool(json_next(json_first(json_root(document))), &flag));
	assert_false(flag);
	json_destroy(document);
}

/* An object as large as a request may be. Comparing each key with each other took minutes. */
static void a_hundred_thousand_keys_are_checked_in_no_time(void **state)
{
	(void)state;
	struct strbuf text;
	strbuf_init(&text, 2 << 20);
	for (int i = 0; i < 100000; i++)
		strbuf_addf(&text, "%c\"k%d\":0", i ? ',' : '{', i);
	strbuf_add_text(&text, ",\"k77777\":1}");
	assert_false(strbuf_is_full(&text));

	struct json_document *document = NULL;
	struct json_error error = { 0 };
	int64_t started_us = clock_mono_us();
	assert_int_equal(json_parse(text.data, text.length, &document, &error), -EINVAL);
	assert_true(clock_mono_us() - started_us < 3000000);
	assert_string_equal(error.reason, "duplicate key");
	assert_int_equal(error.offset, text.length - strlen("\"k77777\":1}"));
	strbuf_finish(&text);
}

static void a_bulk_answer_is_walked_row_by_row(void **state)
{
	(void)state;
	struct strbuf text;
	strbuf_init(&text, 1 << 20);
	strbuf_add_text(&text, "{\"data\":[");
	for (int i = 0; i < 1000; i++)
		strbuf_addf(&text,
			    "%s{\"unique_id\":\"user%d\",\"is_live\":true,\"alive\":null,"
			    "\"alive_status\":\"live\",\"check_failed\":false,"
			    "\"room_id\":7000000000000000%03d,\"title\":\"t\",\"userCount\":%d}",
			    i ? "," : "", i, i, i);
	strbuf_add_text(&text, "]}");
	struct json_document *document = parse(text.data);
	const struct json_value *rows = json_member(json_root(document), "data");
	int seen = 0;
	for (const struct json_value *row = json_first(rows); row; row = json_next(row), seen++) {
		char room_id[32];
		int64_t viewers = -1;
		snprintf(room_id, sizeof(room_id), "7000000000000000%03d", seen);
		assert_string_equal(json_number_text(json_member(row, "room_id")), room_id);
		assert_true(json_integer(json_member(row, "userCount"), &viewers));
		assert_int_equal(viewers, seen);
	}
	assert_int_equal(seen, 1000);
	json_destroy(document);
	strbuf_finish(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_taken),
		cmocka_unit_test(what_is_not_strict_json_is_refused_where_it_goes_wrong),
		cmocka_unit_test(who_does_not_want_the_reason_need_not_ask),
		cmocka_unit_test(only_the_given_length_is_read),
		cmocka_unit_test(nesting_ends_at_the_limit),
		cmocka_unit_test(a_million_brackets_are_refused_without_recursion),
		cmocka_unit_test(every_type_is_told_apart),
		cmocka_unit_test(members_are_found_by_their_exact_name_and_walked_in_order),
		cmocka_unit_test(strings_come_without_their_escapes),
		cmocka_unit_test(numbers_keep_every_digit),
		cmocka_unit_test(a_string_that_looks_like_a_number_stays_a_string),
		cmocka_unit_test(an_integer_is_written_as_one_and_fits),
		cmocka_unit_test(a_real_is_any_number_that_is_finite),
		cmocka_unit_test(an_absent_value_answers_as_one_of_the_wrong_type),
		cmocka_unit_test(a_bool_is_read),
		cmocka_unit_test(a_hundred_thousand_keys_are_checked_in_no_time),
		cmocka_unit_test(a_bulk_answer_is_walked_row_by_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
