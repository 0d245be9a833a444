/* reply: what handlers answer, and what a problem does to it. */
#include "admin/reply.h"
#include "base/limits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state)
{
	static struct admin_reply reply;

	reply_init(&reply);
	*state = &reply;
	return 0;
}

static int tear_down(void **state)
{
	reply_finish(*state);
	return 0;
}

static void an_object_is_open_until_the_reply_ends(void **state)
{
	struct admin_reply *reply = *state;

	json_put_integer(reply_json(reply, 201), "n", 7);
	reply_end(reply);
	assert_int_equal(reply->status, 201);
	assert_string_equal(reply->content_type, "application/json");
	assert_string_equal(reply->body.data, "{\"n\":7}");
}

static void a_problem_has_the_members_of_the_contract_in_order(void **state)
{
	struct admin_reply *reply = *state;

	reply_problem(reply, 422, "bad_value", "name", "It is %d too long.", 3);
	assert_int_equal(reply->status, 422);
	assert_string_equal(reply->content_type, "application/problem+json");
	assert_string_equal(reply->body.data,
			    "{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\","
			    "\"status\":422,\"detail\":\"It is 3 too long.\","
			    "\"code\":\"bad_value\",\"field\":\"name\"}");
}

static void a_problem_without_a_field_says_nothing_of_one(void **state)
{
	struct admin_reply *reply = *state;

	reply_problem(reply, 404, "not_found", NULL, "No.");
	assert_null(strstr(reply->body.data, "field"));
}

static void a_problem_discards_what_was_begun_and_its_effects(void **state)
{
	struct admin_reply *reply = *state;

	json_put_integer(reply_json(reply, 200), "n", 7);
	reply->effects |= EFFECT_ENQUEUED;
	reply_header(reply, "Location", "/x");
	reply_not_found(reply, "webhook", "wh_x");
	assert_int_equal(reply->status, 404);
	assert_int_equal(reply->effects, 0);
	assert_int_equal(reply->header_count, 0);
	assert_null(strstr(reply->body.data, "\"n\""));
	assert_non_null(strstr(reply->body.data, "There is no webhook \\\"wh_x\\\"."));
}

static void a_store_that_failed_is_unavailable_and_the_error_is_kept(void **state)
{
	struct admin_reply *reply = *state;

	reply_store_error(reply, -ENOSPC);
	assert_int_equal(reply->status, 503);
	assert_int_equal(reply->store_error, -ENOSPC);
	assert_non_null(strstr(reply->body.data, "\"code\":\"store_full\""));
	assert_string_equal(reply->headers[0].name, "Retry-After");
}

static void an_answer_over_the_limit_becomes_a_500(void **state)
{
	struct admin_reply *reply = *state;
	char block[1024];

	memset(block, 'x', sizeof(block));
	reply->body.max_bytes = 2000;
	struct json_writer *writer = reply_json(reply, 200);
	for (int i = 0; i < 3; i++)
		json_put_string_n(writer, "x", block, sizeof(block));
	reply_end(reply);
	assert_int_equal(reply->status, 500);
	assert_string_equal(reply->content_type, "application/problem+json");
}

static void a_reply_that_waits_has_no_status(void **state)
{
	struct admin_reply *reply = *state;

	reply_wait(reply, NULL, "del_1", 500);
	assert_int_equal(reply->status, 0);
	assert_string_equal(reply->subject, "del_1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(an_object_is_open_until_the_reply_ends),
		TEST(a_problem_has_the_members_of_the_contract_in_order),
		TEST(a_problem_without_a_field_says_nothing_of_one),
		TEST(a_problem_discards_what_was_begun_and_its_effects),
		TEST(a_store_that_failed_is_unavailable_and_the_error_is_kept),
		TEST(an_answer_over_the_limit_becomes_a_500),
		TEST(a_reply_that_waits_has_no_status),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
