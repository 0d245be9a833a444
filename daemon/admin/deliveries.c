#include "admin/deliveries.h"

#include "admin/page.h"
#include "admin/values.h"
#include "db/deliveries.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What the filters of a list need to live on while the list is read. */
struct asked {
	struct delivery_filter filter;
	char creator[HANDLE_SIZE];
};

static int bad_filter(struct admin_reply *reply, const char *name, const char *expected)
{
	reply_problem(reply, 422, "bad_filter", name, "%s is %s.", name, expected);
	return -EINVAL;
}

/* An id that was never given to anything matches nothing; what is no id is a mistake. */
static int read_id(const struct admin_request *request, const char *name, const char *prefix,
		   struct admin_reply *reply, const char **ret_id)
{
	const char *id = request_query(request, name);

	if (id && !ulid_is_valid(prefix, id))
		return bad_filter(reply, name, "an id as the API gives it");
	*ret_id = id;
	return 0;
}

static int read_names(const struct admin_request *request, struct admin_reply *reply,
		      struct delivery_filter *filter)
{
	const char *status = request_query(request, "status");
	const char *type = request_query(request, "event_type");

	if (status && !delivery_status_parse(status, &filter->status))
		return bad_filter(reply, "status", "pending, delivered, dead or cancelled");
	if (type && !event_type_parse(type, &filter->type))
		return bad_filter(reply, "event_type", "live.start or live.end");
	filter->has_status = status;
	filter->has_type = type;
	return 0;
}

static int read_filter(const struct admin_request *request, struct admin_reply *reply,
		       struct asked *asked)
{
	struct delivery_filter *filter = &asked->filter;
	bool has_creator = false;

	if (read_names(request, reply, filter) < 0 ||
	    read_id(request, "webhook_id", "wh_", reply, &filter->webhook_id) < 0 ||
	    read_id(request, "event_id", "evt_", reply, &filter->event_id) < 0 ||
	    request_query_handle(request, "creator", reply, asked->creator, &has_creator) < 0 ||
	    request_query_time(request, "since", reply, &filter->since_ms) < 0 ||
	    request_query_time(request, "until", reply, &filter->until_ms) < 0)
		return -EINVAL;
	filter->creator = has_creator ? asked->creator : NULL;
	return 0;
}

static void put_delivery(struct json_writer *writer, const struct delivery *delivery)
{
	json_put_string(writer, "id", delivery->id);
	json_put_string(writer, "webhook_id", delivery->webhook_id);
	json_put_string(writer, "event_id", delivery->event_id);
	json_put_string(writer, "event", event_type_name(delivery->event_type));
	json_put_string(writer, "creator", delivery->creator);
	json_put_string(writer, "status", delivery_status_name(delivery->status));
	json_put_integer(writer, "attempts", delivery->attempts);
	json_put_time(writer, "created_at", delivery->created_at_ms);
	json_put_time(writer, "next_attempt_at", delivery->next_attempt_at_ms);
	json_put_time(writer, "delivered_at", delivery->delivered_at_ms);
	json_put_string(writer, "replay_of", delivery->replay_of);
	value_put_nonzero(writer, "last_status_code", delivery->last_status_code);
	json_put_string(writer, "last_error", delivery->last_error);
}

static void on_listed(void *arg, const struct delivery *delivery)
{
	struct page *page = arg;
	struct json_writer *writer = page_row(page, delivery->id);

	if (!writer)
		return;
	put_delivery(writer, delivery);
	page_row_end(page);
}

static void answer_list(struct store *store, const struct admin_request *request,
			const struct delivery_filter *filter, struct admin_reply *reply)
{
	struct page page;

	if (page_begin(&page, request, "deliveries", reply) < 0)
		return;
	page_end(&page, store_delivery_list(store, filter, page.after, page_fetch(&page), on_listed,
					    &page));
}

void deliveries_list(struct store *store, const struct admin_request *request,
		     struct admin_reply *reply)
{
	struct asked asked = { 0 };

	if (read_filter(request, reply, &asked) == 0)
		answer_list(store, request, &asked.filter, reply);
}

static void on_any(void *arg, const struct delivery *delivery)
{
	(void)delivery;
	*(bool *)arg = true;
}

/* A deleted webhook's deliveries stay readable; one that never was has none. 0, or -errno with the
 * problem in reply. */
static int check_webhook(struct store *store, const char *id, struct admin_reply *reply)
{
	const struct delivery_filter filter = { .webhook_id = id };
	bool is_known = store_webhook_exists(store, id);
	int result = is_known ? 0 : store_delivery_list(store, &filter, "", 1, on_any, &is_known);

	if (result)
		reply_store_error(reply, result);
	if (!result && !is_known) {
		reply_not_found(reply, "webhook", id);
		result = -ENOENT;
	}
	return result;
}

void deliveries_list_of_webhook(struct store *store, const struct admin_request *request,
				struct admin_reply *reply)
{
	struct asked asked = { 0 };

	if (check_webhook(store, request->parameter, reply) < 0 ||
	    read_filter(request, reply, &asked) < 0)
		return;
	if (asked.filter.webhook_id && strcmp(asked.filter.webhook_id, request->parameter) != 0) {
		(void)bad_filter(reply, "webhook_id", "another webhook than the path's");
		return;
	}
	asked.filter.webhook_id = request->parameter;
	answer_list(store, request, &asked.filter, reply);
}

static void on_shown(void *arg, const struct delivery *delivery)
{
	struct json_writer *writer = arg;

	put_delivery(writer, delivery);
	if (delivery->body)
		json_put_raw(writer, "payload", delivery->body, delivery->body_length);
	else
		json_put_null(writer, "payload");
}

static void on_attempt(void *arg, const struct attempt *attempt)
{
	struct json_writer *writer = arg;

	json_begin_object(writer, NULL);
	json_put_integer(writer, "attempt", attempt->attempt);
	json_put_time(writer, "started_at", attempt->started_at_ms);
	value_put_reached(writer, "duration_ms", attempt->duration_ms);
	value_put_reached(writer, "dns_ms", attempt->dns_ms);
	value_put_reached(writer, "connect_ms", attempt->connect_ms);
	value_put_reached(writer, "tls_ms", attempt->tls_ms);
	value_put_reached(writer, "first_byte_ms", attempt->first_byte_ms);
	value_put_nonzero(writer, "status_code", attempt->status_code);
	json_put_string(writer, "error", attempt->error);
	json_put_string(writer, "error_detail", attempt->error_detail);
	json_put_string(writer, "peer_address", attempt->peer_address);
	if (attempt->response)
		json_put_string_n(writer, "response", attempt->response, attempt->response_length);
	else
		json_put_null(writer, "response");
	json_end_object(writer);
}

void deliveries_show(struct store *store, const struct admin_request *request,
		     struct admin_reply *reply)
{
	struct json_writer *writer = reply_json(reply, 200);
	int result = store_delivery_show(store, request->parameter, on_shown, writer);

	if (result == -ENOENT) {
		reply_not_found(reply, "delivery", request->parameter);
		return;
	}
	json_begin_array(writer, "attempt_log");
	if (!result)
		result = store_attempt_list(store, request->parameter, on_attempt, writer);
	if (result) {
		reply_store_error(reply, result);
		return;
	}
	json_end_array(writer);
	reply_end(reply);
}

static int record(const struct admin_request *request, struct store *store,
		  const char *new_delivery_id, struct admin_reply *reply)
{
	char detail[ID_TEXT_SIZE + 32];

	snprintf(detail, sizeof(detail), "{\"delivery_id\":\"%s\"}", new_delivery_id);
	return request_audit(request, store, "delivery.replay", request->parameter, detail, reply);
}

void deliveries_replay(struct store *store, const struct admin_request *request,
		       struct admin_reply *reply)
{
	char id[ID_TEXT_SIZE];
	int result = store_delivery_replay(store, request->parameter, request->now_ms,
					   request->now_ms, id);

	if (result == -ENOENT) {
		reply_not_found(reply, "delivery", request->parameter);
	} else if (result == -ESTALE) {
		reply_problem(reply, 409, "not_replayable", NULL,
			      "Delivery %s cannot be sent again: its webhook was deleted, or its "
			      "event is past its retention.",
			      request->parameter);
	} else if (result) {
		reply_store_error(reply, result);
	} else if (record(request, store, id, reply) == 0) {
		reply->effects |= EFFECT_ENQUEUED;
		json_put_string(reply_json(reply, 202), "delivery_id", id);
		reply_end(reply);
	}
}
