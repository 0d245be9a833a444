#include "db/sql.h"

#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUSY_TIMEOUT_MS = 5000, CHECKPOINT_TIMEOUT_MS = 50, SLOTS_MIN = 256 };

struct sql_rows {
	struct sql *sql;      /* borrowed */
	const char *text;     /* its name; borrowed, a constant */
	sqlite3_stmt *handle; /* NULL: could not be prepared */
	int error;            /* 0, or why it cannot be run */
	bool is_running;
};

struct sql {
	sqlite3 *handle;
	/* Statements by the address of their text: open addressing, a power of two of slots. */
	struct sql_rows **slots;
	size_t slot_count;
	size_t used;
};

static int translate_io(int extended)
{
	switch (extended) {
	case SQLITE_IOERR_WRITE:
	case SQLITE_IOERR_SHMSIZE:
		return -ENOSPC; /* what a full disk looks like, too */
	case SQLITE_IOERR_NOMEM:
		return -ENOMEM;
	default:
		return -EIO; /* CORRUPTFS too: that is what a read gives where the disk fails */
	}
}

static int translate_constraint(int extended)
{
	switch (extended) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID:
		return -EEXIST;
	default:
		return -EINVAL;
	}
}

/* The classes were measured by injecting each fault. */
static int translate(int extended)
{
	switch (extended & 0xFF) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_CONSTRAINT:
		return translate_constraint(extended);
	case SQLITE_FULL:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
		return -ENOSPC;
	case SQLITE_IOERR:
		return translate_io(extended);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_TOOBIG:
		return -E2BIG;
	default:
		return -EINVAL;
	}
}

/* SQLite would count its memory under a lock that all threads share, taken twice for every
 * allocation, of which a delivery needs dozens; nobody asks for the count. */
static void configure_sqlite(void)
{
	/* Where somebody has used SQLite before, as a test may, it goes on counting. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int sql_open(const char *path, bool is_writer, struct sql **ret_sql)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, configure_sqlite);
	int flags = SQLITE_OPEN_NOMUTEX;
	flags |= is_writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
	sqlite3 *handle = NULL;
	int code = sqlite3_open_v2(path, &handle, flags, NULL);
	if (code != SQLITE_OK) {
		int error = translate(handle ? sqlite3_extended_errcode(handle) : code);
		sqlite3_close(handle);
		return error;
	}
	sqlite3_extended_result_codes(handle, 1);
	sqlite3_busy_timeout(handle, BUSY_TIMEOUT_MS);

	struct sql *sql = memory_zeroed(1, sizeof(*sql));
	sql->handle = handle;
	sql->slot_count = SLOTS_MIN;
	sql->slots = memory_zeroed(sql->slot_count, sizeof(sql->slots[0]));
	*ret_sql = sql;
	return 0;
}

void sql_close(struct sql *sql)
{
	if (!sql)
		return;
	for (size_t i = 0; i < sql->slot_count; i++) {
		if (sql->slots[i]) {
			assert(!sql->slots[i]->is_running);
			sqlite3_finalize(sql->slots[i]->handle);
			free(sql->slots[i]);
		}
	}
	free(sql->slots);
	int code = sqlite3_close(sql->handle);
	assert(code == SQLITE_OK);
	(void)code;
	free(sql);
}

void sql_abandon(struct sql *sql)
{
	sqlite3_db_config(sql->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

/* ---- functions of ours ---- */

struct definition {
	sql_transform_fn transform;
	void *arg; /* borrowed */
};

static void call_transform(sqlite3_context *context, int count, sqlite3_value **values)
{
	const struct definition *definition = sqlite3_user_data(context);
	assert(count == 2);
	(void)count;
	if (sqlite3_value_type(values[0]) == SQLITE_NULL)
		return;
	const void *value = sqlite3_value_blob(values[0]);
	size_t length = (size_t)sqlite3_value_bytes(values[0]);
	const char *about = (const char *)sqlite3_value_text(values[1]);
	void *bytes;
	int r = definition->transform(definition->arg, value ? value : "", length,
				      about ? about : "", &bytes, &length);
	if (r < 0)
		sqlite3_result_error_code(context, r == -EACCES ? SQLITE_AUTH : SQLITE_CORRUPT);
	else
		sqlite3_result_blob64(context, bytes, length, free);
}

int sql_define(struct sql *sql, const char *name, sql_transform_fn transform, void *arg)
{
	struct definition *definition = memory_zeroed(1, sizeof(*definition));
	*definition = (struct definition){ transform, arg };
	/* SQLite frees it, also where it fails. */
	return translate(sqlite3_create_function_v2(sql->handle, name, 2,
						    SQLITE_UTF8 | SQLITE_DIRECTONLY, definition,
						    call_transform, NULL, NULL, free));
}

const char *sql_message(const struct sql *sql)
{
	return sqlite3_errmsg(sql->handle);
}

int sql_script(struct sql *sql, const char *text)
{
	return translate(sqlite3_exec(sql->handle, text, NULL, NULL, NULL));
}

bool sql_is_in_transaction(const struct sql *sql)
{
	return !sqlite3_get_autocommit(sql->handle);
}

static size_t slot_of(const struct sql *sql, const char *text)
{
	size_t mask = sql->slot_count - 1;
	size_t slot =
		(size_t)((uint64_t)(uintptr_t)text * UINT64_C(0x9E3779B97F4A7C15) >> 32) & mask;
	while (sql->slots[slot] && sql->slots[slot]->text != text)
		slot = (slot + 1) & mask;
	return slot;
}

static void grow(struct sql *sql)
{
	struct sql_rows **old = sql->slots;
	size_t old_count = sql->slot_count;
	sql->slot_count *= 2;
	sql->slots = memory_zeroed(sql->slot_count, sizeof(sql->slots[0]));
	for (size_t i = 0; i < old_count; i++) {
		if (old[i])
			sql->slots[slot_of(sql, old[i]->text)] = old[i];
	}
	free(old);
}

/* The statement of that text, prepared now if it was not before (or could not be). */
static struct sql_rows *statement(struct sql *sql, const char *text)
{
	size_t slot = slot_of(sql, text);
	if (!sql->slots[slot]) {
		struct sql_rows *rows = memory_zeroed(1, sizeof(*rows));
		rows->sql = sql;
		rows->text = text;
		sql->slots[slot] = rows;
		if (++sql->used * 2 > sql->slot_count)
			grow(sql);
		slot = slot_of(sql, text);
	}
	struct sql_rows *rows = sql->slots[slot];
	assert(!rows->is_running);
	rows->error = 0;
	if (!rows->handle) {
		int code = sqlite3_prepare_v3(sql->handle, text, -1, SQLITE_PREPARE_PERSISTENT,
					      &rows->handle, NULL);
		/* The schema is ours, and it does not know a name: somebody changed the file. */
		rows->error = code == SQLITE_ERROR ? -EBADMSG : translate(code);
	}
	return rows;
}

static int bind(sqlite3_stmt *handle, int index, const struct sql_value *value)
{
	switch (value->kind) {
	case SQL_KIND_INTEGER:
		return sqlite3_bind_int64(handle, index, value->integer);
	case SQL_KIND_REAL:
		return sqlite3_bind_double(handle, index, value->real);
	case SQL_KIND_TEXT:
		if (!value->data)
			return sqlite3_bind_null(handle, index);
		return sqlite3_bind_text64(handle, index, value->data,
					   value->length == SIZE_MAX ? strlen(value->data)
								     : value->length,
					   SQLITE_STATIC, SQLITE_UTF8);
	case SQL_KIND_BLOB:
		if (!value->data)
			return sqlite3_bind_null(handle, index);
		return sqlite3_bind_blob64(handle, index, value->data, value->length,
					   SQLITE_STATIC);
	case SQL_KIND_NULL:
	default:
		return sqlite3_bind_null(handle, index);
	}
}

struct sql_rows *sql_query_values(struct sql *sql, const char *text, const struct sql_value *values,
				  size_t count)
{
	struct sql_rows *rows = statement(sql, text);
	rows->is_running = true;
	if (rows->error < 0)
		return rows;
	assert(sqlite3_bind_parameter_count(rows->handle) <= (int)count);
	for (size_t i = 1; i <= count && rows->error == 0; i++) {
		if ((int)i <= sqlite3_bind_parameter_count(rows->handle))
			rows->error = translate(bind(rows->handle, (int)i, &values[i]));
	}
	return rows;
}

int sql_next(struct sql_rows *rows)
{
	assert(rows->is_running);
	int code = SQLITE_DONE;
	if (rows->error == 0) {
		code = sqlite3_step(rows->handle);
		rows->error = translate(code);
	}
	if (rows->error == 0 && code == SQLITE_ROW)
		return 1;
	int error = rows->error;
	sql_end(rows);
	return error;
}

void sql_end(struct sql_rows *rows)
{
	if (!rows || !rows->is_running)
		return;
	rows->is_running = false;
	if (rows->handle) {
		/* What went wrong was told by sqlite3_step already. */
		(void)sqlite3_reset(rows->handle);
		(void)sqlite3_clear_bindings(rows->handle);
	}
}

int sql_execute_values(struct sql *sql, const char *text, const struct sql_value *values,
		       size_t count)
{
	struct sql_rows *rows = sql_query_values(sql, text, values, count);
	int r;
	do
		r = sql_next(rows);
	while (r > 0);
	return r;
}

int sql_get_integer_values(struct sql *sql, int64_t *ret_value, const char *text,
			   const struct sql_value *values, size_t count)
{
	struct sql_rows *rows = sql_query_values(sql, text, values, count);
	int r = sql_next(rows);
	if (r < 0)
		return r;
	if (r == 0)
		return -ENOENT;
	*ret_value = sql_integer(rows, 0);
	sql_end(rows);
	return 0;
}

int64_t sql_changes(const struct sql *sql)
{
	return sqlite3_changes64(sql->handle);
}

int64_t sql_last_key(const struct sql *sql)
{
	return sqlite3_last_insert_rowid(sql->handle);
}

int64_t sql_integer(struct sql_rows *rows, int column)
{
	return sqlite3_column_int64(rows->handle, column);
}

double sql_real(struct sql_rows *rows, int column)
{
	return sqlite3_column_double(rows->handle, column);
}

bool sql_is_null(struct sql_rows *rows, int column)
{
	return sqlite3_column_type(rows->handle, column) == SQLITE_NULL;
}

const char *sql_text(struct sql_rows *rows, int column)
{
	return (const char *)sqlite3_column_text(rows->handle, column);
}

const void *sql_bytes(struct sql_rows *rows, int column, size_t *ret_length)
{
	const void *bytes = sqlite3_column_blob(rows->handle, column);
	*ret_length = (size_t)sqlite3_column_bytes(rows->handle, column);
	return bytes;
}

void sql_copy_text(struct sql_rows *rows, int column, char *text, size_t size)
{
	const char *from = sql_text(rows, column);
	/* It is cut only in a file that somebody changed. */
	snprintf(text, size, "%s", from ? from : "");
}

int sql_checkpoint(struct sql *sql)
{
	/* A reader that holds back the end of it is no trouble: the next one moves the rest. */
	sqlite3_busy_timeout(sql->handle, CHECKPOINT_TIMEOUT_MS);
	int code = sqlite3_wal_checkpoint_v2(sql->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
					     NULL);
	sqlite3_busy_timeout(sql->handle, BUSY_TIMEOUT_MS);
	return (code & 0xFF) == SQLITE_BUSY ? 0 : translate(code);
}
