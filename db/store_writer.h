/* store_writer - the thread that writes: commits jobs in groups, and sits out a full disk. For db/
 * only; see db/store_thread.h for what it promises. */
#ifndef GOLIVED_DB_STORE_WRITER_H
#define GOLIVED_DB_STORE_WRITER_H

#include "db/store_worker.h"

/* What its thread runs; arg is the worker. */
void *writer_main(void *arg);

/* One group of what is in the queue, from there to its callbacks. */
void writer_serve(struct worker *worker);

#endif
