#include "admin/events.h"

#include "admin/fields.h"
#include "admin/page.h"
#include "admin/values.h"
#include "db/deliveries.h"
#include "db/events.h"

#include <errno.h>
#include <stdio.h>

/* What the filters of a list need to live on while the list is read. */
struct asked {
	struct event_filter filter;
	char creator[HANDLE_SIZE];
};

static int read_filter(const struct admin_request *request, struct admin_reply *reply,
		       struct asked *asked)
{
	struct event_filter *filter = &asked->filter;
	const char *type = request_query(request, "type");
	bool has_creator = false;

	if (type && !event_type_parse(type, &filter->type)) {
		reply_problem(reply, 422, "bad_filter", "type", "type is live.start or live.end.");
		return -EINVAL;
	}
	if (request_query_handle(request, "creator", reply, asked->creator, &has_creator) < 0 ||
	    request_query_time(request, "since", reply, &filter->since_ms) < 0 ||
	    request_query_time(request, "until", reply, &filter->until_ms) < 0)
		return -EINVAL;
	filter->has_type = type;
	filter->creator = has_creator ? asked->creator : NULL;
	return 0;
}

static void put_event(struct json_writer *writer, const struct event_row *event)
{
	json_put_string(writer, "event_id", event->id);
	json_put_string(writer, "event", event_type_name(event->type));
	json_put_time(writer, "occurred_at", event->occurred_at_ms);
	json_put_string(writer, "creator", event->creator);
	value_put_room(writer, "room_id", event->room);
	value_put_nonzero(writer, "sequence", event->sequence);
	json_put_bool(writer, "is_test", event->is_test);
	json_begin_object(writer, "deliveries");
	json_put_integer(writer, "pending", event->pending);
	json_put_integer(writer, "delivered", event->delivered);
	json_put_integer(writer, "dead", event->dead);
	json_put_integer(writer, "cancelled", event->cancelled);
	json_end_object(writer);
}

static void on_listed(void *arg, const struct event_row *event)
{
	struct page *page = arg;
	struct json_writer *writer = page_row(page, event->id);

	if (!writer)
		return;
	put_event(writer, event);
	page_row_end(page);
}

void events_list(struct store *store, const struct admin_request *request,
		 struct admin_reply *reply)
{
	struct asked asked = { 0 };
	struct page page;

	if (read_filter(request, reply, &asked) < 0 ||
	    page_begin(&page, request, "events", reply) < 0)
		return;
	page_end(&page, store_event_list(store, &asked.filter, page.after, page_fetch(&page),
					 on_listed, &page));
}

static void on_shown(void *arg, const struct event_row *event)
{
	struct json_writer *writer = arg;

	put_event(writer, event);
	json_put_raw(writer, "payload", event->body, event->body_length);
}

void events_show(struct store *store, const struct admin_request *request,
		 struct admin_reply *reply)
{
	struct json_writer *writer = reply_json(reply, 200);
	int result = store_event_show(store, request->parameter, on_shown, writer);

	if (result == -ENOENT)
		reply_not_found(reply, "event", request->parameter);
	else if (result)
		reply_store_error(reply, result);
	else
		reply_end(reply);
}

/* Stores the event and what it sends, as the detector would. */
static int enqueue(struct store *store, const struct creator_key *key, const struct event *event,
		   int64_t now_ms, unsigned *ret_deliveries)
{
	struct strbuf body CLEANUP(strbuf_finish);

	strbuf_init(&body, LIMIT_EVENT_BODY_BYTES);
	event_render(event, &body);
	int result = store_event_add(store, key, event, body.data, body.length, EVENT_LISTED);
	if (result)
		return result;
	return store_deliveries_enqueue(store, event->id, now_ms, now_ms, ret_deliveries);
}

static int record(const struct admin_request *request, struct store *store,
		  const struct event *event, struct admin_reply *reply)
{
	char detail[HANDLE_SIZE + 64]; /* a handle needs no escaping */

	snprintf(detail, sizeof(detail), "{\"event_type\":\"%s\",\"creator\":\"%s\"}",
		 event_type_name(event->type), event->creator);
	return request_audit(request, store, "event.create", event->id, detail, reply);
}

static void create(struct store *store, const struct admin_request *request, enum event_type type,
		   const char *creator, struct admin_reply *reply)
{
	struct creator_key key;
	struct event event;
	char id[ID_TEXT_SIZE];
	unsigned deliveries;
	int result = store_creator_find(store, creator, &key);

	if (result == -ENOENT) {
		reply_problem(reply, 422, "not_watched", "creator",
			      "Nobody watches %s, so no webhook would get a real event of theirs.",
			      creator);
		return;
	}
	if (!result) {
		store_new_id(store, "evt_", request->now_ms, id);
		event_sample(type, id, creator, request->now_ms, &event);
		result = enqueue(store, &key, &event, request->now_ms, &deliveries);
	}
	if (result) {
		reply_store_error(reply, result);
		return;
	}
	if (record(request, store, &event, reply) < 0)
		return;
	reply->effects |= EFFECT_ENQUEUED;
	struct json_writer *writer = reply_json(reply, 202);
	json_put_string(writer, "event_id", id);
	json_put_integer(writer, "deliveries", deliveries);
	reply_end(reply);
}

void events_create(struct store *store, const struct admin_request *request,
		   struct admin_reply *reply)
{
	enum event_type type;
	char creator[HANDLE_SIZE];

	if (field_is_missing(field_event_type(request, "event_type", reply, &type), "event_type",
			     reply) ||
	    field_is_missing(field_handle(request, "creator", reply, creator), "creator", reply))
		return;
	create(store, request, type, creator, reply);
}
