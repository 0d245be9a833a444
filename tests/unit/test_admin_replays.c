#include "admin_fixture.h"

#include "db/replays.h"

static char webhook[ID_TEXT_SIZE], replay_target[128];

static int set_up(void **state)
{
	int result = admin_set_up(state);
	struct admin_fixture *fixture = *state;

	expect(fixture, 201, "PUT", "/api/watchlists/talents", "{\"creators\":[\"ada\",\"bob\"]}");
	make_webhook(fixture, NULL, 0, NULL, webhook);
	snprintf(replay_target, sizeof(replay_target), "/api/webhooks/%s/replay", webhook);
	return result;
}

static void post_event(struct admin_fixture *fixture, const char *type, const char *creator)
{
	char body[128];

	snprintf(body, sizeof(body), "{\"event_type\":\"%s\",\"creator\":\"%s\"}", type, creator);
	expect(fixture, 202, "POST", "/api/events", body);
}

/* Ends all that is due: dead or delivered. */
static void settle(struct admin_fixture *fixture, enum attempt_verdict verdict)
{
	struct claimed_lane lane = { 0 };
	struct outcome_effect effect;

	do {
		store_claimed_lane_finish(&lane);
		assert_int_equal(
			store_claim(fixture->store, webhook, 100, fixture->now_ms, NULL, &lane), 0);
		for (unsigned i = 0; i < lane.claim_count; i++) {
			struct attempt_outcome outcome = {
				.delivery_key = lane.claims[i].delivery_key,
				.attempt = lane.claims[i].attempt,
				.verdict = verdict,
				.started_at_ms = fixture->now_ms,
				.status_code = verdict == ATTEMPT_DEAD ? 500 : 200,
				.error = verdict == ATTEMPT_DEAD ? "http" : NULL,
			};
			assert_int_equal(store_attempt_finish(fixture->store, &outcome,
							      fixture->now_ms, &effect),
					 0);
		}
	} while (lane.claim_count > 0);
	store_claimed_lane_finish(&lane);
}

static void expect_replay(struct admin_fixture *fixture, const char *body, int64_t matched,
			  int64_t replayed)
{
	expect(fixture, 202, "POST", replay_target, body);
	expect_integer(fixture, "matched", matched);
	expect_integer(fixture, "replayed", replayed);
}

static void without_filters_it_is_the_dead_that_are_not_replayed_yet(void **state)
{
	struct admin_fixture *fixture = *state;

	post_event(fixture, "live.start", "ada");
	settle(fixture, ATTEMPT_DEAD);
	post_event(fixture, "live.end", "ada");
	settle(fixture, ATTEMPT_DELIVERED);
	expect_replay(fixture, NULL, 1, 1);
	assert_int_equal(fixture->reply.effects, EFFECT_ENQUEUED);
	expect_replay(fixture, "{}", 0, 0);
	settle(fixture, ATTEMPT_DEAD);
	expect(fixture, 200, "GET", "/api/deliveries?status=dead", NULL);
	expect_count(fixture, "deliveries", 2);
}

static void filters_choose(void **state)
{
	struct admin_fixture *fixture = *state;

	post_event(fixture, "live.start", "ada");
	post_event(fixture, "live.end", "ada");
	fixture->now_ms += 60000;
	post_event(fixture, "live.start", "bob");
	settle(fixture, ATTEMPT_DELIVERED);
	expect_replay(fixture, "{\"dry_run\":true}", 0, 0);
	expect_replay(fixture, "{\"dry_run\":true,\"status\":\"delivered\"}", 3, 0);
	expect_replay(fixture,
		      "{\"dry_run\":true,\"status\":\"delivered\",\"event_types\":[\"live.end\"]}",
		      1, 0);
	expect_replay(fixture,
		      "{\"dry_run\":true,\"status\":\"delivered\",\"creators\":[\"@BOB\"]}", 1, 0);
	expect_replay(fixture,
		      "{\"dry_run\":true,\"status\":\"delivered\","
		      "\"since\":\"2026-06-18T13:01:00Z\"}",
		      1, 0);
	expect_replay(fixture,
		      "{\"dry_run\":true,\"status\":\"delivered\","
		      "\"until\":\"2026-06-18T13:01:00Z\"}",
		      2, 0);
}

static void a_dry_run_writes_nothing(void **state)
{
	struct admin_fixture *fixture = *state;

	post_event(fixture, "live.start", "ada");
	settle(fixture, ATTEMPT_DEAD);
	expect_replay(fixture, "{\"dry_run\":true}", 1, 0);
	expect_type(fixture, "replay_id", JSON_NULL);
	assert_int_equal(fixture->reply.effects, 0);
	expect(fixture, 200, "GET", "/api/deliveries", NULL);
	expect_count(fixture, "deliveries", 1);
	expect(fixture, 200, "GET", "/api/audit?limit=1", NULL);
	expect_text(fixture, "audit.0.action", "event.create");
}

/* An event as the detector stores it: it belongs to a session, and is no test. */
static void detect_start(struct admin_fixture *fixture, const char *creator)
{
	struct creator_key key;
	struct event event;
	struct strbuf body;
	char id[ID_TEXT_SIZE];
	unsigned deliveries;

	assert_int_equal(store_creator_find(fixture->store, creator, &key), 0);
	assert_int_equal(store_session_open(fixture->store, key, 7, fixture->now_ms,
					    EVENT_STARTED_OBSERVED, fixture->now_ms),
			 0);
	store_new_id(fixture->store, "evt_", fixture->now_ms, id);
	event_sample(EVENT_LIVE_START, id, creator, fixture->now_ms, &event);
	event.is_test = false;
	event.sequence = 1;
	strbuf_init(&body, LIMIT_EVENT_BODY_BYTES);
	event_render(&event, &body);
	assert_int_equal(
		store_event_add(fixture->store, &key, &event, body.data, body.length, EVENT_LISTED),
		0);
	assert_int_equal(store_deliveries_enqueue(fixture->store, id, fixture->now_ms,
						  fixture->now_ms, &deliveries),
			 0);
	strbuf_finish(&body);
}

static void what_was_missed_while_inactive_is_made_up_for(void **state)
{
	struct admin_fixture *fixture = *state;
	struct webhook settings = { .active = false };

	assert_int_equal(store_webhook_change(fixture->store, webhook, &settings, WEBHOOK_ACTIVE,
					      fixture->now_ms),
			 0);
	detect_start(fixture, "ada");
	expect(fixture, 200, "GET", "/api/deliveries", NULL);
	expect_count(fixture, "deliveries", 0);
	expect_replay(fixture, NULL, 0, 0);
	expect_replay(fixture, "{\"missing\":true}", 1, 1);
	expect(fixture, 200, "GET", "/api/deliveries", NULL);
	expect_count(fixture, "deliveries", 1);
	expect_replay(fixture, "{\"missing\":true}", 0, 0);
}

static void what_is_not_acceptable_is_named(void **state)
{
	struct admin_fixture *fixture = *state;

	expect_refused(fixture, "status", "POST", replay_target,
		       "{\"missing\":true,\"status\":\"dead\"}");
	expect_refused(fixture, "status", "POST", replay_target, "{\"status\":\"lost\"}");
	expect_refused(fixture, "event_types", "POST", replay_target, "{\"event_types\":[\"x\"]}");
	expect_refused(fixture, "creators", "POST", replay_target, "{\"creators\":[]}");
	expect_refused(fixture, "creators", "POST", replay_target, "{\"creators\":[\"a b\"]}");
	expect_refused(fixture, "since", "POST", replay_target, "{\"since\":1}");
	expect_refused(fixture, "until", "POST", replay_target, "{\"until\":\"soon\"}");
	expect_refused(fixture, "missing", "POST", replay_target, "{\"missing\":1}");
	expect_refused(fixture, "dry_run", "POST", replay_target, "{\"dry_run\":\"yes\"}");
	expect(fixture, 400, "POST", replay_target, "{\"limit\":1}");
	expect(fixture, 404, "POST", "/api/webhooks/wh_01ARZ3NDEKTSV4RRFFQ69G5FAV/replay", NULL);
}

static void a_large_replay_is_queued_in_slices_and_can_be_cancelled(void **state)
{
	struct admin_fixture *fixture = *state;
	char target[128];
	unsigned enqueued;
	bool more;

	for (unsigned i = 0; i < 800; i++)
		post_event(fixture, "live.start", "ada");
	settle(fixture, ATTEMPT_DEAD);
	expect_replay(fixture, NULL, 800, 500);
	snprintf(target, sizeof(target), "/api/replays/%s",
		 json_string(answer_at(fixture, "replay_id")));
	expect(fixture, 200, "GET", target, NULL);
	expect_text(fixture, "state", "running");
	expect_text(fixture, "webhook_id", webhook);
	assert_int_equal(
		store_replay_advance(fixture->store, 100, fixture->now_ms, &enqueued, &more), 0);
	expect(fixture, 200, "GET", target, NULL);
	expect_integer(fixture, "replayed", 600);
	expect(fixture, 204, "DELETE", target, NULL);
	assert_int_equal(
		store_replay_advance(fixture->store, 1000, fixture->now_ms, &enqueued, &more), 0);
	assert_int_equal(enqueued, 0);
	expect(fixture, 200, "GET", target, NULL);
	expect_text(fixture, "state", "cancelled");
	expect_integer(fixture, "matched", 800);
	expect_integer(fixture, "replayed", 600);
}

static void a_small_replay_is_done_at_once(void **state)
{
	struct admin_fixture *fixture = *state;
	char target[128];

	post_event(fixture, "live.start", "ada");
	settle(fixture, ATTEMPT_DEAD);
	expect_replay(fixture, NULL, 1, 1);
	snprintf(target, sizeof(target), "/api/replays/%s",
		 json_string(answer_at(fixture, "replay_id")));
	expect(fixture, 200, "GET", target, NULL);
	expect_text(fixture, "state", "done");
	expect_text(fixture, "created_at", "2026-06-18T13:00:00.000Z");
	expect(fixture, 204, "DELETE", target, NULL);
	expect(fixture, 200, "GET", target, NULL);
	expect_text(fixture, "state", "done");
	expect(fixture, 404, "GET", "/api/replays/rep_x", NULL);
	expect(fixture, 404, "DELETE", "/api/replays/rep_x", NULL);
	expect(fixture, 200, "GET", "/api/audit?limit=2", NULL);
	expect_text(fixture, "audit.0.action", "replay.cancel");
	expect_text(fixture, "audit.1.action", "webhook.replay");
	expect_integer(fixture, "audit.1.detail.matched", 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, admin_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_filters_it_is_the_dead_that_are_not_replayed_yet),
		TEST(filters_choose),
		TEST(a_dry_run_writes_nothing),
		TEST(what_was_missed_while_inactive_is_made_up_for),
		TEST(what_is_not_acceptable_is_named),
		TEST(a_large_replay_is_queued_in_slices_and_can_be_cancelled),
		TEST(a_small_replay_is_done_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
