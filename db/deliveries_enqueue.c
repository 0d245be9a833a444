/* Putting deliveries into the outbox: see db/deliveries.h. */
#include "db/deliveries.h"

#include "base/memory.h"
#include "db/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What of an event a new delivery needs. */
struct event_brief {
	int64_t key;
	int64_t creator_key; /* 0: not watched */
	enum event_type type;
	char creator[HANDLE_SIZE];
};

static const char get_event[] = "SELECT key, creator_key, type, creator FROM events WHERE id = ?1";

static int read_event(struct store *store, const char *event_id, struct event_brief *ret_event)
{
	struct sql_rows *rows = sql_query(store->sql, get_event, SQL_TEXT(event_id));
	int r = sql_next(rows);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	ret_event->key = sql_integer(rows, 0);
	ret_event->creator_key = sql_integer(rows, 1);
	ret_event->type = (enum event_type)sql_integer(rows, 2);
	sql_copy_text(rows, 3, ret_event->creator, sizeof(ret_event->creator));
	sql_end(rows);
	return 0;
}

/* Three ways to be subscribed; UNION lets each webhook through once. */
static const char get_subscribers[] =
	"SELECT w.key FROM ("
	" SELECT key AS webhook_key FROM webhooks"
	"  WHERE watches_all = 1 AND is_active = 1 AND deleted_at_ms IS NULL"
	" UNION SELECT webhook_key FROM webhook_creators WHERE creator_key = ?1"
	" UNION SELECT ww.webhook_key FROM watchlist_creators m"
	"  JOIN webhook_watchlists ww ON ww.watchlist_key = m.watchlist_key"
	"  WHERE m.creator_key = ?1"
	") s JOIN webhooks w ON w.key = s.webhook_key"
	" WHERE w.is_active = 1 AND w.deleted_at_ms IS NULL AND w.event_types & ?2";

static int read_subscribers(struct store *store, const struct event_brief *event,
			    int64_t **ret_keys, unsigned *ret_count)
{
	CLEANUP(cleanup_free) int64_t *keys = NULL;
	unsigned count = 0, capacity = 0;
	struct sql_rows *rows = sql_query(store->sql, get_subscribers, SQL_INT(event->creator_key),
					  SQL_INT(1u << event->type));
	int r;
	while ((r = sql_next(rows)) > 0) {
		if (count == capacity) {
			capacity = capacity ? capacity * 2 : 16;
			keys = memory_resized(keys, capacity, sizeof(keys[0]));
		}
		keys[count++] = sql_integer(rows, 0);
	}
	RETURN_IF_ERROR(r);
	*ret_keys = TAKE(keys);
	*ret_count = count;
	return 0;
}

int store_deliveries_enqueue(struct store *store, const char *event_id, int64_t created_at_ms,
			     int64_t due_at_ms, unsigned *ret_count)
{
	struct event_brief event;
	CLEANUP(cleanup_free) int64_t *webhook_keys = NULL;
	unsigned count;
	RETURN_IF_ERROR(read_event(store, event_id, &event));
	RETURN_IF_ERROR(read_subscribers(store, &event, &webhook_keys, &count));
	for (unsigned i = 0; i < count; i++) {
		char id[ID_TEXT_SIZE];
		RETURN_IF_ERROR(outbox_add(store,
					   &(struct new_delivery){
						   .webhook_key = webhook_keys[i],
						   .event_key = event.key,
						   .creator = event.creator,
						   .kind = DELIVERY_NORMAL,
						   .created_at_ms = created_at_ms,
						   .due_at_ms = due_at_ms,
					   },
					   id));
	}
	*ret_count = count;
	return 0;
}

static const char get_webhook[] =
	"SELECT key FROM webhooks WHERE id = ?1 AND deleted_at_ms IS NULL";

int store_delivery_add_test(struct store *store, const char *webhook_id, const char *event_id,
			    int64_t now_ms, char ret_id[ID_TEXT_SIZE])
{
	struct event_brief event;
	int64_t webhook_key;
	RETURN_IF_ERROR(store_find_key(store, get_webhook, webhook_id, &webhook_key));
	RETURN_IF_ERROR(read_event(store, event_id, &event));
	return outbox_add(store,
			  &(struct new_delivery){
				  .webhook_key = webhook_key,
				  .event_key = event.key,
				  .creator = event.creator,
				  .kind = DELIVERY_TEST,
				  .created_at_ms = now_ms,
				  .due_at_ms = now_ms,
			  },
			  ret_id);
}

static const char get_replayed[] =
	"SELECT d.webhook_key, d.event_key, d.creator, w.deleted_at_ms IS NOT NULL"
	" FROM deliveries d JOIN webhooks w ON w.key = d.webhook_key WHERE d.id = ?1";

int store_delivery_replay(struct store *store, const char *delivery_id, int64_t now_ms,
			  int64_t due_at_ms, char ret_id[ID_TEXT_SIZE])
{
	struct sql_rows *rows = sql_query(store->sql, get_replayed, SQL_TEXT(delivery_id));
	int r = sql_next(rows);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	char creator[HANDLE_SIZE];
	sql_copy_text(rows, 2, creator, sizeof(creator));
	struct new_delivery replay = {
		.webhook_key = sql_integer(rows, 0),
		.event_key = sql_integer(rows, 1),
		.creator = creator,
		.kind = DELIVERY_REPLAY,
		.replay_of = delivery_id,
		.created_at_ms = now_ms,
		.due_at_ms = due_at_ms,
	};
	bool is_deleted = sql_integer(rows, 3) != 0;
	sql_end(rows);
	return is_deleted ? -ESTALE : outbox_add(store, &replay, ret_id);
}
