/* Retention: see store_prune() in db/store.h. */
#include "db/deliveries.h"
#include "db/health.h"
#include "db/store_private.h"

#include <errno.h>

enum {
	IDEMPOTENCY_KEPT_MS = 24 * 3600 * 1000,
	/* Free pages that stay in the file for what comes next (4 MiB). */
	FREE_PAGES_KEPT = 1000,
	FREE_PAGES_AT_ONCE = 256,
};

/* Nothing is older than this: what is kept for ever. */
static int64_t cutoff(int64_t now_ms, int64_t kept_ms)
{
	return kept_ms > 0 ? now_ms - kept_ms : INT64_MIN;
}

/* ---- deliveries, with their attempts ---- */

/* By status, which is no parameter for the reason that db/deliveries_claim.c gives. */
#define OLDEST_SETTLED(status) \
	"SELECT d.key, d.webhook_key, d.event_key, d.kind FROM deliveries d WHERE d.status " \
	"= " status " AND d.status <> 0 AND d.settled_at_ms < ?1" \
	" ORDER BY d.settled_at_ms LIMIT 1"
static const char *const oldest_settled[] = {
	[DELIVERY_DELIVERED] = OLDEST_SETTLED("1"),
	[DELIVERY_DEAD] = OLDEST_SETTLED("2"),
	[DELIVERY_CANCELLED] = OLDEST_SETTLED("3"),
};
static const char remember_delivery[] =
	"INSERT INTO past_deliveries (event_key, webhook_key) VALUES (?1, ?2)"
	" ON CONFLICT DO NOTHING";
static const char remove_delivery[] = "DELETE FROM deliveries WHERE key = ?1";
static const char remove_hidden_event[] =
	"DELETE FROM events WHERE key = ?1 AND is_listed = 0"
	" AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event_key = ?1)";

static int remove_settled(struct store *store, int64_t key, int64_t webhook_key, int64_t event_key,
			  enum delivery_kind kind, enum delivery_status status)
{
	RETURN_IF_ERROR(sql_execute(store->sql, remove_delivery, SQL_INT(key)));
	if (kind == DELIVERY_TEST)
		return sql_execute(store->sql, remove_hidden_event, SQL_INT(event_key));
	RETURN_IF_ERROR(sql_execute(store->sql, remember_delivery, SQL_INT(event_key),
				    SQL_INT(webhook_key)));
	/* A replay may have been the last to need a test's body. */
	RETURN_IF_ERROR(sql_execute(store->sql, remove_hidden_event, SQL_INT(event_key)));
	return health_move(store, webhook_key, 0, status == DELIVERY_DEAD ? -1 : 0);
}

/* -ENOENT: none is old enough. */
static int remove_oldest(struct store *store, enum delivery_status status, int64_t before_ms)
{
	struct sql_rows *rows = sql_query(store->sql, oldest_settled[status], SQL_INT(before_ms));
	int r = sql_next(rows);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	int64_t key = sql_integer(rows, 0), webhook_key = sql_integer(rows, 1),
		event_key = sql_integer(rows, 2);
	enum delivery_kind kind = (enum delivery_kind)sql_integer(rows, 3);
	sql_end(rows);
	return remove_settled(store, key, webhook_key, event_key, kind, status);
}

static int prune_deliveries(struct store *store, enum delivery_status status, int64_t before_ms,
			    unsigned max_rows, unsigned *deleted)
{
	while (*deleted < max_rows) {
		int r = remove_oldest(store, status, before_ms);
		if (r == -ENOENT)
			return 0;
		RETURN_IF_ERROR(r);
		++*deleted;
	}
	return 0;
}

/* ---- everything else goes by one statement each: ?1 before, ?2 how many ---- */

/* An event stays while a delivery of it does: a replay needs its body. */
static const char prune_events[] =
	"DELETE FROM events WHERE key IN (SELECT e.key FROM events e"
	" WHERE e.occurred_at_ms < ?1"
	" AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_key = e.key)"
	" ORDER BY e.occurred_at_ms LIMIT ?2)";
static const char prune_sessions[] =
	"DELETE FROM sessions WHERE key IN (SELECT s.key FROM sessions s"
	" WHERE s.ended_at_ms IS NOT NULL AND s.ended_at_ms < ?1"
	" AND NOT EXISTS (SELECT 1 FROM events e WHERE e.session_key = s.key)"
	" ORDER BY s.ended_at_ms LIMIT ?2)";
/* The keys rise with time: the first are the oldest. */
static const char prune_findings[] =
	"DELETE FROM findings WHERE key IN (SELECT key FROM findings ORDER BY key LIMIT ?2)"
	" AND answered_at_ms < ?1";
static const char prune_gaps[] =
	"DELETE FROM gaps WHERE key IN (SELECT key FROM gaps ORDER BY key LIMIT ?2)"
	" AND ended_at_ms < ?1";
static const char prune_idempotency[] =
	"DELETE FROM idempotency WHERE key IN"
	" (SELECT key FROM idempotency WHERE created_at_ms < ?1 ORDER BY created_at_ms LIMIT ?2)";
static const char prune_secrets[] =
	"DELETE FROM webhook_secrets WHERE key IN (SELECT key FROM webhook_secrets"
	" WHERE expires_at_ms IS NOT NULL AND expires_at_ms < ?1 LIMIT ?2)";
static const char prune_replay_items[] =
	"DELETE FROM replay_items WHERE (replay_key, item_key) IN"
	" (SELECT i.replay_key, i.item_key FROM replays r"
	"  CROSS JOIN replay_items i ON i.replay_key = r.key WHERE r.state = 2 AND ?1 LIMIT ?2)";
static const char prune_replays[] =
	"DELETE FROM replays WHERE key IN (SELECT r.key FROM replays r"
	" WHERE r.state <> 0 AND r.created_at_ms < ?1"
	" AND NOT EXISTS (SELECT 1 FROM replay_items i WHERE i.replay_key = r.key) LIMIT ?2)";

static int prune_by(struct store *store, const char *statement, int64_t before_ms,
		    unsigned max_rows, unsigned *deleted)
{
	if (*deleted >= max_rows)
		return 0;
	RETURN_IF_ERROR(sql_execute(store->sql, statement, SQL_INT(before_ms),
				    SQL_INT(max_rows - *deleted)));
	*deleted += (unsigned)sql_changes(store->sql);
	return 0;
}

/* ---- webhooks that were deleted, once nothing refers to them ---- */

static const char find_unreferenced_webhook[] =
	"SELECT w.key FROM webhooks w WHERE w.deleted_at_ms IS NOT NULL AND w.is_swept = 1"
	" AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.webhook_key = w.key)"
	" AND NOT EXISTS (SELECT 1 FROM replays r WHERE r.webhook_key = w.key) LIMIT 1";
static const char remove_health[] = "DELETE FROM webhook_health WHERE webhook_key = ?1";
static const char remove_webhook[] = "DELETE FROM webhooks WHERE key = ?1";

static int prune_webhooks(struct store *store, unsigned max_rows, unsigned *deleted)
{
	while (*deleted < max_rows) {
		int64_t key;
		int r = sql_get_integer(store->sql, &key, find_unreferenced_webhook);
		if (r == -ENOENT)
			return 0;
		RETURN_IF_ERROR(r);
		RETURN_IF_ERROR(sql_execute(store->sql, remove_health, SQL_INT(key)));
		RETURN_IF_ERROR(sql_execute(store->sql, remove_webhook, SQL_INT(key)));
		++*deleted;
	}
	return 0;
}

/* ---- the file ---- */

static const char count_free_pages[] = "PRAGMA freelist_count";
static const char give_back_pages[] = "PRAGMA incremental_vacuum(256)";
_Static_assert(FREE_PAGES_AT_ONCE == 256, "give_back_pages says so");

static int give_back_free_pages(struct store *store)
{
	int64_t free_pages;
	RETURN_IF_ERROR(sql_get_integer(store->sql, &free_pages, count_free_pages));
	if (free_pages < FREE_PAGES_KEPT + FREE_PAGES_AT_ONCE)
		return 0;
	return sql_execute(store->sql, give_back_pages);
}

int store_prune(struct store *store, const struct store_retention *retention, int64_t now_ms,
		unsigned max_rows, unsigned *ret_deleted)
{
	int64_t delivered_before_ms = cutoff(now_ms, retention->delivered_ms);
	int64_t dead_before_ms = cutoff(now_ms, retention->dead_ms);
	const struct {
		enum delivery_status status;
		int64_t before_ms;
	} deliveries[] = {
		{ DELIVERY_DELIVERED, delivered_before_ms },
		{ DELIVERY_CANCELLED, delivered_before_ms },
		{ DELIVERY_DEAD, dead_before_ms },
	};
	const struct {
		const char *statement;
		int64_t before_ms;
	} others[] = {
		{ prune_events, cutoff(now_ms, retention->events_ms) },
		{ prune_sessions, cutoff(now_ms, retention->sessions_ms) },
		{ prune_findings, cutoff(now_ms, retention->events_ms) },
		{ prune_gaps, cutoff(now_ms, retention->events_ms) },
		{ prune_idempotency, now_ms - IDEMPOTENCY_KEPT_MS },
		{ prune_secrets, now_ms },
		{ prune_replay_items, 1 },
		{ prune_replays, dead_before_ms },
	};
	unsigned deleted = 0;
	for (size_t i = 0; i < ARRAY_SIZE(deliveries); i++)
		RETURN_IF_ERROR(prune_deliveries(store, deliveries[i].status,
						 deliveries[i].before_ms, max_rows, &deleted));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		RETURN_IF_ERROR(prune_by(store, others[i].statement, others[i].before_ms, max_rows,
					 &deleted));
	RETURN_IF_ERROR(prune_webhooks(store, max_rows, &deleted));
	RETURN_IF_ERROR(give_back_free_pages(store));
	*ret_deleted = deleted;
	return 0;
}
