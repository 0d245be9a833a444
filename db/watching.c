#include "db/watching.h"

#include "base/memory.h"
#include "domain/creator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct membership {
	const char *find_member;  /* ?1 name */
	const char *make_member;  /* ?1 name; NULL: must exist */
	const char *add, *remove; /* ?1 owner, ?2 member */
	const char *keys, *names; /* ?1 owner; in order */
	bool concerns_creators;   /* its members' state of being watched depends on it */
};

#define FIND_CREATOR "SELECT key FROM creators WHERE handle = ?1"
#define MAKE_CREATOR \
	"INSERT INTO creators (handle, added_at_ms, change)" \
	" VALUES (?1, unixepoch() * 1000, (SELECT coalesce(max(change), 0) + 1 FROM creators))"

const struct membership webhook_creators = {
	.find_member = FIND_CREATOR,
	.make_member = MAKE_CREATOR,
	.add = "INSERT INTO webhook_creators (webhook_key, creator_key) VALUES (?1, ?2)"
	       " ON CONFLICT DO NOTHING",
	.remove = "DELETE FROM webhook_creators WHERE webhook_key = ?1 AND creator_key = ?2",
	.keys = "SELECT creator_key FROM webhook_creators WHERE webhook_key = ?1"
		" ORDER BY creator_key",
	.names = "SELECT c.handle FROM webhook_creators m JOIN creators c ON c.key = m.creator_key"
		 " WHERE m.webhook_key = ?1 ORDER BY c.handle",
	.concerns_creators = true,
};

const struct membership watchlist_creators = {
	.find_member = FIND_CREATOR,
	.make_member = MAKE_CREATOR,
	.add = "INSERT INTO watchlist_creators (watchlist_key, creator_key) VALUES (?1, ?2)"
	       " ON CONFLICT DO NOTHING",
	.remove = "DELETE FROM watchlist_creators WHERE watchlist_key = ?1 AND creator_key = ?2",
	.keys = "SELECT creator_key FROM watchlist_creators WHERE watchlist_key = ?1"
		" ORDER BY creator_key",
	.names = "SELECT c.handle FROM watchlist_creators m"
		 " JOIN creators c ON c.key = m.creator_key"
		 " WHERE m.watchlist_key = ?1 ORDER BY c.handle",
	.concerns_creators = true,
};

const struct membership webhook_watchlists = {
	.find_member = "SELECT key FROM watchlists WHERE name = ?1",
	.add = "INSERT INTO webhook_watchlists (webhook_key, watchlist_key) VALUES (?1, ?2)"
	       " ON CONFLICT DO NOTHING",
	.remove = "DELETE FROM webhook_watchlists WHERE webhook_key = ?1 AND watchlist_key = ?2",
	.keys = "SELECT watchlist_key FROM webhook_watchlists WHERE webhook_key = ?1"
		" ORDER BY watchlist_key",
	.names = "SELECT l.name FROM webhook_watchlists m"
		 " JOIN watchlists l ON l.key = m.watchlist_key"
		 " WHERE m.webhook_key = ?1 ORDER BY l.name",
};

/* ---- who is watched ---- */

static const char get_references[] =
	"SELECT EXISTS (SELECT 1 FROM webhook_creators WHERE creator_key = ?1)"
	" OR EXISTS (SELECT 1 FROM watchlist_creators WHERE creator_key = ?1),"
	" (SELECT max(l.priority) FROM watchlist_creators m"
	"  JOIN watchlists l ON l.key = m.watchlist_key WHERE m.creator_key = ?1)";

static const char set_watched[] = "UPDATE creators SET is_watched = ?2, priority = ?3,"
				  " change = (SELECT max(change) + 1 FROM creators)"
				  " WHERE key = ?1 AND (is_watched <> ?2 OR priority <> ?3)";

static int refresh_creator(struct store *store, int64_t creator_key)
{
	struct sql_rows *rows = sql_query(store->sql, get_references, SQL_INT(creator_key));
	int r = sql_next(rows);
	if (r < 0)
		return r;
	int64_t is_watched = sql_integer(rows, 0);
	int64_t priority = sql_is_null(rows, 1) ? PRIORITY_NORMAL : sql_integer(rows, 1);
	sql_end(rows);
	return sql_execute(store->sql, set_watched, SQL_INT(creator_key), SQL_INT(is_watched),
			   SQL_INT(priority));
}

/* ---- sets of keys ---- */

struct key_set {
	int64_t *keys; /* owned; rising, each once */
	size_t count;
};

static void key_set_finish(struct key_set *set)
{
	free(set->keys);
}

static int compare_keys(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

static void key_set_sort(struct key_set *set)
{
	if (set->count == 0)
		return;
	qsort(set->keys, set->count, sizeof(set->keys[0]), compare_keys);
	size_t kept = 1;
	for (size_t i = 1; i < set->count; i++) {
		if (set->keys[i] != set->keys[kept - 1])
			set->keys[kept++] = set->keys[i];
	}
	set->count = kept;
}

static int key_set_read(struct store *store, const char *query, int64_t owner_key,
			struct key_set *set)
{
	struct sql_rows *rows = sql_query(store->sql, query, SQL_INT(owner_key));
	size_t capacity = 0;
	int r;
	while ((r = sql_next(rows)) > 0) {
		if (set->count == capacity) {
			capacity = capacity ? capacity * 2 : 16;
			set->keys = memory_resized(set->keys, capacity, sizeof(set->keys[0]));
		}
		set->keys[set->count++] = sql_integer(rows, 0);
	}
	return r;
}

static int find_or_make(struct store *store, const struct membership *membership, const char *name,
			int64_t *ret_key)
{
	int r = store_find_key(store, membership->find_member, name, ret_key);
	if (r != -ENOENT || !membership->make_member)
		return r;
	RETURN_IF_ERROR(sql_execute(store->sql, membership->make_member, SQL_TEXT(name)));
	*ret_key = sql_last_key(store->sql);
	return 0;
}

/* With what is made for names that are new. */
static int key_set_of_names(struct store *store, const struct membership *membership,
			    const char *const *names, size_t count, struct key_set *set)
{
	set->keys = memory_zeroed(count, sizeof(set->keys[0]));
	for (size_t i = 0; i < count; i++) {
		RETURN_IF_ERROR(find_or_make(store, membership, names[i], &set->keys[i]));
		set->count++;
	}
	key_set_sort(set);
	return 0;
}

/* ---- members ---- */

static int change_member(struct store *store, const struct membership *membership,
			 const char *statement, int64_t owner_key, int64_t member_key)
{
	RETURN_IF_ERROR(
		sql_execute(store->sql, statement, SQL_INT(owner_key), SQL_INT(member_key)));
	if (sql_changes(store->sql) == 0 || !membership->concerns_creators)
		return 0;
	return refresh_creator(store, member_key);
}

/* Only what differs is touched: a creator that stays is not dropped and taken up again. */
static int apply_difference(struct store *store, const struct membership *membership,
			    int64_t owner_key, const struct key_set *old, const struct key_set *new)
{
	size_t i = 0, j = 0;
	while (i < old->count || j < new->count) {
		if (j == new->count || (i < old->count && old->keys[i] < new->keys[j]))
			RETURN_IF_ERROR(change_member(store, membership, membership->remove,
						      owner_key, old->keys[i++]));
		else if (i == old->count || new->keys[j] < old->keys[i])
			RETURN_IF_ERROR(change_member(store, membership, membership->add, owner_key,
						      new->keys[j++]));
		else
			i++, j++;
	}
	return 0;
}

int membership_replace(struct store *store, const struct membership *membership, int64_t owner_key,
		       const char *const *names, size_t count)
{
	CLEANUP(key_set_finish) struct key_set old = { 0 };
	CLEANUP(key_set_finish) struct key_set new = { 0 };
	RETURN_IF_ERROR(key_set_read(store, membership->keys, owner_key, &old));
	RETURN_IF_ERROR(key_set_of_names(store, membership, names, count, &new));
	return apply_difference(store, membership, owner_key, &old, &new);
}

int membership_add(struct store *store, const struct membership *membership, int64_t owner_key,
		   const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int64_t key;
		RETURN_IF_ERROR(find_or_make(store, membership, names[i], &key));
		RETURN_IF_ERROR(change_member(store, membership, membership->add, owner_key, key));
	}
	return 0;
}

int membership_remove(struct store *store, const struct membership *membership, int64_t owner_key,
		      const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int64_t key;
		int r = store_find_key(store, membership->find_member, names[i], &key);
		if (r == -ENOENT)
			continue;
		RETURN_IF_ERROR(r);
		RETURN_IF_ERROR(
			change_member(store, membership, membership->remove, owner_key, key));
	}
	return 0;
}

int watching_refresh_watchlist(struct store *store, int64_t watchlist_key)
{
	CLEANUP(key_set_finish) struct key_set members = { 0 };
	RETURN_IF_ERROR(key_set_read(store, watchlist_creators.keys, watchlist_key, &members));
	for (size_t i = 0; i < members.count; i++)
		RETURN_IF_ERROR(refresh_creator(store, members.keys[i]));
	return 0;
}

/* ---- names ---- */

int name_list_read(struct sql_rows *rows, struct name_list *list)
{
	int r;
	while ((r = sql_next(rows)) > 0) {
		if (list->count == list->capacity) {
			list->capacity = list->capacity ? list->capacity * 2 : 16;
			list->names =
				memory_resized(list->names, list->capacity, sizeof(list->names[0]));
		}
		list->names[list->count++] = memory_text(sql_text(rows, 0));
	}
	return r;
}

int membership_names(struct store *store, const struct membership *membership, int64_t owner_key,
		     struct name_list *list)
{
	return name_list_read(sql_query(store->sql, membership->names, SQL_INT(owner_key)), list);
}

void name_list_clear(struct name_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->names[i]);
	list->count = 0;
}

void name_list_finish(struct name_list *list)
{
	name_list_clear(list);
	free(list->names);
}
