/* health - the counters of a webhook, and the day's totals, kept with every change. For db/ only.
 */
#ifndef GOLIVED_DB_HEALTH_H
#define GOLIVED_DB_HEALTH_H

#include "db/store_private.h"

int health_add(struct store *store, int64_t webhook_key) MUST_CHECK;
int health_forget_failures(struct store *store, int64_t webhook_key) MUST_CHECK;
/* The webhook was deleted: nothing of it is pending any more. */
int health_drop_pending(struct store *store, int64_t webhook_key) MUST_CHECK;
int health_move(struct store *store, int64_t webhook_key, int64_t pending, int64_t dead) MUST_CHECK;

/* One attempt: what became of the last_* fields, of the streak, of the day. */
struct health_attempt {
	int64_t started_at_ms;
	int status_code;
	const char *error; /* NULL: a success */
	bool is_test;      /* counts in the last_* fields only */
	bool delivered;
	int64_t pending, dead; /* by how much these counters change with it */
};
int health_record(struct store *store, int64_t webhook_key, const struct health_attempt *attempt,
		  int64_t now_ms) MUST_CHECK;

#endif
