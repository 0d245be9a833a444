/* dispatch_jobs - the dispatcher's work on the store: plain jobs with their arguments and results.
 *
 *   in:   what to look at, whose deliveries to claim, which outcomes to record
 *   out:  what the store said, in the job, handed to its owner on the loop
 *   not:  when to do what (dispatcher)
 *
 * A job belongs to the store's thread from its submission to its callback. An owner that goes away
 * meanwhile abandons it: it is then freed instead of handed over.
 */
#ifndef GOLIVED_DELIVER_DISPATCH_JOBS_H
#define GOLIVED_DELIVER_DISPATCH_JOBS_H

#include "db/deliveries.h"
#include "db/store_thread.h"
#include "deliver/flight.h"
#include "deliver/lanes.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	DISPATCH_CLAIM_LANES = 64,    /* lanes in one job */
	DISPATCH_TESTS = 4,           /* tests of webhooks at once, beside all other attempts */
	DISPATCH_TOUCHED_ROWS = 1000, /* new deliveries looked at in one job */
	DISPATCH_REPLAN_ROWS = 1000,  /* pending ones */
};

struct dispatch_job;
typedef void (*dispatch_job_fn)(void *owner, struct dispatch_job *job, int result);

enum dispatch_job_kind {
	DISPATCH_RECOVER, /* what was in flight at the last end, then as DISPATCH_LIST */
	DISPATCH_LIST,    /* all lanes */
	DISPATCH_LOOK,    /* lanes to which something was added */
	DISPATCH_CLAIM,   /* take what is due */
	DISPATCH_NOTE,    /* keep what was claimed for the case of a crash */
	DISPATCH_SETTLE,  /* record outcomes */
	DISPATCH_REPLAN,  /* the wall clock was set, or may have been */
	DISPATCH_JOB_KINDS,
};

struct dispatch_job {
	enum dispatch_job_kind kind;
	void *owner; /* borrowed; NULL: abandoned */
	dispatch_job_fn on_done;
	int64_t now_ms;

	/* RECOVER, LIST, LOOK, REPLAN */
	struct store_mark mark;
	struct lane_due *lanes; /* owned */
	unsigned lane_count;
	unsigned recovered;
	bool has_more, has_due_test;

	/* CLAIM */
	struct lanes_grant grants[DISPATCH_CLAIM_LANES];
	unsigned grant_count;
	struct key_set in_flight;      /* owned */
	struct claimed_lane *claimed;  /* owned, with what they own; one for each grant and test */
	unsigned test_max, test_count; /* claimed tests lie behind the lanes */

	/* NOTE */
	struct claim_note note; /* its entries are owned */

	/* SETTLE */
	struct flight *flights; /* owned: a list */
	int64_t *notes_over;    /* owned: notes that end with them */
	size_t notes_over_count;

	/* REPLAN */
	struct delivery_waits waits;
	int64_t step_ms;
};

struct dispatch_job *dispatch_job_create(enum dispatch_job_kind kind, int64_t now_ms);
void dispatch_job_destroy(struct dispatch_job *job);

/* on_done(owner, job, result) follows, unless the job is abandoned; the owner destroys the job. */
void dispatch_job_submit(struct dispatch_job *job, struct store_thread *store,
			 dispatch_job_fn on_done, void *owner);
void dispatch_job_abandon(struct dispatch_job *job);

#endif
