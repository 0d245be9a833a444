#include "tests/simulation/ledger.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include "db/creators.h"
#include "db/deliveries.h"
#include "db/events.h"
#include "deliver/egress.h"
#include "detect/upstream.h"
#include "tests/simulation/virtual.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MINUTE_MS = 60000,
	DAY_MS = 24 * 60 * MINUTE_MS,
	ROOMS_MAX = 4096,
	WINDOW_MAX = 1024,
	BUSY_MS = 10 * MINUTE_MS, /* what a busy receiver asks for */
	WRITTEN_MS = 10000,       /* what is known for so long is on a disk that works */
	LATE_MS = 30 * MINUTE_MS, /* for lanes that were failing, or have a rate limit */
};

#define BUSY_TEXT "600"

struct witness;

/* One delivery as the receiver knows it. */
struct seen_delivery {
	char id[ID_TEXT_SIZE], event_id[ID_TEXT_SIZE];
	unsigned webhook, attempt;  /* the last one's number */
	int64_t not_before_mono_ms; /* the receiver asked for so much time */
	int64_t started_mono_ms, started_in_jump;
	bool is_received, is_accepted;
	struct witness *witness; /* of the attempt in flight; NULL: there is none */
	uint64_t body_digest;
};

/* An attempt, around deliver/egress: what is asked of it, and what it is to say came of it. */
struct witness {
	struct egress_call *real;
	struct seen_delivery *delivery;
	struct seen_delivery before; /* it, should the attempt not be made */
	unsigned creator;
	int64_t sequence;
	const char *expected; /* its error; "": none */
	egress_done_fn done;
	void *arg;
};

static struct {
	const struct config *config;
	struct {
		char handle[16];
		uint64_t room;                     /* 0: offline */
		int64_t answered[LEDGER_WEBHOOKS]; /* the highest sequence that had an answer */
	} creators[LEDGER_CREATORS];
	uint64_t rooms[ROOMS_MAX];
	unsigned room_owner[ROOMS_MAX], room_count;
	enum ledger_service service;
	enum ledger_receiver receivers[LEDGER_WEBHOOKS];
	char urls[LEDGER_WEBHOOKS][48];
	enum ledger_name names[LEDGER_WEBHOOKS];
	unsigned rebinds;
	struct witness *starting; /* whose lookup begins; NULL: none */
	/* Requests sent in the last minute and on this day; what the service refused. */
	int64_t sent_mono_ms[WINDOW_MAX], sent_in_jump[WINDOW_MAX];
	unsigned sent;
	int64_t day, sent_today, closed_from_mono_ms, closed_until_mono_ms, closed_in_jump;
	int64_t held_up_mono_ms; /* the last time that nothing could be written */
	int64_t clock_set_mono_ms;
	int64_t step_lost_mono_ms; /* a kill before what is pending had followed the clock */
	struct seen_delivery **seen;
	size_t seen_count, seen_capacity;
	int64_t calm_since_mono_ms;    /* 0: there are faults */
	void (*on_attempt)(void *arg); /* NULL: nobody waits for one */
	void *on_attempt_arg;
	void (*on_refusal)(void *arg); /* NULL: nor for a refusal */
	void *on_refusal_arg;
	struct ledger_counts counts;
} ledger;

/* ---- what was seen ---- */

void ledger_violation(const char *format, ...)
{
	va_list arguments;
	ledger.counts.violations++;
	printf("violation after %lld s: ", (long long)virtual_mono_ms() / 1000);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

static uint64_t digest_of(uint64_t digest, const void *data, size_t length)
{
	const uint8_t *bytes = data;
	while (length-- > 0)
		digest = (digest ^ *bytes++) * UINT64_C(0x100000001B3); /* FNV-1a */
	return digest;
}

static void note(const char *what, const void *data, size_t length)
{
	int64_t mono_ms = virtual_mono_ms();
	uint64_t digest = digest_of(ledger.counts.digest, what, strlen(what));
	digest = digest_of(digest, &mono_ms, sizeof(mono_ms));
	ledger.counts.digest = digest_of(digest, data, length);
}

struct ledger_counts *ledger_counts(void)
{
	return &ledger.counts;
}

static void forget_seen(void)
{
	for (size_t i = 0; i < ledger.seen_count; i++)
		free(ledger.seen[i]);
	free(ledger.seen);
}

void ledger_reset(const struct config *config)
{
	forget_seen();
	memset(&ledger, 0, sizeof(ledger));
	ledger.config = config;
	ledger.counts.digest = UINT64_C(0xCBF29CE484222325);
	for (unsigned i = 0; i < LEDGER_CREATORS; i++)
		snprintf(ledger.creators[i].handle, sizeof(ledger.creators[i].handle),
			 "creator%02u", i);
	for (unsigned i = 0; i < LEDGER_WEBHOOKS; i++)
		snprintf(ledger.urls[i], sizeof(ledger.urls[i]), "https://hooks%u.example.com/in",
			 i);
}

void ledger_finish(void)
{
	forget_seen();
	memset(&ledger, 0, sizeof(ledger));
}

const char *ledger_handle(unsigned creator)
{
	return ledger.creators[creator].handle;
}

const char *ledger_url(unsigned webhook)
{
	return ledger.urls[webhook];
}

bool ledger_is_live(unsigned creator)
{
	return ledger.creators[creator].room != 0;
}

void ledger_set_service(enum ledger_service mode)
{
	ledger.service = mode;
}

void ledger_set_receiver(unsigned webhook, enum ledger_receiver mode)
{
	ledger.receivers[webhook] = mode;
}

void ledger_set_name(unsigned webhook, enum ledger_name mode)
{
	ledger.names[webhook] = mode;
}

void ledger_heal(void)
{
	ledger.service = SERVICE_WELL;
	memset(ledger.receivers, 0, sizeof(ledger.receivers));
	memset(ledger.names, 0, sizeof(ledger.names));
}

void ledger_calm(void)
{
	ledger_heal();
	ledger.calm_since_mono_ms = virtual_mono_ms();
}

void ledger_held_up(void)
{
	ledger.held_up_mono_ms = virtual_mono_ms();
}

void ledger_clock_set(void)
{
	ledger.clock_set_mono_ms = virtual_mono_ms();
}

void ledger_on_attempt(void (*fn)(void *arg), void *arg)
{
	ledger.on_attempt = fn;
	ledger.on_attempt_arg = arg;
}

void ledger_on_refusal(void (*fn)(void *arg), void *arg)
{
	ledger.on_refusal = fn;
	ledger.on_refusal_arg = arg;
}

void ledger_killed(void)
{
	ledger.counts.kills++;
	if (ledger.clock_set_mono_ms > 0 &&
	    (virtual_mono_ms() - ledger.clock_set_mono_ms < WRITTEN_MS ||
	     ledger.held_up_mono_ms >= ledger.clock_set_mono_ms))
		ledger.step_lost_mono_ms = virtual_mono_ms();
	/* What was asked for just now may not have been written yet, nor while the disk refused. */
	if (virtual_mono_ms() - ledger.closed_from_mono_ms < WRITTEN_MS ||
	    ledger.held_up_mono_ms >= ledger.closed_from_mono_ms ||
	    ledger.closed_in_jump != virtual_jumps())
		ledger.closed_until_mono_ms = 0;
	for (size_t i = 0; i < ledger.seen_count; i++)
		assert(!ledger.seen[i]->witness);
}

/* A room as the service makes them: its upper half is the time of its creation. */
void ledger_flip(unsigned creator)
{
	uint64_t *room = &ledger.creators[creator].room;
	if (*room) {
		*room = 0;
		return;
	}
	if (ledger.room_count == ROOMS_MAX)
		return;
	*room = (uint64_t)(clock_now_ms() / 1000) << 32 | (uint64_t)ledger.room_count << 12 |
		UINT64_C(11) << 8;
	ledger.rooms[ledger.room_count] = *room;
	ledger.room_owner[ledger.room_count++] = creator;
	ledger.counts.lives++;
}

/* ---- detect/upstream ---- */

struct upstream {
	char unused;
};

struct upstream_call {
	struct virtual_event *event;
	const char *const *handles; /* borrowed, as answers */
	size_t count;
	struct answer *answers;
	upstream_done_fn done;
	void *arg;
	enum ledger_service mode;
};

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
	(void)loop;
	return memory_zeroed(1, sizeof(struct upstream));
}

void __wrap_upstream_destroy(struct upstream *upstream)
{
	free(upstream);
}

void __wrap_upstream_configure(struct upstream *upstream, const char *base_url, const char *key,
			       int64_t timeout_ms)
{
	(void)upstream, (void)base_url, (void)key, (void)timeout_ms;
}

/* How far off a clock that drifts may be at the end of such a time. */
static int64_t drift_ms(int64_t of_ms)
{
	return virtual_drift_ppm() == 0 ? 0 : of_ms / 1000 + 1;
}

/* No minute has more requests than allowed, nor the day, and after a 429 there is silence. Where
 * the wall clock was set meanwhile the day's count and a restart's memory mean nothing. */
static void check_limits(void)
{
	unsigned per_minute = (unsigned)ledger.config->upstream.requests_per_minute;
	int64_t mono_ms = virtual_mono_ms(), day = clock_utc_day(clock_now_ms());
	assert(per_minute < WINDOW_MAX);
	unsigned before = (ledger.sent + WINDOW_MAX - per_minute) % WINDOW_MAX;
	if (ledger.sent >= per_minute && ledger.sent_in_jump[before] == virtual_jumps() &&
	    mono_ms - ledger.sent_mono_ms[before] < MINUTE_MS)
		ledger_violation("%u requests in %lld ms", per_minute + 1,
				 (long long)(mono_ms - ledger.sent_mono_ms[before]));
	if (mono_ms + drift_ms(ledger.closed_until_mono_ms - ledger.closed_from_mono_ms) <
		    ledger.closed_until_mono_ms &&
	    mono_ms > ledger.closed_from_mono_ms)
		ledger_violation("a request %lld ms before Retry-After",
				 (long long)(ledger.closed_until_mono_ms - mono_ms));
	ledger.sent_today = day == ledger.day ? ledger.sent_today + 1 : 1;
	ledger.day = day;
	if (ledger.sent_today > ledger.config->upstream.requests_per_day && virtual_jumps() == 0)
		ledger_violation("%lld requests in a day", (long long)ledger.sent_today);
	ledger.sent_mono_ms[ledger.sent % WINDOW_MAX] = mono_ms;
	ledger.sent_in_jump[ledger.sent % WINDOW_MAX] = virtual_jumps();
	ledger.sent++;
}

static unsigned creator_of(const char *handle)
{
	for (unsigned i = 0; i < LEDGER_CREATORS; i++)
		if (strcmp(ledger.creators[i].handle, handle) == 0)
			return i;
	abort();
}

static void put_row(struct json_writer *writer, const char *handle, enum ledger_service mode)
{
	uint64_t room = ledger.creators[creator_of(handle)].room;
	char text[24];
	if (mode == SERVICE_PARTIAL && chance_of(0.3))
		return;
	json_begin_object(writer, NULL);
	json_put_string(writer, "unique_id", handle);
	if (mode == SERVICE_DOUBTS && chance_of(0.5)) {
		json_put_bool(writer, "is_live", !room);
		json_put_null(writer, "alive");
	} else {
		json_put_bool(writer, "is_live", room != 0);
		json_put_bool(writer, "alive", room != 0);
	}
	snprintf(text, sizeof(text), "%llu", (unsigned long long)room);
	if (room)
		json_put_string(writer, "room_id", text);
	json_end_object(writer);
}

static void read_rows(struct upstream_call *call, struct upstream_reply *reply)
{
	struct strbuf body;
	struct json_writer writer;
	strbuf_init(&body, 1 << 20);
	json_writer_init(&writer, &body);
	json_begin_object(&writer, NULL);
	json_put_integer(&writer, "status_code", 0);
	json_begin_array(&writer, "data");
	for (size_t i = 0; i < call->count; i++)
		put_row(&writer, call->handles[i], call->mode);
	json_end_array(&writer);
	json_end_object(&writer);
	note("check", body.data, body.length);
	/* Cut off on its way, now and then. */
	bool is_cut = chance_of(0.01);
	upstream_read_checks(200, !is_cut, body.data, is_cut ? body.length / 2 : body.length,
			     call->handles, call->count, call->answers, reply);
	strbuf_finish(&body);
}

static void refuse_for_now(struct upstream_reply *reply)
{
	reply->outcome = UPSTREAM_RATE_LIMITED;
	reply->status = 429;
	reply->notice.has_retry_after = true;
	reply->notice.retry_after_ms = 1000 * chance_between(5, 120);
	ledger.closed_from_mono_ms = virtual_mono_ms();
	ledger.closed_until_mono_ms = virtual_mono_ms() + reply->notice.retry_after_ms;
	ledger.closed_in_jump = virtual_jumps();
	if (ledger.on_refusal)
		TAKE(ledger.on_refusal)(ledger.on_refusal_arg);
}

static void on_reply(void *arg)
{
	struct upstream_call *call = arg;
	struct upstream_reply reply = { .duration_ms = 100 };
	switch (call->mode) {
	case SERVICE_DOWN:
		reply.outcome = UPSTREAM_HTTP_ERROR;
		reply.status = 503;
		break;
	case SERVICE_SILENT:
		reply.outcome = UPSTREAM_TIMEOUT;
		break;
	case SERVICE_LIMITS:
		refuse_for_now(&reply);
		break;
	default:
		read_rows(call, &reply);
	}
	call->done(call->arg, &reply);
	free(call);
}

struct upstream_call *__wrap_upstream_check(struct upstream *upstream, const char *const *handles,
					    size_t count, struct answer *answers,
					    upstream_done_fn done, void *arg)
{
	(void)upstream;
	struct upstream_call *call = memory_zeroed(1, sizeof(*call));
	check_limits();
	ledger.counts.checks++;
	if (count > (size_t)ledger.config->upstream.batch_size)
		ledger_violation("a batch of %zu", count);
	*call = (struct upstream_call){ .handles = handles,
					.count = count,
					.answers = answers,
					.done = done,
					.arg = arg,
					.mode = ledger.service };
	int64_t delay_ms = call->mode == SERVICE_SILENT ? ledger.config->upstream.timeout_ms
							: chance_between(20, 2000);
	call->event = virtual_after(delay_ms, on_reply, call);
	return call;
}

/* The limits are configured: nobody asks. */
struct upstream_call *__wrap_upstream_ask_limits(struct upstream *upstream, upstream_done_fn done,
						 void *arg)
{
	(void)upstream, (void)done, (void)arg;
	abort();
}

void __wrap_upstream_cancel(struct upstream_call *call)
{
	virtual_cancel(call->event);
	free(call);
}

/* ---- deliver/egress ---- */

static const char ours[] = "ours"; /* no error of the receiver's: the attempt was not made */

struct egress_call *__real_egress_start(struct egress *egress, const struct egress_request *request,
					egress_done_fn done, void *arg);
void __real_egress_cancel(struct egress_call *call);
struct egress_call *__wrap_egress_start(struct egress *egress, const struct egress_request *request,
					egress_done_fn done, void *arg);
void __wrap_egress_cancel(struct egress_call *call);

static const char *header(const struct egress_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++)
		if (strcmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	ledger_violation("a request without %s", name);
	return "";
}

static struct seen_delivery *seen_by(const char *id)
{
	for (size_t i = ledger.seen_count; i-- > 0;)
		if (strcmp(ledger.seen[i]->id, id) == 0)
			return ledger.seen[i];
	if (ledger.seen_count == ledger.seen_capacity) {
		ledger.seen_capacity = ledger.seen_capacity ? 2 * ledger.seen_capacity : 256;
		ledger.seen = memory_resized(ledger.seen, ledger.seen_capacity,
					     sizeof(struct seen_delivery *));
	}
	struct seen_delivery *delivery = memory_zeroed(1, sizeof(*delivery));
	snprintf(delivery->id, sizeof(delivery->id), "%s", id);
	return ledger.seen[ledger.seen_count++] = delivery;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Not before its time by the schedule, as long as the clock is left alone, and not long after it
 * where nothing is wrong any more, whatever the clock shows. After a crash in which it was
 * forgotten how far the clock was set, its gap once more at most. */
static void check_time(const struct seen_delivery *delivery, unsigned attempt)
{
	const int64_t *schedule_ms = ledger.config->delivery.schedule_ms;
	int64_t mono_ms = virtual_mono_ms();
	int64_t gap_ms = schedule_ms[attempt - 1] - schedule_ms[attempt - 2];
	int64_t due_mono_ms = delivery->started_mono_ms + gap_ms;
	if (delivery->started_in_jump == virtual_jumps() &&
	    mono_ms + drift_ms(gap_ms) < due_mono_ms)
		ledger_violation("%s: attempt %u came %lld ms after the one before", delivery->id,
				 attempt, (long long)(mono_ms - delivery->started_mono_ms));
	due_mono_ms = larger(larger(due_mono_ms, delivery->not_before_mono_ms),
			     ledger.calm_since_mono_ms);
	if (delivery->started_mono_ms <= ledger.step_lost_mono_ms)
		due_mono_ms = larger(due_mono_ms, ledger.step_lost_mono_ms + gap_ms);
	if (ledger.calm_since_mono_ms > 0 && mono_ms > due_mono_ms + LATE_MS)
		ledger_violation("%s: attempt %u came %lld ms late", delivery->id, attempt,
				 (long long)(mono_ms - due_mono_ms));
}

/* One attempt after the other, each under the next number (or the same, if it was cut off), not
 * before its time; the bytes are always the same. */
static void check_attempt(struct seen_delivery *delivery, const struct egress_request *request)
{
	const struct config *config = ledger.config;
	unsigned attempt = (unsigned)strtoul(header(request, "X-Tiktool-Attempt"), NULL, 10);
	uint64_t body = digest_of(1, request->body, request->body_length);
	bool is_first = delivery->attempt == 0;
	if (delivery->witness)
		ledger_violation("%s is in flight twice", delivery->id);
	if (delivery->is_received && !is_first && delivery->body_digest != body)
		ledger_violation("%s has another body than before", delivery->id);
	if (attempt < 1 || attempt > config->delivery.schedule_steps ||
	    (attempt != delivery->attempt && attempt != delivery->attempt + 1))
		ledger_violation("%s: attempt %u after %u", delivery->id, attempt,
				 delivery->attempt);
	else if (attempt == delivery->attempt + 1 && attempt > 1)
		check_time(delivery, attempt);
	delivery->attempt = attempt;
	delivery->started_mono_ms = virtual_mono_ms();
	delivery->started_in_jump = virtual_jumps();
	delivery->body_digest = body;
}

/* To one webhook a creator's events go out in their order, each after the answer to the one before.
 */
static void check_order(const struct witness *call)
{
	int64_t answered = ledger.creators[call->creator].answered[call->delivery->webhook];
	if (call->delivery->attempt == 1 && call->sequence > answered + 1)
		ledger_violation("%s: event %lld of %s before the answer to event %lld",
				 call->delivery->id, (long long)call->sequence,
				 ledger.creators[call->creator].handle, (long long)answered + 1);
}

static unsigned webhook_of(const char *url)
{
	for (unsigned i = 0; i < LEDGER_WEBHOOKS; i++)
		if (strcmp(ledger.urls[i], url) == 0)
			return i;
	ledger_violation("a request to %s", url);
	return 0;
}

static void read_body(struct witness *call, const struct egress_request *request)
{
	struct json_document *document;
	if (json_parse(request->body, request->body_length, &document, NULL) < 0) {
		ledger_violation("a body that is no JSON: %s", request->body);
		return;
	}
	const struct json_value *root = json_root(document);
	call->creator =
		creator_of(json_string(json_member(json_member(root, "creator"), "unique_id")));
	if (!json_integer(json_member(root, "sequence"), &call->sequence))
		ledger_violation("a body without its sequence: %s", request->body);
	json_destroy(document);
}

/* The process ended, or gave up. */
static void forget_witness(struct witness *call)
{
	call->delivery->witness = NULL;
	free(call);
}

static void check_ending(const struct witness *call, const struct egress_result *result)
{
	const char *error = result->was_made ? result->error : ours;
	if (strcmp(error ? error : "", call->expected) != 0)
		ledger_violation("%s: attempt %u ended as \"%s\", not as \"%s\"",
				 call->delivery->id, call->delivery->attempt, error ? error : "",
				 call->expected);
}

static void on_ended(void *arg, const struct egress_result *result)
{
	struct witness *call = arg;
	struct seen_delivery *delivery = call->delivery;
	int64_t *answered = &ledger.creators[call->creator].answered[delivery->webhook];
	check_ending(call, result);
	if (result->was_made) {
		ledger.counts.attempts++;
		ledger.counts.repeated += delivery->attempt == call->before.attempt;
		ledger.counts.blocked += strcmp(call->expected, "blocked") == 0;
		if (call->sequence > *answered)
			*answered = call->sequence;
		note(delivery->id, &result->status, sizeof(result->status));
	} else {
		*delivery = call->before;
	}
	egress_done_fn done = call->done;
	void *done_arg = call->arg;
	forget_witness(call);
	done(done_arg, result);
}

struct egress_call *__wrap_egress_start(struct egress *egress, const struct egress_request *request,
					egress_done_fn done, void *arg)
{
	struct seen_delivery *delivery = seen_by(header(request, "X-Tiktool-Delivery-Id"));
	struct witness *call = memory_zeroed(1, sizeof(*call));
	*call = (struct witness){ .delivery = delivery,
				  .before = *delivery,
				  .expected = "dns",
				  .done = done,
				  .arg = arg };
	delivery->webhook = webhook_of(request->url);
	snprintf(delivery->event_id, sizeof(delivery->event_id), "%s",
		 header(request, "X-Tiktool-Event-Id"));
	read_body(call, request);
	check_attempt(delivery, request);
	check_order(call);
	delivery->witness = call;
	delivery->is_received = true;
	note(delivery->id, request->body, request->body_length);
	if (ledger.on_attempt)
		TAKE(ledger.on_attempt)(ledger.on_attempt_arg);
	ledger.starting = call;
	call->real = __real_egress_start(egress, request, on_ended, call);
	ledger.starting = NULL;
	return (struct egress_call *)call;
}

void __wrap_egress_cancel(struct egress_call *given)
{
	struct witness *call = (struct witness *)given;
	if (!call)
		return;
	__real_egress_cancel(call->real);
	forget_witness(call);
}

/* ---- base/dns ---- */

static const char *const good_addresses[] = { "93.184.216.34", "8.8.4.4", "2606:2800:220:1::1946",
					      "2a00:1450:4001:830::200e" };
static const char *const blocked_addresses[] = {
	"127.0.0.1",  "10.0.0.7",        "172.16.3.4",   "192.168.1.1", "169.254.169.254",
	"100.64.0.9", "0.0.0.0",         "224.0.0.1",    "::1",         "fd00::1",
	"fe80::1",    "::ffff:10.0.0.1", "2002:a00:1::",
};

enum { LOOKUP_ADDRESSES_MAX = 20 };

struct dns_lookup {
	struct virtual_event *event; /* NULL: it is never answered */
	struct witness *call;
	enum ledger_name mode;
	dns_done_fn done;
	void *arg;
};

struct dns_lookup *__wrap_dns_resolve(struct dns *dns, const char *name, dns_done_fn done,
				      void *arg);
void __wrap_dns_cancel(struct dns_lookup *lookup);

static struct http_address address_of(const char *text)
{
	struct http_address address;
	if (!http_address_parse(text, &address))
		abort();
	return address;
}

static struct http_address any_of(const char *const *texts, size_t count)
{
	return address_of(texts[chance_between(0, (int64_t)count - 1)]);
}

static struct http_address any_good(void)
{
	return any_of(good_addresses, ARRAY_SIZE(good_addresses));
}

static struct http_address any_blocked(void)
{
	return any_of(blocked_addresses, ARRAY_SIZE(blocked_addresses));
}

static bool is_good(const struct http_address *address)
{
	for (size_t i = 0; i < ARRAY_SIZE(good_addresses); i++) {
		const struct http_address good = address_of(good_addresses[i]);
		if (http_address_is_equal(address, &good))
			return true;
	}
	return false;
}

/* What the name stands for. *ret_status: as of dns_done_fn. */
static size_t look_up(const struct dns_lookup *lookup, struct http_address *addresses,
		      int *ret_status)
{
	static const int statuses[NAME_MODES] = {
		[NAME_MISSING] = -ENOENT, [NAME_FAILS] = -EIO, [NAME_NO_SOCKETS] = -EMFILE
	};
	size_t count = 0, blocked = 0;
	*ret_status = statuses[lookup->mode];
	if (lookup->mode == NAME_BLOCKED || lookup->mode == NAME_MIXED)
		blocked = (size_t)chance_between(1, 4);
	if (lookup->mode == NAME_MANY)
		blocked = LIMIT_DNS_ADDRESSES;
	if (lookup->mode == NAME_REBINDS && ledger.rebinds++ % 2 == 0)
		blocked = 1;
	while (count < blocked)
		addresses[count++] = any_blocked();
	bool is_only_blocked =
		lookup->mode == NAME_BLOCKED || (lookup->mode == NAME_REBINDS && blocked > 0);
	if (*ret_status != 0 || lookup->mode == NAME_EMPTY || is_only_blocked)
		return count;
	addresses[count++] = any_good();
	if (lookup->mode == NAME_MIXED)
		addresses[count++] = any_blocked();
	if (lookup->mode == NAME_MANY)
		lookup->call->expected = "blocked"; /* the good one is not looked at */
	return count;
}

static void on_looked_up(void *arg)
{
	struct dns_lookup *lookup = arg;
	struct http_address addresses[LOOKUP_ADDRESSES_MAX];
	int status;
	size_t count = look_up(lookup, addresses, &status);
	if (status == -EMFILE)
		lookup->call->expected = ours;
	else if (count > 0 && !is_good(&addresses[count - 1]) && lookup->mode != NAME_MIXED)
		lookup->call->expected = "blocked";
	lookup->done(lookup->arg, status, addresses, count);
	free(lookup);
}

struct dns_lookup *__wrap_dns_resolve(struct dns *dns, const char *name, dns_done_fn done,
				      void *arg)
{
	(void)dns;
	struct witness *call = ledger.starting;
	struct dns_lookup *lookup = memory_zeroed(1, sizeof(*lookup));
	if (!strstr(ledger.urls[call->delivery->webhook], name))
		ledger_violation("a lookup of %s", name);
	*lookup = (struct dns_lookup){ .call = call,
				       .mode = ledger.names[call->delivery->webhook],
				       .done = done,
				       .arg = arg };
	if (lookup->mode == NAME_LATE)
		lookup->event = virtual_after(chance_between(9000, 20000), on_looked_up, lookup);
	else if (lookup->mode != NAME_SILENT)
		lookup->event = virtual_after(chance_between(0, 50), on_looked_up, lookup);
	return lookup;
}

void __wrap_dns_cancel(struct dns_lookup *lookup)
{
	if (lookup->event)
		virtual_cancel(lookup->event);
	free(lookup);
}

/* ---- base/http ---- */

struct http_client {
	http_admit_fn admit;
	void *admit_arg;
};

struct http_call {
	struct virtual_event *event;
	struct witness *call;
	struct http_address peer;
	bool is_admitted;
	enum ledger_receiver mode;
	http_done_fn done;
	void *arg;
};

struct http_client *__wrap_http_client_create(struct loop *loop,
					      const struct http_client_options *options);
void __wrap_http_client_destroy(struct http_client *client);
struct http_call *__wrap_http_start(struct http_client *client, const struct http_request *request,
				    http_done_fn done, void *arg);
void __wrap_http_cancel(struct http_call *call);

struct http_client *__wrap_http_client_create(struct loop *loop,
					      const struct http_client_options *options)
{
	(void)loop;
	struct http_client *client = memory_zeroed(1, sizeof(*client));
	*client = (struct http_client){ options->admit, options->admit_arg };
	return client;
}

void __wrap_http_client_destroy(struct http_client *client)
{
	free(client);
}

/* What the receiver's side makes of it. */
static void answer(const struct http_call *http, struct http_result *result)
{
	if (!http->is_admitted) {
		result->outcome = HTTP_BLOCKED;
		return;
	}
	switch (http->mode) {
	case RECEIVER_DOWN:
		result->outcome = HTTP_REFUSED;
		break;
	case RECEIVER_HANGS:
		result->outcome = HTTP_TIMEOUT;
		break;
	case RECEIVER_NO_SOCKETS:
		result->outcome = HTTP_LOCAL;
		break;
	case RECEIVER_BUSY:
		result->status = 503;
		result->head =
			"HTTP/1.1 503 Service Unavailable\r\nRetry-After: " BUSY_TEXT "\r\n\r\n";
		http->call->delivery->not_before_mono_ms = virtual_mono_ms() + BUSY_MS;
		break;
	case RECEIVER_FLAKY:
		result->status = chance_of(0.5) ? 200 : 500;
		break;
	default:
		result->status = 200;
	}
}

static const char *expected_error(const struct http_result *result)
{
	static const char *const errors[] = {
		[HTTP_OK] = "http",         [HTTP_BLOCKED] = "blocked", [HTTP_REFUSED] = "refused",
		[HTTP_TIMEOUT] = "timeout", [HTTP_LOCAL] = ours,
	};
	return result->status == 200 ? "" : errors[result->outcome];
}

static void on_answer(void *arg)
{
	struct http_call *http = arg;
	struct http_result result = {
		.outcome = HTTP_OK,
		.message = "simulated",
		.body = "",
		.has_peer = true,
		.peer = http->peer,
		.head = "HTTP/1.1 200 OK\r\n\r\n",
		.connect_us = 1000,
		.tls_us = 2000,
		.first_byte_us = 5000,
	};
	answer(http, &result);
	http->call->expected = expected_error(&result);
	http->call->delivery->is_accepted |= result.status == 200;
	http->done(http->arg, &result);
	free(http);
}

static struct witness *witness_of(const struct http_request *request)
{
	for (size_t i = 0; i < request->header_count; i++)
		if (strcmp(request->headers[i].name, "X-Tiktool-Delivery-Id") == 0)
			return seen_by(request->headers[i].value)->witness;
	ledger_violation("a request without a delivery");
	abort();
}

/* Now and then the connection leads elsewhere than it was to: what was looked up before may stand
 * for another address, or be another's now. */
static struct http_address connect_to(const struct http_request *request)
{
	for (size_t i = 0; i < request->address_count; i++)
		if (!is_good(&request->addresses[i]))
			ledger_violation("a request is pinned to an address that is blocked");
	if (request->address_count == 0)
		ledger_violation("a request is pinned to no address");
	if (request->address_count == 0 || chance_of(0.01))
		return any_blocked();
	return request->addresses[chance_between(0, (int64_t)request->address_count - 1)];
}

struct http_call *__wrap_http_start(struct http_client *client, const struct http_request *request,
				    http_done_fn done, void *arg)
{
	struct http_call *http = memory_zeroed(1, sizeof(*http));
	struct witness *call = witness_of(request);
	*http = (struct http_call){ .call = call,
				    .peer = connect_to(request),
				    .mode = ledger.receivers[call->delivery->webhook],
				    .done = done,
				    .arg = arg };
	http->is_admitted = client->admit(client->admit_arg, &http->peer);
	if (http->is_admitted != is_good(&http->peer))
		ledger_violation("%s: a connection was judged wrongly", call->delivery->id);
	http->event = virtual_after(http->mode == RECEIVER_HANGS ? request->answer_timeout_ms
								 : chance_between(1, 5000),
				    on_answer, http);
	return http;
}

void __wrap_http_cancel(struct http_call *http)
{
	virtual_cancel(http->event);
	free(http);
}

/* ---- the database against what was seen ---- */

struct checking {
	struct store *store;
	int64_t sequence[LEDGER_CREATORS];
	enum event_type last[LEDGER_CREATORS];
	char newest[ID_TEXT_SIZE];
	unsigned rows;
	size_t deliveries, received;
};

static bool was_in_room(unsigned creator, uint64_t room)
{
	for (unsigned i = 0; i < ledger.room_count; i++)
		if (ledger.rooms[i] == room)
			return ledger.room_owner[i] == creator;
	return false;
}

/* Starts and ends alternate, counted without a gap, and nothing was made up. */
static void check_event_shown(void *arg, const struct event_row *event)
{
	struct checking *checking = arg;
	unsigned creator = creator_of(event->creator);
	if (event->sequence != checking->sequence[creator] + 1)
		ledger_violation("%s: sequence %lld of %s follows %lld", event->id,
				 (long long)event->sequence, event->creator,
				 (long long)checking->sequence[creator]);
	/* The end of a live that was adopted in silence may be the first of all. */
	if (event->type == checking->last[creator] && event->sequence > 1)
		ledger_violation("%s: two of a kind in a row of %s", event->id, event->creator);
	if (!was_in_room(creator, event->room))
		ledger_violation("%s: %s was never in room %llu", event->id, event->creator,
				 (unsigned long long)event->room);
	int64_t settled = event->delivered + event->dead;
	if (settled != LEDGER_WEBHOOKS || event->pending || event->cancelled)
		ledger_violation("%s: %lld of %d deliveries are settled", event->id,
				 (long long)settled, LEDGER_WEBHOOKS);
	checking->sequence[creator] = event->sequence;
	checking->last[creator] = event->type;
}

static void check_event(void *arg, const struct event_row *event)
{
	struct checking *checking = arg;
	checking->rows++;
	snprintf(checking->newest, sizeof(checking->newest), "%s", event->id);
	if (store_event_show(checking->store, event->id, check_event_shown, checking) < 0)
		ledger_violation("%s cannot be read", event->id);
}

/* What is on record as delivered was accepted, and what is dead had every attempt. */
static void check_delivery(void *arg, const struct delivery *row)
{
	struct checking *checking = arg;
	struct seen_delivery *seen = NULL;
	checking->rows++;
	checking->deliveries++;
	snprintf(checking->newest, sizeof(checking->newest), "%s", row->id);
	for (size_t i = 0; i < ledger.seen_count && !seen; i++)
		if (strcmp(ledger.seen[i]->id, row->id) == 0)
			seen = ledger.seen[i];
	checking->received += seen != NULL;
	if (!seen || strcmp(seen->event_id, row->event_id) != 0)
		ledger_violation("%s of %s never left", row->id, row->event_id);
	else if (row->status == DELIVERY_DELIVERED && !seen->is_accepted)
		ledger_violation("%s is on record as delivered, and nobody took it", row->id);
	else if (row->status == DELIVERY_DEAD &&
		 (row->attempts != ledger.config->delivery.schedule_steps ||
		  seen->attempt != row->attempts))
		ledger_violation("%s is dead after %u attempts", row->id, row->attempts);
}

static void check_creator(void *arg, const struct creator *creator)
{
	struct checking *checking = arg;
	unsigned number = creator_of(creator->handle);
	checking->rows++;
	if (creator->room != ledger.creators[number].room)
		ledger_violation("%s is in room %llu, not in %llu", creator->handle,
				 (unsigned long long)ledger.creators[number].room,
				 (unsigned long long)creator->room);
}

bool ledger_day_is_spent(struct store *store)
{
	int64_t used;
	if (virtual_jumps() == 0 ||
	    store_quota_used(store, clock_utc_day(clock_now_ms()), &used) < 0)
		return false;
	return used * 100 >= ledger.config->upstream.requests_per_day * 95;
}

void ledger_check_creators(struct store *store)
{
	struct checking checking = { .store = store };
	int r = store_creator_list(store, NULL, NULL, "", LEDGER_CREATORS, check_creator,
				   &checking);
	if (r < 0 || checking.rows != LEDGER_CREATORS)
		ledger_violation("%u creators are on record: %s", checking.rows, strerror(-r));
}

void ledger_check(struct store *store)
{
	struct checking checking = { .store = store };
	static const struct delivery_filter all;
	int r = 0;
	for (unsigned i = 0; i < LEDGER_CREATORS; i++)
		checking.last[i] = EVENT_LIVE_END;
	do {
		checking.rows = 0;
		r = store_event_since(store, checking.newest, 100, check_event, &checking);
	} while (r == 0 && checking.rows == 100);
	checking.newest[0] = '\0';
	do {
		checking.rows = 0;
		r = r < 0 ? r
			  : store_delivery_list(store, &all, checking.newest, 100, check_delivery,
						&checking);
	} while (r == 0 && checking.rows == 100);
	ledger_check_creators(store);
	if (r < 0)
		ledger_violation("the database cannot be read: %s", strerror(-r));
	if (checking.received != ledger.seen_count)
		ledger_violation("%zu deliveries left that are not in the database",
				 ledger.seen_count - checking.received);
	note("end", &checking.deliveries, sizeof(checking.deliveries));
}
