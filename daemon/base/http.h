/* http - HTTP requests on the loop. The only file that knows libcurl.
 *
 *   in:   a request (borrowed until its callback), perhaps with the addresses it must go to
 *   out:  one callback per request: what came of it
 *   not:  resolving names for receivers (dns), deciding what a receiver's answer means
 * (deliver/egress)
 *
 * A client is a connection pool of its own. Trust zones (the upstream service; the receivers) never
 * share one, because libcurl asks about an address only when it opens a connection. HTTP/1.1 only,
 * no redirects, no proxy from the environment, no cookies, no netrc, no decompression, no `Expect`.
 * See the comments in http.c for the wiring, which was measured.
 */
#ifndef GOLIVED_BASE_HTTP_H
#define GOLIVED_BASE_HTTP_H

#include "base/attrs.h"
#include "base/loop.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct http_client;
struct http_call;

/* An IPv4 or IPv6 address without port. */
struct http_address {
	sa_family_t family; /* AF_INET or AF_INET6 */
	union {
		struct in_addr v4;
		struct in6_addr v6;
	};
};

enum { HTTP_ADDRESS_TEXT_SIZE = INET6_ADDRSTRLEN };

/* May a connection to this address be used? Asked for every new connection and for every reused
 * one. */
typedef bool (*http_admit_fn)(void *arg, const struct http_address *address);

struct http_client_options {
	unsigned max_connections; /* idle connections kept: set it well above the hosts in use */
	const char *ca_file;      /* NULL: Debian's /etc/ssl/certs/ca-certificates.crt */
	const char *user_agent;
	http_admit_fn admit; /* NULL: every address is good */
	void *admit_arg;
	unsigned reserved_descriptors; /* so many below the process' limit are left to others: a
					  connection that would need one is HTTP_LOCAL */
};

struct http_client *http_client_create(struct loop *loop,
				       const struct http_client_options *options);
/* Calls still under way are abandoned without a callback. */
void http_client_destroy(struct http_client *client);

struct http_header {
	const char *name, *value;
};

struct http_url;

struct http_request {
	const char *method; /* "GET" or "POST" */
	const char *url;
	const struct http_url
		*parsed_url; /* what http_url_parse() made of it; NULL: not done yet */
	const struct http_header
		*headers; /* CR, LF or NUL in one fails the request with HTTP_INVALID */
	size_t header_count;
	const char *body; /* NULL: none */
	size_t body_length;
	/* The addresses the URL's host stands for, all of them vetted by the caller. NULL: libcurl
	 * resolves (on a thread of its own; only for hosts that the operator chose). */
	const struct http_address *addresses;
	size_t address_count;
	int64_t connect_timeout_ms; /* to a usable connection, TLS included */
	int64_t timeout_ms; /* all in, from the call on; never more than the sum of what the caller
			       wants */
	int64_t answer_timeout_ms; /* from the usable connection, where the request begins to be
				      sent, to the last byte read; 0: only timeout_ms counts */
	size_t body_max_bytes;     /* the rest of a longer answer is not read: see truncated */
};

/* What ended a call. Everything but HTTP_OK may still carry a complete head (see
 * http_result.status). */
enum http_outcome {
	HTTP_OK,       /* head and body complete, or as much of it as was wanted */
	HTTP_DNS,      /* the name has no address (only without addresses of the caller's) */
	HTTP_CONNECT,  /* no TCP connection: no route, or none within the time */
	HTTP_REFUSED,  /* connection refused */
	HTTP_TIMEOUT,  /* the TLS handshake or the answer took too long */
	HTTP_TLS,      /* handshake or certificate */
	HTTP_BLOCKED,  /* admit said no */
	HTTP_PROTOCOL, /* what came is not HTTP/1.x, or is cut off, or its head is over
			  LIMIT_RESPONSE_HEAD_BYTES */
	HTTP_INVALID,  /* the request itself cannot be sent (URL, header) */
	HTTP_LOCAL, /* our own trouble: descriptors, memory, sockets: not the other side's fault */
};

struct http_result {
	enum http_outcome outcome;
	const char *message; /* for a person; never NULL; no secrets */
	int status;          /* of a complete final head (never 1xx), else 0 */
	const char *body;    /* NUL-terminated for convenience */
	size_t body_length;
	bool truncated; /* there was more than body_max_bytes */
	bool has_peer;
	struct http_address peer;
	/* Durations from the start of the call, -1 where that point was not reached. Reused
	 * connections: 0 for connect and TLS. */
	int64_t dns_us, connect_us, tls_us, first_byte_us, total_us;
	const char *head; /* the final header block as it came, NUL-terminated; "" if none */
};

typedef void (*http_done_fn)(void *arg, const struct http_result *result);

/* Starts a request. done is called exactly once, later, from the loop, never from here, unless the
 * call is cancelled. Everything the request points to is copied. Never NULL. */
struct http_call *http_start(struct http_client *client, const struct http_request *request,
			     http_done_fn done, void *arg);

/* Ends a call without a callback. */
void http_cancel(struct http_call *call);

/* The value of the first header of that name (any case) in the final head, in a buffer of the
 * caller's; false if there is none or it does not fit. */
bool http_result_header(const struct http_result *result, const char *name, char *value,
			size_t size);

/* Splits a URL as libcurl itself reads it: host in its canonical form (IPv4 in any spelling becomes
 * a dotted quad; IPv6 without brackets and zone), port with the scheme's default. Thread-safe.
 * -EINVAL if libcurl does not take it; -EMSGSIZE if host does not fit. */
struct http_url {
	bool is_https;
	char host[256];
	bool host_is_ipv6;
	bool has_userinfo;
	bool has_fragment;
	bool has_zone;
	uint16_t port;
};
int http_url_parse(const char *text, struct http_url *ret_url) MUST_CHECK;

/* Addresses as inet_ntop() writes and inet_pton() reads them. */
char *http_address_format(const struct http_address *address, char text[HTTP_ADDRESS_TEXT_SIZE]);
bool http_address_parse(const char *text, struct http_address *ret_address);
bool http_address_is_equal(const struct http_address *one, const struct http_address *other);

#endif
