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
	/* What commits wait for the disk: as configured, and as it is set now. */
	enum config_synchronous synchronous, synchronous_now;
};

/* Whether the transactions that follow are to be on disk when they are committed, as configured; or
 * only in the file, where a power failure can take them back. Outside a transaction. */
int store_set_durable(struct store *store, bool is_durable) MUST_CHECK;

/* The file cannot be trusted any more: closing writes nothing, the next start goes on from what is
 * there. */
void store_abandon(struct store *store);

/* The name of a new file is on disk only once its directory is. */
int store_sync_directory_of(const char *path) MUST_CHECK;

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
