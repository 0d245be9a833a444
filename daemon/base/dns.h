/* dns - addresses of names, without ever blocking the loop. The only file that knows c-ares.
 *
 * Answers (A and AAAA together) are kept for their TTL, bounded in number; failures for a few
 * seconds. Lookups of the same name share one query. /etc/hosts and /etc/resolv.conf are followed.
 */
#ifndef GOLIVED_BASE_DNS_H
#define GOLIVED_BASE_DNS_H

#include "base/http.h"
#include "base/loop.h"

#include <stddef.h>
#include <stdint.h>

struct dns;
struct dns_lookup;

struct dns_options {
	int64_t timeout_ms;      /* all tries of one lookup together */
	size_t cache_entries;    /* names remembered */
	int64_t ttl_max_s;       /* no answer is kept longer */
	int64_t negative_ttl_s;  /* how long a failure is kept */
	const char *servers;     /* "127.0.0.1:5353" for tests; NULL: the system's */
	const char *resolv_conf; /* for tests; NULL: /etc/resolv.conf */
};

struct dns *dns_create(struct loop *loop, const struct dns_options *options);
void dns_destroy(struct dns *dns); /* lookups under way are abandoned without a callback */

/* status: 0, or -ENOENT (no such name, or no address), -ETIMEDOUT, -EIO (a server's failure),
 * -ENOMEM/-EMFILE (our own trouble). At most LIMIT_DNS_ADDRESSES addresses, borrowed for the time
 * of the call. */
typedef void (*dns_done_fn)(void *arg, int status, const struct http_address *addresses,
			    size_t count);

/* done is called exactly once, from the loop, never from here. An address literal is answered too.
 * Never NULL. */
struct dns_lookup *dns_resolve(struct dns *dns, const char *name, dns_done_fn done, void *arg);
void dns_cancel(struct dns_lookup *lookup); /* without a callback */

#endif
