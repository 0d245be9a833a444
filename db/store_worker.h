/* store_worker - a thread with a connection, a queue of jobs before it and a list of what is done
 * behind it. What the threads of db/store_thread have in common. For db/ only.
 *
 * Jobs go in on the loop's thread, through the queue, and come back to it through the bell: a
 * descriptor that is rung when something is done.
 */
#ifndef GOLIVED_DB_STORE_WORKER_H
#define GOLIVED_DB_STORE_WORKER_H

#include "db/store_thread.h"

#include <pthread.h>
#include <stdatomic.h>

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

void job_list_init(struct job_list *list);
void job_list_add(struct job_list *list, struct job *job);
struct job *job_list_take(struct job_list *list); /* the first; there must be one */
/* Everything of `from` goes behind what is in `to`. */
void job_list_append(struct job_list *to, struct job_list *from);
void job_list_set_results(struct job_list *group, int result);

/* What both threads and the loop's thread look at. */
struct store_shared {
	int bell_fd;
	atomic_bool is_degraded;
	/* 0, or what broke the store. Its text is written before it, by the one thread that sees it
	 * first (the mutex), and by nobody afterwards. */
	atomic_int fatal_error;
	pthread_mutex_t fatal_mutex;
	char fatal_what[256];
};

struct worker {
	struct store_shared *shared; /* borrowed */
	struct store *store;         /* owned; its thread's alone while that runs */
	unsigned metric_label;       /* of METRIC_STORE_JOBS */
	int64_t sizes_published_at_ms;
	atomic_uint_least64_t progress; /* grows while the thread gets on */
	unsigned pending;               /* the loop's: jobs submitted and not yet called back */
	uint64_t progress_seen;         /* the loop's: worker_has_moved() */
	pthread_t thread;
	pthread_mutex_t mutex; /* guards unsynced, queue and is_stopping */
	pthread_cond_t wake;
	struct job_list unsynced, queue; /* the first of them goes first, in groups of its own */
	bool is_stopping;
	pthread_mutex_t done_mutex; /* guards done */
	struct job_list done;       /* and not yet called back */
};

void worker_init(struct worker *worker, struct store_shared *shared, unsigned metric_label);
void worker_finish(struct worker *worker); /* closes the store */

/* The thread is to end with what worker_wait() says; worker_stop() waits for that. */
void worker_start(struct worker *worker, const char *name, void *(*thread_main)(void *));
void worker_stop(struct worker *worker);

/* list: one of the worker's. */
void worker_submit(struct worker *worker, struct job_list *list, store_job_fn run,
		   store_done_fn done, void *arg);

/* Has the thread nothing to do, or got on since this was asked last? For the loop's thread. */
bool worker_has_moved(struct worker *worker);

/* ---- on its thread ---- */

/* Waits for a job. False: the queue is empty and nothing more will come. */
bool worker_wait(struct worker *worker);
/* Waits for a job, a stop, or so long. */
void worker_wait_ms(struct worker *worker, int64_t longest_ms);
bool worker_is_stopping(struct worker *worker);
bool worker_has_unsynced(struct worker *worker);
bool worker_has_jobs(const struct worker *worker); /* once its thread has ended */
struct job *worker_next_of(struct worker *worker, struct job_list *list); /* NULL: none for now */
struct job *worker_next_job(struct worker *worker);                       /* of any list */

/* Hands over what is done: counted, and called back on the loop in this order. */
void worker_give_back(struct worker *worker, struct job_list *done);

/* From now on nothing is written: error and the connection's message become the store's end. */
void worker_break_store(struct worker *worker, int error);

#endif
