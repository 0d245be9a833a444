#include "tests/unit/store_fixture.h"

#include <errno.h>

static int add_again(struct store *store, struct creator_key key, enum event_type type)
{
	struct event event = { .type = type, .occurred_at_ms = T0, .sequence = 9 };
	snprintf(event.creator, sizeof(event.creator), "ann");
	store_new_id(store, "evt_", T0, event.id);
	return store_event_add(store, &key, &event, "{}", 2, EVENT_LISTED);
}

static void a_live_starts_once_and_ends_once(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct creator_key key = watch(store, "ann");
	add_start(store, "ann", T0);
	assert_int_equal(add_again(store, key, EVENT_LIVE_START), -EEXIST);
	add_end(store, "ann", T0 + 1);
	assert_int_equal(add_again(store, key, EVENT_LIVE_END), -EEXIST);
	add_start(store, "ann", T0 + 2);
	add_end(store, "ann", T0 + 3);
}

static void an_event_needs_its_session(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct creator_key key = watch(store, "ann");
	assert_int_equal(add_again(store, key, EVENT_LIVE_START), -ENOENT);
	assert_int_equal(add_again(store, key, EVENT_LIVE_END), -ENOENT);
}

static struct text_id add_sample(struct store *store, const struct creator_key *key,
				 enum event_listing listing)
{
	struct event event;
	struct text_id id;
	store_new_id(store, "evt_", T0, id.text);
	event_sample(EVENT_LIVE_START, id.text, "ann", T0, &event);
	assert_ok(store_event_add(store, key, &event, "{}", 2, listing));
	return id;
}

static void tests_belong_to_no_session(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct creator_key key = watch(store, "ann");
	add_sample(store, &key, EVENT_LISTED);
	add_sample(store, &key, EVENT_LISTED);
	add_sample(store, NULL, EVENT_HIDDEN);
}

/* ---- reading ---- */

static void on_event(void *arg, const struct event_row *event)
{
	strbuf_addf(arg, "%s %s %s room=%llu sequence=%lld test=%d %lld/%lld/%lld/%lld body=%.*s\n",
		    event->id, event_type_name(event->type), event->creator,
		    (unsigned long long)event->room, (long long)event->sequence, event->is_test,
		    (long long)event->pending, (long long)event->delivered, (long long)event->dead,
		    (long long)event->cancelled, (int)event->body_length,
		    event->body ? event->body : "");
}

static void an_event_is_shown_with_its_body_and_its_deliveries(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id webhooks[5];
	for (int i = 0; i < 5; i++)
		webhooks[i] = add_webhook(store, "ann");
	struct text_id id = add_start(store, "ann", T0);
	assert_int_equal(enqueue(store, id.text, T0), 5);
	static const enum attempt_verdict verdicts[] = { ATTEMPT_DELIVERED, ATTEMPT_DEAD,
							 ATTEMPT_DEAD, ATTEMPT_RETRY };
	for (int i = 0; i < 4; i++) {
		struct claimed_lane lane = claim(store, webhooks[i].text, 1, T0);
		finish(store, &lane.claims[0], verdicts[i], T0, T0);
		store_claimed_lane_finish(&lane);
	}
	assert_ok(store_webhook_remove(store, webhooks[4].text, T0));
	struct strbuf out;
	strbuf_init(&out, 4096);
	assert_ok(store_event_show(store, id.text, on_event, &out));
	char expected[256];
	snprintf(expected, sizeof(expected),
		 "%s live.start ann room=7 sequence=1 test=0 1/1/2/1 body={\"event_id\":\"%s\"}\n",
		 id.text, id.text);
	assert_string_equal(out.data, expected);
	assert_int_equal(store_event_show(store, "evt_none", on_event, &out), -ENOENT);
	strbuf_finish(&out);
}

static void on_listed(void *arg, const struct event_row *event)
{
	struct id_collection *collection = arg;
	snprintf(collection->ids[collection->count++].text, ID_TEXT_SIZE, "%s", event->id);
}

static void a_list_has_what_its_filter_says_newest_first(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct creator_key ann = watch(store, "ann");
	watch(store, "bob");
	struct text_id ids[5] = {
		add_start(store, "ann", T0),           add_start(store, "bob", T0 + 1000),
		add_end(store, "ann", T0 + 2000),      add_end(store, "bob", T0 + 3000),
		add_sample(store, &ann, EVENT_LISTED),
	};
	struct text_id hidden = add_sample(store, NULL, EVENT_HIDDEN);
	const struct {
		const char *what;
		struct event_filter filter;
		const char *found; /* indexes, newest first */
	} cases[] = {
		{ "all", { 0 }, "43210" },
		{ "creator", { .creator = "ann" }, "420" },
		{ "type", { .has_type = true, .type = EVENT_LIVE_END }, "32" },
		{ "creator and type",
		  { .creator = "bob", .has_type = true, .type = EVENT_LIVE_END },
		  "3" },
		{ "since", { .since_ms = T0 + 2000 }, "32" },
		{ "until", { .until_ms = T0 + 1000 }, "40" },
		{ "since and until", { .since_ms = T0 + 1, .until_ms = T0 + 3000 }, "21" },
		{ "nobody", { .creator = "zoe" }, "" },
	};
	static struct id_collection found;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		found.count = 0;
		assert_ok(store_event_list(store, &cases[i].filter, "", 10, on_listed, &found));
		if (found.count != strlen(cases[i].found))
			fail_msg("%s: expected %zu, got %u", cases[i].what, strlen(cases[i].found),
				 found.count);
		for (unsigned j = 0; j < found.count; j++)
			assert_string_equal(found.ids[j].text, ids[cases[i].found[j] - '0'].text);
	}
	struct strbuf out;
	strbuf_init(&out, 64);
	assert_int_equal(store_event_show(store, hidden.text, on_event, &out), -ENOENT);
	strbuf_finish(&out);

	found.count = 0;
	struct event_filter all = { 0 };
	assert_ok(store_event_list(store, &all, "", 2, on_listed, &found));
	assert_ok(store_event_list(store, &all, found.ids[1].text, 10, on_listed, &found));
	assert_int_equal(found.count, 5);
	for (int i = 0; i < 5; i++)
		assert_string_equal(found.ids[i].text, ids[4 - i].text);
}

static void the_stream_goes_on_behind_an_id(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	char newest[ID_TEXT_SIZE];
	static struct id_collection found;
	found.count = 0;
	watch(store, "ann");
	assert_ok(store_event_newest(store, newest));
	assert_string_equal(newest, "");
	struct text_id first = add_start(store, "ann", T0), second = add_end(store, "ann", T0);
	add_sample(store, NULL, EVENT_HIDDEN);
	struct text_id third = add_start(store, "ann", T0 + 1);
	assert_ok(store_event_newest(store, newest));
	assert_string_equal(newest, third.text);
	assert_ok(store_event_since(store, first.text, 10, on_listed, &found));
	assert_int_equal(found.count, 2);
	assert_string_equal(found.ids[0].text, second.text);
	assert_string_equal(found.ids[1].text, third.text);
}

#define IN_A_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_STORE(a_live_starts_once_and_ends_once),
		IN_A_STORE(an_event_needs_its_session),
		IN_A_STORE(tests_belong_to_no_session),
		IN_A_STORE(an_event_is_shown_with_its_body_and_its_deliveries),
		IN_A_STORE(a_list_has_what_its_filter_says_newest_first),
		IN_A_STORE(the_stream_goes_on_behind_an_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
