/* watching - who refers to which creator, and what follows: whether it is watched, and how eagerly.
 *
 *   in:   the creators (or watchlists) that a webhook or a watchlist is to have
 *   out:  membership rows; creators.is_watched, .priority, .change
 *
 * For db/ only: db/webhooks and db/watchlists are the two that refer.
 */
#ifndef GOLIVED_DB_WATCHING_H
#define GOLIVED_DB_WATCHING_H

#include "base/strbuf.h"
#include "db/store_private.h"

struct membership; /* a table of two keys: the owner and the member */

extern const struct membership webhook_creators, webhook_watchlists, watchlist_creators;

/* Makes the members of the owner exactly these; they may repeat. Creators that are not known yet
 * are made. -ENOENT: a watchlist that does not exist. */
int membership_replace(struct store *store, const struct membership *membership, int64_t owner_key,
		       const char *const *names, size_t count) MUST_CHECK;
int membership_add(struct store *store, const struct membership *membership, int64_t owner_key,
		   const char *const *names, size_t count) MUST_CHECK;
/* Who is no member is passed over. */
int membership_remove(struct store *store, const struct membership *membership, int64_t owner_key,
		      const char *const *names, size_t count) MUST_CHECK;

/* The priority of a watchlist was changed: its creators' may follow. */
int watching_refresh_watchlist(struct store *store, int64_t watchlist_key) MUST_CHECK;

/* Members by name. */
struct name_list {
	char **names; /* owned, each */
	size_t count;
	size_t capacity;
};
int membership_names(struct store *store, const struct membership *membership, int64_t owner_key,
		     struct name_list *list) MUST_CHECK;
/* The same for a query of the caller's, whose first column is a name. */
int name_list_read(struct sql_rows *rows, struct name_list *list) MUST_CHECK;
void name_list_clear(struct name_list *list);
void name_list_finish(struct name_list *list);

#endif
