/* The writer's half of db/store_thread: groups, and what to do where they cannot be committed. */
#include "db/store_writer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "db/store_private.h"

#include <errno.h>

/* A group is no larger, so that nobody waits for long behind many. */
enum { GROUP_JOBS_MAX = 256, GROUP_MS_MAX = 50 };

static bool is_fatal(int error)
{
	return error == -EIO || error == -EBADMSG;
}

/* Somebody with a shell in the database is waited for, however long, and named in the log once. A
 * stop does not wait. */
static int begin_patiently(struct worker *worker)
{
	bool is_logged = false;
	int r;
	while ((r = store_begin(worker->store)) == -EBUSY) {
		if (worker_is_stopping(worker))
			return r;
		if (!is_logged)
			log_warning("store waits for another process that holds the database",
				    LOG_TEXT("path", worker->store->path));
		is_logged = true;
		atomic_fetch_add(&worker->progress, 1);
	}
	if (r == 0 && is_logged)
		log_notice("store holds the database again", LOG_TEXT("path", worker->store->path));
	return r;
}

/* What ends the whole group: after it, no savepoint can be trusted. */
static bool ends_group(struct worker *worker, int error)
{
	return error == -ENOSPC || is_fatal(error) || !sql_is_in_transaction(worker->store->sql);
}

/* Runs one job in its savepoint. A failure that is returned is that of the group; the job's own is
 * its result. */
static int run_in_savepoint(struct worker *worker, struct job *job)
{
	struct store *store = worker->store;
	int r = store_savepoint(store);
	if (r < 0)
		return r;
	job->result = job->run(store, job->arg);
	if (job->result < 0) {
		if (ends_group(worker, job->result))
			return job->result;
		store_undo(store);
		return 0;
	}
	return store_release(store);
}

/* Takes jobs of a list as long as there are any and the group is not too large. */
static int run_group(struct worker *worker, struct job_list *from, struct job_list *group)
{
	int64_t until_ms = clock_mono_ms() + GROUP_MS_MAX;
	for (unsigned count = 0; count < GROUP_JOBS_MAX && clock_mono_ms() < until_ms; count++) {
		struct job *job = worker_next_of(worker, from);
		if (!job)
			break;
		job_list_add(group, job);
		int r = run_in_savepoint(worker, job);
		if (r < 0)
			return r;
	}
	return 0;
}

enum commit_result { COMMIT_OK, COMMIT_FULL, COMMIT_ERROR }; /* labels of the metric */

static int commit(struct worker *worker)
{
	int64_t started_ms = clock_mono_ms();
	int r = store_commit(worker->store);
	metrics_observe_ms(METRIC_STORE_COMMIT_SECONDS, clock_mono_ms() - started_ms);
	metrics_add(METRIC_STORE_COMMITS,
		    r == 0         ? COMMIT_OK
		    : r == -ENOSPC ? COMMIT_FULL
				   : COMMIT_ERROR,
		    1);
	return r;
}

static void set_degraded(struct worker *worker, bool is_degraded)
{
	if (atomic_load(&worker->shared->is_degraded) == is_degraded)
		return;
	atomic_store(&worker->shared->is_degraded, is_degraded);
	metrics_set(METRIC_STORE_DEGRADED, 0, is_degraded);
	if (is_degraded)
		log_error("store degraded", LOG_TEXT("path", worker->store->path),
			  LOG_TEXT("error", sql_message(worker->store->sql)));
	else
		log_notice("store writable again", LOG_TEXT("path", worker->store->path));
}

/* What does not wait for the disk is in no group with what does. */
static int run_transaction(struct worker *worker, struct job_list *group)
{
	bool is_unsynced = worker_has_unsynced(worker);
	int r = store_set_durable(worker->store, !is_unsynced);
	if (r == 0)
		r = begin_patiently(worker);
	if (r == 0)
		r = run_group(worker, is_unsynced ? &worker->unsynced : &worker->queue, group);
	if (r == 0)
		r = commit(worker);
	return r;
}

/* At most once a second: it asks the file system. */
static void publish_sizes(struct worker *worker)
{
	int64_t now_ms = clock_mono_ms(), database_bytes, wal_bytes;
	if (now_ms < worker->sizes_published_at_ms + 1000)
		return;
	worker->sizes_published_at_ms = now_ms;
	store_sizes(worker->store, &database_bytes, &wal_bytes);
	metrics_set(METRIC_STORE_BYTES, 0, database_bytes);
	metrics_set(METRIC_STORE_BYTES, 1, wal_bytes);
}

/* One group, from the queue to the loop. */
static void write_group(struct worker *worker)
{
	struct job_list group;
	job_list_init(&group);
	int r = run_transaction(worker, &group);
	if (r < 0) {
		if (is_fatal(r))
			worker_break_store(worker, r);
		else if (r == -ENOSPC)
			set_degraded(worker, true);
		else
			log_error("store transaction failed", LOG_ERRNO(r),
				  LOG_TEXT("detail", sql_message(worker->store->sql)));
		store_rollback(worker->store);
		/* Where not even a transaction began, the jobs get to know it all the same. */
		for (struct job *job; !group.first && (job = worker_next_job(worker));)
			job_list_add(&group, job);
		job_list_set_results(&group, r);
	}
	publish_sizes(worker);
	worker_give_back(worker, &group);
}

/* What a degraded or broken store answers to everybody. */
static void refuse_all(struct worker *worker, int error)
{
	struct job_list group;
	struct job *job;
	job_list_init(&group);
	while ((job = worker_next_job(worker)))
		job_list_add(&group, job);
	job_list_set_results(&group, error);
	worker_give_back(worker, &group);
}

/* A write that has to reach the disk; large enough to need a page of the WAL. */
static int probe(struct worker *worker)
{
	int r = store_set_durable(worker->store, true);
	if (r == 0)
		r = store_begin(worker->store);
	if (r == 0)
		r = store_fact_set(worker->store, "write_probe", clock_now_ms());
	if (r == 0)
		r = commit(worker);
	if (r < 0)
		store_rollback(worker->store);
	return r;
}

/* Until the disk takes writes again, the store is broken, or it is to stop. */
static void sit_out_degraded(struct worker *worker)
{
	int64_t probe_at_ms = clock_mono_ms() + STORE_PROBE_MS;
	while (!worker_is_stopping(worker)) {
		worker_wait_ms(worker, STORE_PROBE_MS);
		refuse_all(worker, -ENOSPC);
		if (clock_mono_ms() < probe_at_ms)
			continue;
		int r = probe(worker);
		if (r == 0) {
			set_degraded(worker, false);
			return;
		}
		if (is_fatal(r)) {
			worker_break_store(worker, r);
			return;
		}
		atomic_fetch_add(&worker->progress, 1);
		probe_at_ms = clock_mono_ms() + STORE_PROBE_MS;
	}
}

void writer_serve(struct worker *worker)
{
	int broken = atomic_load(&worker->shared->fatal_error);
	if (broken)
		refuse_all(worker, broken);
	else
		write_group(worker);
}

void *writer_main(void *arg)
{
	struct worker *worker = arg;
	while (worker_wait(worker)) {
		writer_serve(worker);
		if (atomic_load(&worker->shared->is_degraded))
			sit_out_degraded(worker);
	}
	return NULL;
}
