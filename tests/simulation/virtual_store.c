/* The store's threads, in virtual time: jobs gather while a commit runs, are committed together,
 * and are called back a moment later; in between the process may end. */
#include "tests/simulation/virtual.h"

#include "base/file.h"
#include "base/memory.h"
#include "db/store_private.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 256 };

struct virtual_job {
	struct virtual_job *next;
	store_job_fn run;
	store_done_fn done;
	void *arg;
	int result;
	bool is_write;
};

struct virtual_queue {
	struct virtual_job *first, **last;
};

struct virtual_store {
	char directory[PATH_SIZE], path[PATH_SIZE + 16];
	struct store *store;
	struct virtual_queue unsynced, waiting, done;    /* unsynced: goes before what is waiting */
	struct virtual_event *commit, *callback, *probe; /* NULL: none is due */
	bool is_full, is_degraded, is_slow, is_to_die, is_dead;
	unsigned pending;
	uint64_t commits;
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
	return job ? job : queue_take(&store->waiting);
}

/* ---- running ---- */

static void call_back(struct virtual_store *store, struct virtual_job *job)
{
	store->pending--;
	if (job->done)
		job->done(job->arg, job->result);
	free(job);
}

static void on_callback(void *arg)
{
	struct virtual_store *store = arg;
	store->callback = NULL;
	for (struct virtual_job *job; (job = queue_take(&store->done));)
		call_back(store, job);
}

static void must(int result, const char *what)
{
	if (result >= 0)
		return;
	printf("simulation: %s: %s\n", what, strerror(-result));
	fflush(stdout);
	abort();
}

static void run_one(struct virtual_store *store, struct virtual_job *job)
{
	must(store_savepoint(store->store), "savepoint");
	job->result = job->run(store->store, job->arg);
	if (job->result < 0)
		store_undo(store->store);
	else
		must(store_release(store->store), "release");
}

static void on_probe(void *arg)
{
	struct virtual_store *store = arg;
	store->is_degraded = store->is_full;
	store->probe = store->is_full ? virtual_after(STORE_PROBE_MS, on_probe, store) : NULL;
}

/* As db/store_writer does it: the group is rolled back, and until a probe goes well jobs that write
 * are refused without being run. */
static void fail_full(struct virtual_store *store)
{
	store_rollback(store->store);
	for (struct virtual_job *job = store->done.first; job; job = job->next)
		if (job->is_write)
			job->result = -ENOSPC;
	store->is_degraded = true;
	if (!store->probe)
		store->probe = virtual_after(STORE_PROBE_MS, on_probe, store);
}

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
	must(store_begin(store->store), "begin");
	for (struct virtual_job *job; (job = take_waiting(store));) {
		if (job->is_write && store->is_degraded)
			job->result = -ENOSPC;
		else
			run_one(store, job);
		queue_add(&store->done, job);
	}
	if (store->is_to_die) {
		store->is_dead = true;
		return;
	}
	if (store->is_full)
		fail_full(store);
	else
		must(store_commit(store->store), "commit");
	store->commits++;
	store->callback = virtual_after(chance_between(0, 2), on_callback, store);
}

static void submit(struct virtual_store *store, struct virtual_queue *queue, bool is_write,
		   store_job_fn run, store_done_fn done, void *arg)
{
	struct virtual_job *job = memory_zeroed(1, sizeof(*job));
	*job = (struct virtual_job){ .run = run, .done = done, .arg = arg, .is_write = is_write };
	queue_add(queue, job);
	store->pending++;
	if (!store->commit && !store->is_dead)
		store->commit = virtual_after(store->is_slow ? chance_between(100, 3000)
							     : chance_between(0, 3),
					      on_commit, store);
}

/* ---- db/store_thread ---- */

#define SUBMITS(name, queue, is_write) \
	void __wrap_##name(struct store_thread *thread, store_job_fn job, store_done_fn done, \
			   void *arg); \
	void __wrap_##name(struct store_thread *thread, store_job_fn job, store_done_fn done, \
			   void *arg) \
	{ \
		struct virtual_store *store = (struct virtual_store *)thread; \
		submit(store, &store->queue, is_write, job, done, arg); \
	}

SUBMITS(store_write, waiting, true)
SUBMITS(store_write_unsynced, unsynced, true)
SUBMITS(store_read, waiting, false)
SUBMITS(store_look, waiting, false)

bool __wrap_store_thread_is_degraded(const struct store_thread *thread);

bool __wrap_store_thread_is_degraded(const struct store_thread *thread)
{
	return ((const struct virtual_store *)thread)->is_degraded;
}

/* ---- beginning and end ---- */

static void open_file(struct virtual_store *store)
{
	struct strbuf why;
	strbuf_init(&why, 1024);
	int r = store_open(store->path, STORE_WRITER, SYNCHRONOUS_NORMAL, &why, &store->store);
	if (r < 0)
		printf("simulation: %s\n", why.data);
	must(r, "open");
	strbuf_finish(&why);
}

struct virtual_store *virtual_store_open(const char *directory)
{
	struct virtual_store *store = memory_zeroed(1, sizeof(*store));
	snprintf(store->directory, sizeof(store->directory), "%s", directory);
	snprintf(store->path, sizeof(store->path), "%s/golived.db", directory);
	queue_init(&store->unsynced);
	queue_init(&store->waiting);
	queue_init(&store->done);
	open_file(store);
	return store;
}

static void copy_file(const char *from, const char *to, bool is_torn)
{
	char *bytes;
	size_t length;
	int r = file_read(from, (size_t)1 << 30, &bytes, &length);
	if (r == -ENOENT)
		return;
	must(r, from);
	FILE *file = fopen(to, "we");
	assert(file);
	size_t written = fwrite(bytes, 1, length, file);
	assert(written == length);
	/* Part of a write that the process did not live to see: never the start of a frame that
	 * counts, as its checksum is not there. */
	for (int64_t i = is_torn ? chance_between(0, 6000) : 0; i > 0; i--)
		fputc((int)(chance_bits() & 0xFF), file);
	fclose(file);
	free(bytes);
}

static void cancel(struct virtual_event **event)
{
	if (*event)
		virtual_cancel(*event);
	*event = NULL;
}

/* The files as they are now are what a killed process leaves behind: they are copied, as closing
 * the connection would tidy them up. */
void virtual_store_kill(struct virtual_store *store)
{
	char database[PATH_SIZE + 32], wal[PATH_SIZE + 32], old_wal[PATH_SIZE + 32];
	snprintf(database, sizeof(database), "%s/killed.db", store->directory);
	snprintf(wal, sizeof(wal), "%s/killed.db-wal", store->directory);
	snprintf(old_wal, sizeof(old_wal), "%s-wal", store->path);
	copy_file(store->path, database, false);
	copy_file(old_wal, wal, chance_of(0.5));
	cancel(&store->commit);
	cancel(&store->callback);
	cancel(&store->probe);
	for (struct virtual_job *job; (job = take_waiting(store));)
		queue_add(&store->done, job);
	for (struct virtual_job *job; (job = queue_take(&store->done));) {
		job->result = -ECANCELED;
		call_back(store, job);
	}
	store_abandon(store->store);
	store_close(store->store);
	must(rename(database, store->path), "rename");
	if (rename(wal, old_wal) < 0)
		unlink(old_wal);
	free(store);
}

void virtual_store_die_in_commit(struct virtual_store *store)
{
	store->is_to_die = true;
}

void virtual_store_die(struct virtual_store *store)
{
	store->is_dead = true;
}

bool virtual_store_is_dead(const struct virtual_store *store)
{
	return store->is_dead;
}

void virtual_store_set_full(struct virtual_store *store, bool is_full)
{
	store->is_full = is_full;
}

void virtual_store_set_slow(struct virtual_store *store, bool is_slow)
{
	store->is_slow = is_slow;
}

struct store *virtual_store_connection(struct virtual_store *store)
{
	return store->store;
}

uint64_t virtual_store_commits(const struct virtual_store *store)
{
	return store->commits;
}
