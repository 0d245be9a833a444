/* The day's requests to the upstream service: see db/creators.h. */
#include "db/creators.h"
#include "db/store_private.h"

#include <errno.h>

static const char take_quota[] =
	"INSERT INTO days (day, upstream_requests) VALUES (?1, ?2)"
	" ON CONFLICT (day) DO UPDATE SET"
	" upstream_requests = days.upstream_requests + excluded.upstream_requests"
	" RETURNING upstream_requests";
static const char get_used[] = "SELECT upstream_requests FROM days WHERE day = ?1";

int store_quota_take(struct store *store, int64_t utc_day, int64_t requests, int64_t *ret_used)
{
	return sql_get_integer(store->sql, ret_used, take_quota, SQL_INT(utc_day),
			       SQL_INT(requests));
}

int store_quota_used(struct store *store, int64_t utc_day, int64_t *ret_used)
{
	int r = sql_get_integer(store->sql, ret_used, get_used, SQL_INT(utc_day));
	if (r == -ENOENT) {
		*ret_used = 0;
		return 0;
	}
	return r;
}
