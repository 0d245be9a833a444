#include "admin_fixture.h"

#include "base/clock.h"

/* A webhook for everybody watched, and one event for it. */
struct sent {
	char webhook[ID_TEXT_SIZE], delivery[ID_TEXT_SIZE], event[ID_TEXT_SIZE];
};

static void post_event(struct admin_fixture *fixture, const char *creator)
{
	char body[128];

	snprintf(body, sizeof(body), "{\"event_type\":\"live.start\",\"creator\":\"%s\"}", creator);
	expect(fixture, 202, "POST", "/api/events", body);
}

static void send_one(struct admin_fixture *fixture, struct sent *ret_sent)
{
	expect(fixture, 201, "PUT", "/api/watchlists/talents", "{\"creators\":[\"ada\",\"bob\"]}");
	make_webhook(fixture, NULL, 0, NULL, ret_sent->webhook);
	post_event(fixture, "ada");
	snprintf(ret_sent->event, ID_TEXT_SIZE, "%s", json_string(answer_at(fixture, "event_id")));
	expect(fixture, 200, "GET", "/api/deliveries", NULL);
	expect_count(fixture, "deliveries", 1);
	snprintf(ret_sent->delivery, ID_TEXT_SIZE, "%s",
		 json_string(answer_at(fixture, "deliveries.0.id")));
}

/* One attempt of what is due at the webhook. */
static void attempt(struct admin_fixture *fixture, const char *webhook,
		    struct attempt_outcome outcome)
{
	struct claimed_lane lane = { 0 };
	struct outcome_effect effect;

	assert_int_equal(store_claim(fixture->store, webhook, 1, fixture->now_ms, NULL, &lane), 0);
	assert_int_equal(lane.claim_count, 1);
	outcome.delivery_key = lane.claims[0].delivery_key;
	outcome.attempt = lane.claims[0].attempt;
	outcome.started_at_ms = fixture->now_ms;
	assert_int_equal(store_attempt_finish(fixture->store, &outcome, fixture->now_ms, &effect),
			 0);
	store_claimed_lane_finish(&lane);
}

static const struct attempt_outcome refused = {
	.verdict = ATTEMPT_RETRY,
	.retry_at_ms = NOW_MS + 30000,
	.duration_ms = 3,
	.dns_ms = 1,
	.connect_ms = -1,
	.tls_ms = -1,
	.first_byte_ms = -1,
	.error = "refused",
	.peer_address = "203.0.113.7",
};

static const struct attempt_outcome dead_with_500 = {
	.verdict = ATTEMPT_DEAD,
	.duration_ms = 12,
	.dns_ms = -1,
	.connect_ms = -1,
	.tls_ms = -1,
	.first_byte_ms = 11,
	.status_code = 500,
	.error = "http",
	.error_detail = "status 500",
	.peer_address = "203.0.113.7",
	.response = "oops \xff\"",
	.response_length = 7,
};

static const struct attempt_outcome delivered = {
	.verdict = ATTEMPT_DELIVERED,
	.duration_ms = 5,
	.dns_ms = 0,
	.connect_ms = -1,
	.tls_ms = -1,
	.first_byte_ms = 4,
	.status_code = 204,
};

static const char *target_of(const char *delivery, const char *rest)
{
	static char target[128];

	snprintf(target, sizeof(target), "/api/deliveries/%s%s", delivery, rest);
	return target;
}

static void a_delivery_that_was_not_attempted_is_pending(void **state)
{
	struct admin_fixture *fixture = *state;
	struct sent sent;

	send_one(fixture, &sent);
	expect(fixture, 200, "GET", target_of(sent.delivery, ""), NULL);
	expect_text(fixture, "status", "pending");
	expect_text(fixture, "webhook_id", sent.webhook);
	expect_text(fixture, "event_id", sent.event);
	expect_text(fixture, "event", "live.start");
	expect_text(fixture, "creator", "ada");
	expect_integer(fixture, "attempts", 0);
	expect_text(fixture, "next_attempt_at", "2026-06-18T13:00:00.000Z");
	expect_type(fixture, "delivered_at", JSON_NULL);
	expect_type(fixture, "replay_of", JSON_NULL);
	expect_type(fixture, "last_status_code", JSON_NULL);
	expect_type(fixture, "last_error", JSON_NULL);
	expect_text(fixture, "payload.event_id", sent.event);
	expect_count(fixture, "attempt_log", 0);
}

static void every_attempt_is_shown_and_what_it_did_not_reach_is_null(void **state)
{
	struct admin_fixture *fixture = *state;
	struct sent sent;

	send_one(fixture, &sent);
	attempt(fixture, sent.webhook, refused);
	fixture->now_ms += 30000;
	attempt(fixture, sent.webhook, dead_with_500);
	expect(fixture, 200, "GET", target_of(sent.delivery, ""), NULL);
	expect_text(fixture, "status", "dead");
	expect_integer(fixture, "attempts", 2);
	expect_type(fixture, "next_attempt_at", JSON_NULL);
	expect_integer(fixture, "last_status_code", 500);
	expect_text(fixture, "last_error", "http");
	expect_count(fixture, "attempt_log", 2);
	expect_integer(fixture, "attempt_log.0.attempt", 1);
	expect_integer(fixture, "attempt_log.0.dns_ms", 1);
	expect_type(fixture, "attempt_log.0.connect_ms", JSON_NULL);
	expect_type(fixture, "attempt_log.0.status_code", JSON_NULL);
	expect_text(fixture, "attempt_log.0.error", "refused");
	expect_type(fixture, "attempt_log.0.response", JSON_NULL);
	expect_text(fixture, "attempt_log.1.started_at", "2026-06-18T13:00:30.000Z");
	expect_integer(fixture, "attempt_log.1.first_byte_ms", 11);
	expect_text(fixture, "attempt_log.1.error_detail", "status 500");
	expect_text(fixture, "attempt_log.1.peer_address", "203.0.113.7");
	expect_text(fixture, "attempt_log.1.response", "oops \xef\xbf\xbd\"");
}

static void a_success_is_shown_with_its_time(void **state)
{
	struct admin_fixture *fixture = *state;
	struct sent sent;

	send_one(fixture, &sent);
	fixture->now_ms += 1000;
	attempt(fixture, sent.webhook, delivered);
	expect(fixture, 200, "GET", "/api/deliveries", NULL);
	expect_text(fixture, "deliveries.0.status", "delivered");
	expect_text(fixture, "deliveries.0.delivered_at", "2026-06-18T13:00:01.000Z");
	expect_integer(fixture, "deliveries.0.last_status_code", 204);
	expect_type(fixture, "deliveries.0.last_error", JSON_NULL);
	/* Less than a millisecond is a time, too. */
	expect(fixture, 200, "GET", target_of(sent.delivery, ""), NULL);
	expect_integer(fixture, "attempt_log.0.dns_ms", 0);
	expect_type(fixture, "attempt_log.0.connect_ms", JSON_NULL);
}

static void expect_listed(struct admin_fixture *fixture, size_t expected, const char *filter)
{
	char target[256];

	snprintf(target, sizeof(target), "/api/deliveries?%s", filter);
	expect(fixture, 200, "GET", target, NULL);
	expect_count(fixture, "deliveries", expected);
}

static void filters_narrow_the_list(void **state)
{
	struct admin_fixture *fixture = *state;
	struct sent sent;
	char filter[128];

	send_one(fixture, &sent);
	attempt(fixture, sent.webhook, dead_with_500);
	fixture->now_ms += 60000;
	post_event(fixture, "bob");
	expect_listed(fixture, 2, "");
	expect_listed(fixture, 1, "status=dead");
	expect_listed(fixture, 1, "status=pending&creator=@Bob");
	expect_listed(fixture, 0, "status=dead&creator=bob");
	expect_listed(fixture, 2, "event_type=live.start");
	expect_listed(fixture, 0, "event_type=live.end");
	expect_listed(fixture, 1, "since=2026-06-18T13:00:00.001Z");
	expect_listed(fixture, 1, "until=2026-06-18T13:01:00Z");
	expect_listed(fixture, 0, "since=2026-06-18T13:00:01Z&until=2026-06-18T13:01:00Z");
	snprintf(filter, sizeof(filter), "event_id=%s", sent.event);
	expect_listed(fixture, 1, filter);
	snprintf(filter, sizeof(filter), "webhook_id=%s", sent.webhook);
	expect_listed(fixture, 2, filter);
	expect_listed(fixture, 0, "webhook_id=wh_01ARZ3NDEKTSV4RRFFQ69G5FAV");
}

static void a_bad_filter_is_named(void **state)
{
	struct admin_fixture *fixture = *state;

	expect_refused(fixture, "status", "GET", "/api/deliveries?status=lost", NULL);
	expect_refused(fixture, "status", "GET", "/api/deliveries?status=", NULL);
	expect_refused(fixture, "webhook_id", "GET", "/api/deliveries?webhook_id=x", NULL);
	expect_refused(fixture, "event_id", "GET", "/api/deliveries?event_id=wh_1", NULL);
	expect_refused(fixture, "event_type", "GET", "/api/deliveries?event_type=live", NULL);
	expect_refused(fixture, "creator", "GET", "/api/deliveries?creator=%21", NULL);
	expect_refused(fixture, "since", "GET", "/api/deliveries?since=0", NULL);
	expect_refused(fixture, "until", "GET", "/api/deliveries?until=now", NULL);
	expect_refused(fixture, "limit", "GET", "/api/deliveries?limit=ten", NULL);
	expect_refused(fixture, "cursor", "GET", "/api/deliveries?cursor=abc", NULL);
	expect_refused(fixture, "sort", "GET", "/api/deliveries?sort=asc", NULL);
}

static void pages_go_back_in_time_and_hold_while_rows_arrive(void **state)
{
	struct admin_fixture *fixture = *state;
	struct sent sent;
	char target[256];

	send_one(fixture, &sent);
	post_event(fixture, "bob");
	expect(fixture, 200, "GET", "/api/deliveries?limit=1", NULL);
	expect_text(fixture, "deliveries.0.creator", "bob");
	snprintf(target, sizeof(target), "/api/deliveries?limit=1&cursor=%s",
		 json_string(answer_at(fixture, "next_cursor")));
	post_event(fixture, "bob");
	expect(fixture, 200, "GET", target, NULL);
	expect_count(fixture, "deliveries", 1);
	expect_text(fixture, "deliveries.0.id", sent.delivery);
	expect_type(fixture, "next_cursor", JSON_NULL);
}

static void a_webhooks_list_has_only_its_own(void **state)
{
	struct admin_fixture *fixture = *state;
	static const char *const bob[] = { "bob" };
	struct sent sent;
	char his[ID_TEXT_SIZE], target[256];

	send_one(fixture, &sent);
	make_webhook(fixture, bob, 1, NULL, his);
	post_event(fixture, "bob");
	snprintf(target, sizeof(target), "/api/webhooks/%s/deliveries", his);
	expect(fixture, 200, "GET", target, NULL);
	expect_count(fixture, "deliveries", 1);
	expect_text(fixture, "deliveries.0.webhook_id", his);
	snprintf(target, sizeof(target), "/api/webhooks/%s/deliveries?webhook_id=%s", his,
		 sent.webhook);
	expect_refused(fixture, "webhook_id", "GET", target, NULL);
	expect(fixture, 404, "GET", "/api/webhooks/wh_01ARZ3NDEKTSV4RRFFQ69G5FAV/deliveries", NULL);
}

static void a_replay_is_a_new_delivery_of_the_same_event(void **state)
{
	struct admin_fixture *fixture = *state;
	struct sent sent;
	char id[ID_TEXT_SIZE];

	send_one(fixture, &sent);
	attempt(fixture, sent.webhook, dead_with_500);
	expect(fixture, 202, "POST", target_of(sent.delivery, "/replay"), NULL);
	assert_int_equal(fixture->reply.effects, EFFECT_ENQUEUED);
	snprintf(id, sizeof(id), "%s", json_string(answer_at(fixture, "delivery_id")));
	assert_string_not_equal(id, sent.delivery);
	expect(fixture, 200, "GET", target_of(id, ""), NULL);
	expect_text(fixture, "status", "pending");
	expect_text(fixture, "event_id", sent.event);
	expect_text(fixture, "replay_of", sent.delivery);
	expect(fixture, 200, "GET", "/api/audit", NULL);
	expect_text(fixture, "audit.0.action", "delivery.replay");
	expect_text(fixture, "audit.0.subject", sent.delivery);
	expect_text(fixture, "audit.0.detail.delivery_id", id);
}

static void what_a_deleted_webhook_had_stays_readable_but_not_replayable(void **state)
{
	struct admin_fixture *fixture = *state;
	struct sent sent;
	char filter[128], target[128];

	send_one(fixture, &sent);
	assert_int_equal(store_webhook_remove(fixture->store, sent.webhook, fixture->now_ms), 0);
	expect(fixture, 200, "GET", target_of(sent.delivery, ""), NULL);
	expect_text(fixture, "status", "cancelled");
	expect_type(fixture, "next_attempt_at", JSON_NULL);
	snprintf(filter, sizeof(filter), "webhook_id=%s&status=cancelled", sent.webhook);
	expect_listed(fixture, 1, filter);
	snprintf(target, sizeof(target), "/api/webhooks/%s/deliveries?status=cancelled",
		 sent.webhook);
	expect(fixture, 200, "GET", target, NULL);
	expect_count(fixture, "deliveries", 1);
	expect(fixture, 409, "POST", target_of(sent.delivery, "/replay"), NULL);
	expect_listed(fixture, 1, "");
}

static void an_unknown_delivery_is_not_found(void **state)
{
	struct admin_fixture *fixture = *state;

	expect(fixture, 404, "GET", target_of("del_x", ""), NULL);
	expect(fixture, 404, "POST", target_of("del_01ARZ3NDEKTSV4RRFFQ69G5FAV", "/replay"), NULL);
	expect(fixture, 400, "POST", target_of("del_x", "/replay"), "{\"now\":true}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, admin_set_up, admin_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_delivery_that_was_not_attempted_is_pending),
		TEST(every_attempt_is_shown_and_what_it_did_not_reach_is_null),
		TEST(a_success_is_shown_with_its_time),
		TEST(filters_narrow_the_list),
		TEST(a_bad_filter_is_named),
		TEST(pages_go_back_in_time_and_hold_while_rows_arrive),
		TEST(a_webhooks_list_has_only_its_own),
		TEST(a_replay_is_a_new_delivery_of_the_same_event),
		TEST(what_a_deleted_webhook_had_stays_readable_but_not_replayable),
		TEST(an_unknown_delivery_is_not_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
