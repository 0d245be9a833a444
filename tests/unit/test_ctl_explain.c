/* explain: what the API says of a creator reads as a story, oldest first. */
#include "ctl/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void expect_story(const char *json, bool with_colours, const char *expected)
{
	struct json_document *document;
	struct strbuf out;

	assert_int_equal(json_parse(json, strlen(json), &document, NULL), 0);
	strbuf_init(&out, 10000);
	explain_add_story(json_root(document), with_colours, &out);
	assert_string_equal(out.data, expected);
	strbuf_finish(&out);
	json_destroy(document);
}

#define HEAD \
	"{\"unique_id\":\"ada\",\"state\":\"offline\",\"live_since\":null," \
	"\"last_checked_at\":\"2026-06-18T14:13:00.000Z\"," \
	"\"since_then\":{\"unchanged\":1,\"missing\":2,\"unclear\":3,\"failed\":4},"

static void a_life_is_told_oldest_answer_first(void **state)
{
	(void)state;
	expect_story(
		HEAD "\"answers\":["
		     "{\"answered_at\":\"2026-06-18T14:12:00.000Z\",\"answer\":\"offline\","
		     "\"effect\":\"end\","
		     "\"room_id\":\"7\",\"at\":\"2026-06-18T14:10:00.000Z\",\"event_id\":\"evt_2\","
		     "\"second_check\":true,\"evidence\":{\"answers\":2,\"answers_wanted\":2,"
		     "\"seconds\":120,"
		     "\"seconds_wanted\":120},\"before\":{\"unchanged\":0}},"
		     "{\"answered_at\":\"2026-06-18T13:00:00.000Z\",\"answer\":\"live\",\"effect\":"
		     "\"start\","
		     "\"room_id\":\"7\",\"at\":\"2026-06-18T12:59:41.000Z\",\"started_at_source\":"
		     "\"room_id\","
		     "\"event_id\":\"evt_1\",\"previous_answer_at\":\"2026-06-18T12:59:00.000Z\","
		     "\"before\":{\"unchanged\":14,\"unclear\":1}}]}",
		false,
		"ada is offline\n\n"
		"2026-06-18T13:00:00Z  live     START in room 7, since 2026-06-18T12:59:41Z by the "
		"room id; "
		"event evt_1\n"
		"                               before it: 14 that changed nothing, 1 unclear "
		"(null or "
		"contradictory); offline at 2026-06-18T12:59:00Z\n"
		"2026-06-18T14:12:00Z  offline  END in room 7, at 2026-06-18T14:10:00Z, confirmed "
		"by 2 answers "
		"(of 2) over 120 s (of 120); event evt_2 (the second check of what was held back)\n"
		"2026-06-18T14:13:00Z  the last check; since the answer above 1 that changed "
		"nothing, 3 unclear "
		"(null or contradictory), 2 without a row, 4 in a batch that failed\n");
}

static void nothing_to_tell_is_said(void **state)
{
	(void)state;
	expect_story("{\"unique_id\":\"ada\",\"state\":\"unknown\",\"answers\":[]}", true,
		     "ada is unknown\n\n"
		     "No answer has moved anything yet, or those are not kept any more.\n"
		     "-  the last check; since the answer above no other came\n");
}

static void an_effect_of_a_newer_daemon_and_its_control_characters_are_shown(void **state)
{
	(void)state;
	expect_story("{\"unique_id\":\"ada\",\"state\":\"live\",\"answers\":[{\"effect\":"
		     "\"\\u001bnew\"}]}",
		     false,
		     "ada is live\n\n"
		     "-  -        ?new\n"
		     "-  the last check; since the answer above no other came\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_life_is_told_oldest_answer_first),
		cmocka_unit_test(nothing_to_tell_is_said),
		cmocka_unit_test(an_effect_of_a_newer_daemon_and_its_control_characters_are_shown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
