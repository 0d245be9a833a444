#include "domain/event.h"

#include "base/attrs.h"
#include "base/json_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const type_names[EVENT_TYPE_COUNT] = {
	[EVENT_LIVE_START] = "live.start",
	[EVENT_LIVE_END] = "live.end",
};

static const char *const start_source_names[] = {
	[EVENT_STARTED_BY_ROOM_ID] = "room_id",
	[EVENT_STARTED_OBSERVED] = "observed",
};

static const char *const end_reason_names[] = {
	[EVENT_ENDED] = "ended",
	[EVENT_ROOM_CHANGED] = "room_changed",
};

const char *event_type_name(enum event_type type)
{
	assert((size_t)type < ARRAY_SIZE(type_names));
	return type_names[type];
}

bool event_type_parse(const char *name, enum event_type *ret_type)
{
	for (unsigned type = 0; type < EVENT_TYPE_COUNT; type++) {
		if (strcmp(type_names[type], name) == 0) {
			*ret_type = (enum event_type)type;
			return true;
		}
	}
	return false;
}

const char *event_start_source_name(enum event_start_source source)
{
	assert((size_t)source < ARRAY_SIZE(start_source_names));
	return start_source_names[source];
}

const char *event_end_reason_name(enum event_end_reason reason)
{
	assert((size_t)reason < ARRAY_SIZE(end_reason_names));
	return end_reason_names[reason];
}

/* The service's answers tell no more of a creator than the name; the rest keeps its place. */
static void put_creator(struct json_writer *writer, const struct event *event)
{
	json_begin_object(writer, "creator");
	json_put_string(writer, "unique_id", event->creator);
	json_put_null(writer, "nickname");
	json_put_null(writer, "avatar_url");
	json_put_null(writer, "user_id");
	json_put_null(writer, "follower_count");
	json_end_object(writer);
}

/* As text: readers of JSON in most languages would lose digits beyond 2^53. */
static void put_room(struct json_writer *writer, uint64_t room)
{
	char digits[24];
	snprintf(digits, sizeof(digits), "%" PRIu64, room);
	json_put_string(writer, "room_id", room ? digits : NULL);
}

static void put_start(struct json_writer *writer, const struct event *event)
{
	char url[sizeof("https://www.tiktok.com/@/live") + HANDLE_SIZE];
	snprintf(url, sizeof(url), "https://www.tiktok.com/@%s/live", event->creator);
	json_put_string(writer, "live_url", url);
	json_put_string(writer, "title", event->title);
	if (event->viewer_count >= 0)
		json_put_integer(writer, "viewer_count", event->viewer_count);
	else
		json_put_null(writer, "viewer_count");
	json_put_bool(writer, "resumed", event->resumed);
}

static void put_end(struct json_writer *writer, const struct event *event)
{
	int64_t duration_ms = event->ended_at_ms - event->started_at_ms;
	json_put_time(writer, "ended_at", event->ended_at_ms);
	json_put_integer(writer, "duration_seconds", duration_ms > 0 ? duration_ms / 1000 : 0);
	json_put_string(writer, "reason", event_end_reason_name(event->reason));
}

static void put_live(struct json_writer *writer, const struct event *event)
{
	json_begin_object(writer, "live");
	put_room(writer, event->room);
	json_put_time(writer, "started_at", event->started_at_ms);
	json_put_string(writer, "started_at_source",
			event_start_source_name(event->started_at_source));
	if (event->type == EVENT_LIVE_START)
		put_start(writer, event);
	else
		put_end(writer, event);
	json_end_object(writer);
}

static void put_links(struct json_writer *writer, const struct event *event)
{
	char url[sizeof("https://tik.tools/@") + HANDLE_SIZE];
	snprintf(url, sizeof(url), "https://tik.tools/@%s", event->creator);
	json_begin_object(writer, "_links");
	json_put_string(writer, "creator", url);
	json_end_object(writer);
}

void event_render(const struct event *event, struct strbuf *out)
{
	struct json_writer writer;
	json_writer_init(&writer, out);
	json_begin_object(&writer, NULL);
	json_put_string(&writer, "event_id", event->id);
	json_put_string(&writer, "event", event_type_name(event->type));
	json_put_time(&writer, "occurred_at", event->occurred_at_ms);
	json_put_bool(&writer, "is_test", event->is_test);
	if (event->sequence > 0)
		json_put_integer(&writer, "sequence", event->sequence);
	else
		json_put_null(&writer, "sequence");
	put_creator(&writer, event);
	put_live(&writer, event);
	put_links(&writer, event);
	json_end_object(&writer);
}

void event_sample(enum event_type type, const char *id, const char *creator, int64_t now_ms,
		  struct event *ret_event)
{
	/* A live that was noticed after 19 seconds, or that ended two minutes ago after an hour and
	 * a half; its room id tells the time of its start, as a real one does. */
	int64_t ended_at_ms = now_ms - INT64_C(120) * 1000;
	int64_t started_at_s =
		type == EVENT_LIVE_START ? now_ms / 1000 - 19 : ended_at_ms / 1000 - 5400;

	*ret_event = (struct event){
		.type = type,
		.occurred_at_ms = now_ms,
		.is_test = true,
		.room = (uint64_t)started_at_s << 32 | 0x12345B00,
		.started_at_ms = started_at_s * 1000,
		.started_at_source = EVENT_STARTED_BY_ROOM_ID,
		.title = type == EVENT_LIVE_START ? "A test of your webhook" : NULL,
		.viewer_count = type == EVENT_LIVE_START ? 1234 : -1,
		.ended_at_ms = type == EVENT_LIVE_END ? ended_at_ms : 0,
		.reason = EVENT_ENDED,
	};
	snprintf(ret_event->id, sizeof(ret_event->id), "%s", id);
	snprintf(ret_event->creator, sizeof(ret_event->creator), "%s", creator);
}
