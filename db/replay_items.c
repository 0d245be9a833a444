#include "db/replay_items.h"

#include "base/json_writer.h"

#include <limits.h>

/* ?1 webhook, ?2 status, ?3 event types (0: all), ?4 creators as JSON (NULL: all), ?5 and ?6 the
 * times of the events, ?7 the replay. */
#define EVENT_FILTERS \
	" AND (?3 = 0 OR (?3 >> e.type) & 1)" \
	" AND (?4 IS NULL OR e.creator IN (SELECT value FROM json_each(?4)))" \
	" AND e.occurred_at_ms >= ?5 AND e.occurred_at_ms < ?6"

#define DELIVERIES_OF_WEBHOOK \
	"SELECT d.key FROM deliveries d CROSS JOIN events e ON e.key = d.event_key" \
	" WHERE d.webhook_key = ?1 AND d.kind <> 2"

/* An event is replayed once, however often it is among the deliveries: the newest stands for it. */
#define NO_NEWER_ONE(statuses) \
	" AND NOT EXISTS (SELECT 1 FROM deliveries n WHERE n.event_key = d.event_key" \
	" AND n.webhook_key = ?1 AND n.key > d.key AND n.kind <> 2 AND n.status " statuses ")"

#define DEAD_AND_NOT_MADE_GOOD \
	DELIVERIES_OF_WEBHOOK " AND d.status = 2 AND d.status <> 1" NO_NEWER_ONE("IN (0, 1, 2)") \
		EVENT_FILTERS
#define DELIVERED DELIVERIES_OF_WEBHOOK " AND d.status = 1" NO_NEWER_ONE("= 1") EVENT_FILTERS
#define OF_OTHER_STATUS \
	DELIVERIES_OF_WEBHOOK " AND d.status = ?2 AND d.status <> 1" NO_NEWER_ONE("= ?2") \
		EVENT_FILTERS
#define MISSING \
	"SELECT e.key FROM webhooks w CROSS JOIN events e WHERE w.key = ?1" \
	" AND e.is_listed = 1 AND (w.event_types >> e.type) & 1" \
	" AND (w.watches_all = 1" \
	"  OR EXISTS (SELECT 1 FROM webhook_creators c" \
	"   WHERE c.webhook_key = ?1 AND c.creator_key = e.creator_key)" \
	"  OR EXISTS (SELECT 1 FROM watchlist_creators m" \
	"   JOIN webhook_watchlists l ON l.watchlist_key = m.watchlist_key" \
	"   WHERE m.creator_key = e.creator_key AND l.webhook_key = ?1))" \
	" AND NOT EXISTS (SELECT 1 FROM deliveries d" \
	"  WHERE d.event_key = e.key AND d.webhook_key = ?1)" \
	" AND NOT EXISTS (SELECT 1 FROM past_deliveries p" \
	"  WHERE p.event_key = e.key AND p.webhook_key = ?1)" EVENT_FILTERS

#define COUNT(items) "SELECT count(*) FROM (" items ")"
#define ADD(items) "INSERT INTO replay_items (replay_key, item_key) SELECT ?7, key FROM (" items ")"

struct selection {
	const char *count, *add;
};
static const struct selection dead = { COUNT(DEAD_AND_NOT_MADE_GOOD), ADD(DEAD_AND_NOT_MADE_GOOD) };
static const struct selection delivered = { COUNT(DELIVERED), ADD(DELIVERED) };
static const struct selection other_status = { COUNT(OF_OTHER_STATUS), ADD(OF_OTHER_STATUS) };
static const struct selection missing = { COUNT(MISSING), ADD(MISSING) };

static const struct selection *select_by(const struct replay_filter *filter)
{
	if (filter->missing)
		return &missing;
	if (!filter->has_status)
		return &dead;
	return filter->status == DELIVERY_DELIVERED ? &delivered : &other_status;
}

static void render_creators(const struct replay_filter *filter, struct strbuf *out)
{
	struct json_writer writer;
	json_writer_init(&writer, out);
	json_begin_array(&writer, NULL);
	for (size_t i = 0; i < filter->creator_count; i++)
		json_put_string(&writer, NULL, filter->creators[i]);
	json_end_array(&writer);
}

static int run(struct store *store, const char *query, int64_t webhook_key, int64_t replay_key,
	       const struct replay_filter *filter, int64_t *ret_count)
{
	/* What the API takes fits many times over. */
	CLEANUP(strbuf_finish) struct strbuf creators;
	strbuf_init(&creators, INT_MAX);
	render_creators(filter, &creators);
	int64_t count = 0;
	struct sql_rows *rows = sql_query(
		store->sql, query, SQL_INT(webhook_key),
		SQL_INT_IF(filter->has_status, filter->status), SQL_INT(filter->event_types),
		SQL_TEXT(filter->creator_count ? creators.data : NULL),
		SQL_INT(filter->since_ms ? filter->since_ms : INT64_MIN),
		SQL_INT(filter->until_ms ? filter->until_ms : INT64_MAX), SQL_INT(replay_key));
	int r;
	while ((r = sql_next(rows)) > 0)
		count = sql_integer(rows, 0);
	RETURN_IF_ERROR(r);
	*ret_count = count;
	return 0;
}

int replay_items_count(struct store *store, int64_t webhook_key, const struct replay_filter *filter,
		       int64_t *ret_count)
{
	return run(store, select_by(filter)->count, webhook_key, 0, filter, ret_count);
}

int replay_items_add(struct store *store, int64_t replay_key, int64_t webhook_key,
		     const struct replay_filter *filter, int64_t *ret_count)
{
	int64_t ignored;
	RETURN_IF_ERROR(
		run(store, select_by(filter)->add, webhook_key, replay_key, filter, &ignored));
	*ret_count = sql_changes(store->sql);
	return 0;
}
