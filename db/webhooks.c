#include "db/webhooks.h"

#include "base/clock.h"
#include "db/health.h"
#include "db/outbox.h"
#include "db/replay_items.h"
#include "db/watching.h"

#include <errno.h>
#include <string.h>

/* What a removal settles at once; more is left to store_webhooks_sweep(). */
enum { SWEEP_AT_ONCE = 10000 };

static const char find_webhook[] =
	"SELECT key FROM webhooks WHERE id = ?1 AND deleted_at_ms IS NULL";

/* ---- adding and changing ---- */

static const char count_webhooks[] = "SELECT count(*) FROM webhooks WHERE deleted_at_ms IS NULL";

static const char add_webhook[] =
	"INSERT INTO webhooks (id, target_url, event_types, watches_all, name, description,"
	" sealed_bearer_token, sealed_extra_headers, rate_limit, is_active, created_at_ms)"
	" VALUES (?1, ?2, ?3, 0, ?4, ?5, " SEALED("?6", "?1", "bearer_token") ", " SEALED(
		"?7", "?1", "extra_headers") ", ?8, ?9, ?10)";

static const char add_secret[] = "INSERT INTO webhook_secrets (webhook_key, sealed_secret)"
				 " VALUES (?1, " SEALED("?2", "?1", "secret") ")";

static const char set_watches_all[] =
	"UPDATE webhooks SET watches_all ="
	" NOT EXISTS (SELECT 1 FROM webhook_creators WHERE webhook_key = ?1)"
	" AND NOT EXISTS (SELECT 1 FROM webhook_watchlists WHERE webhook_key = ?1)"
	" WHERE key = ?1";

static int check_room(struct store *store, int64_t max_webhooks)
{
	if (max_webhooks == 0)
		return 0;
	int64_t count;
	RETURN_IF_ERROR(sql_get_integer(store->sql, &count, count_webhooks));
	return count >= max_webhooks ? -EDQUOT : 0;
}

static int set_members(struct store *store, int64_t key, const struct webhook *webhook,
		       unsigned fields)
{
	if (fields & WEBHOOK_CREATORS)
		RETURN_IF_ERROR(membership_replace(store, &webhook_creators, key, webhook->creators,
						   webhook->creator_count));
	if (fields & WEBHOOK_WATCHLISTS)
		RETURN_IF_ERROR(membership_replace(store, &webhook_watchlists, key,
						   webhook->watchlists, webhook->watchlist_count));
	return sql_execute(store->sql, set_watches_all, SQL_INT(key));
}

int store_webhook_add(struct store *store, const struct webhook *webhook, const char *secret,
		      int64_t max_webhooks, int64_t now_ms, char ret_id[ID_TEXT_SIZE])
{
	RETURN_IF_ERROR(check_room(store, max_webhooks));
	char id[ID_TEXT_SIZE];
	store_new_id(store, "wh_", now_ms, id);
	RETURN_IF_ERROR(sql_execute(store->sql, add_webhook, SQL_TEXT(id),
				    SQL_TEXT(webhook->target_url), SQL_INT(webhook->event_types),
				    SQL_TEXT(webhook->name), SQL_TEXT(webhook->description),
				    SQL_TEXT(webhook->bearer_token),
				    SQL_TEXT(webhook->extra_headers), SQL_REAL(webhook->rate_limit),
				    SQL_INT(webhook->active), SQL_INT(now_ms)));
	int64_t key = sql_last_key(store->sql);
	RETURN_IF_ERROR(health_add(store, key));
	RETURN_IF_ERROR(sql_execute(store->sql, add_secret, SQL_INT(key), SQL_TEXT(secret)));
	RETURN_IF_ERROR(set_members(store, key, webhook, WEBHOOK_CREATORS | WEBHOOK_WATCHLISTS));
	memcpy(ret_id, id, sizeof(id));
	return 0;
}

/* ?2 says which of the values count (enum webhook_fields). A reason of ours for being inactive ends
 * when the operator changes that. */
static const char change_webhook[] =
	"UPDATE webhooks SET"
	" target_url = CASE WHEN ?2 & 1 THEN ?3 ELSE target_url END,"
	" event_types = CASE WHEN ?2 & 2 THEN ?4 ELSE event_types END,"
	" name = CASE WHEN ?2 & 16 THEN ?5 ELSE name END,"
	" description = CASE WHEN ?2 & 32 THEN ?6 ELSE description END,"
	" sealed_bearer_token = CASE WHEN ?2 & 64 THEN " SEALED(
		"?7", "id",
		"bearer_token") " ELSE sealed_bearer_token END,"
				" sealed_extra_headers = CASE WHEN ?2 & 128 THEN " SEALED(
					"?8", "id",
					"extra_headers") " ELSE sealed_extra_headers END,"
							 " rate_limit = CASE WHEN ?2 & 256 THEN ?9 "
							 "ELSE rate_limit END,"
							 " disabled_reason = CASE WHEN ?2 & 512 "
							 "AND is_active <> ?10 THEN ''"
							 "  ELSE disabled_reason END,"
							 " is_active = CASE WHEN ?2 & 512 THEN ?10 "
							 "ELSE is_active END"
							 " WHERE key = ?1";

_Static_assert(WEBHOOK_TARGET_URL == 1 && WEBHOOK_EVENT_TYPES == 2 && WEBHOOK_NAME == 16 &&
		       WEBHOOK_DESCRIPTION == 32 && WEBHOOK_BEARER_TOKEN == 64 &&
		       WEBHOOK_EXTRA_HEADERS == 128 && WEBHOOK_RATE_LIMIT == 256 &&
		       WEBHOOK_ACTIVE == 512,
	       "change_webhook has these bits");

static const char is_webhook_active[] = "SELECT is_active FROM webhooks WHERE key = ?1";

int store_webhook_change(struct store *store, const char *id, const struct webhook *webhook,
			 unsigned fields, int64_t now_ms)
{
	(void)now_ms; /* the audit trail tells when */
	int64_t key, was_active;
	RETURN_IF_ERROR(store_find_key(store, find_webhook, id, &key));
	RETURN_IF_ERROR(sql_get_integer(store->sql, &was_active, is_webhook_active, SQL_INT(key)));
	RETURN_IF_ERROR(sql_execute(store->sql, change_webhook, SQL_INT(key), SQL_INT(fields),
				    SQL_TEXT(webhook->target_url), SQL_INT(webhook->event_types),
				    SQL_TEXT(webhook->name), SQL_TEXT(webhook->description),
				    SQL_TEXT(webhook->bearer_token),
				    SQL_TEXT(webhook->extra_headers), SQL_REAL(webhook->rate_limit),
				    SQL_INT(webhook->active)));
	if (fields & WEBHOOK_ACTIVE && webhook->active && !was_active)
		RETURN_IF_ERROR(health_forget_failures(store, key));
	return set_members(store, key, webhook, fields);
}

/* ---- removing ---- */

/* What is secret goes at once; the rest stays for the deliveries that refer to it. */
static const char mark_deleted[] =
	"UPDATE webhooks SET deleted_at_ms = ?2, is_active = 0,"
	" sealed_bearer_token = NULL, sealed_extra_headers = NULL WHERE key = ?1";
static const char remove_secrets[] = "DELETE FROM webhook_secrets WHERE webhook_key = ?1";
static const char mark_swept[] = "UPDATE webhooks SET is_swept = 1 WHERE key = ?1";
static const char next_unswept[] = "SELECT key FROM webhooks"
				   " WHERE deleted_at_ms IS NOT NULL AND is_swept = 0 LIMIT 1";

static int sweep(struct store *store, int64_t key, unsigned max_rows, int64_t now_ms,
		 unsigned *ret_swept)
{
	unsigned cancelled;
	RETURN_IF_ERROR(outbox_cancel(store, key, max_rows, now_ms, &cancelled));
	if (cancelled < max_rows)
		RETURN_IF_ERROR(sql_execute(store->sql, mark_swept, SQL_INT(key)));
	*ret_swept = cancelled;
	return 0;
}

int store_webhook_remove(struct store *store, const char *id, int64_t now_ms)
{
	int64_t key;
	unsigned swept;
	RETURN_IF_ERROR(store_find_key(store, find_webhook, id, &key));
	RETURN_IF_ERROR(sql_execute(store->sql, mark_deleted, SQL_INT(key), SQL_INT(now_ms)));
	RETURN_IF_ERROR(sql_execute(store->sql, remove_secrets, SQL_INT(key)));
	RETURN_IF_ERROR(membership_replace(store, &webhook_creators, key, NULL, 0));
	RETURN_IF_ERROR(membership_replace(store, &webhook_watchlists, key, NULL, 0));
	RETURN_IF_ERROR(replays_cancel_of_webhook(store, key));
	RETURN_IF_ERROR(health_drop_pending(store, key));
	return sweep(store, key, SWEEP_AT_ONCE, now_ms, &swept);
}

int store_webhooks_sweep(struct store *store, unsigned max_rows, int64_t now_ms, bool *ret_more)
{
	for (unsigned left = max_rows; left > 0;) {
		int64_t key;
		unsigned swept;
		int r = sql_get_integer(store->sql, &key, next_unswept);
		if (r == -ENOENT) {
			*ret_more = false;
			return 0;
		}
		RETURN_IF_ERROR(r);
		RETURN_IF_ERROR(sweep(store, key, left, now_ms, &swept));
		left -= swept;
	}
	*ret_more = true;
	return 0;
}

/* ---- reading ---- */

/* What read_webhook() takes apart, in this order. */
#define WEBHOOK_COLUMNS \
	"w.key, w.id, w.target_url, w.event_types, w.name, w.description, " UNSEALED_TEXT( \
		"w.sealed_bearer_token", "w.id", \
		"bearer_token") ", " UNSEALED_TEXT("w.sealed_extra_headers", "w.id", \
						   "extra_headers") ", w.rate_limit, " \
								    "w.is_active, " \
								    "w.disabled_reason, " \
								    "w.created_at_ms," \
								    " h.day, " \
								    "h.delivered_that_day, " \
								    "h.last_attempt_at_ms, " \
								    "h.last_status_code, " \
								    "h.last_error," \
								    " h.fail_streak, h.pending, " \
								    "h.dead" \
								    " FROM webhooks w JOIN " \
								    "webhook_health h ON " \
								    "h.webhook_key = w.key"

static const char show_webhook[] =
	"SELECT " WEBHOOK_COLUMNS " WHERE w.id = ?1 AND w.deleted_at_ms IS NULL";
static const char list_webhooks[] =
	"SELECT " WEBHOOK_COLUMNS " WHERE w.deleted_at_ms IS NULL AND (?1 = '' OR w.id < ?1)"
	" ORDER BY w.id DESC LIMIT ?2";

static void read_webhook(struct sql_rows *rows, int64_t now_ms, struct webhook *ret_webhook)
{
	*ret_webhook = (struct webhook){
		.target_url = sql_text(rows, 2),
		.event_types = (unsigned)sql_integer(rows, 3),
		.name = sql_text(rows, 4),
		.description = sql_text(rows, 5),
		.bearer_token = sql_text(rows, 6),
		.extra_headers = sql_text(rows, 7),
		.rate_limit = sql_real(rows, 8),
		.active = sql_integer(rows, 9) != 0,
		.created_at_ms = sql_integer(rows, 11),
		.last_delivery_at_ms = sql_integer(rows, 14),
		.last_status_code = (int)sql_integer(rows, 15),
		.fail_streak = sql_integer(rows, 17),
		.pending = sql_integer(rows, 18),
		.dead = sql_integer(rows, 19),
	};
	if (sql_integer(rows, 12) == clock_utc_day(now_ms))
		ret_webhook->deliveries_today = sql_integer(rows, 13);
	sql_copy_text(rows, 1, ret_webhook->id, sizeof(ret_webhook->id));
	sql_copy_text(rows, 10, ret_webhook->disabled_reason, sizeof(ret_webhook->disabled_reason));
	sql_copy_text(rows, 16, ret_webhook->last_error, sizeof(ret_webhook->last_error));
}

static int visit_webhook(struct store *store, struct sql_rows *rows, int64_t now_ms,
			 webhook_visit_fn visit, void *arg)
{
	CLEANUP(name_list_finish) struct name_list creators = { 0 };
	CLEANUP(name_list_finish) struct name_list watchlists = { 0 };
	int64_t key = sql_integer(rows, 0);
	RETURN_IF_ERROR(membership_names(store, &webhook_creators, key, &creators));
	RETURN_IF_ERROR(membership_names(store, &webhook_watchlists, key, &watchlists));

	struct webhook webhook;
	read_webhook(rows, now_ms, &webhook);
	webhook.creators = (const char *const *)creators.names;
	webhook.creator_count = creators.count;
	webhook.watchlists = (const char *const *)watchlists.names;
	webhook.watchlist_count = watchlists.count;
	visit(arg, &webhook);
	return 0;
}

int store_webhook_show(struct store *store, const char *id, int64_t now_ms, webhook_visit_fn visit,
		       void *arg)
{
	struct sql_rows *rows = sql_query(store->sql, show_webhook, SQL_TEXT(id));
	int r = sql_next(rows);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	r = visit_webhook(store, rows, now_ms, visit, arg);
	sql_end(rows);
	return r;
}

int store_webhook_list(struct store *store, const char *after, unsigned limit, int64_t now_ms,
		       webhook_visit_fn visit, void *arg)
{
	struct sql_rows *rows =
		sql_query(store->sql, list_webhooks, SQL_TEXT(after), SQL_INT(limit));
	int r;
	while ((r = sql_next(rows)) > 0) {
		r = visit_webhook(store, rows, now_ms, visit, arg);
		if (r < 0)
			break;
	}
	sql_end(rows);
	return r;
}

bool store_webhook_exists(struct store *store, const char *id)
{
	int64_t key;
	return store_find_key(store, find_webhook, id, &key) == 0;
}

/* ---- secrets ---- */

static const char count_secrets[] = "SELECT count(*) FROM webhook_secrets WHERE webhook_key = ?1"
				    " AND (expires_at_ms IS NULL OR expires_at_ms > ?2)";
static const char expire_secrets[] =
	"UPDATE webhook_secrets SET expires_at_ms = min(coalesce(expires_at_ms, ?3), ?3)"
	" WHERE webhook_key = ?1 AND (expires_at_ms IS NULL OR expires_at_ms > ?2)";
static const char last_expiry[] =
	"SELECT coalesce(max(expires_at_ms), ?2) FROM webhook_secrets WHERE webhook_key = ?1";

int store_webhook_rotate_secret(struct store *store, const char *id, const char *secret,
				int64_t overlap_ms, int64_t now_ms,
				int64_t *ret_previous_expires_at_ms)
{
	int64_t key, valid, expires_at_ms;
	RETURN_IF_ERROR(store_find_key(store, find_webhook, id, &key));
	RETURN_IF_ERROR(
		sql_get_integer(store->sql, &valid, count_secrets, SQL_INT(key), SQL_INT(now_ms)));
	if (valid >= LIMIT_SECRETS_PER_WEBHOOK)
		return -E2BIG;
	RETURN_IF_ERROR(sql_execute(store->sql, expire_secrets, SQL_INT(key), SQL_INT(now_ms),
				    SQL_INT(now_ms + overlap_ms)));
	RETURN_IF_ERROR(sql_get_integer(store->sql, &expires_at_ms, last_expiry, SQL_INT(key),
					SQL_INT(now_ms)));
	RETURN_IF_ERROR(sql_execute(store->sql, add_secret, SQL_INT(key), SQL_TEXT(secret)));
	*ret_previous_expires_at_ms = expires_at_ms;
	return 0;
}
