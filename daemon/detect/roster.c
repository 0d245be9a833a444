#include "detect/roster.h"

#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

enum {
	ROSTER_FIRST_PLACES = 64,
	SILENT_MAX = 2, /* replies without a row, then apart */
	FORESEE_ALL_MS = 5 * 60 * 1000,
};

void roster_init(struct roster *roster)
{
	*roster = (struct roster){ 0 };
}

void roster_finish(struct roster *roster)
{
	free(roster->entries);
	free(roster->plans);
	free(roster->habits);
	free(roster->free_places);
	free(roster->index);
	roster_init(roster);
}

/* ---- the index by key: linear probing, at most half full ---- */

static size_t index_home(const struct roster *roster, int64_t key)
{
	return (size_t)((uint64_t)key * UINT64_C(0x9e3779b97f4a7c15) >> 20) &
	       (roster->index_size - 1);
}

static int64_t key_at(const struct roster *roster, size_t slot)
{
	return roster->entries[roster->index[slot] - 1].creator.key.value;
}

/* The slot of that key, or the empty one where it would go. */
static size_t index_slot(const struct roster *roster, int64_t key)
{
	size_t slot = index_home(roster, key);
	while (roster->index[slot] != 0 && key_at(roster, slot) != key)
		slot = (slot + 1) & (roster->index_size - 1);
	return slot;
}

static void index_add(struct roster *roster, size_t place)
{
	size_t slot = index_slot(roster, roster->entries[place].creator.key.value);
	roster->index[slot] = (uint32_t)place + 1;
}

/* Empties a slot and moves up those behind it that could no longer be found. */
static void index_remove(struct roster *roster, int64_t key)
{
	size_t mask = roster->index_size - 1;
	size_t hole = index_slot(roster, key);
	roster->index[hole] = 0;
	for (size_t slot = (hole + 1) & mask; roster->index[slot] != 0; slot = (slot + 1) & mask) {
		size_t home = index_home(roster, key_at(roster, slot));
		if (((slot - home) & mask) < ((slot - hole) & mask))
			continue;
		roster->index[hole] = roster->index[slot];
		roster->index[slot] = 0;
		hole = slot;
	}
}

static void roster_grow(struct roster *roster)
{
	size_t capacity = roster->capacity ? roster->capacity * 2 : ROSTER_FIRST_PLACES;
	roster->entries = memory_resized(roster->entries, capacity, sizeof(*roster->entries));
	roster->plans = memory_resized(roster->plans, capacity, sizeof(*roster->plans));
	roster->habits = memory_resized(roster->habits, capacity, sizeof(*roster->habits));
	roster->free_places =
		memory_resized(roster->free_places, capacity, sizeof(*roster->free_places));
	roster->capacity = capacity;
	free(roster->index);
	roster->index_size = capacity * 2;
	roster->index = memory_zeroed(roster->index_size, sizeof(*roster->index));
	for (size_t place = 0; place < roster->count; place++)
		if (roster->entries[place].is_taken)
			index_add(roster, place);
}

ssize_t roster_find(const struct roster *roster, struct creator_key key)
{
	if (roster->index_size == 0)
		return -1;
	return (ssize_t)roster->index[index_slot(roster, key.value)] - 1;
}

static void plan_priority(struct roster *roster, size_t place)
{
	const struct watched_creator *creator = &roster->entries[place].creator;
	roster->plans[place].priority = creator->priority;
	if (creator->quarantined)
		roster->plans[place].company = PLANNER_ALONE;
	else if (roster->plans[place].company == PLANNER_ALONE)
		roster->plans[place].company = PLANNER_TOGETHER;
}

static void roster_add(struct roster *roster, const struct watched_creator *creator, int64_t now_ms)
{
	if (roster->free_count == 0 && roster->count == roster->capacity)
		roster_grow(roster);
	size_t place = roster->free_count > 0 ? roster->free_places[--roster->free_count]
					      : roster->count++;
	roster->entries[place] = (struct roster_entry){ .creator = *creator, .is_taken = true };
	roster->plans[place] = (struct planner_entry){
		.is_waiting = true,
		.is_live = creator->state.status == CREATOR_LIVE,
		.last_checked_at_ms = creator->last_checked_at_ms,
		.known_since_ms = now_ms,
	};
	roster->habits[place] = (struct habit){ 0 };
	habit_watch(&roster->habits[place],
		    creator->added_at_ms > 0 ? creator->added_at_ms : now_ms);
	plan_priority(roster, place);
	index_add(roster, place);
	roster->watched++;
}

static void roster_remove(struct roster *roster, size_t place)
{
	index_remove(roster, roster->entries[place].creator.key.value);
	roster->entries[place] = (struct roster_entry){ 0 };
	roster->plans[place] = (struct planner_entry){ 0 };
	roster->free_places[roster->free_count++] = place;
}

/* Is there nothing any more for which one that is leaving has to stay? */
static void roster_let_go(struct roster *roster, size_t place)
{
	const struct roster_entry *entry = &roster->entries[place];
	if (entry->is_leaving && !entry->is_in_batch && !entry->is_unsaved)
		roster_remove(roster, place);
}

void roster_change(struct roster *roster, const struct watched_creator *creator, int64_t now_ms)
{
	ssize_t found = roster_find(roster, creator->key);
	if (found < 0) {
		if (creator->watched)
			roster_add(roster, creator, now_ms);
		return;
	}
	size_t place = (size_t)found;
	struct roster_entry *entry = &roster->entries[place];
	if (entry->is_leaving == creator->watched) {
		entry->is_leaving = !creator->watched;
		roster->watched += creator->watched ? 1 : (size_t)-1;
		roster->plans[place].is_waiting = creator->watched && !entry->is_in_batch;
	}
	entry->creator.priority = creator->priority;
	plan_priority(roster, place);
	roster_let_go(roster, place);
}

void roster_take(struct roster *roster, size_t place)
{
	assert(roster->entries[place].is_taken && !roster->entries[place].is_in_batch);
	roster->entries[place].is_in_batch = true;
	roster->plans[place].is_waiting = false;
}

void roster_give_back(struct roster *roster, size_t place)
{
	assert(roster->entries[place].is_in_batch);
	roster->entries[place].is_in_batch = false;
	roster->plans[place].is_waiting = !roster->entries[place].is_leaving;
	roster_let_go(roster, place);
}

void roster_set_unsaved(struct roster *roster, size_t place)
{
	assert(roster->entries[place].is_taken);
	roster->entries[place].is_unsaved = true;
}

void roster_set_saved(struct roster *roster, size_t place)
{
	roster->entries[place].is_unsaved = false;
	roster_let_go(roster, place);
}

void roster_note_silence(struct roster *roster, size_t place, bool is_missing)
{
	struct roster_entry *entry = &roster->entries[place];
	struct planner_entry *plan = &roster->plans[place];
	entry->silent = is_missing ? entry->silent + 1 : 0;
	if (plan->company != PLANNER_ALONE)
		plan->company = entry->silent >= SILENT_MAX ? PLANNER_APART : PLANNER_TOGETHER;
}

void roster_learn_start(struct roster *roster, size_t place, int64_t started_at_ms)
{
	habit_learn_start(&roster->habits[place], &roster->crowd, started_at_ms);
}

void roster_learn_end(struct roster *roster, size_t place, int64_t started_at_ms,
		      int64_t ended_at_ms)
{
	habit_learn_end(&roster->habits[place], ended_at_ms - started_at_ms);
}

void roster_expect(struct roster *roster, size_t place, int64_t now_ms)
{
	const struct creator_state *state = &roster->entries[place].creator.state;
	const struct habit *habit = &roster->habits[place];
	double rate = state->status == CREATOR_LIVE
			      ? habit_end_rate(habit, now_ms - state->live_since_ms)
			      : habit_start_rate(habit, &roster->crowd, now_ms);
	planner_expect(&roster->plans[place], rate, now_ms);
}

void roster_foresee(struct roster *roster, int64_t now_ms, int64_t every_ms)
{
	int64_t rounds = FORESEE_ALL_MS / every_ms;
	size_t share = (roster->count + (size_t)rounds - 1) / (size_t)rounds;
	for (size_t i = 0; i < share; i++) {
		size_t place = roster->foreseen < roster->count ? roster->foreseen : 0;
		roster->foreseen = place + 1;
		if (!roster->entries[place].is_taken)
			continue;
		habit_forget(&roster->habits[place], now_ms);
		roster_expect(roster, place, now_ms);
	}
}

/* The row of evidence moves as well: how long it spans is not for the clock to say. */
void roster_move(struct roster *roster, size_t place, int64_t by_ms)
{
	struct watched_creator *creator = &roster->entries[place].creator;
	planner_move(&roster->plans[place], by_ms);
	creator->last_checked_at_ms = clock_moved_ms(creator->last_checked_at_ms, by_ms);
	creator->state.evidence_since_ms = clock_moved_ms(creator->state.evidence_since_ms, by_ms);
}

void roster_move_all(struct roster *roster, int64_t by_ms)
{
	for (size_t place = 0; place < roster->count; place++)
		if (roster->entries[place].is_taken)
			roster_move(roster, place, by_ms);
}
