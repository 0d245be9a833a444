#include "detect/poller_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "db/gaps.h"

#include <stdlib.h>

enum {
	CHANGES_MAX = 1000, /* rows of watched creators read at once */
};

/* A creator's latest lives, newest first. */
struct history {
	struct session sessions[HABIT_STARTS];
	unsigned count;
};

struct changes {
	struct poller *poller;
	struct store_mark mark;
	struct watched_creator *creators; /* owned */
	struct history *histories;        /* owned; of each of them */
	unsigned count;
};

static int read_changes(struct store *store, void *arg)
{
	struct changes *changes = arg;
	int r = store_watched_changes(store, &changes->mark, CHANGES_MAX, &changes->creators,
				      &changes->count);
	if (r < 0)
		return r;
	changes->histories = memory_zeroed(changes->count, sizeof(*changes->histories));
	for (unsigned i = 0; r == 0 && i < changes->count; i++)
		if (changes->creators[i].watched)
			r = store_session_history(store, changes->creators[i].key,
						  changes->histories[i].sessions, HABIT_STARTS,
						  &changes->histories[i].count);
	return r;
}

/* What is on disk of somebody's lives is all that there is of their habits. */
static void poller_learn_history(struct poller *poller, size_t place, const struct history *history,
				 int64_t now_ms)
{
	for (unsigned i = history->count; i-- > 0;) {
		const struct session *session = &history->sessions[i];
		roster_learn_start(&poller->roster, place, session->started_at_ms);
		if (session->ended_at_ms > 0)
			roster_learn_end(&poller->roster, place, session->started_at_ms,
					 session->ended_at_ms);
	}
	roster_expect(&poller->roster, place, now_ms);
}

/* A confirmation that an earlier run waited for is still wanted. */
static void poller_take_change(struct poller *poller, const struct watched_creator *creator,
			       const struct history *history, int64_t now_ms)
{
	bool is_known = roster_find(&poller->roster, creator->key) >= 0;
	struct digest_rules rules = poller_rules(poller, now_ms);
	roster_change(&poller->roster, creator, now_ms);
	ssize_t place = roster_find(&poller->roster, creator->key);
	if (place < 0)
		return;
	if (!is_known)
		poller_learn_history(poller, (size_t)place, history, now_ms);
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
		poller_take_change(poller, &changes->creators[i], &changes->histories[i], now_ms);
	free(changes->histories);
	free(changes->creators);
	free(changes);
	if (!poller_job_done(poller))
		return;
	poller->is_loading = false;
	if (!has_more && poller->roster.watched == 0)
		poller_gap_forget(poller);
	if (has_more || poller->wants_load)
		poller_load(poller);
	if (has_changes)
		poller_tick_soon(poller);
}

void poller_load(struct poller *poller)
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

/* What an earlier run left behind. */
struct memory {
	struct poller *poller;
	struct allowance_memory allowance;
	int64_t sighted_at_ms;
};

static int read_memory(struct store *store, void *arg)
{
	struct memory *memory = arg;
	int r = allowance_read(store, &memory->allowance);
	return r == 0 ? store_sighted_get(store, &memory->sighted_at_ms) : r;
}

static void on_prepared(void *arg, int result)
{
	struct memory *memory = arg;
	struct poller *poller = memory->poller;
	poller->is_preparing = false;
	if (result == 0) {
		allowance_recall(&poller->allowance, &memory->allowance, &poller->quota,
				 clock_now_ms(), clock_mono_ms());
		allowance_apply(&poller->allowance, poller->config, &poller->quota);
		poller_gap_recall(poller, memory->sighted_at_ms);
		poller->is_prepared = true;
	} else if (!poller->is_destroyed) {
		log_error("cannot read what was asked before", LOG_ERRNO(result));
	}
	free(memory);
	if (poller_job_done(poller))
		poller_load(poller);
}

/* Reads what an earlier run left behind; nothing is asked before that is known. */
void poller_prepare(struct poller *poller)
{
	if (poller->is_prepared || poller->is_preparing)
		return;
	struct memory *memory = memory_zeroed(1, sizeof(*memory));
	memory->poller = poller;
	memory->allowance.day = clock_utc_day(clock_now_ms());
	poller->is_preparing = true;
	poller->jobs++;
	store_read(poller->store, read_memory, on_prepared, memory);
}
