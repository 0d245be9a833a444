/* What runs for every answer, event and attempt must cost the same with 10 and with 10 million rows
 * of history: no statement of it may walk a table or sort. The statements are those that the
 * connection has prepared by then, whatever they are. Nor may one be prepared again and again, as
 * SQLite does for parameters that decide about an index. */
#include "db/findings.h"
#include "tests/unit/store_fixture.h"

#include <sqlite3.h>

static sqlite3 *newest_connection;

static int on_open(sqlite3 *connection, char **message, const struct sqlite3_api_routines *routines)
{
	(void)message;
	(void)routines;
	newest_connection = connection;
	return SQLITE_OK;
}

static void do_all_that_is_hot(struct store *store, const char *webhook_id)
{
	struct creator_key key = { 1 };
	struct creator_state creator_state = { 0 };
	struct store_mark mark = { 1 };
	struct lane_due *lanes;
	unsigned count;
	bool more;
	int64_t used;
	add_start(store, "ann", T0);
	enqueue(store, add_end(store, "ann", T0 + 1).text, T0);
	enqueue(store, add_start(store, "ann", T0 + 2).text, T0);
	assert_ok(store_creator_save_state(store, key, &creator_state));
	assert_ok(store_creator_save_check(store, key, T0, T0, T0, (struct tally){ 0 }));
	assert_ok(store_finding_add(store, key, &(struct finding){ .answered_at_ms = T0 }, NULL));
	assert_ok(store_quota_take(store, 20000, 1, &used));
	assert_ok(store_lanes_touched(store, &mark, 100, &lanes, &count, &more));
	free(lanes);
	static const enum attempt_verdict verdicts[] = { ATTEMPT_RETRY, ATTEMPT_DEAD,
							 ATTEMPT_DELIVERED };
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
		struct claimed_lane lane = claim(store, webhook_id, 1, T0 + 10);
		assert_int_equal(lane.claim_count, 1);
		finish(store, &lane.claims[0], verdicts[i], T0 + 10, T0 + 10);
		store_claimed_lane_finish(&lane);
	}
	struct claimed_lane lane;
	assert_ok(store_claim_test(store, T0, NULL, &lane));
	store_claimed_lane_finish(&lane);
	assert_ok(store_deliveries_recover(store, T0, &count));
}

/* What looks costly and is not: constants; the few webhooks that want one event, which indexes
 * gathered (s); an
 * index that only has what is due; notes of what is in flight (c, a). */
static bool is_costly(const char *detail)
{
	static const char *const harmless[] = {
		"SCAN CONSTANT ROW",    "SCAN (subquery", "UNION USING TEMP B-TREE",
		"deliveries_due_tests", "SCAN c",         "SCAN a",
	};
	if (strncmp(detail, "SCAN", 4) != 0 && !strstr(detail, "TEMP B-TREE"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++) {
		if (strstr(detail, harmless[i]))
			return false;
	}
	return strcmp(detail, "SCAN s") != 0;
}

static void check_plan(const char *text, bool (*is_bad)(const char *detail))
{
	char costly[256] = "";
	char *explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", text);
	sqlite3_stmt *plan;
	assert_int_equal(sqlite3_prepare_v2(newest_connection, explain, -1, &plan, NULL),
			 SQLITE_OK);
	while (sqlite3_step(plan) == SQLITE_ROW) {
		const char *detail = (const char *)sqlite3_column_text(plan, 3);
		if (is_bad(detail))
			snprintf(costly, sizeof(costly), "%s", detail);
	}
	sqlite3_finalize(plan);
	sqlite3_free(explain);
	if (costly[0])
		fail_msg("\"%s\" in: %s", costly, text);
}

/* Checks whatever the connection has prepared, and tells how many that were. */
static unsigned check_all_prepared(bool (*is_bad)(const char *detail))
{
	unsigned checked = 0;
	sqlite3_stmt *statement = NULL;
	while ((statement = sqlite3_next_stmt(newest_connection, statement))) {
		const char *text = sqlite3_sql(statement);
		if (strncmp(text, "PRAGMA", 6) == 0 || strstr(text, "sqlite_schema"))
			continue; /* opening */
		check_plan(text, is_bad);
		checked++;
	}
	return checked;
}

static void nothing_that_is_hot_walks_a_table_or_sorts(void **state)
{
	struct fixture *fixture = *state;
	struct text_id webhook = add_webhook(fixture->store, "ann");
	reopen(fixture); /* now nothing is prepared but what opening needs */
	do_all_that_is_hot(fixture->store, webhook.text);
	assert_true(check_all_prepared(is_costly) > 25);
}

static void nothing_that_is_hot_is_prepared_again(void **state)
{
	struct fixture *fixture = *state;
	struct text_id webhook = add_webhook(fixture->store, "ann");
	reopen(fixture);
	do_all_that_is_hot(fixture->store, webhook.text);
	sqlite3_stmt *statement = NULL;
	while ((statement = sqlite3_next_stmt(newest_connection, statement))) {
		if (sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_REPREPARE, 0) > 0)
			fail_msg("prepared anew: %s", sqlite3_sql(statement));
	}
}

/* A list may sort what one event or one creator has, but never walks the large tables. */
static bool walks_a_large_table(const char *detail)
{
	static const char *const large[] = { "SCAN d", "SCAN e", "SCAN events", "SCAN deliveries",
					     "SCAN attempts" };
	for (size_t i = 0; i < ARRAY_SIZE(large); i++) {
		size_t length = strlen(large[i]);
		if (strncmp(detail, large[i], length) == 0 &&
		    (detail[length] == '\0' || detail[length] == ' '))
			return true;
	}
	return false;
}

static void ignore_event(void *arg, const struct event_row *event)
{
	(void)arg;
	(void)event;
}

static void lists_are_read_through_indexes(void **state)
{
	struct fixture *fixture = *state;
	struct text_id webhook = add_webhook(fixture->store, "ann");
	struct text_id event = add_start(fixture->store, "ann", T0);
	enqueue(fixture->store, event.text, T0);
	reopen(fixture);
	for (unsigned chosen = 0; chosen < 64; chosen++) {
		struct delivery_filter filter = {
			.webhook_id = chosen & 1 ? webhook.text : NULL,
			.event_id = chosen & 2 ? event.text : NULL,
			.creator = chosen & 4 ? "ann" : NULL,
			.has_status = chosen & 8,
			.has_type = chosen & 16,
			.since_ms = chosen & 32 ? T0 : 0,
		};
		assert_int_equal(count_deliveries(fixture->store, &filter), 1);
		assert_ok(store_event_list(fixture->store,
					   &(struct event_filter){
						   .creator = filter.creator,
						   .has_type = filter.has_type,
						   .since_ms = filter.since_ms,
					   },
					   "", 10, ignore_event, NULL));
	}
	struct delivery_totals totals;
	assert_ok(store_delivery_totals(fixture->store, T0, &totals));
	assert_true(check_all_prepared(walks_a_large_table) > 10);
}

int main(void)
{
	sqlite3_auto_extension((void (*)(void))on_open);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_that_is_hot_walks_a_table_or_sorts, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(nothing_that_is_hot_is_prepared_again, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(lists_are_read_through_indexes, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
