/* Reading deliveries: see db/deliveries.h. */
#include "db/deliveries.h"

#include "base/clock.h"
#include "db/outbox.h"
#include "db/paging.h"

#include <errno.h>
#include <string.h>

/* The values are stored: never renumber. */
static const char *const status_names[] = {
	[DELIVERY_PENDING] = "pending",
	[DELIVERY_DELIVERED] = "delivered",
	[DELIVERY_DEAD] = "dead",
	[DELIVERY_CANCELLED] = "cancelled",
};

const char *delivery_status_name(enum delivery_status status)
{
	return status_names[status];
}

bool delivery_status_parse(const char *name, enum delivery_status *ret_status)
{
	for (size_t i = 0; i < ARRAY_SIZE(status_names); i++) {
		if (strcmp(name, status_names[i]) == 0) {
			*ret_status = (enum delivery_status)i;
			return true;
		}
	}
	return false;
}

/* ---- lists ---- */

/* What is pending at a deleted webhook counts as cancelled, also before the sweep comes to it. */
#define SEEN_STATUS \
	"(CASE WHEN d.status = 0 AND w.deleted_at_ms IS NOT NULL THEN 3 ELSE d.status END)"

/* What visit_delivery() takes apart, in this order. */
#define DELIVERY_COLUMNS \
	"SELECT d.id, w.id, e.id, e.type, d.creator, " SEEN_STATUS \
	", d.attempts, d.created_at_ms, d.due_at_ms, d.settled_at_ms, d.replay_of," \
	" d.last_status_code, d.last_error"

/* Every list checks all filters, whatever the way to the rows. */
#define DELIVERY_FILTERS \
	" AND d.key BETWEEN ?1 AND ?2 AND (?4 IS NULL OR w.id = ?4) AND (?5 IS NULL OR e.id = ?5)" \
	" AND (?6 IS NULL OR d.creator = ?6) AND (?7 IS NULL OR " SEEN_STATUS " = ?7)" \
	" AND (?8 IS NULL OR e.type = ?8) AND d.created_at_ms >= ?9 AND d.created_at_ms < ?10" \
	" ORDER BY d.key DESC LIMIT ?3"

/* CROSS JOIN keeps the order of the tables: the planner has no statistics to go by. */
#define FROM_DELIVERIES \
	" FROM deliveries d CROSS JOIN webhooks w ON w.key = d.webhook_key" \
	" CROSS JOIN events e ON e.key = d.event_key"

static const char list_all[] = DELIVERY_COLUMNS FROM_DELIVERIES " WHERE 1" DELIVERY_FILTERS;
static const char list_by_status[] =
	DELIVERY_COLUMNS FROM_DELIVERIES " WHERE d.status = ?7 AND d.status <> 1" DELIVERY_FILTERS;
static const char list_by_webhook[] = DELIVERY_COLUMNS FROM_DELIVERIES
	" WHERE d.webhook_key = (SELECT key FROM webhooks WHERE id = ?4)" DELIVERY_FILTERS;
static const char list_by_webhook_and_status[] = DELIVERY_COLUMNS FROM_DELIVERIES
	" WHERE d.webhook_key = (SELECT key FROM webhooks WHERE id = ?4)"
	" AND d.status = ?7 AND d.status <> 1" DELIVERY_FILTERS;
static const char list_by_event[] = DELIVERY_COLUMNS FROM_DELIVERIES
	" WHERE d.event_key = (SELECT key FROM events WHERE id = ?5)" DELIVERY_FILTERS;
static const char list_by_creator[] =
	DELIVERY_COLUMNS " FROM events e CROSS JOIN deliveries d ON d.event_key = e.key"
			 " CROSS JOIN webhooks w ON w.key = d.webhook_key"
			 " WHERE e.creator = ?6" DELIVERY_FILTERS;

static const char is_sweeping[] =
	"SELECT EXISTS (SELECT 1 FROM webhooks WHERE deleted_at_ms IS NOT NULL AND is_swept = 0)";

/* Can the stored status be looked up? Not where it is not what is seen, and not for `delivered`,
 * which nearly all are. */
static int is_status_indexed(struct store *store, const struct delivery_filter *filter,
			     bool *ret_indexed)
{
	int64_t sweeping = 0;
	bool wanted = filter->has_status && filter->status != DELIVERY_DELIVERED;
	if (wanted && filter->status == DELIVERY_CANCELLED)
		RETURN_IF_ERROR(sql_get_integer(store->sql, &sweeping, is_sweeping));
	*ret_indexed = wanted && !sweeping;
	return 0;
}

static const char *choose_query(const struct delivery_filter *filter, bool status_is_indexed)
{
	if (filter->event_id)
		return list_by_event;
	if (filter->webhook_id)
		return status_is_indexed ? list_by_webhook_and_status : list_by_webhook;
	if (filter->creator)
		return list_by_creator;
	return status_is_indexed ? list_by_status : list_all;
}

static void visit_delivery(struct sql_rows *rows, const char *body, size_t body_length,
			   delivery_visit_fn visit, void *arg)
{
	struct delivery delivery = {
		.id = sql_text(rows, 0),
		.webhook_id = sql_text(rows, 1),
		.event_id = sql_text(rows, 2),
		.event_type = (enum event_type)sql_integer(rows, 3),
		.creator = sql_text(rows, 4),
		.status = (enum delivery_status)sql_integer(rows, 5),
		.attempts = (unsigned)sql_integer(rows, 6),
		.created_at_ms = sql_integer(rows, 7),
		.replay_of = sql_text(rows, 10),
		.last_status_code = (int)sql_integer(rows, 11),
		.last_error = sql_text(rows, 12),
		.body = body,
		.body_length = body_length,
	};
	if (delivery.status == DELIVERY_PENDING)
		delivery.next_attempt_at_ms = sql_integer(rows, 8);
	if (delivery.status == DELIVERY_DELIVERED)
		delivery.delivered_at_ms = sql_integer(rows, 9);
	visit(arg, &delivery);
}

/* Ids and keys rise together, so a range of ids is one of keys. */
static const char first_key_from[] =
	"SELECT key FROM deliveries WHERE id >= ?1 ORDER BY id LIMIT 1";
static const char last_key_below[] =
	"SELECT key FROM deliveries WHERE id < ?1 ORDER BY id DESC LIMIT 1";

/* -ENOENT: nothing can be in it. */
static int key_range(struct store *store, const struct id_range *ids, int64_t *ret_first,
		     int64_t *ret_last)
{
	RETURN_IF_ERROR(
		sql_get_integer(store->sql, ret_first, first_key_from, SQL_TEXT(ids->from)));
	return sql_get_integer(store->sql, ret_last, last_key_below, SQL_TEXT(ids->to));
}

int store_delivery_list(struct store *store, const struct delivery_filter *filter,
			const char *after, unsigned limit, delivery_visit_fn visit, void *arg)
{
	struct id_range ids;
	int64_t first, last;
	bool status_is_indexed;
	paging_id_range("del_", after, filter->since_ms, filter->until_ms, &ids);
	int r = key_range(store, &ids, &first, &last);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	RETURN_IF_ERROR(is_status_indexed(store, filter, &status_is_indexed));

	struct sql_rows *rows = sql_query(
		store->sql, choose_query(filter, status_is_indexed), SQL_INT(first), SQL_INT(last),
		SQL_INT(limit), SQL_TEXT(filter->webhook_id), SQL_TEXT(filter->event_id),
		SQL_TEXT(filter->creator), SQL_INT_IF(filter->has_status, filter->status),
		SQL_INT_IF(filter->has_type, filter->type),
		SQL_INT(filter->since_ms ? filter->since_ms : INT64_MIN),
		SQL_INT(filter->until_ms ? filter->until_ms : INT64_MAX));
	while ((r = sql_next(rows)) > 0)
		visit_delivery(rows, NULL, 0, visit, arg);
	return r;
}

/* ---- one ---- */

static const char show_delivery[] = DELIVERY_COLUMNS ", e.body" FROM_DELIVERIES " WHERE d.id = ?1";

int store_delivery_show(struct store *store, const char *id, delivery_visit_fn visit, void *arg)
{
	struct sql_rows *rows = sql_query(store->sql, show_delivery, SQL_TEXT(id));
	int r = sql_next(rows);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	size_t length;
	const char *body = sql_bytes(rows, 13, &length);
	visit_delivery(rows, body, length, visit, arg);
	sql_end(rows);
	return 0;
}

static const char list_attempts[] =
	"SELECT attempt, started_at_ms, duration_ms, dns_ms, connect_ms, tls_ms, first_byte_ms,"
	" status_code, error, error_detail, peer_address, response FROM attempts"
	" WHERE delivery_key = (SELECT key FROM deliveries WHERE id = ?1) ORDER BY position";

int store_attempt_list(struct store *store, const char *delivery_id, attempt_visit_fn visit,
		       void *arg)
{
	struct sql_rows *rows = sql_query(store->sql, list_attempts, SQL_TEXT(delivery_id));
	int r;
	while ((r = sql_next(rows)) > 0) {
		struct attempt attempt = {
			.attempt = (unsigned)sql_integer(rows, 0),
			.started_at_ms = sql_integer(rows, 1),
			.duration_ms = sql_integer(rows, 2),
			.dns_ms = sql_integer(rows, 3),
			.connect_ms = sql_integer(rows, 4),
			.tls_ms = sql_integer(rows, 5),
			.first_byte_ms = sql_integer(rows, 6),
			.status_code = (int)sql_integer(rows, 7),
			.error = sql_text(rows, 8),
			.error_detail = sql_text(rows, 9),
			.peer_address = sql_text(rows, 10),
		};
		attempt.response = sql_bytes(rows, 11, &attempt.response_length);
		visit(arg, &attempt);
	}
	return r;
}

/* ---- totals ---- */

static const char get_counts[] =
	"SELECT coalesce(sum(pending), 0), coalesce(sum(dead), 0) FROM webhook_health";
static const char get_delivered[] = "SELECT delivered FROM days WHERE day = ?1";
static const char get_pending_lanes[] =
	"SELECT w.key FROM webhooks w JOIN webhook_health h ON h.webhook_key = w.key"
	" WHERE w.is_active = 1 AND w.deleted_at_ms IS NULL AND h.pending > 0";

static int read_oldest_due(struct store *store, int64_t *ret_due_at_ms)
{
	int64_t oldest = INT64_MAX;
	struct sql_rows *rows = sql_query(store->sql, get_pending_lanes);
	int r;
	while ((r = sql_next(rows)) > 0) {
		int64_t due_at_ms;
		r = outbox_lane_due(store, sql_integer(rows, 0), &due_at_ms);
		if (r < 0)
			break;
		if (due_at_ms < oldest)
			oldest = due_at_ms;
	}
	sql_end(rows);
	RETURN_IF_ERROR(r);
	*ret_due_at_ms = oldest == INT64_MAX ? 0 : oldest;
	return 0;
}

int store_delivery_totals(struct store *store, int64_t now_ms, struct delivery_totals *ret_totals)
{
	struct delivery_totals totals = { 0 };
	struct sql_rows *rows = sql_query(store->sql, get_counts);
	int r = sql_next(rows);
	if (r < 0)
		return r;
	totals.pending = sql_integer(rows, 0);
	totals.dead = sql_integer(rows, 1);
	sql_end(rows);
	r = sql_get_integer(store->sql, &totals.delivered_today, get_delivered,
			    SQL_INT(clock_utc_day(now_ms)));
	if (r < 0 && r != -ENOENT)
		return r;
	RETURN_IF_ERROR(read_oldest_due(store, &totals.oldest_due_at_ms));
	*ret_totals = totals;
	return 0;
}
