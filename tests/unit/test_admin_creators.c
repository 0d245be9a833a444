#include "admin_fixture.h"

static struct creator_key find(struct admin_fixture *fixture, const char *handle)
{
	struct creator_key key;

	assert_int_equal(store_creator_find(fixture->store, handle, &key), 0);
	return key;
}

static void go_live(struct admin_fixture *fixture, const char *handle, uint64_t room)
{
	struct creator_state live = {
		.status = CREATOR_LIVE,
		.room = room,
		.live_since_ms = NOW_MS - 19000,
		.answered_at_ms = NOW_MS,
		.sequence = 1,
	};

	assert_int_equal(store_creator_save_state(fixture->store, find(fixture, handle), &live), 0);
	assert_int_equal(store_session_open(fixture->store, find(fixture, handle), room,
					    NOW_MS - 19000, EVENT_STARTED_BY_ROOM_ID, NOW_MS),
			 0);
}

static void who_was_never_asked_for_is_unknown(void **state)
{
	struct admin_fixture *fixture = *state;

	expect(fixture, 201, "PUT", "/api/watchlists/talents", "{\"creators\":[\"ada\"]}");
	expect(fixture, 200, "GET", "/api/creators", NULL);
	expect_count(fixture, "creators", 1);
	expect_text(fixture, "creators.0.unique_id", "ada");
	expect_text(fixture, "creators.0.state", "unknown");
	expect_type(fixture, "creators.0.room_id", JSON_NULL);
	expect_type(fixture, "creators.0.live_since", JSON_NULL);
	expect_type(fixture, "creators.0.last_checked_at", JSON_NULL);
	expect_text(fixture, "creators.0.watchlists.0", "talents");
	expect_type(fixture, "next_cursor", JSON_NULL);
}

static void a_live_is_shown_with_all_digits_of_its_room(void **state)
{
	struct admin_fixture *fixture = *state;

	expect(fixture, 201, "PUT", "/api/watchlists/talents", "{\"creators\":[\"ada\"]}");
	go_live(fixture, "ada", UINT64_C(7000000000000000001));
	assert_int_equal(store_creator_save_check(fixture->store, find(fixture, "ada"), NOW_MS,
						  NOW_MS + 60000, NOW_MS, (struct tally){ 0 }),
			 0);
	expect(fixture, 200, "GET", "/api/creators/ada", NULL);
	expect_text(fixture, "state", "live");
	expect_text(fixture, "room_id", "7000000000000000001");
	expect_text(fixture, "live_since", "2026-06-18T12:59:41.000Z");
	expect_text(fixture, "last_checked_at", "2026-06-18T13:00:00.000Z");
	expect_text(fixture, "next_check_at", "2026-06-18T13:01:00.000Z");
}

static void sessions_are_shown_newest_first_and_the_open_one_without_an_end(void **state)
{
	struct admin_fixture *fixture = *state;

	expect(fixture, 201, "PUT", "/api/watchlists/talents", "{\"creators\":[\"ada\"]}");
	assert_int_equal(store_session_open(fixture->store, find(fixture, "ada"), 0,
					    NOW_MS - 7200000, EVENT_STARTED_OBSERVED,
					    NOW_MS - 7200000),
			 0);
	assert_int_equal(store_session_close(fixture->store, find(fixture, "ada"), NOW_MS - 3600000,
					     EVENT_ROOM_CHANGED),
			 0);
	go_live(fixture, "ada", 77);
	expect(fixture, 200, "GET", "/api/creators/ada", NULL);
	expect_count(fixture, "sessions", 2);
	expect_text(fixture, "sessions.0.room_id", "77");
	expect_text(fixture, "sessions.0.started_at_source", "room_id");
	expect_type(fixture, "sessions.0.ended_at", JSON_NULL);
	expect_type(fixture, "sessions.0.duration_seconds", JSON_NULL);
	expect_type(fixture, "sessions.0.reason", JSON_NULL);
	expect_type(fixture, "sessions.1.room_id", JSON_NULL);
	expect_text(fixture, "sessions.1.started_at", "2026-06-18T11:00:00.000Z");
	expect_text(fixture, "sessions.1.started_at_source", "observed");
	expect_text(fixture, "sessions.1.ended_at", "2026-06-18T12:00:00.000Z");
	expect_integer(fixture, "sessions.1.duration_seconds", 3600);
	expect_text(fixture, "sessions.1.reason", "room_changed");
}

static void a_creator_is_found_in_other_spellings(void **state)
{
	struct admin_fixture *fixture = *state;

	expect(fixture, 201, "PUT", "/api/watchlists/talents", "{\"creators\":[\"ada\"]}");
	expect(fixture, 200, "GET", "/api/creators/%40Ada", NULL);
	expect_text(fixture, "unique_id", "ada");
	expect(fixture, 404, "GET", "/api/creators/bob", NULL);
	expect(fixture, 404, "GET", "/api/creators/no%20name", NULL);
}

static void filters_narrow_and_are_checked(void **state)
{
	struct admin_fixture *fixture = *state;

	expect(fixture, 201, "PUT", "/api/watchlists/one", "{\"creators\":[\"ada\",\"bob\"]}");
	expect(fixture, 201, "PUT", "/api/watchlists/two", "{\"creators\":[\"bob\",\"cem\"]}");
	go_live(fixture, "bob", 5);
	expect(fixture, 200, "GET", "/api/creators?state=live", NULL);
	expect_count(fixture, "creators", 1);
	expect_text(fixture, "creators.0.unique_id", "bob");
	expect_count(fixture, "creators.0.watchlists", 2);
	expect(fixture, 200, "GET", "/api/creators?watchlist=two&state=unknown", NULL);
	expect_count(fixture, "creators", 1);
	expect_text(fixture, "creators.0.unique_id", "cem");
	expect(fixture, 200, "GET", "/api/creators?state=offline", NULL);
	expect_count(fixture, "creators", 0);
	expect_refused(fixture, "state", "GET", "/api/creators?state=asleep", NULL);
	expect_refused(fixture, "watchlist", "GET", "/api/creators?watchlist=three", NULL);
	expect_refused(fixture, "limit", "GET", "/api/creators?limit=501", NULL);
}

static void pages_go_by_name(void **state)
{
	struct admin_fixture *fixture = *state;
	char target[256];

	expect(fixture, 201, "PUT", "/api/watchlists/one",
	       "{\"creators\":[\"cem\",\"ada\",\"bob\"]}");
	expect(fixture, 200, "GET", "/api/creators?limit=2", NULL);
	expect_text(fixture, "creators.0.unique_id", "ada");
	expect_text(fixture, "creators.1.unique_id", "bob");
	snprintf(target, sizeof(target), "/api/creators?cursor=%s",
		 json_string(answer_at(fixture, "next_cursor")));
	expect(fixture, 200, "GET", target, NULL);
	expect_count(fixture, "creators", 1);
	expect_text(fixture, "creators.0.unique_id", "cem");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, admin_set_up, admin_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_was_never_asked_for_is_unknown),
		TEST(a_live_is_shown_with_all_digits_of_its_room),
		TEST(sessions_are_shown_newest_first_and_the_open_one_without_an_end),
		TEST(a_creator_is_found_in_other_spellings),
		TEST(filters_narrow_and_are_checked),
		TEST(pages_go_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
