/* store_thread - the thread that owns the writing connection, and two that read.
 *
 *   in:   jobs: a plain function over an open transaction, and what to call with its result
 *   out:  the result, on the loop, after the COMMIT (or after the rollback)
 *
 * The writer commits together whatever has gathered while the last commit ran; each job has a
 * savepoint of its own, so one that fails undoes only itself. A callback runs only when what its
 * job wrote is on disk (but for store_write_unsynced). A full disk: the commit is rolled back,
 * every job of the group gets -ENOSPC, and store_thread_is_degraded() is true until a probe write
 * (every STORE_PROBE_MS) succeeds. An I/O error or damage: on_fatal is called on the loop with what
 * happened; nothing is written any more.
 */
#ifndef GOLIVED_DB_STORE_THREAD_H
#define GOLIVED_DB_STORE_THREAD_H

#include "base/loop.h"
#include "db/store.h"

struct store_thread;

enum { STORE_PROBE_MS = 1000 };

/* Returns 0 to keep what it wrote, or -errno, which undoes it. Runs on the store's thread: touches
 * its argument and the store only. */
typedef int (*store_job_fn)(struct store *store, void *arg);
typedef void (*store_done_fn)(void *arg, int result);
typedef void (*store_fatal_fn)(void *arg, int error, const char *what);

/* Opens both connections (see store_open for errors and *why) and starts the threads. */
int store_thread_create(struct loop *loop, const char *path, enum config_synchronous synchronous,
			store_fatal_fn on_fatal, void *arg, struct strbuf *why,
			struct store_thread **ret_thread) MUST_CHECK;

/* Runs every job that was submitted, calls back, checkpoints, closes. */
void store_thread_destroy(struct store_thread *thread);

/* From the loop's thread. Jobs of one kind run in the order of their submission. done may be NULL.
 */
void store_write(struct store_thread *thread, store_job_fn job, store_done_fn done, void *arg);
void store_read(struct store_thread *thread, store_job_fn job, store_done_fn done, void *arg);

/* As store_read(), on a thread of its own: for small questions that must wait neither behind large
 * ones nor for the disk. */
void store_look(struct store_thread *thread, store_job_fn job, store_done_fn done, void *arg);

/* As store_write(), for what need not survive a power failure (it survives a crash): called back
 * without waiting for the disk, and run before what store_write() was given and is not begun. */
void store_write_unsynced(struct store_thread *thread, store_job_fn job, store_done_fn done,
			  void *arg);

bool store_thread_is_degraded(const struct store_thread *thread);

/* Jobs submitted and not yet called back. */
unsigned store_thread_pending(const struct store_thread *thread);

/* The watchdog's evidence of life: have the threads without which nothing is detected or delivered
 * (the writer, and who looks for the dispatcher) got on since this was asked last, or nothing to
 * do? The admin API's reader is left out: it may take its time over a large database. */
bool store_thread_has_moved(struct store_thread *thread);

#endif
