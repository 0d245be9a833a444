#include "admin_fixture.h"

static void watch(struct admin_fixture *fixture)
{
	expect(fixture, 201, "PUT", "/api/watchlists/talents", "{\"creators\":[\"ada\",\"bob\"]}");
}

static void a_synthetic_event_goes_to_whom_a_real_one_would(void **state)
{
	struct admin_fixture *fixture = *state;
	static const char *const ada[] = { "ada" }, *const bob[] = { "bob" };
	char all[ID_TEXT_SIZE], hers[ID_TEXT_SIZE], his[ID_TEXT_SIZE], target[128];

	watch(fixture);
	make_webhook(fixture, NULL, 0, NULL, all);
	make_webhook(fixture, ada, 1, NULL, hers);
	make_webhook(fixture, bob, 1, NULL, his);
	expect(fixture, 202, "POST", "/api/events",
	       "{\"event_type\":\"live.end\",\"creator\":\"@Ada\"}");
	expect_integer(fixture, "deliveries", 2);
	assert_int_equal(fixture->reply.effects, EFFECT_ENQUEUED);
	snprintf(target, sizeof(target), "/api/events/%s",
		 json_string(answer_at(fixture, "event_id")));
	expect(fixture, 200, "GET", target, NULL);
	expect_text(fixture, "event", "live.end");
	expect_text(fixture, "creator", "ada");
	expect_type(fixture, "sequence", JSON_NULL);
	expect_integer(fixture, "deliveries.pending", 2);
	expect_text(fixture, "payload.event", "live.end");
	expect_text(fixture, "payload.creator.unique_id", "ada");
	bool is_test = false;
	assert_true(json_bool(answer_at(fixture, "payload.is_test"), &is_test) && is_test);
	expect(fixture, 200, "GET", "/api/deliveries?creator=ada", NULL);
	expect_count(fixture, "deliveries", 2);
}

static void a_creator_nobody_watches_has_no_events(void **state)
{
	struct admin_fixture *fixture = *state;

	watch(fixture);
	expect_refused(fixture, "creator", "POST", "/api/events",
		       "{\"event_type\":\"live.start\",\"creator\":\"cem\"}");
	expect(fixture, 200, "GET", "/api/events", NULL);
	expect_count(fixture, "events", 0);
}

static void what_is_missing_or_unknown_is_named(void **state)
{
	struct admin_fixture *fixture = *state;

	watch(fixture);
	expect_refused(fixture, "event_type", "POST", "/api/events", "{\"creator\":\"ada\"}");
	expect_refused(fixture, "creator", "POST", "/api/events",
		       "{\"event_type\":\"live.start\"}");
	expect_refused(fixture, "event_type", "POST", "/api/events",
		       "{\"event_type\":\"live.pause\",\"creator\":\"ada\"}");
	expect_refused(fixture, "creator", "POST", "/api/events",
		       "{\"event_type\":\"live.start\",\"creator\":\"a\"}");
	expect_refused(fixture, "type", "GET", "/api/events?type=x", NULL);
	expect_refused(fixture, "creator", "GET", "/api/events?creator=a+b", NULL);
	expect_refused(fixture, "since", "GET", "/api/events?since=yesterday", NULL);
	expect_refused(fixture, "until", "GET", "/api/events?until=1", NULL);
	expect(fixture, 404, "GET", "/api/events/evt_x", NULL);
}

static void filters_narrow_the_list(void **state)
{
	struct admin_fixture *fixture = *state;
	char target[256];

	watch(fixture);
	expect(fixture, 202, "POST", "/api/events",
	       "{\"event_type\":\"live.start\",\"creator\":\"ada\"}");
	fixture->now_ms += 60000;
	expect(fixture, 202, "POST", "/api/events",
	       "{\"event_type\":\"live.end\",\"creator\":\"bob\"}");
	expect(fixture, 200, "GET", "/api/events", NULL);
	expect_count(fixture, "events", 2);
	expect_text(fixture, "events.0.creator", "bob");
	expect(fixture, 200, "GET", "/api/events?type=live.start", NULL);
	expect_count(fixture, "events", 1);
	expect_text(fixture, "events.0.creator", "ada");
	expect(fixture, 200, "GET", "/api/events?creator=%40BOB", NULL);
	expect_count(fixture, "events", 1);
	/* since is the first that is in, until the first that is not. */
	expect(fixture, 200, "GET", "/api/events?since=2026-06-18T13:01:00Z", NULL);
	expect_count(fixture, "events", 1);
	expect_text(fixture, "events.0.creator", "bob");
	expect(fixture, 200, "GET", "/api/events?until=2026-06-18T15:01:00%2B02:00", NULL);
	expect_count(fixture, "events", 1);
	expect_text(fixture, "events.0.creator", "ada");
	expect(fixture, 200, "GET", "/api/events?limit=1", NULL);
	snprintf(target, sizeof(target), "/api/events?limit=1&cursor=%s",
		 json_string(answer_at(fixture, "next_cursor")));
	expect(fixture, 200, "GET", target, NULL);
	expect_text(fixture, "events.0.creator", "ada");
	expect_type(fixture, "next_cursor", JSON_NULL);
}

static void an_event_made_by_hand_is_on_record(void **state)
{
	struct admin_fixture *fixture = *state;

	watch(fixture);
	expect(fixture, 202, "POST", "/api/events",
	       "{\"event_type\":\"live.start\",\"creator\":\"ada\"}");
	expect_integer(fixture, "deliveries", 0);
	expect(fixture, 200, "GET", "/api/audit", NULL);
	expect_text(fixture, "audit.0.action", "event.create");
	expect_text(fixture, "audit.0.detail.creator", "ada");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, admin_set_up, admin_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_synthetic_event_goes_to_whom_a_real_one_would),
		TEST(a_creator_nobody_watches_has_no_events),
		TEST(what_is_missing_or_unknown_is_named),
		TEST(filters_narrow_the_list),
		TEST(an_event_made_by_hand_is_on_record),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
