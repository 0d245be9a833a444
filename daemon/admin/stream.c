#include "admin/stream.h"

#include "db/events.h"

#include <stdio.h>
#include <string.h>

void stream_open(struct store *store, const struct admin_request *request,
		 struct admin_reply *reply)
{
	char newest[ID_TEXT_SIZE];

	if (request->last_event_id && *request->last_event_id) {
		if (!ulid_is_valid("evt_", request->last_event_id))
			reply_problem(reply, 422, "bad_last_event_id", "Last-Event-ID",
				      "Last-Event-ID is not the id of an event.");
		else
			reply_stream(reply, request->last_event_id);
		return;
	}
	int result = store_event_newest(store, newest);
	if (result)
		reply_store_error(reply, result);
	else
		reply_stream(reply, newest);
}

struct stream_visit {
	struct strbuf *out;
	char *after;
	unsigned limit, seen;
};

/* The body of an event is JSON on one line, as event_render() writes it. */
static void on_event(void *arg, const struct event_row *event)
{
	struct stream_visit *visit = arg;

	if (visit->seen++ == visit->limit)
		return;
	strbuf_addf(visit->out, "id: %s\nevent: %s\ndata: ", event->id,
		    event_type_name(event->type));
	strbuf_add(visit->out, event->body, event->body_length);
	strbuf_add_text(visit->out, "\n\n");
	snprintf(visit->after, ID_TEXT_SIZE, "%s", event->id);
}

int stream_read(struct store *store, char after[ID_TEXT_SIZE], unsigned limit, struct strbuf *out,
		bool *ret_more)
{
	char behind[ID_TEXT_SIZE];
	struct stream_visit visit = { .out = out, .after = after, .limit = limit };

	memcpy(behind, after, sizeof(behind));
	int result = store_event_since(store, behind, limit + 1, on_event, &visit);
	if (result)
		return result;
	*ret_more = visit.seen > limit;
	return 0;
}
