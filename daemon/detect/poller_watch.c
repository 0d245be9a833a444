#include "detect/poller_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#include <stdlib.h>

enum {
	CHANGES_MAX = 1000, /* rows of watched creators read at once */
};

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
void poller_prepare(struct poller *poller)
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
