#include "detect/record.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "db/deliveries.h"
#include "db/events.h"
#include "db/findings.h"
#include "db/gaps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void record_init(struct record *record, size_t count, int64_t now_ms, int64_t first_attempt_in_ms)
{
	*record = (struct record){
		.rows = memory_zeroed(count, sizeof(*record->rows)),
		.count = count,
		.now_ms = now_ms,
		.first_attempt_in_ms = first_attempt_in_ms,
	};
}

void record_finish(struct record *record)
{
	for (size_t i = 0; i < record->count; i++)
		free(record->rows[i].title);
	free(record->rows);
	*record = (struct record){ 0 };
}

static struct event event_of(const struct record *record, const struct record_row *row,
			     const struct transition *transition, int64_t sequence)
{
	struct event event = {
		.type = transition->type == TRANSITION_START ? EVENT_LIVE_START : EVENT_LIVE_END,
		.occurred_at_ms = record->now_ms,
		.sequence = sequence,
		.room = transition->room,
		.started_at_ms = transition->started_at_ms,
		.started_at_source = transition->source,
		.title = row->title,
		.viewer_count = row->viewer_count,
		.resumed = transition->is_resumed,
		.ended_at_ms = transition->ended_at_ms,
		.reason = transition->reason,
	};
	memcpy(event.creator, row->handle, sizeof(event.creator));
	return event;
}

static int store_event(struct store *store, struct record *record, const struct record_row *row,
		       const struct transition *transition, int64_t sequence,
		       char ret_id[ID_TEXT_SIZE])
{
	struct event event = event_of(record, row, transition, sequence);
	struct strbuf body;
	unsigned deliveries;
	store_new_id(store, "evt_", record->now_ms, event.id);
	strbuf_init(&body, LIMIT_EVENT_BODY_BYTES);
	event_render(&event, &body);
	int r = store_event_add(store, &row->key, &event, body.data, body.length, EVENT_LISTED);
	strbuf_finish(&body);
	if (r == -EEXIST) {
		/* The store's index is the last line of defence against telling something twice. */
		log_error("event exists already", LOG_TEXT("creator", row->handle),
			  LOG_TEXT("event", event_type_name(event.type)));
		return 0;
	}
	if (r == 0)
		r = store_deliveries_enqueue(store, event.id, record->now_ms,
					     record->now_ms + record->first_attempt_in_ms,
					     &deliveries);
	if (r < 0)
		return r;
	record->events++;
	memcpy(ret_id, event.id, sizeof(event.id));
	return 0;
}

static int store_session(struct store *store, const struct record *record,
			 const struct record_row *row, const struct transition *transition)
{
	if (transition->type == TRANSITION_START)
		return store_session_open(store, row->key, transition->room,
					  transition->started_at_ms, transition->source,
					  record->now_ms);
	int r = store_session_close(store, row->key, transition->ended_at_ms, transition->reason);
	return r == -ENOENT ? 0 : r; /* pruned, or from before there were sessions */
}

static int store_row(struct store *store, struct record *record, struct record_row *row)
{
	int r = store_creator_save_check(store, row->key, record->now_ms, row->next_check_at_ms,
					 row->state.answered_at_ms, row->tally);
	if (r == -ENOENT) {
		row->is_gone = true;
		return 0;
	}
	int64_t sequence = row->first_sequence;
	for (unsigned i = 0; r == 0 && i < row->transition_count; i++) {
		const struct transition *transition = &row->transitions[i];
		r = store_session(store, record, row, transition);
		if (r == 0 && transition->is_announced)
			r = store_event(store, record, row, transition, sequence++,
					row->event_ids[i]);
	}
	for (unsigned i = 0; r == 0 && i < row->finding_count; i++)
		r = store_finding_add(store, row->key, &row->findings[i],
				      i < row->transition_count ? row->event_ids[i] : NULL);
	if (r == 0 && row->has_new_state)
		r = store_creator_save_state(store, row->key, &row->state);
	if (r == 0 && row->has_new_quarantine)
		r = store_creator_quarantine(store, row->key, row->is_quarantined, record->now_ms);
	return r;
}

bool record_row_is_plain(const struct record_row *row)
{
	return row->transition_count == 0 && row->finding_count == 0 && !row->has_new_state &&
	       !row->has_new_quarantine;
}

bool record_is_plain(const struct record *record)
{
	for (size_t i = 0; i < record->count; i++)
		if (!record_row_is_plain(&record->rows[i]))
			return false;
	return record->gap.began_at_ms == 0;
}

/* That creators could be checked now, and a gap that this ended. */
static int store_sighting(struct store *store, const struct record *record)
{
	int r = record->is_sighting ? store_sighted_set(store, record->now_ms) : 0;
	return r == 0 && record->gap.began_at_ms > 0 ? store_gap_add(store, &record->gap) : r;
}

int record_store(struct store *store, struct record *record)
{
	record->events = 0;
	int error = store_sighting(store, record);
	if (error < 0)
		return error;
	for (size_t i = 0; i < record->count; i++) {
		struct record_row *row = &record->rows[i];
		int r = record_row_is_plain(row) ? 0 : store_row(store, record, row);
		if (r < 0)
			return r;
	}
	return 0;
}

int checks_store(struct store *store, const struct checks *checks)
{
	int r = checks->sighted_at_ms > 0 ? store_sighted_set(store, checks->sighted_at_ms) : 0;
	for (size_t i = 0; r == 0 && i < checks->count; i++) {
		const struct check *check = &checks->checks[i];
		r = store_creator_save_check(store, check->key, check->checked_at_ms,
					     check->next_check_at_ms, check->answered_at_ms,
					     check->tally);
	}
	return r;
}
