/* egress - one POST to a receiver: the only way by which bytes leave for one.
 *
 *   in:   a URL as it was registered, headers, a body
 *   out:  one callback: the answer, or what went wrong by the classes of CONTRACT.md, section 6
 *   not:  what follows from the answer (schedule), which attempts are made (dispatcher)
 *
 * The host is resolved by base/dns, every address is judged by domain/target, and the connection is
 * pinned to those that passed; base/http asks again about each connection it opens or reuses. The
 * connection pool is this module's own.
 *
 * Time: connect_timeout for the lookup and a usable connection together, then timeout for the
 * request and the answer.
 */
#ifndef GOLIVED_DELIVER_EGRESS_H
#define GOLIVED_DELIVER_EGRESS_H

#include "base/config.h"
#include "base/dns.h"
#include "base/http.h"
#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct egress;
struct egress_call;

/* config is borrowed: timeouts and allow_targets are read anew for each attempt. */
struct egress *egress_create(struct loop *loop, struct dns *dns, const struct config *config);
/* After all its calls are done or cancelled. */
void egress_destroy(struct egress *egress);

/* Everything is borrowed until the callback. */
struct egress_request {
	const char *url;
	const struct http_url
		*parsed_url; /* what http_url_parse() made of it; NULL: not done yet */
	const struct http_header *headers;
	size_t header_count;
	const char *body;
	size_t body_length;
};

struct egress_result {
	/* False: trouble of our own before anything was sent (descriptors, memory); the receiver
	 * has nothing to do with it. */
	bool was_made;
	int status;               /* of a complete final head, else 0 */
	const char *error;        /* NULL: a 2xx; else the error class */
	const char *detail;       /* a phrase for people; NULL where the status says it */
	const char *retry_after;  /* the header's value; NULL: none */
	const char *peer_address; /* NULL: none; where all addresses were refused, the first one */
	const char *response;     /* the first LIMIT_RESPONSE_KEPT_BYTES of the body, any bytes */
	size_t response_length;
	/* How long it took in all, and each step by itself; -1: not reached, or there was none.
	 * first_byte: from the request's start to the answer's. A reused connection: 0 for connect
	 * and TLS. */
	int64_t duration_ms, dns_ms, connect_ms, tls_ms, first_byte_ms;
};

/* The result and what it points to are borrowed for the time of the call. */
typedef void (*egress_done_fn)(void *arg, const struct egress_result *result);

/* done is called exactly once, later, never from here, unless the call is cancelled. Never NULL. */
struct egress_call *egress_start(struct egress *egress, const struct egress_request *request,
				 egress_done_fn done, void *arg);
void egress_cancel(struct egress_call *call); /* without a callback */

#endif
