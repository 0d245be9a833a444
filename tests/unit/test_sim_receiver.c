#include "sim/receiver.h"

#include "base/json.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	char folder[32], record[64], secrets[64];
	struct sim_receiver *receiver;
	struct sim_answer answer; /* the last one */
};

static int set_up(void **state)
{
	struct fixture *fixture = memory_zeroed(1, sizeof(*fixture));
	strcpy(fixture->folder, "/tmp/sim_receiver_XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	snprintf(fixture->record, sizeof(fixture->record), "%s/record", fixture->folder);
	snprintf(fixture->secrets, sizeof(fixture->secrets), "%s/secrets", fixture->folder);
	const struct sim_receiver_options options = {
		.record_path = fixture->record,
		.secret_path = fixture->secrets,
		.header_prefix = "X-Tiktool",
		.keep = 3,
	};
	assert_int_equal(sim_receiver_create(&options, &fixture->receiver), 0);
	sim_answer_init(&fixture->answer);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	sim_receiver_destroy(fixture->receiver);
	sim_answer_finish(&fixture->answer);
	unlink(fixture->record);
	unlink(fixture->secrets);
	rmdir(fixture->folder);
	free(fixture);
	return 0;
}

static void send(struct fixture *fixture, const char *method, const char *target, const char *event,
		 const char *delivery, const char *body)
{
	struct sim_request *request = sim_request_create(target);
	request->method = memory_text(method);
	request->remote = memory_text("127.0.0.1:5");
	request->received_at_ms = INT64_C(1614265330999);
	sim_request_add_header(request, "webhook-id", event);
	sim_request_add_header(request, "X-Tiktool-Delivery-Id", delivery);
	sim_request_add_header(request, "X-Tiktool-Timestamp", "1614265330");
	sim_request_add_header(request, "webhook-timestamp", "1614265330");
	sim_request_add_header(request, "X-Tiktool-Signature",
			       "80ec8a89ce3cd22133a1066caecb4d04fea7467657c8514d717ec42c38a5c94c");
	sim_request_add_header(request, "webhook-signature",
			       "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	strbuf_add_text(&request->body, body);
	sim_answer_finish(&fixture->answer);
	sim_answer_init(&fixture->answer);
	sim_receiver_handle(fixture->receiver, request, &fixture->answer);
	sim_request_destroy(request);
}

static int status_of(struct fixture *fixture, const char *target, const char *event,
		     const char *delivery)
{
	send(fixture, "POST", target, event, delivery, "{}");
	return fixture->answer.status;
}

static char *read_record(const struct fixture *fixture)
{
	char *text = memory_zeroed(1, 10000);
	FILE *file = fopen(fixture->record, "r");
	assert_non_null(file);
	assert_true(fread(text, 1, 9999, file) > 0);
	fclose(file);
	return text;
}

static void a_request_is_on_record_before_it_is_answered(void **state)
{
	struct fixture *fixture = *state;
	send(fixture, "POST", "/hook?a=b", "evt_1", "del_1", "{\"x\":\"\u00e9\"}");
	CLEANUP(cleanup_free) char *text = read_record(fixture);
	CLEANUP(json_cleanup) struct json_document *document = NULL;
	assert_int_equal(json_parse(text, strlen(text), &document, NULL), 0);
	const struct json_value *root = json_root(document);
	assert_string_equal(json_string(json_member(root, "received_at")),
			    "2021-02-25T15:02:10.999Z");
	assert_string_equal(json_string(json_member(root, "method")), "POST");
	assert_string_equal(json_string(json_member(root, "path")), "/hook?a=b");
	assert_string_equal(json_string(json_member(root, "body")), "{\"x\":\"\u00e9\"}");
	assert_string_equal(json_string(json_member(root, "remote")), "127.0.0.1:5");
	assert_string_equal(json_string(json_member(json_member(root, "headers"), "webhook-id")),
			    "evt_1");
}

static void a_sequence_goes_on_for_a_replay_of_the_same_event(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(status_of(fixture, "/status/500,200", "evt_1", "del_1"), 500);
	assert_int_equal(status_of(fixture, "/status/500,200", "evt_2", "del_2"), 500);
	assert_int_equal(status_of(fixture, "/status/500,200", "evt_1", "del_9"), 200);
}

static void a_sequence_by_delivery_starts_again_for_a_replay(void **state)
{
	struct fixture *fixture = *state;
	const char *path = "/per/delivery/status/500,200";
	assert_int_equal(status_of(fixture, path, "evt_1", "del_1"), 500);
	assert_int_equal(status_of(fixture, path, "evt_1", "del_9"), 500);
	assert_int_equal(status_of(fixture, path, "evt_1", "del_1"), 200);
}

static void the_control_api_says_what_a_path_does(void **state)
{
	struct fixture *fixture = *state;
	send(fixture, "POST", "/_sim/behaviours", "", "",
	     "{\"path\":\"/x\",\"statuses\":[500,410],\"delay_ms\":5}");
	assert_int_equal(fixture->answer.status, 204);
	assert_int_equal(status_of(fixture, "/x", "evt_1", "del_1"), 500);
	assert_int_equal(fixture->answer.delay_ms, 5);
	assert_int_equal(status_of(fixture, "/x", "evt_1", "del_1"), 410);
	send(fixture, "POST", "/_sim/behaviours", "", "", "{\"path\":\"/x\",\"hang\":true}");
	(void)status_of(fixture, "/x", "evt_1", "del_1");
	assert_int_equal(fixture->answer.ending, SIM_ENDS_OPEN);
	send(fixture, "DELETE", "/_sim/behaviours", "", "", "");
	assert_int_equal(status_of(fixture, "/x", "evt_1", "del_1"), 200);
}

static void behaviours_that_make_no_sense_are_refused(void **state)
{
	struct fixture *fixture = *state;
	static const char *const bodies[] = {
		"{}",
		"{\"path\":\"/x\",\"statuses\":[\"500\"]}",
		"{\"path\":\"/x\",\"as\":\"/status\"}",
		"{\"path\":\"/x\",\"sleep\":3}",
		"nonsense",
	};
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		send(fixture, "POST", "/_sim/behaviours", "", "", bodies[i]);
		if (fixture->answer.status != 400)
			fail_msg("%s: %d", bodies[i], fixture->answer.status);
	}
}

static void only_the_last_requests_are_remembered(void **state)
{
	struct fixture *fixture = *state;
	for (int i = 0; i < 5; i++) {
		char event[16];
		snprintf(event, sizeof(event), "evt_%d", i);
		(void)status_of(fixture, i % 2 ? "/odd" : "/even", event, "del_1");
	}
	send(fixture, "GET", "/_sim/requests?path=/even", "", "", "");
	assert_null(strstr(fixture->answer.body.data, "evt_0"));
	assert_non_null(strstr(fixture->answer.body.data, "evt_2"));
	assert_null(strstr(fixture->answer.body.data, "evt_3"));
	assert_non_null(strstr(fixture->answer.body.data, "evt_4"));
	send(fixture, "GET", "/_sim/requests?limit=1", "", "", "");
	assert_null(strstr(fixture->answer.body.data, "evt_3"));
	assert_non_null(strstr(fixture->answer.body.data, "evt_4"));
}

static void signatures_are_checked_with_a_secret_that_comes_later(void **state)
{
	struct fixture *fixture = *state;
	const char *body = "{\"test\": 2432232314}", *id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
	send(fixture, "POST", "/hook", id, "del_1", body);
	FILE *file = fopen(fixture->secrets, "w");
	assert_non_null(file);
	fputs("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", file);
	fclose(file);
	send(fixture, "POST", "/hook", id, "del_1", body);
	send(fixture, "GET", "/_sim/requests", "", "", "");
	CLEANUP(json_cleanup) struct json_document *document = NULL;
	assert_int_equal(
		json_parse(fixture->answer.body.data, fixture->answer.body.length, &document, NULL),
		0);
	const struct json_value *first = json_first(json_member(json_root(document), "requests"));
	bool verified;
	assert_true(json_bool(json_member(first, "verified"), &verified));
	assert_false(verified);
	assert_string_equal(json_string(json_member(first, "reason")), "no secret to verify with");
	assert_true(json_bool(json_member(json_next(first), "verified"), &verified));
	assert_true(verified);
}

static void a_reset_forgets_turns_and_requests(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(status_of(fixture, "/status/500,200", "evt_1", "del_1"), 500);
	send(fixture, "POST", "/_sim/reset", "", "", "");
	assert_int_equal(status_of(fixture, "/status/500,200", "evt_1", "del_1"), 500);
	send(fixture, "GET", "/_sim/stats", "", "", "");
	assert_string_equal(fixture->answer.body.data,
			    "{\"requests\":1,\"verified\":0,\"not_verified\":1,"
			    "\"paths\":{\"/status/500,200\":1}}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_on_record_before_it_is_answered),
		TEST(a_sequence_goes_on_for_a_replay_of_the_same_event),
		TEST(a_sequence_by_delivery_starts_again_for_a_replay),
		TEST(the_control_api_says_what_a_path_does),
		TEST(behaviours_that_make_no_sense_are_refused),
		TEST(only_the_last_requests_are_remembered),
		TEST(signatures_are_checked_with_a_secret_that_comes_later),
		TEST(a_reset_forgets_turns_and_requests),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
