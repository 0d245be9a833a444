#include "db/events.h"

#include "db/paging.h"
#include "db/store_private.h"

#include <errno.h>
#include <string.h>

/* ---- adding ---- */

static const char find_open_session[] =
	"SELECT key FROM sessions WHERE creator_key = ?1 AND ended_at_ms IS NULL";
static const char find_ended_session[] =
	"SELECT key FROM sessions WHERE creator_key = ?1 AND ended_at_ms IS NOT NULL"
	" ORDER BY key DESC LIMIT 1";

static const char add_event[] =
	"INSERT INTO events (id, type, creator, creator_key, session_key, occurred_at_ms, sequence,"
	" room, is_test, is_listed, body)"
	" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

int store_event_add(struct store *store, const struct creator_key *key, const struct event *event,
		    const char *body, size_t body_length, enum event_listing listing)
{
	int64_t session_key = 0;
	bool has_session = key && !event->is_test;
	if (has_session)
		RETURN_IF_ERROR(sql_get_integer(
			store->sql, &session_key,
			event->type == EVENT_LIVE_START ? find_open_session : find_ended_session,
			SQL_INT(key->value)));
	return sql_execute(store->sql, add_event, SQL_TEXT(event->id), SQL_INT(event->type),
			   SQL_TEXT(event->creator), SQL_INT_IF(key, key->value),
			   SQL_INT_IF(has_session, session_key), SQL_INT(event->occurred_at_ms),
			   SQL_INT(event->sequence), SQL_INT(event->room), SQL_INT(event->is_test),
			   SQL_INT(listing == EVENT_LISTED), SQL_TEXT_N(body, body_length));
}

/* ---- reading ---- */

/* What visit_event() takes apart, in this order. */
#define EVENT_COLUMNS \
	"SELECT e.key, e.id, e.type, e.occurred_at_ms, e.creator, e.room, e.sequence, e.is_test"

/* ?1 from, ?2 to (ids), ?3 limit, ?4 type, ?5 creator, ?6 since, ?7 until */
#define EVENT_FILTERS \
	" AND e.is_listed = 1 AND e.id >= ?1 AND e.id < ?2 AND (?4 IS NULL OR e.type = ?4)" \
	" AND e.occurred_at_ms >= ?6 AND e.occurred_at_ms < ?7 ORDER BY e.id DESC LIMIT ?3"

static const char list_all[] = EVENT_COLUMNS " FROM events e WHERE ?5 IS NULL" EVENT_FILTERS;
static const char list_by_creator[] =
	EVENT_COLUMNS " FROM events e WHERE e.creator = ?5" EVENT_FILTERS;
static const char show_event[] =
	EVENT_COLUMNS ", e.body FROM events e WHERE e.id = ?1 AND e.is_listed = 1";

/* By what is seen, as in db/deliveries_list.c. */
static const char count_deliveries[] =
	"SELECT CASE WHEN d.status = 0 AND w.deleted_at_ms IS NOT NULL THEN 3 ELSE d.status END"
	" FROM deliveries d CROSS JOIN webhooks w ON w.key = d.webhook_key WHERE d.event_key = ?1";

static int count_by_status(struct store *store, int64_t event_key, struct event_row *row)
{
	int64_t *const counters[] = { &row->pending, &row->delivered, &row->dead, &row->cancelled };
	struct sql_rows *rows = sql_query(store->sql, count_deliveries, SQL_INT(event_key));
	int r;
	while ((r = sql_next(rows)) > 0) {
		int64_t status = sql_integer(rows, 0);
		if (status >= 0 && status < (int64_t)ARRAY_SIZE(counters))
			++*counters[status];
	}
	return r;
}

static int visit_event(struct store *store, struct sql_rows *rows, const char *body,
		       size_t body_length, event_visit_fn visit, void *arg)
{
	struct event_row row = {
		.id = sql_text(rows, 1),
		.type = (enum event_type)sql_integer(rows, 2),
		.occurred_at_ms = sql_integer(rows, 3),
		.creator = sql_text(rows, 4),
		.room = (uint64_t)sql_integer(rows, 5),
		.sequence = sql_integer(rows, 6),
		.is_test = sql_integer(rows, 7) != 0,
		.body = body,
		.body_length = body_length,
	};
	RETURN_IF_ERROR(count_by_status(store, sql_integer(rows, 0), &row));
	visit(arg, &row);
	return 0;
}

int store_event_list(struct store *store, const struct event_filter *filter, const char *after,
		     unsigned limit, event_visit_fn visit, void *arg)
{
	struct id_range ids;
	paging_id_range("evt_", after, filter->since_ms, filter->until_ms, &ids);
	struct sql_rows *rows = sql_query(
		store->sql, filter->creator ? list_by_creator : list_all, SQL_TEXT(ids.from),
		SQL_TEXT(ids.to), SQL_INT(limit), SQL_INT_IF(filter->has_type, filter->type),
		SQL_TEXT(filter->creator), SQL_INT(filter->since_ms ? filter->since_ms : INT64_MIN),
		SQL_INT(filter->until_ms ? filter->until_ms : INT64_MAX));
	int r;
	while ((r = sql_next(rows)) > 0) {
		r = visit_event(store, rows, NULL, 0, visit, arg);
		if (r < 0)
			break;
	}
	sql_end(rows);
	return r;
}

int store_event_show(struct store *store, const char *id, event_visit_fn visit, void *arg)
{
	struct sql_rows *rows = sql_query(store->sql, show_event, SQL_TEXT(id));
	int r = sql_next(rows);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	size_t length;
	const char *body = sql_bytes(rows, 8, &length);
	r = visit_event(store, rows, body, length, visit, arg);
	sql_end(rows);
	return r;
}

/* ---- the stream ---- */

static const char list_since[] = "SELECT id, type, body FROM events"
				 " WHERE id > ?1 AND is_listed = 1 ORDER BY id LIMIT ?2";
static const char newest_listed[] =
	"SELECT id FROM events WHERE is_listed = 1 ORDER BY id DESC LIMIT 1";

int store_event_since(struct store *store, const char *after, unsigned limit, event_visit_fn visit,
		      void *arg)
{
	struct sql_rows *rows = sql_query(store->sql, list_since, SQL_TEXT(after), SQL_INT(limit));
	int r;
	while ((r = sql_next(rows)) > 0) {
		struct event_row row = {
			.id = sql_text(rows, 0),
			.type = (enum event_type)sql_integer(rows, 1),
		};
		row.body = sql_bytes(rows, 2, &row.body_length);
		visit(arg, &row);
	}
	return r;
}

int store_event_newest(struct store *store, char ret_id[ID_TEXT_SIZE])
{
	struct sql_rows *rows = sql_query(store->sql, newest_listed);
	int r = sql_next(rows);
	if (r < 0)
		return r;
	if (r > 0)
		sql_copy_text(rows, 0, ret_id, ID_TEXT_SIZE);
	else
		ret_id[0] = '\0';
	sql_end(rows);
	return 0;
}
