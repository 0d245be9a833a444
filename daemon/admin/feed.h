/* feed - one reader of the event stream: what was read from the store and is not sent yet.
 *
 *   in:   where the reader is; hints that something was committed
 *   out:  the bytes to send
 *   not:  what they look like (stream), the connection and its deadlines (server)
 *
 * The store is the queue: a feed reads on only when what it has read before was taken, so a slow
 * reader costs one page of memory, however far it is behind.
 */
#ifndef GOLIVED_ADMIN_FEED_H
#define GOLIVED_ADMIN_FEED_H

#include "base/loop.h"
#include "db/store_thread.h"

#include <stddef.h>

struct feed;

/* on_data(arg): there is something to take, or the feed has failed. Never called from
 * feed_create() or feed_take(). */
struct feed *feed_create(struct loop *loop, struct store_thread *store, const char *after,
			 loop_fn on_data, void *arg);
void feed_destroy(struct feed *feed);

/* Something was committed. */
void feed_poke(struct feed *feed);

/* Moves up to size bytes to the caller. 0: nothing is there for now. -EIO: the store failed. */
long feed_take(struct feed *feed, char *bytes, size_t size);

#endif
