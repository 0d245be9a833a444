#include "admin/replays.h"

#include "admin/fields.h"
#include "db/replays.h"
#include "db/webhooks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* Queued at once, so that a small replay needs no second turn. What is beyond is paced by the
 * daemon. */
enum { FIRST_SLICE = 500 };

struct asked {
	struct replay_filter filter;
	struct text_list creators; /* owned */
	bool is_dry_run;
};

static void asked_cleanup(struct asked *asked)
{
	text_list_finish(&asked->creators);
}

static int read_status(const struct admin_request *request, struct admin_reply *reply,
		       struct replay_filter *filter)
{
	const char *name = NULL;

	switch (field_text(request, "status", LIMIT_NAME_CHARS, reply, &name)) {
	case FIELD_BAD:
		return -EINVAL;
	case FIELD_GIVEN:
		break;
	default:
		return 0;
	}
	filter->has_status = delivery_status_parse(name, &filter->status);
	if (!filter->has_status) {
		reply_problem(reply, 422, "bad_value", "status",
			      "status is pending, delivered, dead or cancelled.");
		return -EINVAL;
	}
	if (filter->missing) {
		reply_problem(reply, 422, "contradiction", "status",
			      "status chooses deliveries, and missing those that there are none "
			      "of: leave one of them out.");
		return -EINVAL;
	}
	return 0;
}

static int read_creators(const struct admin_request *request, struct admin_reply *reply,
			 struct asked *asked)
{
	enum field_state state = field_handles(request, "creators", reply, &asked->creators);

	if (state == FIELD_BAD)
		return -EINVAL;
	if (state == FIELD_GIVEN && asked->creators.count == 0) {
		reply_problem(reply, 422, "bad_value", "creators",
			      "creators names nobody: leave it out to replay those of everybody.");
		return -EINVAL;
	}
	asked->filter.creators = asked->creators.items;
	asked->filter.creator_count = asked->creators.count;
	return 0;
}

static int read_asked(const struct admin_request *request, struct admin_reply *reply,
		      struct asked *asked)
{
	struct replay_filter *filter = &asked->filter;

	if (field_flag(request, "missing", reply, &filter->missing) == FIELD_BAD ||
	    field_flag(request, "dry_run", reply, &asked->is_dry_run) == FIELD_BAD ||
	    field_event_types(request, "event_types", reply, &filter->event_types) == FIELD_BAD ||
	    field_time(request, "since", reply, &filter->since_ms) == FIELD_BAD ||
	    field_time(request, "until", reply, &filter->until_ms) == FIELD_BAD)
		return -EINVAL;
	int result = read_status(request, reply, filter);
	return result ? result : read_creators(request, reply, asked);
}

static void answer(struct admin_reply *reply, const char *id, int64_t matched, int64_t replayed)
{
	struct json_writer *writer = reply_json(reply, 202);

	json_put_string(writer, "replay_id", id);
	json_put_integer(writer, "matched", matched);
	json_put_integer(writer, "replayed", replayed);
	reply_end(reply);
}

static void count(struct store *store, const struct admin_request *request,
		  const struct asked *asked, struct admin_reply *reply)
{
	int64_t matched;
	int result = store_replay_count(store, request->parameter, &asked->filter, &matched);

	if (result)
		reply_store_error(reply, result);
	else
		answer(reply, NULL, matched, 0);
}

/* Replays that run already go on first: the slice may not be this one's. */
static int start(struct store *store, const struct admin_request *request,
		 const struct asked *asked, struct replay *ret_replay)
{
	struct replay replay;
	unsigned enqueued;
	bool more;
	int result = store_replay_add(store, request->parameter, &asked->filter, request->now_ms,
				      &replay);

	if (!result)
		result =
			store_replay_advance(store, FIRST_SLICE, request->now_ms, &enqueued, &more);
	if (!result)
		result = store_replay_show(store, replay.id, ret_replay);
	return result;
}

static int record(const struct admin_request *request, struct store *store,
		  const struct replay *replay, struct admin_reply *reply)
{
	char detail[ID_TEXT_SIZE + 64];

	snprintf(detail, sizeof(detail), "{\"replay_id\":\"%s\",\"matched\":%" PRId64 "}",
		 replay->id, replay->matched);
	return request_audit(request, store, "webhook.replay", request->parameter, detail, reply);
}

void replays_create(struct store *store, const struct admin_request *request,
		    struct admin_reply *reply)
{
	struct asked asked CLEANUP(asked_cleanup) = { 0 };
	struct replay replay;

	if (!store_webhook_exists(store, request->parameter)) {
		reply_not_found(reply, "webhook", request->parameter);
		return;
	}
	if (read_asked(request, reply, &asked) < 0)
		return;
	if (asked.is_dry_run) {
		count(store, request, &asked, reply);
		return;
	}
	int result = start(store, request, &asked, &replay);
	if (result) {
		reply_store_error(reply, result);
		return;
	}
	if (record(request, store, &replay, reply) < 0)
		return;
	reply->effects |= EFFECT_ENQUEUED;
	answer(reply, replay.id, replay.matched, replay.replayed);
}

void replays_show(struct store *store, const struct admin_request *request,
		  struct admin_reply *reply)
{
	struct replay replay;
	int result = store_replay_show(store, request->parameter, &replay);

	if (result == -ENOENT) {
		reply_not_found(reply, "replay", request->parameter);
		return;
	}
	if (result) {
		reply_store_error(reply, result);
		return;
	}
	struct json_writer *writer = reply_json(reply, 200);
	json_put_string(writer, "replay_id", replay.id);
	json_put_string(writer, "webhook_id", replay.webhook_id);
	json_put_string(writer, "state", replay_state_name(replay.state));
	json_put_integer(writer, "matched", replay.matched);
	json_put_integer(writer, "replayed", replay.replayed);
	json_put_time(writer, "created_at", replay.created_at_ms);
	reply_end(reply);
}

void replays_cancel(struct store *store, const struct admin_request *request,
		    struct admin_reply *reply)
{
	int result = store_replay_cancel(store, request->parameter);

	if (result == -ENOENT)
		reply_not_found(reply, "replay", request->parameter);
	else if (result)
		reply_store_error(reply, result);
	else if (request_audit(request, store, "replay.cancel", request->parameter, NULL, reply) ==
		 0)
		reply_no_content(reply);
}
