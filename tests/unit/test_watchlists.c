#include "tests/unit/store_fixture.h"

#include <errno.h>

static void on_watchlist(void *arg, const struct watchlist *watchlist)
{
	struct strbuf *out = arg;
	strbuf_addf(out, "%s:%s:%zu", watchlist->name, creator_priority_name(watchlist->priority),
		    watchlist->creator_count);
	for (size_t i = 0; watchlist->creators && i < watchlist->creator_count; i++)
		strbuf_addf(out, " %s", watchlist->creators[i]);
	strbuf_add_text(out, ";");
}

static void expect_list(struct store *store, const char *name, const char *expected)
{
	struct strbuf out;
	strbuf_init(&out, 4096);
	assert_ok(store_watchlist_show(store, name, on_watchlist, &out));
	assert_string_equal(out.data, expected);
	strbuf_finish(&out);
}

static bool put(struct store *store, const char *name, enum creator_priority priority,
		const char *const *creators, size_t count)
{
	bool created;
	assert_ok(store_watchlist_put(store, name, priority, creators, count, T0, &created));
	return created;
}

static void a_put_makes_a_list_or_replaces_all_of_it(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	const char *first[] = { "bob", "ann", "ann" }, *second[] = { "cid", "bob" };
	assert_true(put(store, "vips", PRIORITY_HIGH, first, 3));
	expect_list(store, "vips", "vips:high:2 ann bob;");
	assert_false(put(store, "vips", PRIORITY_LOW, second, 2));
	expect_list(store, "vips", "vips:low:2 bob cid;");
	assert_false(put(store, "vips", PRIORITY_LOW, NULL, 0));
	expect_list(store, "vips", "vips:low:0;");
}

static void a_change_adds_and_removes(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	const char *first[] = { "ann", "bob" }, *add[] = { "cid", "ann" },
		   *remove[] = { "bob", "zoe" };
	put(store, "vips", PRIORITY_NORMAL, first, 2);
	assert_ok(store_watchlist_change(store, "vips", NULL, add, 2, remove, 2, T0));
	expect_list(store, "vips", "vips:normal:2 ann cid;");
	enum creator_priority high = PRIORITY_HIGH;
	assert_ok(store_watchlist_change(store, "vips", &high, NULL, 0, NULL, 0, T0));
	expect_list(store, "vips", "vips:high:2 ann cid;");
	assert_int_equal(store_watchlist_change(store, "none", NULL, add, 2, NULL, 0, T0), -ENOENT);
}

static void a_list_that_a_webhook_names_stays(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	const char *ann = "ann";
	struct text_id id;
	put(store, "vips", PRIORITY_NORMAL, &ann, 1);
	struct webhook webhook = { .target_url = "https://example.com/",
				   .event_types = 1,
				   .watchlists = (const char *[]){ "vips" },
				   .watchlist_count = 1,
				   .active = true };
	assert_ok(store_webhook_add(store, &webhook, "whsec_1", 0, T0, id.text));
	assert_int_equal(store_watchlist_remove(store, "vips", T0), -EBUSY);
	assert_ok(store_webhook_remove(store, id.text, T0));
	assert_ok(store_watchlist_remove(store, "vips", T0));
	assert_false(store_watchlist_exists(store, "vips"));
	assert_int_equal(store_watchlist_remove(store, "vips", T0), -ENOENT);
}

static void lists_are_by_name_and_paged(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	const char *ann = "ann";
	put(store, "c", PRIORITY_NORMAL, &ann, 1);
	put(store, "a", PRIORITY_NORMAL, &ann, 1);
	put(store, "b", PRIORITY_NORMAL, NULL, 0);
	struct strbuf out;
	strbuf_init(&out, 4096);
	assert_ok(store_watchlist_list(store, "", 2, on_watchlist, &out));
	assert_string_equal(out.data, "a:normal:1;b:normal:0;");
	strbuf_clear(&out);
	assert_ok(store_watchlist_list(store, "b", 2, on_watchlist, &out));
	assert_string_equal(out.data, "c:normal:1;");
	strbuf_finish(&out);
}

#define IN_A_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_STORE(a_put_makes_a_list_or_replaces_all_of_it),
		IN_A_STORE(a_change_adds_and_removes),
		IN_A_STORE(a_list_that_a_webhook_names_stays),
		IN_A_STORE(lists_are_by_name_and_paged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
