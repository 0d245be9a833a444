#include "db/watchlists.h"

#include "db/watching.h"

#include <errno.h>

static const char find_watchlist[] = "SELECT key FROM watchlists WHERE name = ?1";

static const char put_watchlist[] =
	"INSERT INTO watchlists (name, priority, created_at_ms, updated_at_ms)"
	" VALUES (?1, ?2, ?3, ?3)"
	" ON CONFLICT (name) DO UPDATE SET priority = excluded.priority,"
	" updated_at_ms = excluded.updated_at_ms";

static const char change_watchlist[] =
	"UPDATE watchlists SET priority = coalesce(?2, priority), updated_at_ms = ?3"
	" WHERE key = ?1";

static const char is_referred_to[] =
	"SELECT EXISTS (SELECT 1 FROM webhook_watchlists WHERE watchlist_key = ?1)";

static const char remove_watchlist[] = "DELETE FROM watchlists WHERE key = ?1";

#define WATCHLIST_COLUMNS "key, name, priority, created_at_ms, updated_at_ms"

static const char show_watchlist[] = "SELECT " WATCHLIST_COLUMNS " FROM watchlists WHERE name = ?1";

static const char list_watchlists[] = "SELECT " WATCHLIST_COLUMNS " FROM watchlists"
				      " WHERE name > ?1 ORDER BY name LIMIT ?2";

int store_watchlist_put(struct store *store, const char *name, enum creator_priority priority,
			const char *const *creators, size_t count, int64_t now_ms,
			bool *ret_created)
{
	int64_t key;
	int found = store_find_key(store, find_watchlist, name, &key);
	if (found < 0 && found != -ENOENT)
		return found;
	RETURN_IF_ERROR(sql_execute(store->sql, put_watchlist, SQL_TEXT(name), SQL_INT(priority),
				    SQL_INT(now_ms)));
	RETURN_IF_ERROR(store_find_key(store, find_watchlist, name, &key));
	RETURN_IF_ERROR(membership_replace(store, &watchlist_creators, key, creators, count));
	RETURN_IF_ERROR(watching_refresh_watchlist(store, key));
	*ret_created = found == -ENOENT;
	return 0;
}

int store_watchlist_change(struct store *store, const char *name,
			   const enum creator_priority *priority, const char *const *add,
			   size_t add_count, const char *const *remove, size_t remove_count,
			   int64_t now_ms)
{
	int64_t key;
	RETURN_IF_ERROR(store_find_key(store, find_watchlist, name, &key));
	RETURN_IF_ERROR(sql_execute(store->sql, change_watchlist, SQL_INT(key),
				    SQL_INT_IF(priority, *priority), SQL_INT(now_ms)));
	RETURN_IF_ERROR(membership_remove(store, &watchlist_creators, key, remove, remove_count));
	RETURN_IF_ERROR(membership_add(store, &watchlist_creators, key, add, add_count));
	return priority ? watching_refresh_watchlist(store, key) : 0;
}

int store_watchlist_remove(struct store *store, const char *name, int64_t now_ms)
{
	(void)now_ms; /* nothing about it is kept */
	int64_t key, referred_to;
	RETURN_IF_ERROR(store_find_key(store, find_watchlist, name, &key));
	RETURN_IF_ERROR(sql_get_integer(store->sql, &referred_to, is_referred_to, SQL_INT(key)));
	if (referred_to)
		return -EBUSY;
	RETURN_IF_ERROR(membership_replace(store, &watchlist_creators, key, NULL, 0));
	return sql_execute(store->sql, remove_watchlist, SQL_INT(key));
}

static void read_watchlist(struct sql_rows *rows, struct watchlist *ret_watchlist)
{
	*ret_watchlist = (struct watchlist){
		.name = sql_text(rows, 1),
		.priority = (enum creator_priority)sql_integer(rows, 2),
		.created_at_ms = sql_integer(rows, 3),
		.updated_at_ms = sql_integer(rows, 4),
	};
}

int store_watchlist_show(struct store *store, const char *name, watchlist_visit_fn visit, void *arg)
{
	struct sql_rows *rows = sql_query(store->sql, show_watchlist, SQL_TEXT(name));
	int r = sql_next(rows);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;

	CLEANUP(name_list_finish) struct name_list creators = { 0 };
	r = membership_names(store, &watchlist_creators, sql_integer(rows, 0), &creators);
	if (r == 0) {
		struct watchlist watchlist;
		read_watchlist(rows, &watchlist);
		watchlist.creators = (const char *const *)creators.names;
		watchlist.creator_count = creators.count;
		visit(arg, &watchlist);
	}
	sql_end(rows);
	return r;
}

static const char count_creators[] =
	"SELECT count(*) FROM watchlist_creators WHERE watchlist_key = ?1";

int store_watchlist_list(struct store *store, const char *after, unsigned limit,
			 watchlist_visit_fn visit, void *arg)
{
	struct sql_rows *rows =
		sql_query(store->sql, list_watchlists, SQL_TEXT(after), SQL_INT(limit));
	int r;
	while ((r = sql_next(rows)) > 0) {
		struct watchlist watchlist;
		int64_t count;
		read_watchlist(rows, &watchlist);
		r = sql_get_integer(store->sql, &count, count_creators,
				    SQL_INT(sql_integer(rows, 0)));
		if (r < 0)
			break;
		watchlist.creator_count = (size_t)count;
		visit(arg, &watchlist);
	}
	sql_end(rows);
	return r;
}

bool store_watchlist_exists(struct store *store, const char *name)
{
	int64_t key;
	return store_find_key(store, find_watchlist, name, &key) == 0;
}
