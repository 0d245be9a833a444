#include "db/health.h"

#include "base/clock.h"

static const char add[] = "INSERT INTO webhook_health (webhook_key) VALUES (?1)";
static const char forget_failures[] =
	"UPDATE webhook_health SET fail_streak = 0 WHERE webhook_key = ?1";
static const char drop_pending[] = "UPDATE webhook_health SET pending = 0 WHERE webhook_key = ?1";
static const char move[] = "UPDATE webhook_health SET pending = pending + ?2, dead = dead + ?3"
			   " WHERE webhook_key = ?1";

static const char record_last[] = "UPDATE webhook_health SET last_attempt_at_ms = ?2,"
				  " last_status_code = ?3, last_error = ?4 WHERE webhook_key = ?1";
static const char record_failure[] =
	"UPDATE webhook_health SET last_attempt_at_ms = ?2, last_status_code = ?3,"
	" last_error = ?4, fail_streak = fail_streak + 1,"
	" pending = pending + ?6, dead = dead + ?7 WHERE webhook_key = ?1";
static const char record_success[] =
	"UPDATE webhook_health SET last_attempt_at_ms = ?2, last_status_code = ?3,"
	" last_error = ?4, fail_streak = 0,"
	" delivered_that_day = CASE WHEN day = ?5 THEN delivered_that_day + 1 ELSE 1 END,"
	" day = ?5, pending = pending + ?6, dead = dead + ?7 WHERE webhook_key = ?1";
static const char count_delivered[] =
	"INSERT INTO days (day, delivered) VALUES (?1, 1)"
	" ON CONFLICT (day) DO UPDATE SET delivered = days.delivered + 1";

int health_add(struct store *store, int64_t webhook_key)
{
	return sql_execute(store->sql, add, SQL_INT(webhook_key));
}

int health_forget_failures(struct store *store, int64_t webhook_key)
{
	return sql_execute(store->sql, forget_failures, SQL_INT(webhook_key));
}

int health_drop_pending(struct store *store, int64_t webhook_key)
{
	return sql_execute(store->sql, drop_pending, SQL_INT(webhook_key));
}

int health_move(struct store *store, int64_t webhook_key, int64_t pending, int64_t dead)
{
	if (pending == 0 && dead == 0)
		return 0;
	return sql_execute(store->sql, move, SQL_INT(webhook_key), SQL_INT(pending), SQL_INT(dead));
}

int health_record(struct store *store, int64_t webhook_key, const struct health_attempt *attempt,
		  int64_t now_ms)
{
	const char *statement = attempt->is_test     ? record_last
				: attempt->delivered ? record_success
						     : record_failure;
	int64_t day = clock_utc_day(now_ms);
	RETURN_IF_ERROR(sql_execute(store->sql, statement, SQL_INT(webhook_key),
				    SQL_INT(attempt->started_at_ms), SQL_INT(attempt->status_code),
				    SQL_TEXT(attempt->error ? attempt->error : ""), SQL_INT(day),
				    SQL_INT(attempt->pending), SQL_INT(attempt->dead)));
	if (!attempt->delivered || attempt->is_test)
		return 0;
	return sql_execute(store->sql, count_delivered, SQL_INT(day));
}
