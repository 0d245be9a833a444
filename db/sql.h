/* sql - a connection to SQLite and its statements. The only file that knows sqlite3.
 *
 *   in:   SQL text (constants of the entities' files), values
 *   out:  rows, or -errno
 *   not:  what the statements mean; transactions that belong together (db/store)
 *
 * A statement is named by its text: a constant array, prepared when it is first used and kept until
 * the connection is closed. Errors are translated here, once:
 *
 *   -EEXIST   a unique constraint
 *   -ENOSPC   the disk is full, or refuses writes for now: nothing was changed
 *   -EBUSY    another process holds the database
 *   -EBADMSG  damaged, or no database
 *   -EIO      any other trouble with the file: what was committed last is not known
 *   -EINVAL   anything else: a bug
 */
#ifndef GOLIVED_DB_SQL_H
#define GOLIVED_DB_SQL_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sql;
struct sql_rows;

enum sql_kind { SQL_KIND_NULL, SQL_KIND_INTEGER, SQL_KIND_REAL, SQL_KIND_TEXT, SQL_KIND_BLOB };

struct sql_value {
	enum sql_kind kind;
	int64_t integer;
	double real;
	const void *data; /* borrowed until the statement has ended */
	size_t length;    /* of a blob, or of text that is not NUL-terminated; SIZE_MAX: it is */
};

#define SQL_NULL ((struct sql_value){ .kind = SQL_KIND_NULL })
#define SQL_INT(value) ((struct sql_value){ .kind = SQL_KIND_INTEGER, .integer = (int64_t)(value) })
#define SQL_REAL(value) ((struct sql_value){ .kind = SQL_KIND_REAL, .real = (value) })
/* NULL is bound as NULL. */
#define SQL_TEXT(text) \
	((struct sql_value){ .kind = SQL_KIND_TEXT, .data = (text), .length = SIZE_MAX })
#define SQL_TEXT_N(text, count) \
	((struct sql_value){ .kind = SQL_KIND_TEXT, .data = (text), .length = (count) })
#define SQL_BLOB(bytes, count) \
	((struct sql_value){ .kind = SQL_KIND_BLOB, .data = (bytes), .length = (count) })
/* A filter that may be absent. */
#define SQL_INT_IF(condition, value) ((condition) ? SQL_INT(value) : SQL_NULL)

/* Opens an existing file, or an empty one. -errno as above; ret_sql is only written on success. */
int sql_open(const char *path, bool is_writer, struct sql **ret_sql) MUST_CHECK;
/* Everything has ended; a bug asserts. */
void sql_close(struct sql *sql);

/* Closing it will not move the WAL into the database. */
void sql_abandon(struct sql *sql);

/* Defines a function of SQL, name(value, context): what transform makes of the bytes of value, in
 * memory that is given away (ret_bytes, even where *ret_length is 0). NULL stays NULL. Its -EBADMSG
 * and -EACCES become those of the statement. */
typedef int (*sql_transform_fn)(void *arg, const void *value, size_t length, const char *context,
				void **ret_bytes, size_t *ret_length);
int sql_define(struct sql *sql, const char *name, sql_transform_fn transform, void *arg) MUST_CHECK;

/* What went wrong last, in SQLite's words: borrowed until the next call. */
const char *sql_message(const struct sql *sql);

/* Several statements that are used once: pragmas, a migration. Transactions are statements too. */
int sql_script(struct sql *sql, const char *text) MUST_CHECK;
bool sql_is_in_transaction(const struct sql *sql);

/* Runs a statement whose rows, if any, do not matter. Values are numbered from 1: sql_execute(sql,
 * text, SQL_INT(1), SQL_TEXT("two")). */
#define sql_execute(sql, text, ...) \
	sql_execute_values(sql, text, (const struct sql_value[]){ { 0 }, ##__VA_ARGS__ }, \
			   ARRAY_SIZE(((const struct sql_value[]){ { 0 }, ##__VA_ARGS__ })) - 1)
int sql_execute_values(struct sql *sql, const char *text, const struct sql_value *values,
		       size_t count) MUST_CHECK;

/* Rows that the last statement inserted, updated or deleted; the key of the row inserted last. */
int64_t sql_changes(const struct sql *sql);
int64_t sql_last_key(const struct sql *sql);

/* Starts a query. Every path must come to sql_end(), which takes NULL, or to a sql_next() that gave
 * 0 or an error. Never NULL: what goes wrong is told by sql_next(). A query is not started again
 * while it runs. */
#define sql_query(sql, text, ...) \
	sql_query_values(sql, text, (const struct sql_value[]){ { 0 }, ##__VA_ARGS__ }, \
			 ARRAY_SIZE(((const struct sql_value[]){ { 0 }, ##__VA_ARGS__ })) - 1)
struct sql_rows *sql_query_values(struct sql *sql, const char *text, const struct sql_value *values,
				  size_t count);
/* 1: a row; 0: no more; or -errno. */
int sql_next(struct sql_rows *rows) MUST_CHECK;
void sql_end(struct sql_rows *rows);

/* Columns of the row, from 0. Texts and bytes are borrowed until the next sql_next() or sql_end().
 */
int64_t sql_integer(struct sql_rows *rows, int column);
double sql_real(struct sql_rows *rows, int column);
bool sql_is_null(struct sql_rows *rows, int column);
const char *sql_text(struct sql_rows *rows, int column); /* NULL for NULL */
const void *sql_bytes(struct sql_rows *rows, int column, size_t *ret_length);
/* Copies a text, cut to size - 1 bytes; empty for NULL. */
void sql_copy_text(struct sql_rows *rows, int column, char *text, size_t size);

/* A query for one integer: the first column of the first row. -ENOENT: no row. */
#define sql_get_integer(sql, ret_value, text, ...) \
	sql_get_integer_values( \
		sql, ret_value, text, (const struct sql_value[]){ { 0 }, ##__VA_ARGS__ }, \
		ARRAY_SIZE(((const struct sql_value[]){ { 0 }, ##__VA_ARGS__ })) - 1)
int sql_get_integer_values(struct sql *sql, int64_t *ret_value, const char *text,
			   const struct sql_value *values, size_t count) MUST_CHECK;

/* Moves the WAL into the database, and empties it unless somebody reads. */
int sql_checkpoint(struct sql *sql) MUST_CHECK;

#endif
