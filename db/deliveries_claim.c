/* Lanes, and taking due deliveries out of them: see db/deliveries.h. */
#include "db/deliveries.h"

#include "base/crypto.h"
#include "base/memory.h"
#include "db/outbox.h"

#include <errno.h>
#include <inttypes.h>
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

/* Adds the lane of a webhook (key, id, last attempt, streak). */
static void lane_list_add(struct lane_list *list, struct sql_rows *webhook, int64_t due_at_ms)
{
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
		int64_t due_at_ms;
		r = outbox_lane_due(store, sql_integer(rows, 0), &due_at_ms);
		if (r < 0)
			break;
		if (due_at_ms != INT64_MAX)
			lane_list_add(&list, rows, due_at_ms);
	}
	sql_end(rows);
	RETURN_IF_ERROR(r);
	lane_list_give(&list, ret_lanes, ret_count);
	return 0;
}

static const char newest_key[] = "SELECT coalesce(max(key), 0) FROM deliveries";
static const char get_added[] =
	"SELECT key, webhook_key, due_at_ms, stage = 0 AND kind <> 2 FROM deliveries"
	" WHERE key > ?1 ORDER BY key LIMIT ?2";
static const char get_active[] =
	"SELECT w.key, w.id, h.last_attempt_at_ms, h.fail_streak"
	" FROM webhooks w JOIN webhook_health h ON h.webhook_key = w.key"
	" WHERE w.key = ?1 AND w.is_active = 1 AND w.deleted_at_ms IS NULL";

struct touch {
	int64_t webhook_key, due_at_ms;
};

static int compare_touches(const void *a, const void *b)
{
	const struct touch *left = a, *right = b;
	if (left->webhook_key != right->webhook_key)
		return left->webhook_key > right->webhook_key ? 1 : -1;
	return (left->due_at_ms > right->due_at_ms) - (left->due_at_ms < right->due_at_ms);
}

static int add_touched(struct store *store, const struct touch *touch, struct lane_list *list)
{
	struct sql_rows *rows = sql_query(store->sql, get_active, SQL_INT(touch->webhook_key));
	int r = sql_next(rows);
	if (r <= 0)
		return r;
	lane_list_add(list, rows, touch->due_at_ms);
	sql_end(rows);
	return 0;
}

/* Each webhook once, with what is due first. */
static int add_all_touched(struct store *store, struct touch *touches, unsigned count,
			   struct lane_list *list)
{
	qsort(touches, count, sizeof(touches[0]), compare_touches);
	for (unsigned i = 0; i < count; i++) {
		if (i == 0 || touches[i].webhook_key != touches[i - 1].webhook_key)
			RETURN_IF_ERROR(add_touched(store, &touches[i], list));
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
	CLEANUP(cleanup_free)
	struct touch *touches = memory_zeroed(max_rows, sizeof(touches[0]));
	struct store_mark seen = *mark;
	unsigned row_count = 0, count = 0;
	if (seen.value == 0) {
		RETURN_IF_ERROR(set_mark_to_now(store, &seen));
	} else {
		struct sql_rows *rows = sql_query(store->sql, get_added, SQL_INT(seen.value - 1),
						  SQL_INT(max_rows));
		int r;
		while ((r = sql_next(rows)) > 0) {
			seen.value = sql_integer(rows, 0) + 1;
			row_count++;
			if (sql_integer(rows, 3) != 0)
				touches[count++] =
					(struct touch){ .webhook_key = sql_integer(rows, 1),
							.due_at_ms = sql_integer(rows, 2) };
		}
		RETURN_IF_ERROR(r);
		RETURN_IF_ERROR(add_all_touched(store, touches, count, &list));
	}
	*mark = seen;
	*ret_more = row_count > 0 && row_count == max_rows;
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

/* What is claimable, from the index alone. The kind is no parameter: SQLite prepares a statement
 * anew for each value of one that decides whether a partial index can be used. */
#define READY_OF_KIND(kind) \
	"SELECT key, due_at_ms FROM deliveries WHERE webhook_key = ?1 AND kind = " kind \
	" AND stage = 0 AND kind <> 2 ORDER BY due_at_ms, key"
static const char ready_normal[] = READY_OF_KIND("0");
static const char ready_replays[] = READY_OF_KIND("1");
static const char ready_tests[] =
	"SELECT d.key, d.due_at_ms, w.id FROM deliveries d JOIN webhooks w ON w.key = d.webhook_key"
	" WHERE d.stage = 0 AND d.kind = 2 AND w.deleted_at_ms IS NULL ORDER BY d.due_at_ms";

/* What read_claim() takes apart, in this order. */
static const char get_claim[] =
	"SELECT d.key, d.id, e.id, e.type, d.kind, e.is_test, d.attempts, d.due_at_ms,"
	" d.created_at_ms, e.body FROM deliveries d JOIN events e ON e.key = d.event_key"
	" WHERE d.key = ?1";

static int read_claim(struct store *store, int64_t key, struct delivery_claim *claim)
{
	struct sql_rows *rows = sql_query(store->sql, get_claim, SQL_INT(key));
	int r = sql_next(rows);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	size_t length;
	const char *body = sql_bytes(rows, 9, &length);
	*claim = (struct delivery_claim){
		.delivery_key = sql_integer(rows, 0),
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
	sql_end(rows);
	return 0;
}

/* Walks what is ready in its order, past what is in flight. Adds keys of what is due, up to max,
 * and gives when the next one is due after those; unchanged if there is none. */
static int choose(struct sql_rows *ready, unsigned max, int64_t now_ms,
		  const struct key_set *in_flight, int64_t *keys, unsigned *count,
		  int64_t *next_due_at_ms)
{
	int r;
	while ((r = sql_next(ready)) > 0) {
		int64_t key = sql_integer(ready, 0), due_at_ms = sql_integer(ready, 1);
		if (in_flight && key_set_has(in_flight, key))
			continue;
		if (due_at_ms > now_ms || *count == max) {
			if (due_at_ms < *next_due_at_ms)
				*next_due_at_ms = due_at_ms;
			break;
		}
		keys[(*count)++] = key;
	}
	sql_end(ready);
	return r < 0 ? r : 0;
}

static int take(struct store *store, const int64_t *keys, unsigned count, struct key_set *in_flight,
		struct claimed_lane *lane)
{
	lane->claims = memory_zeroed(count ? count : 1, sizeof(lane->claims[0]));
	for (unsigned i = 0; i < count; i++) {
		RETURN_IF_ERROR(read_claim(store, keys[i], &lane->claims[i]));
		lane->claim_count++;
		if (in_flight)
			key_set_add(in_flight, keys[i]);
	}
	return 0;
}

/* Replays fill what fresh events leave free. */
static int take_due(struct store *store, int64_t webhook_key, unsigned max, int64_t now_ms,
		    struct key_set *in_flight, struct claimed_lane *lane)
{
	static const char *const order[] = { ready_normal, ready_replays };
	CLEANUP(cleanup_free) int64_t *keys = memory_zeroed(max, sizeof(keys[0]));
	unsigned count = 0;
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		RETURN_IF_ERROR(choose(sql_query(store->sql, order[i], SQL_INT(webhook_key)), max,
				       now_ms, in_flight, keys, &count, &lane->next_due_at_ms));
	return take(store, keys, count, in_flight, lane);
}

int store_claim(struct store *store, const char *webhook_id, unsigned max, int64_t now_ms,
		struct key_set *in_flight, struct claimed_lane *ret_lane)
{
	CLEANUP(store_claimed_lane_finish)
	struct claimed_lane lane = { .next_due_at_ms = INT64_MAX };
	int64_t webhook_key;
	int r = read_endpoint(store, get_endpoint, webhook_id, now_ms, &lane.endpoint,
			      &webhook_key);
	if (r == 0)
		r = take_due(store, webhook_key, max, now_ms, in_flight, &lane);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret_lane = lane;
	lane = (struct claimed_lane){ 0 };
	return 0;
}

/* The test that is due first. 0 as the key: there is none. */
static int find_due_test(struct store *store, int64_t now_ms, const struct key_set *in_flight,
			 int64_t *ret_key, char webhook_id[ID_TEXT_SIZE], int64_t *next_due_at_ms)
{
	struct sql_rows *rows = sql_query(store->sql, ready_tests);
	int r;
	*ret_key = 0;
	while ((r = sql_next(rows)) > 0) {
		int64_t key = sql_integer(rows, 0), due_at_ms = sql_integer(rows, 1);
		if (in_flight && key_set_has(in_flight, key))
			continue;
		if (due_at_ms > now_ms || *ret_key != 0) {
			*next_due_at_ms = due_at_ms;
			break;
		}
		*ret_key = key;
		sql_copy_text(rows, 2, webhook_id, ID_TEXT_SIZE);
	}
	sql_end(rows);
	return r < 0 ? r : 0;
}

int store_claim_test(struct store *store, int64_t now_ms, struct key_set *in_flight,
		     struct claimed_lane *ret_lane)
{
	CLEANUP(store_claimed_lane_finish)
	struct claimed_lane lane = { .next_due_at_ms = INT64_MAX };
	char webhook_id[ID_TEXT_SIZE];
	int64_t key, webhook_key;
	RETURN_IF_ERROR(
		find_due_test(store, now_ms, in_flight, &key, webhook_id, &lane.next_due_at_ms));
	if (key != 0) {
		RETURN_IF_ERROR(read_endpoint(store, get_endpoint_of_test, webhook_id, now_ms,
					      &lane.endpoint, &webhook_key));
		RETURN_IF_ERROR(take(store, &key, 1, in_flight, &lane));
	}
	*ret_lane = lane;
	lane = (struct claimed_lane){ 0 };
	return 0;
}

static const char next_test_due[] =
	"SELECT due_at_ms FROM deliveries WHERE stage = 0 AND kind = 2 ORDER BY due_at_ms LIMIT 1";

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

/* ---- notes of what is in flight ---- */

static const char add_note[] =
	"INSERT INTO claims (key, claimed_at_ms, attempts) VALUES (?1, ?2, ?3)";
static const char drop_note[] = "DELETE FROM claims WHERE key = ?1";

int store_claims_note(struct store *store, const struct claim_note *note)
{
	CLEANUP(strbuf_finish) struct strbuf attempts;
	strbuf_init(&attempts, SIZE_MAX);
	for (size_t i = 0; i < note->count; i++)
		strbuf_addf(&attempts, "%c[%" PRId64 ",%u]", i == 0 ? '[' : ',',
			    note->entries[i].delivery_key, note->entries[i].attempt);
	strbuf_add_text(&attempts, note->count ? "]" : "[]");
	return sql_execute(store->sql, add_note, SQL_INT(note->key), SQL_INT(note->claimed_at_ms),
			   SQL_TEXT(attempts.data));
}

int store_claims_drop(struct store *store, int64_t note_key)
{
	return sql_execute(store->sql, drop_note, SQL_INT(note_key));
}
