#include "db/replays.h"

#include "base/memory.h"
#include "db/outbox.h"
#include "db/replay_items.h"

#include <errno.h>
#include <string.h>

const char *replay_state_name(enum replay_state state)
{
	static const char *const names[] = {
		[REPLAY_RUNNING] = "running",
		[REPLAY_DONE] = "done",
		[REPLAY_CANCELLED] = "cancelled",
	};
	return names[state];
}

/* ---- asking for one ---- */

static const char find_webhook[] =
	"SELECT key FROM webhooks WHERE id = ?1 AND deleted_at_ms IS NULL";
static const char add_replay[] =
	"INSERT INTO replays (id, webhook_key, state, is_missing, matched, created_at_ms)"
	" VALUES (?1, ?2, 0, ?3, 0, ?4)";
static const char set_matched[] = "UPDATE replays SET matched = ?2, state = ?3 WHERE key = ?1";

int store_replay_count(struct store *store, const char *webhook_id,
		       const struct replay_filter *filter, int64_t *ret_matched)
{
	int64_t webhook_key;
	RETURN_IF_ERROR(store_find_key(store, find_webhook, webhook_id, &webhook_key));
	return replay_items_count(store, webhook_key, filter, ret_matched);
}

int store_replay_add(struct store *store, const char *webhook_id,
		     const struct replay_filter *filter, int64_t now_ms, struct replay *ret_replay)
{
	int64_t webhook_key, matched;
	RETURN_IF_ERROR(store_find_key(store, find_webhook, webhook_id, &webhook_key));
	char id[ID_TEXT_SIZE];
	store_new_id(store, "rep_", now_ms, id);
	RETURN_IF_ERROR(sql_execute(store->sql, add_replay, SQL_TEXT(id), SQL_INT(webhook_key),
				    SQL_INT(filter->missing), SQL_INT(now_ms)));
	int64_t key = sql_last_key(store->sql);
	RETURN_IF_ERROR(replay_items_add(store, key, webhook_key, filter, &matched));
	RETURN_IF_ERROR(sql_execute(store->sql, set_matched, SQL_INT(key), SQL_INT(matched),
				    SQL_INT(matched ? REPLAY_RUNNING : REPLAY_DONE)));
	return store_replay_show(store, id, ret_replay);
}

static const char show_replay[] =
	"SELECT r.id, w.id, r.state, r.matched, r.replayed, r.created_at_ms"
	" FROM replays r JOIN webhooks w ON w.key = r.webhook_key WHERE r.id = ?1";

int store_replay_show(struct store *store, const char *id, struct replay *ret_replay)
{
	struct sql_rows *rows = sql_query(store->sql, show_replay, SQL_TEXT(id));
	int r = sql_next(rows);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_replay = (struct replay){
		.state = (enum replay_state)sql_integer(rows, 2),
		.matched = sql_integer(rows, 3),
		.replayed = sql_integer(rows, 4),
		.created_at_ms = sql_integer(rows, 5),
	};
	sql_copy_text(rows, 0, ret_replay->id, sizeof(ret_replay->id));
	sql_copy_text(rows, 1, ret_replay->webhook_id, sizeof(ret_replay->webhook_id));
	sql_end(rows);
	return 0;
}

/* ---- cancelling: what is left of the items goes with store_prune() ---- */

static const char find_replay[] = "SELECT key FROM replays WHERE id = ?1";
static const char cancel_replay[] = "UPDATE replays SET state = 2 WHERE key = ?1 AND state = 0";
static const char cancel_of_webhook[] =
	"UPDATE replays SET state = 2 WHERE webhook_key = ?1 AND state = 0";

int store_replay_cancel(struct store *store, const char *id)
{
	int64_t key;
	RETURN_IF_ERROR(store_find_key(store, find_replay, id, &key));
	return sql_execute(store->sql, cancel_replay, SQL_INT(key));
}

int replays_cancel_of_webhook(struct store *store, int64_t webhook_key)
{
	return sql_execute(store->sql, cancel_of_webhook, SQL_INT(webhook_key));
}

/* ---- working them off ---- */

struct running {
	int64_t key, webhook_key;
	bool is_missing;
};

static const char next_running[] =
	"SELECT key, webhook_key, is_missing FROM replays WHERE state = 0 ORDER BY key LIMIT 1";
static const char get_items[] = "SELECT item_key FROM replay_items WHERE replay_key = ?1"
				" ORDER BY item_key LIMIT ?2";
static const char remove_item[] =
	"DELETE FROM replay_items WHERE replay_key = ?1 AND item_key = ?2";
static const char count_replayed[] =
	"UPDATE replays SET replayed = replayed + ?2, state ="
	" CASE WHEN EXISTS (SELECT 1 FROM replay_items WHERE replay_key = ?1) THEN 0 ELSE 1 END"
	" WHERE key = ?1";
static const char get_delivery[] = "SELECT event_key, creator, id FROM deliveries WHERE key = ?1";
static const char get_event[] = "SELECT key, creator, NULL FROM events WHERE key = ?1";

/* 1: enqueued; 0: what was to be replayed is past its retention. */
static int replay_item(struct store *store, const struct running *running, int64_t item_key,
		       int64_t now_ms)
{
	struct sql_rows *rows = sql_query(
		store->sql, running->is_missing ? get_event : get_delivery, SQL_INT(item_key));
	int r = sql_next(rows);
	if (r <= 0)
		return r;
	char id[ID_TEXT_SIZE];
	r = outbox_add(store,
		       &(struct new_delivery){
			       .webhook_key = running->webhook_key,
			       .event_key = sql_integer(rows, 0),
			       .creator = sql_text(rows, 1),
			       .kind = DELIVERY_REPLAY,
			       .replay_of = sql_text(rows, 2),
			       .created_at_ms = now_ms,
			       .due_at_ms = now_ms,
		       },
		       id);
	sql_end(rows);
	return r < 0 ? r : 1;
}

static int read_items(struct store *store, int64_t replay_key, unsigned max, int64_t *items,
		      unsigned *ret_count)
{
	unsigned count = 0;
	struct sql_rows *rows = sql_query(store->sql, get_items, SQL_INT(replay_key), SQL_INT(max));
	int r;
	while ((r = sql_next(rows)) > 0)
		items[count++] = sql_integer(rows, 0);
	RETURN_IF_ERROR(r);
	*ret_count = count;
	return 0;
}

/* One slice of one replay, which is done once no item is left. */
static int advance_one(struct store *store, const struct running *running, unsigned max,
		       int64_t now_ms, unsigned *ret_looked_at, unsigned *ret_enqueued)
{
	CLEANUP(cleanup_free) int64_t *items = memory_zeroed(max, sizeof(items[0]));
	unsigned count, enqueued = 0;
	RETURN_IF_ERROR(read_items(store, running->key, max, items, &count));
	for (unsigned i = 0; i < count; i++) {
		int r = replay_item(store, running, items[i], now_ms);
		RETURN_IF_ERROR(r);
		enqueued += (unsigned)r;
		RETURN_IF_ERROR(sql_execute(store->sql, remove_item, SQL_INT(running->key),
					    SQL_INT(items[i])));
	}
	RETURN_IF_ERROR(
		sql_execute(store->sql, count_replayed, SQL_INT(running->key), SQL_INT(enqueued)));
	*ret_looked_at = count;
	*ret_enqueued = enqueued;
	return 0;
}

/* -ENOENT: none is running. */
static int read_next_running(struct store *store, struct running *ret_running)
{
	struct sql_rows *rows = sql_query(store->sql, next_running);
	int r = sql_next(rows);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_running = (struct running){
		.key = sql_integer(rows, 0),
		.webhook_key = sql_integer(rows, 1),
		.is_missing = sql_integer(rows, 2) != 0,
	};
	sql_end(rows);
	return 0;
}

int store_replay_advance(struct store *store, unsigned max, int64_t now_ms, unsigned *ret_enqueued,
			 bool *ret_more)
{
	unsigned total = 0;
	struct running running;
	int r = 0;
	for (unsigned left = max; left > 0;) {
		unsigned looked_at, enqueued;
		r = read_next_running(store, &running);
		if (r < 0)
			break;
		RETURN_IF_ERROR(advance_one(store, &running, left, now_ms, &looked_at, &enqueued));
		total += enqueued;
		left -= looked_at;
	}
	if (r < 0 && r != -ENOENT)
		return r;
	r = read_next_running(store, &running);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret_enqueued = total;
	*ret_more = r == 0;
	return 0;
}
