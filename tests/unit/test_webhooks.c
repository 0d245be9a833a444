#include "tests/unit/store_fixture.h"

#include <errno.h>

/* Everything that the API shows, as one text. */
static void on_webhook(void *arg, const struct webhook *webhook)
{
	struct strbuf *out = arg;
	strbuf_addf(out, "%s types=%u active=%d name=%s description=%s token=%s headers=%s rate=%g",
		    webhook->target_url, webhook->event_types, webhook->active,
		    webhook->name ? webhook->name : "-",
		    webhook->description ? webhook->description : "-",
		    webhook->bearer_token ? webhook->bearer_token : "-",
		    webhook->extra_headers ? webhook->extra_headers : "-", webhook->rate_limit);
	for (size_t i = 0; i < webhook->creator_count; i++)
		strbuf_addf(out, " @%s", webhook->creators[i]);
	for (size_t i = 0; i < webhook->watchlist_count; i++)
		strbuf_addf(out, " #%s", webhook->watchlists[i]);
}

static void expect_webhook(struct store *store, const char *id, const char *expected)
{
	struct strbuf out;
	strbuf_init(&out, 4096);
	assert_ok(store_webhook_show(store, id, T0, on_webhook, &out));
	assert_string_equal(out.data, expected);
	strbuf_finish(&out);
}

static void put_list(struct store *store, const char *name, const char *creator)
{
	bool created;
	assert_ok(store_watchlist_put(store, name, PRIORITY_NORMAL, &creator, 1, T0, &created));
}

static void a_new_webhook_is_shown_as_it_was_given(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id;
	put_list(store, "vips", "zoe");
	struct webhook webhook = { .target_url = "https://example.com/a",
				   .event_types = 2,
				   .creators = (const char *[]){ "bob", "ann", "bob" },
				   .creator_count = 3,
				   .watchlists = (const char *[]){ "vips" },
				   .watchlist_count = 1,
				   .name = "n",
				   .description = "d",
				   .bearer_token = "t",
				   .extra_headers = "{}",
				   .rate_limit = 0.5,
				   .active = true };
	assert_ok(store_webhook_add(store, &webhook, "whsec_1", 0, T0, id.text));
	assert_true(ulid_is_valid("wh_", id.text));
	expect_webhook(store, id.text,
		       "https://example.com/a types=2 active=1 name=n description=d token=t "
		       "headers={} rate=0.5 @ann @bob #vips");
	struct webhook shown = show_webhook(store, id.text, T0);
	assert_string_equal(shown.id, id.text);
	assert_int_equal(shown.created_at_ms, T0);
	assert_int_equal(shown.last_delivery_at_ms, 0);
}

static void a_list_that_does_not_exist_is_refused(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id;
	struct webhook webhook = { .target_url = "https://example.com/",
				   .event_types = 1,
				   .watchlists = (const char *[]){ "nolist" },
				   .watchlist_count = 1,
				   .active = true };
	assert_int_equal(store_webhook_add(store, &webhook, "whsec_1", 0, T0, id.text), -ENOENT);
	struct text_id other = add_webhook(store, NULL);
	assert_int_equal(store_webhook_change(store, other.text, &webhook, WEBHOOK_WATCHLISTS, T0),
			 -ENOENT);
}

static void there_are_no_more_than_the_limit(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id, first = add_webhook(store, NULL);
	add_webhook(store, NULL);
	struct webhook webhook = { .target_url = "https://example.com/", .event_types = 1 };
	assert_int_equal(store_webhook_add(store, &webhook, "whsec_1", 2, T0, id.text), -EDQUOT);
	assert_ok(store_webhook_remove(store, first.text, T0));
	assert_ok(store_webhook_add(store, &webhook, "whsec_1", 2, T0, id.text));
}

static void a_change_takes_over_the_named_fields_only(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, "ann");
	put_list(store, "vips", "zoe");
	struct webhook change = { .target_url = "https://example.com/b",
				  .event_types = 1,
				  .creators = (const char *[]){ "bob" },
				  .creator_count = 1,
				  .watchlists = (const char *[]){ "vips" },
				  .watchlist_count = 1,
				  .name = "n",
				  .description = "d",
				  .bearer_token = "t",
				  .extra_headers = "{}",
				  .rate_limit = 3,
				  .active = false };
	static const struct {
		unsigned field;
		const char *expected;
	} steps[] = {
		{ 0, "https://example.com/hook types=3 active=1 name=- description=- token=- "
		     "headers=- rate=0 @ann" },
		{ WEBHOOK_TARGET_URL, "https://example.com/b types=3 active=1 name=- description=- "
				      "token=- headers=- rate=0 @ann" },
		{ WEBHOOK_EVENT_TYPES, "https://example.com/b types=1 active=1 name=- "
				       "description=- token=- headers=- rate=0 @ann" },
		{ WEBHOOK_CREATORS, "https://example.com/b types=1 active=1 name=- description=- "
				    "token=- headers=- rate=0 @bob" },
		{ WEBHOOK_WATCHLISTS, "https://example.com/b types=1 active=1 name=- description=- "
				      "token=- headers=- rate=0 @bob #vips" },
		{ WEBHOOK_NAME | WEBHOOK_DESCRIPTION,
		  "https://example.com/b types=1 active=1 name=n description=d token=- headers=- "
		  "rate=0 @bob #vips" },
		{ WEBHOOK_BEARER_TOKEN | WEBHOOK_EXTRA_HEADERS,
		  "https://example.com/b types=1 active=1 name=n description=d token=t headers={} "
		  "rate=0 @bob #vips" },
		{ WEBHOOK_RATE_LIMIT, "https://example.com/b types=1 active=1 name=n description=d "
				      "token=t headers={} rate=3 @bob #vips" },
		{ WEBHOOK_ACTIVE, "https://example.com/b types=1 active=0 name=n description=d "
				  "token=t headers={} rate=3 @bob #vips" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		assert_ok(store_webhook_change(store, id.text, &change, steps[i].field, T0));
		expect_webhook(store, id.text, steps[i].expected);
	}
	struct webhook none = { 0 };
	assert_ok(store_webhook_change(store, id.text, &none, WEBHOOK_NAME | WEBHOOK_CREATORS, T0));
	expect_webhook(store, id.text,
		       "https://example.com/b types=1 active=0 name=- description=d token=t "
		       "headers={} rate=3 #vips");
	assert_int_equal(store_webhook_change(store, "wh_none", &none, WEBHOOK_NAME, T0), -ENOENT);
}

static void without_creators_and_lists_it_watches_everybody(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, "ann");
	watch(store, "bob");
	assert_int_equal(enqueue(store, add_start(store, "bob", T0).text, T0), 0);
	struct webhook none = { 0 };
	assert_ok(store_webhook_change(store, id.text, &none, WEBHOOK_CREATORS, T0));
	assert_int_equal(enqueue(store, add_end(store, "bob", T0).text, T0), 1);
}

static void a_deleted_webhook_is_in_no_list(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, "ann");
	assert_true(store_webhook_exists(store, id.text));
	assert_ok(store_webhook_remove(store, id.text, T0));
	assert_false(store_webhook_exists(store, id.text));
	struct webhook webhook = { 0 };
	int64_t expires;
	assert_int_equal(store_webhook_show(store, id.text, T0, on_shown_webhook, &webhook),
			 -ENOENT);
	assert_int_equal(store_webhook_remove(store, id.text, T0), -ENOENT);
	assert_int_equal(store_webhook_rotate_secret(store, id.text, "whsec_2", 0, T0, &expires),
			 -ENOENT);
}

static void on_listed_webhook(void *arg, const struct webhook *webhook)
{
	struct id_collection *collection = arg;
	memcpy(collection->ids[collection->count++].text, webhook->id, ID_TEXT_SIZE);
}

static void lists_are_newest_first_and_paged(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id ids[5];
	static struct id_collection found;
	found.count = 0;
	for (int i = 0; i < 5; i++)
		ids[i] = add_webhook(store, NULL);
	assert_ok(store_webhook_list(store, "", 2, T0, on_listed_webhook, &found));
	assert_int_equal(found.count, 2);
	assert_ok(store_webhook_remove(store, found.ids[1].text, T0));
	assert_ok(store_webhook_list(store, found.ids[1].text, 10, T0, on_listed_webhook, &found));
	assert_int_equal(found.count, 5);
	for (int i = 0; i < 5; i++)
		assert_string_equal(found.ids[i].text, ids[4 - i].text);
}

/* ---- secrets ---- */

static void a_rotation_lets_the_old_secrets_expire(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, NULL);
	int64_t expires;
	assert_ok(store_webhook_rotate_secret(store, id.text, "whsec_2", 5000, T0, &expires));
	assert_int_equal(expires, T0 + 5000);
	/* The first keeps its earlier time; the second goes with the new overlap. */
	assert_ok(store_webhook_rotate_secret(store, id.text, "whsec_3", 9000, T0, &expires));
	assert_int_equal(expires, T0 + 9000);

	static const struct {
		int64_t at_ms;
		const char *secrets[3];
		unsigned count;
	} cases[] = {
		{ 4999, { "whsec_first", "whsec_2", "whsec_3" }, 3 },
		{ 5000, { "whsec_2", "whsec_3" }, 2 },
		{ 9000, { "whsec_3" }, 1 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct claimed_lane lane = claim(store, id.text, 1, T0 + cases[i].at_ms);
		assert_int_equal(lane.endpoint.secret_count, cases[i].count);
		for (unsigned j = 0; j < cases[i].count; j++)
			assert_string_equal(lane.endpoint.secrets[j], cases[i].secrets[j]);
		store_claimed_lane_finish(&lane);
	}
}

static void five_secrets_are_the_most(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, NULL);
	int64_t expires;
	for (int i = 0; i < 4; i++)
		assert_ok(
			store_webhook_rotate_secret(store, id.text, "whsec_n", 5000, T0, &expires));
	assert_int_equal(store_webhook_rotate_secret(store, id.text, "whsec_n", 5000, T0, &expires),
			 -E2BIG);
	assert_ok(
		store_webhook_rotate_secret(store, id.text, "whsec_n", 5000, T0 + 5000, &expires));
}

static void a_rotation_without_overlap_ends_the_old_secret_at_once(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id = add_webhook(store, NULL);
	int64_t expires;
	assert_ok(store_webhook_rotate_secret(store, id.text, "whsec_2", 0, T0, &expires));
	assert_int_equal(expires, T0);
	struct claimed_lane lane = claim(store, id.text, 1, T0);
	assert_int_equal(lane.endpoint.secret_count, 1);
	assert_string_equal(lane.endpoint.secrets[0], "whsec_2");
	store_claimed_lane_finish(&lane);
}

#define IN_A_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_STORE(a_new_webhook_is_shown_as_it_was_given),
		IN_A_STORE(a_list_that_does_not_exist_is_refused),
		IN_A_STORE(there_are_no_more_than_the_limit),
		IN_A_STORE(a_change_takes_over_the_named_fields_only),
		IN_A_STORE(without_creators_and_lists_it_watches_everybody),
		IN_A_STORE(a_deleted_webhook_is_in_no_list),
		IN_A_STORE(lists_are_newest_first_and_paged),
		IN_A_STORE(a_rotation_lets_the_old_secrets_expire),
		IN_A_STORE(five_secrets_are_the_most),
		IN_A_STORE(a_rotation_without_overlap_ends_the_old_secret_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
