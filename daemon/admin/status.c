#include "admin/status.h"

#include "admin/values.h"
#include "base/metrics.h"
#include "db/creators.h"
#include "db/deliveries.h"
#include "db/gaps.h"

#include <math.h>

/* The latest gaps. */
enum { GAPS_SHOWN = 10 };

static void put_creators(struct json_writer *writer, const struct creator_totals *totals)
{
	json_begin_object(writer, "creators");
	json_put_integer(writer, "live", totals->live);
	json_put_integer(writer, "offline", totals->offline);
	json_put_integer(writer, "unknown", totals->unknown);
	json_put_integer(writer, "quarantined", totals->quarantined);
	json_end_object(writer);
}

/* A limit that is not known yet is 0 in the poller's status, and null here. */
static void put_limit(struct json_writer *writer, const char *key, int64_t limit)
{
	if (limit > 0)
		json_put_integer(writer, key, limit);
	else
		json_put_null(writer, key);
}

static void put_quota(struct json_writer *writer, const struct poll_status *poll)
{
	int64_t remaining = poll->requests_per_day - poll->used_today;

	json_begin_object(writer, "quota");
	json_put_string(writer, "tier", poll->tier[0] ? poll->tier : NULL);
	put_limit(writer, "batch_size", poll->batch_size);
	put_limit(writer, "requests_per_minute", poll->requests_per_minute);
	put_limit(writer, "requests_per_day", poll->requests_per_day);
	json_put_integer(writer, "used_today", poll->used_today);
	if (poll->requests_per_day > 0)
		json_put_integer(writer, "remaining_today", remaining > 0 ? remaining : 0);
	else
		json_put_null(writer, "remaining_today");
	json_put_integer(writer, "this_hour", poll->requests_this_hour);
	json_end_object(writer);
}

static void put_poll(struct json_writer *writer, const struct poll_status *poll)
{
	json_begin_object(writer, "poll");
	json_put_string(writer, "policy", poll->policy);
	json_put_time(writer, "last_success_at", poll->last_success_at_ms);
	json_put_integer(writer, "lag_seconds", poll->lag_seconds);
	json_put_time(writer, "blind_since", poll->gap.began_at_ms);
	json_put_string(writer, "blind_reason",
			poll->gap.began_at_ms > 0 ? gap_reason_name(poll->gap.reason) : NULL);
	json_end_object(writer);
}

static void put_deliveries(struct json_writer *writer, const struct delivery_totals *totals,
			   const struct dispatch_status *dispatch)
{
	json_begin_object(writer, "deliveries");
	json_put_integer(writer, "pending", totals->pending);
	json_put_integer(writer, "in_flight", dispatch->in_flight);
	json_put_integer(writer, "dead", totals->dead);
	json_put_integer(writer, "delivered_today", totals->delivered_today);
	json_end_object(writer);
}

static void put_delays(struct json_writer *writer)
{
	static const struct {
		const char *name;
		double q;
	} quantiles[] = { { "p50", 0.5 }, { "p95", 0.95 }, { "p99", 0.99 } };

	json_begin_object(writer, "detection_delay_seconds");
	for (size_t i = 0; i < ARRAY_SIZE(quantiles); i++) {
		double delay_s = metrics_quantile_s(METRIC_DETECTION_DELAY_SECONDS, quantiles[i].q);
		if (delay_s < 0)
			json_put_null(writer, quantiles[i].name);
		else
			json_put_real(writer, quantiles[i].name, round(delay_s * 1000) / 1000);
	}
	json_put_integer(writer, "after_gap", metrics_value(METRIC_STARTS_AFTER_GAP, 0));
	json_end_object(writer);
}

static void on_gap(void *arg, const struct gap *gap)
{
	value_put_gap(arg, NULL, gap);
}

void status_show(struct store *store, const struct admin_request *request,
		 struct admin_reply *reply)
{
	const struct service_status *status = &request->status;
	struct creator_totals creators;
	struct delivery_totals deliveries;

	int result = store_creator_totals(store, &creators);
	if (!result)
		result = store_delivery_totals(store, request->now_ms, &deliveries);
	if (result) {
		reply_store_error(reply, result);
		return;
	}
	struct json_writer *writer = reply_json(reply, 200);
	json_put_string(writer, "version", GOLIVED_VERSION);
	json_put_integer(writer, "uptime_seconds",
			 (request->now_ms - status->started_at_ms) / 1000);
	put_creators(writer, &creators);
	put_quota(writer, &status->poll);
	put_poll(writer, &status->poll);
	put_deliveries(writer, &deliveries, &status->dispatch);
	json_put_time(writer, "oldest_due_at", deliveries.oldest_due_at_ms);
	put_delays(writer);
	json_begin_array(writer, "gaps");
	result = store_gap_list(store, GAPS_SHOWN, on_gap, writer);
	if (result) {
		reply_store_error(reply, result);
		return;
	}
	json_end_array(writer);
	reply_end(reply);
}

void status_health(struct store *store, const struct admin_request *request,
		   struct admin_reply *reply)
{
	(void)store;
	(void)request;
	json_put_string(reply_json(reply, 200), "status", "ok");
	reply_end(reply);
}

/* Not ready is what an operator must look at. That an improbable number of changes waits for a
 * second check is told, but heals by itself. */
void status_ready(struct store *store, const struct admin_request *request,
		  struct admin_reply *reply)
{
	(void)store;
	const struct service_status *status = &request->status;
	const struct poll_status *poll = &status->poll;
	bool watching = poll->watched > 0;
	const struct {
		bool holds;
		const char *reason;
	} reasons[] = {
		{ status->stopping, "stopping" },
		{ status->store_degraded, "store_not_writable" },
		{ watching && poll->key_missing, "upstream_key_missing" },
		{ watching && poll->auth_refused, "upstream_key_refused" },
		{ watching && poll->stale, "upstream_not_answering" },
	};
	bool ready = true;

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		ready &= !reasons[i].holds;
	struct json_writer *writer = reply_json(reply, ready ? 200 : 503);
	json_put_bool(writer, "ready", ready);
	json_begin_array(writer, "reasons");
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].holds)
			json_put_string(writer, NULL, reasons[i].reason);
	json_end_array(writer);
	json_put_bool(writer, "mass_flip_held", poll->mass_flip_held);
	reply_end(reply);
}

void status_metrics(struct store *store, const struct admin_request *request,
		    struct admin_reply *reply)
{
	struct strbuf text;

	(void)store;
	(void)request;
	strbuf_init(&text, LIMIT_ADMIN_REPLY_BYTES);
	metrics_render(&text);
	reply_text(reply, 200, "text/plain; version=0.0.4; charset=utf-8", text.data, text.length);
	strbuf_finish(&text);
}
