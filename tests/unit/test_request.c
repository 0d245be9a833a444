/* request, fields, page: what a client wrote, taken apart; and what is not acceptable in it. */
#include "admin/fields.h"
#include "admin/page.h"
#include "admin/request.h"
#include "base/limits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct scene {
	struct admin_request request;
	struct admin_reply reply;
	struct json_document *document;
};

static int set_up(void **state)
{
	static struct scene scene;

	scene = (struct scene){ 0 };
	reply_init(&scene.reply);
	*state = &scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	request_finish(&scene->request);
	reply_finish(&scene->reply);
	json_destroy(scene->document);
	return 0;
}

static void set_body(struct scene *scene, const char *text)
{
	json_destroy(scene->document);
	scene->document = NULL;
	assert_int_equal(json_parse(text, strlen(text), &scene->document, NULL), 0);
	scene->request.body = json_root(scene->document);
	reply_clear(&scene->reply);
}

static void set_query(struct scene *scene, const char *target)
{
	char *path;

	request_finish(&scene->request);
	reply_clear(&scene->reply);
	assert_int_equal(request_parse_target(&scene->request, target, &path), 0);
	free(path);
}

static void assert_refused(struct scene *scene, const char *field)
{
	char member[64];

	snprintf(member, sizeof(member), "\"field\":\"%s\"", field);
	if (scene->reply.status != 422 || !strstr(scene->reply.body.data, member))
		fail_msg("expected a 422 for %s, got %d %s", field, scene->reply.status,
			 scene->reply.body.data);
}

/* ---- targets ---- */

static void a_target_is_decoded_into_path_and_arguments(void **state)
{
	struct scene *scene = *state;
	char *path;

	assert_int_equal(request_parse_target(&scene->request,
					      "/api/x%20y?a=1+2&b=%C3%A9&c&=d&&a%3d=/", &path),
			 0);
	assert_string_equal(path, "/api/x y");
	assert_string_equal(request_query(&scene->request, "a"), "1 2");
	assert_string_equal(request_query(&scene->request, "b"), "\xc3\xa9");
	assert_string_equal(request_query(&scene->request, "c"), "");
	assert_string_equal(request_query(&scene->request, "a="), "/");
	assert_null(request_query(&scene->request, "d"));
	free(path);
}

static void a_target_that_could_be_read_in_two_ways_is_refused(void **state)
{
	static const char *const targets[] = { "",        "*",      "http://a/b", "a",      "/%00",
					       "/a%2Fb",  "/%",     "/%4",        "/%zz",   "/\xff",
					       "/?a=%00", "/?a=%f", "/%c0%80",    "/?%ff=a" };
	struct scene *scene = *state;

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		char *path = NULL;
		int result = request_parse_target(&scene->request, targets[i], &path);
		free(path);
		if (result != -EINVAL)
			fail_msg("\"%s\" gave %d", targets[i], result);
	}
}

static void arguments_are_bounded(void **state)
{
	struct scene *scene = *state;
	char target[128] = "/?";
	char *path;

	for (int i = 0; i <= REQUEST_QUERY_MAX; i++)
		strcat(target, "a=b&");
	assert_int_equal(request_parse_target(&scene->request, target, &path), -E2BIG);
}

static void times_and_creators_in_a_query_are_checked(void **state)
{
	struct scene *scene = *state;
	char handle[HANDLE_SIZE];
	int64_t time_ms = -1;
	bool given;

	set_query(scene, "/?since=2026-06-18T13:00:00Z&creator=@Some.One&until=tuesday&x=%C3%A9");
	assert_int_equal(request_query_time(&scene->request, "since", &scene->reply, &time_ms), 0);
	assert_true(time_ms == 1781787600000);
	time_ms = -1;
	assert_int_equal(request_query_time(&scene->request, "none", &scene->reply, &time_ms), 0);
	assert_true(time_ms == -1);
	assert_int_equal(request_query_time(&scene->request, "until", &scene->reply, &time_ms),
			 -EINVAL);
	assert_refused(scene, "until");
	assert_int_equal(
		request_query_handle(&scene->request, "creator", &scene->reply, handle, &given), 0);
	assert_true(given);
	assert_string_equal(handle, "some.one");
	assert_int_equal(request_query_handle(&scene->request, "x", &scene->reply, handle, &given),
			 -EINVAL);
	assert_refused(scene, "x");
}

/* ---- pages ---- */

static void a_page_has_50_rows_unless_asked_for_1_to_500(void **state)
{
	static const struct {
		const char *target;
		int limit; /* 0: refused */
	} cases[] = {
		{ "/", 50 },
		{ "/?limit=1", 1 },
		{ "/?limit=500", 500 },
		{ "/?limit=0", 0 },
		{ "/?limit=501", 0 },
		{ "/?limit=", 0 },
		{ "/?limit=-1", 0 },
		{ "/?limit=1x", 0 },
		{ "/?limit=+1", 0 },
		{ "/?limit=1.0", 0 },
		{ "/?limit=99999999999999999999", 0 },
	};
	struct scene *scene = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct page page;
		set_query(scene, cases[i].target);
		int result = page_begin(&page, &scene->request, "webhooks", &scene->reply);
		if (result ? cases[i].limit != 0 : page.limit != (unsigned)cases[i].limit)
			fail_msg("%s gave %d", cases[i].target, result);
		if (result)
			assert_refused(scene, "limit");
	}
}

/* Shows rows without members on the page that was begun, and gives the reply's text. */
static const char *show_page(struct scene *scene, struct page *page, const char *const *keys,
			     size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (page_row(page, keys[i]))
			page_row_end(page);
	page_end(page, 0);
	return scene->reply.body.data;
}

static void the_next_page_begins_behind_the_last_row_shown(void **state)
{
	static const char *const keys[] = { "c", "b/\xc3\xa9", "a" };
	struct scene *scene = *state;
	struct page page;
	char target[256], cursor[PAGE_CURSOR_SIZE];

	set_query(scene, "/?limit=2");
	assert_int_equal(page_begin(&page, &scene->request, "x", &scene->reply), 0);
	assert_int_equal(page_fetch(&page), 3);
	const char *text = show_page(scene, &page, keys, 3);
	assert_int_equal(sscanf(text, "{\"x\":[{},{}],\"next_cursor\":\"%[0-9a-f]\"}", cursor), 1);

	snprintf(target, sizeof(target), "/?cursor=%s", cursor);
	set_query(scene, target);
	assert_int_equal(page_begin(&page, &scene->request, "x", &scene->reply), 0);
	assert_string_equal(page.after, keys[1]);
	assert_int_equal(page_begin(&page, &scene->request, "y", &scene->reply), -EINVAL);
	assert_refused(scene, "cursor");
}

static void the_last_page_says_so(void **state)
{
	static const char *const keys[] = { "c", "b" };
	struct scene *scene = *state;
	struct page page;

	set_query(scene, "/?limit=2");
	assert_int_equal(page_begin(&page, &scene->request, "x", &scene->reply), 0);
	assert_string_equal(show_page(scene, &page, keys, 2),
			    "{\"x\":[{},{}],\"next_cursor\":null}");
}

static void a_page_that_the_store_cannot_read_is_a_503(void **state)
{
	struct scene *scene = *state;
	struct page page;

	set_query(scene, "/?limit=2");
	assert_int_equal(page_begin(&page, &scene->request, "x", &scene->reply), 0);
	page_end(&page, -ENOSPC);
	assert_int_equal(scene->reply.status, 503);
}

static void a_cursor_that_was_made_up_is_refused(void **state)
{
	static const char *const cursors[] = {
		"",           "x",         "garbage",          "00000000",
		"0000000061", "000000006", "deadbeefdeadbeef", "wh_01JY3V5S0T9Q4B8N2M7K6H5G4F",
	};
	struct scene *scene = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cursors); i++) {
		struct page page;
		char target[256];
		snprintf(target, sizeof(target), "/?cursor=%s", cursors[i]);
		set_query(scene, target);
		if (page_begin(&page, &scene->request, "x", &scene->reply) != -EINVAL)
			fail_msg("\"%s\" was taken", cursors[i]);
		assert_refused(scene, "cursor");
	}
}

/* ---- fields ---- */

static void a_field_is_absent_null_given_or_bad(void **state)
{
	struct scene *scene = *state;
	struct admin_reply *reply = &scene->reply;
	const char *text = "untouched";
	int64_t number = -1;
	bool flag;

	set_body(scene, "{\"null\":null,\"text\":\"a\",\"number\":7,\"flag\":true,\"half\":0.5}");
	assert_int_equal(field_text(&scene->request, "none", 9, reply, &text), FIELD_ABSENT);
	assert_int_equal(field_text(&scene->request, "null", 9, reply, &text), FIELD_NULL);
	assert_string_equal(text, "untouched");
	assert_int_equal(field_text(&scene->request, "text", 9, reply, &text), FIELD_GIVEN);
	assert_string_equal(text, "a");
	assert_int_equal(field_integer(&scene->request, "number", 0, 7, reply, &number),
			 FIELD_GIVEN);
	assert_int_equal(number, 7);
	assert_int_equal(field_flag(&scene->request, "flag", reply, &flag), FIELD_GIVEN);
	assert_true(flag);
	assert_int_equal(reply->status, 0);

	assert_int_equal(field_text(&scene->request, "number", 9, reply, &text), FIELD_BAD);
	assert_refused(scene, "number");
	assert_int_equal(field_integer(&scene->request, "number", 0, 6, reply, &number), FIELD_BAD);
	assert_int_equal(field_integer(&scene->request, "half", 0, 6, reply, &number), FIELD_BAD);
	assert_refused(scene, "half");
	assert_int_equal(field_flag(&scene->request, "text", reply, &flag), FIELD_BAD);
	assert_refused(scene, "text");
}

static void a_text_is_measured_in_characters(void **state)
{
	struct scene *scene = *state;
	const char *text;

	set_body(scene, "{\"a\":\"\xc3\xa9\xf0\x9f\x98\x80\"}");
	assert_int_equal(field_text(&scene->request, "a", 2, &scene->reply, &text), FIELD_GIVEN);
	assert_int_equal(field_text(&scene->request, "a", 1, &scene->reply, &text), FIELD_BAD);
	assert_refused(scene, "a");
}

static void creators_are_normalized_sorted_and_folded(void **state)
{
	struct scene *scene = *state;
	struct text_list list = { 0 };

	set_body(scene,
		 "{\"c\":[\"zoe\",\"@Anna\",\"https://www.tiktok.com/@ZOE/live\",\"anna\"]}");
	assert_int_equal(field_handles(&scene->request, "c", &scene->reply, &list), FIELD_GIVEN);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.items[0], "anna");
	assert_string_equal(list.items[1], "zoe");
	text_list_finish(&list);
}

static void a_creator_that_is_none_is_named(void **state)
{
	static const char *const bodies[] = { "{\"c\":[\"a b\"]}", "{\"c\":[1]}",
					      "{\"c\":\"anna\"}", "{\"c\":[\"anna\",null]}",
					      "{\"c\":[\"x\"]}" };
	struct scene *scene = *state;
	struct text_list list = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		set_body(scene, bodies[i]);
		if (field_handles(&scene->request, "c", &scene->reply, &list) != FIELD_BAD)
			fail_msg("%s was taken", bodies[i]);
		assert_refused(scene, "c");
	}
}

static void event_types_are_known_and_at_least_one(void **state)
{
	static const char *const bodies[] = { "{\"e\":[]}", "{\"e\":[\"live.stop\"]}",
					      "{\"e\":\"live.start\"}", "{\"e\":[1]}" };
	struct scene *scene = *state;
	unsigned types = 0;

	set_body(scene, "{\"e\":[\"live.end\",\"live.end\"]}");
	assert_int_equal(field_event_types(&scene->request, "e", &scene->reply, &types),
			 FIELD_GIVEN);
	assert_int_equal(types, 1u << EVENT_LIVE_END);
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		set_body(scene, bodies[i]);
		if (field_event_types(&scene->request, "e", &scene->reply, &types) != FIELD_BAD)
			fail_msg("%s was taken", bodies[i]);
		assert_refused(scene, "e");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(a_target_is_decoded_into_path_and_arguments),
		TEST(a_target_that_could_be_read_in_two_ways_is_refused),
		TEST(arguments_are_bounded),
		TEST(times_and_creators_in_a_query_are_checked),
		TEST(a_page_has_50_rows_unless_asked_for_1_to_500),
		TEST(the_next_page_begins_behind_the_last_row_shown),
		TEST(the_last_page_says_so),
		TEST(a_page_that_the_store_cannot_read_is_a_503),
		TEST(a_cursor_that_was_made_up_is_refused),
		TEST(a_field_is_absent_null_given_or_bad),
		TEST(a_text_is_measured_in_characters),
		TEST(creators_are_normalized_sorted_and_folded),
		TEST(a_creator_that_is_none_is_named),
		TEST(event_types_are_known_and_at_least_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
