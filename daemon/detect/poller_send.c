#include "detect/poller_private.h"

#include "base/clock.h"
#include "base/metrics.h"

enum {
	TICK_MAX_MS = 60 * 1000, /* the wall clock may be set meanwhile */
	WAIT_FOREVER = -1,
};

static size_t poller_batch_size(const struct poller *poller)
{
	return poller->is_probing ? 1 : poller->allowance.batch_size;
}

static int count_request(struct store *store, void *arg)
{
	struct errand *errand = arg;
	int r = store_quota_take(store, errand->day, 1, &errand->used);
	return r < 0 ? r : store_fact_set(store, "requests_recent", errand->recent);
}

/* Counting takes time, in which a 429 may come for a request that went before. And what is counted
 * for a minute that is over a restart would not know of: it is asked for anew. */
static bool may_still_go_out(const struct errand *errand)
{
	const struct poller *poller = errand->poller;
	int64_t mono_ms = clock_mono_ms();
	return poller->is_running && poller->has_key && !quota_is_closed(&poller->quota, mono_ms) &&
	       quota_is_of_this_minute(errand->recent, clock_now_ms());
}

static void on_request_counted(void *arg, int result)
{
	struct errand *errand = arg;
	struct poller *poller = errand->poller;
	poller_note_store(poller, result);
	if (result < 0 || !may_still_go_out(errand)) {
		quota_not_sent(&poller->quota);
		if (result == 0)
			quota_set_used(&poller->quota, errand->day, errand->used);
		errand_abandon(errand);
		if (poller_job_done(poller))
			poller_tick_soon(poller);
		return;
	}
	poller->jobs--;
	errand->sent_mono_ms = clock_mono_ms();
	quota_sent(&poller->quota, errand->sent_mono_ms);
	quota_set_used(&poller->quota, errand->day, errand->used);
	if (errand->type == ERRAND_LIMITS) {
		errand->call =
			upstream_ask_limits(poller->upstream, poller_take_limits_reply, errand);
		return;
	}
	errand->call = upstream_check(poller->upstream, errand->names, errand->count,
				      errand->answers, poller_take_check_reply, errand);
	int64_t empty = (int64_t)errand->size - (int64_t)errand->count;
	metrics_add(METRIC_POLL_BATCH_SLOTS, 0, (int64_t)errand->count);
	metrics_add(METRIC_POLL_BATCH_SLOTS, 1, empty);
}

/* Counts the request where a restart cannot forget it; then it goes out. */
static void errand_send(struct errand *errand)
{
	struct poller *poller = errand->poller;
	int64_t now_ms = clock_now_ms();
	quota_take(&poller->quota, now_ms, clock_mono_ms());
	poller->allowance.requests_recent = quota_recent(poller->allowance.requests_recent, now_ms);
	errand->day = clock_utc_day(now_ms);
	errand->recent = poller->allowance.requests_recent;
	poller->requests++;
	poller->jobs++;
	store_write(poller->store, count_request, on_request_counted, errand);
}

static int64_t poller_quota_wait_ms(struct poller *poller, enum quota_use use)
{
	int64_t wait_ms = quota_wait_ms(&poller->quota, use, clock_now_ms(), clock_mono_ms());
	return wait_ms == INT64_MAX ? WAIT_FOREVER : wait_ms;
}

/* Each of the functions below sends one request and returns 0, or returns how long to wait. */

static int64_t poller_send_limits(struct poller *poller)
{
	int64_t wait_ms = poller_quota_wait_ms(poller, QUOTA_FIRST_SWEEP);
	if (wait_ms == 0)
		errand_send(errand_create(poller, ERRAND_LIMITS, 0));
	return wait_ms;
}

/* Creators that left meanwhile are left out; with all of them gone there is nothing against it. */
static int64_t poller_send_piece(struct poller *poller)
{
	struct bisect_piece piece;
	int64_t wait_ms = poller_quota_wait_ms(poller, QUOTA_FIRST_SWEEP);
	if (poller->piece_is_under_way)
		return WAIT_FOREVER;
	if (wait_ms != 0)
		return wait_ms;
	if (!bisect_next(&poller->bisect, &piece)) {
		poller->is_bisecting = false;
		return 0;
	}
	struct errand *errand = errand_create(poller, ERRAND_CHECK, piece.end - piece.first);
	for (size_t i = piece.first; i < piece.end; i++) {
		ssize_t place = roster_find(&poller->roster, poller->bisect_keys[i]);
		if (place >= 0 && poller->roster.plans[place].is_waiting)
			errand_add(errand, (size_t)place);
	}
	errand->is_piece = true;
	errand->piece = piece;
	if (errand->count == 0) {
		errand_destroy(errand);
		return 0;
	}
	poller->piece_is_under_way = true;
	errand_send(errand);
	return 0;
}

static int64_t poller_send_batch(struct poller *poller)
{
	size_t picks[LIMIT_BATCH_SIZE];
	struct planner_batch batch;
	int64_t now_ms = clock_now_ms();
	struct digest_rules rules = poller_rules(poller, now_ms);
	lineup_pick(&poller->lineup, &rules.planner, poller->roster.plans, poller->roster.count,
		    poller_batch_size(poller), quota_pace_ms(&poller->quota, now_ms), now_ms, picks,
		    &batch);
	int64_t next_ms =
		batch.next_at_ms == INT64_MAX ? WAIT_FOREVER : larger(batch.next_at_ms - now_ms, 1);
	if (batch.count == 0)
		return next_ms;
	int64_t wait_ms = poller_quota_wait_ms(poller, planner_batch_use(&batch));
	if (wait_ms != 0)
		return wait_ms == WAIT_FOREVER || (next_ms != WAIT_FOREVER && next_ms < wait_ms)
			       ? next_ms
			       : wait_ms;
	struct errand *errand = errand_create(poller, ERRAND_CHECK, poller_batch_size(poller));
	for (size_t i = 0; i < batch.count; i++)
		errand_add(errand, picks[i]);
	errand_send(errand);
	return 0;
}

static int64_t poller_send(struct poller *poller)
{
	int64_t mono_ms = clock_mono_ms();
	unsigned most = poller->is_probing ? 1 : (unsigned)poller->config->upstream.max_in_flight;
	if (!poller->is_prepared || !poller->has_key || poller->roster.watched == 0 ||
	    poller->requests >= most)
		return WAIT_FOREVER;
	if (poller->backoff_until_mono_ms > mono_ms)
		return poller->backoff_until_mono_ms - mono_ms;
	bool asks_limits = poller->wants_limits && poller->config->upstream.tier == TIER_AUTO;
	if (asks_limits && poller->limits_not_before_mono_ms <= mono_ms)
		return poller->requests > 0 ? WAIT_FOREVER : poller_send_limits(poller);
	if (poller->is_bisecting)
		return poller_send_piece(poller);
	return poller_send_batch(poller);
}

void poller_tick(void *arg)
{
	struct poller *poller = arg;
	int64_t wait_ms;
	if (!poller->is_running)
		return;
	poller_notice_clock(poller);
	do
		wait_ms = poller_send(poller);
	while (wait_ms == 0);
	if (wait_ms == WAIT_FOREVER)
		loop_timer_cancel(poller->tick_timer);
	else
		loop_timer_set(poller->tick_timer, smaller(wait_ms, TICK_MAX_MS));
}
