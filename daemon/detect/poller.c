/* The happy path is: the timer fires; the planner picks a batch, the quota grants a request; a job
 * counts it against the day, on disk; the request goes out; its reply is read into answers and
 * digested into a record; a job stores the record; and when that is committed, the copy in memory
 * follows, and the deliveries' side gets a hint. Then the next batch.
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
#include "detect/poller.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "db/creators.h"
#include "detect/allowance.h"
#include "detect/bisect.h"
#include "detect/digest.h"
#include "detect/record.h"
#include "detect/roster.h"
#include "detect/upstream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHANGES_MAX = 1000,      /* rows of watched creators read at once */
	CHANGES_EVERY_MS = 3000, /* should a hint have been lost */
	GAUGES_EVERY_MS = 1000,
	TICK_MAX_MS = 60 * 1000, /* the wall clock may be set meanwhile */
	BACKOFF_FIRST_MS = 1000,
	BACKOFF_DOUBLINGS_MAX = 16,
	AUTH_BACKOFF_MS = 60 * 1000,
	STALE_FAILING_MS = 60 * 1000, /* failing for so long: the service does not answer */
	STALE_SILENT_MS = 5 * 60 * 1000,
	STALE_ROUNDS = 3,
	LIMITS_AGAIN_MS = 10 * 60 * 1000,
	POISON_FAILURES_MIN = 3, /* of one batch while others went well, then it is bisected */
	WAIT_FOREVER = -1,
};

enum errand_type {
	ERRAND_CHECK,      /* a bulk check */
	ERRAND_LIMITS,     /* what are the limits? */
	ERRAND_QUARANTINE, /* no request: handles at fault are put on record */
};

/* One request and what follows from it; or just the latter. */
struct errand {
	struct poller *poller;
	struct errand *previous, *next;
	enum errand_type type;
	/* The creators it is about. */
	size_t *places;               /* owned */
	char (*handles)[HANDLE_SIZE]; /* owned; creators may leave meanwhile */
	const char **names;           /* owned; point into handles */
	struct answer *answers;       /* owned */
	size_t count, size;           /* of how many there could be */
	bool is_piece;                /* of the batch being bisected */
	struct bisect_piece piece;
	/* Counting the request, on disk. */
	int64_t day, used, recent;
	/* The request. */
	struct upstream_call *call; /* NULL: not under way */
	int64_t sent_mono_ms;
	/* What follows. */
	struct record record;
};

struct poller {
	struct loop *loop;           /* borrowed */
	struct store_thread *store;  /* borrowed */
	const struct config *config; /* borrowed */
	struct poller_hooks hooks;
	bool has_key;
	bool is_running;
	bool is_destroyed;
	unsigned jobs; /* the store has not yet called back */

	struct upstream *upstream;      /* owned */
	struct loop_timer *tick_timer;  /* owned; the next request */
	struct loop_timer *gauge_timer; /* owned */
	struct roster roster;
	struct quota quota;
	struct allowance allowance;
	struct massflip massflip;
	struct errand *errands; /* list */
	unsigned requests;      /* errands that are being counted or under way */

	/* Who is watched. */
	struct store_mark mark;
	bool is_prepared, is_preparing; /* what the store remembers has been read, or is being */
	bool is_loading, wants_load;
	int64_t loaded_mono_ms;

	/* The limits. */
	bool wants_limits;
	int64_t limits_not_before_mono_ms;

	/* A batch that was refused. */
	bool is_bisecting;
	bool piece_is_under_way;
	bool bisect_takes_failures; /* a failure counts as a refusal: that is what is looked for */
	int64_t bisect_since_mono_ms;
	struct bisect bisect;
	struct creator_key bisect_keys[LIMIT_BATCH_SIZE];

	/* Trouble. */
	unsigned failures; /* of the service, in a row */
	int64_t backoff_since_mono_ms, backoff_until_mono_ms;
	bool auth_refused;
	bool is_probing;          /* nothing is accepted: ask about one creator at a time */
	int64_t accepted_mono_ms; /* the last time that a request was accepted */
	int trouble;              /* what was logged; 0: nothing */
	bool store_failed;

	/* For the status. */
	int64_t started_at_ms;
	int64_t last_success_at_ms;
	int64_t lag_seconds;
	size_t held;
};

static void poller_tick(void *arg);

/* ---- small things ---- */

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* 1 s, doubling up to the maximum, give or take up to half. */
static int64_t backoff_ms(const struct poller *poller, unsigned failures)
{
	unsigned doublings = failures > 0 ? failures - 1 : 0;
	if (doublings > BACKOFF_DOUBLINGS_MAX)
		doublings = BACKOFF_DOUBLINGS_MAX;
	int64_t wait_ms = smaller((int64_t)BACKOFF_FIRST_MS << doublings,
				  poller->config->upstream.backoff_max_ms);
	uint32_t dice;
	crypto_random(&dice, sizeof(dice));
	return wait_ms / 2 + (int64_t)((double)wait_ms * dice / UINT32_MAX);
}

static size_t poller_batch_size(const struct poller *poller)
{
	return poller->is_probing ? 1 : poller->allowance.batch_size;
}

static struct digest_rules poller_rules(const struct poller *poller, int64_t now_ms)
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
							  config->poll.min_interval_ms) },
	};
}

/* Frees the poller once nobody refers to it any more. */
static void poller_let_go(struct poller *poller)
{
	if (poller->is_destroyed && poller->jobs == 0) {
		roster_finish(&poller->roster);
		free(poller);
	}
}

static void poller_tick_soon(struct poller *poller)
{
	if (poller->is_running)
		loop_timer_set(poller->tick_timer, 0);
}

/* A job of the poller's has been called back. False: that was all that was still waited for. */
static bool poller_job_done(struct poller *poller)
{
	poller->jobs--;
	if (!poller->is_destroyed)
		return true;
	poller_let_go(poller);
	return false;
}

/* The store refuses writes: say so once, and try again as if the service had failed. */
static void poller_note_store(struct poller *poller, int result)
{
	if (result < 0 && !poller->store_failed)
		log_error("polling waits for the store", LOG_ERRNO(result));
	else if (result == 0 && poller->store_failed)
		log_notice("store takes writes again");
	poller->store_failed = result < 0;
	if (result < 0)
		poller->backoff_until_mono_ms = larger(poller->backoff_until_mono_ms,
						       clock_mono_ms() + backoff_ms(poller, 1));
}

/* ---- errands ---- */

static struct errand *errand_create(struct poller *poller, enum errand_type type, size_t count)
{
	struct errand *errand = memory_zeroed(1, sizeof(*errand));
	errand->poller = poller;
	errand->type = type;
	errand->size = count;
	errand->places = memory_zeroed(count, sizeof(*errand->places));
	errand->handles = memory_zeroed(count, sizeof(*errand->handles));
	errand->names = memory_zeroed(count, sizeof(*errand->names));
	errand->answers = memory_zeroed(count, sizeof(*errand->answers));
	errand->next = poller->errands;
	if (errand->next)
		errand->next->previous = errand;
	poller->errands = errand;
	return errand;
}

static void errand_add(struct errand *errand, size_t place)
{
	struct roster *roster = &errand->poller->roster;
	size_t at = errand->count++;
	roster_take(roster, place);
	errand->places[at] = place;
	memcpy(errand->handles[at], roster->entries[place].creator.handle, HANDLE_SIZE);
	errand->names[at] = errand->handles[at];
}

/* Ends an errand: its creators may be asked about again. */
static void errand_destroy(struct errand *errand)
{
	struct poller *poller = errand->poller;
	if (errand->previous)
		errand->previous->next = errand->next;
	else
		poller->errands = errand->next;
	if (errand->next)
		errand->next->previous = errand->previous;
	for (size_t i = 0; i < errand->count; i++)
		roster_give_back(&poller->roster, errand->places[i]);
	answers_finish(errand->answers, errand->count);
	record_finish(&errand->record);
	free(errand->places);
	free(errand->handles);
	free(errand->names);
	free(errand->answers);
	free(errand);
}

/* ---- storing what follows ---- */

static void log_transition(const struct record *record, const struct record_row *row,
			   const struct transition *transition)
{
	bool is_start = transition->type == TRANSITION_START;
	char room[24] = "";
	int64_t at_ms = is_start ? transition->started_at_ms : transition->ended_at_ms;
	if (transition->room != 0)
		snprintf(room, sizeof(room), "%llu", (unsigned long long)transition->room);
	log_info(is_start ? "live started" : "live ended", LOG_TEXT("creator", row->handle),
		 LOG_TEXT("room", room), LOG_INT("delay_s", (record->now_ms - at_ms) / 1000),
		 LOG_TEXT("told", transition->is_announced ? "yes" : "no"));
}

static void count_transition(const struct record *record, const struct record_row *row,
			     const struct transition *transition)
{
	log_transition(record, row, transition);
	if (!transition->is_announced)
		return;
	bool is_start = transition->type == TRANSITION_START;
	metrics_add(METRIC_EVENTS, is_start ? 0 : 1, 1);
	if (is_start && !transition->is_resumed && transition->source == EVENT_STARTED_BY_ROOM_ID)
		metrics_observe_ms(METRIC_DETECTION_DELAY_SECONDS,
				   larger(record->now_ms - transition->started_at_ms, 0));
}

static void poller_count_row(const struct record *record, const struct record_row *row)
{
	if (row->has_new_quarantine && !row->is_quarantined)
		log_notice("creator is taken again", LOG_TEXT("creator", row->handle));
	for (unsigned i = 0; i < row->transition_count; i++)
		count_transition(record, row, &row->transitions[i]);
}

static void on_recorded(void *arg, int result)
{
	struct errand *errand = arg;
	struct poller *poller = errand->poller;
	unsigned events = result == 0 ? errand->record.events : 0;
	poller_note_store(poller, result);
	if (result == 0)
		digest_commit(&errand->record, &poller->roster);
	for (size_t i = 0; result == 0 && i < errand->record.count; i++)
		if (!errand->record.rows[i].is_gone)
			poller_count_row(&errand->record, &errand->record.rows[i]);
	errand_destroy(errand);
	if (!poller_job_done(poller))
		return;
	if (events > 0 && poller->hooks.on_enqueued)
		poller->hooks.on_enqueued(poller->hooks.arg);
	poller_tick_soon(poller);
}

static int store_record(struct store *store, void *arg)
{
	return record_store(store, &((struct errand *)arg)->record);
}

static void errand_record(struct errand *errand)
{
	errand->poller->jobs++;
	store_write(errand->poller->store, store_record, on_recorded, errand);
}

static void errand_digest(struct errand *errand, int64_t now_ms)
{
	static const char *const directions[] = { "live", "offline" };
	struct poller *poller = errand->poller;
	struct digest_rules rules = poller_rules(poller, now_ms);
	size_t held[MASSFLIP_DIRECTIONS];
	record_init(&errand->record, errand->count, now_ms,
		    poller->config->delivery.schedule_ms[0]);
	digest_batch(&rules, &poller->massflip, &poller->roster, errand->places, errand->answers,
		     &errand->record, held);
	for (unsigned d = 0; d < MASSFLIP_DIRECTIONS; d++) {
		if (held[d] == 0)
			continue;
		metrics_add(METRIC_MASS_FLIPS_HELD, d, 1);
		log_warning("too many creators change at once: waiting for a second check",
			    LOG_TEXT("direction", directions[d]), LOG_INT("creators", held[d]));
	}
	for (size_t i = 0; i < errand->count; i++)
		metrics_add(METRIC_POLL_ANSWERS, errand->record.rows[i].verdict, 1);
	errand_record(errand);
}

/* Puts handles at fault on record, and when to look at them again. */
static void errand_quarantine(struct errand *errand, int64_t now_ms)
{
	struct poller *poller = errand->poller;
	record_init(&errand->record, errand->count, now_ms, 0);
	for (size_t i = 0; i < errand->count; i++) {
		const struct roster_entry *entry = &poller->roster.entries[errand->places[i]];
		struct record_row *row = &errand->record.rows[i];
		*row = (struct record_row){
			.place = errand->places[i],
			.key = entry->creator.key,
			.next_check_at_ms = now_ms + poller->config->poll.quarantine_interval_ms,
			.state = entry->creator.state,
			.has_new_quarantine = !entry->creator.quarantined,
			.is_quarantined = true,
			.verdict = ANSWER_UNKNOWN,
			.is_missing = true,
		};
		memcpy(row->handle, errand->handles[i], sizeof(row->handle));
		if (!entry->creator.quarantined)
			log_warning("creator quarantined: the service refuses the handle",
				    LOG_TEXT("creator", row->handle));
	}
	errand_record(errand);
}

/* ---- trouble ---- */

/* One line when trouble begins or changes, one when it is over. */
static void poller_note_trouble(struct poller *poller, const struct upstream_reply *reply)
{
	int trouble =
		reply->outcome == UPSTREAM_OK ? 0 : (int)reply->outcome * 1000 + reply->status;
	if (trouble == poller->trouble)
		return;
	poller->trouble = trouble;
	if (trouble == 0)
		log_notice("upstream answers again");
	else
		log_warning("upstream check failed",
			    LOG_TEXT("outcome", upstream_outcome_name(reply->outcome)),
			    LOG_INT("status", reply->status), LOG_TEXT("message", reply->message));
}

/* The creators of a failed batch wait a moment longer than everybody does now, so that others have
 * their turn first. */
static void errand_step_back(const struct errand *errand, int64_t now_ms)
{
	struct poller *poller = errand->poller;
	int64_t common_ms = larger(poller->backoff_until_mono_ms - clock_mono_ms(), 0);
	for (size_t i = 0; i < errand->count; i++) {
		poller->roster.entries[errand->places[i]].failures++;
		poller->roster.plans[errand->places[i]].not_before_ms = now_ms + common_ms + 1;
	}
}

/* The creators of a failed batch wait, each according to its own failures; the others do not. */
static void errand_postpone(const struct errand *errand, int64_t now_ms)
{
	struct poller *poller = errand->poller;
	for (size_t i = 0; i < errand->count; i++) {
		struct roster_entry *entry = &poller->roster.entries[errand->places[i]];
		int64_t wait_ms = backoff_ms(poller, ++entry->failures);
		poller->roster.plans[errand->places[i]].not_before_ms = now_ms + wait_ms;
	}
}

static void poller_wait(struct poller *poller, int64_t wait_ms)
{
	int64_t mono_ms = clock_mono_ms();
	poller->failures++;
	poller->backoff_since_mono_ms = mono_ms;
	poller->backoff_until_mono_ms = mono_ms + wait_ms;
}

/* The service failed as a whole. Requests that were sent before the last failure was known say
 * nothing new. */
static void poller_back_off(struct poller *poller, const struct errand *errand)
{
	if (errand->sent_mono_ms >= poller->backoff_since_mono_ms)
		poller_wait(poller, backoff_ms(poller, poller->failures + 1));
}

static void poller_refuse_auth(struct poller *poller, const struct upstream_reply *reply)
{
	if (!poller->auth_refused)
		log_warning("upstream refuses the key: check [upstream] api_key_file and the plan",
			    LOG_INT("status", reply->status), LOG_TEXT("message", reply->message));
	poller->auth_refused = true;
	poller->is_probing = true;
	poller->is_bisecting = false;
	poller_wait(poller, AUTH_BACKOFF_MS);
}

static void poller_accept(struct poller *poller, const struct upstream_reply *reply)
{
	if (poller->auth_refused)
		log_notice("upstream takes the key again");
	if (poller->trouble != 0 && poller->wants_limits)
		poller->limits_not_before_mono_ms = 0; /* they may not have been asked in vain */
	poller_note_trouble(poller, reply);
	poller->auth_refused = false;
	poller->is_probing = false;
	poller->failures = 0;
	poller->accepted_mono_ms = clock_mono_ms();
}

/* ---- refused batches ---- */

static bool reply_is_auth(const struct upstream_reply *reply)
{
	return reply->outcome == UPSTREAM_REFUSED && (reply->status == 401 || reply->status == 403);
}

static void bisect_begin(struct poller *poller, const struct errand *errand,
			 const struct upstream_reply *reply)
{
	log_info("batch refused: looking for the reason", LOG_INT("creators", errand->count));
	poller->is_bisecting = true;
	poller->bisect_takes_failures = reply->outcome != UPSTREAM_REFUSED;
	poller->bisect_since_mono_ms = errand->sent_mono_ms;
	for (size_t i = 0; i < errand->count; i++)
		poller->bisect_keys[i] = poller->roster.entries[errand->places[i]].creator.key;
	bisect_start(&poller->bisect, errand->count);
}

/* Those refused alone, as far as they are still there. */
static struct errand *bisect_suspects(struct poller *poller)
{
	const struct bisect *bisect = &poller->bisect;
	struct errand *errand = errand_create(poller, ERRAND_QUARANTINE, bisect->suspects + 1);
	for (size_t i = 0; i < bisect->refused_count; i++) {
		struct bisect_piece piece = bisect->refused[i];
		if (piece.end - piece.first != 1)
			continue;
		ssize_t place = roster_find(&poller->roster, poller->bisect_keys[piece.first]);
		if (place >= 0 && !poller->roster.entries[place].is_in_batch)
			errand_add(errand, (size_t)place);
	}
	return errand;
}

/* Suspicion without proof: they are asked about apart from the others, and later than them. */
static void errand_keep_suspect(const struct errand *errand, int64_t since_mono_ms, int64_t now_ms)
{
	struct roster *roster = &errand->poller->roster;
	for (size_t i = 0; i < errand->count; i++) {
		struct roster_entry *entry = &roster->entries[errand->places[i]];
		if (entry->suspect_since_mono_ms == 0)
			entry->suspect_since_mono_ms = since_mono_ms;
		if (roster->plans[errand->places[i]].company != PLANNER_ALONE)
			roster->plans[errand->places[i]].company = PLANNER_APART;
	}
	errand_step_back(errand, now_ms);
}

/* Nothing was accepted: it is not about the size, and perhaps not about the handles. */
static void bisect_give_up(struct poller *poller, const struct upstream_reply *reply)
{
	poller->is_bisecting = false;
	poller->is_probing = true;
	if (reply_is_auth(reply))
		poller_refuse_auth(poller, reply);
	else
		poller_wait(poller, backoff_ms(poller, poller->failures + 1));
	struct errand *suspects = bisect_suspects(poller);
	errand_keep_suspect(suspects, poller->bisect_since_mono_ms, clock_now_ms());
	errand_destroy(suspects);
}

/* All pieces are settled. */
static void bisect_conclude(struct poller *poller)
{
	size_t size = bisect_size(&poller->bisect);
	poller->is_bisecting = false;
	if (size > 0 && size < poller->allowance.batch_size) {
		log_notice("batches are smaller from now on", LOG_INT("batch_size", size));
		allowance_shrink(&poller->allowance, poller->store, size);
	}
	if (poller->bisect.suspects == 0)
		return;
	struct errand *suspects = bisect_suspects(poller);
	if (suspects->count > 0)
		errand_quarantine(suspects, clock_now_ms());
	else
		errand_destroy(suspects);
}

/* With a 403 for a single handle before anything was accepted it is the key. */
static void on_piece_settled(struct poller *poller, const struct upstream_reply *reply)
{
	const struct bisect *bisect = &poller->bisect;
	poller->piece_is_under_way = false;
	if (!poller->is_bisecting)
		return;
	bool is_hopeless = bisect_is_hopeless(bisect) ||
			   (bisect->accepted == 0 && bisect->suspects > 0 && reply_is_auth(reply));
	if (is_hopeless || (bisect->open_count == 0 && bisect->accepted == 0))
		bisect_give_up(poller, reply);
	else if (bisect->open_count == 0)
		bisect_conclude(poller);
}

/* One handle was refused. It is at fault if others are accepted while it is not; the first time,
 * that is not known yet, and it may be the key. True if the errand has been taken over. */
static bool errand_suspect(struct errand *errand, const struct upstream_reply *reply,
			   int64_t now_ms)
{
	struct poller *poller = errand->poller;
	const struct roster_entry *entry = &poller->roster.entries[errand->places[0]];
	bool is_proven = entry->suspect_since_mono_ms > 0 &&
			 poller->accepted_mono_ms > entry->suspect_since_mono_ms;
	bool is_all_there_is = poller->roster.watched == 1 && !reply_is_auth(reply);
	if (entry->creator.quarantined || is_proven || is_all_there_is) {
		errand_quarantine(errand, now_ms);
		return true;
	}
	poller->is_probing = true;
	if (reply_is_auth(reply))
		poller_refuse_auth(poller, reply);
	else
		poller_back_off(poller, errand);
	errand_keep_suspect(errand, errand->sent_mono_ms, now_ms);
	return false;
}

/* The service refused a request. True if the errand has been taken over. */
static bool errand_refused(struct errand *errand, const struct upstream_reply *reply,
			   int64_t now_ms)
{
	struct poller *poller = errand->poller;
	if (reply->status == 401)
		poller_refuse_auth(poller, reply);
	else if (errand->is_piece)
		bisect_refused(&poller->bisect, errand->piece);
	else if (errand->count == 1)
		return errand_suspect(errand, reply, now_ms);
	else if (!poller->is_bisecting)
		bisect_begin(poller, errand, reply);
	return false;
}

/* ---- replies ---- */

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

/* Rows are missing. Where all are, it is the service; where some are, those are the next time asked
 * about apart, where silence is an answer like any other that says nothing. True if the errand has
 * been taken over. */
static bool errand_partial(struct errand *errand, const struct upstream_reply *reply,
			   int64_t now_ms)
{
	struct poller *poller = errand->poller;
	enum planner_company company = poller->roster.plans[errand->places[0]].company;
	if (company == PLANNER_ALONE) {
		errand_quarantine(errand, now_ms);
		return true;
	}
	if (company == PLANNER_APART) {
		errand_digest(errand, now_ms);
		return true;
	}
	if (reply->missing == errand->count) {
		poller_note_trouble(poller, reply);
		poller_back_off(poller, errand);
		errand_step_back(errand, now_ms);
		return false;
	}
	for (size_t i = 0; i < errand->count; i++)
		roster_note_silence(&poller->roster, errand->places[i],
				    errand->answers[i].is_missing);
	errand_postpone(errand, now_ms);
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
		quota_refused(&poller->quota, &reply->notice, clock_mono_ms());
	poller_back_off(poller, errand);
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

static void on_check_reply(void *arg, const struct upstream_reply *reply)
{
	struct errand *errand = arg;
	struct poller *poller = errand->poller;
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
static void on_limits_reply(void *arg, const struct upstream_reply *reply)
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
		quota_refused(&poller->quota, &reply->notice, mono_ms);
	} else {
		log_warning("limits are not known: using those of the tier",
			    LOG_TEXT("outcome", upstream_outcome_name(reply->outcome)),
			    LOG_INT("status", reply->status), LOG_TEXT("message", reply->message));
	}
	quota_notice(&poller->quota, &reply->notice, mono_ms);
	errand_destroy(errand);
	poller_tick_soon(poller);
}

/* ---- sending ---- */

static int count_request(struct store *store, void *arg)
{
	struct errand *errand = arg;
	int r = store_quota_take(store, errand->day, 1, &errand->used);
	return r < 0 ? r : store_fact_set(store, "requests_recent", errand->recent);
}

static void errand_abandon(struct errand *errand)
{
	struct poller *poller = errand->poller;
	poller->requests--;
	if (errand->is_piece) {
		bisect_put_back(&poller->bisect, errand->piece);
		poller->piece_is_under_way = false;
	}
	errand_destroy(errand);
}

static void on_request_counted(void *arg, int result)
{
	struct errand *errand = arg;
	struct poller *poller = errand->poller;
	poller_note_store(poller, result);
	if (result < 0 || !poller->is_running || !poller->has_key) {
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
		errand->call = upstream_ask_limits(poller->upstream, on_limits_reply, errand);
		return;
	}
	errand->call = upstream_check(poller->upstream, errand->names, errand->count,
				      errand->answers, on_check_reply, errand);
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
		if (place >= 0 && !poller->roster.entries[place].is_in_batch)
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

static enum quota_use batch_use(const struct planner_batch *batch)
{
	if (batch->has_confirmation)
		return QUOTA_CONFIRMATION;
	return batch->has_first ? QUOTA_FIRST_SWEEP : QUOTA_ORDINARY;
}

static int64_t poller_send_batch(struct poller *poller)
{
	size_t picks[LIMIT_BATCH_SIZE];
	struct planner_batch batch;
	int64_t now_ms = clock_now_ms();
	struct digest_rules rules = poller_rules(poller, now_ms);
	planner_pick(&rules.planner, poller->roster.plans, poller->roster.count,
		     poller_batch_size(poller), now_ms, picks, &batch);
	int64_t next_ms =
		batch.next_at_ms == INT64_MAX ? WAIT_FOREVER : larger(batch.next_at_ms - now_ms, 1);
	if (batch.count == 0)
		return next_ms;
	int64_t wait_ms = poller_quota_wait_ms(poller, batch_use(&batch));
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

static void poller_tick(void *arg)
{
	struct poller *poller = arg;
	int64_t wait_ms;
	if (!poller->is_running)
		return;
	do
		wait_ms = poller_send(poller);
	while (wait_ms == 0);
	if (wait_ms == WAIT_FOREVER)
		loop_timer_cancel(poller->tick_timer);
	else
		loop_timer_set(poller->tick_timer, smaller(wait_ms, TICK_MAX_MS));
}

/* ---- who is watched ---- */

struct changes {
	struct poller *poller;
	struct store_mark mark;
	struct watched_creator *creators; /* owned */
	unsigned count;
};

static int read_changes(struct store *store, void *arg)
{
	struct changes *changes = arg;
	return store_watched_changes(store, &changes->mark, CHANGES_MAX, &changes->creators,
				     &changes->count);
}

static void poller_load(struct poller *poller);

/* A confirmation that an earlier run waited for is still wanted. */
static void poller_take_change(struct poller *poller, const struct watched_creator *creator,
			       int64_t now_ms)
{
	struct digest_rules rules = poller_rules(poller, now_ms);
	roster_change(&poller->roster, creator, now_ms);
	ssize_t place = roster_find(&poller->roster, creator->key);
	if (place < 0)
		return;
	struct planner_entry *plan = &poller->roster.plans[place];
	if (!plan->is_swept && plan->is_waiting)
		plan->confirm_at_ms = detector_confirm_at(
			&rules.detector, &poller->roster.entries[place].creator.state);
}

static void on_changes_read(void *arg, int result)
{
	struct changes *changes = arg;
	struct poller *poller = changes->poller;
	int64_t now_ms = clock_now_ms();
	bool has_more = result == 0 && changes->count == CHANGES_MAX;
	bool has_changes = result == 0 && changes->count > 0;
	if (result < 0 && !poller->is_destroyed)
		log_error("cannot read who is watched", LOG_ERRNO(result));
	if (result == 0)
		poller->mark = changes->mark;
	for (unsigned i = 0; result == 0 && i < changes->count; i++)
		poller_take_change(poller, &changes->creators[i], now_ms);
	free(changes->creators);
	free(changes);
	if (!poller_job_done(poller))
		return;
	poller->is_loading = false;
	if (has_more || poller->wants_load)
		poller_load(poller);
	if (has_changes)
		poller_tick_soon(poller);
}

static void poller_load(struct poller *poller)
{
	poller->wants_load = poller->is_loading;
	if (poller->is_loading || !poller->is_running || !poller->is_prepared)
		return;
	struct changes *changes = memory_zeroed(1, sizeof(*changes));
	*changes = (struct changes){ .poller = poller, .mark = poller->mark };
	poller->is_loading = true;
	poller->loaded_mono_ms = clock_mono_ms();
	poller->jobs++;
	store_read(poller->store, read_changes, on_changes_read, changes);
}

static void on_prepared(void *arg, int result)
{
	struct allowance_memory *memory = arg;
	struct poller *poller = memory->arg;
	poller->is_preparing = false;
	if (result == 0) {
		allowance_recall(&poller->allowance, memory, &poller->quota, clock_now_ms(),
				 clock_mono_ms());
		allowance_apply(&poller->allowance, poller->config, &poller->quota);
		poller->is_prepared = true;
	} else if (!poller->is_destroyed) {
		log_error("cannot read what was asked before", LOG_ERRNO(result));
	}
	free(memory);
	if (poller_job_done(poller))
		poller_load(poller);
}

/* Reads what an earlier run left behind; nothing is asked before that is known. */
static void poller_prepare(struct poller *poller)
{
	if (poller->is_prepared || poller->is_preparing)
		return;
	struct allowance_memory *memory = memory_zeroed(1, sizeof(*memory));
	memory->arg = poller;
	memory->day = clock_utc_day(clock_now_ms());
	poller->is_preparing = true;
	poller->jobs++;
	store_read(poller->store, allowance_read, on_prepared, memory);
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
	metrics_set(METRIC_UPSTREAM_QUOTA_REMAINING, 0,
		    quota_remaining_today(&poller->quota, now_ms));
}

static void on_gauge_timer(void *arg)
{
	struct poller *poller = arg;
	poller_set_gauges(poller);
	poller_prepare(poller);
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
	quota_init(&poller->quota, poller->started_at_ms, clock_mono_ms());
	poller->upstream = upstream_create(loop);
	poller->tick_timer = loop_timer_create(loop, poller_tick, poller);
	poller->gauge_timer = loop_timer_create(loop, on_gauge_timer, poller);
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

void poller_stop(struct poller *poller)
{
	poller->is_running = false;
	loop_timer_cancel(poller->tick_timer);
	loop_timer_cancel(poller->gauge_timer);
	for (struct errand *errand = poller->errands, *next; errand; errand = next) {
		next = errand->next;
		if (!errand->call)
			continue;
		upstream_cancel(TAKE(errand->call));
		quota_ended(&poller->quota);
		errand_abandon(errand);
	}
}

void poller_destroy(struct poller *poller)
{
	if (!poller)
		return;
	poller_stop(poller);
	upstream_destroy(TAKE(poller->upstream));
	loop_timer_destroy(TAKE(poller->tick_timer));
	loop_timer_destroy(TAKE(poller->gauge_timer));
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
		.used_today = clock_utc_day(now_ms) > poller->quota.day ? 0 : poller->quota.used,
		.last_success_at_ms = poller->last_success_at_ms,
		.lag_seconds = poller->lag_seconds,
		.watched = (int64_t)poller->roster.watched,
		.auth_refused = poller->auth_refused,
		.key_missing = !poller->has_key,
		.stale = poller_is_stale(poller, now_ms),
		.mass_flip_held = poller->held > 0,
	};
	snprintf(status.tier, sizeof(status.tier), "%s", quota_tier_name(poller->allowance.tier));
	*ret_status = status;
}
