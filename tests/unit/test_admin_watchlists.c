#include "admin_fixture.h"

static void a_put_makes_a_list_and_the_next_one_replaces_all_of_it(void **state)
{
	struct admin_fixture *fixture = *state;

	expect(fixture, 201, "PUT", "/api/watchlists/talents",
	       "{\"priority\":\"high\",\"creators\":[\"ada\",\"bob\"]}");
	expect_text(fixture, "name", "talents");
	expect_text(fixture, "priority", "high");
	expect_integer(fixture, "creator_count", 2);
	expect_text(fixture, "creators.1", "bob");
	fixture->now_ms += 1000;
	expect(fixture, 200, "PUT", "/api/watchlists/talents", "{\"creators\":[\"cem\"]}");
	expect_text(fixture, "priority", "normal");
	expect_count(fixture, "creators", 1);
	expect_text(fixture, "creators.0", "cem");
	expect_text(fixture, "created_at", "2026-06-18T13:00:00.000Z");
	expect_text(fixture, "updated_at", "2026-06-18T13:00:01.000Z");
}

static void creators_are_taken_in_every_spelling_once(void **state)
{
	struct admin_fixture *fixture = *state;

	expect(fixture, 201, "PUT", "/api/watchlists/talents",
	       "{\"creators\":[\"zoe\",\"@Ada\",\"https://www.tiktok.com/@ada/live\"]}");
	expect(fixture, 200, "GET", "/api/watchlists/talents", NULL);
	expect_count(fixture, "creators", 2);
	expect_text(fixture, "creators.0", "ada");
	expect_text(fixture, "creators.1", "zoe");
}

static void an_empty_list_is_a_list(void **state)
{
	struct admin_fixture *fixture = *state;

	expect(fixture, 201, "PUT", "/api/watchlists/nobody", "{\"creators\":[]}");
	expect_count(fixture, "creators", 0);
}

static void what_is_not_acceptable_is_named_and_nothing_is_stored(void **state)
{
	struct admin_fixture *fixture = *state;

	expect_refused(fixture, "creators", "PUT", "/api/watchlists/a", "{}");
	expect(fixture, 400, "PUT", "/api/watchlists/a", NULL);
	expect_refused(fixture, "creators", "PUT", "/api/watchlists/a", "{\"creators\":\"ada\"}");
	expect_refused(fixture, "creators", "PUT", "/api/watchlists/a",
		       "{\"creators\":[\"ada\",\"not a name\"]}");
	assert_non_null(strstr(fixture->reply.body.data, "not a name"));
	expect_refused(fixture, "priority", "PUT", "/api/watchlists/a",
		       "{\"creators\":[],\"priority\":\"urgent\"}");
	expect_refused(fixture, "name", "PUT", "/api/watchlists/a%20b", "{\"creators\":[]}");
	expect(fixture, 400, "PUT", "/api/watchlists/a", "{\"creators\":[],\"colour\":1}");
	assert_int_equal(fixture->reply.effects, 0);
	expect(fixture, 404, "GET", "/api/watchlists/a", NULL);
	expect(fixture, 200, "GET", "/api/audit", NULL);
	expect_count(fixture, "audit", 0);
}

static void a_name_may_have_64_characters_and_no_more(void **state)
{
	struct admin_fixture *fixture = *state;
	char target[128];

	snprintf(target, sizeof(target), "/api/watchlists/%064d", 7);
	expect(fixture, 201, "PUT", target, "{\"creators\":[]}");
	snprintf(target, sizeof(target), "/api/watchlists/%065d", 7);
	expect_refused(fixture, "name", "PUT", target, "{\"creators\":[]}");
}

/* {"creators":["c00000",…]} of so many. */
static void put_many(struct admin_fixture *fixture, int status, unsigned count)
{
	struct strbuf body;

	strbuf_init(&body, LIMIT_ADMIN_BODY_BYTES);
	strbuf_add_text(&body, "{\"creators\":[");
	for (unsigned i = 0; i < count; i++)
		strbuf_addf(&body, "%s\"%06x\"", i > 0 ? "," : "", i);
	strbuf_add_text(&body, "]}");
	assert_false(strbuf_is_full(&body));
	expect(fixture, status, "PUT", "/api/watchlists/many", body.data);
	strbuf_finish(&body);
}

static void a_list_has_a_limit_however_it_is_reached(void **state)
{
	struct admin_fixture *fixture = *state;

	put_many(fixture, 422, LIMIT_WATCHLIST_CREATORS + 1);
	expect_text(fixture, "field", "creators");
	put_many(fixture, 201, LIMIT_WATCHLIST_CREATORS);
	expect_refused(fixture, "add", "PATCH", "/api/watchlists/many", "{\"add\":[\"ada\"]}");
	expect(fixture, 200, "PATCH", "/api/watchlists/many",
	       "{\"add\":[\"ada\"],\"remove\":[\"000000\"]}");
	expect_integer(fixture, "creator_count", LIMIT_WATCHLIST_CREATORS);
}

static void a_patch_adds_removes_and_weighs_and_leaves_the_rest(void **state)
{
	struct admin_fixture *fixture = *state;

	expect(fixture, 201, "PUT", "/api/watchlists/a",
	       "{\"priority\":\"low\",\"creators\":[\"ada\",\"bob\"]}");
	expect(fixture, 200, "PATCH", "/api/watchlists/a",
	       "{\"add\":[\"@Cem\",\"ada\"],\"remove\":[\"bob\",\"nobody\"]}");
	expect_text(fixture, "priority", "low");
	expect_count(fixture, "creators", 2);
	expect_text(fixture, "creators.0", "ada");
	expect_text(fixture, "creators.1", "cem");
	expect(fixture, 200, "PATCH", "/api/watchlists/a", "{\"priority\":\"high\"}");
	expect_text(fixture, "priority", "high");
	expect_count(fixture, "creators", 2);
	expect(fixture, 200, "PATCH", "/api/watchlists/a", NULL);
	expect_count(fixture, "creators", 2);
}

static void a_patch_that_contradicts_itself_or_names_no_list_changes_nothing(void **state)
{
	struct admin_fixture *fixture = *state;

	expect(fixture, 404, "PATCH", "/api/watchlists/a", "{\"add\":[\"ada\"]}");
	expect(fixture, 201, "PUT", "/api/watchlists/a", "{\"creators\":[\"bob\"]}");
	expect_refused(fixture, "remove", "PATCH", "/api/watchlists/a",
		       "{\"add\":[\"ada\",\"cem\"],\"remove\":[\"bob\",\"@CEM\"]}");
	expect_refused(fixture, "priority", "PATCH", "/api/watchlists/a", "{\"priority\":3}");
	expect(fixture, 200, "GET", "/api/watchlists/a", NULL);
	expect_count(fixture, "creators", 1);
}

static void a_list_that_a_webhook_watches_stays(void **state)
{
	struct admin_fixture *fixture = *state;
	char webhook[ID_TEXT_SIZE];

	expect(fixture, 201, "PUT", "/api/watchlists/a", "{\"creators\":[\"ada\"]}");
	make_webhook(fixture, NULL, 0, "a", webhook);
	expect(fixture, 409, "DELETE", "/api/watchlists/a", NULL);
	assert_non_null(strstr(fixture->reply.body.data, webhook));
	expect(fixture, 200, "GET", "/api/watchlists/a", NULL);
}

static void a_deleted_list_is_gone(void **state)
{
	struct admin_fixture *fixture = *state;

	expect(fixture, 201, "PUT", "/api/watchlists/a", "{\"creators\":[\"ada\"]}");
	expect(fixture, 204, "DELETE", "/api/watchlists/a", NULL);
	assert_int_equal(fixture->reply.effects, EFFECT_WATCHED_CHANGED);
	expect(fixture, 404, "GET", "/api/watchlists/a", NULL);
	expect(fixture, 404, "DELETE", "/api/watchlists/a", NULL);
	expect(fixture, 200, "GET", "/api/creators", NULL);
	expect_count(fixture, "creators", 0);
}

static void lists_are_listed_by_name_in_pages(void **state)
{
	struct admin_fixture *fixture = *state;
	char target[256];

	expect(fixture, 201, "PUT", "/api/watchlists/c", "{\"creators\":[]}");
	expect(fixture, 201, "PUT", "/api/watchlists/a", "{\"creators\":[\"ada\",\"bob\"]}");
	expect(fixture, 201, "PUT", "/api/watchlists/b", "{\"creators\":[]}");
	expect(fixture, 200, "GET", "/api/watchlists?limit=2", NULL);
	expect_count(fixture, "watchlists", 2);
	expect_text(fixture, "watchlists.0.name", "a");
	expect_integer(fixture, "watchlists.0.creator_count", 2);
	expect_text(fixture, "watchlists.1.name", "b");
	snprintf(target, sizeof(target), "/api/watchlists?limit=2&cursor=%s",
		 json_string(answer_at(fixture, "next_cursor")));
	expect(fixture, 200, "GET", target, NULL);
	expect_count(fixture, "watchlists", 1);
	expect_text(fixture, "watchlists.0.name", "c");
	expect_type(fixture, "next_cursor", JSON_NULL);
	expect_refused(fixture, "limit", "GET", "/api/watchlists?limit=0", NULL);
	expect_refused(fixture, "cursor", "GET", "/api/watchlists?cursor=x", NULL);
	expect_refused(fixture, "colour", "GET", "/api/watchlists?colour=red", NULL);
}

static void every_change_is_on_record_and_makes_the_poller_look(void **state)
{
	struct admin_fixture *fixture = *state;

	expect(fixture, 201, "PUT", "/api/watchlists/a", "{\"creators\":[\"ada\"]}");
	assert_int_equal(fixture->reply.effects, EFFECT_WATCHED_CHANGED);
	expect(fixture, 200, "PATCH", "/api/watchlists/a", "{\"add\":[\"bob\"]}");
	assert_int_equal(fixture->reply.effects, EFFECT_WATCHED_CHANGED);
	expect(fixture, 204, "DELETE", "/api/watchlists/a", NULL);
	expect(fixture, 200, "GET", "/api/audit", NULL);
	expect_count(fixture, "audit", 3);
	expect_text(fixture, "audit.0.action", "watchlist.delete");
	expect_text(fixture, "audit.1.action", "watchlist.change");
	expect_integer(fixture, "audit.1.detail.add", 1);
	expect_text(fixture, "audit.2.action", "watchlist.put");
	expect_text(fixture, "audit.2.actor", "tester");
	expect_text(fixture, "audit.2.subject", "a");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, admin_set_up, admin_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_put_makes_a_list_and_the_next_one_replaces_all_of_it),
		TEST(creators_are_taken_in_every_spelling_once),
		TEST(an_empty_list_is_a_list),
		TEST(what_is_not_acceptable_is_named_and_nothing_is_stored),
		TEST(a_name_may_have_64_characters_and_no_more),
		TEST(a_list_has_a_limit_however_it_is_reached),
		TEST(a_patch_adds_removes_and_weighs_and_leaves_the_rest),
		TEST(a_patch_that_contradicts_itself_or_names_no_list_changes_nothing),
		TEST(a_list_that_a_webhook_watches_stays),
		TEST(a_deleted_list_is_gone),
		TEST(lists_are_listed_by_name_in_pages),
		TEST(every_change_is_on_record_and_makes_the_poller_look),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
