#include "detect/upstream.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/json_writer.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/strbuf.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HTTP_BAD_REQUEST = 400,
	HTTP_UNAUTHORIZED = 401,
	HTTP_FORBIDDEN = 403,
	HTTP_CONTENT_TOO_LARGE = 413,
	HTTP_TOO_MANY_REQUESTS = 429,
	MISSING_MAX_SHARE = 5, /* a fifth */
	CONNECT_TIMEOUT_MAX_MS = 10 * 1000,
	SERVER_CLOCK_SKEW_MAX_MS = 3600 * 1000,
	IDLE_CONNECTIONS = 64,
	URL_BYTES_MAX = 4096,
	BODY_BYTES_MAX = LIMIT_BATCH_SIZE * (LIMIT_HANDLE_MAX + 4) + 64,
	HEADER_BYTES = 64,
};

static const char *const outcome_names[] = {
	[UPSTREAM_OK] = "ok",
	[UPSTREAM_RATE_LIMITED] = "rate limited",
	[UPSTREAM_REFUSED] = "refused",
	[UPSTREAM_HTTP_ERROR] = "HTTP error",
	[UPSTREAM_BAD_ANSWER] = "bad answer",
	[UPSTREAM_PARTIAL] = "rows missing",
	[UPSTREAM_UNREACHABLE] = "unreachable",
	[UPSTREAM_TIMEOUT] = "timeout",
};

const char *upstream_outcome_name(enum upstream_outcome outcome)
{
	return outcome_names[outcome];
}

/* ---- reading replies ---- */

static enum upstream_outcome status_outcome(int status)
{
	switch (status) {
	case HTTP_TOO_MANY_REQUESTS:
		return UPSTREAM_RATE_LIMITED;
	case HTTP_BAD_REQUEST:
	case HTTP_UNAUTHORIZED:
	case HTTP_FORBIDDEN:
	case HTTP_CONTENT_TOO_LARGE:
		return UPSTREAM_REFUSED;
	default:
		return UPSTREAM_HTTP_ERROR;
	}
}

static void reply_fail(struct upstream_reply *reply, enum upstream_outcome outcome,
		       const char *message)
{
	reply->outcome = outcome;
	snprintf(reply->message, sizeof(reply->message), "%s", message);
}

/* The text of an error, wherever the service put it this time; "" if nowhere. */
static const char *error_text(const struct json_value *root)
{
	const struct json_value *error = json_member(root, "error");
	const char *text = json_string(error);
	if (!text)
		text = json_string(json_member(error, "message"));
	if (!text)
		text = json_string(json_member(root, "message"));
	return text ? text : "";
}

/* status_code is absent, or the number 0. */
static bool status_code_is_good(const struct json_value *root)
{
	const struct json_value *value = json_member(root, "status_code");
	double code;
	return json_type(value) == JSON_ABSENT || (json_real(value, &code) && code == 0);
}

/* An error inside a 200 that has the number of an HTTP error is that error. */
static void reply_fail_inside(struct upstream_reply *reply, const struct json_value *root)
{
	int64_t code = 0;
	bool is_http =
		json_integer(json_member(root, "status_code"), &code) && code >= 400 && code <= 599;
	if (is_http)
		reply->status = (int)code;
	reply_fail(reply, is_http ? status_outcome((int)code) : UPSTREAM_BAD_ANSWER,
		   error_text(root));
}

/* The `data` of a reply that is a success so far, else NULL and the reply says why. The value lives
 * as long as *ret_document, which the caller destroys. */
static const struct json_value *read_data(int http_status, bool is_complete, const char *body,
					  size_t length, struct json_document **ret_document,
					  struct upstream_reply *reply)
{
	struct json_error error = { 0 };
	reply->status = http_status;
	bool is_json = json_parse(body, length, ret_document, &error) == 0;
	const struct json_value *root = is_json ? json_root(*ret_document) : NULL;
	if (http_status < 200 || http_status > 299) {
		reply_fail(reply, status_outcome(http_status), error_text(root));
		return NULL;
	}
	if (!is_complete || !is_json) {
		reply_fail(reply, UPSTREAM_BAD_ANSWER,
			   is_complete ? error.reason : "the answer is cut off");
		return NULL;
	}
	if (!status_code_is_good(root)) {
		reply_fail_inside(reply, root);
		return NULL;
	}
	const struct json_value *data = json_member(root, "data");
	if (!data) {
		const char *text = error_text(root);
		reply_fail(reply, UPSTREAM_BAD_ANSWER, *text ? text : "there is no data in it");
	}
	return data;
}

void upstream_read_checks(int http_status, bool is_complete, const char *body, size_t length,
			  const char *const *handles, size_t count, struct answer *answers,
			  struct upstream_reply *reply)
{
	CLEANUP(json_cleanup) struct json_document *document = NULL;
	const struct json_value *data =
		read_data(http_status, is_complete, body, length, &document, reply);
	size_t missing;
	int r = answers_read(data, handles, count, answers, &missing);
	reply->missing = missing;
	if (!data)
		return;
	if (r < 0) {
		reply_fail(reply, UPSTREAM_BAD_ANSWER, "its data has no known shape");
	} else if (missing * MISSING_MAX_SHARE > count) {
		reply_fail(reply, UPSTREAM_PARTIAL, "too many rows are missing");
		answers_forget(answers, count);
	} else {
		reply_fail(reply, UPSTREAM_OK, "");
	}
}

/* A Unix time in seconds, not negative, as milliseconds from now on. */
static int64_t unix_s_from_now_ms(int64_t unix_s, int64_t now_ms)
{
	int64_t bounded_s = unix_s < INT32_MAX ? unix_s : INT32_MAX;
	return bounded_s * 1000 - now_ms;
}

/* A member that is a whole number, not negative. */
static bool member_number(const struct json_value *object, const char *name, int64_t *ret_number)
{
	int64_t number;
	if (!json_integer(json_member(object, name), &number) || number < 0)
		return false;
	*ret_number = number;
	return true;
}

void upstream_read_limits(int http_status, bool is_complete, const char *body, size_t length,
			  int64_t now_ms, struct upstream_reply *reply)
{
	CLEANUP(json_cleanup) struct json_document *document = NULL;
	const struct json_value *data =
		read_data(http_status, is_complete, body, length, &document, reply);
	if (!data)
		return;
	if (json_type(data) != JSON_OBJECT) {
		reply_fail(reply, UPSTREAM_BAD_ANSWER, "its data has no known shape");
		return;
	}
	const struct json_value *api = json_member(data, "api");
	struct quota_notice *notice = &reply->notice;
	int64_t reset_at_s;
	reply->tier = quota_tier_parse(json_string(json_member(data, "tier")));
	notice->has_limit |= member_number(api, "limit", &notice->limit);
	notice->has_remaining |= member_number(api, "remaining", &notice->remaining);
	if (member_number(api, "reset_at", &reset_at_s)) {
		notice->has_reset = true;
		notice->reset_in_ms = unix_s_from_now_ms(reset_at_s, now_ms);
	}
	reply_fail(reply, UPSTREAM_OK, "");
}

/* A header that is a whole number, not negative. */
static bool header_number(const struct http_result *result, const char *name, int64_t *ret_number)
{
	char text[HEADER_BYTES];
	char *end;
	if (!http_result_header(result, name, text, sizeof(text)) || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (errno != 0 || (*end != '\0' && *end != ' ' && *end != '.'))
		return false;
	*ret_number = number;
	return true;
}

static bool header_date(const struct http_result *result, const char *name, int64_t *ret_unix_ms)
{
	char text[HEADER_BYTES];
	int64_t unix_s;
	if (!http_result_header(result, name, text, sizeof(text)) ||
	    clock_parse_http_date(text, &unix_s) < 0)
		return false;
	*ret_unix_ms = unix_s * 1000;
	return true;
}

/* The service's clock, if it shows one that can be believed; else ours. */
static int64_t server_now_ms(const struct http_result *result, int64_t now_ms)
{
	int64_t server_ms;
	if (!header_date(result, "Date", &server_ms) ||
	    llabs(server_ms - now_ms) > SERVER_CLOCK_SKEW_MAX_MS)
		return now_ms;
	return server_ms;
}

void upstream_read_notice(const struct http_result *result, int64_t now_ms,
			  struct quota_notice *ret_notice)
{
	struct quota_notice notice = { 0 };
	int64_t server_ms = server_now_ms(result, now_ms);
	int64_t number;
	notice.has_limit = header_number(result, "X-RateLimit-Limit", &notice.limit);
	notice.has_remaining = header_number(result, "X-RateLimit-Remaining", &notice.remaining);
	if (header_number(result, "X-RateLimit-Reset", &number)) {
		notice.has_reset = true;
		notice.reset_in_ms = unix_s_from_now_ms(number, server_ms);
	}
	if (header_number(result, "Retry-After", &number)) {
		notice.has_retry_after = true;
		notice.retry_after_ms = (number < INT32_MAX ? number : INT32_MAX) * 1000;
	} else if (header_date(result, "Retry-After", &number)) {
		notice.has_retry_after = true;
		notice.retry_after_ms = number > server_ms ? number - server_ms : 0;
	}
	*ret_notice = notice;
}

/* ---- requests ---- */

struct upstream {
	struct http_client *client; /* owned; the service's own pool */
	char *base_url;             /* owned, without a slash at the end */
	char *key;                  /* owned; NULL: none */
	int64_t timeout_ms;
};

struct upstream_call {
	struct upstream *upstream; /* borrowed */
	struct http_call *http;    /* NULL once it has ended */
	const char *const *handles;
	size_t count;
	struct answer *answers; /* NULL: this asks for the limits */
	upstream_done_fn done;
	void *arg;
};

struct upstream *upstream_create(struct loop *loop)
{
	struct upstream *upstream = memory_zeroed(1, sizeof(*upstream));
	struct http_client_options options = {
		.max_connections = IDLE_CONNECTIONS,
		.user_agent = "golived/" GOLIVED_VERSION,
	};
	upstream->client = http_client_create(loop, &options);
	return upstream;
}

static void upstream_forget_key(struct upstream *upstream)
{
	if (upstream->key)
		crypto_wipe(upstream->key, strlen(upstream->key));
	free(upstream->key);
	upstream->key = NULL;
}

void upstream_destroy(struct upstream *upstream)
{
	if (!upstream)
		return;
	http_client_destroy(upstream->client);
	upstream_forget_key(upstream);
	free(upstream->base_url);
	free(upstream);
}

void upstream_configure(struct upstream *upstream, const char *base_url, const char *key,
			int64_t timeout_ms)
{
	size_t length = strlen(base_url);
	while (length > 0 && base_url[length - 1] == '/')
		length--;
	free(upstream->base_url);
	upstream_forget_key(upstream);
	upstream->base_url = memory_text_n(base_url, length);
	upstream->key = memory_text(key);
	upstream->timeout_ms = timeout_ms;
}

/* A service that quotes the key in its complaint must not bring it into our log. */
static void reply_hide_key(struct upstream_reply *reply, const char *key)
{
	if (key && *key && strstr(reply->message, key))
		snprintf(reply->message, sizeof(reply->message),
			 "(not shown: the message quotes the key)");
}

/* No usable head came. */
static void reply_fail_network(struct upstream_reply *reply, const struct http_result *result)
{
	enum upstream_outcome outcome = UPSTREAM_UNREACHABLE;
	if (result->outcome == HTTP_TIMEOUT)
		outcome = UPSTREAM_TIMEOUT;
	else if (result->outcome == HTTP_PROTOCOL)
		outcome = UPSTREAM_BAD_ANSWER;
	reply_fail(reply, outcome, result->message);
}

static void on_http_done(void *arg, const struct http_result *result)
{
	struct upstream_call *call = arg;
	struct upstream_reply reply = { .duration_ms = result->total_us / 1000 };
	int64_t now_ms = clock_now_ms();
	bool is_complete = result->outcome == HTTP_OK && !result->truncated;
	upstream_read_notice(result, now_ms, &reply.notice);
	if (call->answers)
		upstream_read_checks(result->status, is_complete, result->body, result->body_length,
				     call->handles, call->count, call->answers, &reply);
	else
		upstream_read_limits(result->status, is_complete, result->body, result->body_length,
				     server_now_ms(result, now_ms), &reply);
	bool has_failed_status = result->status >= 300;
	if (result->outcome != HTTP_OK && !has_failed_status)
		reply_fail_network(&reply, result);
	reply_hide_key(&reply, call->upstream->key);
	call->done(call->arg, &reply);
	free(call);
}

static struct upstream_call *upstream_start(struct upstream *upstream, struct upstream_call call,
					    const char *method, const char *path, const char *body,
					    size_t body_length)
{
	assert(upstream->key && upstream->base_url);
	struct upstream_call *started = memory_zeroed(1, sizeof(*started));
	struct strbuf url;
	strbuf_init(&url, URL_BYTES_MAX);
	strbuf_addf(&url, "%s%s", upstream->base_url, path);
	const struct http_header headers[] = {
		{ "x-api-key", upstream->key },
		{ "Accept", "application/json" },
		{ "Content-Type", "application/json" },
	};
	struct http_request request = {
		.method = method,
		.url = url.data,
		.headers = headers,
		.header_count = body ? ARRAY_SIZE(headers) : ARRAY_SIZE(headers) - 1,
		.body = body,
		.body_length = body_length,
		.connect_timeout_ms = upstream->timeout_ms < CONNECT_TIMEOUT_MAX_MS
					      ? upstream->timeout_ms
					      : CONNECT_TIMEOUT_MAX_MS,
		.timeout_ms = upstream->timeout_ms,
		.body_max_bytes = LIMIT_UPSTREAM_BODY_BYTES,
	};
	*started = call;
	started->upstream = upstream;
	started->http = http_start(upstream->client, &request, on_http_done, started);
	strbuf_finish(&url);
	return started;
}

struct upstream_call *upstream_check(struct upstream *upstream, const char *const *handles,
				     size_t count, struct answer *answers, upstream_done_fn done,
				     void *arg)
{
	struct strbuf body;
	struct json_writer writer;
	strbuf_init(&body, BODY_BYTES_MAX);
	json_writer_init(&writer, &body);
	json_begin_object(&writer, NULL);
	json_begin_array(&writer, "unique_ids");
	for (size_t i = 0; i < count; i++)
		json_put_string(&writer, NULL, handles[i]);
	json_end_array(&writer);
	json_end_object(&writer);
	assert(!strbuf_is_full(&body));
	struct upstream_call call = {
		.handles = handles, .count = count, .answers = answers, .done = done, .arg = arg
	};
	struct upstream_call *started = upstream_start(
		upstream, call, "POST", "/webcast/bulk_live_check", body.data, body.length);
	strbuf_finish(&body);
	return started;
}

struct upstream_call *upstream_ask_limits(struct upstream *upstream, upstream_done_fn done,
					  void *arg)
{
	struct upstream_call call = { .done = done, .arg = arg };
	return upstream_start(upstream, call, "GET", "/webcast/rate_limits", NULL, 0);
}

void upstream_cancel(struct upstream_call *call)
{
	http_cancel(call->http);
	free(call);
}
