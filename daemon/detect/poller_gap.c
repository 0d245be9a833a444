/* A gap begins when everybody has to wait for something that is wrong, and ends with the next
 * usable answers; one shorter than min_interval has delayed nobody and is forgotten. It is stored
 * by the job that stores those answers. Until then the store remembers since when nobody could be
 * checked, so that a stop or a kill in the midst of it, or of anything else, is part of a gap after
 * the next start.
 */
#include "detect/poller_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "db/gaps.h"

#include <stdlib.h>

/* A kill is dated by the last answers before it, or by this. */
enum { SIGHTED_EVERY_MS = 60 * 1000 };

struct sighting {
	struct poller *poller;
	int64_t at_ms;
};

void poller_gap_begin(struct poller *poller, enum gap_reason reason, int64_t since_ms)
{
	if (poller->gap.began_at_ms == 0 && poller->roster.watched > 0)
		poller->gap = (struct gap){ .reason = reason, .began_at_ms = since_ms };
}

void poller_gap_forget(struct poller *poller)
{
	poller->gap = (struct gap){ 0 };
}

static void move(struct gap *gap, int64_t by_ms)
{
	gap->began_at_ms = clock_moved_ms(gap->began_at_ms, by_ms);
	gap->ended_at_ms = clock_moved_ms(gap->ended_at_ms, by_ms);
}

void poller_gap_move(struct poller *poller, int64_t by_ms)
{
	move(&poller->gap, by_ms);
	move(&poller->last_gap, by_ms);
}

struct gap poller_gap_end(struct poller *poller, int64_t now_ms)
{
	struct gap gap = poller->gap;
	poller_gap_forget(poller);
	if (gap.began_at_ms == 0 || now_ms - gap.began_at_ms < poller->config->poll.min_interval_ms)
		return (struct gap){ 0 };
	gap.ended_at_ms = now_ms;
	return gap;
}

/* What was not stored goes on. */
void poller_gap_resume(struct poller *poller, const struct gap *gap)
{
	if (gap->began_at_ms == 0)
		return;
	poller->gap = *gap;
	poller->gap.ended_at_ms = 0;
}

void poller_gap_note_end(struct poller *poller, const struct gap *gap)
{
	if (gap->began_at_ms == 0)
		return;
	poller->last_gap = *gap;
	int64_t seconds = (gap->ended_at_ms - gap->began_at_ms) / 1000;
	metrics_add(METRIC_GAPS, gap->reason, 1);
	metrics_add(METRIC_GAP_SECONDS, gap->reason, seconds);
	log_notice("creators are checked again", LOG_TEXT("gap", gap_reason_name(gap->reason)),
		   LOG_INT("seconds", seconds));
}

bool poller_gap_delayed(const struct poller *poller, int64_t previous_at_ms, int64_t started_at_ms)
{
	return poller->last_gap.began_at_ms > 0 && previous_at_ms > 0 &&
	       previous_at_ms < poller->last_gap.ended_at_ms &&
	       started_at_ms < poller->last_gap.ended_at_ms;
}

/* ---- what outlives a kill ---- */

static int write_sighting(struct store *store, void *arg)
{
	return store_sighted_set(store, ((struct sighting *)arg)->at_ms);
}

static void on_sighting_written(void *arg, int result)
{
	struct sighting *sighting = arg;
	struct poller *poller = sighting->poller;
	free(sighting);
	if (poller_job_done(poller))
		poller_note_store(poller, result);
}

void poller_gap_write(struct poller *poller)
{
	struct sighting *sighting = memory_zeroed(1, sizeof(*sighting));
	*sighting = (struct sighting){
		.poller = poller,
		.at_ms = poller->gap.began_at_ms > 0 ? poller->gap.began_at_ms : clock_now_ms(),
	};
	poller->sighted_mono_ms = clock_mono_ms();
	poller->jobs++;
	store_write(poller->store, write_sighting, on_sighting_written, sighting);
}

void poller_gap_watch(struct poller *poller, int64_t now_ms)
{
	if (!poller->is_prepared)
		return;
	if (!poller->has_key)
		poller_gap_begin(poller, GAP_KEY_MISSING, now_ms);
	else if (quota_remaining_today(&poller->quota, now_ms) == 0)
		poller_gap_begin(poller, GAP_QUOTA_SPENT, now_ms);
	if (clock_mono_ms() - poller->sighted_mono_ms >= SIGHTED_EVERY_MS)
		poller_gap_write(poller);
}

void poller_gap_recall(struct poller *poller, int64_t sighted_at_ms)
{
	if (sighted_at_ms > 0)
		poller->gap = (struct gap){ .reason = GAP_STOPPED, .began_at_ms = sighted_at_ms };
}
