#include "admin/explain.h"

#include "admin/creators.h"
#include "admin/values.h"
#include "db/findings.h"

#include <errno.h>

static void put_tally(struct json_writer *writer, const char *key, struct tally tally)
{
	json_begin_object(writer, key);
	json_put_integer(writer, "unchanged", tally.unchanged);
	json_put_integer(writer, "missing", tally.missing);
	json_put_integer(writer, "unclear", tally.unclear);
	json_put_integer(writer, "failed", tally.failed);
	json_end_object(writer);
}

static void put_evidence(struct json_writer *writer, const struct finding *finding)
{
	if (finding->evidence_count == 0) {
		json_put_null(writer, "evidence");
		return;
	}
	json_begin_object(writer, "evidence");
	json_put_integer(writer, "answers", finding->evidence_count);
	json_put_integer(writer, "answers_wanted", finding->evidence_wanted);
	json_put_time(writer, "since", finding->evidence_since_ms);
	json_put_real(writer, "seconds",
		      (double)(finding->answered_at_ms - finding->evidence_since_ms) / 1000);
	json_put_real(writer, "seconds_wanted", (double)finding->evidence_span_ms / 1000);
	json_end_object(writer);
}

/* What was told of a transition; all null where there was none. */
static void put_transition(struct json_writer *writer, const struct finding *finding,
			   const char *event_id)
{
	bool is_start = finding->effect == FINDING_START;
	bool is_transition = is_start || finding->effect == FINDING_END;

	json_put_time(writer, "at", finding->told_at_ms);
	json_put_string(writer, "started_at_source",
			is_start ? event_start_source_name(finding->flags & FINDING_BY_ROOM_ID
								   ? EVENT_STARTED_BY_ROOM_ID
								   : EVENT_STARTED_OBSERVED)
				 : NULL);
	if (is_transition)
		json_put_bool(writer, "announced", !(finding->flags & FINDING_SILENT));
	else
		json_put_null(writer, "announced");
	json_put_string(writer, "event_id", event_id);
}

static void on_finding(void *arg, const struct finding *finding, const char *event_id,
		       const struct gap *gap)
{
	struct json_writer *writer = arg;

	json_begin_object(writer, NULL);
	json_put_time(writer, "answered_at", finding->answered_at_ms);
	json_put_string(writer, "answer", finding->is_live ? "live" : "offline");
	json_put_string(writer, "effect",
			finding_effect_name((enum finding_effect)finding->effect));
	value_put_room(writer, "room_id", finding->room);
	put_transition(writer, finding, event_id);
	json_put_bool(writer, "first_sight", finding->flags & FINDING_FIRST_SIGHT);
	json_put_bool(writer, "resumed", finding->flags & FINDING_RESUMED);
	json_put_bool(writer, "room_changed", finding->flags & FINDING_ROOM_CHANGED);
	json_put_bool(writer, "second_check", finding->flags & FINDING_WAS_HELD);
	put_evidence(writer, finding);
	json_put_time(writer, "previous_answer_at", finding->previous_at_ms);
	put_tally(writer, "before", finding->tally);
	if (gap)
		value_put_gap(writer, "gap", gap);
	else
		json_put_null(writer, "gap");
	json_end_object(writer);
}

static void on_creator(void *arg, const struct creator *creator)
{
	creator_put(arg, creator);
	put_tally(arg, "since_then", creator->tally);
}

void creators_explain(struct store *store, const struct admin_request *request,
		      struct admin_reply *reply)
{
	char handle[HANDLE_SIZE];

	if (handle_normalize(request->parameter, handle) < 0) {
		reply_not_found(reply, "creator", request->parameter);
		return;
	}
	struct json_writer *writer = reply_json(reply, 200);
	int result = store_creator_show(store, handle, on_creator, writer);
	if (result == -ENOENT) {
		reply_not_found(reply, "creator", request->parameter);
		return;
	}
	json_begin_array(writer, "answers");
	if (!result)
		result = store_finding_list(store, handle, on_finding, writer);
	if (result) {
		reply_store_error(reply, result);
		return;
	}
	json_end_array(writer);
	reply_end(reply);
}
