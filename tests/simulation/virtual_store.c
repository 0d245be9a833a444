/* The store's threads, in virtual time: jobs gather while a commit runs, are committed together,
 * and are called back a moment later; in between the process may end. Its disk is disk.h. */
#include "tests/simulation/virtual.h"

#include "base/clock.h"
#include "base/memory.h"
#include "db/migrate.h"
#include "db/store_private.h"
#include "tests/simulation/disk.h"
#include "tests/simulation/ledger.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PATH_SIZE = 192,
	TORN_BYTES_MAX = 6000,
	STARTING_WRITES_MAX = 200, /* an upgrade has more than any other start */
};

struct virtual_job {
	struct virtual_job *next;
	store_job_fn run;
	store_done_fn done;
	void *arg;
	int result;
};

struct virtual_queue {
	struct virtual_job *first, **last;
};

struct virtual_store {
	char path[PATH_SIZE + 16];
	struct store *store;
	struct virtual_queue unsynced, waiting, done; /* unsynced: goes before what is waiting */
	struct virtual_queue reading, was_read;       /* on a connection of its own */
	/* NULL: none is due */
	struct virtual_event *commit, *callback, *probe, *read, *read_callback;
	bool is_degraded, is_slow, is_dead;
	int64_t changes; /* rows that were written so far */
};

static void queue_init(struct virtual_queue *queue)
{
	*queue = (struct virtual_queue){ .last = &queue->first };
}

static void queue_add(struct virtual_queue *queue, struct virtual_job *job)
{
	job->next = NULL;
	*queue->last = job;
	queue->last = &job->next;
}

static struct virtual_job *queue_take(struct virtual_queue *queue)
{
	struct virtual_job *job = queue->first;
	if (job && !(queue->first = job->next))
		queue->last = &queue->first;
	return job;
}

static struct virtual_job *take_waiting(struct virtual_store *store)
{
	struct virtual_job *job = queue_take(&store->unsynced);
	if (!job)
		job = queue_take(&store->waiting);
	if (!job)
		job = queue_take(&store->reading);
	return job ? job : queue_take(&store->was_read);
}

/* ---- running ---- */

static void call_back(struct virtual_job *job)
{
	if (job->done)
		job->done(job->arg, job->result);
	free(job);
}

static void on_callback(void *arg)
{
	struct virtual_store *store = arg;
	store->callback = NULL;
	for (struct virtual_job *job; (job = queue_take(&store->done));)
		call_back(job);
}

static void must(int result, const char *what)
{
	if (result >= 0)
		return;
	printf("simulation: %s: %s\n", what, strerror(-result));
	fflush(stdout);
	abort();
}

/* What was committed has a number, in a fact beside it: a transaction is there if its number is,
 * and then so is every one before it. */
static struct {
	int64_t attempted, committed, durable; /* the highest; durable: that waited for the disk */
	bool is_lowered;                       /* see virtual_store_lower() */
} numbers;

static const char number_name[] = "simulated_commit";

static bool ends_process(int error)
{
	return error == -EIO || error == -EBADMSG;
}

static int run_one(struct virtual_store *store, struct virtual_job *job)
{
	int r = store_savepoint(store->store);
	if (r < 0)
		return r;
	job->result = job->run(store->store, job->arg);
	if (job->result == -ENOSPC || ends_process(job->result))
		return job->result;
	if (job->result >= 0)
		return store_release(store->store);
	store_undo(store->store);
	return 0;
}

static int64_t changes(struct store *store)
{
	static const char count_changes[] = "SELECT total_changes()";
	int64_t count;
	must(sql_get_integer(store->sql, &count, count_changes), "total_changes");
	return count;
}

static int write_probe(struct virtual_store *store)
{
	int r = store_set_durable(store->store, true);
	if (r == 0)
		r = store_begin(store->store);
	if (r == 0)
		r = store_fact_set(store->store, "write_probe", clock_now_ms());
	if (r == 0)
		r = store_commit(store->store);
	if (r < 0)
		store_rollback(store->store);
	return r;
}

static void on_probe(void *arg)
{
	struct virtual_store *store = arg;
	store->probe = NULL;
	if (store->is_dead)
		return;
	int r = write_probe(store);
	store->is_dead = disk_is_stopped() || ends_process(r);
	store->is_degraded = r < 0;
	store->changes = changes(store->store);
	if (r < 0 && !store->is_dead)
		store->probe = virtual_after(STORE_PROBE_MS, on_probe, store);
}

/* As db/store_writer does it: the group is rolled back, and until a probe goes well jobs that write
 * are refused without being run. */
static void fail_full(struct virtual_store *store)
{
	store_rollback(store->store);
	store->changes = changes(store->store); /* those that were rolled back are counted */
	for (struct virtual_job *job = store->done.first; job; job = job->next)
		job->result = -ENOSPC;
	store->is_degraded = true;
	if (!store->probe)
		store->probe = virtual_after(STORE_PROBE_MS, on_probe, store);
}

/* The jobs of one kind, each in its savepoint. *ret_number: of the transaction, 0 where nothing was
 * written, which waits for nothing. */
static int run_group(struct virtual_store *store, struct virtual_queue *queue, int64_t *ret_number)
{
	int r = 0;
	*ret_number = 0;
	for (struct virtual_job *job; r == 0 && (job = queue_take(queue));) {
		queue_add(&store->done, job);
		if (store->is_degraded) {
			job->result = -ENOSPC;
			continue;
		}
		r = run_one(store, job);
	}
	if (r == 0 && changes(store->store) != store->changes) {
		*ret_number = ++numbers.attempted;
		r = store_fact_set(store->store, number_name, *ret_number);
		store->changes = changes(store->store);
	}
	return r;
}

/* What does not wait for the disk is in no group with what does. */
static int run_transaction(struct virtual_store *store)
{
	bool is_durable = !store->unsynced.first;
	int64_t number = 0;
	int r = store_set_durable(store->store, is_durable);
	if (r == 0)
		r = store_begin(store->store);
	if (r == 0)
		r = run_group(store, is_durable ? &store->waiting : &store->unsynced, &number);
	if (r == 0)
		r = store_commit(store->store);
	if (r < 0 || disk_is_stopped())
		return r;
	if (number > 0)
		numbers.committed = number;
	if (number > 0 && is_durable)
		numbers.durable = number;
	return 0;
}

static void commit_later(struct virtual_store *store);

static void on_commit(void *arg)
{
	struct virtual_store *store = arg;
	store->commit = NULL;
	if (store->is_dead)
		return;
	/* What has been committed and not called back yet must keep its results. */
	if (store->callback) {
		virtual_cancel(store->callback);
		on_callback(store);
	}
	int r = run_transaction(store);
	store->is_dead = disk_is_stopped() || ends_process(r);
	if (store->is_dead)
		return;
	if (r == -ENOSPC)
		fail_full(store);
	else
		must(r, "commit");
	store->callback = virtual_after(chance_between(0, 2), on_callback, store);
	if (store->unsynced.first || store->waiting.first)
		commit_later(store);
}

static void commit_later(struct virtual_store *store)
{
	if (!store->commit && !store->is_dead)
		store->commit = virtual_after(store->is_slow ? chance_between(100, 3000)
							     : chance_between(0, 3),
					      on_commit, store);
}

static void on_read_callback(void *arg)
{
	struct virtual_store *store = arg;
	store->read_callback = NULL;
	for (struct virtual_job *job; (job = queue_take(&store->was_read));)
		call_back(job);
}

/* Between two transactions a reader sees what was committed, as the real ones do at any time. */
static void on_read(void *arg)
{
	struct virtual_store *store = arg;
	store->read = NULL;
	if (store->is_dead)
		return;
	for (struct virtual_job *job; (job = queue_take(&store->reading));) {
		job->result = job->run(store->store, job->arg);
		queue_add(&store->was_read, job);
	}
	if (!store->read_callback)
		store->read_callback = virtual_after(chance_between(0, 2), on_read_callback, store);
}

static void read_later(struct virtual_store *store)
{
	if (!store->read && !store->is_dead)
		store->read = virtual_after(chance_between(0, 3), on_read, store);
}

static void submit(struct virtual_store *store, struct virtual_queue *queue, store_job_fn run,
		   store_done_fn done, void *arg)
{
	struct virtual_job *job = memory_zeroed(1, sizeof(*job));
	*job = (struct virtual_job){ .run = run, .done = done, .arg = arg };
	queue_add(queue, job);
	if (queue == &store->reading)
		read_later(store);
	else
		commit_later(store);
}

/* ---- db/store_thread ---- */

#define SUBMITS(name, queue) \
	void __wrap_##name(struct store_thread *thread, store_job_fn job, store_done_fn done, \
			   void *arg); \
	void __wrap_##name(struct store_thread *thread, store_job_fn job, store_done_fn done, \
			   void *arg) \
	{ \
		struct virtual_store *store = (struct virtual_store *)thread; \
		submit(store, &store->queue, job, done, arg); \
	}

SUBMITS(store_write, waiting)
SUBMITS(store_write_unsynced, unsynced)
SUBMITS(store_read, reading)
SUBMITS(store_look, reading)

bool __wrap_store_thread_is_degraded(const struct store_thread *thread);

bool __wrap_store_thread_is_degraded(const struct store_thread *thread)
{
	return ((const struct virtual_store *)thread)->is_degraded;
}

/* ---- beginning and end ---- */

/* The number of the last transaction that is there. */
static int64_t last_number(struct virtual_store *store)
{
	int64_t number = 0;
	must(store_begin(store->store), "begin");
	int r = store_fact_get(store->store, number_name, &number);
	must(r == -ENOENT ? 0 : r, "fact");
	store_rollback(store->store);
	return number;
}

void virtual_store_reset(bool is_lowered)
{
	memset(&numbers, 0, sizeof(numbers));
	numbers.is_lowered = is_lowered;
	disk_reset();
}

static bool dies_in_start;

void virtual_store_die_in_start(void)
{
	dies_in_start = true;
}

static void lose_power(void)
{
	disk_lose_power();
	numbers.committed = numbers.durable; /* the rest may be there or not */
}

/* False: the process ended in it. */
static bool start(struct virtual_store *store)
{
	struct strbuf why;
	strbuf_init(&why, 1024);
	char copy[PATH_SIZE + 32];
	snprintf(copy, sizeof(copy), "%s.version-", store->path);
	disk_forget(copy); /* its names are on the real disk, where they were changed or removed */
	disk_heal();
	disk_start();
	if (dies_in_start)
		disk_stop_after((unsigned)chance_between(0, STARTING_WRITES_MAX));
	dies_in_start = false;
	int r = store_open(store->path, STORE_WRITER,
			   numbers.is_lowered ? SYNCHRONOUS_NORMAL : SYNCHRONOUS_FULL, &why,
			   &store->store);
	if (r < 0 && !disk_is_stopped())
		printf("simulation: %s\n", why.data);
	must(disk_is_stopped() ? 0 : r, "open");
	strbuf_finish(&why);
	return r == 0;
}

static void end_start(void)
{
	ledger_counts()->kills++;
	if (chance_of(0.3)) {
		ledger_counts()->power_losses++;
		lose_power();
	}
}

struct virtual_store *virtual_store_open(const char *directory)
{
	struct virtual_store *store = memory_zeroed(1, sizeof(*store));
	snprintf(store->path, sizeof(store->path), "%s/golived.db", directory);
	queue_init(&store->unsynced);
	queue_init(&store->waiting);
	queue_init(&store->done);
	queue_init(&store->reading);
	queue_init(&store->was_read);
	while (!start(store))
		end_start();
	store->changes = changes(store->store);
	int64_t number = last_number(store);
	if (number < numbers.committed)
		ledger_violation("transaction %lld was committed, and the last one there is %lld",
				 (long long)numbers.committed, (long long)number);
	numbers.attempted = numbers.committed = numbers.durable = number;
	return store;
}

static void cancel(struct virtual_event **event)
{
	if (*event)
		virtual_cancel(*event);
	*event = NULL;
}

/* Where the disk stopped is what the process leaves behind: closing the connection changes nothing
 * there any more. */
static void end_process(struct virtual_store *store)
{
	disk_stop();
	cancel(&store->commit);
	cancel(&store->callback);
	cancel(&store->probe);
	cancel(&store->read);
	cancel(&store->read_callback);
	for (struct virtual_job *job; (job = take_waiting(store));)
		queue_add(&store->done, job);
	for (struct virtual_job *job; (job = queue_take(&store->done));) {
		job->result = -ECANCELED;
		call_back(job);
	}
	store_abandon(store->store);
	store_close(store->store);
}

void virtual_store_kill(struct virtual_store *store)
{
	char wal[PATH_SIZE + 32];
	end_process(store);
	/* Never the start of a frame that counts, as its checksum is not there. */
	snprintf(wal, sizeof(wal), "%s-wal", store->path);
	if (chance_of(0.5))
		disk_tear_end(wal, TORN_BYTES_MAX);
	free(store);
}

void virtual_store_lose_power(struct virtual_store *store)
{
	end_process(store);
	lose_power();
	free(store);
}

/* An end between two transactions, or at a write or sync of one that comes. */
void virtual_store_die(struct virtual_store *store)
{
	disk_stop();
	store->is_dead = true;
}

void virtual_store_die_in_commit(struct virtual_store *store)
{
	(void)store;
	disk_stop_after((unsigned)chance_between(0, 8));
}

bool virtual_store_is_dead(const struct virtual_store *store)
{
	return store->is_dead;
}

void virtual_store_set_slow(struct virtual_store *store, bool is_slow)
{
	store->is_slow = is_slow;
}

struct store *virtual_store_connection(struct virtual_store *store)
{
	return store->store;
}

/* ---- earlier schemas ---- */

/* What takes a migration back, from the third on. */
static const char *const reverses[] = {
	"ALTER TABLE creators DROP COLUMN added_at_ms;",
	"DROP TABLE findings; ALTER TABLE creators DROP COLUMN tally;",
	"DROP TABLE gaps;",
	"ALTER TABLE deliveries ADD COLUMN claimed_at_ms INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX deliveries_in_flight ON deliveries (stage) WHERE stage = 1;"
	"UPDATE deliveries SET stage = 1, claimed_at_ms = created_at_ms WHERE status IN (0, 3)"
	" AND json_array(key, attempts + 1) IN"
	" (SELECT a.value FROM claims c, json_each(c.attempts) a);"
	"DROP TABLE claims;",
};

enum { OLDEST_VERSION = 2 }; /* in the first secrets are not sealed: test_version_copy */

void virtual_store_take_back(const char *directory)
{
	sqlite3 *database;
	char path[PATH_SIZE + 16], set_version[64];
	unsigned version = (unsigned)chance_between(OLDEST_VERSION, migration_count - 1);
	assert(migration_count == OLDEST_VERSION + ARRAY_SIZE(reverses));
	snprintf(path, sizeof(path), "%s/golived.db", directory);
	disk_heal();
	disk_start();
	int code = sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(database, "PRAGMA synchronous = FULL; BEGIN", NULL, NULL, NULL);
	for (unsigned i = migration_count; code == SQLITE_OK && i > version; i--)
		code = sqlite3_exec(database, reverses[i - 1 - OLDEST_VERSION], NULL, NULL, NULL);
	snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %u; COMMIT", version);
	if (code == SQLITE_OK)
		code = sqlite3_exec(database, set_version, NULL, NULL, NULL);
	if (code != SQLITE_OK)
		printf("simulation: %s\n", sqlite3_errmsg(database));
	must(code == SQLITE_OK ? 0 : -EINVAL, "an earlier schema");
	sqlite3_close(database);
}

/* ---- states after a loss of power ---- */

static const char *text_of(sqlite3 *database, const char *query, char *text, size_t size)
{
	sqlite3_stmt *statement = NULL;
	text[0] = '\0';
	if (sqlite3_prepare_v2(database, query, -1, &statement, NULL) != SQLITE_OK)
		snprintf(text, size, "%s", sqlite3_errmsg(database));
	else if (sqlite3_step(statement) == SQLITE_ROW)
		snprintf(text, size, "%s", (const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	return text;
}

void virtual_store_check_without_power(const char *directory)
{
	char path[PATH_SIZE + 16], fork[PATH_SIZE + 16], text[256];
	sqlite3 *database = NULL;
	snprintf(path, sizeof(path), "%s/golived.db", directory);
	snprintf(fork, sizeof(fork), "%s/powerless.db", directory);
	disk_fork_without_power(path, fork);
	int code = sqlite3_open_v2(fork, &database, SQLITE_OPEN_READWRITE, NULL);
	if (code != SQLITE_OK)
		ledger_violation("after a loss of power the database cannot be opened");
	text_of(database, "PRAGMA integrity_check(1)", text, sizeof(text));
	if (strcmp(text, "ok") != 0)
		ledger_violation("after a loss of power: %s", text);
	text_of(database, "SELECT value FROM facts WHERE name = 'simulated_commit'", text,
		sizeof(text));
	int64_t number = strtoll(text, NULL, 10);
	if (number < numbers.durable || number > numbers.attempted)
		ledger_violation("transaction %lld was on disk, and after a loss of power the last "
				 "one there is %lld: %s",
				 (long long)numbers.durable, (long long)number, text);
	sqlite3_close(database);
	disk_forget(fork);
}
