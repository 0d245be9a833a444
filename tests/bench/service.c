#include "service.h"

#include "rig.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "detect/upstream.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LIVE_AT_FIRST = 10 /* one in so many */, CHANGE_EVERY = 100, REPLY_BYTES_MAX = 1 << 20 };

/* A check that waits for its answer; there may be several. */
struct upstream_call {
	struct upstream_call *next;
	const char *const *handles;
	size_t count;
	struct answer *answers;
	upstream_done_fn done;
	void *arg;
};

struct upstream {
	struct loop_timer *timer;
	struct upstream_call *first, **last;
};

static struct {
	uint64_t *rooms; /* of each creator; 0: offline */
	uint64_t chance, rooms_made;
	struct strbuf reply;
	struct service_counts counts;
	int64_t pace_us, answer_at_us; /* the earliest time of the next answer */
	int64_t stop_rows;
	void (*on_rows)(void *arg);
	void *on_rows_arg;
} service;

int64_t service_thread_us(void)
{
	struct timespec time;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * INT64_C(1000000) + time.tv_nsec / 1000;
}

/* splitmix64 */
static uint64_t chance_bits(void)
{
	uint64_t bits = service.chance += UINT64_C(0x9e3779b97f4a7c15);
	bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
	return bits ^ bits >> 31;
}

/* The id of a live room that opens now. */
static uint64_t new_room(void)
{
	uint64_t now_s = (uint64_t)(clock_now_ms() / 1000);
	return now_s << 32 | (++service.rooms_made & 0xfffff) << 12 | 11 << 8;
}

void service_open(unsigned creators, unsigned per_minute)
{
	service.pace_us = per_minute > 0 ? INT64_C(60000000) / per_minute : 0;
	service.rooms = memory_zeroed(creators, sizeof(*service.rooms));
	for (unsigned i = 0; i < creators; i += LIVE_AT_FIRST)
		service.rooms[i] = new_room();
	strbuf_init(&service.reply, REPLY_BYTES_MAX);
}

void service_close(void)
{
	free(service.rooms);
	strbuf_finish(&service.reply);
}

void service_handle(unsigned number, char handle[HANDLE_SIZE])
{
	snprintf(handle, HANDLE_SIZE, "creator.%06u", number);
}

static unsigned number_of(const char *handle)
{
	return (unsigned)strtoul(handle + sizeof("creator.") - 1, NULL, 10);
}

void service_stop_after(int64_t rows, void (*on_rows)(void *arg), void *arg)
{
	service.stop_rows = rows;
	service.on_rows = on_rows;
	service.on_rows_arg = arg;
}

const struct service_counts *service_counts(void)
{
	return &service.counts;
}

/* ---- replies ---- */

static void add_row(const char *handle, uint64_t room)
{
	const char *is_live = room ? "true" : "false", *status = room ? "live" : "offline";
	strbuf_addf(&service.reply,
		    "{\"unique_id\":\"%s\",\"is_live\":%s,\"alive\":%s,\"alive_status\":\"%s\","
		    "\"live_status\":\"%s\",\"room_id\":\"",
		    handle, is_live, is_live, status, status);
	if (room)
		strbuf_addf(&service.reply,
			    "%" PRIu64 "\",\"title\":\"Late night chat with %s\",\"userCount\":%u}",
			    room, handle, (unsigned)(room % 5000));
	else
		strbuf_addf(&service.reply, "\",\"title\":\"\",\"userCount\":0}");
}

static void make_reply(const struct upstream_call *call)
{
	strbuf_clear(&service.reply);
	strbuf_addf(&service.reply, "{\"status_code\":0,\"data\":[");
	for (size_t i = 0; i < call->count; i++) {
		uint64_t *room = &service.rooms[number_of(call->handles[i])];
		if (chance_bits() % CHANGE_EVERY == 0) {
			*room = *room ? 0 : new_room();
			service.counts.changes++;
		}
		if (i > 0)
			strbuf_addf(&service.reply, ",");
		add_row(call->handles[i], *room);
	}
	strbuf_addf(&service.reply, "]}");
}

static void read_bare(size_t rows)
{
	int64_t started_us = service_thread_us();
	cJSON *tree = cJSON_ParseWithLength(service.reply.data, service.reply.length);
	rig_must(tree, "cJSON refuses the reply");
	cJSON_Delete(tree);
	service.counts.bare_us += service_thread_us() - started_us;
	service.counts.bare_rows += (int64_t)rows;
}

static void answer(struct upstream_call *call)
{
	struct service_counts *counts = &service.counts;
	struct upstream_reply reply = { 0 };
	int64_t started_us = service_thread_us();
	make_reply(call);
	if (counts->batches % SERVICE_BARE_EVERY == 0)
		read_bare(call->count);
	int64_t made_us = service_thread_us();
	upstream_read_checks(200, true, service.reply.data, service.reply.length, call->handles,
			     call->count, call->answers, &reply);
	counts->own_us += made_us - started_us;
	counts->read_us += service_thread_us() - made_us;
	counts->batches++;
	counts->rows += (int64_t)call->count;
	counts->bytes += (int64_t)service.reply.length;
	call->done(call->arg, &reply);
	free(call);
}

static void on_timer(void *arg)
{
	struct upstream *upstream = arg;
	struct upstream_call *call = upstream->first;
	if (service.on_rows && service.counts.rows >= service.stop_rows) {
		void (*on_rows)(void *arg) = TAKE(service.on_rows);
		on_rows(service.on_rows_arg);
	}
	if (!call || service.counts.rows >= service.stop_rows)
		return;
	int64_t now_us = clock_mono_us();
	if (now_us < service.answer_at_us) {
		loop_timer_set(upstream->timer, (service.answer_at_us - now_us + 999) / 1000);
		return;
	}
	/* What came late by the timer is made up for. */
	service.answer_at_us += service.pace_us;
	if (service.answer_at_us < now_us - service.pace_us)
		service.answer_at_us = now_us;
	upstream->first = call->next;
	if (!upstream->first)
		upstream->last = &upstream->first;
	answer(call);
	loop_timer_set(upstream->timer, 0);
}

/* ---- in the place of detect/upstream ---- */

struct upstream *__wrap_upstream_create(struct loop *loop);
void __wrap_upstream_destroy(struct upstream *upstream);
void __wrap_upstream_configure(struct upstream *upstream, const char *base_url, const char *key,
			       int64_t timeout_ms);
struct upstream_call *__wrap_upstream_check(struct upstream *upstream, const char *const *handles,
					    size_t count, struct answer *answers,
					    upstream_done_fn done, void *arg);
struct upstream_call *__wrap_upstream_ask_limits(struct upstream *upstream, upstream_done_fn done,
						 void *arg);
void __wrap_upstream_cancel(struct upstream_call *call);

struct upstream *__wrap_upstream_create(struct loop *loop)
{
	struct upstream *upstream = memory_zeroed(1, sizeof(*upstream));
	upstream->timer = loop_timer_create(loop, on_timer, upstream);
	upstream->last = &upstream->first;
	return upstream;
}

void __wrap_upstream_destroy(struct upstream *upstream)
{
	loop_timer_destroy(upstream->timer);
	free(upstream);
}

void __wrap_upstream_configure(struct upstream *upstream, const char *base_url, const char *key,
			       int64_t timeout_ms)
{
	(void)upstream;
	(void)base_url;
	(void)key;
	(void)timeout_ms;
}

struct upstream_call *__wrap_upstream_check(struct upstream *upstream, const char *const *handles,
					    size_t count, struct answer *answers,
					    upstream_done_fn done, void *arg)
{
	struct upstream_call *call = memory_zeroed(1, sizeof(*call));
	*call = (struct upstream_call){
		.handles = handles, .count = count, .answers = answers, .done = done, .arg = arg
	};
	*upstream->last = call;
	upstream->last = &call->next;
	loop_timer_set(upstream->timer, 0);
	return call;
}

struct upstream_call *__wrap_upstream_ask_limits(struct upstream *upstream, upstream_done_fn done,
						 void *arg)
{
	(void)upstream;
	(void)done;
	(void)arg;
	rig_must(false, "the limits are configured, and not to be asked for");
	return NULL;
}

/* The poller is stopped: all of them are cancelled, and nobody is answered any more. */
void __wrap_upstream_cancel(struct upstream_call *call)
{
	free(call);
}
