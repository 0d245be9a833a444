#include "deliver/dispatcher.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "deliver/dispatch_jobs.h"
#include "deliver/dispatch_report.h"
#include "deliver/egress.h"
#include "deliver/flight.h"
#include "deliver/lanes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The happy path: a look or a list tells the lanes what is due; lanes grant slots; a claim takes
 * that many deliveries out of the store; each becomes an attempt, which is held until its turn, is
 * under way, and is then to be settled; a settle job records what came of it and says when its lane
 * is due next. All of it is driven from pump(), once per turn of the loop. What is in flight is
 * known here alone; a note of it is stored beside, so that a crash leaves it on record.
 *
 * What can fail is the store. Then nothing is claimed for a while, and outcomes stay where they are
 * until they can be recorded: they are no more than the attempts that were in flight. */

enum {
	TICK_MS = 1000,           /* hints may be lost: nothing waits longer for a look */
	LIST_MS = 30000,          /* nor for a list of all lanes */
	STORE_PAUSE_MS = 1000,    /* after trouble of the store */
	EMPTY_CLAIM_MS = 1000,    /* a lane that said it was due and had nothing */
	SETTLE_MAX_COUNT = 1024,  /* outcomes in one job */
	AHEAD_FACTOR = 3,         /* for each attempt under way so many may be claimed ahead, */
	AHEAD_MAX_COUNT = 384,    /* up to this */
	REPORT_TROUBLE_MS = 1000, /* trouble of our own is logged no more often */
	STARVED_PAUSE_MS = 250,   /* without descriptors or memory nothing starts for so long */
};

struct dispatcher {
	struct loop *loop; /* borrowed, as the next three */
	struct store_thread *store;
	const struct config *config;
	struct dispatcher_hooks hooks;

	struct egress *egress; /* owned, as the next three */
	struct lanes *lanes;
	struct loop_timer *timer;
	struct loop_turn *turn;

	bool is_pump_wanted, is_started, is_recovered, is_stopping, is_drained;
	bool is_look_wanted, is_list_wanted, is_test_wanted, is_replan_wanted;
	int64_t listed_mono_ms, looked_mono_ms;
	int64_t pause_until_mono_ms;   /* the store had trouble: claim nothing before */
	int64_t settle_after_mono_ms;  /* nor try to record outcomes */
	int64_t starved_until_mono_ms; /* descriptors or memory were out */
	int64_t drain_until_mono_ms;
	int64_t report_trouble_after_mono_ms;
	struct store_mark mark;
	struct clock_anchor anchor; /* the wall clock may be set */
	int64_t step_ms;            /* by so much: what is pending does not follow it yet; else 0 */
	struct store_mark replanned;
	unsigned tests_in_use;
	unsigned waiting_count; /* held only because enough attempts are under way */

	struct flight_list held, under_way, unsettled;
	struct flight_notes notes;
	struct dispatch_job *jobs[DISPATCH_JOB_KINDS]; /* at the store; at most one of a kind */
};

/* Claimed beyond what may be under way, so that a receiver need not wait for the store. */
static unsigned ahead_of(const struct config *config)
{
	int64_t ahead = AHEAD_FACTOR * config->delivery.concurrency;
	return ahead < AHEAD_MAX_COUNT ? (unsigned)ahead : AHEAD_MAX_COUNT;
}

/* ---- flights ---- */

static void want_pump(struct dispatcher *dispatcher)
{
	dispatcher->is_pump_wanted = true;
	loop_turn_request(dispatcher->turn);
}

static enum lanes_result lesson_of(const struct attempt_outcome *outcome)
{
	switch (outcome->verdict) {
	case ATTEMPT_DELIVERED:
		return LANES_SUCCEEDED;
	case ATTEMPT_RETRY:
	case ATTEMPT_DEAD:
		return LANES_FAILED;
	case ATTEMPT_INTERRUPTED:
	case ATTEMPT_NOT_MADE:
		break;
	}
	return LANES_NOTHING_LEARNT;
}

/* Without descriptors no attempt can be made: that need not be said of each, and the next ones wait
 * for some to come free. */
static void report_attempt(struct dispatcher *dispatcher, const struct flight *flight,
			   int64_t now_ms)
{
	if (flight->outcome.verdict != ATTEMPT_NOT_MADE) {
		dispatch_report_attempt(flight, now_ms);
		return;
	}
	int64_t mono_ms = clock_mono_ms();
	if (!flight->outcome.error_detail) /* given back before anything was tried */
		return;
	metrics_add(METRIC_ATTEMPTS_NOT_MADE, 0, 1);
	dispatcher->starved_until_mono_ms = mono_ms + STARVED_PAUSE_MS;
	if (mono_ms < dispatcher->report_trouble_after_mono_ms)
		return;
	dispatch_report_not_made(flight);
	dispatcher->report_trouble_after_mono_ms = mono_ms + REPORT_TROUBLE_MS;
}

/* The attempt is over, its outcome filled, and it is in no list. Its slot is free from now on. */
static void flight_over(struct dispatcher *dispatcher, struct flight *flight, int64_t now_ms)
{
	report_attempt(dispatcher, flight, now_ms);
	if (flight_is_test(flight))
		dispatcher->tests_in_use--;
	else
		lanes_finished(dispatcher->lanes, flight_endpoint(flight)->webhook_id,
			       lesson_of(&flight->outcome), flight->outcome.duration_ms, now_ms);
	flight_list_append(&dispatcher->unsettled, flight);
	metrics_set(METRIC_LANES_FAILING, 0, lanes_failing(dispatcher->lanes));
	metrics_set(METRIC_DELIVERIES_IN_FLIGHT, 0, dispatcher->under_way.count);
	want_pump(dispatcher);
}

static void on_flight_done(void *arg, struct flight *flight)
{
	struct dispatcher *dispatcher = arg;
	flight_list_take(&dispatcher->under_way, flight);
	flight_over(dispatcher, flight, clock_now_ms());
}

/* No attempt starts whose success could not be recorded, or for which we lack the means. */
static bool is_paused(const struct dispatcher *dispatcher)
{
	return store_thread_is_degraded(dispatcher->store) ||
	       clock_mono_ms() < dispatcher->pause_until_mono_ms ||
	       clock_mono_ms() < dispatcher->starved_until_mono_ms ||
	       clock_mono_ms() < dispatcher->settle_after_mono_ms;
}

static bool has_room(const struct dispatcher *dispatcher, const struct flight *flight)
{
	return flight_is_test(flight) ||
	       dispatcher->under_way.count < (unsigned)dispatcher->config->delivery.concurrency;
}

/* What starts late pushes the turns behind it back, else two would start too close together. Less
 * than a tenth of the spacing is let pass, so that lateness does not add up. */
static void keep_spacing(struct dispatcher *dispatcher, const struct flight *started,
			 int64_t now_ms)
{
	const char *webhook_id = flight_endpoint(started)->webhook_id;
	int64_t late_ms = now_ms - started->start_at_ms;
	if (late_ms * 10 <= started->spacing_ms)
		return;
	lanes_delay(dispatcher->lanes, webhook_id, late_ms, now_ms);
	for (struct flight *flight = dispatcher->held.first; flight; flight = flight->next) {
		if (strcmp(flight_endpoint(flight)->webhook_id, webhook_id) == 0)
			flight->start_at_ms += late_ms;
	}
}

static void start_held(struct dispatcher *dispatcher, int64_t now_ms)
{
	dispatcher->waiting_count = 0;
	for (struct flight *next, *flight = dispatcher->held.first; flight; flight = next) {
		next = flight->next;
		if (flight->start_at_ms > now_ms)
			continue;
		if (!has_room(dispatcher, flight)) {
			dispatcher->waiting_count++;
			continue;
		}
		flight_list_append(&dispatcher->under_way,
				   flight_list_take(&dispatcher->held, flight));
		if (flight->spacing_ms > 0)
			keep_spacing(dispatcher, flight, now_ms);
		flight_send(flight, dispatcher->egress, now_ms);
	}
	metrics_set(METRIC_DELIVERIES_IN_FLIGHT, 0, dispatcher->under_way.count);
}

static void give_back_held(struct dispatcher *dispatcher, int64_t now_ms)
{
	for (struct flight *flight; (flight = flight_list_take_first(&dispatcher->held));) {
		flight_give_back(flight);
		flight_over(dispatcher, flight, now_ms);
	}
}

static void interrupt_all(struct dispatcher *dispatcher, int64_t now_ms)
{
	for (struct flight *flight; (flight = flight_list_take_first(&dispatcher->under_way));) {
		flight_interrupt(flight);
		flight_over(dispatcher, flight, now_ms);
	}
}

/* ---- jobs ---- */

static void submit(struct dispatcher *dispatcher, struct dispatch_job *job, dispatch_job_fn on_done)
{
	assert(!dispatcher->jobs[job->kind]);
	dispatcher->jobs[job->kind] = job;
	dispatch_job_submit(job, dispatcher->store, on_done, dispatcher);
}

/* The job is back: what it could not do is said once. Of a full disk the store's thread speaks. */
static void job_is_back(struct dispatcher *dispatcher, struct dispatch_job *job, int result)
{
	static const char *const failures[DISPATCH_JOB_KINDS] = {
		[DISPATCH_RECOVER] = "cannot take up deliveries",
		[DISPATCH_LIST] = "cannot list lanes",
		[DISPATCH_LOOK] = "cannot look for new deliveries",
		[DISPATCH_CLAIM] = "cannot claim deliveries",
		[DISPATCH_NOTE] = "cannot note what is in flight",
		[DISPATCH_SETTLE] = "cannot record attempts",
		[DISPATCH_REPLAN] = "cannot plan deliveries anew",
	};
	dispatcher->jobs[job->kind] = NULL;
	if (result != 0) {
		if (result != -ENOSPC)
			log_warning(failures[job->kind], LOG_ERRNO(result));
		dispatcher->pause_until_mono_ms = clock_mono_ms() + STORE_PAUSE_MS;
	}
	want_pump(dispatcher);
}

static void touch_lanes(struct dispatcher *dispatcher, const struct dispatch_job *job)
{
	int64_t now_ms = clock_now_ms();
	for (unsigned i = 0; i < job->lane_count; i++) {
		const struct lane_due *lane = &job->lanes[i];
		lanes_introduce(dispatcher->lanes, lane->webhook_id, lane->was_tried,
				lane->fail_streak, now_ms);
		lanes_touch(dispatcher->lanes, lane->webhook_id, lane->due_at_ms, now_ms);
	}
}

/* Goes over all that is pending. One that has begun begins anew: what it had not come to yet does
 * not move twice, and is early, or waits its gap once more. */
static void want_replan(struct dispatcher *dispatcher, int64_t step_ms)
{
	dispatcher->is_replan_wanted = true;
	dispatcher->step_ms = step_ms;
	dispatcher->replanned = (struct store_mark){ 0 };
}

/* Everything is planned by the wall clock, so that it means the same after a restart. Where that
 * is set, the plans follow: nobody waits until it shows again what it showed before, and nothing is
 * early because it was set forward. */
static void notice_clock(struct dispatcher *dispatcher, int64_t now_ms)
{
	int64_t step_ms = clock_step_ms(&dispatcher->anchor, now_ms, clock_mono_ms());
	if (step_ms == 0)
		return;
	log_notice("wall clock was set", LOG_INT("by_s", step_ms / 1000));
	for (struct flight *flight = dispatcher->held.first; flight; flight = flight->next)
		flight->start_at_ms += step_ms;
	lanes_refresh(dispatcher->lanes, now_ms);
	want_replan(dispatcher, step_ms);
}

static void on_replanned(void *owner, struct dispatch_job *job, int result)
{
	struct dispatcher *dispatcher = owner;
	job_is_back(dispatcher, job, result);
	if (dispatcher->is_replan_wanted) {
		/* The clock was set once more. */
	} else if (result != 0) {
		dispatcher->is_replan_wanted = true;
	} else if (job->has_more) {
		dispatcher->is_replan_wanted = true;
		dispatcher->replanned = job->mark;
	} else {
		dispatcher->step_ms = 0;
		dispatcher->is_list_wanted = true;
	}
	dispatch_job_destroy(job);
}

static void on_recovered(void *owner, struct dispatch_job *job, int result)
{
	struct dispatcher *dispatcher = owner;
	job_is_back(dispatcher, job, result);
	if (result == 0) {
		dispatcher->is_recovered = true;
		if (dispatcher->step_ms == 0) /* it may have been set while nobody looked */
			want_replan(dispatcher, 0);
		dispatcher->mark = job->mark;
		touch_lanes(dispatcher, job);
		if (job->recovered > 0)
			log_notice("interrupted deliveries taken up again",
				   LOG_INT("count", job->recovered));
	}
	dispatch_job_destroy(job);
}

static void on_listed(void *owner, struct dispatch_job *job, int result)
{
	struct dispatcher *dispatcher = owner;
	job_is_back(dispatcher, job, result);
	if (result == 0)
		touch_lanes(dispatcher, job);
	dispatch_job_destroy(job);
}

static void on_looked(void *owner, struct dispatch_job *job, int result)
{
	struct dispatcher *dispatcher = owner;
	job_is_back(dispatcher, job, result);
	if (result == 0) {
		dispatcher->mark = job->mark;
		dispatcher->is_look_wanted |= job->has_more;
		dispatcher->is_test_wanted |= job->has_due_test;
		touch_lanes(dispatcher, job);
	}
	dispatch_job_destroy(job);
}

static void hold_claimed(struct dispatcher *dispatcher, struct claimed_lane *lane,
			 int64_t first_start_ms, int64_t spacing_ms)
{
	struct flight *flight =
		flight_create_all(lane, dispatcher->config, on_flight_done, dispatcher);
	for (int64_t start_ms = first_start_ms; flight; start_ms += spacing_ms) {
		struct flight *next = flight->next;
		flight->note = flight_notes_add(&dispatcher->notes, flight->claim->delivery_key,
						flight->claim->attempt);
		flight->start_at_ms = start_ms;
		flight->spacing_ms = spacing_ms;
		flight_list_append(&dispatcher->held, flight);
		flight = next;
	}
}

static void take_claimed_lane(struct dispatcher *dispatcher, const struct lanes_grant *grant,
			      struct claimed_lane *lane, int64_t now_ms)
{
	int64_t first_start_ms, spacing_ms, due_at_ms = lane->next_due_at_ms;
	if (lane->claim_count == 0 && due_at_ms <= now_ms)
		due_at_ms = now_ms + EMPTY_CLAIM_MS;
	lanes_claimed(dispatcher->lanes, grant, lane->claim_count, lane->endpoint.rate_limit,
		      now_ms, &first_start_ms, &spacing_ms);
	lanes_set_left(dispatcher->lanes, grant->webhook_id, due_at_ms, now_ms);
	hold_claimed(dispatcher, lane, first_start_ms, spacing_ms);
}

/* Nothing of it happened: the slots are free, and what was due is due. */
static void return_grants(struct dispatcher *dispatcher, const struct dispatch_job *job,
			  int64_t now_ms)
{
	int64_t ignored_start_ms, ignored_spacing_ms;
	for (unsigned i = 0; i < job->grant_count; i++)
		lanes_claimed(dispatcher->lanes, &job->grants[i], 0, 0, now_ms, &ignored_start_ms,
			      &ignored_spacing_ms);
	dispatcher->is_test_wanted = true;
}

static void on_claimed(void *owner, struct dispatch_job *job, int result)
{
	struct dispatcher *dispatcher = owner;
	int64_t now_ms = clock_now_ms();
	notice_clock(dispatcher, now_ms);
	job_is_back(dispatcher, job, result);
	if (result != 0) {
		return_grants(dispatcher, job, now_ms);
	} else {
		for (unsigned i = 0; i < job->grant_count; i++)
			take_claimed_lane(dispatcher, &job->grants[i], &job->claimed[i], now_ms);
		for (unsigned i = 0; i < job->test_count; i++)
			hold_claimed(dispatcher, &job->claimed[job->grant_count + i], now_ms, 0);
		dispatcher->tests_in_use += job->test_count;
		/* As many as there was room for: there may be more. */
		if (job->test_max > 0 && job->test_count == job->test_max)
			dispatcher->is_test_wanted = true;
	}
	dispatch_job_destroy(job);
}

static void finish_settled(struct dispatcher *dispatcher, struct dispatch_job *job)
{
	int64_t now_ms = clock_now_ms();
	for (const struct flight *flight = job->flights; flight; flight = flight->next) {
		dispatch_report_settled(flight);
		if (flight->is_recorded)
			lanes_touch(dispatcher->lanes, flight->effect.webhook_id,
				    flight->effect.lane_due_at_ms, now_ms);
	}
	if (dispatcher->hooks.on_settled)
		dispatcher->hooks.on_settled(dispatcher->hooks.arg);
}

/* They are recorded later; or, once a stop can wait no longer, made again after the next start. */
static void keep_unsettled(struct dispatcher *dispatcher, struct dispatch_job *job)
{
	while (job->flights) {
		struct flight *flight = job->flights;
		job->flights = flight->next;
		flight_list_append(&dispatcher->unsettled, flight);
	}
	flight_notes_give_back(&dispatcher->notes, job->notes_over, job->notes_over_count);
	dispatcher->settle_after_mono_ms = clock_mono_ms() + STORE_PAUSE_MS;
	if (dispatcher->is_stopping && clock_mono_ms() >= dispatcher->drain_until_mono_ms) {
		log_error("attempts not recorded, they will be made again",
			  LOG_INT("count", dispatcher->unsettled.count));
		flight_list_destroy_all(&dispatcher->unsettled);
	}
}

static void on_settled(void *owner, struct dispatch_job *job, int result)
{
	struct dispatcher *dispatcher = owner;
	job_is_back(dispatcher, job, result);
	if (result == 0)
		finish_settled(dispatcher, job);
	else
		keep_unsettled(dispatcher, job);
	dispatch_job_destroy(job);
}

/* ---- what is to be done now ---- */

/* What could not be stored at first comes here again, without its note. */
static void end_note(struct dispatcher *dispatcher, struct flight *flight)
{
	if (flight->note)
		flight_notes_over(&dispatcher->notes, flight->note);
	flight_note_unref(TAKE(flight->note));
}

static void settle(struct dispatcher *dispatcher, int64_t now_ms)
{
	if (dispatcher->jobs[DISPATCH_SETTLE] || !dispatcher->unsettled.first ||
	    clock_mono_ms() < dispatcher->settle_after_mono_ms)
		return;
	if (dispatcher->step_ms != 0 && !dispatcher->is_stopping)
		return; /* what is planned now must not move with what was planned before */
	struct dispatch_job *job = dispatch_job_create(DISPATCH_SETTLE, now_ms);
	struct flight **last = &job->flights;
	for (unsigned i = 0; dispatcher->unsettled.first && i < SETTLE_MAX_COUNT; i++) {
		*last = flight_list_take_first(&dispatcher->unsettled);
		flight_plan(*last, now_ms);
		end_note(dispatcher, *last);
		last = &(*last)->next;
	}
	flight_notes_take_over(&dispatcher->notes, &job->notes_over, &job->notes_over_count);
	submit(dispatcher, job, on_settled);
}

static void on_noted(void *owner, struct dispatch_job *job, int result)
{
	job_is_back(owner, job, result);
	dispatch_job_destroy(job);
}

static void note(struct dispatcher *dispatcher, int64_t now_ms)
{
	struct claim_note claimed;
	if (dispatcher->jobs[DISPATCH_NOTE] ||
	    !flight_notes_close(&dispatcher->notes, now_ms, &claimed))
		return;
	struct dispatch_job *job = dispatch_job_create(DISPATCH_NOTE, now_ms);
	job->note = claimed;
	submit(dispatcher, job, on_noted);
}

static void recover(struct dispatcher *dispatcher, int64_t now_ms)
{
	if (!dispatcher->jobs[DISPATCH_RECOVER])
		submit(dispatcher, dispatch_job_create(DISPATCH_RECOVER, now_ms), on_recovered);
}

static void look(struct dispatcher *dispatcher, int64_t now_ms)
{
	if (dispatcher->jobs[DISPATCH_LOOK] || !dispatcher->is_look_wanted)
		return;
	struct dispatch_job *job = dispatch_job_create(DISPATCH_LOOK, now_ms);
	job->mark = dispatcher->mark;
	dispatcher->is_look_wanted = false;
	dispatcher->looked_mono_ms = clock_mono_ms();
	submit(dispatcher, job, on_looked);
}

static void list(struct dispatcher *dispatcher, int64_t now_ms)
{
	if (dispatcher->jobs[DISPATCH_LIST] || !dispatcher->is_list_wanted)
		return;
	dispatcher->is_list_wanted = false;
	dispatcher->listed_mono_ms = clock_mono_ms();
	lanes_refresh(dispatcher->lanes, now_ms);
	submit(dispatcher, dispatch_job_create(DISPATCH_LIST, now_ms), on_listed);
}

static void replan(struct dispatcher *dispatcher, int64_t now_ms)
{
	if (dispatcher->jobs[DISPATCH_REPLAN] || !dispatcher->is_replan_wanted)
		return;
	const struct schedule schedule = flight_schedule(dispatcher->config);
	struct dispatch_job *job = dispatch_job_create(DISPATCH_REPLAN, now_ms);
	schedule_waits(&schedule, &job->waits);
	job->step_ms = dispatcher->step_ms;
	job->mark = dispatcher->replanned;
	dispatcher->is_replan_wanted = false;
	submit(dispatcher, job, on_replanned);
}

/* What waits for room is enough for a while: more would only be claimed in smaller pieces. */
static bool has_enough_claimed(const struct dispatcher *dispatcher)
{
	return dispatcher->waiting_count > ahead_of(dispatcher->config) / 2;
}

static void add_keys(struct key_set *keys, const struct flight *first)
{
	for (const struct flight *flight = first; flight; flight = flight->next)
		key_set_add(keys, flight->claim->delivery_key);
}

/* What is claimed and has no outcome in the store: no claim may give it again. */
static void add_in_flight(const struct dispatcher *dispatcher, struct key_set *keys)
{
	add_keys(keys, dispatcher->held.first);
	add_keys(keys, dispatcher->under_way.first);
	add_keys(keys, dispatcher->unsettled.first);
	if (dispatcher->jobs[DISPATCH_SETTLE])
		add_keys(keys, dispatcher->jobs[DISPATCH_SETTLE]->flights);
}

static void claim(struct dispatcher *dispatcher, int64_t now_ms)
{
	struct lanes_grant grant;
	if (dispatcher->jobs[DISPATCH_CLAIM] || has_enough_claimed(dispatcher))
		return;
	if (dispatcher->step_ms != 0) /* what is due by the clock may not be so, or the other way */
		return;
	bool has_tests = dispatcher->is_test_wanted && dispatcher->tests_in_use < DISPATCH_TESTS;
	bool is_granted = lanes_grant(dispatcher->lanes, now_ms, &grant);
	if (!is_granted && !has_tests)
		return;
	struct dispatch_job *job = dispatch_job_create(DISPATCH_CLAIM, now_ms);
	while (is_granted) {
		job->grants[job->grant_count++] = grant;
		is_granted = job->grant_count < DISPATCH_CLAIM_LANES &&
			     lanes_grant(dispatcher->lanes, now_ms, &grant);
	}
	if (has_tests) {
		job->test_max = DISPATCH_TESTS - dispatcher->tests_in_use;
		dispatcher->is_test_wanted = false;
	}
	add_in_flight(dispatcher, &job->in_flight);
	submit(dispatcher, job, on_claimed);
}

/* What hints have told, and what they may have failed to tell. */
static void notice_time(struct dispatcher *dispatcher)
{
	int64_t mono_ms = clock_mono_ms();
	if (mono_ms - dispatcher->looked_mono_ms >= TICK_MS)
		dispatcher->is_look_wanted = true;
	if (mono_ms - dispatcher->listed_mono_ms >= LIST_MS)
		dispatcher->is_list_wanted = true;
}

static void go_on(struct dispatcher *dispatcher, int64_t now_ms)
{
	if (is_paused(dispatcher))
		return;
	if (!dispatcher->is_recovered) {
		recover(dispatcher, now_ms);
		return;
	}
	notice_time(dispatcher);
	replan(dispatcher, now_ms);
	look(dispatcher, now_ms);
	list(dispatcher, now_ms);
	start_held(dispatcher, now_ms);
	claim(dispatcher, now_ms);
	note(dispatcher, now_ms);
}

static bool has_work(const struct dispatcher *dispatcher)
{
	for (int kind = 0; kind < DISPATCH_JOB_KINDS; kind++) {
		if (dispatcher->jobs[kind])
			return true;
	}
	return dispatcher->held.first || dispatcher->under_way.first || dispatcher->unsettled.first;
}

static void drain(struct dispatcher *dispatcher, int64_t now_ms)
{
	give_back_held(dispatcher, now_ms);
	if (clock_mono_ms() >= dispatcher->drain_until_mono_ms)
		interrupt_all(dispatcher, now_ms);
	settle(dispatcher, now_ms);
	if (has_work(dispatcher) || dispatcher->is_drained)
		return;
	dispatcher->is_drained = true;
	if (dispatcher->hooks.on_drained)
		dispatcher->hooks.on_drained(dispatcher->hooks.arg);
}

/* Until the next grant, the next turn of a rate limit, or the next tick, whichever is first. Wall
 * time may jump: the tick bounds what that can do. */
static int64_t sleep_ms(const struct dispatcher *dispatcher, int64_t now_ms)
{
	int64_t wake_at_ms = now_ms + TICK_MS;
	if (is_paused(dispatcher) || dispatcher->is_stopping)
		return TICK_MS / 10;
	if (!dispatcher->jobs[DISPATCH_CLAIM] && !has_enough_claimed(dispatcher) &&
	    lanes_next_grant_ms(dispatcher->lanes) < wake_at_ms)
		wake_at_ms = lanes_next_grant_ms(dispatcher->lanes);
	for (const struct flight *flight = dispatcher->held.first; flight; flight = flight->next) {
		if (flight->start_at_ms > now_ms && flight->start_at_ms < wake_at_ms)
			wake_at_ms = flight->start_at_ms;
	}
	return wake_at_ms > now_ms ? wake_at_ms - now_ms : 1;
}

static void pump(struct dispatcher *dispatcher)
{
	int64_t now_ms = clock_now_ms();
	dispatcher->is_pump_wanted = false;
	notice_clock(dispatcher, now_ms);
	if (dispatcher->is_stopping) {
		drain(dispatcher, now_ms);
	} else {
		settle(dispatcher, now_ms);
		go_on(dispatcher, now_ms);
	}
	if (!dispatcher->is_drained)
		loop_timer_set(dispatcher->timer, sleep_ms(dispatcher, now_ms));
}

static void on_turn(void *arg)
{
	struct dispatcher *dispatcher = arg;
	if (dispatcher->is_pump_wanted && dispatcher->is_started && !dispatcher->is_drained)
		pump(dispatcher);
}

static void on_timer(void *arg)
{
	want_pump(arg);
}

/* ---- for everybody ---- */

static struct lanes_limits limits_of(const struct config *config)
{
	return (struct lanes_limits){
		.total = (unsigned)config->delivery.concurrency,
		.per_lane = (unsigned)config->delivery.concurrency_per_webhook,
		.ahead = ahead_of(config),
	};
}

struct dispatcher *dispatcher_create(struct loop *loop, struct store_thread *store, struct dns *dns,
				     const struct config *config,
				     const struct dispatcher_hooks *hooks)
{
	struct dispatcher *dispatcher = memory_zeroed(1, sizeof(*dispatcher));
	const struct lanes_limits limits = limits_of(config);
	dispatcher->store = store;
	dispatcher->config = config;
	dispatcher->hooks = hooks ? *hooks : (struct dispatcher_hooks){ 0 };
	dispatcher->egress = egress_create(loop, dns, config);
	dispatcher->lanes = lanes_create(&limits);
	dispatcher->timer = loop_timer_create(loop, on_timer, dispatcher);
	dispatcher->turn = loop_turn_create(loop, on_turn, dispatcher);
	flight_list_init(&dispatcher->held);
	flight_list_init(&dispatcher->under_way);
	flight_list_init(&dispatcher->unsettled);
	return dispatcher;
}

void dispatcher_destroy(struct dispatcher *dispatcher)
{
	if (!dispatcher)
		return;
	for (int kind = 0; kind < DISPATCH_JOB_KINDS; kind++)
		dispatch_job_abandon(dispatcher->jobs[kind]);
	flight_list_destroy_all(&dispatcher->held);
	flight_list_destroy_all(&dispatcher->under_way);
	flight_list_destroy_all(&dispatcher->unsettled);
	flight_notes_finish(&dispatcher->notes);
	loop_turn_destroy(dispatcher->turn);
	loop_timer_destroy(dispatcher->timer);
	lanes_destroy(dispatcher->lanes);
	egress_destroy(dispatcher->egress);
	free(dispatcher);
}

void dispatcher_start(struct dispatcher *dispatcher)
{
	dispatcher->is_started = true;
	dispatcher->listed_mono_ms = clock_mono_ms();
	want_pump(dispatcher);
}

void dispatcher_stop(struct dispatcher *dispatcher)
{
	if (dispatcher->is_stopping)
		return;
	dispatcher->is_started = dispatcher->is_stopping = true;
	dispatcher->drain_until_mono_ms =
		clock_mono_ms() + dispatcher->config->delivery.drain_timeout_ms;
	want_pump(dispatcher);
}

void dispatcher_reload(struct dispatcher *dispatcher)
{
	const struct lanes_limits limits = limits_of(dispatcher->config);
	lanes_set_limits(dispatcher->lanes, &limits, clock_now_ms());
	want_pump(dispatcher);
}

void dispatcher_wake(struct dispatcher *dispatcher)
{
	dispatcher->is_look_wanted = dispatcher->is_test_wanted = true;
	want_pump(dispatcher);
}

void dispatcher_endpoints_changed(struct dispatcher *dispatcher)
{
	dispatcher->is_list_wanted = true;
	want_pump(dispatcher);
}

void dispatcher_status(const struct dispatcher *dispatcher, struct dispatch_status *ret_status)
{
	*ret_status = (struct dispatch_status){
		.in_flight = dispatcher->under_way.count,
		.failing_lanes = lanes_failing(dispatcher->lanes),
	};
}
