/* watchlists - named lists of creators with a priority. */
#ifndef GOLIVED_DB_WATCHLISTS_H
#define GOLIVED_DB_WATCHLISTS_H

#include "db/store.h"
#include "domain/creator.h"

#include <stddef.h>

struct watchlist {
	const char *name; /* [A-Za-z0-9._-], 1 to LIMIT_WATCHLIST_NAME_BYTES */
	enum creator_priority priority;
	const char *const *creators; /* by name; NULL in lists of watchlists */
	size_t creator_count;
	int64_t created_at_ms, updated_at_ms;
};

typedef void (*watchlist_visit_fn)(void *arg, const struct watchlist *watchlist);

/* Makes the list or replaces all of it. creators may repeat. */
int store_watchlist_put(struct store *store, const char *name, enum creator_priority priority,
			const char *const *creators, size_t count, int64_t now_ms,
			bool *ret_created) MUST_CHECK;

/* priority: NULL leaves it. Removing who is not in it, or adding who is, is no error. -ENOENT. */
int store_watchlist_change(struct store *store, const char *name,
			   const enum creator_priority *priority, const char *const *add,
			   size_t add_count, const char *const *remove, size_t remove_count,
			   int64_t now_ms) MUST_CHECK;

/* -EBUSY: a webhook refers to it. */
int store_watchlist_remove(struct store *store, const char *name, int64_t now_ms) MUST_CHECK;

int store_watchlist_show(struct store *store, const char *name, watchlist_visit_fn visit,
			 void *arg) MUST_CHECK;
/* By name; `after` is a name. */
int store_watchlist_list(struct store *store, const char *after, unsigned limit,
			 watchlist_visit_fn visit, void *arg) MUST_CHECK;
bool store_watchlist_exists(struct store *store, const char *name);

#endif
