#include "detect/poller_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

enum {
	LIMITS_AGAIN_MS = 10 * 60 * 1000,
	POISON_FAILURES_MIN = 3, /* of one batch while others went well, then it is bisected */
};

/* Has exactly this batch failed again and again while others went well? Then the service stumbles
 * over something in it. */
static bool errand_is_poisoned(const struct errand *errand)
{
	const struct poller *poller = errand->poller;
	for (size_t i = 0; i < errand->count; i++)
		if (poller->roster.entries[errand->places[i]].failures < POISON_FAILURES_MIN)
			return false;
	return errand->count > 0 && poller->failures <= 1 && poller->accepted_mono_ms > 0;
}

static void errand_note_silence(const struct errand *errand)
{
	for (size_t i = 0; i < errand->count; i++)
		roster_note_silence(&errand->poller->roster, errand->places[i],
				    errand->answers[i].is_missing);
}

/* Rows are missing. Where all are, it is the service, unless it has just answered about others;
 * where some are, those are the next time asked about apart, where silence is an answer like any
 * other that says nothing. True if the errand has been taken over. */
static bool errand_partial(struct errand *errand, const struct upstream_reply *reply,
			   int64_t now_ms)
{
	struct poller *poller = errand->poller;
	enum planner_company company = poller->roster.plans[errand->places[0]].company;
	bool is_all = reply->missing == errand->count;
	if (company == PLANNER_ALONE) {
		errand_quarantine(errand, now_ms);
		return true;
	}
	if (company == PLANNER_APART) {
		errand_digest(errand, now_ms);
		return true;
	}
	if (!is_all || poller->failures == 0)
		errand_note_silence(errand);
	if (is_all) {
		poller_note_trouble(poller, reply);
		poller_back_off(poller, errand, GAP_FAILING);
		errand_step_back(errand, now_ms);
	} else {
		errand_postpone(errand, now_ms);
	}
	return false;
}

/* Is the failure one of this request, rather than of the service? */
static bool errand_is_at_fault(const struct errand *errand, const struct upstream_reply *reply)
{
	if (reply->outcome == UPSTREAM_REFUSED)
		return true;
	if (reply->outcome != UPSTREAM_HTTP_ERROR && reply->outcome != UPSTREAM_BAD_ANSWER)
		return false;
	if (errand->is_piece)
		return errand->poller->bisect_takes_failures;
	return (reply->status == 404 && errand->count == 1) ||
	       (errand->count > 1 && errand_is_poisoned(errand));
}

/* True if the errand has been taken over. */
static bool errand_failed(struct errand *errand, const struct upstream_reply *reply, int64_t now_ms)
{
	struct poller *poller = errand->poller;
	if (errand_is_at_fault(errand, reply))
		return errand_refused(errand, reply, now_ms);
	if (reply->outcome == UPSTREAM_PARTIAL) {
		if (errand->is_piece)
			bisect_accepted(&poller->bisect, errand->piece);
		return errand_partial(errand, reply, now_ms);
	}
	if (errand->is_piece)
		bisect_put_back(&poller->bisect, errand->piece);
	poller_note_trouble(poller, reply);
	if (reply->outcome == UPSTREAM_RATE_LIMITED || reply->notice.has_retry_after)
		poller_take_refusal(poller, &reply->notice);
	poller_back_off(poller, errand,
			reply->outcome == UPSTREAM_RATE_LIMITED ? GAP_THROTTLED : GAP_FAILING);
	errand_step_back(errand, now_ms);
	return false;
}

static void count_reply(const struct errand *errand, const struct upstream_reply *reply)
{
	metrics_add(METRIC_UPSTREAM_REQUESTS, reply->outcome, 1);
	metrics_observe_ms(METRIC_UPSTREAM_SECONDS, reply->duration_ms);
	if (errand->type == ERRAND_CHECK && reply->outcome != UPSTREAM_OK)
		metrics_add(METRIC_POLL_ANSWERS, ANSWER_UNKNOWN, (int64_t)errand->count);
}

void poller_take_check_reply(void *arg, const struct upstream_reply *reply)
{
	struct errand *errand = arg;
	struct poller *poller = errand->poller;
	poller_notice_clock(poller);
	int64_t now_ms = clock_now_ms();
	bool is_piece = errand->is_piece, is_taken_over = true;
	errand->call = NULL;
	poller->requests--;
	quota_ended(&poller->quota);
	quota_notice(&poller->quota, &reply->notice, clock_mono_ms());
	count_reply(errand, reply);
	if (reply->outcome == UPSTREAM_OK) {
		poller_accept(poller, reply);
		poller->last_success_at_ms = now_ms;
		if (is_piece)
			bisect_accepted(&poller->bisect, errand->piece);
		errand->gap = poller_gap_end(poller, now_ms);
		errand_digest(errand, now_ms);
	} else {
		is_taken_over = errand_failed(errand, reply, now_ms);
	}
	if (!is_taken_over)
		errand_destroy(errand);
	if (is_piece)
		on_piece_settled(poller, reply);
	poller_tick_soon(poller);
}

/* What the service says of the limits is worth one request; without it there are priors. */
void poller_take_limits_reply(void *arg, const struct upstream_reply *reply)
{
	struct errand *errand = arg;
	struct poller *poller = errand->poller;
	int64_t mono_ms = clock_mono_ms();
	errand->call = NULL;
	poller->requests--;
	quota_ended(&poller->quota);
	count_reply(errand, reply);
	poller->wants_limits = reply->outcome != UPSTREAM_OK;
	poller->limits_not_before_mono_ms = mono_ms + LIMITS_AGAIN_MS;
	if (reply->outcome == UPSTREAM_OK) {
		poller_accept(poller, reply);
		allowance_learn_tier(&poller->allowance, poller->store, reply->tier);
		allowance_apply(&poller->allowance, poller->config, &poller->quota);
		log_info("limits are known",
			 LOG_TEXT("tier", quota_tier_name(poller->allowance.tier)),
			 LOG_INT("batch_size", poller->allowance.batch_size),
			 LOG_INT("requests_per_day", poller->quota.requests_per_day));
	} else if (reply->status == 401) {
		poller_refuse_auth(poller, reply);
	} else if (reply->outcome == UPSTREAM_RATE_LIMITED) {
		poller_take_refusal(poller, &reply->notice);
	} else {
		log_warning("limits are not known: using those of the tier",
			    LOG_TEXT("outcome", upstream_outcome_name(reply->outcome)),
			    LOG_INT("status", reply->status), LOG_TEXT("message", reply->message));
	}
	quota_notice(&poller->quota, &reply->notice, mono_ms);
	errand_destroy(errand);
	poller_tick_soon(poller);
}
