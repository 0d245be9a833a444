/* loop - the daemon's one event loop: sockets, timers, signals, work posted by other threads. The
 * only file that knows libuv.
 *
 * Everything but loop_post() is called on the loop's thread. Destroying is synchronous for the
 * caller: once loop_x_destroy() returns, the callback will not be called again and its argument may
 * be freed; the handle's own memory is kept until libuv has let go of it.
 */
#ifndef GOLIVED_BASE_LOOP_H
#define GOLIVED_BASE_LOOP_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_timer;
struct loop_watch;
struct loop_signal;
struct loop_turn;

typedef void (*loop_fn)(void *arg);

/* NULL with errno if the system has no descriptors left. From here on SIGPIPE is ignored in the
 * whole process: a write to a connection that the peer has reset is an error like any other. */
struct loop *loop_create(void);
void loop_destroy(struct loop *loop); /* after everything on it has been destroyed */

void loop_run(struct loop *loop); /* until loop_stop() */
void loop_stop(struct loop *loop);

/* Calls fn(arg) on the loop's thread, soon and in the order of the posts. The one function that any
 * thread may call. What is still posted when the loop is destroyed is not called. */
void loop_post(struct loop *loop, loop_fn fn, void *arg);

/* A one-shot timer. Setting it again replaces the old time; fires not before delay_ms (monotonic)
 * have passed. */
struct loop_timer *loop_timer_create(struct loop *loop, loop_fn fn, void *arg);
void loop_timer_set(struct loop_timer *timer, int64_t delay_ms);
void loop_timer_cancel(struct loop_timer *timer);
void loop_timer_destroy(struct loop_timer *timer);

/* Readiness of a descriptor that somebody else owns (libcurl, c-ares, libmicrohttpd). The
 * descriptor must stay open until the watch is destroyed. */
enum loop_events { LOOP_READABLE = 1, LOOP_WRITABLE = 2 };
typedef void (*loop_watch_fn)(void *arg, unsigned events, int status /* 0, or -errno from poll */);
/* Watches nothing yet. Makes the descriptor non-blocking. NULL with errno if the kernel does not
 * take it. After a status other than 0 nothing is watched until loop_watch_set() is called again.
 */
struct loop_watch *loop_watch_create(struct loop *loop, int fd, loop_watch_fn fn, void *arg);
void loop_watch_set(struct loop_watch *watch, unsigned events); /* 0: watch nothing */
void loop_watch_destroy(struct loop_watch *watch);

struct loop_signal *loop_signal_create(struct loop *loop, int signal_number, loop_fn fn, void *arg);
void loop_signal_destroy(struct loop_signal *watched);

/* Calls fn once per turn, after the sockets have been served (uv_check). loop_turn_request() makes
 * sure that a turn comes at once, even if nothing else happens. */
struct loop_turn *loop_turn_create(struct loop *loop, loop_fn fn, void *arg);
void loop_turn_request(struct loop_turn *turn);
void loop_turn_destroy(struct loop_turn *turn);

#endif
