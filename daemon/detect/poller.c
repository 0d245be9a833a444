/* The happy path is: the timer fires; the planner picks a batch, the quota grants a request; a job
 * counts it against the day, on disk; the request goes out; its reply is read into answers and
 * digested into a record; a job stores what it changes; and when that is committed, the copy in
 * memory follows, and the deliveries' side gets a hint. Checks that changed nothing are gathered,
 * and stored together about once a second. Then the next batch.
 *
 * What can go wrong:
 *   - the service fails, or answers what cannot be read: nobody's state changes; everything waits
 *     (1 s, doubling, with jitter), and those in the batch wait a moment longer than the others, so
 *     that one batch that always fails does not keep the rest from their turn;
 *   - it says 429: the quota closes until the time it names;
 *   - it refuses the key (401, or 403 for a single handle): one creator is tried a minute;
 *   - it refuses a batch: bisect finds the size that works, or the handle at fault;
 *   - it leaves out rows: those it keeps silent about are asked about apart from the others;
 *   - the store cannot write: no request is granted, as its count could not be kept; a record that
 *     failed leaves the memory as it was, and its creators are asked about again;
 *   - the poller is destroyed while the store works for it: the jobs own what they touch, and the
 *     poller's memory stays until the last of them has called back.
 */
#include "detect/poller_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metrics.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	CHANGES_EVERY_MS = 3000, /* should a hint have been lost */
	GAUGES_EVERY_MS = 1000,
	STALE_FAILING_MS = 60 * 1000, /* failing for so long: the service does not answer */
	STALE_SILENT_MS = 5 * 60 * 1000,
	STALE_ROUNDS = 3,
};

struct digest_rules poller_rules(const struct poller *poller, int64_t now_ms)
{
	const struct config *config = poller->config;
	return (struct digest_rules){
		.detector = { .end_confirmations = config->poll.end_confirmations,
			      .end_grace_ms = config->poll.end_grace_ms,
			      .first_sight = config->poll.first_sight,
			      .first_sight_max_age_ms = config->poll.first_sight_max_age_ms },
		.planner = { .policy = config->poll.policy,
			     .min_interval_ms = config->poll.min_interval_ms,
			     .max_interval_ms = config->poll.max_interval_ms,
			     .quarantine_interval_ms = config->poll.quarantine_interval_ms,
			     .sweep_ms = planner_sweep_ms(poller->roster.watched,
							  poller->allowance.batch_size,
							  quota_pace_ms(&poller->quota, now_ms),
							  config->poll.min_interval_ms),
			     .haste_h = PLANNER_HASTE_H },
	};
}

/* Frees the poller once nobody refers to it any more. */
static void poller_let_go(struct poller *poller)
{
	if (poller->is_destroyed && poller->jobs == 0) {
		lineup_finish(&poller->lineup);
		roster_finish(&poller->roster);
		free(poller);
	}
}

/* Nobody waits until the clock shows again what it showed before, and nobody counts as neglected
 * because it was set forward. */
void poller_notice_clock(struct poller *poller)
{
	int64_t step_ms = clock_step_ms(&poller->anchor, clock_now_ms(), clock_mono_ms());
	if (step_ms == 0)
		return;
	poller->moved_ms += step_ms;
	poller->started_at_ms += step_ms;
	poller->last_success_at_ms = clock_moved_ms(poller->last_success_at_ms, step_ms);
	poller->gathered_at_ms = clock_moved_ms(poller->gathered_at_ms, step_ms);
	roster_move_all(&poller->roster, step_ms);
	poller_gap_move(poller, step_ms);
	poller_write_silence(poller);
}

void poller_tick_soon(struct poller *poller)
{
	if (poller->is_running)
		loop_timer_set(poller->tick_timer, 0);
}

/* A job of the poller's has been called back. False: that was all that was still waited for. */
bool poller_job_done(struct poller *poller)
{
	poller->jobs--;
	if (!poller->is_destroyed)
		return true;
	poller_let_go(poller);
	return false;
}

/* The store refuses writes: say so once, and try again as if the service had failed. */
void poller_note_store(struct poller *poller, int result)
{
	if (result < 0 && !poller->store_failed)
		log_error("polling waits for the store", LOG_ERRNO(result));
	else if (result == 0 && poller->store_failed)
		log_notice("store takes writes again");
	poller->store_failed = result < 0;
	if (result < 0)
		poller_gap_begin(poller, GAP_STORE, clock_now_ms());
	if (result < 0)
		poller->backoff_until_mono_ms =
			larger(poller->backoff_until_mono_ms,
			       clock_mono_ms() + poller_backoff_ms(poller, 1));
}

/* ---- gauges ---- */

static void poller_set_gauges(struct poller *poller)
{
	int64_t counts[3] = { 0 }, quarantined = 0, lag_ms = 0, now_ms = clock_now_ms();
	size_t held = 0;
	struct digest_rules rules = poller_rules(poller, now_ms);
	for (size_t place = 0; place < poller->roster.count; place++) {
		const struct roster_entry *entry = &poller->roster.entries[place];
		if (!entry->is_taken || entry->is_leaving)
			continue;
		counts[entry->creator.state.status]++;
		quarantined += entry->creator.quarantined;
		held += entry->is_held[MASSFLIP_LIVE] || entry->is_held[MASSFLIP_OFFLINE];
		if (poller->roster.plans[place].is_waiting)
			lag_ms = larger(lag_ms,
					now_ms - planner_due_at_ms(&rules.planner,
								   &poller->roster.plans[place]));
	}
	poller->held = held;
	poller->lag_seconds = lag_ms / 1000;
	metrics_set(METRIC_CREATORS, 0, counts[CREATOR_LIVE]);
	metrics_set(METRIC_CREATORS, 1, counts[CREATOR_OFFLINE]);
	metrics_set(METRIC_CREATORS, 2, counts[CREATOR_UNKNOWN]);
	metrics_set(METRIC_CREATORS, 3, quarantined);
	metrics_set(METRIC_POLL_LAG_SECONDS, 0, poller->lag_seconds);
	metrics_set(METRIC_POLL_LAST_SUCCESS, 0, poller->last_success_at_ms / 1000);
	metrics_set(METRIC_UPSTREAM_QUOTA_LIMIT, 0, poller->quota.requests_per_day);
	metrics_set(METRIC_UPSTREAM_QUOTA_REMAINING, 0,
		    quota_remaining_today(&poller->quota, now_ms));
	metrics_set(METRIC_UPSTREAM_QUOTA_HOUR, 0, quota_this_hour(&poller->quota, now_ms));
}

/* Shares the day's requests out among its hours; evenly where habits do not count. */
static void poller_pace(struct poller *poller)
{
	struct pace pace = { 0 };
	if (poller->config->poll.policy == POLICY_LEARNED) {
		if (!poller->is_loading)
			forecast_step(&poller->forecast, &poller->roster, clock_now_ms(),
				      GAUGES_EVERY_MS);
		pace = forecast_pace(&poller->forecast, &poller->roster, &poller->quota,
				     poller->allowance.batch_size,
				     poller->config->poll.max_interval_ms);
	}
	quota_set_pace(&poller->quota, &pace);
}

static void on_gauge_timer(void *arg)
{
	struct poller *poller = arg;
	poller_notice_clock(poller);
	poller_set_gauges(poller);
	roster_foresee(&poller->roster, clock_now_ms(), GAUGES_EVERY_MS);
	poller_pace(poller);
	poller_prepare(poller);
	if (poller->is_silence_unwritten)
		poller_write_silence(poller);
	poller_gap_watch(poller, clock_now_ms());
	if (clock_mono_ms() - poller->loaded_mono_ms >= CHANGES_EVERY_MS)
		poller_load(poller);
	loop_timer_set(poller->gauge_timer, GAUGES_EVERY_MS);
}

/* ---- life ---- */

static void poller_configure(struct poller *poller, const char *key)
{
	const struct config *config = poller->config;
	upstream_configure(poller->upstream, config->upstream.base_url, key,
			   config->upstream.timeout_ms);
	poller->has_key = key && *key;
	poller->wants_limits = true;
	poller->limits_not_before_mono_ms = 0;
	allowance_apply(&poller->allowance, config, &poller->quota);
	if (!poller->has_key)
		log_warning("nobody is polled: there is no key for the upstream service; set "
			    "[upstream] api_key_file or GOLIVED_UPSTREAM_API_KEY");
}

struct poller *poller_create(struct loop *loop, struct store_thread *store,
			     const struct config *config, const char *upstream_key,
			     const struct poller_hooks *hooks)
{
	struct poller *poller = memory_zeroed(1, sizeof(*poller));
	poller->loop = loop;
	poller->store = store;
	poller->config = config;
	poller->hooks = *hooks;
	poller->started_at_ms = clock_now_ms();
	roster_init(&poller->roster);
	lineup_init(&poller->lineup);
	quota_init(&poller->quota, poller->started_at_ms, clock_mono_ms());
	poller->upstream = upstream_create(loop);
	poller->tick_timer = loop_timer_create(loop, poller_tick, poller);
	poller->gauge_timer = loop_timer_create(loop, on_gauge_timer, poller);
	poller->gather_timer = loop_timer_create(loop, poller_gather_round, poller);
	poller_configure(poller, upstream_key);
	return poller;
}

void poller_start(struct poller *poller)
{
	poller->is_running = true;
	poller->started_at_ms = clock_now_ms();
	poller_prepare(poller);
	loop_timer_set(poller->gauge_timer, GAUGES_EVERY_MS);
}

static void poller_halt(struct poller *poller)
{
	poller->is_running = false;
	loop_timer_cancel(poller->tick_timer);
	loop_timer_cancel(poller->gauge_timer);
	loop_timer_cancel(poller->gather_timer);
	for (struct errand *errand = poller->errands, *next; errand; errand = next) {
		next = errand->next;
		if (!errand->call)
			continue;
		upstream_cancel(TAKE(errand->call));
		quota_ended(&poller->quota);
		errand_abandon(errand);
	}
}

void poller_stop(struct poller *poller)
{
	if (poller->is_running && poller->is_prepared) {
		poller_gather_finish(poller);
		poller_gap_write(poller);
	}
	poller_halt(poller);
}

void poller_destroy(struct poller *poller)
{
	if (!poller)
		return;
	poller_halt(poller);
	upstream_destroy(TAKE(poller->upstream));
	loop_timer_destroy(TAKE(poller->tick_timer));
	loop_timer_destroy(TAKE(poller->gauge_timer));
	loop_timer_destroy(TAKE(poller->gather_timer));
	poller->is_destroyed = true;
	poller_let_go(poller);
}

/* What went wrong may have gone wrong for another key or address: everybody is asked about anew. */
void poller_reload(struct poller *poller, const char *upstream_key)
{
	poller_configure(poller, upstream_key);
	poller->auth_refused = false;
	poller->is_probing = false;
	poller->failures = 0;
	poller->backoff_until_mono_ms = 0;
	for (size_t place = 0; place < poller->roster.count; place++) {
		poller->roster.entries[place].suspect_since_mono_ms = 0;
		poller->roster.plans[place].not_before_ms = 0;
	}
	poller_tick_soon(poller);
}

void poller_wake(struct poller *poller)
{
	poller_load(poller);
}

/* Somebody is watched, and the service has not answered lately: it never did since the start, or it
 * has been failing for a while, or nothing was heard of it for several rounds. */
static bool poller_is_stale(const struct poller *poller, int64_t now_ms)
{
	int64_t pace_ms =
		larger(poller->config->poll.min_interval_ms, quota_pace_ms(&poller->quota, now_ms));
	int64_t since_ms = larger(poller->last_success_at_ms, poller->started_at_ms);
	int64_t silence_ms = now_ms - since_ms;
	if (poller->roster.watched == 0)
		return false;
	if (poller->last_success_at_ms == 0 && poller->failures > 0)
		return true;
	return (poller->failures > 0 && silence_ms >= STALE_FAILING_MS) ||
	       silence_ms >= larger(STALE_SILENT_MS, STALE_ROUNDS * pace_ms);
}

void poller_status(const struct poller *poller, struct poll_status *ret_status)
{
	int64_t now_ms = clock_now_ms();
	struct poll_status status = {
		.policy = poller->config->poll.policy == POLICY_UNIFORM ? "uniform" : "learned",
		.batch_size = (int64_t)poller->allowance.batch_size,
		.requests_per_minute = poller->quota.requests_per_minute,
		.requests_per_day = poller->quota.requests_per_day,
		.requests_this_hour = quota_this_hour(&poller->quota, now_ms),
		.used_today = clock_utc_day(now_ms) > poller->quota.day ? 0 : poller->quota.used,
		.last_success_at_ms = poller->last_success_at_ms,
		.lag_seconds = poller->lag_seconds,
		.watched = (int64_t)poller->roster.watched,
		.auth_refused = poller->auth_refused,
		.key_missing = !poller->has_key,
		.stale = poller_is_stale(poller, now_ms),
		.mass_flip_held = poller->held > 0,
		.gap = poller->gap,
	};
	snprintf(status.tier, sizeof(status.tier), "%s", quota_tier_name(poller->allowance.tier));
	*ret_status = status;
}
