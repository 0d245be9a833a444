#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "detect/upstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1781787600000) /* 2026-06-18T13:00:00Z */

static struct upstream_reply read_reply(int status, const char *body, const char *const *handles,
					size_t count, struct answer *answers)
{
	struct upstream_reply reply = { 0 };
	upstream_read_checks(status, true, body, strlen(body), handles, count, answers, &reply);
	return reply;
}

/* What one row says about "ada", as `data` of a reply in which everything else is in order. */
static struct answer answer_of_row(const char *fields)
{
	static const char *const handles[] = { "ada" };
	struct answer answer;
	struct strbuf body;
	strbuf_init(&body, 1 << 16);
	strbuf_addf(&body, "{\"status_code\":0,\"data\":[{\"unique_id\":\"ada\"%s", fields);
	strbuf_add_text(&body, "}]}");
	struct upstream_reply reply = read_reply(200, body.data, handles, 1, &answer);
	if (reply.outcome != UPSTREAM_OK)
		fail_msg("%s: %s", body.data, reply.message);
	strbuf_finish(&body);
	return answer;
}

static void a_row_is_live_or_offline_only_if_every_explicit_value_says_so(void **state)
{
	(void)state;
	static const struct {
		const char *fields;
		enum answer_verdict verdict;
	} cases[] = {
		{ ",\"is_live\":true", ANSWER_LIVE },
		{ ",\"is_live\":false", ANSWER_OFFLINE },
		{ ",\"alive\":true", ANSWER_LIVE },
		{ ",\"alive\":false", ANSWER_OFFLINE },
		{ ",\"alive_status\":\"live\"", ANSWER_LIVE },
		{ ",\"live_status\":\"offline\"", ANSWER_OFFLINE },
		{ ",\"is_live\":true,\"alive\":true,\"alive_status\":\"live\"", ANSWER_LIVE },
		{ ",\"is_live\":false,\"alive\":false,\"live_status\":\"offline\"",
		  ANSWER_OFFLINE },
		{ ",\"is_live\":true,\"check_failed\":false", ANSWER_LIVE },
		{ ",\"is_live\":true,\"check_failed\":null", ANSWER_LIVE },
		{ "", ANSWER_UNKNOWN },
		{ ",\"is_live\":null", ANSWER_UNKNOWN },
		{ ",\"alive\":null,\"is_live\":null,\"alive_status\":\"unknown\"", ANSWER_UNKNOWN },
		{ ",\"is_live\":false,\"alive\":null", ANSWER_UNKNOWN },
		{ ",\"is_live\":true,\"alive\":false", ANSWER_UNKNOWN },
		{ ",\"is_live\":true,\"alive_status\":\"offline\"", ANSWER_UNKNOWN },
		{ ",\"is_live\":true,\"alive_status\":\"unknown\"", ANSWER_UNKNOWN },
		{ ",\"is_live\":false,\"check_failed\":true", ANSWER_UNKNOWN },
		{ ",\"is_live\":true,\"check_failed\":\"yes\"", ANSWER_UNKNOWN },
		{ ",\"is_live\":1", ANSWER_UNKNOWN },
		{ ",\"is_live\":\"true\"", ANSWER_UNKNOWN },
		{ ",\"Is_Live\":true", ANSWER_UNKNOWN },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct answer answer = answer_of_row(cases[i].fields);
		if (answer.verdict != cases[i].verdict || answer.is_missing)
			fail_msg("{%s}: expected %d, got %d", cases[i].fields, cases[i].verdict,
				 answer.verdict);
		answers_finish(&answer, 1);
	}
}

static void a_room_keeps_all_its_digits_as_string_and_as_number(void **state)
{
	(void)state;
	static const struct {
		const char *fields;
		uint64_t room;
	} cases[] = {
		{ ",\"is_live\":true,\"room_id\":\"7655296008007584534\"",
		  UINT64_C(7655296008007584534) },
		{ ",\"is_live\":true,\"room_id\":7655296008007584535",
		  UINT64_C(7655296008007584535) },
		{ ",\"is_live\":true,\"room_id\":\"\"", 0 },
		{ ",\"is_live\":true,\"room_id\":-5", 0 },
		{ ",\"is_live\":true,\"room_id\":7.6e18", 0 },
		{ ",\"is_live\":true,\"room_id\":99999999999999999999", 0 },
		{ ",\"is_live\":true,\"room_id\":null", 0 },
		{ ",\"is_live\":false,\"room_id\":\"7655296008007584534\"", 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct answer answer = answer_of_row(cases[i].fields);
		if (answer.room != cases[i].room)
			fail_msg("{%s}: room %llu", cases[i].fields,
				 (unsigned long long)answer.room);
		answers_finish(&answer, 1);
	}
}

static void title_and_viewers_are_taken_where_they_are_told(void **state)
{
	(void)state;
	struct answer answer =
		answer_of_row(",\"is_live\":true,\"title\":\"Hall\\u00f6chen\",\"userCount\":12");
	assert_string_equal(answer.title, "Hall\xc3\xb6"
					  "chen");
	assert_int_equal(answer.viewer_count, 12);
	answers_finish(&answer, 1);
	answer = answer_of_row(",\"is_live\":true,\"title\":\"\",\"user_count\":0");
	assert_null(answer.title);
	assert_int_equal(answer.viewer_count, 0);
	answers_finish(&answer, 1);
	answer = answer_of_row(",\"is_live\":true,\"title\":7,\"userCount\":-3");
	assert_null(answer.title);
	assert_int_equal(answer.viewer_count, -1);
	answers_finish(&answer, 1);
}

static void a_long_title_is_cut_between_characters(void **state)
{
	(void)state;
	struct strbuf fields;
	strbuf_init(&fields, 1 << 14);
	strbuf_add_text(&fields, ",\"is_live\":true,\"title\":\"x");
	for (int i = 0; i < 1000; i++)
		strbuf_add_text(&fields, "\xc3\xb6");
	strbuf_add_char(&fields, '"');
	static const char *const handles[] = { "ada" };
	struct answer answer;
	struct strbuf body;
	strbuf_init(&body, 1 << 16);
	strbuf_add_text(&body, "{\"data\":[{\"unique_id\":\"ada\"");
	strbuf_add(&body, fields.data, fields.length);
	strbuf_add_text(&body, "}]}");
	assert_int_equal(read_reply(200, body.data, handles, 1, &answer).outcome, UPSTREAM_OK);
	assert_int_equal(strlen(answer.title), LIMIT_UPSTREAM_TITLE_BYTES - 1);
	answers_finish(&answer, 1);
	strbuf_finish(&body);
	strbuf_finish(&fields);
}

static void every_shape_seen_in_the_field_is_read(void **state)
{
	(void)state;
	static const char *const bodies[] = {
		"{\"status_code\":0,\"data\":[{\"unique_id\":\"ada\",\"is_live\":true},"
		"{\"unique_id\":\"bob\",\"is_live\":false}]}",
		"{\"data\":[{\"uniqueId\":\"Ada\",\"alive\":true},"
		"{\"uniqueId\":\"@BOB\",\"alive_status\":\"offline\"}]}",
		"{\"status_code\":0,\"data\":{\"ada\":true,\"bob\":false}}",
		"{\"status_code\":0,\"data\":{\"ADA\":true,\"Bob\":false}}",
		"{\"status_code\":0,\"data\":{\"results\":[{\"unique_id\":\"bob\",\"alive\":false},"
		"{\"unique_id\":\"ada\",\"alive\":true}]}}",
		"{\"status_code\":0,\"data\":{\"ada\":{\"is_live\":true},\"bob\":{\"is_live\":"
		"false}}}",
		"{\"status_code\":0,\"data\":{\"results\":{\"ada\":true,\"bob\":false}}}",
		/* rows not asked for, rows that are none, the same row twice */
		"{\"data\":[null,7,{\"unique_id\":\"eve\",\"is_live\":true},"
		"{\"unique_id\":\"ada\",\"is_live\":true},{\"unique_id\":\"ada\",\"is_live\":true},"
		"{\"unique_id\":\"bob\",\"is_live\":false}]}",
	};
	static const char *const handles[] = { "ada", "bob" };
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		struct answer answers[2];
		struct upstream_reply reply = read_reply(200, bodies[i], handles, 2, answers);
		if (reply.outcome != UPSTREAM_OK || answers[0].verdict != ANSWER_LIVE ||
		    answers[1].verdict != ANSWER_OFFLINE)
			fail_msg("%s: outcome %d, ada %d, bob %d", bodies[i], reply.outcome,
				 answers[0].verdict, answers[1].verdict);
		answers_finish(answers, 2);
	}
}

static void one_row_on_its_own_is_about_the_one_who_was_asked_for(void **state)
{
	(void)state;
	static const char *const bodies[] = {
		"{\"data\":{\"unique_id\":\"ada\",\"is_live\":true,\"room_id\":\"7\"}}",
		"{\"data\":{\"is_live\":true,\"alive\":true,\"room_id\":\"7\"}}",
	};
	static const char *const ada[] = { "ada" };
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		struct answer answer;
		assert_int_equal(read_reply(200, bodies[i], ada, 1, &answer).outcome, UPSTREAM_OK);
		assert_int_equal(answer.verdict, ANSWER_LIVE);
		assert_int_equal(answer.room, 7);
		answers_finish(&answer, 1);
	}
	/* Somebody may well be called "alive". */
	static const char *const alive[] = { "alive" };
	struct answer answer;
	assert_int_equal(read_reply(200, "{\"data\":{\"alive\":false}}", alive, 1, &answer).outcome,
			 UPSTREAM_OK);
	assert_int_equal(answer.verdict, ANSWER_OFFLINE);
	/* Of two, nobody knows whom it is about. */
	static const char *const two[] = { "ada", "bob" };
	struct answer answers[2];
	assert_int_equal(read_reply(200, "{\"data\":{\"is_live\":true}}", two, 2, answers).outcome,
			 UPSTREAM_PARTIAL);
	assert_int_equal(answers[0].verdict, ANSWER_UNKNOWN);
}

static void rows_that_contradict_each_other_leave_nothing_to_believe(void **state)
{
	(void)state;
	static const char *const bodies[] = {
		"{\"data\":[{\"unique_id\":\"ada\",\"is_live\":true},"
		"{\"unique_id\":\"ada\",\"is_live\":false}]}",
		"{\"data\":[{\"unique_id\":\"ada\",\"is_live\":true,\"room_id\":\"7\",\"title\":"
		"\"a\"},"
		"{\"unique_id\":\"ADA\",\"is_live\":true,\"room_id\":\"8\"},"
		"{\"unique_id\":\"ada\",\"is_live\":true,\"room_id\":\"8\",\"title\":\"b\"}]}",
		"{\"data\":{\"ada\":{\"unique_id\":\"bob\",\"is_live\":true}}}",
		"{\"data\":{\"ada\":null}}",
	};
	static const char *const handles[] = { "ada" };
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		struct answer answer;
		struct upstream_reply reply = read_reply(200, bodies[i], handles, 1, &answer);
		if (reply.outcome != UPSTREAM_OK || answer.verdict != ANSWER_UNKNOWN ||
		    answer.is_missing)
			fail_msg("%s: outcome %d, verdict %d", bodies[i], reply.outcome,
				 answer.verdict);
		answers_finish(&answer, 1);
	}
}

static void a_batch_fails_when_more_than_a_fifth_of_its_rows_are_missing(void **state)
{
	(void)state;
	static const char *const handles[] = { "aa", "bb", "cc", "dd", "ee" };
	struct answer answers[5];
	struct upstream_reply reply =
		read_reply(200, "{\"data\":{\"aa\":true,\"bb\":true,\"cc\":true,\"dd\":true}}",
			   handles, 5, answers);
	assert_int_equal(reply.outcome, UPSTREAM_OK);
	assert_int_equal(reply.missing, 1);
	assert_int_equal(answers[0].verdict, ANSWER_LIVE);
	assert_int_equal(answers[4].verdict, ANSWER_UNKNOWN);
	assert_true(answers[4].is_missing);
	reply = read_reply(200, "{\"data\":{\"aa\":true,\"bb\":true,\"cc\":true}}", handles, 5,
			   answers);
	assert_int_equal(reply.outcome, UPSTREAM_PARTIAL);
	assert_int_equal(answers[0].verdict, ANSWER_UNKNOWN);
	assert_false(answers[0].is_missing);
	assert_true(answers[3].is_missing);
	reply = read_reply(200, "{\"data\":[]}", handles, 5, answers);
	assert_int_equal(reply.outcome, UPSTREAM_PARTIAL);
	assert_int_equal(reply.missing, 5);
}

static void anything_but_success_is_a_failed_batch_that_says_why(void **state)
{
	(void)state;
	static const struct {
		int status;
		const char *body;
		enum upstream_outcome outcome;
		int said_status;
		const char *message;
	} cases[] = {
		{ 429, "{\"error\":\"slow down\"}", UPSTREAM_RATE_LIMITED, 429, "slow down" },
		{ 400, "{\"status_code\":400,\"message\":\"bad\"}", UPSTREAM_REFUSED, 400, "bad" },
		{ 401, "{\"error\":{\"message\":\"no key\"}}", UPSTREAM_REFUSED, 401, "no key" },
		{ 403, "<html>", UPSTREAM_REFUSED, 403, "" },
		{ 413, "", UPSTREAM_REFUSED, 413, "" },
		{ 404, "{}", UPSTREAM_HTTP_ERROR, 404, "" },
		{ 500, "{\"data\":{\"ada\":true}}", UPSTREAM_HTTP_ERROR, 500, "" },
		{ 302, "{\"data\":{\"ada\":true}}", UPSTREAM_HTTP_ERROR, 302, "" },
		{ 200, "{\"status_code\":-1,\"error\":\"broken\"}", UPSTREAM_BAD_ANSWER, 200,
		  "broken" },
		{ 200, "{\"status_code\":429,\"error\":\"slow\"}", UPSTREAM_RATE_LIMITED, 429,
		  "slow" },
		{ 200, "{\"status_code\":503,\"data\":{\"ada\":true}}", UPSTREAM_HTTP_ERROR, 503,
		  "" },
		{ 200, "{\"status_code\":\"0\",\"data\":{\"ada\":true}}", UPSTREAM_BAD_ANSWER, 200,
		  "" },
		{ 200, "{\"status_code\":null,\"data\":{\"ada\":true}}", UPSTREAM_BAD_ANSWER, 200,
		  "" },
		{ 200, "{\"data\":null}", UPSTREAM_BAD_ANSWER, 200, NULL },
		{ 200, "{\"data\":\"ada\"}", UPSTREAM_BAD_ANSWER, 200, NULL },
		{ 200, "{\"data\":{\"ada\":\"yes\"}}", UPSTREAM_BAD_ANSWER, 200, NULL },
		{ 200, "{}", UPSTREAM_BAD_ANSWER, 200, NULL },
		{ 200, "[{\"unique_id\":\"ada\",\"is_live\":true}]", UPSTREAM_BAD_ANSWER, 200,
		  NULL },
		{ 200, "{\"data\":{\"ada\":true}", UPSTREAM_BAD_ANSWER, 200, NULL },
		{ 200, "<html>hello</html>", UPSTREAM_BAD_ANSWER, 200, NULL },
		{ 200, "", UPSTREAM_BAD_ANSWER, 200, NULL },
		{ 204, "", UPSTREAM_BAD_ANSWER, 204, NULL },
	};
	static const char *const handles[] = { "ada" };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct answer answer;
		struct upstream_reply reply =
			read_reply(cases[i].status, cases[i].body, handles, 1, &answer);
		if (reply.outcome != cases[i].outcome || reply.status != cases[i].said_status ||
		    answer.verdict != ANSWER_UNKNOWN)
			fail_msg("%d %s: outcome %d, status %d, verdict %d", cases[i].status,
				 cases[i].body, reply.outcome, reply.status, answer.verdict);
		if (cases[i].message)
			assert_string_equal(reply.message, cases[i].message);
		answers_finish(&answer, 1);
	}
}

static void a_body_that_is_not_all_there_says_nothing(void **state)
{
	(void)state;
	static const char *const handles[] = { "ada" };
	static const char body[] = "{\"data\":{\"ada\":true}}";
	struct upstream_reply reply = { 0 };
	struct answer answer;
	upstream_read_checks(200, false, body, strlen(body), handles, 1, &answer, &reply);
	assert_int_equal(reply.outcome, UPSTREAM_BAD_ANSWER);
	assert_int_equal(answer.verdict, ANSWER_UNKNOWN);
}

static void the_limits_are_read_from_their_own_page(void **state)
{
	(void)state;
	static const char body[] = "{\"status_code\":0,\"data\":{\"tier\":\"basic\",\"api\":"
				   "{\"limit\":30,\"remaining\":28,\"reset_at\":1781787630}}}";
	struct upstream_reply reply = { 0 };
	upstream_read_limits(200, true, body, strlen(body), NOW, &reply);
	assert_int_equal(reply.outcome, UPSTREAM_OK);
	assert_int_equal(reply.tier, TIER_BASIC);
	assert_true(reply.notice.has_limit && reply.notice.limit == 30);
	assert_true(reply.notice.has_remaining && reply.notice.remaining == 28);
	assert_true(reply.notice.has_reset && reply.notice.reset_in_ms == 30000);
	reply = (struct upstream_reply){ 0 };
	upstream_read_limits(200, true, "{\"data\":[]}", 11, NOW, &reply);
	assert_int_equal(reply.outcome, UPSTREAM_BAD_ANSWER);
}

static void a_limit_below_zero_is_not_read(void **state)
{
	(void)state;
	static const char body[] =
		"{\"data\":{\"api\":{\"limit\":-1,\"remaining\":-9223372036854775808,"
		"\"reset_at\":-9223372036854775808}}}";
	struct upstream_reply reply = { 0 };
	upstream_read_limits(200, true, body, strlen(body), NOW, &reply);
	assert_int_equal(reply.outcome, UPSTREAM_OK);
	assert_false(reply.notice.has_limit || reply.notice.has_remaining ||
		     reply.notice.has_reset);
}

static struct quota_notice notice_of(const char *head)
{
	struct http_result result = { .outcome = HTTP_OK, .status = 200, .body = "", .head = head };
	struct quota_notice notice;
	upstream_read_notice(&result, NOW, &notice);
	return notice;
}

static void headers_tell_the_limits_by_the_services_own_clock(void **state)
{
	(void)state;
	struct quota_notice notice = notice_of("HTTP/1.1 200 OK\r\nX-RateLimit-Limit: 60\r\n"
					       "x-ratelimit-remaining: 0\r\n"
					       "X-RateLimit-Reset: 1781787630\r\n\r\n");
	assert_true(notice.has_limit && notice.limit == 60);
	assert_true(notice.has_remaining && notice.remaining == 0);
	assert_true(notice.has_reset && notice.reset_in_ms == 30000);
	assert_false(notice.has_retry_after);
	/* The service's clock is 5 minutes ahead of ours. */
	notice = notice_of("HTTP/1.1 200 OK\r\nDate: Thu, 18 Jun 2026 13:05:00 GMT\r\n"
			   "X-RateLimit-Reset: 1781787930\r\n"
			   "Retry-After: Thu, 18 Jun 2026 13:07:00 GMT\r\n\r\n");
	assert_int_equal(notice.reset_in_ms, 30000);
	assert_true(notice.has_retry_after && notice.retry_after_ms == 120000);
	notice = notice_of("HTTP/1.1 429 No\r\nRetry-After: 7\r\n\r\n");
	assert_true(notice.has_retry_after && notice.retry_after_ms == 7000);
	notice = notice_of(
		"HTTP/1.1 429 No\r\nRetry-After: soon\r\nX-RateLimit-Limit: -4\r\n"
		"X-RateLimit-Remaining: \r\nX-RateLimit-Reset: 99999999999999999999\r\n\r\n");
	assert_false(notice.has_retry_after || notice.has_limit || notice.has_remaining ||
		     notice.has_reset);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_is_live_or_offline_only_if_every_explicit_value_says_so),
		cmocka_unit_test(a_room_keeps_all_its_digits_as_string_and_as_number),
		cmocka_unit_test(title_and_viewers_are_taken_where_they_are_told),
		cmocka_unit_test(a_long_title_is_cut_between_characters),
		cmocka_unit_test(every_shape_seen_in_the_field_is_read),
		cmocka_unit_test(one_row_on_its_own_is_about_the_one_who_was_asked_for),
		cmocka_unit_test(rows_that_contradict_each_other_leave_nothing_to_believe),
		cmocka_unit_test(a_batch_fails_when_more_than_a_fifth_of_its_rows_are_missing),
		cmocka_unit_test(anything_but_success_is_a_failed_batch_that_says_why),
		cmocka_unit_test(a_body_that_is_not_all_there_says_nothing),
		cmocka_unit_test(the_limits_are_read_from_their_own_page),
		cmocka_unit_test(a_limit_below_zero_is_not_read),
		cmocka_unit_test(headers_tell_the_limits_by_the_services_own_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
