#include "tests/unit/store_fixture.h"

#include <errno.h>

static bool put(struct store *store, const char *name, enum creator_priority priority,
		const char *const *creators, size_t count)
{
	bool created;
	assert_ok(store_watchlist_put(store, name, priority, creators, count, T0, &created));
	return created;
}

/* What changed since the mark: "+ann:high " is watched, "-ann " no longer. */
static void expect_changes(struct store *store, struct store_mark *mark, const char *expected)
{
	struct watched_creator *creators;
	unsigned count;
	struct strbuf out;
	strbuf_init(&out, 4096);
	assert_ok(store_watched_changes(store, mark, 100, &creators, &count));
	for (unsigned i = 0; i < count; i++) {
		if (creators[i].watched)
			strbuf_addf(&out, "+%s:%s ", creators[i].handle,
				    creator_priority_name(creators[i].priority));
		else
			strbuf_addf(&out, "-%s ", creators[i].handle);
	}
	assert_string_equal(out.data, expected);
	strbuf_finish(&out);
	free(creators);
}

/* ---- who is watched ---- */

static void a_creator_is_watched_while_somebody_names_it(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct store_mark mark = { 0 };
	const char *ann = "ann";
	struct text_id webhook = add_webhook(store, "ann");
	expect_changes(store, &mark, "+ann:normal ");
	put(store, "vips", PRIORITY_HIGH, &ann, 1);
	expect_changes(store, &mark, "+ann:high ");
	put(store, "others", PRIORITY_LOW, &ann, 1);
	expect_changes(store, &mark, "");
	assert_ok(store_webhook_remove(store, webhook.text, T0));
	expect_changes(store, &mark, "");
	assert_ok(store_watchlist_remove(store, "vips", T0));
	expect_changes(store, &mark, "+ann:low ");
	put(store, "others", PRIORITY_LOW, NULL, 0);
	expect_changes(store, &mark, "-ann ");
	struct creator_key key;
	assert_int_equal(store_creator_find(store, "ann", &key), -ENOENT);
}

static void a_list_that_changes_its_priority_changes_that_of_its_creators(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct store_mark mark = { 0 };
	const char *two[] = { "ann", "bob" };
	put(store, "vips", PRIORITY_NORMAL, two, 2);
	expect_changes(store, &mark, "+ann:normal +bob:normal ");
	put(store, "vips", PRIORITY_LOW, two, 2);
	expect_changes(store, &mark, "+ann:low +bob:low ");
	enum creator_priority high = PRIORITY_HIGH;
	assert_ok(store_watchlist_change(store, "vips", &high, NULL, 0, NULL, 0, T0));
	expect_changes(store, &mark, "+ann:high +bob:high ");
}

static void replacing_a_list_touches_only_who_comes_and_goes(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct store_mark mark = { 0 };
	const char *before[] = { "ann", "bob" }, *after[] = { "bob", "cid" };
	put(store, "vips", PRIORITY_NORMAL, before, 2);
	expect_changes(store, &mark, "+ann:normal +bob:normal ");
	put(store, "vips", PRIORITY_NORMAL, after, 2);
	expect_changes(store, &mark, "-ann +cid:normal ");
}

static void the_creators_of_an_inactive_webhook_stay_watched(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct store_mark mark = { 0 };
	struct text_id webhook = add_webhook(store, "ann");
	expect_changes(store, &mark, "+ann:normal ");
	struct webhook change = { .active = false };
	assert_ok(store_webhook_change(store, webhook.text, &change, WEBHOOK_ACTIVE, T0));
	expect_changes(store, &mark, "");
}

static void from_the_beginning_only_who_is_watched_counts(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct store_mark mark = { 0 };
	const char *ann = "ann", *bob = "bob";
	put(store, "a", PRIORITY_NORMAL, &ann, 1);
	put(store, "b", PRIORITY_NORMAL, &bob, 1);
	assert_ok(store_watchlist_remove(store, "a", T0));
	expect_changes(store, &mark, "+bob:normal ");
}

static void changes_come_in_pages(void **state)
{
	struct fixture *fixture = *state;
	struct store_mark mark = { 0 };
	unsigned seen = 0, count = 7;
	for (int i = 0; i < 20; i++) {
		char handle[16];
		snprintf(handle, sizeof(handle), "user%02d", i);
		watch(fixture->store, handle);
	}
	reopen(fixture);
	while (count == 7) {
		struct watched_creator *creators;
		assert_ok(store_watched_changes(fixture->store, &mark, 7, &creators, &count));
		seen += count;
		free(creators);
	}
	assert_int_equal(seen, 20);
}

/* ---- state ---- */

static const struct creator_state some_state = { .room = UINT64_C(0xFFFFFFFFFFFFFF01),
						 .ended_room = UINT64_C(7000000000000000000),
						 .live_since_ms = 11,
						 .answered_at_ms = 12,
						 .evidence_since_ms = 13,
						 .sequence = 14,
						 .evidence_count = 15,
						 .status = CREATOR_LIVE,
						 .evidence = EVIDENCE_RESUMING,
						 .started_source = EVENT_STARTED_OBSERVED };

static struct watched_creator read_one(struct store *store)
{
	struct store_mark mark = { 0 };
	struct watched_creator *creators, one;
	unsigned count;
	assert_ok(store_watched_changes(store, &mark, 10, &creators, &count));
	assert_int_equal(count, 1);
	one = creators[0];
	free(creators);
	return one;
}

static void expect_some_state(const struct creator_state *state)
{
	assert_true(state->room == some_state.room);
	assert_true(state->ended_room == some_state.ended_room);
	assert_int_equal(state->live_since_ms, 11);
	assert_int_equal(state->answered_at_ms, 12);
	assert_int_equal(state->evidence_since_ms, 13);
	assert_int_equal(state->sequence, 14);
	assert_int_equal(state->evidence_count, 15);
	assert_int_equal(state->status, CREATOR_LIVE);
	assert_int_equal(state->evidence, EVIDENCE_RESUMING);
	assert_int_equal(state->started_source, EVENT_STARTED_OBSERVED);
}

static void a_state_outlives_a_restart(void **state)
{
	struct fixture *fixture = *state;
	struct creator_key key = watch(fixture->store, "ann");
	assert_ok(store_creator_save_state(fixture->store, key, &some_state));
	assert_ok(store_creator_save_check(fixture->store, key, T0, T0 + 60000,
					   some_state.answered_at_ms,
					   (struct tally){ .unchanged = 3, .failed = 2 }));
	assert_ok(store_creator_quarantine(fixture->store, key, true, T0));
	reopen(fixture);
	struct watched_creator creator = read_one(fixture->store);
	assert_int_equal(creator.tally.unchanged, 3);
	assert_int_equal(creator.tally.failed, 2);
	expect_some_state(&creator.state);
	assert_int_equal(creator.key.value, key.value);
	assert_int_equal(creator.last_checked_at_ms, T0);
	assert_true(creator.quarantined);
	assert_ok(store_creator_quarantine(fixture->store, key, false, T0));
	assert_false(read_one(fixture->store).quarantined);
}

static void a_check_tells_when_it_was_answered_and_leaves_the_rest_of_the_state(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct creator_key key = watch(store, "ann");
	assert_ok(store_creator_save_state(store, key, &some_state));
	assert_ok(
		store_creator_save_check(store, key, T0, T0 + 60000, T0 - 5, (struct tally){ 0 }));
	struct creator_state read = read_one(store).state;
	assert_int_equal(read.answered_at_ms, T0 - 5);
	read.answered_at_ms = some_state.answered_at_ms;
	expect_some_state(&read);
}

static void who_is_watched_again_goes_on_with_what_was_known(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct creator_key key = watch(store, "ann");
	assert_ok(store_creator_save_state(store, key, &some_state));
	assert_ok(store_watchlist_remove(store, "list-of-ann", T0));
	assert_int_equal(watch(store, "ann").value, key.value);
	struct watched_creator creator = read_one(store);
	expect_some_state(&creator.state);
}

/* ---- sessions ---- */

static void on_session(void *arg, const struct session *session)
{
	strbuf_addf(arg, "%llu:%lld-%lld:%s:%s ", (unsigned long long)session->room,
		    (long long)session->started_at_ms, (long long)session->ended_at_ms,
		    event_start_source_name(session->source),
		    session->ended_at_ms ? event_end_reason_name(session->reason) : "");
}

static void sessions_are_listed_newest_first(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct creator_key key = watch(store, "ann");
	struct strbuf out;
	strbuf_init(&out, 4096);
	assert_ok(store_session_open(store, key, UINT64_MAX, 1, EVENT_STARTED_BY_ROOM_ID, 2));
	assert_ok(store_session_close(store, key, 3, EVENT_ROOM_CHANGED));
	assert_ok(store_session_open(store, key, 8, 4, EVENT_STARTED_OBSERVED, 4));
	assert_ok(store_session_list(store, "ann", 10, on_session, &out));
	assert_string_equal(out.data,
			    "8:4-0:observed: 18446744073709551615:1-3:room_id:room_changed ");
	strbuf_clear(&out);
	assert_ok(store_session_list(store, "ann", 1, on_session, &out));
	assert_string_equal(out.data, "8:4-0:observed: ");
	strbuf_finish(&out);
}

static void a_history_has_the_latest_sessions_of_one_creator(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct creator_key key = watch(store, "ann"), other = watch(store, "bob");
	struct session sessions[2];
	unsigned count;
	for (int64_t at = 10; at < 40; at += 10) {
		assert_ok(store_session_open(store, key, 1, at, EVENT_STARTED_OBSERVED, at));
		assert_ok(store_session_close(store, key, at + 5, EVENT_ENDED));
	}
	assert_ok(store_session_open(store, other, 1, 99, EVENT_STARTED_OBSERVED, 99));
	assert_ok(store_session_history(store, key, sessions, 2, &count));
	assert_int_equal(count, 2);
	assert_int_equal(sessions[0].started_at_ms, 30);
	assert_int_equal(sessions[1].ended_at_ms, 25);
	assert_ok(store_session_history(store, other, sessions, 2, &count));
	assert_int_equal(count, 1);
	assert_int_equal(sessions[0].ended_at_ms, 0);
}

static void a_creator_has_one_open_session_at_most(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct creator_key key = watch(store, "ann");
	assert_int_equal(store_session_close(store, key, 1, EVENT_ENDED), -ENOENT);
	assert_ok(store_session_open(store, key, 1, 1, EVENT_STARTED_OBSERVED, 1));
	assert_int_equal(store_session_open(store, key, 2, 2, EVENT_STARTED_OBSERVED, 2), -EEXIST);
}

/* ---- for the API ---- */

static void on_creator(void *arg, const struct creator *creator)
{
	struct strbuf *out = arg;
	strbuf_addf(out, "%s:%s", creator->handle, creator_status_name(creator->status));
	if (creator->quarantined)
		strbuf_add_text(out, ":quarantined");
	for (size_t i = 0; i < creator->watchlist_count; i++)
		strbuf_addf(out, "%s%s", i ? "," : ":", creator->watchlists[i]);
	strbuf_add_text(out, " ");
}

static void creators_are_listed_by_name_and_filtered(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	const char *two[] = { "cid", "ann" };
	put(store, "vips", PRIORITY_NORMAL, two, 2);
	add_webhook(store, "bob");
	struct creator_key gone = watch(store, "zoe"), ann;
	assert_ok(store_watchlist_remove(store, "list-of-zoe", T0));
	assert_ok(store_creator_save_state(store, gone, &some_state));
	assert_ok(store_creator_find(store, "ann", &ann));
	assert_ok(store_creator_save_state(store, ann, &some_state));
	assert_ok(store_creator_quarantine(store, ann, true, T0));

	enum creator_status live = CREATOR_LIVE, unknown = CREATOR_UNKNOWN;
	const struct {
		const enum creator_status *status;
		const char *watchlist, *after;
		unsigned limit;
		const char *expected;
	} cases[] = {
		{ NULL, NULL, "", 10, "ann:live:quarantined:vips bob:unknown cid:unknown:vips " },
		{ NULL, NULL, "", 1, "ann:live:quarantined:vips " },
		{ NULL, NULL, "ann", 10, "bob:unknown cid:unknown:vips " },
		{ &live, NULL, "", 10, "ann:live:quarantined:vips " },
		{ &unknown, NULL, "bob", 10, "cid:unknown:vips " },
		{ NULL, "vips", "", 10, "ann:live:quarantined:vips cid:unknown:vips " },
		{ &unknown, "vips", "", 10, "cid:unknown:vips " },
		{ NULL, "none", "", 10, "" },
	};
	struct strbuf out;
	strbuf_init(&out, 4096);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		strbuf_clear(&out);
		assert_ok(store_creator_list(store, cases[i].status, cases[i].watchlist,
					     cases[i].after, cases[i].limit, on_creator, &out));
		assert_string_equal(out.data, cases[i].expected);
	}
	strbuf_clear(&out);
	assert_ok(store_creator_show(store, "bob", on_creator, &out));
	assert_string_equal(out.data, "bob:unknown ");
	assert_int_equal(store_creator_show(store, "zoe", on_creator, &out), -ENOENT);
	strbuf_finish(&out);

	struct creator_totals totals;
	assert_ok(store_creator_totals(store, &totals));
	assert_int_equal(totals.live, 1);
	assert_int_equal(totals.unknown, 2);
	assert_int_equal(totals.offline, 0);
	assert_int_equal(totals.quarantined, 1);
}

static void requests_are_counted_per_day(void **state)
{
	struct fixture *fixture = *state;
	int64_t used;
	assert_ok(store_quota_used(fixture->store, 20000, &used));
	assert_int_equal(used, 0);
	assert_ok(store_quota_take(fixture->store, 20000, 3, &used));
	assert_ok(store_quota_take(fixture->store, 20000, 2, &used));
	assert_int_equal(used, 5);
	reopen(fixture);
	assert_ok(store_quota_used(fixture->store, 20000, &used));
	assert_int_equal(used, 5);
	assert_ok(store_quota_used(fixture->store, 20001, &used));
	assert_int_equal(used, 0);
}

#define IN_A_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_STORE(a_creator_is_watched_while_somebody_names_it),
		IN_A_STORE(a_list_that_changes_its_priority_changes_that_of_its_creators),
		IN_A_STORE(replacing_a_list_touches_only_who_comes_and_goes),
		IN_A_STORE(the_creators_of_an_inactive_webhook_stay_watched),
		IN_A_STORE(from_the_beginning_only_who_is_watched_counts),
		IN_A_STORE(changes_come_in_pages),
		IN_A_STORE(a_state_outlives_a_restart),
		IN_A_STORE(a_check_tells_when_it_was_answered_and_leaves_the_rest_of_the_state),
		IN_A_STORE(who_is_watched_again_goes_on_with_what_was_known),
		IN_A_STORE(sessions_are_listed_newest_first),
		IN_A_STORE(a_history_has_the_latest_sessions_of_one_creator),
		IN_A_STORE(a_creator_has_one_open_session_at_most),
		IN_A_STORE(creators_are_listed_by_name_and_filtered),
		IN_A_STORE(requests_are_counted_per_day),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
