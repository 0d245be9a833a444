#include "deliver/flight.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* After trouble of our own: long enough for descriptors to come free, short enough to be no delay
 * that anybody minds. */
enum { NOT_MADE_RETRY_MS = 1000 };

static const struct attempt_outcome nothing_reached = {
	.duration_ms = -1,
	.dns_ms = -1,
	.connect_ms = -1,
	.tls_ms = -1,
	.first_byte_ms = -1,
};

struct flight *flight_create_all(struct claimed_lane *lane, const struct config *config,
				 flight_done_fn done, void *arg)
{
	struct flight *first = NULL, **last = &first;
	if (lane->claim_count == 0) {
		store_claimed_lane_finish(lane);
		return NULL;
	}
	struct flight_batch *batch = memory_zeroed(1, sizeof(*batch));
	batch->lane = *lane;
	batch->references = lane->claim_count;
	batch->is_url_good = http_url_parse(lane->endpoint.target_url, &batch->url) == 0;
	target_origin_of(batch->is_url_good ? &batch->url : NULL, batch->origin);
	memset(lane, 0, sizeof(*lane));
	for (unsigned i = 0; i < batch->lane.claim_count; i++) {
		struct flight *flight = memory_zeroed(1, sizeof(*flight));
		flight->batch = batch;
		flight->claim = &batch->lane.claims[i];
		flight->config = config;
		flight->done = done;
		flight->arg = arg;
		*last = flight;
		last = &flight->next;
	}
	return first;
}

/* Lets go of what only an attempt under way needs. */
static void end_sending(struct flight *flight)
{
	if (!flight->call)
		return;
	flight->call = NULL;
	signer_headers_finish(&flight->headers);
}

static void cancel_sending(struct flight *flight)
{
	egress_cancel(flight->call);
	end_sending(flight);
}

void flight_destroy(struct flight *flight)
{
	if (!flight)
		return;
	cancel_sending(flight);
	free(flight->error_detail);
	free(flight->response);
	flight_note_unref(flight->note);
	if (--flight->batch->references == 0) {
		store_claimed_lane_finish(&flight->batch->lane);
		free(flight->batch);
	}
	free(flight);
}

bool flight_is_test(const struct flight *flight)
{
	return flight->claim->kind == DELIVERY_TEST;
}

const struct endpoint *flight_endpoint(const struct flight *flight)
{
	return &flight->batch->lane.endpoint;
}

/* ---- what came of it ---- */

static void fill_outcome(struct flight *flight, enum attempt_verdict verdict, int64_t retry_in_ms)
{
	int64_t started_at_ms = flight->outcome.started_at_ms;
	flight->outcome = nothing_reached;
	flight->outcome.delivery_key = flight->claim->delivery_key;
	flight->outcome.attempt = flight->claim->attempt;
	flight->outcome.started_at_ms = started_at_ms;
	flight->outcome.verdict = verdict;
	flight->retry_mono_ms = clock_mono_ms() + retry_in_ms;
}

struct schedule flight_schedule(const struct config *config)
{
	return (struct schedule){
		.offsets_ms = config->delivery.schedule_ms,
		.steps = config->delivery.schedule_steps,
		.retry_after_max_ms = config->delivery.retry_after_max_ms,
	};
}

static struct schedule_decision decide(const struct flight *flight,
				       const struct egress_result *result, int64_t now_ms)
{
	const struct schedule schedule = flight_schedule(flight->config);
	const struct schedule_answer answer = {
		.attempt = flight->claim->attempt,
		.started_at_ms = now_ms - (clock_mono_ms() - flight->started_mono_ms),
		.answered_at_ms = now_ms,
		.status = result->status,
		.retry_after = result->retry_after,
		.is_test = flight_is_test(flight),
	};
	return schedule_decide(&schedule, &answer);
}

/* The result is borrowed: what is kept of it is copied. */
static void fill_answer(struct flight *flight, const struct egress_result *result)
{
	struct attempt_outcome *outcome = &flight->outcome;
	outcome->duration_ms = result->duration_ms;
	outcome->dns_ms = result->dns_ms;
	outcome->connect_ms = result->connect_ms;
	outcome->tls_ms = result->tls_ms;
	outcome->first_byte_ms = result->first_byte_ms;
	outcome->status_code = result->status;
	outcome->error = result->error;
	outcome->error_detail = flight->error_detail = memory_text(result->detail);
	if (result->peer_address) {
		snprintf(flight->peer_address, sizeof(flight->peer_address), "%s",
			 result->peer_address);
		outcome->peer_address = flight->peer_address;
	}
	if (result->status > 0) {
		flight->response = memory_zeroed(1, result->response_length + 1);
		memcpy(flight->response, result->response ? result->response : "",
		       result->response_length);
		outcome->response = flight->response;
		outcome->response_length = result->response_length;
	}
}

static void on_result(void *arg, const struct egress_result *result)
{
	struct flight *flight = arg;
	int64_t now_ms = clock_now_ms();
	end_sending(flight);
	if (!result->was_made) {
		fill_outcome(flight, ATTEMPT_NOT_MADE, NOT_MADE_RETRY_MS);
		flight->outcome.error_detail = flight->error_detail = memory_text(result->detail);
	} else {
		struct schedule_decision decision = decide(flight, result, now_ms);
		fill_outcome(flight, decision.verdict, decision.retry_at_ms - now_ms);
		flight->outcome.endpoint_is_gone = decision.endpoint_is_gone;
		fill_answer(flight, result);
	}
	flight->done(flight->arg, flight);
}

void flight_interrupt(struct flight *flight)
{
	cancel_sending(flight);
	fill_outcome(flight, ATTEMPT_INTERRUPTED, 0);
	flight->outcome.duration_ms = clock_mono_ms() - flight->started_mono_ms;
	flight->outcome.error = "interrupted";
}

void flight_plan(struct flight *flight, int64_t now_ms)
{
	flight->outcome.retry_at_ms = now_ms + flight->retry_mono_ms - clock_mono_ms();
}

void flight_give_back(struct flight *flight)
{
	fill_outcome(flight, ATTEMPT_NOT_MADE, 0);
}

/* ---- sending ---- */

static void sign(struct flight *flight, int64_t now_ms)
{
	const struct endpoint *endpoint = flight_endpoint(flight);
	const struct delivery_claim *claim = flight->claim;
	const struct signer_options options = {
		.header_prefix = flight->config->delivery.header_prefix,
		.signature_format = flight->config->delivery.signature_format,
	};
	struct signer_delivery delivery = {
		.event_id = claim->event_id,
		.delivery_id = claim->delivery_id,
		.webhook_id = endpoint->webhook_id,
		.event_type = event_type_name(claim->event_type),
		.attempt = claim->attempt,
		.is_replay = claim->kind == DELIVERY_REPLAY,
		.timestamp_s = now_ms / 1000,
		.body = claim->body,
		.body_length = claim->body_length,
		.secret_count = endpoint->secret_count,
		.bearer_token = endpoint->bearer_token,
		.extra_headers = endpoint->extra_headers,
	};
	for (unsigned i = 0; i < endpoint->secret_count; i++)
		delivery.secrets[i] = endpoint->secrets[i];
	signer_headers_init(&flight->headers, &options, &delivery);
}

void flight_send(struct flight *flight, struct egress *egress, int64_t now_ms)
{
	sign(flight, now_ms);
	const struct egress_request request = {
		.url = flight_endpoint(flight)->target_url,
		.parsed_url = flight->batch->is_url_good ? &flight->batch->url : NULL,
		.headers = flight->headers.headers,
		.header_count = flight->headers.count,
		.body = flight->claim->body,
		.body_length = flight->claim->body_length,
	};
	flight->outcome.started_at_ms = now_ms;
	flight->started_mono_ms = clock_mono_ms();
	flight->call = egress_start(egress, &request, on_result, flight);
}

/* ---- lists ---- */

void flight_list_init(struct flight_list *list)
{
	*list = (struct flight_list){ .last = &list->first };
}

void flight_list_append(struct flight_list *list, struct flight *flight)
{
	flight->next = NULL;
	flight->link = list->last;
	*list->last = flight;
	list->last = &flight->next;
	list->count++;
}

struct flight *flight_list_take(struct flight_list *list, struct flight *flight)
{
	*flight->link = flight->next;
	*(flight->next ? &flight->next->link : &list->last) = flight->link;
	flight->next = NULL;
	list->count--;
	return flight;
}

struct flight *flight_list_take_first(struct flight_list *list)
{
	return list->first ? flight_list_take(list, list->first) : NULL;
}

void flight_list_destroy_all(struct flight_list *list)
{
	for (struct flight *flight; (flight = flight_list_take_first(list));)
		flight_destroy(flight);
}
