#include "tests/unit/store_fixture.h"

#include "db/replays.h"

#include <errno.h>

static struct text_id finish_next(struct store *store, const char *webhook_id,
				  enum attempt_verdict verdict, int64_t now_ms)
{
	struct text_id id;
	struct claimed_lane lane = claim(store, webhook_id, 1, now_ms);
	assert_int_equal(lane.claim_count, 1);
	memcpy(id.text, lane.claims[0].delivery_id, sizeof(id.text));
	finish(store, &lane.claims[0], verdict, now_ms, now_ms);
	store_claimed_lane_finish(&lane);
	return id;
}

/* Two lives of ann and one start of bob: the starts died, the ends were delivered. */
static struct text_id add_history(struct store *store)
{
	struct text_id webhook = add_webhook(store, NULL);
	watch(store, "ann");
	watch(store, "bob");
	for (int i = 0; i < 2; i++) {
		enqueue(store, add_start(store, "ann", T0 + i * 1000).text, T0);
		finish_next(store, webhook.text, ATTEMPT_DEAD, T0);
		enqueue(store, add_end(store, "ann", T0 + i * 1000 + 500).text, T0);
		finish_next(store, webhook.text, ATTEMPT_DELIVERED, T0);
	}
	enqueue(store, add_start(store, "bob", T0 + 5000).text, T0);
	finish_next(store, webhook.text, ATTEMPT_DEAD, T0);
	return webhook;
}

static int64_t count(struct store *store, const char *webhook_id, struct replay_filter filter)
{
	int64_t matched = -1;
	assert_ok(store_replay_count(store, webhook_id, &filter, &matched));
	return matched;
}

static struct replay add(struct store *store, const char *webhook_id, struct replay_filter filter)
{
	struct replay replay;
	assert_ok(store_replay_add(store, webhook_id, &filter, T0 + 10000, &replay));
	return replay;
}

static struct replay show(struct store *store, const char *id)
{
	struct replay replay;
	assert_ok(store_replay_show(store, id, &replay));
	return replay;
}

static unsigned advance(struct store *store, unsigned max, bool expected_more)
{
	unsigned enqueued;
	bool more;
	assert_ok(store_replay_advance(store, max, T0 + 10000, &enqueued, &more));
	assert_int_equal(more, expected_more);
	return enqueued;
}

static void a_filter_says_which_deliveries_match(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id webhook = add_history(store);
	const struct {
		const char *what;
		struct replay_filter filter;
		int64_t matched;
	} cases[] = {
		{ "without a status: the dead", { 0 }, 3 },
		{ "dead", { .has_status = true, .status = DELIVERY_DEAD }, 3 },
		{ "delivered", { .has_status = true, .status = DELIVERY_DELIVERED }, 2 },
		{ "pending", { .has_status = true, .status = DELIVERY_PENDING }, 0 },
		{ "ends only", { .event_types = 1 << EVENT_LIVE_END }, 0 },
		{ "starts only", { .event_types = 1 << EVENT_LIVE_START }, 3 },
		{ "a creator",
		  { .creators = (const char *[]){ "bob", "zoe" }, .creator_count = 2 },
		  1 },
		{ "since", { .since_ms = T0 + 1000 }, 2 },
		{ "until", { .until_ms = T0 + 1000 }, 1 },
		{ "missing", { .missing = true }, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t matched = count(store, webhook.text, cases[i].filter);
		if (matched != cases[i].matched)
			fail_msg("%s: expected %lld, got %lld", cases[i].what,
				 (long long)cases[i].matched, (long long)matched);
	}
	int64_t matched;
	struct replay_filter any = { 0 };
	assert_int_equal(store_replay_count(store, "wh_none", &any, &matched), -ENOENT);
}

static void a_replay_is_worked_off_in_slices(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id webhook = add_history(store);
	struct replay replay = add(store, webhook.text, (struct replay_filter){ 0 });
	assert_int_equal(replay.matched, 3);
	assert_int_equal(replay.replayed, 0);
	assert_int_equal(replay.state, REPLAY_RUNNING);
	assert_string_equal(replay.webhook_id, webhook.text);

	assert_int_equal(advance(store, 2, true), 2);
	assert_int_equal(show(store, replay.id).replayed, 2);
	assert_int_equal(show(store, replay.id).state, REPLAY_RUNNING);
	assert_int_equal(advance(store, 1, false), 1);
	assert_int_equal(show(store, replay.id).replayed, 3);
	assert_int_equal(show(store, replay.id).state, REPLAY_DONE);
	assert_int_equal(advance(store, 10, false), 0);

	struct claimed_lane lane = claim(store, webhook.text, 10, T0 + 10000);
	assert_int_equal(lane.claim_count, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(lane.claims[i].kind, DELIVERY_REPLAY);
		struct shown_delivery shown = show_delivery(store, lane.claims[i].delivery_id);
		assert_true(ulid_is_valid("del_", shown.replay_of.text));
	}
	store_claimed_lane_finish(&lane);
}

static void what_a_replay_is_about_is_fixed_when_it_is_asked_for(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id webhook = add_history(store);
	enqueue(store, add_end(store, "bob", T0 + 6000).text, T0);
	add(store, webhook.text,
	    (struct replay_filter){ .has_status = true, .status = DELIVERY_DEAD });
	finish_next(store, webhook.text, ATTEMPT_DEAD, T0);
	assert_int_equal(advance(store, 10, false), 3);
}

static void what_is_being_replayed_or_was_is_not_dead_any_more(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id webhook = add_history(store);
	add(store, webhook.text, (struct replay_filter){ 0 });
	advance(store, 10, false);
	assert_int_equal(count(store, webhook.text, (struct replay_filter){ 0 }), 0);
	finish_next(store, webhook.text, ATTEMPT_DELIVERED, T0 + 10000);
	assert_int_equal(count(store, webhook.text, (struct replay_filter){ 0 }), 0);
	/* One that died again counts once, however often it is tried. */
	finish_next(store, webhook.text, ATTEMPT_DEAD, T0 + 10000);
	assert_int_equal(count(store, webhook.text, (struct replay_filter){ 0 }), 1);
}

static void missing_are_the_events_that_a_webhook_never_had(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id webhook = add_history(store);
	struct webhook change = { .active = false };
	assert_ok(store_webhook_change(store, webhook.text, &change, WEBHOOK_ACTIVE, T0));
	struct text_id missed = add_end(store, "bob", T0 + 6000);
	assert_int_equal(enqueue(store, missed.text, T0), 0);
	change = (struct webhook){ .active = true };
	assert_ok(store_webhook_change(store, webhook.text, &change, WEBHOOK_ACTIVE, T0));
	struct replay_filter missing = { .missing = true };
	assert_int_equal(count(store, webhook.text, missing), 1);

	/* One that did not exist then has missed all that it is subscribed to. */
	struct text_id late = add_webhook(store, "ann");
	assert_int_equal(count(store, late.text, missing), 4);
	missing.event_types = 1 << EVENT_LIVE_END;
	assert_int_equal(count(store, late.text, missing), 2);
	missing.event_types = 0;

	add(store, webhook.text, missing);
	assert_int_equal(advance(store, 10, false), 1);
	struct claimed_lane lane = claim(store, webhook.text, 10, T0 + 10000);
	assert_int_equal(lane.claim_count, 1);
	assert_string_equal(lane.claims[0].event_id, missed.text);
	assert_string_equal(show_delivery(store, lane.claims[0].delivery_id).replay_of.text, "");
	store_claimed_lane_finish(&lane);
	assert_int_equal(count(store, webhook.text, missing), 0);
}

/* They go the real path; what a webhook's test made does not. */
static void synthetic_events_may_be_missing_and_those_of_tests_never(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct creator_key key = watch(store, "ann");
	struct event event;
	struct text_id id;
	event_sample(EVENT_LIVE_START, store_new_id(store, "evt_", T0, id.text), "ann", T0, &event);
	assert_ok(store_event_add(store, &key, &event, "{}", 2, EVENT_HIDDEN));
	struct text_id webhook = add_webhook(store, "ann");
	assert_int_equal(count(store, webhook.text, (struct replay_filter){ .missing = true }), 0);
	event_sample(EVENT_LIVE_START, store_new_id(store, "evt_", T0, id.text), "ann", T0, &event);
	assert_ok(store_event_add(store, &key, &event, "{}", 2, EVENT_LISTED));
	assert_int_equal(count(store, webhook.text, (struct replay_filter){ .missing = true }), 1);
}

static void a_cancelled_replay_queues_no_more(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id webhook = add_history(store);
	struct replay replay = add(store, webhook.text, (struct replay_filter){ 0 });
	assert_int_equal(advance(store, 1, true), 1);
	assert_ok(store_replay_cancel(store, replay.id));
	assert_int_equal(advance(store, 10, false), 0);
	replay = show(store, replay.id);
	assert_int_equal(replay.state, REPLAY_CANCELLED);
	assert_int_equal(replay.replayed, 1);
	assert_string_equal(replay_state_name(replay.state), "cancelled");
	assert_int_equal(store_replay_cancel(store, "rep_none"), -ENOENT);
	/* What it had left goes with the retention, whatever that is. */
	unsigned deleted;
	assert_ok(store_prune(store, &(struct store_retention){ 0 }, T0, 100, &deleted));
	assert_int_equal(deleted, 2);
}

static void the_replays_of_a_deleted_webhook_are_cancelled(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id webhook = add_history(store);
	struct replay replay = add(store, webhook.text, (struct replay_filter){ 0 });
	assert_ok(store_webhook_remove(store, webhook.text, T0));
	assert_int_equal(advance(store, 10, false), 0);
	assert_int_equal(show(store, replay.id).state, REPLAY_CANCELLED);
}

static void a_replay_of_nothing_is_done(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id webhook = add_webhook(store, NULL);
	struct replay replay = add(store, webhook.text, (struct replay_filter){ 0 });
	assert_int_equal(replay.matched, 0);
	assert_int_equal(replay.state, REPLAY_DONE);
}

static void a_single_delivery_is_replayed_as_a_new_one(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id webhook = add_webhook(store, "ann"), replay;
	struct text_id event = add_start(store, "ann", T0);
	enqueue(store, event.text, T0);
	struct text_id original = finish_next(store, webhook.text, ATTEMPT_DELIVERED, T0);
	assert_ok(store_delivery_replay(store, original.text, T0 + 1, T0 + 1, replay.text));
	struct shown_delivery shown = show_delivery(store, replay.text);
	assert_string_equal(shown.replay_of.text, original.text);
	assert_int_equal(shown.row.status, DELIVERY_PENDING);
	assert_int_equal(shown.row.attempts, 0);
	assert_int_equal(store_delivery_replay(store, "del_none", T0, T0, replay.text), -ENOENT);
}

#define IN_A_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_STORE(a_filter_says_which_deliveries_match),
		IN_A_STORE(a_replay_is_worked_off_in_slices),
		IN_A_STORE(what_a_replay_is_about_is_fixed_when_it_is_asked_for),
		IN_A_STORE(what_is_being_replayed_or_was_is_not_dead_any_more),
		IN_A_STORE(missing_are_the_events_that_a_webhook_never_had),
		IN_A_STORE(synthetic_events_may_be_missing_and_those_of_tests_never),
		IN_A_STORE(a_cancelled_replay_queues_no_more),
		IN_A_STORE(the_replays_of_a_deleted_webhook_are_cancelled),
		IN_A_STORE(a_replay_of_nothing_is_done),
		IN_A_STORE(a_single_delivery_is_replayed_as_a_new_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
