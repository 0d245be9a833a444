#include "admin/feed.h"

#include "admin/stream.h"
#include "base/limits.h"
#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	EVENTS_AT_ONCE = 50,
	HEARTBEAT_MS = 15 * 1000,
};

/* A comment, which readers ignore: it keeps the connection open and finds out who has gone. */
static const char heartbeat[] = ": still here\n\n";

struct feed {
	struct store_thread *store;
	struct loop_timer *timer; /* the heartbeat, and a look in case a hint was lost */
	loop_fn on_data;
	void *arg;
	char after[ID_TEXT_SIZE];
	struct strbuf text; /* filled by the job while it runs, else taken from */
	size_t taken;
	bool is_reading; /* a job has text and after */
	bool read_again; /* something was committed meanwhile, or there is more */
	bool has_more;   /* the job's answer */
	bool has_failed;
	bool is_destroyed; /* freed when the job is done */
};

static void feed_free(struct feed *feed)
{
	strbuf_finish(&feed->text);
	free(feed);
}

static int read_job(struct store *store, void *arg)
{
	struct feed *feed = arg;

	return stream_read(store, feed->after, EVENTS_AT_ONCE, &feed->text, &feed->has_more);
}

static void on_read(void *arg, int result);

static void read_on(struct feed *feed)
{
	if (feed->is_reading || feed->taken < feed->text.length || feed->has_failed) {
		feed->read_again = true;
		return;
	}
	feed->read_again = false;
	feed->is_reading = true;
	strbuf_clear(&feed->text);
	feed->taken = 0;
	store_read(feed->store, read_job, on_read, feed);
}

static void on_read(void *arg, int result)
{
	struct feed *feed = arg;

	if (feed->is_destroyed) {
		feed_free(feed);
		return;
	}
	feed->is_reading = false;
	feed->has_failed = result < 0 || strbuf_is_full(&feed->text);
	feed->read_again |= feed->has_more;
	if (feed->text.length || feed->has_failed)
		feed->on_data(feed->arg);
	else if (feed->read_again)
		read_on(feed);
}

static void on_heartbeat(void *arg)
{
	struct feed *feed = arg;

	loop_timer_set(feed->timer, HEARTBEAT_MS);
	if (feed->is_reading || feed->taken < feed->text.length)
		return;
	strbuf_clear(&feed->text);
	strbuf_add_text(&feed->text, heartbeat);
	feed->taken = 0;
	feed->read_again = true;
	feed->on_data(feed->arg);
}

struct feed *feed_create(struct loop *loop, struct store_thread *store, const char *after,
			 loop_fn on_data, void *arg)
{
	struct feed *feed = memory_zeroed(1, sizeof(*feed));

	feed->store = store;
	feed->on_data = on_data;
	feed->arg = arg;
	snprintf(feed->after, sizeof(feed->after), "%s", after);
	strbuf_init(&feed->text, EVENTS_AT_ONCE * (LIMIT_EVENT_BODY_BYTES + 256));
	feed->timer = loop_timer_create(loop, on_heartbeat, feed);
	loop_timer_set(feed->timer, HEARTBEAT_MS);
	read_on(feed);
	return feed;
}

void feed_destroy(struct feed *feed)
{
	if (!feed)
		return;
	loop_timer_destroy(feed->timer);
	if (feed->is_reading)
		feed->is_destroyed = true;
	else
		feed_free(feed);
}

void feed_poke(struct feed *feed)
{
	read_on(feed);
}

long feed_take(struct feed *feed, char *bytes, size_t size)
{
	if (feed->has_failed)
		return -EIO;
	if (feed->is_reading)
		return 0;
	size_t left = feed->text.length - feed->taken;
	size_t count = left < size ? left : size;
	memcpy(bytes, feed->text.data + feed->taken, count);
	feed->taken += count;
	if (feed->taken == feed->text.length && feed->read_again)
		read_on(feed);
	return (long)count;
}
