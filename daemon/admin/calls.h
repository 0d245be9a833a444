/* calls - requests on their way: key, route, body, the job on a thread of the store, what follows.
 *
 *   in:   the head of a request and its body, piece by piece (server); hints that something was
 *         committed
 *   out:  a reply, at once or later; the daemon's hooks for what a change must tell others
 *   not:  the wire (server), what a route does (routes and its handlers)
 *
 * The happy path is call_begin(), call_add_body() …, call_run(), then on_ready, call_reply(),
 * call_end(). A call may be ended at any time: what it has submitted to the store is done all the
 * same, and its result is dropped.
 */
#ifndef GOLIVED_ADMIN_CALLS_H
#define GOLIVED_ADMIN_CALLS_H

#include "admin/reply.h"
#include "admin/server.h"
#include "base/loop.h"
#include "db/store_thread.h"

#include <stdbool.h>
#include <stddef.h>

struct calls;
struct call;

typedef void (*call_ready_fn)(void *arg);

/* Reads the operator's keys (see server.h). hooks and config are borrowed. on_started is called,
 * later, when the keys in the store are known, too: before that no call may begin. */
int calls_create(struct loop *loop, struct store_thread *store, const struct config *config,
		 const struct admin_hooks *hooks, call_ready_fn on_started, void *arg,
		 struct strbuf *why, struct calls **ret_calls) MUST_CHECK;

/* From now on nothing is submitted to the store; calls that wait are answered with a 503. */
void calls_stop(struct calls *calls);

/* Every call has been ended before. */
void calls_destroy(struct calls *calls);

/* Keys and limits anew; on failure the old keys stay. */
int calls_reload(struct calls *calls, struct strbuf *why) MUST_CHECK;

/* Something was committed: calls that wait look again. */
void calls_poke(struct calls *calls);

/* What came in the head. All borrowed for the time of call_begin(); NULL: not there. */
struct call_head {
	const char *refusal; /* why a request of this form gets a 400 */
	bool is_too_much;    /* there are too many connections: 503 */
	const char *method, *target;
	const char *address; /* of the client, as auth counts it */
	bool is_named;       /* its Host is one that a request without a key may use */
	const char *x_api_key, *authorization;
	const char *content_type, *idempotency_key, *last_event_id;
};

/* A call that was refused by its head is answered at once (call_is_answered()); its body, if one
 * comes, may still be added and is ignored. on_ready: see call_run(). */
struct call *call_begin(struct calls *calls, const struct call_head *head, call_ready_fn on_ready,
			void *arg);

/* The head announces a body that is too large: 413. */
void call_refuse_body(struct call *call);

/* What is over LIMIT_ADMIN_BODY_BYTES is not kept and makes the answer a 413. */
void call_add_body(struct call *call, const char *bytes, size_t length);

/* The request is complete. True: the reply is there; false: on_ready will be called, later. */
bool call_run(struct call *call);

/* For how long, in microseconds, calls have kept the store's threads at work since this was last
 * asked. */
int64_t calls_take_store_us(struct calls *calls);

bool call_is_answered(const struct call *call);
struct admin_reply *call_reply(struct call *call);

void call_end(struct call *call);

#endif
