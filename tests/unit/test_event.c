#include "domain/event.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* 2026-06-18T13:00:00.000Z */
static const int64_t noon_ms = INT64_C(1781787600000);

static struct event a_start(void)
{
	return (struct event){
		.id = "evt_01J00000000000000000000000",
		.type = EVENT_LIVE_START,
		.occurred_at_ms = noon_ms,
		.sequence = 17,
		.creator = "charlidamelio",
		.room = UINT64_C(7000000000000000000),
		.started_at_ms = noon_ms - 19000,
		.started_at_source = EVENT_STARTED_BY_ROOM_ID,
		.title = "hello",
		.viewer_count = 1234,
	};
}

static struct event an_end(void)
{
	struct event event = a_start();
	event.type = EVENT_LIVE_END;
	event.sequence = 18;
	event.occurred_at_ms = noon_ms + 180000;
	event.ended_at_ms = noon_ms + 60999;
	event.reason = EVENT_ENDED;
	return event;
}

static void assert_body(const struct event *event, const char *expected)
{
	struct strbuf out;
	strbuf_init(&out, LIMIT_EVENT_BODY_BYTES);
	event_render(event, &out);
	assert_false(strbuf_is_full(&out));
	assert_string_equal(out.data, expected);
	strbuf_finish(&out);
}

static void assert_body_has(const struct event *event, const char *piece)
{
	struct strbuf out;
	strbuf_init(&out, LIMIT_EVENT_BODY_BYTES);
	event_render(event, &out);
	if (!strstr(out.data, piece))
		fail_msg("expected %s in %s", piece, out.data);
	strbuf_finish(&out);
}

static void a_start_is_written_in_the_order_of_the_contract(void **state)
{
	(void)state;
	struct event event = a_start();
	assert_body(
		&event,
		"{\"event_id\":\"evt_01J00000000000000000000000\",\"event\":\"live.start\","
		"\"occurred_at\":\"2026-06-18T13:00:00.000Z\",\"is_test\":false,\"sequence\":17,"
		"\"creator\":{\"unique_id\":\"charlidamelio\",\"nickname\":null,"
		"\"avatar_url\":null,\"user_id\":null,\"follower_count\":null},"
		"\"live\":{\"room_id\":\"7000000000000000000\","
		"\"started_at\":\"2026-06-18T12:59:41.000Z\",\"started_at_source\":\"room_id\","
		"\"live_url\":\"https://www.tiktok.com/@charlidamelio/live\",\"title\":\"hello\","
		"\"viewer_count\":1234,\"resumed\":false},"
		"\"_links\":{\"creator\":\"https://tik.tools/@charlidamelio\"}}");
}

static void an_end_is_written_in_the_order_of_the_contract(void **state)
{
	(void)state;
	struct event event = an_end();
	assert_body(
		&event,
		"{\"event_id\":\"evt_01J00000000000000000000000\",\"event\":\"live.end\","
		"\"occurred_at\":\"2026-06-18T13:03:00.000Z\",\"is_test\":false,\"sequence\":18,"
		"\"creator\":{\"unique_id\":\"charlidamelio\",\"nickname\":null,"
		"\"avatar_url\":null,\"user_id\":null,\"follower_count\":null},"
		"\"live\":{\"room_id\":\"7000000000000000000\","
		"\"started_at\":\"2026-06-18T12:59:41.000Z\",\"started_at_source\":\"room_id\","
		"\"ended_at\":\"2026-06-18T13:01:00.999Z\",\"duration_seconds\":79,"
		"\"reason\":\"ended\"},"
		"\"_links\":{\"creator\":\"https://tik.tools/@charlidamelio\"}}");
}

static void what_is_not_known_is_null(void **state)
{
	(void)state;
	struct event event = a_start();
	event.room = 0;
	event.title = NULL;
	event.viewer_count = -1;
	event.sequence = 0;
	event.started_at_source = EVENT_STARTED_OBSERVED;
	assert_body_has(&event, "\"sequence\":null,");
	assert_body_has(&event, "\"room_id\":null,");
	assert_body_has(&event, "\"started_at_source\":\"observed\",");
	assert_body_has(&event, "\"title\":null,\"viewer_count\":null,");
}

static void a_count_of_zero_viewers_is_known(void **state)
{
	(void)state;
	struct event event = a_start();
	event.viewer_count = 0;
	assert_body_has(&event, "\"viewer_count\":0,");
}

static void the_largest_room_keeps_every_digit(void **state)
{
	(void)state;
	struct event event = a_start();
	event.room = UINT64_MAX;
	assert_body_has(&event, "\"room_id\":\"18446744073709551615\"");
}

static void a_resumed_live_and_a_changed_room_say_so(void **state)
{
	(void)state;
	struct event start = a_start(), end = an_end();
	start.resumed = true;
	end.reason = EVENT_ROOM_CHANGED;
	assert_body_has(&start, "\"resumed\":true}");
	assert_body_has(&end, "\"reason\":\"room_changed\"}");
}

static void a_duration_is_never_negative(void **state)
{
	(void)state;
	struct event event = an_end();
	event.ended_at_ms = event.started_at_ms - 5000;
	assert_body_has(&event, "\"duration_seconds\":0,");
}

static void a_title_cannot_break_out_of_its_string(void **state)
{
	(void)state;
	struct event event = a_start();
	event.title = "\"},\"x\":\n\xFF";
	assert_body_has(&event, "\"title\":\"\\\"},\\\"x\\\":\\n\xEF\xBF\xBD\"");
}

static void the_longest_event_fits_its_limit(void **state)
{
	(void)state;
	char title[LIMIT_UPSTREAM_TITLE_BYTES + 1];
	memset(title, 1, sizeof(title) - 1); /* six bytes each when escaped */
	title[sizeof(title) - 1] = '\0';
	struct event event = a_start();
	memset(event.creator, 'a', HANDLE_SIZE - 1);
	event.title = title;
	event.room = UINT64_MAX;
	event.viewer_count = event.sequence = INT64_MAX;

	struct strbuf out;
	strbuf_init(&out, LIMIT_EVENT_BODY_BYTES);
	event_render(&event, &out);
	assert_false(strbuf_is_full(&out));
	strbuf_finish(&out);
}

static void a_sample_start_is_what_a_real_one_could_be(void **state)
{
	(void)state;
	struct event event;
	event_sample(EVENT_LIVE_START, "evt_01J00000000000000000000000", "khaby.lame", noon_ms,
		     &event);
	assert_true(event.is_test);
	assert_int_equal(event.sequence, 0);
	assert_string_equal(event.creator, "khaby.lame");
	assert_string_equal(event.id, "evt_01J00000000000000000000000");
	assert_non_null(event.title);
	assert_true(event.viewer_count > 0);
	int64_t started_at_ms = 0;
	assert_true(room_started_at(event.room, noon_ms, &started_at_ms));
	assert_int_equal(started_at_ms, event.started_at_ms);
	assert_body_has(&event, "\"is_test\":true,\"sequence\":null,");
}

static void a_sample_end_lasted_a_while(void **state)
{
	(void)state;
	struct event event;
	event_sample(EVENT_LIVE_END, "evt_01J00000000000000000000000", "khaby.lame", noon_ms,
		     &event);
	int64_t started_at_ms = 0;
	assert_true(room_started_at(event.room, noon_ms, &started_at_ms));
	assert_int_equal(started_at_ms, event.started_at_ms);
	assert_true(event.started_at_ms < event.ended_at_ms);
	assert_true(event.ended_at_ms <= noon_ms);
	assert_body_has(&event, "\"duration_seconds\":5400,\"reason\":\"ended\"}");
}

static void types_have_names_that_read_back(void **state)
{
	(void)state;
	enum event_type type = EVENT_LIVE_START;
	assert_true(event_type_parse("live.end", &type));
	assert_int_equal(type, EVENT_LIVE_END);
	assert_true(event_type_parse("live.start", &type));
	assert_int_equal(type, EVENT_LIVE_START);
	assert_string_equal(event_type_name(EVENT_LIVE_START), "live.start");
	assert_string_equal(event_type_name(EVENT_LIVE_END), "live.end");
	assert_false(event_type_parse("live.peak_viewers", &type));
	assert_false(event_type_parse("", &type));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_start_is_written_in_the_order_of_the_contract),
		cmocka_unit_test(an_end_is_written_in_the_order_of_the_contract),
		cmocka_unit_test(what_is_not_known_is_null),
		cmocka_unit_test(a_count_of_zero_viewers_is_known),
		cmocka_unit_test(the_largest_room_keeps_every_digit),
		cmocka_unit_test(a_resumed_live_and_a_changed_room_say_so),
		cmocka_unit_test(a_duration_is_never_negative),
		cmocka_unit_test(a_title_cannot_break_out_of_its_string),
		cmocka_unit_test(the_longest_event_fits_its_limit),
		cmocka_unit_test(a_sample_start_is_what_a_real_one_could_be),
		cmocka_unit_test(a_sample_end_lasted_a_while),
		cmocka_unit_test(types_have_names_that_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
