#include "db/store_worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "db/store_private.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>

/* ---- lists of jobs ---- */

void job_list_init(struct job_list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

void job_list_add(struct job_list *list, struct job *job)
{
	job->next = NULL;
	*list->last = job;
	list->last = &job->next;
}

struct job *job_list_take(struct job_list *list)
{
	struct job *job = list->first;
	list->first = job->next;
	if (!list->first)
		list->last = &list->first;
	return job;
}

void job_list_append(struct job_list *to, struct job_list *from)
{
	if (!from->first)
		return;
	*to->last = from->first;
	to->last = from->last;
	job_list_init(from);
}

void job_list_set_results(struct job_list *group, int result)
{
	for (struct job *job = group->first; job; job = job->next)
		job->result = result;
}

/* ---- what was done ---- */

static void ring(struct store_shared *shared)
{
	/* Fails only where the counter is full: then it rings already. */
	if (eventfd_write(shared->bell_fd, 1) < 0)
		assert(errno == EAGAIN);
}

static void count_done(struct worker *worker, const struct job_list *done)
{
	unsigned count = 0;
	for (const struct job *job = done->first; job; job = job->next)
		count++;
	metrics_add(METRIC_STORE_JOBS, worker->metric_label, count);
	atomic_fetch_add(&worker->progress, count);
}

void worker_give_back(struct worker *worker, struct job_list *done)
{
	if (!done->first)
		return;
	count_done(worker, done);
	pthread_mutex_lock(&worker->done_mutex);
	bool must_ring = !worker->done.first;
	job_list_append(&worker->done, done);
	pthread_mutex_unlock(&worker->done_mutex);
	if (must_ring)
		ring(worker->shared);
}

void worker_break_store(struct worker *worker, int error)
{
	struct store_shared *shared = worker->shared;
	pthread_mutex_lock(&shared->fatal_mutex);
	if (atomic_load(&shared->fatal_error) == 0) {
		snprintf(shared->fatal_what, sizeof(shared->fatal_what), "%s: %s",
			 worker->store->path, sql_message(worker->store->sql));
		atomic_store(&shared->fatal_error, error);
	}
	pthread_mutex_unlock(&shared->fatal_mutex);
	ring(shared);
}

/* ---- the queue ---- */

void worker_submit(struct worker *worker, struct job_list *list, store_job_fn run,
		   store_done_fn done, void *arg)
{
	struct job *job = memory_zeroed(1, sizeof(*job));
	job->run = run;
	job->done = done;
	job->arg = arg;
	worker->pending++;
	pthread_mutex_lock(&worker->mutex);
	job_list_add(list, job);
	pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->mutex);
}

bool worker_has_moved(struct worker *worker)
{
	uint64_t progress = atomic_load(&worker->progress);
	bool has_moved = worker->pending == 0 || progress != worker->progress_seen;
	worker->progress_seen = progress;
	return has_moved;
}

bool worker_has_jobs(const struct worker *worker)
{
	return worker->unsynced.first || worker->queue.first;
}

bool worker_wait(struct worker *worker)
{
	pthread_mutex_lock(&worker->mutex);
	while (!worker_has_jobs(worker) && !worker->is_stopping)
		pthread_cond_wait(&worker->wake, &worker->mutex);
	bool has_jobs = worker_has_jobs(worker);
	pthread_mutex_unlock(&worker->mutex);
	return has_jobs;
}

bool worker_has_unsynced(struct worker *worker)
{
	pthread_mutex_lock(&worker->mutex);
	bool has_jobs = worker->unsynced.first;
	pthread_mutex_unlock(&worker->mutex);
	return has_jobs;
}

struct job *worker_next_of(struct worker *worker, struct job_list *list)
{
	pthread_mutex_lock(&worker->mutex);
	struct job *job = list->first ? job_list_take(list) : NULL;
	pthread_mutex_unlock(&worker->mutex);
	return job;
}

struct job *worker_next_job(struct worker *worker)
{
	struct job *job = worker_next_of(worker, &worker->unsynced);
	return job ? job : worker_next_of(worker, &worker->queue);
}

bool worker_is_stopping(struct worker *worker)
{
	pthread_mutex_lock(&worker->mutex);
	bool is_stopping = worker->is_stopping;
	pthread_mutex_unlock(&worker->mutex);
	return is_stopping;
}

void worker_wait_ms(struct worker *worker, int64_t longest_ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	int64_t until_ns = until.tv_nsec + longest_ms % 1000 * 1000000;
	until.tv_sec += longest_ms / 1000 + until_ns / 1000000000;
	until.tv_nsec = until_ns % 1000000000;
	pthread_mutex_lock(&worker->mutex);
	if (!worker_has_jobs(worker) && !worker->is_stopping)
		pthread_cond_timedwait(&worker->wake, &worker->mutex, &until);
	pthread_mutex_unlock(&worker->mutex);
}

/* ---- beginning and end ---- */

void worker_init(struct worker *worker, struct store_shared *shared, unsigned metric_label)
{
	worker->shared = shared;
	worker->metric_label = metric_label;
	job_list_init(&worker->unsynced);
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

void worker_finish(struct worker *worker)
{
	store_close(worker->store);
	pthread_cond_destroy(&worker->wake);
	pthread_mutex_destroy(&worker->mutex);
	pthread_mutex_destroy(&worker->done_mutex);
}

void worker_stop(struct worker *worker)
{
	pthread_mutex_lock(&worker->mutex);
	worker->is_stopping = true;
	pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->mutex);
	pthread_join(worker->thread, NULL);
}

void worker_start(struct worker *worker, const char *name, void *(*thread_main)(void *))
{
	int error = pthread_create(&worker->thread, NULL, thread_main, worker);
	if (error) {
		log_error("no thread for the store", LOG_ERRNO(-error));
		abort();
	}
	pthread_setname_np(worker->thread, name); /* for who looks at the process */
}
