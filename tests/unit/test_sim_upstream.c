#include "sim/upstream.h"

#include "base/json.h"
#include "base/memory.h"
#include "domain/room.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const int64_t start_ms = INT64_C(1781481600000); /* 2026-06-15 00:00 UTC */

struct fixture {
	struct sim_upstream upstream;
	struct sim_answer answer; /* the last one */
	int64_t now_ms;
};

static int set_up(void **state)
{
	struct fixture *fixture = memory_zeroed(1, sizeof(*fixture));
	fixture->upstream = (struct sim_upstream){
		.refusal_status = 403,
		.schedule = { .seed = 3, .creators = 100 },
		.clock = { start_ms, start_ms, 1 },
	};
	fixture->now_ms = start_ms;
	sim_upstream_init(&fixture->upstream, sim_tier_find("basic"), false);
	sim_answer_init(&fixture->answer);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	sim_upstream_finish(&fixture->upstream);
	sim_answer_finish(&fixture->answer);
	free(fixture);
	return 0;
}

static void send(struct fixture *fixture, const char *method, const char *target, const char *key,
		 const char *body)
{
	struct sim_request *request = sim_request_create(target);
	request->method = memory_text(method);
	request->received_at_ms = fixture->now_ms;
	if (key)
		sim_request_add_header(request, "x-api-key", key);
	strbuf_add_text(&request->body, body);
	sim_answer_finish(&fixture->answer);
	sim_answer_init(&fixture->answer);
	sim_upstream_handle(&fixture->upstream, request, &fixture->answer);
	sim_request_destroy(request);
}

static void check(struct fixture *fixture, const char *handles)
{
	char body[400];
	snprintf(body, sizeof(body), "{\"unique_ids\":[%s]}", handles);
	send(fixture, "POST", "/webcast/bulk_live_check", "key", body);
}

static void order(struct fixture *fixture, const char *method, const char *target, const char *body)
{
	send(fixture, method, target, NULL, body);
	if (fixture->answer.status >= 300)
		fail_msg("%s %s: %s", method, target, fixture->answer.body.data);
}

static const char *header(const struct fixture *fixture, const char *name)
{
	for (size_t i = 0; i < fixture->answer.header_count; i++) {
		if (strcmp(fixture->answer.headers[i].name, name) == 0)
			return fixture->answer.headers[i].value;
	}
	return "";
}

#define assert_answer(fixture, wanted_status, wanted_body) \
	do { \
		assert_string_equal((fixture)->answer.body.data, wanted_body); \
		assert_int_equal((fixture)->answer.status, wanted_status); \
	} while (0)

static void without_a_key_nothing_is_told(void **state)
{
	struct fixture *fixture = *state;
	send(fixture, "POST", "/webcast/bulk_live_check", NULL, "{\"unique_ids\":[\"ann\"]}");
	assert_answer(fixture, 401,
		      "{\"status_code\":401,\"message\":\"Invalid or missing API key\"}");
}

static void the_key_may_be_a_header_or_a_parameter_but_must_be_the_right_one(void **state)
{
	struct fixture *fixture = *state;
	fixture->upstream.key = "right";
	send(fixture, "GET", "/webcast/rate_limits", "right", "");
	assert_int_equal(fixture->answer.status, 200);
	send(fixture, "GET", "/webcast/rate_limits?apiKey=right", NULL, "");
	assert_int_equal(fixture->answer.status, 200);
	send(fixture, "GET", "/webcast/rate_limits", "wrong", "");
	assert_int_equal(fixture->answer.status, 401);
}

static void a_creator_nobody_knows_is_offline(void **state)
{
	struct fixture *fixture = *state;
	check(fixture, "\"ann\"");
	assert_answer(fixture, 200,
		      "{\"status_code\":0,\"data\":[{\"unique_id\":\"ann\",\"is_live\":false,"
		      "\"alive\":false,\"room_id\":\"\"}]}");
}

static void a_scripted_creator_is_as_it_was_said_in_any_case(void **state)
{
	struct fixture *fixture = *state;
	order(fixture, "PUT", "/_sim/creators/ann",
	      "{\"live\":true,\"room_id\":\"7655296008007584534\",\"title\":\"t\",\"user_count\":"
	      "5}");
	check(fixture, "\"Ann\"");
	assert_answer(fixture, 200,
		      "{\"status_code\":0,\"data\":[{\"unique_id\":\"Ann\",\"is_live\":true,"
		      "\"alive\":true,\"room_id\":\"7655296008007584534\",\"title\":\"t\","
		      "\"userCount\":5}]}");
	order(fixture, "DELETE", "/_sim/creators/ann", "");
	check(fixture, "\"ann\"");
	assert_non_null(strstr(fixture->answer.body.data, "\"is_live\":false"));
}

static void many_creators_are_scripted_at_once(void **state)
{
	struct fixture *fixture = *state;
	order(fixture, "POST", "/_sim/creators",
	      "{\"creators\":{\"ann\":{\"live\":true},\"bob\":{\"live\":false}}}");
	check(fixture, "\"ann\",\"bob\"");
	assert_non_null(strstr(fixture->answer.body.data, "\"ann\",\"is_live\":true"));
	assert_non_null(strstr(fixture->answer.body.data, "\"bob\",\"is_live\":false"));
}

static void a_live_without_a_room_id_gets_a_fresh_one_that_tells_its_time(void **state)
{
	struct fixture *fixture = *state;
	uint64_t room;
	int64_t started_at_ms;
	order(fixture, "PUT", "/_sim/creators/ann", "{\"live\":true,\"started_seconds_ago\":90}");
	check(fixture, "\"ann\"");
	const char *at = strstr(fixture->answer.body.data, "\"room_id\":\"");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "\"room_id\":\"%" SCNu64 "\"", &room), 1);
	assert_true(room_started_at(room, fixture->now_ms, &started_at_ms));
	assert_int_equal(started_at_ms, start_ms - 90000);
}

static void rooms_of_the_schedule_tell_real_time_while_its_clock_runs_fast(void **state)
{
	struct fixture *fixture = *state;
	struct sim_live live;
	size_t creator = 0;
	while (!sim_schedule_next_live(&fixture->upstream.schedule, creator, start_ms, &live))
		creator++;
	fixture->upstream.clock.speed = 60;
	struct sim_creators *creators =
		sim_creators_create(&fixture->upstream.schedule, &fixture->upstream.clock, false);
	char name[SIM_NAME_SIZE];
	struct sim_row row;
	int64_t began_ms,
		real_ms = sim_fast_clock_real(&fixture->upstream.clock, live.started_at_ms + 60000);
	sim_schedule_name(&fixture->upstream.schedule, creator, name);
	sim_creators_row(creators, name, real_ms, &row);
	assert_true(row.is_live);
	assert_true(room_started_at(row.room, real_ms, &began_ms));
	assert_in_range(real_ms - began_ms, 0, 2000); /* a simulated minute is a real second */
	sim_creators_destroy(creators);
}

static void a_batch_over_the_tier_is_refused(void **state)
{
	struct fixture *fixture = *state;
	check(fixture, "\"a1\",\"a2\",\"a3\",\"a4\",\"a5\",\"a6\",\"a7\",\"a8\",\"a9\",\"b0\"");
	assert_int_equal(fixture->answer.status, 200);
	check(fixture,
	      "\"a1\",\"a2\",\"a3\",\"a4\",\"a5\",\"a6\",\"a7\",\"a8\",\"a9\",\"b0\",\"b1\"");
	assert_int_equal(fixture->answer.status, 403);
}

static void a_body_that_makes_no_sense_is_refused(void **state)
{
	struct fixture *fixture = *state;
	static const char *const bodies[] = {
		"",
		"{",
		"[]",
		"{}",
		"{\"unique_ids\":[]}",
		"{\"unique_ids\":\"ann\"}",
		"{\"unique_ids\":[\"ann\",7]}",
	};
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		send(fixture, "POST", "/webcast/bulk_live_check", "key", bodies[i]);
		if (fixture->answer.status != 400)
			fail_msg("%s was answered with %d", bodies[i], fixture->answer.status);
	}
}

static void the_limits_are_told_with_every_answer(void **state)
{
	struct fixture *fixture = *state;
	check(fixture, "\"ann\"");
	assert_string_equal(header(fixture, "X-RateLimit-Limit"), "60");
	assert_string_equal(header(fixture, "X-RateLimit-Remaining"), "59");
	assert_string_equal(header(fixture, "X-RateLimit-Reset"), "1781481660");
	send(fixture, "GET", "/nowhere", "key", "");
	assert_int_equal(fixture->answer.status, 404);
	assert_string_equal(header(fixture, "X-RateLimit-Remaining"), "58");
}

static void the_minute_is_enforced_with_retry_after_on_demand(void **state)
{
	struct fixture *fixture = *state;
	order(fixture, "PUT", "/_sim/limits", "{\"per_minute\":1}");
	check(fixture, "\"ann\"");
	fixture->now_ms += 20000;
	check(fixture, "\"ann\"");
	assert_answer(fixture, 429,
		      "{\"status_code\":429,\"message\":"
		      "\"Rate limit exceeded. Retry after 40 seconds.\"}");
	assert_string_equal(header(fixture, "Retry-After"), "");
	fixture->upstream.has_retry_after = true;
	check(fixture, "\"ann\"");
	assert_string_equal(header(fixture, "Retry-After"), "40");
}

static void the_day_ends_at_midnight_of_the_simulated_clock(void **state)
{
	struct fixture *fixture = *state;
	fixture->upstream.clock.simulated_start_ms = start_ms - 5000;
	order(fixture, "PUT", "/_sim/limits", "{\"per_day\":1}");
	check(fixture, "\"ann\"");
	fixture->now_ms += 4999;
	check(fixture, "\"ann\"");
	assert_int_equal(fixture->answer.status, 429);
	fixture->now_ms += 1;
	check(fixture, "\"ann\"");
	assert_int_equal(fixture->answer.status, 200);
}

static void rate_limits_are_told_as_documented(void **state)
{
	struct fixture *fixture = *state;
	send(fixture, "GET", "/webcast/rate_limits", "key", "");
	assert_answer(fixture, 200,
		      "{\"status_code\":0,\"data\":{\"tier\":\"basic\",\"api\":{\"limit\":60,"
		      "\"remaining\":59,\"reset_at\":1781481660},"
		      "\"websocket\":{\"limit\":10,\"current\":0}}}");
}

static void a_poisonous_creator_spoils_its_batch_only(void **state)
{
	struct fixture *fixture = *state;
	order(fixture, "PUT", "/_sim/creators/bad", "{\"poison\":true}");
	check(fixture, "\"ann\",\"bad\"");
	assert_int_equal(fixture->answer.status, 400);
	check(fixture, "\"ann\"");
	assert_int_equal(fixture->answer.status, 200);
}

static size_t rows_in_answer(const struct fixture *fixture)
{
	CLEANUP(json_cleanup) struct json_document *document = NULL;
	assert_int_equal(
		json_parse(fixture->answer.body.data, fixture->answer.body.length, &document, NULL),
		0);
	return json_count(json_member(json_root(document), "data"));
}

static void a_fraction_of_the_rows_is_exact(void **state)
{
	struct fixture *fixture = *state;
	order(fixture, "POST", "/_sim/faults", "{\"kind\":\"rows_missing\",\"fraction\":0.3}");
	for (int i = 0; i < 10; i++) {
		check(fixture,
		      "\"a1\",\"a2\",\"a3\",\"a4\",\"a5\",\"a6\",\"a7\",\"a8\",\"a9\",\"b0\"");
		assert_int_equal(rows_in_answer(fixture), 7);
	}
}

static void everybody_can_be_said_to_be_live_in_one_room_each(void **state)
{
	struct fixture *fixture = *state;
	char first[1000];
	order(fixture, "POST", "/_sim/faults", "{\"kind\":\"all_live\"}");
	check(fixture, "\"ann\",\"bob\"");
	assert_null(strstr(fixture->answer.body.data, "false"));
	snprintf(first, sizeof(first), "%s", fixture->answer.body.data);
	fixture->now_ms += 5000;
	check(fixture, "\"ann\",\"bob\"");
	assert_string_equal(fixture->answer.body.data, first);
}

static void a_machine_in_front_does_not_know_the_limits(void **state)
{
	struct fixture *fixture = *state;
	order(fixture, "POST", "/_sim/faults", "{\"kind\":\"html_error\",\"status\":503}");
	check(fixture, "\"ann\"");
	assert_int_equal(fixture->answer.status, 503);
	assert_string_equal(header(fixture, "X-RateLimit-Limit"), "");
	assert_string_equal(header(fixture, "Content-Type"), "text/html; charset=utf-8");
}

static void a_truncated_answer_is_no_json(void **state)
{
	struct fixture *fixture = *state;
	struct json_document *document;
	order(fixture, "POST", "/_sim/faults", "{\"kind\":\"truncated\"}");
	check(fixture, "\"ann\"");
	assert_true(json_parse(fixture->answer.body.data, fixture->answer.body.length, &document,
			       NULL) < 0);
}

static void asks_and_requests_are_counted_whatever_came_of_them(void **state)
{
	struct fixture *fixture = *state;
	order(fixture, "POST", "/_sim/faults", "{\"kind\":\"status\",\"count\":1}");
	check(fixture, "\"ann\",\"bob\"");
	check(fixture, "\"ann\"");
	order(fixture, "GET", "/_sim/stats", "");
	CLEANUP(json_cleanup) struct json_document *document = NULL;
	assert_int_equal(
		json_parse(fixture->answer.body.data, fixture->answer.body.length, &document, NULL),
		0);
	const struct json_value *root = json_root(document);
	int64_t number;
	assert_true(json_integer(json_member(json_member(root, "asks"), "ann"), &number));
	assert_int_equal(number, 2);
	assert_true(json_integer(json_member(json_member(root, "faults"), "status"), &number));
	assert_int_equal(number, 1);
	assert_true(json_integer(json_member(json_member(root, "batch_sizes"), "2"), &number));
	assert_int_equal(number, 1);
	assert_true(json_integer(json_member(root, "max_requests_in_60s"), &number));
	assert_int_equal(number, 2);
}

static void recent_requests_tell_their_handles(void **state)
{
	struct fixture *fixture = *state;
	check(fixture, "\"ann\"");
	check(fixture, "\"bob\"");
	order(fixture, "GET", "/_sim/requests?limit=1", "");
	assert_non_null(strstr(fixture->answer.body.data, "\"handles\":[\"bob\"]"));
	assert_null(strstr(fixture->answer.body.data, "ann"));
}

static void a_reset_forgets_everything(void **state)
{
	struct fixture *fixture = *state;
	order(fixture, "PUT", "/_sim/creators/ann", "{\"live\":true}");
	order(fixture, "POST", "/_sim/faults", "{\"kind\":\"hang\"}");
	check(fixture, "\"ann\"");
	order(fixture, "POST", "/_sim/reset", "");
	check(fixture, "\"ann\"");
	assert_non_null(strstr(fixture->answer.body.data, "\"is_live\":false"));
	assert_string_equal(header(fixture, "X-RateLimit-Remaining"), "59");
}

static void orders_that_make_no_sense_are_refused(void **state)
{
	struct fixture *fixture = *state;
	static const struct {
		const char *method, *target, *body;
		int status;
	} cases[] = {
		{ "PUT", "/_sim/creators/ann", "{\"alive\":true}", 400 },
		{ "PUT", "/_sim/creators/ann", "{\"live\":\"yes\"}", 400 },
		{ "PUT", "/_sim/creators/ann", "{\"live\":true,\"room_id\":\"x\"}", 400 },
		{ "PUT", "/_sim/creators/ann", "{\"fault\":\"rows_null\"}", 400 },
		{ "PUT", "/_sim/creators/ann", "{", 400 },
		{ "DELETE", "/_sim/creators/ann", "", 404 },
		{ "POST", "/_sim/creators", "{\"creators\":{\"ann\":5}}", 400 },
		{ "POST", "/_sim/faults", "{\"kind\":\"earthquake\"}", 400 },
		{ "POST", "/_sim/faults", "{}", 400 },
		{ "PUT", "/_sim/limits", "{\"tier\":\"platinum\"}", 400 },
		{ "GET", "/_sim/nothing", "", 404 },
		{ "PATCH", "/_sim/limits", "{}", 404 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		send(fixture, cases[i].method, cases[i].target, NULL, cases[i].body);
		if (fixture->answer.status != cases[i].status)
			fail_msg("%s %s %s: %d", cases[i].method, cases[i].target, cases[i].body,
				 fixture->answer.status);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_key_nothing_is_told),
		TEST(the_key_may_be_a_header_or_a_parameter_but_must_be_the_right_one),
		TEST(a_creator_nobody_knows_is_offline),
		TEST(a_scripted_creator_is_as_it_was_said_in_any_case),
		TEST(many_creators_are_scripted_at_once),
		TEST(a_live_without_a_room_id_gets_a_fresh_one_that_tells_its_time),
		TEST(rooms_of_the_schedule_tell_real_time_while_its_clock_runs_fast),
		TEST(a_batch_over_the_tier_is_refused),
		TEST(a_body_that_makes_no_sense_is_refused),
		TEST(the_limits_are_told_with_every_answer),
		TEST(the_minute_is_enforced_with_retry_after_on_demand),
		TEST(the_day_ends_at_midnight_of_the_simulated_clock),
		TEST(rate_limits_are_told_as_documented),
		TEST(a_poisonous_creator_spoils_its_batch_only),
		TEST(a_fraction_of_the_rows_is_exact),
		TEST(everybody_can_be_said_to_be_live_in_one_room_each),
		TEST(a_machine_in_front_does_not_know_the_limits),
		TEST(a_truncated_answer_is_no_json),
		TEST(asks_and_requests_are_counted_whatever_came_of_them),
		TEST(recent_requests_tell_their_handles),
		TEST(a_reset_forgets_everything),
		TEST(orders_that_make_no_sense_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
