#include "db/store_private.h"

#include "base/crypto.h"
#include "base/log.h"
#include "base/memory.h"
#include "db/migrate.h"
#include "db/version_copy.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DATABASE_MODE = 0600 };

/* Below this every start reads the whole file for damage: some 50 ms. A larger one is only read
 * where it is used, and checked by hand. */
static const int64_t checked_bytes_max = 16 << 20;

/* ---- opening ---- */

static int refuse(struct strbuf *why, int error, const char *path, const char *what)
{
	strbuf_addf(why, "%s %s", path, what);
	return error;
}

static int refuse_errno(struct strbuf *why, int error, const char *path, const char *what)
{
	strbuf_addf(why, "%s %s: %s (uid %u)", path, what, strerror(-error), (unsigned)geteuid());
	return error;
}

static int refuse_damaged(struct strbuf *why, const char *path, const char *found)
{
	strbuf_addf(
		why,
		"%s is damaged (%s): keep it with its -wal aside and restore a backup in its place",
		path, found);
	return -EBADMSG;
}

static char *path_with(const char *path, const char *suffix)
{
	size_t size = strlen(path) + strlen(suffix) + 1;
	char *text = memory_zeroed(1, size);
	snprintf(text, size, "%s%s", path, suffix);
	return text;
}

static long lock_holder(int fd)
{
	char text[32] = "";
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);
	return length > 0 ? strtol(text, NULL, 10) : 0;
}

/* A lock file of our own, since SQLite's locks come and go with transactions. The kernel lets go of
 * it when the process ends, however it does. */
static int take_lock(const char *path, struct strbuf *why, int *ret_fd)
{
	CLEANUP(cleanup_free) char *lock_path = path_with(path, ".lock");
	int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, DATABASE_MODE);
	if (fd < 0)
		return refuse_errno(why, -errno, lock_path, "cannot be opened for writing");
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int error = errno == EWOULDBLOCK ? -EBUSY : -errno;
		if (error == -EBUSY)
			strbuf_addf(why, "%s is in use by another golived (pid %ld)", path,
				    lock_holder(fd));
		else
			refuse_errno(why, error, lock_path, "cannot be locked");
		close(fd);
		return error;
	}
	char pid[32];
	int length = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	/* Only for people: the lock counts, also where the disk is full. */
	if (ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)length, 0) < 0)
		errno = 0;
	*ret_fd = fd;
	return 0;
}

/* Creates the file with its mode, which SQLite gives to -wal and -shm as well, and tells why not in
 * the words of the system, which SQLite hides. */
static int touch_file(const char *path, bool is_writer, struct strbuf *why)
{
	int flags = is_writer ? O_RDWR | O_CREAT : O_RDONLY;
	int fd = open(path, flags | O_CLOEXEC, DATABASE_MODE);
	if (fd < 0)
		return refuse_errno(why, -errno, path,
				    is_writer ? "cannot be opened for writing"
					      : "cannot be opened");
	struct stat status;
	int r = fstat(fd, &status) < 0 ? -errno : 0;
	close(fd);
	if (r < 0)
		return refuse_errno(why, r, path, "cannot be read");
	if (!S_ISREG(status.st_mode))
		return refuse(why, -EBADMSG, path, "is no regular file: set [store] path to one");
	return 0;
}

int store_sync_directory_of(const char *path)
{
	CLEANUP(cleanup_free) char *copy = memory_text(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

/* auto_vacuum counts only before the first page is written, so it comes first. */
static const char writer_pragmas[] = "PRAGMA auto_vacuum = INCREMENTAL;"
				     "PRAGMA journal_mode = WAL;"
				     "PRAGMA foreign_keys = ON;"
				     "PRAGMA temp_store = MEMORY;"
				     "PRAGMA mmap_size = 0;"
				     "PRAGMA cache_size = -65536;"
				     "PRAGMA wal_autocheckpoint = 4000;"
				     "PRAGMA journal_size_limit = 67108864;"
				     "PRAGMA trusted_schema = OFF;";
static const char reader_pragmas[] = "PRAGMA temp_store = MEMORY;"
				     "PRAGMA mmap_size = 0;"
				     "PRAGMA cache_size = -16384;"
				     "PRAGMA trusted_schema = OFF;";

static const char *const synchronous_pragmas[] = {
	[SYNCHRONOUS_FULL] = "PRAGMA synchronous = FULL",
	[SYNCHRONOUS_NORMAL] = "PRAGMA synchronous = NORMAL",
};

static int set_pragmas(struct store *store, enum config_synchronous synchronous, struct strbuf *why)
{
	int r = sql_script(store->sql, store->is_writer ? writer_pragmas : reader_pragmas);
	if (r == 0 && store->is_writer)
		r = sql_script(store->sql, synchronous_pragmas[synchronous]);
	store->synchronous = store->synchronous_now = synchronous;
	if (r == -EBADMSG)
		return refuse_damaged(why, store->path, sql_message(store->sql));
	if (r < 0)
		strbuf_addf(why, "%s cannot be set up: %s", store->path, sql_message(store->sql));
	return r;
}

static const char quick_check[] = "PRAGMA quick_check(1)";

static int check_for_damage(struct store *store, struct strbuf *why)
{
	int64_t database_bytes, wal_bytes;
	store_sizes(store, &database_bytes, &wal_bytes);
	if (database_bytes + wal_bytes > checked_bytes_max)
		return 0;
	struct sql_rows *rows = sql_query(store->sql, quick_check);
	int r = sql_next(rows);
	if (r < 0) {
		if (r == -EBADMSG)
			return refuse_damaged(why, store->path, sql_message(store->sql));
		strbuf_addf(why, "%s cannot be checked: %s", store->path, sql_message(store->sql));
		return r;
	}
	const char *found = r > 0 ? sql_text(rows, 0) : "no answer";
	if (strcmp(found, "ok") == 0) {
		r = 0;
	} else if (strstr(found, "unable to get the page")) {
		/* The disk failed, which need not be the file's fault. */
		strbuf_addf(why, "%s cannot be read: %s", store->path, found);
		r = -EIO;
	} else {
		r = refuse_damaged(why, store->path, found);
	}
	sql_end(rows);
	return r;
}

static const char *const newest_ids[] = {
	"SELECT max(id) FROM events",   "SELECT max(id) FROM deliveries",
	"SELECT max(id) FROM webhooks", "SELECT max(id) FROM replays",
	"SELECT max(id) FROM api_keys", "SELECT max(id) FROM audit",
};

static int resume_ids(struct store *store)
{
	for (size_t i = 0; i < ARRAY_SIZE(newest_ids); i++) {
		struct sql_rows *rows = sql_query(store->sql, newest_ids[i]);
		int r = sql_next(rows);
		if (r < 0)
			return r;
		if (r > 0 && !sql_is_null(rows, 0))
			ulid_advance(&store->ids, sql_text(rows, 0));
		sql_end(rows);
	}
	return 0;
}

/* A fact: pages that hold nothing any more may keep what is not to be read. It is set before they
 * come to be, so that a process that ends before they are cleared leaves that to the next start. */
static const char old_bytes[] = "old_bytes";

static int expect_old_bytes(struct store *store, struct strbuf *why)
{
	int r = store_fact_set(store, old_bytes, 1);
	if (r < 0)
		strbuf_addf(why, "%s cannot be written: %s", store->path, sql_message(store->sql));
	return r;
}

/* With its temporary file on disk, as the memory of a large database is not ours to take. The WAL
 * has old pages too: it is emptied. */
static int clear_old_bytes(struct store *store)
{
	static const char delete_fact[] = "DELETE FROM facts WHERE name = ?1";
	int r = sql_script(store->sql, "PRAGMA temp_store = FILE; VACUUM;"
				       "PRAGMA temp_store = MEMORY");
	if (r == 0)
		r = store_checkpoint(store);
	if (r == 0)
		r = sql_execute(store->sql, delete_fact, SQL_TEXT(old_bytes));
	return r;
}

static void forget_old_bytes(struct store *store)
{
	int64_t value;
	int r = store_fact_get(store, old_bytes, &value);
	if (r == -ENOENT)
		return;
	if (r == 0)
		r = clear_old_bytes(store);
	if (r < 0)
		log_warning("what was sealed may still be readable in unused parts of the database",
			    LOG_TEXT("path", store->path),
			    LOG_TEXT("error", sql_message(store->sql)));
}

static const char get_version[] = "PRAGMA user_version";

static int migrate(struct store *store, struct strbuf *why)
{
	int64_t version;
	int r = sql_get_integer(store->sql, &version, get_version);
	if (r == 0 && version > 0)
		r = version_copy_make(store, version, why);
	/* Up to version 1 secrets lay there as they are. */
	if (r == 0 && version == 1)
		r = expect_old_bytes(store, why);
	if (r == 0)
		r = migrate_run(store->sql, store->path, why);
	if (r < 0)
		return r;
	r = store_sync_directory_of(store->path);
	return r < 0 ? refuse_errno(why, r, store->path, "cannot be synchronised") : 0;
}

static int find_key(struct store *store, bool is_rekeying, struct strbuf *why)
{
	if (store->is_writer)
		return seal_find_key(&store->seal, store->sql, store->path, is_rekeying, why);
	seal_find_key_if_any(&store->seal, store->sql, store->path);
	return 0;
}

static int open_schema(struct store *store, bool is_rekeying, struct strbuf *why)
{
	int r = migrate_check(store->sql, store->path, why);
	if (r == -EAGAIN && !store->is_writer)
		return refuse(why, -EPROTO, store->path, "has not been set up by this golived yet");
	if (r == 0 || r == -EAGAIN) {
		int checked = check_for_damage(store, why);
		if (checked < 0)
			return checked;
	}
	if (r < 0 && r != -EAGAIN)
		return r;
	int found = find_key(store, is_rekeying, why);
	return found < 0 ? found : r == -EAGAIN ? migrate(store, why) : 0;
}

static int open_connection(struct store *store, enum config_synchronous synchronous,
			   bool is_rekeying, struct strbuf *why)
{
	int r = sql_open(store->path, store->is_writer, &store->sql);
	if (r == -EBADMSG)
		return refuse_damaged(why, store->path, "its header");
	if (r < 0)
		return refuse_errno(why, r, store->path, "cannot be opened as a database");
	r = seal_attach(&store->seal, store->sql);
	if (r < 0)
		return refuse_errno(why, r, store->path, "cannot be set up");
	r = set_pragmas(store, synchronous, why);
	if (r == 0)
		r = open_schema(store, is_rekeying, why);
	if (r == 0 && store->is_writer && (r = resume_ids(store)) < 0)
		strbuf_addf(why, "%s cannot be read: %s", store->path, sql_message(store->sql));
	if (r == 0 && store->is_writer) {
		forget_old_bytes(store);
		version_copy_warn_if_readable(store->path);
	}
	return r;
}

static void close_store(struct store *store)
{
	sql_close(store->sql);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	seal_wipe(&store->seal);
	free(store->path);
	free(store);
}

static int open_store(const char *path, enum store_mode mode, enum config_synchronous synchronous,
		      bool is_rekeying, struct strbuf *why, struct store **ret_store)
{
	struct store *store = memory_zeroed(1, sizeof(*store));
	store->path = memory_text(path);
	store->is_writer = mode == STORE_WRITER;
	store->lock_fd = -1;

	int r = 0;
	if (store->is_writer)
		r = take_lock(path, why, &store->lock_fd);
	if (r == 0)
		r = touch_file(path, store->is_writer, why);
	if (r == 0)
		r = open_connection(store, synchronous, is_rekeying, why);
	if (r < 0) {
		close_store(store);
		return r;
	}
	*ret_store = store;
	return 0;
}

int store_open(const char *path, enum store_mode mode, enum config_synchronous synchronous,
	       struct strbuf *why, struct store **ret_store)
{
	return open_store(path, mode, synchronous, false, why, ret_store);
}

int store_rekey(const char *path, struct strbuf *why)
{
	struct store *store;
	int r = open_store(path, STORE_WRITER, SYNCHRONOUS_FULL, true, why, &store);
	if (r < 0)
		return r;
	r = expect_old_bytes(store, why);
	if (r == 0)
		r = seal_change_key(&store->seal, store->sql, path, why);
	if (r == 0)
		forget_old_bytes(store);
	store_close(store);
	return r;
}

void store_abandon(struct store *store)
{
	store->is_abandoned = true;
	sql_abandon(store->sql);
}

void store_close(struct store *store)
{
	if (!store)
		return;
	if (sql_is_in_transaction(store->sql))
		store_rollback(store);
	/* Not moving the WAL now only means that the next start does. */
	if (store->is_writer && !store->is_abandoned && store_checkpoint(store) < 0)
		log_warning("store checkpoint failed", LOG_TEXT("path", store->path),
			    LOG_TEXT("error", sql_message(store->sql)));
	close_store(store);
}

/* ---- transactions ---- */

int store_begin(struct store *store)
{
	static const char begin_write[] = "BEGIN IMMEDIATE", begin_read[] = "BEGIN";
	return store->is_writer ? sql_execute(store->sql, begin_write)
				: sql_execute(store->sql, begin_read);
}

int store_set_durable(struct store *store, bool is_durable)
{
	enum config_synchronous wanted = is_durable ? store->synchronous : SYNCHRONOUS_NORMAL;
	if (wanted == store->synchronous_now)
		return 0;
	int r = sql_script(store->sql, synchronous_pragmas[wanted]);
	if (r == 0)
		store->synchronous_now = wanted;
	return r;
}

int store_commit(struct store *store)
{
	static const char commit[] = "COMMIT";
	return sql_execute(store->sql, commit);
}

/* After an error SQLite may have rolled back by itself already. */
static void end_if_open(struct store *store, const char *statement)
{
	if (!sql_is_in_transaction(store->sql))
		return;
	int r = sql_execute(store->sql, statement);
	(void)r; /* a rollback cannot fail while a transaction is open */
	assert(r != -EINVAL);
}

void store_rollback(struct store *store)
{
	static const char rollback[] = "ROLLBACK";
	end_if_open(store, rollback);
}

int store_savepoint(struct store *store)
{
	static const char savepoint[] = "SAVEPOINT job";
	return sql_execute(store->sql, savepoint);
}

int store_release(struct store *store)
{
	static const char release[] = "RELEASE job";
	return sql_execute(store->sql, release);
}

void store_undo(struct store *store)
{
	static const char undo[] = "ROLLBACK TO job", release[] = "RELEASE job";
	end_if_open(store, undo);
	end_if_open(store, release);
}

/* ---- the file ---- */

int store_checkpoint(struct store *store)
{
	return sql_checkpoint(store->sql);
}

static int64_t size_of(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 ? (int64_t)status.st_size : 0;
}

void store_sizes(struct store *store, int64_t *ret_database_bytes, int64_t *ret_wal_bytes)
{
	CLEANUP(cleanup_free) char *wal_path = path_with(store->path, "-wal");
	*ret_database_bytes = size_of(store->path);
	*ret_wal_bytes = size_of(wal_path);
}

static int sync_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

int store_backup(struct store *store, const char *path)
{
	static const char vacuum_into[] = "VACUUM INTO ?1";
	/* SQLite writes into an empty file as it does into none; so nobody else ever may read it.
	 */
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, DATABASE_MODE);
	if (fd < 0)
		return -errno;
	close(fd);
	int r = sql_execute(store->sql, vacuum_into, SQL_TEXT(path));
	if (r == 0)
		r = sync_file(path);
	if (r == 0)
		r = store_sync_directory_of(path);
	if (r < 0)
		unlink(path);
	return r;
}

/* ---- what entities share ---- */

char *store_new_id(struct store *store, const char *prefix, int64_t now_ms, char text[ID_TEXT_SIZE])
{
	assert(store->is_writer);
	uint8_t random[10];
	crypto_random(random, sizeof(random));
	return ulid_next(&store->ids, prefix, now_ms, random, text);
}

int store_fact_get(struct store *store, const char *name, int64_t *ret_value)
{
	static const char get_fact[] = "SELECT value FROM facts WHERE name = ?1";
	return sql_get_integer(store->sql, ret_value, get_fact, SQL_TEXT(name));
}

int store_fact_set(struct store *store, const char *name, int64_t value)
{
	static const char set_fact[] = "INSERT INTO facts (name, value) VALUES (?1, ?2)"
				       " ON CONFLICT (name) DO UPDATE SET value = excluded.value";
	return sql_execute(store->sql, set_fact, SQL_TEXT(name), SQL_INT(value));
}
