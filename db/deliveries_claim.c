/* Lanes, and taking due deliveries out of them: see db/deliveries.h. */
#include "db/deliveries.h"

#include "base/crypto.h"
#include "base/memory.h"
#include "db/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- lanes ---- */

struct lane_list {
	struct lane_due *lanes; /* owned */
	unsigned count, capacity;
};

static void lane_list_finish(struct lane_list *list)
{
	free(list->lanes);
}

static void lane_list_give(struct lane_list *list, struct lane_due **ret_lanes, unsigned *ret_count)
{
	*ret_count = list->count;
	*ret_lanes = TAKE(list->lanes);
}

/* Adds the lane of a webhook (key, id, last attempt, streak) unless it has nothing to claim. */
static int lane_list_add(struct store *store, struct sql_rows *webhook, struct lane_list *list)
{
	int64_t webhook_key = sql_integer(webhook, 0);
	int64_t due_at_ms;
	RETURN_IF_ERROR(outbox_lane_due(store, webhook_key, &due_at_ms));
	if (due_at_ms == INT64_MAX)
		return 0;
	if (list->count == list->capacity) {
		list->capacity = list->capacity ? list->capacity * 2 : 16;
		list->lanes = memory_resized(list->lanes, list->capacity, sizeof(list->lanes[0]));
	}
	struct lane_due *lane = &list->lanes[list->count++];
	*lane = (struct lane_due){
		.due_at_ms = due_at_ms,
		.was_tried = sql_integer(webhook, 2) != 0,
		.fail_streak = sql_integer(webhook, 3),
	};
	sql_copy_text(webhook, 1, lane->webhook_id, sizeof(lane->webhook_id));
	return 0;
}

static const char get_pending_lanes[] =
	"SELECT w.key, w.id, h.last_attempt_at_ms, h.fail_streak"
	" FROM webhooks w JOIN webhook_health h ON h.webhook_key = w.key"
	" WHERE w.is_active = 1 AND w.deleted_at_ms IS NULL AND h.pending > 0";

int store_lanes_list(struct store *store, struct lane_due **ret_lanes, unsigned *ret_count)
{
	CLEANUP(lane_list_finish) struct lane_list list = { 0 };
	struct sql_rows *rows = sql_query(store->sql, get_pending_lanes);
	int r;
	while ((r = sql_next(rows)) > 0) {
		r = lane_list_add(store, rows, &list);
		if (r < 0)
			break;
	}
	sql_end(rows);
	RETURN_IF_ERROR(r);
	lane_list_give(&list, ret_lanes, ret_count);
	return 0;
}

static const char newest_key[] = "SELECT coalesce(max(key), 0) FROM deliveries";
static const char get_added[] =
	"SELECT key, webhook_key FROM deliveries WHERE key > ?1 ORDER BY key LIMIT ?2";
static const char get_active[] =
	"SELECT w.key, w.id, h.last_attempt_at_ms, h.fail_streak"
	" FROM webhooks w JOIN webhook_health h ON h.webhook_key = w.key"
	" WHERE w.key = ?1 AND w.is_active = 1 AND w.deleted_at_ms IS NULL";

static int compare_keys(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

static int add_touched(struct store *store, int64_t webhook_key, struct lane_list *list)
{
	struct sql_rows *rows = sql_query(store->sql, get_active, SQL_INT(webhook_key));
	int r = sql_next(rows);
	if (r <= 0)
		return r;
	r = lane_list_add(store, rows, list);
	sql_end(rows);
	return r;
}

static int add_all_touched(struct store *store, int64_t *webhook_keys, unsigned count,
			   struct lane_list *list)
{
	qsort(webhook_keys, count, sizeof(webhook_keys[0]), compare_keys);
	for (unsigned i = 0; i < count; i++) {
		if (i == 0 || webhook_keys[i] != webhook_keys[i - 1])
			RETURN_IF_ERROR(add_touched(store, webhook_keys[i], list));
	}
	return 0;
}

/* A mark is the key of the last delivery seen and 1, so that "none yet" differs from "unset". */
static int set_mark_to_now(struct store *store, struct store_mark *mark)
{
	int64_t newest;
	RETURN_IF_ERROR(sql_get_integer(store->sql, &newest, newest_key));
	mark->value = newest + 1;
	return 0;
}

int store_lanes_touched(struct store *store, struct store_mark *mark, unsigned max_rows,
			struct lane_due **ret_lanes, unsigned *ret_count, bool *ret_more)
{
	CLEANUP(lane_list_finish) struct lane_list list = { 0 };
	CLEANUP(cleanup_free) int64_t *webhook_keys = memory_zeroed(max_rows, sizeof(int64_t));
	struct store_mark seen = *mark;
	unsigned count = 0;
	if (seen.value == 0) {
		RETURN_IF_ERROR(set_mark_to_now(store, &seen));
	} else {
		struct sql_rows *rows = sql_query(store->sql, get_added, SQL_INT(seen.value - 1),
						  SQL_INT(max_rows));
		int r;
		while ((r = sql_next(rows)) > 0) {
			seen.value = sql_integer(rows, 0) + 1;
			webhook_keys[count++] = sql_integer(rows, 1);
		}
		RETURN_IF_ERROR(r);
		RETURN_IF_ERROR(add_all_touched(store, webhook_keys, count, &list));
	}
	*mark = seen;
	*ret_more = count > 0 && count == max_rows;
	lane_list_give(&list, ret_lanes, ret_count);
	return 0;
}

/* ---- the endpoint ---- */

#define ENDPOINT_COLUMNS \
	"SELECT key, id, target_url, " UNSEALED_TEXT( \
		"sealed_bearer_token", "id", \
		"bearer_token") ", " UNSEALED_TEXT("sealed_extra_headers", "id", \
						   "extra_headers") ", rate_limit FROM webhooks"
static const char get_endpoint[] =
	ENDPOINT_COLUMNS " WHERE id = ?1 AND is_active = 1 AND deleted_at_ms IS NULL";
static const char get_endpoint_of_test[] =
	ENDPOINT_COLUMNS " WHERE id = ?1 AND deleted_at_ms IS NULL";
static const char get_secrets[] = "SELECT " UNSEALED_TEXT(
	"sealed_secret", "webhook_key", "secret") " FROM webhook_secrets"
						  " WHERE webhook_key = ?1 AND (expires_at_ms IS "
						  "NULL OR expires_at_ms > ?2) ORDER BY key";

static int read_secrets(struct store *store, int64_t webhook_key, int64_t now_ms,
			struct endpoint *endpoint)
{
	struct sql_rows *rows =
		sql_query(store->sql, get_secrets, SQL_INT(webhook_key), SQL_INT(now_ms));
	int r;
	while ((r = sql_next(rows)) > 0 && endpoint->secret_count < LIMIT_SECRETS_PER_WEBHOOK)
		sql_copy_text(rows, 0, endpoint->secrets[endpoint->secret_count++],
			      WEBHOOK_SECRET_SIZE);
	sql_end(rows);
	return r < 0 ? r : 0;
}

/* -ENOENT: it is not to be sent to. */
static int read_endpoint(struct store *store, const char *query, const char *webhook_id,
			 int64_t now_ms, struct endpoint *endpoint, int64_t *ret_key)
{
	struct sql_rows *rows = sql_query(store->sql, query, SQL_TEXT(webhook_id));
	int r = sql_next(rows);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	int64_t key = sql_integer(rows, 0);
	sql_copy_text(rows, 1, endpoint->webhook_id, sizeof(endpoint->webhook_id));
	endpoint->target_url = memory_text(sql_text(rows, 2));
	endpoint->bearer_token = memory_text(sql_text(rows, 3));
	endpoint->extra_headers = memory_text(sql_text(rows, 4));
	endpoint->rate_limit = sql_real(rows, 5);
	sql_end(rows);
	RETURN_IF_ERROR(read_secrets(store, key, now_ms, endpoint));
	*ret_key = key;
	return 0;
}

/* ---- claims ---- */

/* What read_claim() takes apart, in this order. */
#define CLAIM_COLUMNS \
	"SELECT d.key, d.id, e.id, e.type, d.kind, e.is_test, d.attempts, d.due_at_ms," \
	" d.created_at_ms, e.body FROM deliveries d JOIN events e ON e.key = d.event_key"

/* The kind is no parameter: SQLite prepares a statement anew for each value of one that decides
 * whether a partial index can be used. */
#define DUE_OF_KIND(kind) \
	CLAIM_COLUMNS " WHERE d.webhook_key = ?1 AND d.kind = " kind \
		      " AND d.stage = 0 AND d.kind <> 2 AND d.due_at_ms <= ?2" \
		      " ORDER BY d.due_at_ms, d.key LIMIT ?3"
static const char get_due_normal[] = DUE_OF_KIND("0");
static const char get_due_replays[] = DUE_OF_KIND("1");
static const char get_due_test[] = CLAIM_COLUMNS " WHERE d.key = ?1";
static const char find_due_test[] =
	"SELECT d.key, w.id FROM deliveries d JOIN webhooks w ON w.key = d.webhook_key"
	" WHERE d.stage = 0 AND d.kind = 2 AND d.due_at_ms <= ?1 AND w.deleted_at_ms IS NULL"
	" ORDER BY d.due_at_ms LIMIT 1";
static const char next_test_due[] =
	"SELECT due_at_ms FROM deliveries WHERE stage = 0 AND kind = 2 ORDER BY due_at_ms LIMIT 1";
static const char mark_in_flight[] =
	"UPDATE deliveries SET stage = 1, claimed_at_ms = ?2 WHERE key = ?1";

static void read_claim(struct sql_rows *rows, struct delivery_claim *claim)
{
	size_t length;
	const char *body = sql_bytes(rows, 9, &length);
	*claim = (struct delivery_claim){
		.event_type = (enum event_type)sql_integer(rows, 3),
		.kind = (enum delivery_kind)sql_integer(rows, 4),
		.is_test_event = sql_integer(rows, 5) != 0,
		.attempt = (unsigned)sql_integer(rows, 6) + 1,
		.due_at_ms = sql_integer(rows, 7),
		.created_at_ms = sql_integer(rows, 8),
		.body = memory_text_n(body, length),
		.body_length = length,
	};
	sql_copy_text(rows, 1, claim->delivery_id, sizeof(claim->delivery_id));
	sql_copy_text(rows, 2, claim->event_id, sizeof(claim->event_id));
}

/* Takes the rows of a query into the lane, marking each. keys has room for as many as come. */
static int take_rows(struct store *store, struct sql_rows *rows, int64_t now_ms, int64_t *keys,
		     struct claimed_lane *lane)
{
	unsigned first = lane->claim_count;
	int r;
	while ((r = sql_next(rows)) > 0) {
		keys[lane->claim_count] = sql_integer(rows, 0);
		read_claim(rows, &lane->claims[lane->claim_count++]);
	}
	RETURN_IF_ERROR(r);
	/* Only now: it changes the index that the query walked. */
	for (unsigned i = first; i < lane->claim_count; i++)
		RETURN_IF_ERROR(
			sql_execute(store->sql, mark_in_flight, SQL_INT(keys[i]), SQL_INT(now_ms)));
	return 0;
}

/* Replays fill what fresh events leave free. */
static int take_due(struct store *store, int64_t webhook_key, unsigned max, int64_t now_ms,
		    struct claimed_lane *lane)
{
	static const char *const order[] = { get_due_normal, get_due_replays };
	CLEANUP(cleanup_free) int64_t *keys = memory_zeroed(max, sizeof(keys[0]));
	lane->claims = memory_zeroed(max, sizeof(lane->claims[0]));
	for (size_t i = 0; i < ARRAY_SIZE(order) && lane->claim_count < max; i++) {
		struct sql_rows *rows =
			sql_query(store->sql, order[i], SQL_INT(webhook_key), SQL_INT(now_ms),
				  SQL_INT(max - lane->claim_count));
		RETURN_IF_ERROR(take_rows(store, rows, now_ms, keys, lane));
	}
	return outbox_lane_due(store, webhook_key, &lane->next_due_at_ms);
}

int store_claim(struct store *store, const char *webhook_id, unsigned max, int64_t now_ms,
		struct claimed_lane *ret_lane)
{
	CLEANUP(store_claimed_lane_finish)
	struct claimed_lane lane = { .next_due_at_ms = INT64_MAX };
	int64_t webhook_key;
	int r = read_endpoint(store, get_endpoint, webhook_id, now_ms, &lane.endpoint,
			      &webhook_key);
	if (r == 0)
		r = take_due(store, webhook_key, max, now_ms, &lane);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret_lane = lane;
	lane = (struct claimed_lane){ 0 };
	return 0;
}

static int take_test(struct store *store, int64_t delivery_key, const char *webhook_id,
		     int64_t now_ms, struct claimed_lane *lane)
{
	int64_t webhook_key, key;
	RETURN_IF_ERROR(read_endpoint(store, get_endpoint_of_test, webhook_id, now_ms,
				      &lane->endpoint, &webhook_key));
	lane->claims = memory_zeroed(1, sizeof(lane->claims[0]));
	return take_rows(store, sql_query(store->sql, get_due_test, SQL_INT(delivery_key)), now_ms,
			 &key, lane);
}

/* -ENOENT: there is none. */
static int take_due_test(struct store *store, int64_t now_ms, struct claimed_lane *lane)
{
	struct sql_rows *rows = sql_query(store->sql, find_due_test, SQL_INT(now_ms));
	int r = sql_next(rows);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	r = take_test(store, sql_integer(rows, 0), sql_text(rows, 1), now_ms, lane);
	sql_end(rows);
	return r;
}

int store_claim_test(struct store *store, int64_t now_ms, struct claimed_lane *ret_lane)
{
	CLEANUP(store_claimed_lane_finish)
	struct claimed_lane lane = { .next_due_at_ms = INT64_MAX };
	int r = take_due_test(store, now_ms, &lane);
	if (r == 0 || r == -ENOENT)
		r = sql_get_integer(store->sql, &lane.next_due_at_ms, next_test_due);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret_lane = lane;
	lane = (struct claimed_lane){ 0 };
	return 0;
}

int store_test_is_due(struct store *store, int64_t now_ms, bool *ret_is_due)
{
	int64_t due_at_ms = INT64_MAX;
	int r = sql_get_integer(store->sql, &due_at_ms, next_test_due);
	*ret_is_due = due_at_ms <= now_ms;
	return r == -ENOENT ? 0 : r;
}

void store_claimed_lane_finish(struct claimed_lane *lane)
{
	for (unsigned i = 0; i < lane->claim_count; i++)
		free(lane->claims[i].body);
	free(lane->claims);
	free(lane->endpoint.target_url);
	free(lane->endpoint.extra_headers);
	if (lane->endpoint.bearer_token)
		crypto_wipe(lane->endpoint.bearer_token, strlen(lane->endpoint.bearer_token));
	free(lane->endpoint.bearer_token);
	crypto_wipe(lane->endpoint.secrets, sizeof(lane->endpoint.secrets));
	*lane = (struct claimed_lane){ 0 };
}
