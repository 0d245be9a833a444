#include "sim/behaviour.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void answer_of(const char *path, uint64_t turn, struct sim_answer *answer)
{
	struct sim_behaviour behaviour;
	assert_int_equal(sim_behaviour_parse(path, &behaviour), 0);
	sim_answer_init(answer);
	sim_behaviour_answer(&behaviour, turn, answer);
}

static int status_of(const char *path, uint64_t turn)
{
	struct sim_answer answer;
	answer_of(path, turn, &answer);
	int status = answer.is_raw ? 0 : answer.status;
	sim_answer_finish(&answer);
	return status;
}

static void a_path_without_directives_is_fine(void **state)
{
	(void)state;
	assert_int_equal(status_of("/", 0), 200);
	assert_int_equal(status_of("/hooks/tiktool", 0), 200);
	assert_int_equal(status_of("", 0), 200);
}

static void statuses_come_in_turn_and_the_last_one_stays(void **state)
{
	(void)state;
	const int expected[] = { 500, 503, 200, 200, 200 };
	for (uint64_t turn = 0; turn < 5; turn++)
		assert_int_equal(status_of("/status/500,503,200/shop", turn), expected[turn]);
}

static void directives_add_up_and_a_label_ends_them(void **state)
{
	(void)state;
	struct sim_answer answer;
	answer_of("/delay/250/status/503/retry-after/7/label/status/200", 0, &answer);
	assert_int_equal(answer.status, 503);
	assert_int_equal(answer.delay_ms, 250);
	assert_string_equal(answer.headers[0].name, "Retry-After");
	assert_string_equal(answer.headers[0].value, "7");
	sim_answer_finish(&answer);
}

static void retry_after_alone_is_a_429(void **state)
{
	(void)state;
	assert_int_equal(status_of("/retry-after/30", 0), 429);
	assert_int_equal(status_of("/gone", 0), 410);
}

static void retry_after_is_not_sent_with_a_success(void **state)
{
	(void)state;
	struct sim_answer answer;
	answer_of("/status/429,200/retry-after/7", 1, &answer);
	assert_int_equal(answer.status, 200);
	for (size_t i = 0; i < answer.header_count; i++)
		assert_string_not_equal(answer.headers[i].name, "Retry-After");
	sim_answer_finish(&answer);
}

static void a_misdeed_may_be_for_the_first_times_only(void **state)
{
	(void)state;
	assert_int_equal(status_of("/first/2/reset", 0), 0);
	assert_int_equal(status_of("/first/2/reset", 1), 0);
	assert_int_equal(status_of("/first/2/reset", 2), 200);
	assert_int_equal(status_of("/reset", 1000), 0);
}

static void a_hang_sends_nothing_and_stays_open(void **state)
{
	(void)state;
	struct sim_answer answer;
	answer_of("/hang", 0, &answer);
	assert_false(sim_answer_is_plain(&answer));
	assert_int_equal(answer.body.length, 0);
	assert_int_equal(answer.ending, SIM_ENDS_OPEN);
	sim_answer_finish(&answer);
}

static void a_dripping_body_has_its_head_at_once(void **state)
{
	(void)state;
	struct sim_answer answer;
	answer_of("/drip-body", 0, &answer);
	assert_int_equal(answer.drip_bytes, 1);
	assert_memory_equal(answer.body.data + answer.drip_after - 4, "\r\n\r\n", 4);
	sim_answer_finish(&answer);
}

static void arguments_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	static const char *const refused[] = {
		"/status",     "/status/",           "/status/ok",     "/status/500,",
		"/status/99",  "/status/600",        "/delay/-1",      "/delay/soon",
		"/per/planet", "/retry-after/never", "/first/x/reset",
	};
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct sim_behaviour behaviour;
		if (sim_behaviour_parse(refused[i], &behaviour) == 0)
			fail_msg("%s was taken", refused[i]);
	}
}

static void what_a_sequence_is_counted_by_can_be_chosen(void **state)
{
	(void)state;
	struct sim_behaviour behaviour;
	assert_int_equal(sim_behaviour_parse("/status/500,200", &behaviour), 0);
	assert_int_equal(behaviour.key, SIM_PER_EVENT);
	assert_int_equal(sim_behaviour_parse("/per/delivery/status/500,200", &behaviour), 0);
	assert_int_equal(behaviour.key, SIM_PER_DELIVERY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_without_directives_is_fine),
		cmocka_unit_test(statuses_come_in_turn_and_the_last_one_stays),
		cmocka_unit_test(directives_add_up_and_a_label_ends_them),
		cmocka_unit_test(retry_after_alone_is_a_429),
		cmocka_unit_test(retry_after_is_not_sent_with_a_success),
		cmocka_unit_test(a_misdeed_may_be_for_the_first_times_only),
		cmocka_unit_test(a_hang_sends_nothing_and_stays_open),
		cmocka_unit_test(a_dripping_body_has_its_head_at_once),
		cmocka_unit_test(arguments_that_make_no_sense_are_refused),
		cmocka_unit_test(what_a_sequence_is_counted_by_can_be_chosen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
