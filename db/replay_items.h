/* replay_items - which deliveries or events a replay is about. For db/ only. */
#ifndef GOLIVED_DB_REPLAY_ITEMS_H
#define GOLIVED_DB_REPLAY_ITEMS_H

#include "db/replays.h"
#include "db/store_private.h"

int replay_items_count(struct store *store, int64_t webhook_key, const struct replay_filter *filter,
		       int64_t *ret_count) MUST_CHECK;
/* Fixes them as the items of a replay. */
int replay_items_add(struct store *store, int64_t replay_key, int64_t webhook_key,
		     const struct replay_filter *filter, int64_t *ret_count) MUST_CHECK;

/* The webhook was deleted: no more of its replays. */
int replays_cancel_of_webhook(struct store *store, int64_t webhook_key) MUST_CHECK;

#endif
