#include "ctl/moment.h"
#include "ctl/view.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void expect_object(const char *json, const char *expected)
{
	struct json_document *document;
	struct strbuf out;

	assert_int_equal(json_parse(json, strlen(json), &document, NULL), 0);
	strbuf_init(&out, 10000);
	view_object(json_root(document), false, &out);
	assert_string_equal(out.data, expected);
	strbuf_finish(&out);
	json_destroy(document);
}

static void an_object_is_a_line_for_each_member(void **state)
{
	(void)state;
	expect_object("{\"id\":\"wh_1\",\"active\":true,\"pending\":12,\"name\":null,"
		      "\"creators\":[\"ada\",\"bob\"],\"empty\":[]}",
		      "id        wh_1\n"
		      "active    yes\n"
		      "pending   12\n"
		      "name      -\n"
		      "creators  ada, bob\n"
		      "empty     -\n");
}

static void what_is_nested_stands_on_one_line_and_lists_of_objects_below(void **state)
{
	(void)state;
	expect_object(
		"{\"log\":[{\"attempt\":1,\"started_at\":\"2026-06-18T13:00:00.000Z\"},"
		"{\"attempt\":2,\"started_at\":null}],\"creators\":{\"live\":1,\"dead\":null}}",
		"creators  live 1, dead -\n"
		"\n"
		"log:\n"
		"attempt  started_at\n"
		"1        2026-06-18T13:00:00Z\n"
		"2        -\n");
}

static void an_object_of_objects_has_a_line_for_each_of_its_members(void **state)
{
	(void)state;
	expect_object(
		"{\"id\":\"evt_1\",\"payload\":{\"event\":\"live.end\",\"live\":{\"room_id\":\"7\","
		"\"reason\":null},\"seen\":[{\"a\":1}]}}",
		"id             evt_1\n"
		"payload.event  live.end\n"
		"payload.live   room_id 7, reason -\n"
		"payload.seen   a 1\n");
}

static void no_text_can_steer_the_terminal(void **state)
{
	(void)state;
	expect_object("{\"title\":\"\\u001b[31mred\\n\"}", "title  ?[31mred?\n");
}

static void a_list_shows_the_members_that_its_columns_name(void **state)
{
	static const struct view_column columns[] = {
		{ "ID", "id", VIEW_TEXT },
		{ "DEAD", "deliveries.dead", VIEW_NUMBER },
		{ "STATUS", "status", VIEW_STATE },
		{ NULL, NULL, VIEW_TEXT },
	};
	static const char json[] =
		"[{\"id\":\"a\",\"deliveries\":{\"dead\":10},\"status\":\"dead\"},"
		"{\"id\":\"b\"}]";
	struct json_document *document;
	struct strbuf out;

	(void)state;
	assert_int_equal(json_parse(json, strlen(json), &document, NULL), 0);
	strbuf_init(&out, 10000);
	view_list(json_root(document), columns, false, &out);
	assert_string_equal(out.data, "ID  DEAD  STATUS\n"
				      "a     10  dead\n"
				      "b      -  -\n");
	strbuf_clear(&out);
	view_list(json_root(document), columns, true, &out);
	assert_non_null(strstr(out.data, "\033[31mdead\033[0m"));
	strbuf_finish(&out);
	json_destroy(document);
}

#define NOW_MS INT64_C(1781787600000) /* 2026-06-18T13:00:00Z */

static void expect_moment(const char *text, const char *expected)
{
	char time[CLOCK_TEXT_SIZE];

	assert_int_equal(moment_parse(text, NOW_MS, time), 0);
	assert_string_equal(time, expected);
}

static void a_time_is_a_date_or_how_long_ago(void **state)
{
	char time[CLOCK_TEXT_SIZE];

	(void)state;
	expect_moment("2026-06-18T15:00:00+02:00", "2026-06-18T13:00:00.000Z");
	expect_moment("90s", "2026-06-18T12:58:30.000Z");
	expect_moment("2h", "2026-06-18T11:00:00.000Z");
	expect_moment("7d", "2026-06-11T13:00:00.000Z");
	expect_moment("0m", "2026-06-18T13:00:00.000Z");
	assert_int_equal(moment_parse("2", NOW_MS, time), -EINVAL);
	assert_int_equal(moment_parse("h", NOW_MS, time), -EINVAL);
	assert_int_equal(moment_parse("-2h", NOW_MS, time), -EINVAL);
	assert_int_equal(moment_parse("2h30m", NOW_MS, time), -EINVAL);
	assert_int_equal(moment_parse("999999d", NOW_MS, time), -EINVAL);
	assert_int_equal(moment_parse("9999999s", NOW_MS, time), -EINVAL);
	assert_int_equal(moment_parse("yesterday", NOW_MS, time), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_is_a_line_for_each_member),
		cmocka_unit_test(what_is_nested_stands_on_one_line_and_lists_of_objects_below),
		cmocka_unit_test(an_object_of_objects_has_a_line_for_each_of_its_members),
		cmocka_unit_test(no_text_can_steer_the_terminal),
		cmocka_unit_test(a_list_shows_the_members_that_its_columns_name),
		cmocka_unit_test(a_time_is_a_date_or_how_long_ago),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
