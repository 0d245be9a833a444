#include "detect/lineup.h"

#include "base/memory.h"

#include <stdlib.h>

void lineup_init(struct lineup *lineup)
{
	*lineup = (struct lineup){ 0 };
}

void lineup_finish(struct lineup *lineup)
{
	free(lineup->places);
	lineup_init(lineup);
}

/* For how many batches one look serves. */
static size_t batches_of(int64_t pace_ms)
{
	int64_t batches = 1 + LINEUP_MS / (pace_ms > 0 ? pace_ms : 1);
	return batches < LINEUP_BATCHES_MAX ? (size_t)batches : LINEUP_BATCHES_MAX;
}

static void lineup_grow(struct lineup *lineup, size_t capacity)
{
	if (capacity <= lineup->capacity)
		return;
	lineup->places = memory_resized(lineup->places, capacity, sizeof(*lineup->places));
	lineup->capacity = capacity;
}

/* The clock may have been set back meanwhile. */
static bool lineup_is_stale(const struct lineup *lineup, int64_t now_ms)
{
	return now_ms < lineup->looked_at_ms || now_ms >= lineup->looked_at_ms + LINEUP_MS;
}

/* The first of those who are left, as many as a batch takes. A place may have another creator by
 * now, or none. */
static void lineup_take(struct lineup *lineup, const struct planner_rules *rules,
			const struct planner_entry *entries, size_t count, size_t size,
			int64_t now_ms, size_t *picks, struct planner_batch *ret_batch)
{
	struct planner_batch batch = { .next_at_ms = lineup->pressing_at_ms };
	for (size_t i = lineup->first; i < lineup->count && batch.count < size; i++) {
		size_t place = lineup->places[i];
		if (place >= count || !planner_may_join(rules, &entries[place], now_ms)) {
			lineup->first += i == lineup->first;
			continue;
		}
		picks[batch.count] = place;
		planner_batch_add(&batch, rules, &entries[place], now_ms);
	}
	*ret_batch = batch;
}

/* A list that is no longer than a batch is that batch, and nothing is kept of it. */
static void lineup_look(struct lineup *lineup, const struct planner_rules *rules,
			const struct planner_entry *entries, size_t count, size_t size,
			int64_t pace_ms, int64_t now_ms, size_t *picks,
			struct planner_batch *ret_batch)
{
	size_t depth = size * batches_of(pace_ms);
	lineup_grow(lineup, depth);
	lineup->count = lineup->first = 0;
	planner_line_up(rules, entries, count, size, depth, now_ms, lineup->places, ret_batch);
	lineup->looked_at_ms = now_ms;
	lineup->pressing_at_ms = ret_batch->next_at_ms;
	if (ret_batch->count > size) {
		lineup->count = ret_batch->count;
		lineup_take(lineup, rules, entries, count, size, now_ms, picks, ret_batch);
		return;
	}
	for (size_t i = 0; i < ret_batch->count; i++)
		picks[i] = lineup->places[i];
}

void lineup_pick(struct lineup *lineup, const struct planner_rules *rules,
		 const struct planner_entry *entries, size_t count, size_t size, int64_t pace_ms,
		 int64_t now_ms, size_t *picks, struct planner_batch *ret_batch)
{
	if (lineup->first < lineup->count && !lineup_is_stale(lineup, now_ms)) {
		lineup_take(lineup, rules, entries, count, size, now_ms, picks, ret_batch);
		/* Confirmations that came up since are not known here: look again before long. */
		int64_t stale_ms = lineup->looked_at_ms + LINEUP_MS;
		if (ret_batch->next_at_ms > stale_ms)
			ret_batch->next_at_ms = stale_ms;
		if (ret_batch->count == size)
			return;
	}
	lineup_look(lineup, rules, entries, count, size, pace_ms, now_ms, picks, ret_batch);
}
