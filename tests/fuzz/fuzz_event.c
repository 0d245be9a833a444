/* Whatever texts an event holds, its body is strict JSON with the members of the contract, and says
 * what it was made of. The input: numbers, then id, creator and title. */
#include "fuzz.h"

#include "base/clock.h"
#include "domain/event.h"

#include <inttypes.h>

static const struct json_value *member(const struct json_value *object, const char *key)
{
	const struct json_value *value = json_member(object, key);
	FUZZ_MUST(value);
	return value;
}

/* Bytes that are not UTF-8 are replaced; everything else comes back as it was. */
static void must_say(const struct json_value *object, const char *key, const char *text)
{
	const char *said = json_string(member(object, key));
	if (!text) {
		FUZZ_MUST(json_type(member(object, key)) == JSON_NULL);
		return;
	}
	FUZZ_MUST(said);
	if (fuzz_is_utf8(text, strlen(text)))
		FUZZ_MUST(strcmp(said, text) == 0);
}

static void must_say_number(const struct json_value *object, const char *key, int64_t number,
			    bool is_known)
{
	int64_t said = 0;
	const struct json_value *value = member(object, key);
	FUZZ_MUST(is_known ? json_integer(value, &said) && said == number
			   : json_type(value) == JSON_NULL);
}

static void check_body(const struct event *event, const struct json_value *root)
{
	const struct json_value *live = member(root, "live");
	char room[24], time[CLOCK_TEXT_SIZE];
	snprintf(room, sizeof(room), "%" PRIu64, event->room);
	must_say(root, "event_id", event->id);
	must_say(root, "event", event_type_name(event->type));
	must_say_number(root, "sequence", event->sequence, event->sequence > 0);
	must_say(member(root, "creator"), "unique_id", event->creator);
	must_say(live, "room_id", event->room ? room : NULL);
	must_say(live, "started_at",
		 event->started_at_ms ? clock_format(event->started_at_ms, time) : NULL);
	if (event->type == EVENT_LIVE_START) {
		must_say(live, "title", event->title);
		must_say_number(live, "viewer_count", event->viewer_count,
				event->viewer_count >= 0);
	} else {
		int64_t duration_ms = event->ended_at_ms - event->started_at_ms;
		must_say_number(live, "duration_seconds", duration_ms > 0 ? duration_ms / 1000 : 0,
				true);
	}
}

static char *take_text_into(struct fuzz_input *input, char *place, size_t size)
{
	char *text = fuzz_take_text(input);
	snprintf(place, size, "%s", text);
	free(text);
	return place;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	uint8_t flags = fuzz_take_byte(&input);
	struct event event = {
		.type = flags & 1 ? EVENT_LIVE_END : EVENT_LIVE_START,
		.is_test = flags & 2,
		.resumed = flags & 4,
		.started_at_source = flags & 8 ? EVENT_STARTED_OBSERVED : EVENT_STARTED_BY_ROOM_ID,
		.reason = flags & 16 ? EVENT_ROOM_CHANGED : EVENT_ENDED,
		.occurred_at_ms = fuzz_take_number(&input),
		.sequence = fuzz_take_number(&input),
		.room = (uint64_t)fuzz_take_number(&input),
		.started_at_ms = fuzz_take_number(&input) >> 2,
		.ended_at_ms = fuzz_take_number(&input) >> 2,
		.viewer_count = fuzz_take_number(&input),
	};
	take_text_into(&input, event.id, sizeof(event.id));
	take_text_into(&input, event.creator, sizeof(event.creator));
	char *title = fuzz_take_text(&input);
	event.title = flags & 32 ? NULL : title;

	struct strbuf body, again;
	strbuf_init(&body, 4096 + 6 * strlen(title));
	strbuf_init(&again, 4096 + 6 * strlen(title));
	event_render(&event, &body);
	event_render(&event, &again);
	FUZZ_MUST(!strbuf_is_full(&body) && strcmp(body.data, again.data) == 0);
	struct json_document *document = fuzz_parse_own(body.data, body.length);
	check_body(&event, json_root(document));
	json_destroy(document);
	strbuf_finish(&body);
	strbuf_finish(&again);
	free(title);
	return 0;
}
