/* routes - the admin API as one table: method, path, who may call it, where it runs, which fields
 * and filters it takes, what it does.
 *
 *   in:   a request
 *   out:  a reply: the handler's, or the problem that kept it from running
 *   not:  HTTP (server), keys (auth), what a route does (webhooks, deliveries, …)
 *
 * Handlers run inside a transaction of the store, synchronously, on a thread of the store's; they
 * touch their arguments only. Those of ROUTE_ON_LOOP get no store.
 */
#ifndef GOLIVED_ADMIN_ROUTES_H
#define GOLIVED_ADMIN_ROUTES_H

#include "admin/reply.h"
#include "admin/request.h"
#include "base/attrs.h"

#include <stdbool.h>

typedef void (*route_handler_fn)(struct store *store, const struct admin_request *request,
				 struct admin_reply *reply);

enum route_access {
	ROUTE_PUBLIC, /* no key */
	ROUTE_READ,   /* any key */
	ROUTE_ADMIN,  /* a key with the scope admin */
};

enum route_place { ROUTE_ON_LOOP, ROUTE_ON_READER, ROUTE_ON_WRITER };

enum route_flags {
	ROUTE_CREATES = 1 << 0,    /* honours Idempotency-Key */
	ROUTE_NEEDS_BODY = 1 << 1, /* has a field that must be given */
};

struct route {
	const char *method;
	const char *path; /* one segment may be "{…}" */
	enum route_access access;
	enum route_place place;
	unsigned flags;
	const char *query;  /* names of arguments, separated by spaces; NULL: none is looked at */
	const char *fields; /* names of the body's members, likewise; NULL: takes no body */
	route_handler_fn handler;
};

/* The route of that method and path, with what stood for {…} copied to the request. -ENOENT with a
 * 404 in reply; -ENOTSUP with a 405 and its Allow. A HEAD finds the GET. */
int routes_find(const char *method, const char *path, struct admin_request *request,
		struct admin_reply *reply, const struct route **ret_route) MUST_CHECK;

/* May this caller (NULL: without a key) use the route? False with a 403 in reply. */
bool route_admits(const struct route *route, const struct admin_caller *caller,
		  struct admin_reply *reply);

/* Checks the query and the body, answers a repeated Idempotency-Key as before, else calls the
 * handler. Returns what a job of the store must return: 0 to keep what was written, or -errno. */
int route_run(const struct route *route, struct store *store, struct admin_request *request,
	      struct admin_reply *reply) MUST_CHECK;

#endif
