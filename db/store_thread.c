/* The happy path is: jobs gather in a queue; the writer takes all of them, runs each in a savepoint
 * of one transaction, commits, and rings for the loop, which calls everybody of the group back.
 *
 * What can fail is a job (undone alone), the disk being full (the group is rolled back, everybody
 * is told, and until a probe goes well jobs are refused without being run), another process holding
 * the database (waited for), and the file itself (nothing is written any more; main ends the
 * process, as only a start from the file tells what the last commit came to).
 */
#include "db/store_thread.h"

#include "base/memory.h"
#include "db/store_private.h"
#include "db/store_writer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { WRITER_LABEL, READER_LABEL }; /* of METRIC_STORE_JOBS */

struct store_thread {
	/* Watches shared.bell_fd. Not loop_post(), which could still call after the end. */
	struct loop_watch *bell_watch; /* owned */
	store_fatal_fn on_fatal;
	void *fatal_arg;
	bool fatal_is_told;
	struct store_shared shared;           /* with the threads */
	struct worker writer, reader, looker; /* the last one reads, too */
};

/* ---- back on the loop ---- */

static void call_back(struct worker *worker, struct job *job)
{
	assert(worker->pending > 0);
	worker->pending--;
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
		call_back(worker, job_list_take(&done));
}

static void tell_fatal_once(struct store_thread *thread)
{
	int error = atomic_load(&thread->shared.fatal_error);
	if (error == 0 || thread->fatal_is_told)
		return;
	thread->fatal_is_told = true;
	thread->on_fatal(thread->fatal_arg, error, thread->shared.fatal_what);
}

static void on_bell(void *arg, unsigned events, int status)
{
	struct store_thread *thread = arg;
	uint64_t rings;
	(void)events;
	(void)status;
	if (read(thread->shared.bell_fd, &rings, sizeof(rings)) < 0)
		return; /* not rung after all */
	call_back_done(&thread->writer);
	call_back_done(&thread->reader);
	call_back_done(&thread->looker);
	tell_fatal_once(thread);
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
	struct job *job = worker_next_job(worker);
	job_list_init(&done);
	job_list_add(&done, job);
	job->result = read_one(worker->store, job);
	if (job->result == -EBADMSG)
		worker_break_store(worker, job->result);
	worker_give_back(worker, &done);
}

static void *reader_main(void *arg)
{
	struct worker *worker = arg;
	while (worker_wait(worker))
		serve_read(worker);
	return NULL;
}

/* ---- from the loop's thread ---- */

void store_write(struct store_thread *thread, store_job_fn job, store_done_fn done, void *arg)
{
	worker_submit(&thread->writer, &thread->writer.queue, job, done, arg);
}

void store_write_unsynced(struct store_thread *thread, store_job_fn job, store_done_fn done,
			  void *arg)
{
	worker_submit(&thread->writer, &thread->writer.unsynced, job, done, arg);
}

void store_read(struct store_thread *thread, store_job_fn job, store_done_fn done, void *arg)
{
	worker_submit(&thread->reader, &thread->reader.queue, job, done, arg);
}

void store_look(struct store_thread *thread, store_job_fn job, store_done_fn done, void *arg)
{
	worker_submit(&thread->looker, &thread->looker.queue, job, done, arg);
}

bool store_thread_is_degraded(const struct store_thread *thread)
{
	return atomic_load(&thread->shared.is_degraded);
}

unsigned store_thread_pending(const struct store_thread *thread)
{
	return thread->writer.pending + thread->reader.pending + thread->looker.pending;
}

bool store_thread_has_moved(struct store_thread *thread)
{
	bool writer_has = worker_has_moved(&thread->writer);
	bool looker_has = worker_has_moved(&thread->looker);
	return writer_has && looker_has;
}

/* ---- beginning and end ---- */

static int open_both(struct store_thread *thread, const char *path,
		     enum config_synchronous synchronous, struct strbuf *why)
{
	int r = store_open(path, STORE_WRITER, synchronous, why, &thread->writer.store);
	if (r == 0)
		r = store_open(path, STORE_READER, synchronous, why, &thread->reader.store);
	if (r == 0)
		r = store_open(path, STORE_READER, synchronous, why, &thread->looker.store);
	if (r < 0)
		return r;
	thread->shared.bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (thread->shared.bell_fd < 0) {
		int error = -errno;
		strbuf_addf(why, "no descriptor for the store's thread: %s", strerror(-error));
		return error;
	}
	return 0;
}

/* Those that read first: the last connection to close is the one that empties the WAL. */
static void destroy_stopped(struct store_thread *thread)
{
	if (atomic_load(&thread->shared.fatal_error))
		store_abandon(thread->writer.store);
	worker_finish(&thread->looker);
	worker_finish(&thread->reader);
	worker_finish(&thread->writer);
	loop_watch_destroy(thread->bell_watch);
	if (thread->shared.bell_fd >= 0)
		close(thread->shared.bell_fd);
	pthread_mutex_destroy(&thread->shared.fatal_mutex);
	free(thread);
}

int store_thread_create(struct loop *loop, const char *path, enum config_synchronous synchronous,
			store_fatal_fn on_fatal, void *arg, struct strbuf *why,
			struct store_thread **ret_thread)
{
	struct store_thread *thread = memory_zeroed(1, sizeof(*thread));
	thread->on_fatal = on_fatal;
	thread->fatal_arg = arg;
	thread->shared.bell_fd = -1;
	pthread_mutex_init(&thread->shared.fatal_mutex, NULL);
	worker_init(&thread->writer, &thread->shared, WRITER_LABEL);
	worker_init(&thread->reader, &thread->shared, READER_LABEL);
	worker_init(&thread->looker, &thread->shared, READER_LABEL);
	int r = open_both(thread, path, synchronous, why);
	if (r < 0) {
		destroy_stopped(thread);
		return r;
	}
	thread->bell_watch = loop_watch_create(loop, thread->shared.bell_fd, on_bell, thread);
	loop_watch_set(thread->bell_watch, LOOP_READABLE);
	worker_start(&thread->writer, "store-writer", writer_main);
	worker_start(&thread->reader, "store-reader", reader_main);
	worker_start(&thread->looker, "store-looker", reader_main);
	*ret_thread = thread;
	return 0;
}

/* The threads have ended; what callbacks still submit is done here. */
static void work_off(struct store_thread *thread)
{
	while (store_thread_pending(thread) > 0) {
		if (worker_has_jobs(&thread->writer))
			writer_serve(&thread->writer);
		if (worker_has_jobs(&thread->reader))
			serve_read(&thread->reader);
		if (worker_has_jobs(&thread->looker))
			serve_read(&thread->looker);
		call_back_done(&thread->writer);
		call_back_done(&thread->reader);
		call_back_done(&thread->looker);
	}
	tell_fatal_once(thread);
}

void store_thread_destroy(struct store_thread *thread)
{
	if (!thread)
		return;
	worker_stop(&thread->looker);
	worker_stop(&thread->reader);
	worker_stop(&thread->writer);
	work_off(thread);
	destroy_stopped(thread);
}
