/* migrate - brings a database to the schema of this program, in one transaction. */
#ifndef GOLIVED_DB_MIGRATE_H
#define GOLIVED_DB_MIGRATE_H

#include "base/attrs.h"
#include "base/strbuf.h"
#include "db/sql.h"

struct migration {
	const char *name; /* the file's name: 0001_init.sql */
	const char *sql;
};

/* Generated from db/migrations/ in the order of the numbers; migration N makes user_version N + 1.
 */
extern const struct migration migrations[];
extern const unsigned migration_count;

/* 0: the schema is this program's. -EAGAIN: it is older, or the file is empty: migrate_run().
 * -EPROTO: it is newer; -EBADMSG: the database is not golived's, or damaged; or what reading gave.
 * A failure says in *why what is wrong and what to do; path is for that text. */
int migrate_check(struct sql *sql, const char *path, struct strbuf *why) MUST_CHECK;

/* Runs what is missing. On failure nothing has changed, and *why names the migration. */
int migrate_run(struct sql *sql, const char *path, struct strbuf *why) MUST_CHECK;

#endif
