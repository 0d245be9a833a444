#include "db/gaps.h"

#include "db/store_private.h"

#include <errno.h>

static const char sighted_at[] = "sighted_at_ms";
static const char add[] = "INSERT INTO gaps (reason, began_at_ms, ended_at_ms) VALUES (?1, ?2, ?3)";
static const char drop_oldest[] = "DELETE FROM gaps WHERE key IN"
				  " (SELECT key FROM gaps ORDER BY key DESC LIMIT -1 OFFSET ?1)";
static const char list[] =
	"SELECT reason, began_at_ms, ended_at_ms FROM gaps ORDER BY key DESC LIMIT ?1";

int store_gap_add(struct store *store, const struct gap *gap)
{
	RETURN_IF_ERROR(sql_execute(store->sql, add, SQL_INT(gap->reason),
				    SQL_INT(gap->began_at_ms), SQL_INT(gap->ended_at_ms)));
	return sql_execute(store->sql, drop_oldest, SQL_INT(GAPS_KEPT));
}

int store_gap_list(struct store *store, unsigned limit, gap_visit_fn visit, void *arg)
{
	struct sql_rows *rows = sql_query(store->sql, list, SQL_INT(limit));
	int r;
	while ((r = sql_next(rows)) > 0)
		visit(arg, &(struct gap){ .reason = (enum gap_reason)sql_integer(rows, 0),
					  .began_at_ms = sql_integer(rows, 1),
					  .ended_at_ms = sql_integer(rows, 2) });
	return r;
}

int store_sighted_set(struct store *store, int64_t sighted_at_ms)
{
	return store_fact_set(store, sighted_at, sighted_at_ms);
}

int store_sighted_get(struct store *store, int64_t *ret_sighted_at_ms)
{
	int r = store_fact_get(store, sighted_at, ret_sighted_at_ms);
	if (r != -ENOENT)
		return r;
	*ret_sighted_at_ms = 0;
	return 0;
}
