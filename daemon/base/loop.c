#include "base/loop.h"

#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <uv.h>

/* Work from another thread. */
struct loop_post {
	loop_fn fn;
	void *arg;
};

struct loop_queue {
	struct loop_post *posts; /* owned */
	size_t count, capacity;
};

struct loop {
	uv_loop_t uv;
	uv_async_t wakeup;
	uv_mutex_t lock;           /* guards posted */
	struct loop_queue posted;  /* filled by any thread */
	struct loop_queue running; /* what the loop's thread took out of posted */
};

struct loop_timer {
	uv_timer_t uv; /* first: libuv hands it back when it is closed */
	loop_fn fn;
	void *arg; /* borrowed, as below */
};

struct loop_watch {
	uv_poll_t uv;
	loop_watch_fn fn;
	void *arg;
	unsigned events; /* what libuv has been told */
};

struct loop_signal {
	uv_signal_t uv;
	loop_fn fn;
	void *arg;
};

/* The check handle runs after every poll; the idle handle, while it is started, keeps the poll from
 * blocking. */
struct loop_turn {
	uv_check_t check;
	uv_idle_t idle;
	loop_fn fn;
	void *arg;
	unsigned open_handles;
};

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

/* Of what the handle does from here on nothing can fail, unless libuv was called wrongly. */
static void must_be_zero(int result)
{
	assert(result == 0);
	(void)result;
}

static void on_wakeup(uv_async_t *wakeup)
{
	struct loop *loop = CONTAINER_OF(wakeup, struct loop, wakeup);

	uv_mutex_lock(&loop->lock);
	struct loop_queue taken = loop->posted;
	loop->posted = loop->running;
	loop->running = taken;
	uv_mutex_unlock(&loop->lock);

	for (size_t i = 0; i < loop->running.count; i++)
		loop->running.posts[i].fn(loop->running.posts[i].arg);
	loop->running.count = 0;
}

struct loop *loop_create(void)
{
	struct loop *loop = memory_zeroed(1, sizeof *loop);

	/* A write to a connection that the peer has reset is an error like any other. */
	signal(SIGPIPE, SIG_IGN);

	int result = uv_loop_init(&loop->uv);
	if (result < 0) {
		free(loop);
		errno = -result;
		return NULL;
	}
	result = uv_async_init(&loop->uv, &loop->wakeup, on_wakeup);
	if (result < 0) {
		uv_loop_close(&loop->uv);
		free(loop);
		errno = -result;
		return NULL;
	}
	must_be_zero(uv_mutex_init(&loop->lock));
	return loop;
}

void loop_destroy(struct loop *loop)
{
	/* Handles are closed at the end of a turn, those of signals perhaps a turn later. */
	enum { TURNS_MAX = 100 };

	if (!loop)
		return;
	uv_close((uv_handle_t *)&loop->wakeup, NULL);
	int result = UV_EBUSY;
	for (int turn = 0; turn < TURNS_MAX && result == UV_EBUSY; turn++) {
		uv_run(&loop->uv, UV_RUN_NOWAIT);
		result = uv_loop_close(&loop->uv);
	}
	must_be_zero(result); /* else somebody has not destroyed what they created */
	uv_mutex_destroy(&loop->lock);
	free(loop->posted.posts);
	free(loop->running.posts);
	free(loop);
}

void loop_run(struct loop *loop)
{
	uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
	uv_stop(&loop->uv);
}

void loop_post(struct loop *loop, loop_fn fn, void *arg)
{
	uv_mutex_lock(&loop->lock);
	struct loop_queue *queue = &loop->posted;
	if (queue->count == queue->capacity) {
		queue->capacity = queue->capacity ? 2 * queue->capacity : 64;
		queue->posts = memory_resized(queue->posts, queue->capacity, sizeof *queue->posts);
	}
	bool was_empty = queue->count == 0;
	queue->posts[queue->count++] = (struct loop_post){ fn, arg };
	uv_mutex_unlock(&loop->lock);

	/* One wakeup takes out everything, so only the first post needs one. */
	if (was_empty)
		must_be_zero(uv_async_send(&loop->wakeup));
}

static void on_timer(uv_timer_t *uv)
{
	struct loop_timer *timer = CONTAINER_OF(uv, struct loop_timer, uv);

	timer->fn(timer->arg);
}

struct loop_timer *loop_timer_create(struct loop *loop, loop_fn fn, void *arg)
{
	struct loop_timer *timer = memory_zeroed(1, sizeof *timer);

	timer->fn = fn;
	timer->arg = arg;
	must_be_zero(uv_timer_init(&loop->uv, &timer->uv));
	return timer;
}

void loop_timer_set(struct loop_timer *timer, int64_t delay_ms)
{
	/* libuv counts from the beginning of the turn and in whole milliseconds: both would let the
	 * timer fire early. */
	uv_update_time(timer->uv.loop);
	must_be_zero(
		uv_timer_start(&timer->uv, on_timer, delay_ms > 0 ? (uint64_t)delay_ms + 1 : 0, 0));
}

void loop_timer_cancel(struct loop_timer *timer)
{
	must_be_zero(uv_timer_stop(&timer->uv));
}

void loop_timer_destroy(struct loop_timer *timer)
{
	if (timer)
		uv_close((uv_handle_t *)&timer->uv, on_closed);
}

static void on_ready(uv_poll_t *uv, int status, int uv_events)
{
	struct loop_watch *watch = CONTAINER_OF(uv, struct loop_watch, uv);
	unsigned events = 0;

	/* After an error (EPOLLERR) libuv has stopped watching: remember that, so that setting
	 * the same events again takes effect. */
	if (status < 0)
		watch->events = 0;
	if (uv_events & UV_READABLE)
		events |= LOOP_READABLE;
	if (uv_events & UV_WRITABLE)
		events |= LOOP_WRITABLE;
	watch->fn(watch->arg, events, status);
}

struct loop_watch *loop_watch_create(struct loop *loop, int fd, loop_watch_fn fn, void *arg)
{
	struct loop_watch *watch = memory_zeroed(1, sizeof *watch);

	watch->fn = fn;
	watch->arg = arg;
	int result = uv_poll_init(&loop->uv, &watch->uv, fd);
	if (result < 0) {
		free(watch);
		errno = -result;
		return NULL;
	}
	return watch;
}

void loop_watch_set(struct loop_watch *watch, unsigned events)
{
	int uv_events = 0;

	/* Each change costs two system calls: libuv takes the descriptor out of epoll and puts it
	 * in again. */
	if (events == watch->events)
		return;
	watch->events = events;
	if (events & LOOP_READABLE)
		uv_events |= UV_READABLE;
	if (events & LOOP_WRITABLE)
		uv_events |= UV_WRITABLE;
	must_be_zero(uv_events ? uv_poll_start(&watch->uv, uv_events, on_ready)
			       : uv_poll_stop(&watch->uv));
}

void loop_watch_destroy(struct loop_watch *watch)
{
	if (watch)
		uv_close((uv_handle_t *)&watch->uv, on_closed);
}

static void on_signal(uv_signal_t *uv, int signal_number)
{
	struct loop_signal *watched = CONTAINER_OF(uv, struct loop_signal, uv);

	(void)signal_number;
	watched->fn(watched->arg);
}

struct loop_signal *loop_signal_create(struct loop *loop, int signal_number, loop_fn fn, void *arg)
{
	struct loop_signal *watched = memory_zeroed(1, sizeof *watched);

	watched->fn = fn;
	watched->arg = arg;
	must_be_zero(uv_signal_init(&loop->uv, &watched->uv));
	must_be_zero(uv_signal_start(&watched->uv, on_signal, signal_number));
	return watched;
}

void loop_signal_destroy(struct loop_signal *watched)
{
	if (watched)
		uv_close((uv_handle_t *)&watched->uv, on_closed);
}

static void on_check(uv_check_t *check)
{
	struct loop_turn *turn = CONTAINER_OF(check, struct loop_turn, check);

	must_be_zero(uv_idle_stop(&turn->idle));
	turn->fn(turn->arg);
}

/* That it is started is all that an idle handle has to do here. */
static void on_idle(uv_idle_t *idle)
{
	(void)idle;
}

static void on_turn_handle_closed(uv_handle_t *handle)
{
	struct loop_turn *turn = handle->data;

	if (--turn->open_handles == 0)
		free(turn);
}

struct loop_turn *loop_turn_create(struct loop *loop, loop_fn fn, void *arg)
{
	struct loop_turn *turn = memory_zeroed(1, sizeof *turn);

	turn->fn = fn;
	turn->arg = arg;
	turn->open_handles = 2;
	must_be_zero(uv_check_init(&loop->uv, &turn->check));
	must_be_zero(uv_idle_init(&loop->uv, &turn->idle));
	turn->check.data = turn;
	turn->idle.data = turn;
	must_be_zero(uv_check_start(&turn->check, on_check));
	return turn;
}

void loop_turn_request(struct loop_turn *turn)
{
	must_be_zero(uv_idle_start(&turn->idle, on_idle));
}

void loop_turn_destroy(struct loop_turn *turn)
{
	if (!turn)
		return;
	uv_close((uv_handle_t *)&turn->check, on_turn_handle_closed);
	uv_close((uv_handle_t *)&turn->idle, on_turn_handle_closed);
}
