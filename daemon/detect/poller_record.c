#include "detect/poller_private.h"

#include "base/log.h"
#include "base/metrics.h"

#include <stdio.h>
#include <string.h>

/* event= is empty for a live that is adopted in silence. */
static void log_transition(const struct record *record, const struct record_row *row,
			   unsigned which)
{
	const struct transition *transition = &row->transitions[which];
	bool is_start = transition->type == TRANSITION_START;
	char room[24] = "";
	int64_t at_ms = is_start ? transition->started_at_ms : transition->ended_at_ms;
	if (transition->room != 0)
		snprintf(room, sizeof(room), "%llu", (unsigned long long)transition->room);
	log_info(is_start ? "live started" : "live ended", LOG_TEXT("creator", row->handle),
		 LOG_TEXT("event", row->event_ids[which]), LOG_TEXT("room", room),
		 LOG_INT("delay_s", (record->now_ms - at_ms) / 1000));
}

/* How fast lives are found does not tell how long the daemon was blind: what a gap delayed is
 * counted apart. */
static void count_transition(const struct poller *poller, const struct record *record,
			     const struct record_row *row, unsigned which)
{
	const struct transition *transition = &row->transitions[which];
	log_transition(record, row, which);
	if (!transition->is_announced)
		return;
	bool is_start = transition->type == TRANSITION_START;
	metrics_add(METRIC_EVENTS, is_start ? 0 : 1, 1);
	if (!is_start || transition->is_resumed || transition->source != EVENT_STARTED_BY_ROOM_ID)
		return;
	if (poller_gap_delayed(poller, row->findings[which].previous_at_ms,
			       transition->started_at_ms))
		metrics_add(METRIC_STARTS_AFTER_GAP, 0, 1);
	else
		metrics_observe_ms(METRIC_DETECTION_DELAY_SECONDS,
				   larger(record->now_ms - transition->started_at_ms, 0));
}

static void poller_count_row(const struct poller *poller, const struct record *record,
			     const struct record_row *row)
{
	if (row->has_new_quarantine && !row->is_quarantined)
		log_notice("creator is taken again", LOG_TEXT("creator", row->handle));
	for (unsigned i = 0; i < row->transition_count; i++)
		count_transition(poller, record, row, i);
}

/* It is stored, or needs not be before anything else happens. */
static void errand_take_in(struct errand *errand)
{
	struct poller *poller = errand->poller;
	digest_commit(&errand->record, poller->moved_ms - errand->moved_ms, &poller->roster);
	poller_gather(poller, &errand->record);
	poller_gap_note_end(poller, &errand->gap);
}

static void on_recorded(void *arg, int result)
{
	struct errand *errand = arg;
	struct poller *poller = errand->poller;
	unsigned events = result == 0 ? errand->record.events : 0;
	if (result == 0) {
		errand_take_in(errand);
	} else {
		poller_gather_again(poller, &errand->record);
		poller_gap_resume(poller, &errand->gap);
	}
	poller_note_store(poller, result);
	for (size_t i = 0; result == 0 && i < errand->record.count; i++)
		if (!errand->record.rows[i].is_gone)
			poller_count_row(poller, &errand->record, &errand->record.rows[i]);
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
	struct poller *poller = errand->poller;
	errand->moved_ms = poller->moved_ms;
	if (record_is_plain(&errand->record)) {
		errand_take_in(errand);
		errand_destroy(errand);
		poller_tick_soon(poller);
		return;
	}
	poller_gather_less(poller, &errand->record);
	poller->jobs++;
	store_write(poller->store, store_record, on_recorded, errand);
}

void errand_digest(struct errand *errand, int64_t now_ms)
{
	static const char *const directions[] = { "live", "offline" };
	struct poller *poller = errand->poller;
	struct digest_rules rules = poller_rules(poller, now_ms);
	size_t held[MASSFLIP_DIRECTIONS];
	record_init(&errand->record, errand->count, now_ms,
		    poller->config->delivery.schedule_ms[0]);
	errand->record.is_sighting = true;
	errand->record.gap = errand->gap;
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
void errand_quarantine(struct errand *errand, int64_t now_ms)
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
			.tally = entry->creator.tally,
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
