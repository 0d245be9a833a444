#include "ctl/events.h"

#include "base/json_writer.h"
#include "base/limits.h"

static const char base[] = "/api/events";

static const struct console_filter filters[] = {
	{ "type", "type" },   { "creator", "creator" }, { "since", "since" },
	{ "until", "until" }, { NULL, NULL },
};

static const struct view_column columns[] = {
	{ "ID", "event_id", VIEW_TEXT },
	{ "EVENT", "event", VIEW_TEXT },
	{ "CREATOR", "creator", VIEW_TEXT },
	{ "OCCURRED", "occurred_at", VIEW_TIME },
	{ "TEST", "is_test", VIEW_TEXT },
	{ "PENDING", "deliveries.pending", VIEW_NUMBER },
	{ "DELIVERED", "deliveries.delivered", VIEW_NUMBER },
	{ "DEAD", "deliveries.dead", VIEW_NUMBER },
	{ "CANCELLED", "deliveries.cancelled", VIEW_NUMBER },
	{ NULL, NULL, VIEW_TEXT },
};

int events_ls(struct console *console)
{
	static const struct console_list list = { "events", filters, columns };
	return console_list(console, base, &list);
}

int events_show(struct console *console)
{
	char *path CLEANUP(cleanup_free) = client_path(base, console_word(console, 0), "");
	return console_show(console, "GET", path, NULL);
}

int events_trigger(struct console *console)
{
	struct strbuf body CLEANUP(strbuf_finish);
	struct json_writer writer;

	strbuf_init(&body, LIMIT_ADMIN_BODY_BYTES);
	json_writer_init(&writer, &body);
	json_begin_object(&writer, NULL);
	json_put_string(&writer, "event_type", console_word(console, 0));
	json_put_string(&writer, "creator", console_word(console, 1));
	json_end_object(&writer);
	return console_show(console, "POST", base, body.data);
}
