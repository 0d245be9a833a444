/* The happy path is: jobs gather in a queue; the writer takes all of them, runs each in a savepoint
 * of one transaction, commits, and rings for the loop, which calls everybody of the group back.
 *
 * What can fail is a job (undone alone), the disk being full (the group is rolled back, everybody
 * is told, and until a probe goes well jobs are refused without being run), another process holding
 * the database (waited for), and the file itself (nothing is written any more; main ends the
 * process, as only a start from the file tells what the last commit came to).
 */
#include "db/store_thread.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "db/store_private.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* A group is no larger, so that nobody waits for long behind many. */
enum { GROUP_JOBS_MAX = 256, GROUP_MS_MAX = 50, WHAT_SIZE = 256 };

struct job {
	struct job *next;
	store_job_fn run;
	store_done_fn done; /* NULL: nobody asks */
	void *arg;
	int result;
};

struct job_list {
	struct job *first, **last;
};

/* One of the two threads, with its connection. */
struct worker {
	struct store_thread *owner;
	struct store *store; /* owned; its thread's alone while that runs */
	int64_t sizes_published_at_ms;
	pthread_t thread;
	pthread_mutex_t mutex; /* guards queue and is_stopping */
	pthread_cond_t wake;
	struct job_list queue;
	bool is_stopping;
	pthread_mutex_t done_mutex; /* guards done */
	struct job_list done;       /* and not yet called back */
};

struct store_thread {
	store_fatal_fn on_fatal;
	void *fatal_arg;
	/* Rung by the threads when something is done. Not loop_post(), which could still call after
	 * the end. */
	int bell_fd;
	struct loop_watch *bell_watch; /* owned */
	struct worker writer, reader;
	atomic_bool is_degraded;
	atomic_uint_least64_t progress;
	unsigned pending; /* the loop's */
	/* 0, or what broke the store. Its text is written before it, by the one thread that sees it
	 * first (the mutex), and by nobody afterwards. */
	atomic_int fatal_error;
	pthread_mutex_t fatal_mutex;
	char fatal_what[WHAT_SIZE];
	bool fatal_is_told; /* the loop's */
};

/* ---- lists of jobs ---- */

static void job_list_init(struct job_list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

static void job_list_add(struct job_list *list, struct job *job)
{
	job->next = NULL;
	*list->last = job;
	list->last = &job->next;
}

static struct job *job_list_take(struct job_list *list)
{
	struct job *job = list->first;
	list->first = job->next;
	if (!list->first)
		list->last = &list->first;
	return job;
}

/* Everything of `from` goes behind what is in `to`. */
static void job_list_append(struct job_list *to, struct job_list *from)
{
	if (!from->first)
		return;
	*to->last = from->first;
	to->last = from->last;
	job_list_init(from);
}

/* ---- back on the loop ---- */

static void call_back(struct store_thread *thread, struct job *job)
{
	assert(thread->pending > 0);
	thread->pending--;
	if (job->done)
		job->done(job->arg, job->result);
	free(job);
}

/* Takes what is done by now, and gives it back in its order. */
static void call_back_done(struct worker *worker)
{
	struct job_list done;
	job_list_init(&done);
	pthread_mutex_lock(&worker->done_mutex);
	job_list_append(&done, &worker->done);
	pthread_mutex_unlock(&worker->done_mutex);
	while (done.first)
		call_back(worker->owner, job_list_take(&done));
}

static void tell_fatal_once(struct store_thread *thread)
{
	int error = atomic_load(&thread->fatal_error);
	if (error == 0 || thread->fatal_is_told)
		return;
	thread->fatal_is_told = true;
	thread->on_fatal(thread->fatal_arg, error, thread->fatal_what);
}

static void on_bell(void *arg, unsigned events, int status)
{
	struct store_thread *thread = arg;
	uint64_t rings;
	(void)events;
	(void)status;
	if (read(thread->bell_fd, &rings, sizeof(rings)) < 0)
		return; /* not rung after all */
	call_back_done(&thread->writer);
	call_back_done(&thread->reader);
	tell_fatal_once(thread);
}

/* ---- on the threads ---- */

static void ring(struct store_thread *thread)
{
	/* Fails only where the counter is full: then it rings already. */
	if (eventfd_write(thread->bell_fd, 1) < 0)
		assert(errno == EAGAIN);
}

static void give_back(struct worker *worker, struct job_list *group)
{
	if (!group->first)
		return;
	pthread_mutex_lock(&worker->done_mutex);
	bool must_ring = !worker->done.first;
	job_list_append(&worker->done, group);
	pthread_mutex_unlock(&worker->done_mutex);
	if (must_ring)
		ring(worker->owner);
}

static bool is_fatal(int error)
{
	return error == -EIO || error == -EBADMSG;
}

/* From now on nothing is written. */
static void break_store(struct worker *worker, int error)
{
	struct store_thread *thread = worker->owner;
	pthread_mutex_lock(&thread->fatal_mutex);
	if (atomic_load(&thread->fatal_error) == 0) {
		snprintf(thread->fatal_what, sizeof(thread->fatal_what), "%s: %s",
			 worker->store->path, sql_message(worker->store->sql));
		atomic_store(&thread->fatal_error, error);
	}
	pthread_mutex_unlock(&thread->fatal_mutex);
	ring(thread);
}

static void set_results(struct job_list *group, int result)
{
	for (struct job *job = group->first; job; job = job->next)
		job->result = result;
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

static void count_done(struct worker *worker, const struct job_list *group)
{
	unsigned count = 0;
	for (const struct job *job = group->first; job; job = job->next)
		count++;
	bool is_reader = worker == &worker->owner->reader;
	metrics_add(METRIC_STORE_JOBS, is_reader ? 1 : 0, count);
	atomic_fetch_add(&worker->owner->progress, count);
}

/* Waits for a job. False: the queue is empty and nothing more will come. */
static bool wait_for_jobs(struct worker *worker)
{
	pthread_mutex_lock(&worker->mutex);
	while (!worker->queue.first && !worker->is_stopping)
		pthread_cond_wait(&worker->wake, &worker->mutex);
	bool has_jobs = worker->queue.first;
	pthread_mutex_unlock(&worker->mutex);
	return has_jobs;
}

static struct job *next_job(struct worker *worker)
{
	pthread_mutex_lock(&worker->mutex);
	struct job *job = worker->queue.first ? job_list_take(&worker->queue) : NULL;
	pthread_mutex_unlock(&worker->mutex);
	return job;
}

static bool is_worker_stopping(struct worker *worker)
{
	pthread_mutex_lock(&worker->mutex);
	bool is_stopping = worker->is_stopping;
	pthread_mutex_unlock(&worker->mutex);
	return is_stopping;
}

/* ---- the writer ---- */

/* Somebody with a shell in the database is waited for, however long, and named in the log once. A
 * stop does not wait. */
static int begin_patiently(struct worker *worker)
{
	bool is_logged = false;
	int r;
	while ((r = store_begin(worker->store)) == -EBUSY) {
		if (is_worker_stopping(worker))
			return r;
		if (!is_logged)
			log_warning("store waits for another process that holds the database",
				    LOG_TEXT("path", worker->store->path));
		is_logged = true;
		atomic_fetch_add(&worker->owner->progress, 1);
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

/* Takes jobs as long as there are any and the group is not too large. */
static int run_group(struct worker *worker, struct job_list *group)
{
	int64_t until_ms = clock_mono_ms() + GROUP_MS_MAX;
	for (unsigned count = 0; count < GROUP_JOBS_MAX && clock_mono_ms() < until_ms; count++) {
		struct job *job = next_job(worker);
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
	if (atomic_load(&worker->owner->is_degraded) == is_degraded)
		return;
	atomic_store(&worker->owner->is_degraded, is_degraded);
	metrics_set(METRIC_STORE_DEGRADED, 0, is_degraded);
	if (is_degraded)
		log_error("store degraded", LOG_TEXT("path", worker->store->path),
			  LOG_TEXT("error", sql_message(worker->store->sql)));
	else
		log_notice("store writable again", LOG_TEXT("path", worker->store->path));
}

static int run_transaction(struct worker *worker, struct job_list *group)
{
	int r = begin_patiently(worker);
	if (r == 0)
		r = run_group(worker, group);
	if (r == 0)
		r = commit(worker);
	return r;
}

/* One group, from the queue to the loop. */
static void write_group(struct worker *worker)
{
	struct job_list group;
	job_list_init(&group);
	int r = run_transaction(worker, &group);
	if (r < 0) {
		if (is_fatal(r))
			break_store(worker, r);
		else if (r == -ENOSPC)
			set_degraded(worker, true);
		else
			log_error("store transaction failed", LOG_ERRNO(r),
				  LOG_TEXT("detail", sql_message(worker->store->sql)));
		store_rollback(worker->store);
		/* Where not even a transaction began, the jobs get to know it all the same. */
		for (struct job *job; !group.first && (job = next_job(worker));)
			job_list_add(&group, job);
		set_results(&group, r);
	}
	publish_sizes(worker);
	count_done(worker, &group);
	give_back(worker, &group);
}

/* What a degraded or broken store answers to everybody. */
static void refuse_all(struct worker *worker, int error)
{
	struct job_list group;
	struct job *job;
	job_list_init(&group);
	while ((job = next_job(worker)))
		job_list_add(&group, job);
	set_results(&group, error);
	count_done(worker, &group);
	give_back(worker, &group);
}

/* A write that has to reach the disk; large enough to need a page of the WAL. */
static int probe(struct worker *worker)
{
	int r = store_begin(worker->store);
	if (r == 0)
		r = store_fact_set(worker->store, "write_probe", clock_now_ms());
	if (r == 0)
		r = commit(worker);
	if (r < 0)
		store_rollback(worker->store);
	return r;
}

static void wait_for_probe(struct worker *worker)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STORE_PROBE_MS / 1000;
	until.tv_nsec += STORE_PROBE_MS % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_mutex_lock(&worker->mutex);
	if (!worker->queue.first && !worker->is_stopping)
		pthread_cond_timedwait(&worker->wake, &worker->mutex, &until);
	pthread_mutex_unlock(&worker->mutex);
}

/* Until the disk takes writes again, the store is broken, or it is to stop. */
static void sit_out_degraded(struct worker *worker)
{
	int64_t probe_at_ms = clock_mono_ms() + STORE_PROBE_MS;
	while (!is_worker_stopping(worker)) {
		wait_for_probe(worker);
		refuse_all(worker, -ENOSPC);
		if (clock_mono_ms() < probe_at_ms)
			continue;
		int r = probe(worker);
		if (r == 0) {
			set_degraded(worker, false);
			return;
		}
		if (is_fatal(r)) {
			break_store(worker, r);
			return;
		}
		atomic_fetch_add(&worker->owner->progress, 1);
		probe_at_ms = clock_mono_ms() + STORE_PROBE_MS;
	}
}

static void serve_writes(struct worker *worker)
{
	int broken = atomic_load(&worker->owner->fatal_error);
	if (broken)
		refuse_all(worker, broken);
	else
		write_group(worker);
}

static void *writer_main(void *arg)
{
	struct worker *worker = arg;
	while (wait_for_jobs(worker)) {
		serve_writes(worker);
		if (atomic_load(&worker->owner->is_degraded))
			sit_out_degraded(worker);
	}
	return NULL;
}

/* ---- the reader ---- */

static int read_one(struct store *store, struct job *job)
{
	int r = store_begin(store);
	if (r == 0)
		r = job->run(store, job->arg);
	store_rollback(store); /* nothing to keep */
	return r;
}

static void serve_read(struct worker *worker)
{
	struct job_list done;
	struct job *job = next_job(worker);
	job_list_init(&done);
	job_list_add(&done, job);
	job->result = read_one(worker->store, job);
	if (job->result == -EBADMSG)
		break_store(worker, job->result);
	count_done(worker, &done);
	give_back(worker, &done);
}

static void *reader_main(void *arg)
{
	struct worker *worker = arg;
	while (wait_for_jobs(worker))
		serve_read(worker);
	return NULL;
}

/* ---- from the loop's thread ---- */

static void submit(struct worker *worker, store_job_fn run, store_done_fn done, void *arg)
{
	struct job *job = memory_zeroed(1, sizeof(*job));
	job->run = run;
	job->done = done;
	job->arg = arg;
	worker->owner->pending++;
	pthread_mutex_lock(&worker->mutex);
	job_list_add(&worker->queue, job);
	pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->mutex);
}

void store_write(struct store_thread *thread, store_job_fn job, store_done_fn done, void *arg)
{
	submit(&thread->writer, job, done, arg);
}

void store_read(struct store_thread *thread, store_job_fn job, store_done_fn done, void *arg)
{
	submit(&thread->reader, job, done, arg);
}

bool store_thread_is_degraded(const struct store_thread *thread)
{
	return atomic_load(&thread->is_degraded);
}

unsigned store_thread_pending(const struct store_thread *thread)
{
	return thread->pending;
}

uint64_t store_thread_progress(const struct store_thread *thread)
{
	return atomic_load(&thread->progress);
}

/* ---- beginning and end ---- */

static void worker_init(struct worker *worker, struct store_thread *owner)
{
	worker->owner = owner;
	job_list_init(&worker->queue);
	job_list_init(&worker->done);
	pthread_mutex_init(&worker->mutex, NULL);
	pthread_mutex_init(&worker->done_mutex, NULL);
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&worker->wake, &attributes);
	pthread_condattr_destroy(&attributes);
}

static void worker_finish(struct worker *worker)
{
	store_close(worker->store);
	pthread_cond_destroy(&worker->wake);
	pthread_mutex_destroy(&worker->mutex);
	pthread_mutex_destroy(&worker->done_mutex);
}

/* The thread works off its queue before it ends. */
static void worker_join(struct worker *worker)
{
	pthread_mutex_lock(&worker->mutex);
	worker->is_stopping = true;
	pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->mutex);
	pthread_join(worker->thread, NULL);
}

static void start(struct worker *worker, void *(*thread_main)(void *))
{
	int error = pthread_create(&worker->thread, NULL, thread_main, worker);
	if (error) {
		log_error("no thread for the store", LOG_ERRNO(-error));
		abort();
	}
}

static int open_both(struct store_thread *thread, const char *path,
		     enum config_synchronous synchronous, struct strbuf *why)
{
	int r = store_open(path, STORE_WRITER, synchronous, why, &thread->writer.store);
	if (r == 0)
		r = store_open(path, STORE_READER, synchronous, why, &thread->reader.store);
	if (r < 0)
		return r;
	thread->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (thread->bell_fd < 0) {
		int error = -errno;
		strbuf_addf(why, "no descriptor for the store's thread: %s", strerror(-error));
		return error;
	}
	return 0;
}

/* The reader first: the last connection to close is the one that empties the WAL. */
static void destroy_stopped(struct store_thread *thread)
{
	if (atomic_load(&thread->fatal_error))
		store_abandon(thread->writer.store);
	worker_finish(&thread->reader);
	worker_finish(&thread->writer);
	loop_watch_destroy(thread->bell_watch);
	if (thread->bell_fd >= 0)
		close(thread->bell_fd);
	pthread_mutex_destroy(&thread->fatal_mutex);
	free(thread);
}

int store_thread_create(struct loop *loop, const char *path, enum config_synchronous synchronous,
			store_fatal_fn on_fatal, void *arg, struct strbuf *why,
			struct store_thread **ret_thread)
{
	struct store_thread *thread = memory_zeroed(1, sizeof(*thread));
	thread->on_fatal = on_fatal;
	thread->fatal_arg = arg;
	thread->bell_fd = -1;
	pthread_mutex_init(&thread->fatal_mutex, NULL);
	worker_init(&thread->writer, thread);
	worker_init(&thread->reader, thread);
	int r = open_both(thread, path, synchronous, why);
	if (r < 0) {
		destroy_stopped(thread);
		return r;
	}
	thread->bell_watch = loop_watch_create(loop, thread->bell_fd, on_bell, thread);
	loop_watch_set(thread->bell_watch, LOOP_READABLE);
	start(&thread->writer, writer_main);
	start(&thread->reader, reader_main);
	*ret_thread = thread;
	return 0;
}

/* The threads have ended; what callbacks still submit is done here. */
static void work_off(struct store_thread *thread)
{
	while (thread->pending > 0) {
		if (thread->writer.queue.first)
			serve_writes(&thread->writer);
		if (thread->reader.queue.first)
			serve_read(&thread->reader);
		call_back_done(&thread->writer);
		call_back_done(&thread->reader);
	}
	tell_fatal_once(thread);
}

void store_thread_destroy(struct store_thread *thread)
{
	if (!thread)
		return;
	worker_join(&thread->reader);
	worker_join(&thread->writer);
	work_off(thread);
	destroy_stopped(thread);
}
