/* What is planned, after the wall clock was set: see db/deliveries.h. */
#include "db/deliveries.h"

#include "base/memory.h"
#include "db/outbox.h"

#include <stdlib.h>

enum { STATUS_TOO_MANY_REQUESTS = 429, STATUS_UNAVAILABLE = 503 };

struct plan {
	int64_t key, due_at_ms;
};

static const char get_pending[] =
	"SELECT key, kind, attempts, last_status_code, due_at_ms FROM deliveries"
	" WHERE status = 0 AND status <> 1 AND key > ?1 ORDER BY key LIMIT ?2";
static const char set_due[] = "UPDATE deliveries SET due_at_ms = ?2 WHERE key = ?1";

/* Tests are made at once. */
static int64_t longest_wait_ms(const struct delivery_waits *waits, struct sql_rows *rows)
{
	int64_t attempts = sql_integer(rows, 2), status = sql_integer(rows, 3);
	if (sql_integer(rows, 1) == DELIVERY_TEST)
		return 0;
	if (attempts >= LIMIT_SCHEDULE_STEPS)
		attempts = LIMIT_SCHEDULE_STEPS - 1;
	int64_t wait_ms = waits->after_ms[attempts];
	bool may_have_asked = status == STATUS_TOO_MANY_REQUESTS || status == STATUS_UNAVAILABLE;
	return may_have_asked && waits->asked_for_ms > wait_ms ? waits->asked_for_ms : wait_ms;
}

/* What was due before the clock was set forward is due still, and need not be moved. */
static int64_t due_after_ms(int64_t due_at_ms, int64_t wait_ms, int64_t step_ms, int64_t now_ms)
{
	int64_t latest_ms = now_ms + wait_ms;
	if (step_ms < 0 || due_at_ms > now_ms - step_ms)
		due_at_ms += step_ms;
	return due_at_ms < latest_ms ? due_at_ms : latest_ms;
}

int store_deliveries_replan(struct store *store, const struct delivery_waits *waits,
			    int64_t step_ms, int64_t now_ms, unsigned max_rows,
			    struct store_mark *mark, bool *ret_more)
{
	CLEANUP(cleanup_free) struct plan *plans = memory_zeroed(max_rows, sizeof(plans[0]));
	unsigned seen = 0, count = 0;
	int64_t last_key = mark->value;
	struct sql_rows *rows =
		sql_query(store->sql, get_pending, SQL_INT(mark->value), SQL_INT(max_rows));
	int r;
	while ((r = sql_next(rows)) > 0) {
		int64_t due_at_ms = sql_integer(rows, 4);
		int64_t due_ms =
			due_after_ms(due_at_ms, longest_wait_ms(waits, rows), step_ms, now_ms);
		last_key = sql_integer(rows, 0);
		seen++;
		if (due_ms != due_at_ms)
			plans[count++] = (struct plan){ .key = last_key, .due_at_ms = due_ms };
	}
	RETURN_IF_ERROR(r);
	for (unsigned i = 0; i < count; i++)
		RETURN_IF_ERROR(sql_execute(store->sql, set_due, SQL_INT(plans[i].key),
					    SQL_INT(plans[i].due_at_ms)));
	mark->value = last_key;
	*ret_more = seen > 0 && seen == max_rows;
	return 0;
}
