/* migrate - brings a database to the schema of this program, in one transaction. */
#ifndef GOLIVED_DB_MIGRATE_H
#define GOLIVED_DB_MIGRATE_H

struct migration {
	const char *name; /* the file's name: 0001_init.sql */
	const char *sql;
};

/* Generated from db/migrations/ in the order of the numbers; migration N makes user_version N + 1.
 */
extern const struct migration migrations[];
extern const unsigned migration_count;

#endif
