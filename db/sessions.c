/* The lives of creators: see db/creators.h. */
#include "db/creators.h"
#include "db/store_private.h"

#include <errno.h>

static const char open_session[] =
	"INSERT INTO sessions (creator_key, room, started_at_ms, started_source, observed_at_ms)"
	" VALUES (?1, ?2, ?3, ?4, ?5)";
static const char close_session[] = "UPDATE sessions SET ended_at_ms = ?2, end_reason = ?3"
				    " WHERE creator_key = ?1 AND ended_at_ms IS NULL";
static const char session_history[] =
	"SELECT room, started_at_ms, started_source, ended_at_ms, end_reason FROM sessions"
	" WHERE creator_key = ?1 ORDER BY key DESC LIMIT ?2";
static const char list_sessions[] =
	"SELECT s.room, s.started_at_ms, s.started_source, s.ended_at_ms, s.end_reason"
	" FROM sessions s WHERE s.creator_key = (SELECT key FROM creators WHERE handle = ?1)"
	" ORDER BY s.key DESC LIMIT ?2";

int store_session_open(struct store *store, struct creator_key key, uint64_t room,
		       int64_t started_at_ms, enum event_start_source source,
		       int64_t observed_at_ms)
{
	return sql_execute(store->sql, open_session, SQL_INT(key.value), SQL_INT(room),
			   SQL_INT(started_at_ms), SQL_INT(source), SQL_INT(observed_at_ms));
}

int store_session_close(struct store *store, struct creator_key key, int64_t ended_at_ms,
			enum event_end_reason reason)
{
	RETURN_IF_ERROR(sql_execute(store->sql, close_session, SQL_INT(key.value),
				    SQL_INT(ended_at_ms), SQL_INT(reason)));
	return sql_changes(store->sql) > 0 ? 0 : -ENOENT;
}

static struct session read_session(struct sql_rows *rows)
{
	return (struct session){
		.room = (uint64_t)sql_integer(rows, 0),
		.started_at_ms = sql_integer(rows, 1),
		.source = (enum event_start_source)sql_integer(rows, 2),
		.ended_at_ms = sql_integer(rows, 3),
		.reason = (enum event_end_reason)sql_integer(rows, 4),
	};
}

int store_session_history(struct store *store, struct creator_key key, struct session *sessions,
			  unsigned max, unsigned *ret_count)
{
	struct sql_rows *rows =
		sql_query(store->sql, session_history, SQL_INT(key.value), SQL_INT(max));
	unsigned count = 0;
	int r;
	while ((r = sql_next(rows)) > 0)
		sessions[count++] = read_session(rows);
	RETURN_IF_ERROR(r);
	*ret_count = count;
	return 0;
}

int store_session_list(struct store *store, const char *handle, unsigned limit,
		       session_visit_fn visit, void *arg)
{
	struct sql_rows *rows =
		sql_query(store->sql, list_sessions, SQL_TEXT(handle), SQL_INT(limit));
	int r;
	while ((r = sql_next(rows)) > 0) {
		struct session session = read_session(rows);
		visit(arg, &session);
	}
	return r;
}
