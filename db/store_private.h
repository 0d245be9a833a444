/* store_private - what the files of db/ share about a store. For db/ only. */
#ifndef GOLIVED_DB_STORE_PRIVATE_H
#define GOLIVED_DB_STORE_PRIVATE_H

#include "db/seal.h"
#include "db/sql.h"
#include "db/store.h"

struct store {
	struct sql *sql; /* owned */
	struct seal seal;
	struct ulid_source ids;
	char *path; /* owned */
	bool is_writer;
	bool is_abandoned;
	int lock_fd; /* of the writer; -1 */
};

/* The file cannot be trusted any more: closing writes nothing, the next start goes on from what is
 * there. */
void store_abandon(struct store *store);

/* Ends in `error` when it is one: the usual way to hand a failure up. */
#define RETURN_IF_ERROR(expression) \
	do { \
		int error_ = (expression); \
		if (error_ < 0) \
			return error_; \
	} while (0)

/* The key that a public id has in a table. -ENOENT. query selects it by ?1. */
static inline int store_find_key(struct store *store, const char *query, const char *id,
				 int64_t *ret_key)
{
	return sql_get_integer(store->sql, ret_key, query, SQL_TEXT(id));
}

#endif
