/* store - one connection to the database: opening, transactions, and what all entities share.
 *
 *   in:   a path
 *   out:  a connection on which the operations of db/webhooks.h, db/deliveries.h, … work
 *   not:  threads (db/store_thread), retention in time (janitor)
 *
 * All SQL is in db/. Every operation is synchronous, returns 0 or -errno, and must be called inside
 * a transaction: store_thread opens one for each job; tests call store_begin() themselves. Common
 * codes: -ENOENT no such row; -ENOSPC the disk is full (nothing was changed; later it may go well);
 * -EIO the outcome is not known (log, exit 1, start again from the file); -EBADMSG the file is
 * damaged.
 *
 * Lists are visited: the callback gets a row whose texts are borrowed for the time of the call,
 * newest first unless said otherwise. A page starts behind the id `after` ("" for the first), has
 * at most `limit` rows, and stays right while rows arrive, as ids only grow.
 */
#ifndef GOLIVED_DB_STORE_H
#define GOLIVED_DB_STORE_H

#include "base/attrs.h"
#include "base/config.h"
#include "base/strbuf.h"
#include "base/ulid.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

enum store_mode {
	STORE_WRITER, /* creates the file (0600), takes its lock, copies and migrates an older one;
		       * one per database */
	STORE_READER, /* read-only; needs a writer to have been there first */
};

/* Opens. On failure *why says what is wrong and what to do, in one sentence with the path. -EBUSY
 * another golived has it; -EBADMSG damaged or no database; -EPROTO from a newer golived; -ENOKEY,
 * -EKEYREJECTED the key that it is sealed with is not there, or another is; -EROFS, -EACCES, …: a
 * restart without the operator will not cure these; others may pass. A writer makes that key for a
 * new database; a reader that finds none may copy, but gets -EACCES where it reads secrets. */
int store_open(const char *path, enum store_mode mode, enum config_synchronous synchronous,
	       struct strbuf *why, struct store **ret_store) MUST_CHECK;
void store_close(struct store *store); /* checkpoints if it is the writer */

int store_begin(struct store *store) MUST_CHECK; /* immediate for the writer */
int store_commit(struct store *store) MUST_CHECK;
void store_rollback(struct store *store);

/* A nested transaction, so that jobs which share a commit fail apart. */
int store_savepoint(struct store *store) MUST_CHECK;
int store_release(struct store *store) MUST_CHECK;
void store_undo(struct store *store);

/* Moves what is in the WAL into the database (truncating it when nobody reads). Outside a
 * transaction. */
int store_checkpoint(struct store *store) MUST_CHECK;

/* Bytes of the database and of its WAL. */
void store_sizes(struct store *store, int64_t *ret_database_bytes, int64_t *ret_wal_bytes);

/* A consistent copy of the whole database into a new file (0600). Outside a transaction. -EEXIST if
 * there is one. */
int store_backup(struct store *store, const char *path) MUST_CHECK;

/* Seals what is secret with another key, while no golived has the database: with the systemd
 * credential store-key if that is not its key yet, else with a new one in secret.key. The key until
 * now is kept in secret.key.old. *why as for store_open(). An end in the midst of it leaves the old
 * key or the new one in force, never a mixture. */
int store_rekey(const char *path, struct strbuf *why) MUST_CHECK;

/* An id that sorts behind every id given before, restarts included. Writer only. Returns text. */
char *store_new_id(struct store *store, const char *prefix, int64_t now_ms,
		   char text[ID_TEXT_SIZE]);

/* How far a reader of changes has come. Zero: from the beginning. Opaque. */
struct store_mark {
	int64_t value;
};

/* Small facts that outlive a restart: "batch_size", "tier", … -ENOENT if not set. */
int store_fact_get(struct store *store, const char *name, int64_t *ret_value) MUST_CHECK;
int store_fact_set(struct store *store, const char *name, int64_t value) MUST_CHECK;

/* Deletes up to max_rows of what is older than its retention (0: keep for ever), and what nothing
 * refers to any more. Never what is pending. *ret_deleted below max_rows: there is no more for now.
 */
struct store_retention {
	int64_t delivered_ms, dead_ms, events_ms, sessions_ms;
};
int store_prune(struct store *store, const struct store_retention *retention, int64_t now_ms,
		unsigned max_rows, unsigned *ret_deleted) MUST_CHECK;

#endif
