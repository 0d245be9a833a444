#include "tests/unit/store_fixture.h"

#include <errno.h>

/* ---- who gets an event ---- */

static void an_event_goes_once_to_every_webhook_that_wants_it(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	bool created;
	const char *ann = "ann", *lists[] = { "vips" };
	watch(store, "ann");
	watch(store, "bob");
	assert_ok(store_watchlist_put(store, "vips", PRIORITY_HIGH, &ann, 1, T0, &created));

	const struct {
		const char *why;
		struct webhook webhook;
		bool gets_it;
	} cases[] = {
		{ "watches everybody", { .event_types = EVENT_TYPES_ALL, .active = true }, true },
		{ "names her",
		  { .event_types = 1, .creators = &ann, .creator_count = 1, .active = true },
		  true },
		{ "names her list",
		  { .event_types = 1, .watchlists = lists, .watchlist_count = 1, .active = true },
		  true },
		{ "names both",
		  { .event_types = 1,
		    .creators = &ann,
		    .creator_count = 1,
		    .watchlists = lists,
		    .watchlist_count = 1,
		    .active = true },
		  true },
		{ "names somebody else",
		  { .event_types = 1,
		    .creators = (const char *[]){ "bob" },
		    .creator_count = 1,
		    .active = true },
		  false },
		{ "wants ends only",
		  { .event_types = 1 << EVENT_LIVE_END, .active = true },
		  false },
		{ "is inactive", { .event_types = EVENT_TYPES_ALL }, false },
	};
	struct text_id ids[ARRAY_SIZE(cases)];
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct webhook webhook = cases[i].webhook;
		webhook.target_url = "https://example.com/";
		assert_ok(store_webhook_add(store, &webhook, "whsec_x", 0, T0, ids[i].text));
	}
	struct text_id event = add_start(store, "ann", T0);
	assert_int_equal(enqueue(store, event.text, T0), 4);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct delivery_filter filter = { .webhook_id = ids[i].text };
		if (count_deliveries(store, &filter) != cases[i].gets_it)
			fail_msg("the webhook that %s: expected %d", cases[i].why,
				 cases[i].gets_it);
	}
}

static void a_deleted_webhook_gets_nothing(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	watch(store, "ann");
	struct text_id webhook = add_webhook(store, NULL);
	assert_ok(store_webhook_remove(store, webhook.text, T0));
	assert_int_equal(enqueue(store, add_start(store, "ann", T0).text, T0), 0);
}

/* ---- claiming ---- */

static void a_claim_has_all_that_an_attempt_needs(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	int64_t expires;
	const char *ann = "ann";
	struct webhook webhook = { .target_url = "https://example.com/x",
				   .event_types = EVENT_TYPES_ALL,
				   .creators = &ann,
				   .creator_count = 1,
				   .bearer_token = "token",
				   .extra_headers = "{\"X-A\":\"1\"}",
				   .rate_limit = 2.5,
				   .active = true };
	struct text_id id;
	assert_ok(store_webhook_add(store, &webhook, "whsec_1", 0, T0, id.text));
	assert_ok(store_webhook_rotate_secret(store, id.text, "whsec_2", 1000, T0, &expires));
	struct text_id event = add_start(store, "ann", T0);
	enqueue(store, event.text, T0);

	struct claimed_lane lane = claim(store, id.text, 10, T0);
	assert_int_equal(lane.claim_count, 1);
	assert_string_equal(lane.endpoint.webhook_id, id.text);
	assert_string_equal(lane.endpoint.target_url, "https://example.com/x");
	assert_string_equal(lane.endpoint.bearer_token, "token");
	assert_string_equal(lane.endpoint.extra_headers, "{\"X-A\":\"1\"}");
	assert_true(lane.endpoint.rate_limit == 2.5);
	assert_int_equal(lane.endpoint.secret_count, 2);
	assert_string_equal(lane.endpoint.secrets[0], "whsec_1");
	assert_string_equal(lane.endpoint.secrets[1], "whsec_2");
	assert_string_equal(lane.claims[0].event_id, event.text);
	assert_int_equal(lane.claims[0].event_type, EVENT_LIVE_START);
	assert_int_equal(lane.claims[0].kind, DELIVERY_NORMAL);
	assert_int_equal(lane.claims[0].attempt, 1);
	assert_int_equal(lane.claims[0].due_at_ms, T0);
	assert_false(lane.claims[0].is_test_event);
	assert_int_equal(lane.claims[0].body_length, strlen(lane.claims[0].body));
	assert_non_null(strstr(lane.claims[0].body, event.text));
	assert_true(lane.next_due_at_ms == INT64_MAX);
	store_claimed_lane_finish(&lane);
}

static void an_expired_secret_signs_no_more(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	int64_t expires;
	struct text_id id = add_webhook(store, NULL);
	assert_ok(store_webhook_rotate_secret(store, id.text, "whsec_2", 1000, T0, &expires));
	struct claimed_lane lane = claim(store, id.text, 1, T0 + 1000);
	assert_int_equal(lane.endpoint.secret_count, 1);
	assert_string_equal(lane.endpoint.secrets[0], "whsec_2");
	store_claimed_lane_finish(&lane);
}

static void what_is_claimed_is_not_claimed_again(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, "ann");
	enqueue(store, add_start(store, "ann", T0).text, T0);
	struct claimed_lane first = claim(store, id.text, 10, T0);
	struct claimed_lane second = claim(store, id.text, 10, T0);
	assert_int_equal(first.claim_count, 1);
	assert_int_equal(second.claim_count, 0);
	store_claimed_lane_finish(&first);
	store_claimed_lane_finish(&second);
}

static void what_is_not_due_waits_and_the_lane_tells_until_when(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, "ann");
	unsigned count;
	assert_ok(store_deliveries_enqueue(store, add_start(store, "ann", T0).text, T0, T0 + 500,
					   &count));
	struct claimed_lane lane = claim(store, id.text, 10, T0 + 499);
	assert_int_equal(lane.claim_count, 0);
	assert_int_equal(lane.next_due_at_ms, T0 + 500);
	store_claimed_lane_finish(&lane);
	lane = claim(store, id.text, 10, T0 + 500);
	assert_int_equal(lane.claim_count, 1);
	store_claimed_lane_finish(&lane);
}

static void a_lane_gives_no_more_than_asked_for_and_earliest_first(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, NULL);
	char handle[16];
	for (int i = 0; i < 5; i++) {
		unsigned count;
		snprintf(handle, sizeof(handle), "user%d", i);
		watch(store, handle);
		assert_ok(store_deliveries_enqueue(store, add_start(store, handle, T0).text, T0,
						   T0 + 100 - i, &count));
	}
	struct claimed_lane lane = claim(store, id.text, 3, T0 + 1000);
	assert_int_equal(lane.claim_count, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(lane.claims[i].due_at_ms, T0 + 96 + i);
	assert_int_equal(lane.next_due_at_ms, T0 + 99);
	store_claimed_lane_finish(&lane);
}

static void an_inactive_webhook_keeps_what_is_pending_until_it_is_active(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, "ann");
	enqueue(store, add_start(store, "ann", T0).text, T0);
	struct webhook change = { .active = false };
	assert_ok(store_webhook_change(store, id.text, &change, WEBHOOK_ACTIVE, T0));
	struct claimed_lane lane = claim(store, id.text, 10, T0);
	assert_int_equal(lane.claim_count, 0);
	assert_true(lane.next_due_at_ms == INT64_MAX);
	store_claimed_lane_finish(&lane);

	struct lane_due *lanes;
	unsigned count;
	assert_ok(store_lanes_list(store, &lanes, &count));
	assert_int_equal(count, 0);
	free(lanes);

	change.active = true;
	assert_ok(store_webhook_change(store, id.text, &change, WEBHOOK_ACTIVE, T0));
	lane = claim(store, id.text, 10, T0);
	assert_int_equal(lane.claim_count, 1);
	store_claimed_lane_finish(&lane);
}

static void fresh_events_go_before_replays(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, NULL), replay;
	watch(store, "ann");
	watch(store, "bob");
	enqueue(store, add_start(store, "ann", T0).text, T0);
	struct claimed_lane lane = claim(store, id.text, 1, T0);
	finish(store, &lane.claims[0], ATTEMPT_DEAD, 0, T0);
	assert_ok(store_delivery_replay(store, lane.claims[0].delivery_id, T0 + 1, T0 + 1,
					replay.text));
	store_claimed_lane_finish(&lane);
	enqueue(store, add_start(store, "bob", T0 + 2).text, T0 + 2);

	lane = claim(store, id.text, 10, T0 + 10);
	assert_int_equal(lane.claim_count, 2);
	assert_int_equal(lane.claims[0].kind, DELIVERY_NORMAL);
	assert_int_equal(lane.claims[1].kind, DELIVERY_REPLAY);
	assert_string_equal(lane.claims[1].delivery_id, replay.text);
	store_claimed_lane_finish(&lane);
}

/* ---- the order of first attempts ---- */

static void a_first_attempt_waits_for_the_answer_to_the_one_before_it(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, "ann");
	struct text_id start = add_start(store, "ann", T0), end = add_end(store, "ann", T0 + 1);
	enqueue(store, start.text, T0);
	enqueue(store, end.text, T0 + 1);

	static const enum attempt_verdict no_answers[] = { ATTEMPT_NOT_MADE, ATTEMPT_INTERRUPTED };
	struct claimed_lane lane;
	for (size_t i = 0; i < ARRAY_SIZE(no_answers); i++) {
		lane = claim(store, id.text, 10, T0 + 1);
		assert_int_equal(lane.claim_count, 1);
		assert_string_equal(lane.claims[0].event_id, start.text);
		assert_int_equal(lane.claims[0].attempt, 1);
		finish(store, &lane.claims[0], no_answers[i], T0 + 1, T0 + 1);
		store_claimed_lane_finish(&lane);
	}
	lane = claim(store, id.text, 10, T0 + 1);
	struct outcome_effect effect =
		finish(store, &lane.claims[0], ATTEMPT_RETRY, T0 + 30000, T0 + 1);
	assert_int_equal(effect.lane_due_at_ms, T0 + 1);
	store_claimed_lane_finish(&lane);

	lane = claim(store, id.text, 10, T0 + 1);
	assert_int_equal(lane.claim_count, 1);
	assert_string_equal(lane.claims[0].event_id, end.text);
	store_claimed_lane_finish(&lane);
}

static void many_events_of_a_creator_go_one_after_the_other(void **state)
{
	enum { EVENTS = 200 };
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, "ann"), events[EVENTS];
	for (int i = 0; i < EVENTS; i++) {
		events[i] = i % 2 ? add_end(store, "ann", T0 + i) : add_start(store, "ann", T0 + i);
		enqueue(store, events[i].text, T0 + i);
	}
	for (int i = 0; i < EVENTS; i++) {
		struct claimed_lane lane = claim(store, id.text, 10, T0 + EVENTS);
		assert_int_equal(lane.claim_count, 1);
		assert_string_equal(lane.claims[0].event_id, events[i].text);
		finish(store, &lane.claims[0], i % 3 ? ATTEMPT_DELIVERED : ATTEMPT_DEAD, 0,
		       T0 + EVENTS);
		store_claimed_lane_finish(&lane);
	}
}

static void other_creators_and_other_webhooks_do_not_wait(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, NULL), other = add_webhook(store, NULL);
	watch(store, "ann");
	watch(store, "bob");
	enqueue(store, add_start(store, "ann", T0).text, T0);
	enqueue(store, add_start(store, "bob", T0).text, T0);
	struct claimed_lane lane = claim(store, id.text, 10, T0);
	assert_int_equal(lane.claim_count, 2);
	store_claimed_lane_finish(&lane);
	lane = claim(store, other.text, 10, T0);
	assert_int_equal(lane.claim_count, 2);
	store_claimed_lane_finish(&lane);
}

/* ---- outcomes ---- */

static void a_success_settles_and_is_counted(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, "ann");
	enqueue(store, add_start(store, "ann", T0).text, T0);
	assert_int_equal(show_webhook(store, id.text, T0).pending, 1);
	struct claimed_lane lane = claim(store, id.text, 1, T0);
	struct outcome_effect effect =
		finish(store, &lane.claims[0], ATTEMPT_DELIVERED, 0, T0 + 12);
	assert_string_equal(effect.webhook_id, id.text);
	assert_true(effect.lane_due_at_ms == INT64_MAX);

	struct shown_delivery shown = show_delivery(store, lane.claims[0].delivery_id);
	assert_int_equal(shown.row.status, DELIVERY_DELIVERED);
	assert_int_equal(shown.row.attempts, 1);
	assert_int_equal(shown.row.delivered_at_ms, T0 + 12);
	assert_int_equal(shown.row.next_attempt_at_ms, 0);
	assert_int_equal(shown.row.last_status_code, 200);
	assert_string_equal(shown.last_error, "");
	struct webhook webhook = show_webhook(store, id.text, T0);
	assert_int_equal(webhook.pending, 0);
	assert_int_equal(webhook.deliveries_today, 1);
	assert_int_equal(webhook.last_delivery_at_ms, T0);
	assert_int_equal(webhook.last_status_code, 200);
	assert_string_equal(webhook.last_error, "");
	assert_int_equal(show_webhook(store, id.text, T0 + 86400000).deliveries_today, 0);
	store_claimed_lane_finish(&lane);
}

static void a_failure_is_retried_then_dead_and_counted(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, "ann");
	enqueue(store, add_start(store, "ann", T0).text, T0);
	struct claimed_lane lane = claim(store, id.text, 1, T0);
	struct outcome_effect effect =
		finish(store, &lane.claims[0], ATTEMPT_RETRY, T0 + 30000, T0);
	assert_int_equal(effect.fail_streak_before, 0);
	assert_int_equal(effect.fail_streak, 1);
	assert_int_equal(effect.lane_due_at_ms, T0 + 30000);
	struct shown_delivery shown = show_delivery(store, lane.claims[0].delivery_id);
	assert_int_equal(shown.row.status, DELIVERY_PENDING);
	assert_int_equal(shown.row.attempts, 1);
	assert_int_equal(shown.row.next_attempt_at_ms, T0 + 30000);
	assert_string_equal(shown.last_error, "http");
	store_claimed_lane_finish(&lane);

	lane = claim(store, id.text, 1, T0 + 30000);
	assert_int_equal(lane.claims[0].attempt, 2);
	finish(store, &lane.claims[0], ATTEMPT_DEAD, 0, T0 + 30000);
	assert_int_equal(show_delivery(store, lane.claims[0].delivery_id).row.status,
			 DELIVERY_DEAD);
	struct webhook webhook = show_webhook(store, id.text, T0);
	assert_int_equal(webhook.pending, 0);
	assert_int_equal(webhook.dead, 1);
	assert_int_equal(webhook.fail_streak, 2);
	assert_string_equal(webhook.last_error, "http");
	store_claimed_lane_finish(&lane);
}

static void an_outcome_is_stored_once(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, "ann");
	enqueue(store, add_start(store, "ann", T0).text, T0);
	struct claimed_lane lane = claim(store, id.text, 1, T0);
	finish(store, &lane.claims[0], ATTEMPT_DELIVERED, 0, T0);
	struct attempt_outcome again = outcome_of(&lane.claims[0], ATTEMPT_DEAD, 0);
	struct outcome_effect effect;
	assert_int_equal(store_attempt_finish(store, &again, T0, &effect), -ENOENT);
	assert_int_equal(show_delivery(store, lane.claims[0].delivery_id).row.status,
			 DELIVERY_DELIVERED);
	store_claimed_lane_finish(&lane);
}

static void a_gone_endpoint_is_deactivated_and_its_pending_deliveries_wait(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, "ann");
	enqueue(store, add_start(store, "ann", T0).text, T0);
	enqueue(store, add_end(store, "ann", T0).text, T0);
	struct claimed_lane lane = claim(store, id.text, 1, T0);
	struct attempt_outcome outcome = outcome_of(&lane.claims[0], ATTEMPT_DEAD, 0);
	struct outcome_effect effect;
	outcome.endpoint_is_gone = true;
	outcome.status_code = 410;
	assert_ok(store_attempt_finish(store, &outcome, T0, &effect));
	assert_true(effect.webhook_deactivated);
	assert_true(effect.lane_due_at_ms == INT64_MAX);
	struct webhook webhook = show_webhook(store, id.text, T0);
	assert_false(webhook.active);
	assert_string_equal(webhook.disabled_reason, "gone");
	assert_int_equal(webhook.pending, 1);
	store_claimed_lane_finish(&lane);

	struct webhook change = { .active = true };
	assert_ok(store_webhook_change(store, id.text, &change, WEBHOOK_ACTIVE, T0));
	webhook = show_webhook(store, id.text, T0);
	assert_string_equal(webhook.disabled_reason, "");
	assert_int_equal(webhook.fail_streak, 0);
	lane = claim(store, id.text, 1, T0);
	assert_int_equal(lane.claim_count, 1);
	store_claimed_lane_finish(&lane);
}

static void on_attempt(void *arg, const struct attempt *attempt)
{
	char line[128];
	snprintf(line, sizeof(line), "%u:%lld:%d:%s:%s:%.*s\n", attempt->attempt,
		 (long long)attempt->duration_ms, attempt->status_code,
		 attempt->error ? attempt->error : "-",
		 attempt->peer_address ? attempt->peer_address : "-", (int)attempt->response_length,
		 attempt->response ? attempt->response : "");
	strcat(arg, line);
}

static void every_attempt_is_on_record_but_those_never_made(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, "ann");
	enqueue(store, add_start(store, "ann", T0).text, T0);
	static const enum attempt_verdict verdicts[] = { ATTEMPT_NOT_MADE, ATTEMPT_INTERRUPTED,
							 ATTEMPT_RETRY, ATTEMPT_DELIVERED };
	char delivery_id[ID_TEXT_SIZE];
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
		struct outcome_effect effect;
		struct claimed_lane lane = claim(store, id.text, 1, T0);
		struct attempt_outcome outcome = outcome_of(&lane.claims[0], verdicts[i], T0);
		outcome.peer_address = "192.0.2.1";
		outcome.response = "hello world";
		outcome.response_length = 5;
		assert_ok(store_attempt_finish(store, &outcome, T0, &effect));
		is_not_in_flight(lane.claims[0].delivery_key);
		memcpy(delivery_id, lane.claims[0].delivery_id, sizeof(delivery_id));
		store_claimed_lane_finish(&lane);
	}
	char log[512] = "";
	assert_ok(store_attempt_list(store, delivery_id, on_attempt, log));
	assert_string_equal(log, "1:12:0:interrupted:192.0.2.1:hello\n"
				 "1:12:500:http:192.0.2.1:hello\n"
				 "2:12:200:-:192.0.2.1:hello\n");
}

/* ---- after a crash ---- */

static void what_was_in_flight_is_due_again_under_the_same_number(void **state)
{
	struct fixture *fixture = *state;
	struct text_id id = add_webhook(fixture->store, "ann");
	enqueue(fixture->store, add_start(fixture->store, "ann", T0).text, T0);
	struct claimed_lane lane = claim(fixture->store, id.text, 1, T0);
	note_in_flight(fixture->store, lane.claims, lane.claim_count, T0);
	reopen(fixture);

	unsigned count;
	assert_ok(store_deliveries_recover(fixture->store, T0 + 5000, &count));
	assert_int_equal(count, 1);
	struct shown_delivery shown = show_delivery(fixture->store, lane.claims[0].delivery_id);
	assert_int_equal(shown.row.attempts, 0);
	assert_int_equal(shown.row.next_attempt_at_ms, T0 + 5000);
	char log[512] = "";
	assert_ok(store_attempt_list(fixture->store, lane.claims[0].delivery_id, on_attempt, log));
	assert_string_equal(log, "1:-1:0:interrupted:-:\n");
	store_claimed_lane_finish(&lane);

	lane = claim(fixture->store, id.text, 1, T0 + 5000);
	assert_int_equal(lane.claim_count, 1);
	assert_int_equal(lane.claims[0].attempt, 1);
	store_claimed_lane_finish(&lane);
	assert_int_equal(show_webhook(fixture->store, id.text, T0).pending, 1);
}

static void a_note_of_what_has_its_outcome_puts_nothing_on_record(void **state)
{
	struct fixture *fixture = *state;
	struct text_id id = add_webhook(fixture->store, NULL);
	watch(fixture->store, "ann");
	watch(fixture->store, "bob");
	enqueue(fixture->store, add_start(fixture->store, "ann", T0).text, T0);
	enqueue(fixture->store, add_start(fixture->store, "bob", T0).text, T0);
	struct claimed_lane lane = claim(fixture->store, id.text, 2, T0);
	note_in_flight(fixture->store, lane.claims, lane.claim_count, T0);
	finish(fixture->store, &lane.claims[0], ATTEMPT_DELIVERED, 0, T0);
	finish(fixture->store, &lane.claims[1], ATTEMPT_RETRY, T0 + 30000, T0);
	reopen(fixture);

	unsigned count;
	assert_ok(store_deliveries_recover(fixture->store, T0 + 5000, &count));
	assert_int_equal(count, 0);
	char log[512] = "";
	assert_ok(store_attempt_list(fixture->store, lane.claims[1].delivery_id, on_attempt, log));
	assert_string_equal(log, "1:12:500:http:-:\n");
	store_claimed_lane_finish(&lane);
}

static void a_note_that_was_dropped_puts_nothing_on_record(void **state)
{
	struct fixture *fixture = *state;
	struct text_id id = add_webhook(fixture->store, "ann");
	enqueue(fixture->store, add_start(fixture->store, "ann", T0).text, T0);
	struct claimed_lane lane = claim(fixture->store, id.text, 1, T0);
	note_in_flight(fixture->store, lane.claims, lane.claim_count, T0);
	assert_ok(store_claims_drop(fixture->store, 1));
	store_claimed_lane_finish(&lane);
	reopen(fixture);

	unsigned count;
	assert_ok(store_deliveries_recover(fixture->store, T0 + 5000, &count));
	assert_int_equal(count, 0);
}

static void what_is_in_flight_is_not_claimed_again(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, NULL);
	const char *handles[] = { "ann", "bob", "cid" };
	for (int i = 0; i < 3; i++) {
		watch(store, handles[i]);
		enqueue(store, add_start(store, handles[i], T0).text, T0 + i);
	}
	struct claimed_lane first = claim(store, id.text, 2, T0 + 10);
	assert_int_equal(first.claim_count, 2);
	assert_true(first.next_due_at_ms == T0 + 2);
	struct claimed_lane second = claim(store, id.text, 2, T0 + 10);
	assert_int_equal(second.claim_count, 1);
	assert_true(second.next_due_at_ms == INT64_MAX);
	assert_true(second.claims[0].delivery_key != first.claims[0].delivery_key);
	assert_true(second.claims[0].delivery_key != first.claims[1].delivery_key);
	struct claimed_lane third = claim(store, id.text, 2, T0 + 10);
	assert_int_equal(third.claim_count, 0);
	store_claimed_lane_finish(&first);
	store_claimed_lane_finish(&second);
	store_claimed_lane_finish(&third);
}

/* ---- after the wall clock was set ---- */

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE };

static const struct delivery_waits waits = { .after_ms = { 0, 30000, 90000, 5 * HOUR },
					     .asked_for_ms = HOUR };

static void replan(struct store *store, int64_t step_ms, int64_t now_ms)
{
	struct store_mark mark = { 0 };
	bool has_more;
	assert_ok(store_deliveries_replan(store, &waits, step_ms, now_ms, 1000, &mark, &has_more));
	assert_false(has_more);
}

/* A delivery that was tried at T0 and is due at that time. */
static struct text_id tried(struct store *store, const char *creator, int status, int64_t due_at_ms)
{
	struct text_id id, webhook = add_webhook(store, creator);
	enqueue(store, add_start(store, creator, T0).text, T0);
	struct claimed_lane lane = claim(store, webhook.text, 1, T0);
	struct attempt_outcome outcome = outcome_of(&lane.claims[0], ATTEMPT_RETRY, due_at_ms);
	struct outcome_effect effect;
	outcome.status_code = status;
	assert_ok(store_attempt_finish(store, &outcome, T0, &effect));
	snprintf(id.text, sizeof(id.text), "%s", lane.claims[0].delivery_id);
	store_claimed_lane_finish(&lane);
	return id;
}

static void what_is_planned_follows_a_clock_that_is_set(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	static const struct {
		const char *what;
		int status;
		int64_t due_at_ms, step_ms, now_ms, expected_ms;
	} cases[] = {
		{ "nothing was set", 500, T0 + 30000, 0, T0 + 1000, T0 + 30000 },
		{ "set back: when it would have been", 500, T0 + 30000, -HOUR, T0 + 9000 - HOUR,
		  T0 + 30000 - HOUR },
		{ "set back: what was due is due", 500, T0 + 30000, -HOUR, T0 + 31000 - HOUR,
		  T0 + 30000 - HOUR },
		{ "set back while nobody looked: its gap at most", 500, T0 + 30000, 0, T0 - HOUR,
		  T0 - HOUR + 30000 },
		{ "the same: as long as may have been asked for", 503, T0 + 10 * MINUTE, 0,
		  T0 - 2 * HOUR, T0 - HOUR },
		{ "by little, so that what was asked for stays", 429, T0 + 10 * MINUTE, 0,
		  T0 - MINUTE, T0 + 10 * MINUTE },
		{ "set forward: no sooner", 500, T0 + 30000, HOUR, T0 + HOUR + 10000,
		  T0 + HOUR + 30000 },
		{ "set forward: what was due is due", 500, T0 + 30000, HOUR, T0 + HOUR + 30000,
		  T0 + 30000 },
		{ "set forward twice, seen once: its gap at most", 500, T0 + 2 * HOUR, 2 * HOUR,
		  T0 + 2 * HOUR, T0 + 2 * HOUR + 30000 },
		{ "set forward from 1970", 500, 30000, T0, T0 + 1000, T0 + 30000 },
	};
	char creator[16];
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(creator, sizeof(creator), "creator%zu", i);
		struct text_id id = tried(store, creator, cases[i].status, cases[i].due_at_ms);
		replan(store, cases[i].step_ms, cases[i].now_ms);
		int64_t due_at_ms = show_delivery(store, id.text).row.next_attempt_at_ms;
		if (due_at_ms != cases[i].expected_ms)
			fail_msg("%s: expected T0 + %lld ms, got T0 + %lld ms", cases[i].what,
				 (long long)(cases[i].expected_ms - T0),
				 (long long)(due_at_ms - T0));
	}
}

/* One that was not tried yet is due, held back or not. */
static void first_attempts_do_not_wait_for_a_clock_that_was_set_back(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id webhook = add_webhook(store, "ann");
	enqueue(store, add_start(store, "ann", T0).text, T0);
	enqueue(store, add_end(store, "ann", T0 + 1000).text, T0 + 1000);
	struct claimed_lane first = claim(store, webhook.text, 2, T0 + 2000);
	assert_int_equal(first.claim_count, 1);
	replan(store, 0, T0 - HOUR);
	struct outcome_effect effect =
		finish(store, &first.claims[0], ATTEMPT_DELIVERED, 0, T0 - HOUR);
	assert_int_equal(effect.lane_due_at_ms, T0 - HOUR);
	struct claimed_lane second = claim(store, webhook.text, 2, T0 - HOUR);
	assert_int_equal(second.claim_count, 1);
	store_claimed_lane_finish(&first);
	store_claimed_lane_finish(&second);
}

static void many_are_planned_anew_in_pieces(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id webhook = add_webhook(store, NULL);
	struct store_mark mark = { 0 };
	bool has_more = true;
	unsigned pieces = 0;
	char handle[24];
	for (int i = 0; i < 7; i++) {
		snprintf(handle, sizeof(handle), "creator%d", i);
		watch(store, handle);
		enqueue(store, add_start(store, handle, T0).text, T0);
	}
	for (; has_more; pieces++)
		assert_ok(
			store_deliveries_replan(store, &waits, 0, T0 - HOUR, 3, &mark, &has_more));
	assert_int_equal(pieces, 3);
	struct claimed_lane lane = claim(store, webhook.text, 10, T0 - HOUR);
	assert_int_equal(lane.claim_count, 7);
	store_claimed_lane_finish(&lane);
}

/* ---- deleting a webhook ---- */

static void the_pending_deliveries_of_a_deleted_webhook_are_cancelled(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, NULL);
	watch(store, "ann");
	watch(store, "bob");
	watch(store, "cid");
	enqueue(store, add_start(store, "ann", T0).text, T0);
	enqueue(store, add_start(store, "bob", T0).text, T0);
	struct claimed_lane lane = claim(store, id.text, 2, T0);
	enqueue(store, add_start(store, "cid", T0).text, T0);
	assert_ok(store_webhook_remove(store, id.text, T0 + 1));

	struct delivery_filter cancelled = { .has_status = true, .status = DELIVERY_CANCELLED };
	struct delivery_filter pending = { .has_status = true, .status = DELIVERY_PENDING };
	assert_int_equal(count_deliveries(store, &cancelled), 3);
	assert_int_equal(count_deliveries(store, &pending), 0);

	/* The answers of what was under way still count for the record. */
	finish(store, &lane.claims[0], ATTEMPT_DELIVERED, 0, T0 + 2);
	finish(store, &lane.claims[1], ATTEMPT_RETRY, T0 + 30000, T0 + 2);
	assert_int_equal(show_delivery(store, lane.claims[0].delivery_id).row.status,
			 DELIVERY_DELIVERED);
	struct shown_delivery shown = show_delivery(store, lane.claims[1].delivery_id);
	assert_int_equal(shown.row.status, DELIVERY_CANCELLED);
	assert_int_equal(shown.row.attempts, 1);
	struct text_id replay;
	assert_int_equal(
		store_delivery_replay(store, lane.claims[1].delivery_id, T0, T0, replay.text),
		-ESTALE);
	struct delivery_totals totals;
	assert_ok(store_delivery_totals(store, T0, &totals));
	assert_int_equal(totals.pending, 0);
	store_claimed_lane_finish(&lane);
}

static void a_large_backlog_shows_as_cancelled_before_it_is_swept(void **state)
{
	enum { BACKLOG = 10050 };
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, "ann"), event;
	for (int i = 0; i < BACKLOG; i++) {
		event = i % 2 ? add_end(store, "ann", T0 + i) : add_start(store, "ann", T0 + i);
		enqueue(store, event.text, T0 + i);
	}
	assert_ok(store_webhook_remove(store, id.text, T0 + BACKLOG));
	struct delivery_filter of_newest = { .event_id = event.text,
					     .has_status = true,
					     .status = DELIVERY_CANCELLED };
	struct delivery_filter pending = { .has_status = true, .status = DELIVERY_PENDING };
	assert_int_equal(count_deliveries(store, &of_newest), 1);
	assert_int_equal(count_deliveries(store, &pending), 0);
	bool more;
	assert_ok(store_webhooks_sweep(store, 20, T0 + BACKLOG, &more));
	assert_true(more);
	assert_ok(store_webhooks_sweep(store, 1000, T0 + BACKLOG, &more));
	assert_false(more);
	assert_int_equal(count_deliveries(store, &of_newest), 1);
}

/* ---- tests of webhooks ---- */

static struct text_id add_test(struct store *store, const char *webhook_id, int64_t now_ms)
{
	struct event event;
	struct text_id id, delivery;
	event_sample(EVENT_LIVE_START, store_new_id(store, "evt_", now_ms, id.text), "sample",
		     now_ms, &event);
	assert_ok(store_event_add(store, NULL, &event, "{}", 2, EVENT_HIDDEN));
	assert_ok(store_delivery_add_test(store, webhook_id, event.id, now_ms, delivery.text));
	return delivery;
}

static void a_test_is_claimed_apart_active_or_not(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, NULL);
	struct webhook change = { .active = false };
	assert_ok(store_webhook_change(store, id.text, &change, WEBHOOK_ACTIVE, T0));
	struct text_id delivery = add_test(store, id.text, T0);

	struct claimed_lane lane = claim(store, id.text, 10, T0);
	assert_int_equal(lane.claim_count, 0);
	store_claimed_lane_finish(&lane);
	assert_ok(store_claim_test(store, T0, NULL, &lane));
	assert_int_equal(lane.claim_count, 1);
	assert_string_equal(lane.claims[0].delivery_id, delivery.text);
	assert_int_equal(lane.claims[0].kind, DELIVERY_TEST);
	assert_true(lane.claims[0].is_test_event);
	assert_string_equal(lane.endpoint.webhook_id, id.text);
	assert_true(lane.next_due_at_ms == INT64_MAX);

	struct attempt_outcome outcome = outcome_of(&lane.claims[0], ATTEMPT_DEAD, 0);
	struct outcome_effect effect;
	outcome.endpoint_is_gone = true;
	assert_ok(store_attempt_finish(store, &outcome, T0, &effect));
	assert_false(effect.webhook_deactivated);
	struct webhook webhook = show_webhook(store, id.text, T0);
	assert_string_equal(webhook.disabled_reason, "");
	assert_int_equal(webhook.last_status_code, 500);
	assert_int_equal(webhook.dead, 0);
	assert_int_equal(webhook.fail_streak, 0);
	store_claimed_lane_finish(&lane);
	assert_ok(store_claim_test(store, T0, NULL, &lane));
	assert_int_equal(lane.claim_count, 0);
	store_claimed_lane_finish(&lane);
}

/* ---- lanes ---- */

static void lanes_are_told_when_something_was_added(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id first = add_webhook(store, "ann"), second = add_webhook(store, "bob");
	struct store_mark mark = { 0 };
	struct lane_due *lanes;
	unsigned count;
	bool more;
	assert_ok(store_lanes_touched(store, &mark, 100, &lanes, &count, &more));
	assert_int_equal(count, 0);
	free(lanes);

	enqueue(store, add_start(store, "ann", T0).text, T0);
	enqueue(store, add_start(store, "bob", T0 + 1).text, T0 + 1);
	assert_ok(store_lanes_touched(store, &mark, 1, &lanes, &count, &more));
	assert_int_equal(count, 1);
	assert_true(more);
	assert_string_equal(lanes[0].webhook_id, first.text);
	assert_int_equal(lanes[0].due_at_ms, T0);
	free(lanes);
	assert_ok(store_lanes_touched(store, &mark, 100, &lanes, &count, &more));
	assert_int_equal(count, 1);
	assert_false(more);
	assert_string_equal(lanes[0].webhook_id, second.text);
	free(lanes);

	assert_ok(store_lanes_list(store, &lanes, &count));
	assert_int_equal(count, 2);
	free(lanes);
}

/* ---- lists ---- */

static void a_list_has_what_its_filter_says_newest_first(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id all = add_webhook(store, NULL), anns = add_webhook(store, "ann");
	watch(store, "bob");
	struct text_id start = add_start(store, "ann", T0);
	enqueue(store, start.text, T0);
	enqueue(store, add_start(store, "bob", T0 + 1000).text, T0 + 1000);
	enqueue(store, add_end(store, "ann", T0 + 2000).text, T0 + 2000);
	struct claimed_lane lane = claim(store, anns.text, 1, T0);
	finish(store, &lane.claims[0], ATTEMPT_DELIVERED, 0, T0);
	store_claimed_lane_finish(&lane);

	const struct {
		const char *what;
		struct delivery_filter filter;
		unsigned count;
	} cases[] = {
		{ "all", { 0 }, 5 },
		{ "webhook", { .webhook_id = all.text }, 3 },
		{ "event", { .event_id = start.text }, 2 },
		{ "creator", { .creator = "ann" }, 4 },
		{ "nobody", { .creator = "nobody" }, 0 },
		{ "type", { .has_type = true, .type = EVENT_LIVE_END }, 2 },
		{ "pending", { .has_status = true, .status = DELIVERY_PENDING }, 4 },
		{ "delivered", { .has_status = true, .status = DELIVERY_DELIVERED }, 1 },
		{ "dead", { .has_status = true, .status = DELIVERY_DEAD }, 0 },
		{ "webhook and pending",
		  { .webhook_id = anns.text, .has_status = true, .status = DELIVERY_PENDING },
		  1 },
		{ "webhook and creator", { .webhook_id = all.text, .creator = "ann" }, 2 },
		{ "event and webhook", { .event_id = start.text, .webhook_id = all.text }, 1 },
		{ "creator and type",
		  { .creator = "ann", .has_type = true, .type = EVENT_LIVE_START },
		  2 },
		{ "since", { .since_ms = T0 + 1000 }, 3 },
		{ "until", { .until_ms = T0 + 1000 }, 2 },
		{ "since and until", { .since_ms = T0 + 1, .until_ms = T0 + 2000 }, 1 },
		{ "later than anything", { .since_ms = T0 + 86400000 }, 0 },
		{ "earlier than anything", { .until_ms = T0 - 86400000 }, 0 },
		{ "an unknown webhook", { .webhook_id = "wh_none" }, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned count = count_deliveries(store, &cases[i].filter);
		if (count != cases[i].count)
			fail_msg("%s: expected %u, got %u", cases[i].what, cases[i].count, count);
	}
	static struct id_collection found;
	found.count = 0;
	struct delivery_filter by_creator = { .creator = "ann" };
	assert_ok(store_delivery_list(store, &by_creator, "", 10, on_listed_delivery, &found));
	for (unsigned i = 1; i < found.count; i++)
		assert_true(strcmp(found.ids[i - 1].text, found.ids[i].text) > 0);
}

static void pages_neither_repeat_nor_skip_while_rows_arrive(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	add_webhook(store, "ann");
	static struct id_collection found;
	found.count = 0;
	for (int i = 0; i < 20; i++)
		enqueue(store,
			(i % 2 ? add_end(store, "ann", T0 + i) : add_start(store, "ann", T0 + i))
				.text,
			T0 + i);
	for (int page = 0; page < 7; page++) {
		struct delivery_filter filter = { 0 };
		const char *after = found.count ? found.ids[found.count - 1].text : "";
		assert_ok(
			store_delivery_list(store, &filter, after, 3, on_listed_delivery, &found));
		enqueue(store,
			(page % 2 ? add_end(store, "ann", T0 + 100 + page)
				  : add_start(store, "ann", T0 + 100 + page))
				.text,
			T0 + 100 + page);
	}
	assert_int_equal(found.count, 20);
	for (unsigned i = 1; i < found.count; i++)
		assert_true(strcmp(found.ids[i - 1].text, found.ids[i].text) > 0);
}

static void totals_are_kept(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, NULL);
	const char *handles[] = { "ann", "bob", "cid", "dan" };
	for (int i = 0; i < 4; i++) {
		watch(store, handles[i]);
		enqueue(store, add_start(store, handles[i], T0 + i).text, T0 + i);
	}
	struct claimed_lane lane = claim(store, id.text, 3, T0 + 10);
	finish(store, &lane.claims[0], ATTEMPT_DELIVERED, 0, T0 + 10);
	finish(store, &lane.claims[1], ATTEMPT_DEAD, 0, T0 + 10);
	struct delivery_totals totals;
	assert_ok(store_delivery_totals(store, T0 + 10, &totals));
	assert_int_equal(totals.pending, 2);
	assert_int_equal(totals.dead, 1);
	assert_int_equal(totals.delivered_today, 1);
	assert_int_equal(totals.oldest_due_at_ms, T0 + 2); /* it is in flight */
	store_claimed_lane_finish(&lane);
}

static void names_of_statuses_are_those_of_the_api(void **state)
{
	(void)state;
	enum delivery_status status;
	assert_string_equal(delivery_status_name(DELIVERY_CANCELLED), "cancelled");
	assert_true(delivery_status_parse("dead", &status));
	assert_int_equal(status, DELIVERY_DEAD);
	assert_false(delivery_status_parse("gone", &status));
}

#define IN_A_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_STORE(an_event_goes_once_to_every_webhook_that_wants_it),
		IN_A_STORE(a_deleted_webhook_gets_nothing),
		IN_A_STORE(a_claim_has_all_that_an_attempt_needs),
		IN_A_STORE(an_expired_secret_signs_no_more),
		IN_A_STORE(what_is_claimed_is_not_claimed_again),
		IN_A_STORE(what_is_not_due_waits_and_the_lane_tells_until_when),
		IN_A_STORE(a_lane_gives_no_more_than_asked_for_and_earliest_first),
		IN_A_STORE(an_inactive_webhook_keeps_what_is_pending_until_it_is_active),
		IN_A_STORE(fresh_events_go_before_replays),
		IN_A_STORE(a_first_attempt_waits_for_the_answer_to_the_one_before_it),
		IN_A_STORE(many_events_of_a_creator_go_one_after_the_other),
		IN_A_STORE(other_creators_and_other_webhooks_do_not_wait),
		IN_A_STORE(a_success_settles_and_is_counted),
		IN_A_STORE(a_failure_is_retried_then_dead_and_counted),
		IN_A_STORE(an_outcome_is_stored_once),
		IN_A_STORE(a_gone_endpoint_is_deactivated_and_its_pending_deliveries_wait),
		IN_A_STORE(every_attempt_is_on_record_but_those_never_made),
		IN_A_STORE(what_was_in_flight_is_due_again_under_the_same_number),
		IN_A_STORE(what_is_planned_follows_a_clock_that_is_set),
		IN_A_STORE(first_attempts_do_not_wait_for_a_clock_that_was_set_back),
		IN_A_STORE(many_are_planned_anew_in_pieces),
		IN_A_STORE(a_note_of_what_has_its_outcome_puts_nothing_on_record),
		IN_A_STORE(a_note_that_was_dropped_puts_nothing_on_record),
		IN_A_STORE(what_is_in_flight_is_not_claimed_again),
		IN_A_STORE(the_pending_deliveries_of_a_deleted_webhook_are_cancelled),
		IN_A_STORE(a_large_backlog_shows_as_cancelled_before_it_is_swept),
		IN_A_STORE(a_test_is_claimed_apart_active_or_not),
		IN_A_STORE(lanes_are_told_when_something_was_added),
		IN_A_STORE(a_list_has_what_its_filter_says_newest_first),
		IN_A_STORE(pages_neither_repeat_nor_skip_while_rows_arrive),
		IN_A_STORE(totals_are_kept),
		cmocka_unit_test(names_of_statuses_are_those_of_the_api),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
