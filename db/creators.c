#include "db/creators.h"

#include "base/memory.h"
#include "db/events.h"
#include "db/watching.h"

#include <errno.h>
#include <stdlib.h>

/* ---- for the poller ---- */

/* From the beginning only those who are watched count; later also those who no longer are. */
static const char watched_changes[] =
	"SELECT key, handle, is_watched, priority, quarantined_at_ms IS NOT NULL, "
	"last_checked_at_ms,"
	" change, status, room, ended_room, live_since_ms, started_source, answered_at_ms,"
	" evidence, evidence_count, evidence_since_ms, sequence, added_at_ms, tally"
	" FROM creators WHERE change > ?1 AND (is_watched = 1 OR ?1 > 0)"
	" ORDER BY change LIMIT ?2";

static void read_state(struct sql_rows *rows, struct creator_state *ret_state)
{
	*ret_state = (struct creator_state){
		.status = (uint8_t)sql_integer(rows, 7),
		.room = (uint64_t)sql_integer(rows, 8),
		.ended_room = (uint64_t)sql_integer(rows, 9),
		.live_since_ms = sql_integer(rows, 10),
		.started_source = (uint8_t)sql_integer(rows, 11),
		.answered_at_ms = sql_integer(rows, 12),
		.evidence = (uint8_t)sql_integer(rows, 13),
		.evidence_count = (uint32_t)sql_integer(rows, 14),
		.evidence_since_ms = sql_integer(rows, 15),
		.sequence = sql_integer(rows, 16),
	};
}

static void read_watched(struct sql_rows *rows, struct watched_creator *ret_creator)
{
	*ret_creator = (struct watched_creator){
		.key = { sql_integer(rows, 0) },
		.watched = sql_integer(rows, 2) != 0,
		.priority = (enum creator_priority)sql_integer(rows, 3),
		.quarantined = sql_integer(rows, 4) != 0,
		.last_checked_at_ms = sql_integer(rows, 5),
		.added_at_ms = sql_integer(rows, 17),
		.tally = tally_unpack(sql_integer(rows, 18)),
	};
	sql_copy_text(rows, 1, ret_creator->handle, sizeof(ret_creator->handle));
	read_state(rows, &ret_creator->state);
}

int store_watched_changes(struct store *store, struct store_mark *mark, unsigned max,
			  struct watched_creator **ret_creators, unsigned *ret_count)
{
	CLEANUP(cleanup_free) struct watched_creator *creators = NULL;
	unsigned count = 0, capacity = 0;
	int64_t seen = mark->value;
	struct sql_rows *rows =
		sql_query(store->sql, watched_changes, SQL_INT(mark->value), SQL_INT(max));
	int r;
	while ((r = sql_next(rows)) > 0) {
		if (count == capacity) {
			capacity = capacity ? capacity * 2 : 64;
			creators = memory_resized(creators, capacity, sizeof(creators[0]));
		}
		read_watched(rows, &creators[count++]);
		seen = sql_integer(rows, 6);
	}
	RETURN_IF_ERROR(r);
	mark->value = seen;
	*ret_creators = TAKE(creators);
	*ret_count = count;
	return 0;
}

static const char save_state[] =
	"UPDATE creators SET status = ?2, room = ?3, ended_room = ?4, live_since_ms = ?5,"
	" started_source = ?6, answered_at_ms = ?7, evidence = ?8, evidence_count = ?9,"
	" evidence_since_ms = ?10, sequence = ?11 WHERE key = ?1";
static const char save_check[] =
	"UPDATE creators SET last_checked_at_ms = ?2, next_check_at_ms = ?3, answered_at_ms = ?4,"
	" tally = ?5 WHERE key = ?1";
static const char set_quarantine[] = "UPDATE creators SET quarantined_at_ms = CASE WHEN ?2 THEN "
				     "coalesce(quarantined_at_ms, ?3) END"
				     " WHERE key = ?1";

int store_creator_save_state(struct store *store, struct creator_key key,
			     const struct creator_state *state)
{
	return sql_execute(store->sql, save_state, SQL_INT(key.value), SQL_INT(state->status),
			   SQL_INT(state->room), SQL_INT(state->ended_room),
			   SQL_INT(state->live_since_ms), SQL_INT(state->started_source),
			   SQL_INT(state->answered_at_ms), SQL_INT(state->evidence),
			   SQL_INT(state->evidence_count), SQL_INT(state->evidence_since_ms),
			   SQL_INT(state->sequence));
}

int store_creator_save_check(struct store *store, struct creator_key key, int64_t checked_at_ms,
			     int64_t next_check_at_ms, int64_t answered_at_ms, struct tally tally)
{
	return sql_execute(store->sql, save_check, SQL_INT(key.value), SQL_INT(checked_at_ms),
			   SQL_INT(next_check_at_ms), SQL_INT(answered_at_ms),
			   SQL_INT(tally_pack(tally)));
}

int store_creator_quarantine(struct store *store, struct creator_key key, bool quarantined,
			     int64_t now_ms)
{
	return sql_execute(store->sql, set_quarantine, SQL_INT(key.value), SQL_INT(quarantined),
			   SQL_INT(now_ms));
}

/* ---- for the API ---- */

static const char find_creator[] = "SELECT key FROM creators WHERE handle = ?1 AND is_watched = 1";

int store_creator_find(struct store *store, const char *handle, struct creator_key *ret_key)
{
	return store_find_key(store, find_creator, handle, &ret_key->value);
}

/* What visit_creator() takes apart, in this order. */
#define CREATOR_COLUMNS \
	"SELECT c.key, c.handle, c.status, c.room, c.live_since_ms, c.last_checked_at_ms," \
	" c.next_check_at_ms, c.quarantined_at_ms IS NOT NULL, c.tally FROM creators c"

/* One query for each way to the rows. ?1 after, ?2 limit, ?3 status, ?4 watchlist. */
static const char list_all[] =
	CREATOR_COLUMNS " WHERE c.is_watched = 1 AND c.handle > ?1 ORDER BY c.handle LIMIT ?2";
static const char list_by_status[] = CREATOR_COLUMNS
	" WHERE c.is_watched = 1 AND c.status = ?3 AND c.handle > ?1 ORDER BY c.handle LIMIT ?2";
static const char list_by_watchlist[] = CREATOR_COLUMNS
	" JOIN watchlist_creators m ON m.creator_key = c.key"
	" WHERE m.watchlist_key = (SELECT key FROM watchlists WHERE name = ?4)"
	" AND (?3 IS NULL OR c.status = ?3) AND c.handle > ?1 ORDER BY c.handle LIMIT ?2";
static const char show_creator[] = CREATOR_COLUMNS " WHERE c.is_watched = 1 AND c.handle = ?1";

static const char watchlists_of[] = "SELECT l.name FROM watchlist_creators m"
				    " JOIN watchlists l ON l.key = m.watchlist_key"
				    " WHERE m.creator_key = ?1 ORDER BY l.name";

static int visit_creator(struct store *store, struct sql_rows *rows, creator_visit_fn visit,
			 void *arg)
{
	CLEANUP(name_list_finish) struct name_list watchlists = { 0 };
	RETURN_IF_ERROR(name_list_read(
		sql_query(store->sql, watchlists_of, SQL_INT(sql_integer(rows, 0))), &watchlists));
	visit(arg, &(struct creator){
			   .handle = sql_text(rows, 1),
			   .status = (enum creator_status)sql_integer(rows, 2),
			   .room = (uint64_t)sql_integer(rows, 3),
			   .live_since_ms = sql_integer(rows, 4),
			   .last_checked_at_ms = sql_integer(rows, 5),
			   .next_check_at_ms = sql_integer(rows, 6),
			   .quarantined = sql_integer(rows, 7) != 0,
			   .watchlists = (const char *const *)watchlists.names,
			   .watchlist_count = watchlists.count,
			   .tally = tally_unpack(sql_integer(rows, 8)),
		   });
	return 0;
}

int store_creator_list(struct store *store, const enum creator_status *status,
		       const char *watchlist, const char *after, unsigned limit,
		       creator_visit_fn visit, void *arg)
{
	const char *query = watchlist ? list_by_watchlist : status ? list_by_status : list_all;
	struct sql_rows *rows = sql_query(store->sql, query, SQL_TEXT(after), SQL_INT(limit),
					  SQL_INT_IF(status, *status), SQL_TEXT(watchlist));
	int r;
	while ((r = sql_next(rows)) > 0) {
		r = visit_creator(store, rows, visit, arg);
		if (r < 0)
			break;
	}
	sql_end(rows);
	return r;
}

int store_creator_show(struct store *store, const char *handle, creator_visit_fn visit, void *arg)
{
	struct sql_rows *rows = sql_query(store->sql, show_creator, SQL_TEXT(handle));
	int r = sql_next(rows);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	r = visit_creator(store, rows, visit, arg);
	sql_end(rows);
	return r;
}

static const char count_by_status[] =
	"SELECT status, count(*) FROM creators WHERE is_watched = 1 GROUP BY status";
static const char count_quarantined[] =
	"SELECT count(*) FROM creators WHERE is_watched = 1 AND quarantined_at_ms IS NOT NULL";

int store_creator_totals(struct store *store, struct creator_totals *ret_totals)
{
	int64_t counts[] = { [CREATOR_UNKNOWN] = 0, [CREATOR_OFFLINE] = 0, [CREATOR_LIVE] = 0 };
	int64_t quarantined;
	struct sql_rows *rows = sql_query(store->sql, count_by_status);
	int r;
	while ((r = sql_next(rows)) > 0) {
		int64_t status = sql_integer(rows, 0);
		if (status >= 0 && status < (int64_t)ARRAY_SIZE(counts))
			counts[status] = sql_integer(rows, 1);
	}
	RETURN_IF_ERROR(r);
	RETURN_IF_ERROR(sql_get_integer(store->sql, &quarantined, count_quarantined));
	*ret_totals = (struct creator_totals){
		.live = counts[CREATOR_LIVE],
		.offline = counts[CREATOR_OFFLINE],
		.unknown = counts[CREATOR_UNKNOWN],
		.quarantined = quarantined,
	};
	return 0;
}
