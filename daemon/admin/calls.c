#include "admin/calls.h"

#include "admin/keyring.h"
#include "admin/request.h"
#include "admin/routes.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metrics.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* How often a call that waits looks although nobody said that something was committed: hints may be
 * lost. */
enum { LOOK_AGAIN_MS = 500 };

/* Lives as long as jobs that were submitted on its behalf. */
struct calls {
	struct loop *loop;
	struct store_thread *store;
	const struct config *config;
	struct admin_hooks hooks;
	struct keyring *keyring;
	struct admin_settings *settings;
	struct call *waiting;     /* a list */
	call_ready_fn on_started; /* until the keys have been read once, then NULL */
	void *on_started_arg;
	int64_t store_us; /* not yet asked for */
	unsigned references;
	bool is_stopping; /* nothing is submitted to the store any more */
	bool is_closed;   /* the server is gone: results are dropped */
};

enum call_state {
	CALL_OPEN,      /* the request is coming in */
	CALL_IN_STORE,  /* a job is under way */
	CALL_WAITING,   /* between looks at something that is not there yet */
	CALL_READ_KEYS, /* what it changed is taken over before it is answered */
	CALL_ANSWERED,
};

struct call {
	struct calls *calls;
	enum call_state state;
	bool is_ended; /* nobody wants the answer any more; freed when the store is done with it */
	call_ready_fn on_ready;
	void *arg;
	struct admin_request request;
	struct admin_reply reply;
	const struct route *route; /* NULL: refused by its head */
	struct admin_caller caller;
	struct admin_settings *settings;
	char *method, *path, *content_type, *idempotency_key, *last_event_id; /* owned */
	struct strbuf body;
	int64_t began_mono_us;
	int64_t store_us; /* that its last job took */
	/* While it waits (reply.wait). */
	int64_t give_up_mono_ms;
	struct loop_timer *look_again;
	bool look_once_more; /* something was committed while it looked */
	bool is_last_look;
	struct call *next_waiting;
};

static void calls_unref(struct calls *calls)
{
	if (--calls->references)
		return;
	free(calls);
}

/* ---- life ---- */

static void call_finish(struct call *call);
static void stop_waiting(struct call *call);

static void refuse_as_stopping(struct admin_reply *reply)
{
	reply_problem(reply, 503, "stopping", NULL, "The daemon is stopping.");
	reply_header(reply, "Retry-After", "5");
}

/* The keys in the store are known for the first time. */
static void on_first_keys(void *arg)
{
	struct calls *calls = arg;

	if (!calls->is_closed)
		calls->on_started(calls->on_started_arg);
	calls_unref(calls);
}

static void on_reloaded(void *arg)
{
	calls_unref(arg);
}

int calls_create(struct loop *loop, struct store_thread *store, const struct config *config,
		 const struct admin_hooks *hooks, call_ready_fn on_started, void *arg,
		 struct strbuf *why, struct calls **ret_calls)
{
	struct calls *calls = memory_zeroed(1, sizeof(*calls));

	calls->loop = loop;
	calls->store = store;
	calls->config = config;
	calls->hooks = *hooks;
	calls->on_started = on_started;
	calls->on_started_arg = arg;
	calls->references = 1;
	int result = keyring_create(store, config, why, &calls->keyring);
	if (result) {
		calls_unref(calls);
		return result;
	}
	calls->settings = settings_create(config);
	calls->references++;
	keyring_read_stored(calls->keyring, on_first_keys, calls);
	*ret_calls = calls;
	return 0;
}

void calls_stop(struct calls *calls)
{
	calls->is_stopping = true;
	while (calls->waiting) {
		struct call *call = calls->waiting;
		stop_waiting(call);
		if (call->state == CALL_WAITING) {
			refuse_as_stopping(&call->reply);
			call_finish(call);
		}
	}
}

void calls_destroy(struct calls *calls)
{
	if (!calls)
		return;
	assert(!calls->waiting);
	calls->is_closed = true;
	keyring_destroy(calls->keyring);
	settings_unref(calls->settings);
	calls_unref(calls);
}

int calls_reload(struct calls *calls, struct strbuf *why)
{
	settings_unref(calls->settings);
	calls->settings = settings_create(calls->config);
	calls->references++;
	keyring_read_stored(calls->keyring, on_reloaded, calls);
	return keyring_load(calls->keyring, why);
}

/* ---- a call ---- */

static void call_free(struct call *call)
{
	loop_timer_destroy(call->look_again);
	request_finish(&call->request);
	reply_finish(&call->reply);
	strbuf_finish(&call->body);
	settings_unref(call->settings);
	free(call->caller.name);
	free(call->method);
	free(call->path);
	free(call->content_type);
	free(call->idempotency_key);
	free(call->last_event_id);
	calls_unref(call->calls);
	free(call);
}

/* Everything under /api/ needs a key before anything is said about it, whether there is such a path
 * or not. */
static void identify(struct call *call, const struct call_head *head)
{
	bool needs_key = strncmp(call->path, "/api/", strlen("/api/")) == 0 ||
			 strcmp(call->path, "/api") == 0;
	const struct keyring_evidence evidence = { .address = head->address,
						   .x_api_key = head->x_api_key,
						   .authorization = head->authorization };
	const struct admin_caller *caller =
		keyring_identify(call->calls->keyring, &evidence, call->request.now_ms,
				 needs_key ? &call->reply : NULL);

	if (caller) {
		call->caller = *caller;
		call->caller.name = memory_text(caller->name);
		call->request.caller = &call->caller;
	} else if (!needs_key && !head->is_named) {
		reply_problem(&call->reply, 421, "unknown_host", NULL,
			      "Without a key this listener answers to addresses and localhost "
			      "only.");
	}
}

/* What is refused before it is asked who asks. */
static bool refuse_early(const struct calls *calls, const struct call_head *head,
			 struct admin_reply *reply)
{
	if (calls->is_stopping)
		refuse_as_stopping(reply);
	else if (head->refusal)
		reply_problem(reply, 400, "bad_request", NULL, "%s", head->refusal);
	else if (head->is_too_much) {
		reply_problem(reply, 503, "too_many_connections", NULL,
			      "There are too many connections.");
		reply_header(reply, "Retry-After", "1");
	}
	return reply->status != 0;
}

static void judge_head(struct call *call, const struct call_head *head)
{
	if (refuse_early(call->calls, head, &call->reply))
		return;
	int result = request_parse_target(&call->request, head->target, &call->path);

	if (result) {
		reply_problem(&call->reply, 400, "bad_target", NULL,
			      "The request target is not a path as this API takes it.");
		return;
	}
	call->request.path = call->path;
	identify(call, head);
	if (call->reply.status)
		return;
	const struct route *route;
	if (routes_find(call->method, call->path, &call->request, &call->reply, &route) < 0)
		return;
	call->request.method = route->method;
	if (route_admits(route, call->request.caller, &call->reply))
		call->route = route;
}

struct call *call_begin(struct calls *calls, const struct call_head *head, call_ready_fn on_ready,
			void *arg)
{
	struct call *call = memory_zeroed(1, sizeof(*call));
	struct admin_request *request = &call->request;

	call->calls = calls;
	calls->references++;
	call->on_ready = on_ready;
	call->arg = arg;
	call->began_mono_us = clock_mono_us();
	strbuf_init(&call->body, LIMIT_ADMIN_BODY_BYTES);
	reply_init(&call->reply);
	call->settings = settings_ref(calls->settings);
	call->method = memory_text(head->method);
	call->content_type = memory_text(head->content_type);
	call->idempotency_key = memory_text(head->idempotency_key);
	call->last_event_id = memory_text(head->last_event_id);
	request->method = call->method;
	request->content_type = call->content_type;
	request->idempotency_key = call->idempotency_key;
	request->last_event_id = call->last_event_id;
	request->settings = call->settings;
	request->now_ms = clock_now_ms();
	judge_head(call, head);
	return call;
}

void call_refuse_body(struct call *call)
{
	if (!call->reply.status)
		reply_problem(&call->reply, 413, "body_too_large", NULL,
			      "A body may have %d bytes at most.", LIMIT_ADMIN_BODY_BYTES);
	strbuf_finish(&call->body);
	strbuf_init(&call->body, LIMIT_ADMIN_BODY_BYTES);
}

void call_add_body(struct call *call, const char *bytes, size_t length)
{
	if (call->reply.status)
		return;
	strbuf_add(&call->body, bytes, length);
	if (strbuf_is_full(&call->body))
		call_refuse_body(call);
}

static void tell_others(const struct call *call)
{
	const struct admin_hooks *hooks = &call->calls->hooks;
	unsigned effects = call->reply.effects;

	if (effects & EFFECT_WATCHED_CHANGED)
		hooks->on_watched_changed(hooks->arg);
	if (effects & EFFECT_ENDPOINTS_CHANGED)
		hooks->on_endpoints_changed(hooks->arg);
	if (effects & EFFECT_ENQUEUED)
		hooks->on_enqueued(hooks->arg);
}

static void count(const struct call *call)
{
	int status = call->reply.status;
	unsigned label = metrics_label(METRIC_ADMIN_REQUESTS, status >= 500   ? "5xx"
							      : status >= 400 ? "4xx"
									      : "2xx");

	metrics_add(METRIC_ADMIN_REQUESTS, label, 1);
	metrics_observe_ms(METRIC_ADMIN_SECONDS, (clock_mono_us() - call->began_mono_us) / 1000);
	log_debug("admin request", LOG_TEXT("method", call->method),
		  LOG_TEXT("path", call->path ? call->path : ""), LOG_INT("status", status),
		  LOG_TEXT("caller", call->caller.id));
}

static void answered(struct call *call)
{
	call->state = CALL_ANSWERED;
	count(call);
}

/* The last step of a call that was in the store. */
static void call_finish(struct call *call)
{
	if (call->is_ended) {
		call_free(call);
		return;
	}
	answered(call);
	call->on_ready(call->arg);
}

/* ---- waiting ---- */

static int look_job(struct store *store, void *arg)
{
	struct call *call = arg;
	int64_t began_us = clock_mono_us();

	call->reply.wait(store, &call->request, call->reply.subject, call->is_last_look,
			 &call->reply);
	call->store_us = clock_mono_us() - began_us;
	return call->reply.store_error;
}

static void on_looked(void *arg, int result);

static void look(struct call *call)
{
	if (call->state != CALL_WAITING) {
		call->look_once_more = true;
		return;
	}
	call->look_once_more = false;
	call->state = CALL_IN_STORE;
	call->is_last_look = clock_mono_ms() >= call->give_up_mono_ms;
	store_read(call->calls->store, look_job, on_looked, call);
}

static void on_look_again(void *arg)
{
	look(arg);
}

static void stop_waiting(struct call *call)
{
	struct call **at = &call->calls->waiting;

	while (*at != call)
		at = &(*at)->next_waiting;
	*at = call->next_waiting;
	loop_timer_destroy(TAKE(call->look_again));
}

static void on_looked(void *arg, int result)
{
	struct call *call = arg;

	call->calls->store_us += call->store_us;
	if (call->is_ended) {
		call_free(call);
		return;
	}
	if (result && !call->reply.status)
		reply_store_error(&call->reply, result);
	if (!call->reply.status && call->calls->is_stopping)
		refuse_as_stopping(&call->reply);
	if (call->reply.status) {
		if (call->look_again)
			stop_waiting(call);
		call_finish(call);
		return;
	}
	call->state = CALL_WAITING;
	if (call->look_once_more)
		look(call);
	else
		loop_timer_set(call->look_again, LOOK_AGAIN_MS);
}

static void start_waiting(struct call *call)
{
	struct calls *calls = call->calls;

	call->state = CALL_WAITING;
	call->give_up_mono_ms = clock_mono_ms() + call->reply.wait_ms;
	call->look_again = loop_timer_create(calls->loop, on_look_again, call);
	call->next_waiting = calls->waiting;
	calls->waiting = call;
	loop_timer_set(call->look_again, LOOK_AGAIN_MS);
}

void calls_poke(struct calls *calls)
{
	for (struct call *call = calls->waiting; call; call = call->next_waiting)
		look(call);
}

/* ---- running ---- */

static void on_keys_read(void *arg)
{
	call_finish(arg);
}

static int run_job(struct store *store, void *arg)
{
	struct call *call = arg;
	int64_t began_us = clock_mono_us();
	int result = route_run(call->route, store, &call->request, &call->reply);

	call->store_us = clock_mono_us() - began_us;
	return result;
}

static void on_run(void *arg, int result)
{
	struct call *call = arg;
	struct admin_reply *reply = &call->reply;

	call->calls->store_us += call->store_us;
	/* What the handler answered holds only if it was committed. */
	if (result && reply->status < 400)
		reply_store_error(reply, result);
	if (reply->store_error)
		log_warning("the store could not do what was asked",
			    LOG_TEXT("method", call->method), LOG_TEXT("path", call->path),
			    LOG_ERRNO(reply->store_error));
	if (call->calls->is_closed) {
		call_free(call);
		return;
	}
	tell_others(call);
	if (call->calls->is_stopping && !reply->status)
		refuse_as_stopping(reply);
	if ((reply->effects & EFFECT_KEYS_CHANGED) && !call->calls->is_stopping) {
		call->state = CALL_READ_KEYS;
		keyring_read_stored(call->calls->keyring, on_keys_read, call);
	} else if (reply->wait && !reply->status && !call->is_ended) {
		start_waiting(call);
	} else {
		call_finish(call);
	}
}

bool call_run(struct call *call)
{
	struct calls *calls = call->calls;

	if (!call->reply.status && calls->is_stopping)
		refuse_as_stopping(&call->reply);
	if (call->reply.status) {
		answered(call);
		return true;
	}
	calls->hooks.status(calls->hooks.arg, &call->request.status);
	call->request.body_text = call->body.data;
	call->request.body_length = call->body.length;
	switch (call->route->place) {
	case ROUTE_ON_LOOP:
		(void)!route_run(call->route, NULL, &call->request, &call->reply);
		answered(call);
		return true;
	case ROUTE_ON_READER:
		call->state = CALL_IN_STORE;
		store_read(calls->store, run_job, on_run, call);
		return false;
	case ROUTE_ON_WRITER:
		call->state = CALL_IN_STORE;
		store_write(calls->store, run_job, on_run, call);
		return false;
	}
	return true;
}

int64_t calls_take_store_us(struct calls *calls)
{
	int64_t store_us = calls->store_us;

	calls->store_us = 0;
	return store_us;
}

bool call_is_answered(const struct call *call)
{
	return call->reply.status != 0;
}

struct admin_reply *call_reply(struct call *call)
{
	assert(call->state == CALL_ANSWERED);
	return &call->reply;
}

void call_end(struct call *call)
{
	if (!call)
		return;
	if (call->look_again)
		stop_waiting(call);
	if (call->state == CALL_IN_STORE || call->state == CALL_READ_KEYS)
		call->is_ended = true;
	else
		call_free(call);
}
