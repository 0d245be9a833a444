#include "db/outbox.h"

#include "db/health.h"

#include <errno.h>
#include <string.h>

static const char add_delivery[] =
	"INSERT INTO deliveries (id, webhook_key, event_key, creator, kind, status, stage,"
	" is_unanswered, due_at_ms, created_at_ms, replay_of)"
	" VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8, ?9, ?10)";

static const char is_one_unanswered[] =
	"SELECT EXISTS (SELECT 1 FROM deliveries"
	" WHERE webhook_key = ?1 AND creator = ?2 AND is_unanswered = 1)";

int outbox_add(struct store *store, const struct new_delivery *delivery, char ret_id[ID_TEXT_SIZE])
{
	int64_t is_held = 0;
	bool is_normal = delivery->kind == DELIVERY_NORMAL;
	if (is_normal)
		RETURN_IF_ERROR(sql_get_integer(store->sql, &is_held, is_one_unanswered,
						SQL_INT(delivery->webhook_key),
						SQL_TEXT(delivery->creator)));
	char id[ID_TEXT_SIZE];
	store_new_id(store, "del_", delivery->created_at_ms, id);
	RETURN_IF_ERROR(sql_execute(store->sql, add_delivery, SQL_TEXT(id),
				    SQL_INT(delivery->webhook_key), SQL_INT(delivery->event_key),
				    SQL_TEXT(delivery->creator), SQL_INT(delivery->kind),
				    SQL_INT(is_held ? STAGE_HELD : STAGE_READY), SQL_INT(is_normal),
				    SQL_INT(delivery->due_at_ms), SQL_INT(delivery->created_at_ms),
				    SQL_TEXT(delivery->replay_of)));
	if (delivery->kind != DELIVERY_TEST)
		RETURN_IF_ERROR(health_move(store, delivery->webhook_key, 1, 0));
	memcpy(ret_id, id, sizeof(id));
	return 0;
}

/* The first in line is the only one that may go; it is held only if the one before it has just had
 * its answer. */
static const char first_in_line[] =
	"SELECT key, stage, due_at_ms FROM deliveries"
	" WHERE webhook_key = ?1 AND creator = ?2 AND is_unanswered = 1 ORDER BY key LIMIT 1";
static const char release[] = "UPDATE deliveries SET stage = 0 WHERE key = ?1";

int outbox_release_next(struct store *store, int64_t webhook_key, const char *creator,
			int64_t *ret_due_at_ms)
{
	struct sql_rows *rows =
		sql_query(store->sql, first_in_line, SQL_INT(webhook_key), SQL_TEXT(creator));
	int r = sql_next(rows);
	if (r < 0)
		return r;
	bool is_held = r > 0 && sql_integer(rows, 1) == STAGE_HELD;
	int64_t key = is_held ? sql_integer(rows, 0) : 0;
	int64_t due_at_ms = is_held ? sql_integer(rows, 2) : INT64_MAX;
	sql_end(rows);
	if (is_held)
		RETURN_IF_ERROR(sql_execute(store->sql, release, SQL_INT(key)));
	*ret_due_at_ms = due_at_ms;
	return 0;
}

/* One look at the index for each kind that is dispatched in lanes. */
static const char lane_due[] = "SELECT min(due_at_ms) FROM"
			       " (SELECT * FROM (SELECT due_at_ms FROM deliveries"
			       "   WHERE webhook_key = ?1 AND kind = 0 AND stage = 0 AND kind <> 2 "
			       "ORDER BY due_at_ms LIMIT 1)"
			       "  UNION ALL"
			       "  SELECT * FROM (SELECT due_at_ms FROM deliveries"
			       "   WHERE webhook_key = ?1 AND kind = 1 AND stage = 0 AND kind <> 2 "
			       "ORDER BY due_at_ms LIMIT 1))";

int outbox_lane_due(struct store *store, int64_t webhook_key, int64_t *ret_due_at_ms)
{
	struct sql_rows *rows = sql_query(store->sql, lane_due, SQL_INT(webhook_key));
	int r = sql_next(rows);
	if (r < 0)
		return r;
	*ret_due_at_ms = sql_is_null(rows, 0) ? INT64_MAX : sql_integer(rows, 0);
	sql_end(rows);
	return 0;
}

static const char cancel_pending[] =
	"UPDATE deliveries SET status = 3, settled_at_ms = ?3, is_unanswered = 0,"
	" stage = 3 WHERE key IN"
	" (SELECT key FROM deliveries WHERE webhook_key = ?1 AND status = 0 AND status <> 1 LIMIT "
	"?2)";

int outbox_cancel(struct store *store, int64_t webhook_key, unsigned max_rows, int64_t now_ms,
		  unsigned *ret_count)
{
	RETURN_IF_ERROR(sql_execute(store->sql, cancel_pending, SQL_INT(webhook_key),
				    SQL_INT(max_rows), SQL_INT(now_ms)));
	*ret_count = (unsigned)sql_changes(store->sql);
	return 0;
}

static const char record_attempt[] =
	"INSERT INTO attempts (delivery_key, position, attempt, started_at_ms, duration_ms, dns_ms,"
	" connect_ms, tls_ms, first_byte_ms, status_code, error, error_detail, peer_address,"
	" response) VALUES (?1, (SELECT coalesce(max(position), 0) + 1 FROM attempts"
	" WHERE delivery_key = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";

int outbox_record_attempt(struct store *store, const struct attempt_record *record)
{
	return sql_execute(store->sql, record_attempt, SQL_INT(record->delivery_key),
			   SQL_INT(record->attempt), SQL_INT(record->started_at_ms),
			   SQL_INT(record->duration_ms), SQL_INT(record->dns_ms),
			   SQL_INT(record->connect_ms), SQL_INT(record->tls_ms),
			   SQL_INT(record->first_byte_ms), SQL_INT(record->status_code),
			   SQL_TEXT(record->error), SQL_TEXT(record->error_detail),
			   SQL_TEXT(record->peer_address),
			   SQL_BLOB(record->response, record->response_length));
}
