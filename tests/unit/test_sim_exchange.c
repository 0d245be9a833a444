#include "sim/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_target_is_split_at_its_question_mark(void **state)
{
	(void)state;
	struct sim_request *request = sim_request_create("/a/b?x=1&y=2");
	assert_string_equal(request->path, "/a/b");
	assert_string_equal(request->query, "x=1&y=2");
	assert_string_equal(request->target, "/a/b?x=1&y=2");
	sim_request_destroy(request);
	request = sim_request_create("/a");
	assert_string_equal(request->query, "");
	sim_request_destroy(request);
}

static void parameters_are_decoded(void **state)
{
	(void)state;
	char value[16];
	struct sim_request *request =
		sim_request_create("/?apiKeys=no&apiKey=a%2Bb+c%zz&empty=&flag&path=%2Fx");
	assert_true(sim_request_parameter(request, "apiKey", value, sizeof(value)));
	assert_string_equal(value, "a+b c%zz");
	assert_true(sim_request_parameter(request, "empty", value, sizeof(value)));
	assert_string_equal(value, "");
	assert_true(sim_request_parameter(request, "flag", value, sizeof(value)));
	assert_string_equal(value, "");
	assert_true(sim_request_parameter(request, "path", value, sizeof(value)));
	assert_string_equal(value, "/x");
	assert_false(sim_request_parameter(request, "api", value, sizeof(value)));
	assert_false(sim_request_parameter(request, "apiKey", value, 8));
	sim_request_destroy(request);
}

static void header_names_are_kept_in_lower_case(void **state)
{
	(void)state;
	struct sim_request *request = sim_request_create("/");
	sim_request_add_header(request, "X-Api-Key", "Secret");
	sim_request_add_header(request, "x-api-key", "second");
	assert_string_equal(sim_request_header(request, "x-api-key"), "Secret");
	assert_null(sim_request_header(request, "x-api"));
	sim_request_destroy(request);
}

static void an_answer_is_plain_until_it_misbehaves(void **state)
{
	(void)state;
	struct sim_answer answer;
	sim_answer_init(&answer);
	answer.delay_ms = 1000; /* late, but plain */
	assert_true(sim_answer_is_plain(&answer));
	answer.ending = SIM_ENDS_RESET;
	assert_false(sim_answer_is_plain(&answer));
	sim_answer_finish(&answer);
}

static void what_is_cut_promises_all_of_it(void **state)
{
	(void)state;
	struct sim_answer answer;
	struct strbuf bytes;
	sim_answer_init(&answer);
	strbuf_init(&bytes, 1000);
	strbuf_add_text(&answer.body, "0123456789");
	sim_answer_add_header(&answer, "X-A", "b");
	answer.cut_after = 77;
	sim_answer_render(&answer, &bytes);
	assert_string_equal(bytes.data, "HTTP/1.1 200 Simulated\r\nX-A: b\r\n"
					"Content-Length: 10\r\nConnection: close\r\n\r\n0123");
	strbuf_finish(&bytes);
	sim_answer_finish(&answer);
}

static void a_failure_replaces_what_was_there(void **state)
{
	(void)state;
	struct sim_answer answer;
	sim_answer_init(&answer);
	sim_answer_add_header(&answer, "X-A", "b");
	strbuf_add_text(&answer.body, "half of something");
	sim_answer_fail(&answer, 400, "no \"such\" thing");
	assert_int_equal(answer.status, 400);
	assert_int_equal(answer.header_count, 1);
	assert_string_equal(answer.body.data, "{\"error\":\"no \\\"such\\\" thing\"}");
	sim_answer_finish(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_is_split_at_its_question_mark),
		cmocka_unit_test(parameters_are_decoded),
		cmocka_unit_test(header_names_are_kept_in_lower_case),
		cmocka_unit_test(an_answer_is_plain_until_it_misbehaves),
		cmocka_unit_test(what_is_cut_promises_all_of_it),
		cmocka_unit_test(a_failure_replaces_what_was_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
