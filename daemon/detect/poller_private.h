/* poller_private - the poller's state, shared by the files poller_*.c and nobody else.
 *
 *   poller.c         its life, gauges, status
 *   poller_watch.c   who is watched, and what an earlier run left behind
 *   poller_send.c    the next request
 *   poller_reply.c   what came of a request
 *   poller_refusal.c why a request was refused
 *   poller_record.c  what follows from answers, to the store and back
 *   poller_gather.c  checks that changed nothing, stored together
 *   poller_errand.c  one request with its creators
 *   poller_silence.c that the service wants to be left alone
 *   poller_trouble.c when everybody has to wait
 *   poller_gap.c     when nobody could be checked, and that it is known
 */
#ifndef GOLIVED_DETECT_POLLER_PRIVATE_H
#define GOLIVED_DETECT_POLLER_PRIVATE_H

#include "base/clock.h"
#include "detect/allowance.h"
#include "detect/bisect.h"
#include "detect/digest.h"
#include "detect/forecast.h"
#include "detect/lineup.h"
#include "detect/massflip.h"
#include "detect/poller.h"
#include "detect/quota.h"
#include "detect/record.h"
#include "detect/roster.h"
#include "detect/upstream.h"
#include "domain/gap.h"

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
	int64_t moved_ms; /* the poller's, when the answers were read */
	struct gap gap;   /* that its answers ended */
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
	struct lineup lineup; /* of its places */
	struct quota quota;
	struct forecast forecast;
	struct allowance allowance;
	struct massflip massflip;
	struct errand *errands; /* list */

	/* Checks that the store does not know yet. */
	struct loop_timer *gather_timer; /* owned; the next round of storing them */
	size_t gathered;                 /* since the last round began … */
	size_t gathered_before;          /* … and before it, since the one before */
	int64_t gathered_at_ms;          /* the last usable answers among them; 0: none */
	bool is_saving;                  /* a round is under way … */
	size_t save_from;                /* … and has come to this place */

	unsigned requests; /* errands that are being counted or under way */

	/* Who is watched. */
	struct store_mark mark;
	bool is_prepared, is_preparing; /* what the store remembers has been read, or is being */
	bool is_loading, wants_load;
	int64_t loaded_mono_ms;

	/* The limits. */
	bool wants_limits;
	int64_t limits_not_before_mono_ms;
	bool is_silence_unwritten; /* the store could not: again */

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
	int64_t blamed_mono_ms;   /* the last time that a refusal was put down to its only handle */
	int trouble;              /* what was logged; 0: nothing */
	bool store_failed;

	/* Plans are made by the wall clock, which may be set. */
	struct clock_anchor anchor;
	int64_t moved_ms; /* by how much it was, in all */

	/* Time in which nobody could be checked. */
	struct gap gap;      /* the one that goes on */
	struct gap last_gap; /* the last that ended */
	int64_t sighted_mono_ms;

	/* For the status. */
	int64_t started_at_ms;
	int64_t last_success_at_ms;
	int64_t lag_seconds;
	size_t held;
};

static inline int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* ---- poller.c ---- */

/* The rules in force. */
struct digest_rules poller_rules(const struct poller *poller, int64_t now_ms);

/* The wall clock may have been set: then plans follow it. */
void poller_notice_clock(struct poller *poller);

/* Looks for something to send, in the loop's next turn. */
void poller_tick_soon(struct poller *poller);

/* A job of the poller's has been called back. False: the poller has been destroyed meanwhile, and
 * must not be touched any more. */
bool poller_job_done(struct poller *poller);

/* What came of a job that writes. */
void poller_note_store(struct poller *poller, int result);

/* ---- poller_watch.c ---- */

/* Reads what an earlier run left behind; nothing is asked before that is known. */
void poller_prepare(struct poller *poller);
/* Reads who was added or dropped. */
void poller_load(struct poller *poller);

/* ---- poller_send.c ---- */

/* Sends what may be sent, and sets the timer for what comes next. */
void poller_tick(void *arg);

/* ---- poller_reply.c: upstream_done_fn with an errand ---- */

void poller_take_check_reply(void *arg, const struct upstream_reply *reply);
void poller_take_limits_reply(void *arg, const struct upstream_reply *reply);

/* ---- poller_silence.c ---- */

/* The service wants to be left alone, for as long as it says. */
void poller_take_refusal(struct poller *poller, const struct quota_notice *notice);
/* Stores how long, so that a restart keeps it as well; nothing where there is no such wish. */
void poller_write_silence(struct poller *poller);

/* ---- poller_refusal.c ---- */

bool reply_is_auth(const struct upstream_reply *reply);
/* The service refused a request. True if the errand has been taken over. */
bool errand_refused(struct errand *errand, const struct upstream_reply *reply, int64_t now_ms);
/* The piece that was under way has been accepted, refused or put back. */
void on_piece_settled(struct poller *poller, const struct upstream_reply *reply);

/* ---- poller_record.c: both take the errand over ---- */

void errand_digest(struct errand *errand, int64_t now_ms);
/* Puts its handles on record as refused, and when to look at them again. */
void errand_quarantine(struct errand *errand, int64_t now_ms);

/* ---- poller_gather.c ---- */

/* The plain rows of a record, which the memory knows already, are to be stored. */
void poller_gather(struct poller *poller, const struct record *record);
/* Other rows of it are handed to the store with it, or could not be stored. */
void poller_gather_less(struct poller *poller, const struct record *record);
void poller_gather_again(struct poller *poller, const struct record *record);
/* Hands everything to the store at once. */
void poller_gather_finish(struct poller *poller);
void poller_gather_round(void *arg);

/* ---- poller_errand.c ---- */

struct errand *errand_create(struct poller *poller, enum errand_type type, size_t count);
void errand_add(struct errand *errand, size_t place);
/* Its creators may be asked about again. */
void errand_destroy(struct errand *errand);
/* As errand_destroy, for one whose request was or is never answered. */
void errand_abandon(struct errand *errand);

/* The creators of a failed batch wait: a moment longer than everybody does now, so that others have
 * their turn first; or each according to its own failures, while the others do not wait. */
void errand_step_back(const struct errand *errand, int64_t now_ms);
void errand_postpone(const struct errand *errand, int64_t now_ms);

/* ---- poller_trouble.c ---- */

/* 1 s, doubling up to the maximum, give or take up to half. */
int64_t poller_backoff_ms(const struct poller *poller, unsigned failures);
/* Nothing is asked for so long, and why. */
void poller_wait(struct poller *poller, enum gap_reason reason, int64_t wait_ms);
/* The service failed as a whole. */
void poller_back_off(struct poller *poller, const struct errand *errand, enum gap_reason reason);
void poller_refuse_auth(struct poller *poller, const struct upstream_reply *reply);
/* It took a request: all is well. */
void poller_accept(struct poller *poller, const struct upstream_reply *reply);
/* One line in the log when trouble begins or changes, one when it is over. */
void poller_note_trouble(struct poller *poller, const struct upstream_reply *reply);

/* ---- poller_gap.c ---- */

/* Nobody can be checked from then on. One that goes on keeps its reason and its begin. */
void poller_gap_begin(struct poller *poller, enum gap_reason reason, int64_t since_ms);
/* There is nobody to check. */
void poller_gap_forget(struct poller *poller);
/* The wall clock was set by so much: no gap is longer for it, or shorter. */
void poller_gap_move(struct poller *poller, int64_t by_ms);
/* Usable answers came: the gap to store; began_at_ms is 0 where there was none worth it. */
struct gap poller_gap_end(struct poller *poller, int64_t now_ms);
/* It was stored, or could not be. began_at_ms may be 0. */
void poller_gap_note_end(struct poller *poller, const struct gap *gap);
void poller_gap_resume(struct poller *poller, const struct gap *gap);
/* Would a start have been seen earlier but for the last gap? previous_at_ms is the answer before.
 */
bool poller_gap_delayed(const struct poller *poller, int64_t previous_at_ms, int64_t started_at_ms);

/* Every second: conditions that no request runs into. */
void poller_gap_watch(struct poller *poller, int64_t now_ms);
/* Stores until when creators could be checked; and what the run before stored of that. */
void poller_gap_write(struct poller *poller);
void poller_gap_recall(struct poller *poller, int64_t sighted_at_ms);

#endif
