#include "sim/upstream.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include "sim/random.h"
#include "sim/upstream_control.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { KEY_SIZE = 512, STRANGERS = 3 };

/* One request being answered. */
struct call {
	struct sim_upstream *upstream;
	const struct sim_request *request;
	struct sim_answer *answer;
	bool is_bulk_check;
	struct json_document *body; /* owned; NULL if it is no JSON */
	const char **handles;       /* owned array of texts of body */
	size_t handle_count;
	const struct sim_fault *fault; /* NULL: none */
	enum sim_outcome outcome;
};

void sim_upstream_init(struct sim_upstream *upstream, const struct sim_tier *tier,
		       bool has_simulated_rooms)
{
	sim_ratelimit_init(&upstream->limit, tier);
	upstream->faults = (struct sim_faults){ 0 };
	upstream->creators =
		sim_creators_create(&upstream->schedule, &upstream->clock, has_simulated_rooms);
	upstream->statistics = sim_statistics_create();
}

void sim_upstream_finish(struct sim_upstream *upstream)
{
	sim_statistics_destroy(upstream->statistics);
	sim_creators_destroy(upstream->creators);
	sim_faults_finish(&upstream->faults);
	sim_ratelimit_finish(&upstream->limit);
}

/* --- what comes before an answer ---------------------------------------------------------- */

static bool is_authorized(const struct call *call)
{
	char parameter[KEY_SIZE] = "";
	const char *key = sim_request_header(call->request, "x-api-key");
	if (!key && sim_request_parameter(call->request, "apiKey", parameter, sizeof(parameter)))
		key = parameter;
	if (!key || !*key)
		return false;
	return !call->upstream->key || strcmp(key, call->upstream->key) == 0;
}

static void add_limit_headers(const struct call *call)
{
	const struct sim_ratelimit *limit = &call->upstream->limit;
	int64_t reset_s = sim_ratelimit_reset_s(limit, call->request->received_at_ms);
	sim_answer_add_number(call->answer, "X-RateLimit-Limit", limit->tier.per_minute);
	sim_answer_add_number(call->answer, "X-RateLimit-Remaining",
			      sim_ratelimit_remaining(limit));
	sim_answer_add_number(call->answer, "X-RateLimit-Reset", reset_s);
}

static void fail(struct call *call, enum sim_outcome outcome, int status, const char *text)
{
	call->outcome = outcome;
	add_limit_headers(call);
	sim_upstream_error(call->answer, call->upstream->error_shape, status, text);
}

/* True if the request is within the limits; else it is answered. */
static bool take_from_limits(struct call *call)
{
	struct sim_upstream *upstream = call->upstream;
	int64_t now_ms = call->request->received_at_ms;
	int64_t day = clock_utc_day(sim_fast_clock_now(&upstream->clock, now_ms));
	enum sim_verdict verdict = sim_ratelimit_take(&upstream->limit, now_ms, day);
	if (verdict == SIM_ALLOWED)
		return true;
	if (verdict == SIM_DAY_EXCEEDED) {
		fail(call, SIM_OUTCOME_DAY_EXCEEDED, 429,
		     "Daily request limit exceeded. Resets at 00:00 UTC.");
		return false;
	}
	int64_t wait_s = sim_ratelimit_reset_s(&upstream->limit, now_ms) - now_ms / 1000;
	if (upstream->has_retry_after)
		sim_answer_add_number(call->answer, "Retry-After", wait_s);
	char text[80];
	snprintf(text, sizeof(text), "Rate limit exceeded. Retry after %" PRId64 " seconds.",
		 wait_s);
	fail(call, SIM_OUTCOME_RATE_LIMITED, 429, text);
	return false;
}

/* The handles of {"unique_ids": ["…"]}; none where the body is anything else. */
static void read_handles(struct call *call)
{
	const struct strbuf *body = &call->request->body;
	if (json_parse(body->data, body->length, &call->body, NULL) < 0) {
		call->body = NULL;
		return;
	}
	const struct json_value *ids = json_member(json_root(call->body), "unique_ids");
	if (json_type(ids) != JSON_ARRAY)
		return;
	call->handles = memory_zeroed(json_count(ids) + 1, sizeof(*call->handles));
	for (const struct json_value *id = json_first(ids); id; id = json_next(id)) {
		const char *handle = json_string(id);
		if (!handle) {
			call->handle_count = 0;
			return;
		}
		call->handles[call->handle_count++] = handle;
	}
}

/* --- the right answers, and how faults change them ---------------------------------------- */

/* Spreads the fraction evenly over the rows, starting elsewhere each time. */
static bool row_meets_fault(const struct call *call, size_t row)
{
	size_t turned = (row + call->upstream->statistics->seen) % call->handle_count;
	double fraction = call->fault->fraction;
	return floor(fraction * (double)(turned + 1)) > floor(fraction * (double)turned);
}

static void row_apply_fault(const struct call *call, size_t index, struct sim_row *row)
{
	const struct sim_fault *fault = call->fault;
	if (!fault)
		return;
	if (fault->kind == SIM_FAULT_ALL_OFFLINE) {
		row->is_live = false;
		row->room = 0;
	} else if (fault->kind == SIM_FAULT_ALL_LIVE && !row->is_live) {
		uint64_t salt = 0;
		for (const char *c = row->handle; *c; c++)
			salt = sim_random_key(salt, (uint64_t)*c);
		row->is_live = true;
		row->room = sim_room_id(fault->ordered_at_ms, salt);
	} else if (sim_fault_stage(fault->kind) == SIM_AT_ROWS && row_meets_fault(call, index)) {
		row->fault = sim_row_fault_of(fault->kind);
	}
}

static void write_rows(const struct call *call, struct strbuf *out)
{
	static const char *const strangers[STRANGERS] = { "a.stranger", "another.stranger",
							  "a.third.stranger" };
	size_t count = call->handle_count;
	bool has_strangers = call->fault && call->fault->kind == SIM_FAULT_ROWS_STRANGERS;
	CLEANUP(cleanup_free)
	struct sim_row *rows = memory_zeroed(count + STRANGERS, sizeof(*rows));
	for (size_t i = 0; i < count; i++) {
		sim_creators_row(call->upstream->creators, call->handles[i],
				 call->request->received_at_ms, &rows[i]);
		row_apply_fault(call, i, &rows[i]);
	}
	for (size_t i = 0; has_strangers && i < STRANGERS; i++)
		rows[count++] = (struct sim_row){
			.handle = strangers[i],
			.is_live = true,
			.room = sim_room_id(call->request->received_at_ms, i),
		};
	sim_rows_write(out, call->upstream->shape, rows, count);
}

static void answer_rows(struct call *call)
{
	struct strbuf *body = &call->answer->body;
	bool is_error = call->fault && call->fault->kind == SIM_FAULT_ERROR_WITH_DATA;
	sim_answer_add_header(call->answer, "Content-Type", "application/json");
	strbuf_addf(body, "{\"status_code\":%d,\"data\":", is_error ? 500 : 0);
	write_rows(call, body);
	if (call->fault)
		sim_misbehave_in_object(call->fault, body);
	strbuf_add_char(body, '}');
	if (call->fault)
		sim_misbehave_in_text(call->fault, body);
}

static bool holds_poison(const struct call *call)
{
	for (size_t i = 0; i < call->handle_count; i++) {
		if (sim_creators_is_poison(call->upstream->creators, call->handles[i]))
			return true;
	}
	return false;
}

static void answer_bulk_check(struct call *call)
{
	const struct sim_upstream *upstream = call->upstream;
	if (call->handle_count == 0) {
		fail(call, SIM_OUTCOME_REFUSED, 400,
		     "unique_ids must be a non-empty array of usernames");
		return;
	}
	if (call->handle_count > upstream->limit.tier.batch) {
		char text[80];
		snprintf(text, sizeof(text), "Your plan allows %u unique_ids per request",
			 upstream->limit.tier.batch);
		fail(call, SIM_OUTCOME_REFUSED, upstream->refusal_status, text);
		return;
	}
	if (holds_poison(call)) {
		fail(call, SIM_OUTCOME_REFUSED, 400, "Invalid unique_ids");
		return;
	}
	add_limit_headers(call);
	answer_rows(call);
}

static void answer_rate_limits(struct call *call)
{
	const struct sim_ratelimit *limit = &call->upstream->limit;
	struct json_writer writer;
	add_limit_headers(call);
	sim_answer_add_header(call->answer, "Content-Type", "application/json");
	json_writer_init(&writer, &call->answer->body);
	json_begin_object(&writer, NULL);
	json_put_integer(&writer, "status_code", 0);
	json_begin_object(&writer, "data");
	json_put_string(&writer, "tier", limit->tier.name);
	json_begin_object(&writer, "api");
	json_put_integer(&writer, "limit", limit->tier.per_minute);
	json_put_integer(&writer, "remaining", sim_ratelimit_remaining(limit));
	json_put_integer(&writer, "reset_at",
			 sim_ratelimit_reset_s(limit, call->request->received_at_ms));
	json_end_object(&writer);
	json_begin_object(&writer, "websocket");
	json_put_integer(&writer, "limit", 10);
	json_put_integer(&writer, "current", 0);
	json_end_object(&writer);
	json_end_object(&writer);
	json_end_object(&writer);
}

static void answer_rightly(struct call *call)
{
	if (call->is_bulk_check)
		answer_bulk_check(call);
	else if (strcmp(call->request->path, "/webcast/rate_limits") == 0 &&
		 strcmp(call->request->method, "GET") == 0)
		answer_rate_limits(call);
	else
		fail(call, SIM_OUTCOME_NOT_FOUND, 404, "Not found");
}

/* --- one request -------------------------------------------------------------------------- */

static void draw_fault(struct call *call)
{
	struct sim_upstream *upstream = call->upstream;
	const struct sim_fault_subject subject = { call->is_bulk_check, call->handles,
						   call->handle_count };
	uint64_t key = sim_random_key(upstream->schedule.seed, upstream->statistics->seen);
	call->fault =
		sim_faults_draw(&upstream->faults, &subject, key, call->request->received_at_ms);
	if (call->fault)
		call->outcome = SIM_OUTCOME_FAULT;
}

static void answer_call(struct call *call)
{
	if (!is_authorized(call)) {
		fail(call, SIM_OUTCOME_UNAUTHORIZED, 401, "Invalid or missing API key");
		return;
	}
	if (!take_from_limits(call))
		return;
	draw_fault(call);
	if (call->fault && sim_fault_stage(call->fault->kind) == SIM_AT_STATUS) {
		if (!sim_fault_is_from_gateway(call->fault->kind))
			add_limit_headers(call);
		sim_misbehave_instead(call->fault, call->upstream->error_shape, call->answer);
		return;
	}
	answer_rightly(call);
	if (call->fault)
		sim_misbehave_in_transport(call->fault, call->answer);
}

static char *handles_as_json(const struct call *call)
{
	struct strbuf text;
	struct json_writer writer;
	strbuf_init(&text, SIM_REQUEST_BODY_BYTES);
	json_writer_init(&writer, &text);
	json_begin_array(&writer, NULL);
	for (size_t i = 0; i < call->handle_count; i++)
		json_put_string(&writer, NULL, call->handles[i]);
	json_end_array(&writer);
	return strbuf_steal(&text);
}

static void remember_call(const struct call *call)
{
	for (size_t i = 0; i < call->handle_count; i++)
		sim_creators_count_ask(call->upstream->creators, call->handles[i]);
	const struct sim_seen seen = {
		.at_ms = call->request->received_at_ms,
		.path = memory_text(call->request->path),
		.outcome = call->outcome,
		.fault = call->fault ? sim_fault_name(call->fault->kind) : NULL,
		.status = call->answer->is_raw ? 0 : call->answer->status,
		.handles = handles_as_json(call),
		.handle_count = call->handle_count,
	};
	sim_statistics_add(call->upstream->statistics, &seen,
			   call->fault ? (int)call->fault->kind : -1);
}

void sim_upstream_handle(void *arg, const struct sim_request *request, struct sim_answer *answer)
{
	struct sim_upstream *upstream = arg;
	if (strncmp(request->path, "/_sim/", 6) == 0) {
		sim_upstream_control(upstream, request, answer);
		return;
	}
	struct call call = { .upstream = upstream, .request = request, .answer = answer };
	call.is_bulk_check = strcmp(request->path, "/webcast/bulk_live_check") == 0 &&
			     strcmp(request->method, "POST") == 0;
	if (call.is_bulk_check)
		read_handles(&call);
	answer_call(&call);
	remember_call(&call);
	free(call.handles);
	json_destroy(call.body);
}
