#include "deliver/dispatch_report.h"

#include "base/log.h"
#include "base/metrics.h"

/* Failures in a row at which a webhook is reported, and at every doubling of it. */
enum { FAILING_STREAK = 5 };

static void log_attempt(const struct flight *flight)
{
	const struct attempt_outcome *outcome = &flight->outcome;
	const struct endpoint *endpoint = flight_endpoint(flight);
	bool is_delivered = outcome->verdict == ATTEMPT_DELIVERED;
	enum log_level level = is_delivered ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING;
	if (!log_is_enabled(level))
		return;
	const struct log_field fields[] = {
		LOG_TEXT("event", flight->claim->event_id),
		LOG_TEXT("delivery", flight->claim->delivery_id),
		LOG_TEXT("webhook", endpoint->webhook_id),
		LOG_INT("attempt", outcome->attempt),
		LOG_INT("status", outcome->status_code),
		LOG_INT("duration_ms", outcome->duration_ms),
		LOG_TEXT("target", flight->batch->origin),
		is_delivered ? (struct log_field){ 0 } : LOG_TEXT("error", outcome->error),
		outcome->error_detail ? LOG_TEXT("detail", outcome->error_detail)
				      : (struct log_field){ 0 },
	};
	log_write(level, is_delivered ? "attempt delivered" : "attempt failed", fields,
		  ARRAY_SIZE(fields));
}

void dispatch_report_not_made(const struct flight *flight)
{
	log_warning("attempt not made", LOG_TEXT("delivery", flight->claim->delivery_id),
		    LOG_TEXT("webhook", flight_endpoint(flight)->webhook_id),
		    LOG_TEXT("detail", flight->outcome.error_detail));
}

static void count_attempt(const struct flight *flight, int64_t now_ms)
{
	const struct attempt_outcome *outcome = &flight->outcome;
	const struct delivery_claim *claim = flight->claim;
	bool is_delivered = outcome->verdict == ATTEMPT_DELIVERED;
	int64_t late_ms = outcome->started_at_ms - claim->due_at_ms;

	metrics_add(METRIC_ATTEMPTS,
		    metrics_label(METRIC_ATTEMPTS, is_delivered ? "delivered" : outcome->error), 1);
	metrics_observe_ms(METRIC_ATTEMPT_SECONDS, outcome->duration_ms);
	metrics_observe_ms(METRIC_DELIVERY_LATENESS_SECONDS, late_ms > 0 ? late_ms : 0);
	if (is_delivered && claim->kind == DELIVERY_NORMAL) {
		int64_t latency_ms = now_ms - claim->created_at_ms;
		metrics_observe_ms(METRIC_DELIVERY_LATENCY_SECONDS,
				   latency_ms > 0 ? latency_ms : 0);
	}
}

void dispatch_report_attempt(const struct flight *flight, int64_t now_ms)
{
	log_attempt(flight);
	count_attempt(flight, now_ms);
}

/* 5, 10, 20, 40, … */
static bool is_reported_streak(int64_t streak)
{
	int64_t reported = FAILING_STREAK;
	while (reported < streak)
		reported *= 2;
	return reported == streak;
}

static void report_health(const struct flight *flight)
{
	const struct outcome_effect *effect = &flight->effect;
	const struct log_field webhook = LOG_TEXT("webhook", effect->webhook_id);
	if (effect->webhook_deactivated)
		log_warning("webhook deactivated", webhook, LOG_TEXT("reason", "gone"));
	if (effect->fail_streak > effect->fail_streak_before &&
	    is_reported_streak(effect->fail_streak))
		log_warning("endpoint failing", webhook, LOG_INT("streak", effect->fail_streak),
			    LOG_TEXT("error", flight->outcome.error));
	if (effect->fail_streak == 0 && effect->fail_streak_before >= FAILING_STREAK)
		log_notice("endpoint recovered", webhook,
			   LOG_INT("streak", effect->fail_streak_before));
}

void dispatch_report_settled(const struct flight *flight)
{
	const struct attempt_outcome *outcome = &flight->outcome;
	if (!flight->is_recorded)
		return;
	report_health(flight);
	if (outcome->verdict != ATTEMPT_DEAD || flight_is_test(flight))
		return;
	metrics_add(METRIC_DEAD_LETTERS, 0, 1);
	log_warning("delivery dead-lettered", LOG_TEXT("event", flight->claim->event_id),
		    LOG_TEXT("delivery", flight->claim->delivery_id),
		    LOG_TEXT("webhook", flight->effect.webhook_id),
		    LOG_INT("attempts", outcome->attempt));
}
