#include "deliver/dispatch_jobs.h"

#include "base/attrs.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* ---- on the store's thread ---- */

static int list_lanes(struct store *store, struct dispatch_job *job)
{
	return store_lanes_list(store, &job->lanes, &job->lane_count);
}

static int look_for_touched(struct store *store, struct dispatch_job *job)
{
	int result = store_lanes_touched(store, &job->mark, DISPATCH_TOUCHED_ROWS, &job->lanes,
					 &job->lane_count, &job->has_more);
	return result == 0 ? store_test_is_due(store, job->now_ms, &job->has_due_test) : result;
}

/* The mark is set before the lanes are listed: what is added later is touched. */
static int recover(struct store *store, struct dispatch_job *job)
{
	int result = store_deliveries_recover(store, job->now_ms, &job->recovered);
	if (result == 0)
		result = look_for_touched(store, job);
	free(TAKE(job->lanes));
	job->lane_count = 0;
	return result == 0 ? list_lanes(store, job) : result;
}

static int claim(struct store *store, struct dispatch_job *job)
{
	job->claimed = memory_zeroed(job->grant_count + job->test_max, sizeof(job->claimed[0]));
	for (unsigned i = 0; i < job->grant_count; i++) {
		const struct lanes_grant *grant = &job->grants[i];
		int result = store_claim(store, grant->webhook_id, grant->count, job->now_ms,
					 &job->in_flight, &job->claimed[i]);
		if (result != 0)
			return result;
	}
	while (job->test_count < job->test_max) {
		struct claimed_lane *test = &job->claimed[job->grant_count + job->test_count];
		int result = store_claim_test(store, job->now_ms, &job->in_flight, test);
		if (result != 0)
			return result;
		if (test->claim_count == 0)
			break;
		job->test_count++;
	}
	return 0;
}

static int note(struct store *store, struct dispatch_job *job)
{
	return store_claims_note(store, &job->note);
}

/* A delivery that is there no more has nothing to record, and keeps nobody else from it. */
static int settle(struct store *store, struct dispatch_job *job)
{
	for (struct flight *flight = job->flights; flight; flight = flight->next) {
		int result =
			store_attempt_finish(store, &flight->outcome, job->now_ms, &flight->effect);
		if (result != 0 && result != -ENOENT)
			return result;
		flight->is_recorded = result == 0;
	}
	int result = 0;
	for (size_t i = 0; result == 0 && i < job->notes_over_count; i++)
		result = store_claims_drop(store, job->notes_over[i]);
	return result;
}

static int replan(struct store *store, struct dispatch_job *job)
{
	return store_deliveries_replan(store, &job->waits, job->step_ms, job->now_ms,
				       DISPATCH_REPLAN_ROWS, &job->mark, &job->has_more);
}

static const struct {
	int (*run)(struct store *store, struct dispatch_job *job);
	void (*submit)(struct store_thread *thread, store_job_fn job, store_done_fn done,
		       void *arg);
} kinds[DISPATCH_JOB_KINDS] = {
	[DISPATCH_RECOVER] = { recover, store_write },
	[DISPATCH_LIST] = { list_lanes, store_read },
	/* Neither a slow question of the admin API nor a commit may hold up a new event. */
	[DISPATCH_LOOK] = { look_for_touched, store_look },
	[DISPATCH_CLAIM] = { claim, store_look },
	/* It is for a crash of ours: what a power failure takes back is only missing in the log. */
	[DISPATCH_NOTE] = { note, store_write_unsynced },
	[DISPATCH_SETTLE] = { settle, store_write },
	[DISPATCH_REPLAN] = { replan, store_write },
};

static int run_job(struct store *store, void *arg)
{
	struct dispatch_job *job = arg;
	return kinds[job->kind].run(store, job);
}

/* ---- on the loop ---- */

struct dispatch_job *dispatch_job_create(enum dispatch_job_kind kind, int64_t now_ms)
{
	assert(kind < DISPATCH_JOB_KINDS);
	struct dispatch_job *job = memory_zeroed(1, sizeof(*job));
	job->kind = kind;
	job->now_ms = now_ms;
	return job;
}

void dispatch_job_destroy(struct dispatch_job *job)
{
	if (!job)
		return;
	free(job->lanes);
	for (unsigned i = 0; job->claimed && i < job->grant_count + job->test_max; i++)
		store_claimed_lane_finish(&job->claimed[i]);
	free(job->claimed);
	key_set_finish(&job->in_flight);
	free(job->note.entries);
	free(job->notes_over);
	while (job->flights) {
		struct flight *flight = job->flights;
		job->flights = flight->next;
		flight_destroy(flight);
	}
	free(job);
}

static void on_job_done(void *arg, int result)
{
	struct dispatch_job *job = arg;
	if (job->owner)
		job->on_done(job->owner, job, result);
	else
		dispatch_job_destroy(job);
}

void dispatch_job_submit(struct dispatch_job *job, struct store_thread *store,
			 dispatch_job_fn on_done, void *owner)
{
	job->on_done = on_done;
	job->owner = owner;
	kinds[job->kind].submit(store, run_job, on_job_done, job);
}

void dispatch_job_abandon(struct dispatch_job *job)
{
	if (job)
		job->owner = NULL;
}
