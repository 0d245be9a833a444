#include "deliver/egress.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/memory.h"
#include "deliver/schedule.h"
#include "domain/target.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* For the admin API, the upstream service, names, the log. */
enum { RESERVED_DESCRIPTORS = 32 };

struct egress {
	struct loop *loop;           /* borrowed */
	struct dns *dns;             /* borrowed */
	const struct config *config; /* borrowed */
	struct http_client *client;  /* owned */
};

struct egress_call {
	struct egress *egress; /* borrowed */
	struct egress_request request;
	egress_done_fn done;
	void *arg;

	struct http_url url;
	int64_t started_mono_us;
	int64_t dns_us; /* -1: not answered yet */

	/* Owned; at most one of the first three is at work. */
	struct loop_timer *timer;
	struct dns_lookup *lookup;
	struct http_call *http;
};

static struct target_exemptions exemptions_of(const struct egress *egress)
{
	return (struct target_exemptions){ egress->config->delivery.allow_targets,
					   egress->config->delivery.allow_target_count };
}

static bool admit_address(void *arg, const struct http_address *address)
{
	const struct egress *egress = arg;
	const struct target_exemptions exemptions = exemptions_of(egress);
	return target_address_is_allowed(address, &exemptions, NULL);
}

struct egress *egress_create(struct loop *loop, struct dns *dns, const struct config *config)
{
	struct egress *egress = memory_zeroed(1, sizeof(*egress));
	const struct http_client_options options = {
		/* Twice what is in use at once, so that receivers that take turns keep theirs. */
		.max_connections = (unsigned)(2 * config->delivery.concurrency + 16),
		.user_agent = "golived/" GOLIVED_VERSION,
		.admit = admit_address,
		.admit_arg = egress,
		.reserved_descriptors = RESERVED_DESCRIPTORS,
	};
	egress->loop = loop;
	egress->dns = dns;
	egress->config = config;
	egress->client = http_client_create(loop, &options);
	return egress;
}

void egress_destroy(struct egress *egress)
{
	if (!egress)
		return;
	http_client_destroy(egress->client);
	free(egress);
}

/* ---- ending a call ---- */

static void call_free(struct egress_call *call)
{
	if (call->lookup)
		dns_cancel(call->lookup);
	if (call->http)
		http_cancel(call->http);
	if (call->timer)
		loop_timer_destroy(call->timer);
	free(call);
}

static int64_t call_elapsed_us(const struct egress_call *call)
{
	return clock_mono_us() - call->started_mono_us;
}

static int64_t to_ms(int64_t duration_us)
{
	return duration_us < 0 ? -1 : duration_us / 1000;
}

/* Completes the result with the times of the call, frees the call, hands the result over. */
static void call_done(struct egress_call *call, struct egress_result *result)
{
	egress_done_fn done = call->done;
	void *arg = call->arg;
	result->duration_ms = to_ms(call_elapsed_us(call));
	result->dns_ms = to_ms(call->dns_us);
	call_free(call);
	done(arg, result);
}

/* Ends a call of which no request was sent. */
static void call_done_unsent(struct egress_call *call, const char *error, const char *detail,
			     const char *peer_address)
{
	struct egress_result result = {
		.was_made = error != NULL,
		.error = error,
		.detail = detail,
		.peer_address = peer_address,
		.connect_ms = -1,
		.tls_ms = -1,
		.first_byte_ms = -1,
	};
	call_done(call, &result);
}

/* ---- the request ---- */

/* Without a complete head the outcome says what went wrong. A request that libcurl will not send
 * counts as `protocol`: it was let in, so it is the endpoint's settings that are at fault. */
static const char *const outcome_errors[] = {
	[HTTP_OK] = "protocol",     [HTTP_DNS] = "dns",           [HTTP_CONNECT] = "connect",
	[HTTP_REFUSED] = "refused", [HTTP_TIMEOUT] = "timeout",   [HTTP_TLS] = "tls",
	[HTTP_BLOCKED] = "blocked", [HTTP_PROTOCOL] = "protocol", [HTTP_INVALID] = "protocol",
	[HTTP_LOCAL] = NULL,
};

/* The steps by themselves, from the points in time that libcurl tells. */
static void fill_times(const struct egress_call *call, const struct http_result *answer,
		       struct egress_result *result)
{
	int64_t ready_us = call->url.is_https ? answer->tls_us : answer->connect_us;
	result->connect_ms = to_ms(answer->connect_us);
	result->tls_ms = !call->url.is_https || answer->tls_us < 0
				 ? -1
				 : to_ms(answer->tls_us - answer->connect_us);
	result->first_byte_ms = answer->first_byte_us < 0 || ready_us < 0
					? -1
					: to_ms(answer->first_byte_us - ready_us);
}

static void on_answer(void *arg, const struct http_result *answer)
{
	struct egress_call *call = arg;
	char peer[HTTP_ADDRESS_TEXT_SIZE], retry_after[128];
	assert((size_t)answer->outcome < ARRAY_SIZE(outcome_errors));

	call->http = NULL;
	struct egress_result result = {
		.was_made = answer->status > 0 || answer->outcome != HTTP_LOCAL,
		.status = answer->status,
		.response = answer->body,
		.response_length = answer->body_length,
	};
	if (result.response_length > LIMIT_RESPONSE_KEPT_BYTES)
		result.response_length = LIMIT_RESPONSE_KEPT_BYTES;
	if (answer->has_peer)
		result.peer_address = http_address_format(&answer->peer, peer);
	if (http_result_header(answer, "Retry-After", retry_after, sizeof(retry_after)))
		result.retry_after = retry_after;

	/* A complete head decides, whatever the body then did. */
	if (answer->status == 0) {
		result.error = outcome_errors[answer->outcome];
		result.detail = answer->message;
	} else if (!schedule_is_success(answer->status)) {
		result.error = "http";
	}
	fill_times(call, answer, &result);
	call_done(call, &result);
}

static void send_request(struct egress_call *call, const struct http_address *addresses,
			 size_t count)
{
	const struct config *config = call->egress->config;
	int64_t connect_ms = config->delivery.connect_timeout_ms - call->dns_us / 1000;
	if (connect_ms < 1)
		connect_ms = 1;
	const struct http_request request = {
		.method = "POST",
		.url = call->request.url,
		.parsed_url = &call->url,
		.headers = call->request.headers,
		.header_count = call->request.header_count,
		.body = call->request.body,
		.body_length = call->request.body_length,
		.addresses = addresses,
		.address_count = count,
		.connect_timeout_ms = connect_ms,
		.timeout_ms = connect_ms + config->delivery.timeout_ms,
		.answer_timeout_ms = config->delivery.timeout_ms,
		.body_max_bytes = LIMIT_RESPONSE_BODY_BYTES,
	};
	call->http = http_start(call->egress->client, &request, on_answer, call);
}

/* ---- the addresses ---- */

/* What a lookup that failed means: NULL for trouble of our own. */
static const char *lookup_error(int status)
{
	return status == -ENOMEM || status == -EMFILE ? NULL : "dns";
}

static const char *lookup_detail(int status)
{
	switch (status) {
	case -ENOENT:
		return "the host has no address";
	case -ETIMEDOUT:
		return "the lookup of the host timed out";
	default:
		return "the lookup of the host failed";
	}
}

static void on_addresses(void *arg, int status, const struct http_address *addresses, size_t count)
{
	struct egress_call *call = arg;
	const struct target_exemptions exemptions = exemptions_of(call->egress);
	struct http_address allowed[LIMIT_DNS_ADDRESSES];
	size_t allowed_count = 0;
	const char *reason = NULL;

	call->lookup = NULL;
	loop_timer_cancel(call->timer);
	call->dns_us = call_elapsed_us(call);
	if (status == 0 && count == 0)
		status = -ENOENT;
	if (status != 0) {
		call_done_unsent(call, lookup_error(status), lookup_detail(status), NULL);
		return;
	}
	for (size_t i = 0; i < count && i < LIMIT_DNS_ADDRESSES; i++) {
		if (target_address_is_allowed(&addresses[i], &exemptions, &reason))
			allowed[allowed_count++] = addresses[i];
	}
	if (allowed_count == 0) {
		char refused[HTTP_ADDRESS_TEXT_SIZE];
		call_done_unsent(call, "blocked", reason,
				 http_address_format(&addresses[0], refused));
		return;
	}
	send_request(call, allowed, allowed_count);
}

static void on_timer(void *arg)
{
	struct egress_call *call = arg;
	if (call->lookup)
		call_done_unsent(call, "dns", lookup_detail(-ETIMEDOUT), NULL);
	else
		call_done_unsent(call, "protocol", "the URL cannot be read", NULL);
}

/* ---- starting a call ---- */

struct egress_call *egress_start(struct egress *egress, const struct egress_request *request,
				 egress_done_fn done, void *arg)
{
	struct egress_call *call = memory_zeroed(1, sizeof(*call));

	call->egress = egress;
	call->request = *request;
	call->done = done;
	call->arg = arg;
	call->started_mono_us = clock_mono_us();
	call->dns_us = -1;
	call->timer = loop_timer_create(egress->loop, on_timer, call);
	if (request->parsed_url) {
		call->url = *request->parsed_url;
	} else if (http_url_parse(request->url, &call->url) != 0) {
		loop_timer_set(call->timer, 0);
		return call;
	}
	loop_timer_set(call->timer, egress->config->delivery.connect_timeout_ms);
	call->lookup = dns_resolve(egress->dns, call->url.host, on_addresses, call);
	return call;
}

void egress_cancel(struct egress_call *call)
{
	if (call)
		call_free(call);
}
