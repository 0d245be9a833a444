#include "ctl/deliveries.h"

#include "base/limits.h"
#include "ctl/fields.h"

static const char base[] = "/api/deliveries";

static const struct console_filter filters[] = {
	{ "status", "status" },   { "webhook", "webhook_id" },
	{ "event", "event_id" },  { "type", "event_type" },
	{ "creator", "creator" }, { "since", "since" },
	{ "until", "until" },     { NULL, NULL },
};

static const struct view_column columns[] = {
	{ "ID", "id", VIEW_TEXT },
	{ "WEBHOOK", "webhook_id", VIEW_TEXT },
	{ "EVENT", "event", VIEW_TEXT },
	{ "CREATOR", "creator", VIEW_TEXT },
	{ "STATUS", "status", VIEW_STATE },
	{ "TRIES", "attempts", VIEW_NUMBER },
	{ "CREATED", "created_at", VIEW_TIME },
	{ "NEXT", "next_attempt_at", VIEW_TIME },
	{ "CODE", "last_status_code", VIEW_NUMBER },
	{ "ERROR", "last_error", VIEW_TEXT },
	{ NULL, NULL, VIEW_TEXT },
};

int deliveries_ls(struct console *console)
{
	static const struct console_list list = { "deliveries", filters, columns };
	return console_list(console, base, &list);
}

int deliveries_show(struct console *console)
{
	char *path CLEANUP(cleanup_free) = client_path(base, console_word(console, 0), "");
	return console_show(console, "GET", path, NULL);
}

int deliveries_replay(struct console *console)
{
	char *path CLEANUP(cleanup_free) = client_path(base, console_word(console, 0), "/replay");
	return console_show(console, "POST", path, NULL);
}

int deliveries_replay_many(struct console *console)
{
	static const struct field fields[] = {
		{ "status", "status", FIELD_TEXT },     { "type", "event_types", FIELD_TEXTS },
		{ "creator", "creators", FIELD_TEXTS }, { "since", "since", FIELD_TIME },
		{ "until", "until", FIELD_TIME },       { "missing", "missing", FIELD_TRUE },
		{ "dry-run", "dry_run", FIELD_TRUE },   { NULL, NULL, FIELD_TEXT },
	};
	char *path CLEANUP(cleanup_free) =
		client_path("/api/webhooks", console_word(console, 0), "/replay");
	struct strbuf body CLEANUP(strbuf_finish);
	struct json_writer writer;

	strbuf_init(&body, LIMIT_ADMIN_BODY_BYTES);
	json_writer_init(&writer, &body);
	json_begin_object(&writer, NULL);
	int status = fields_put(console, fields, &writer);
	if (status != EXIT_STATUS_OK)
		return status;
	json_end_object(&writer);
	return console_show(console, "POST", path, body.data);
}

int replays_show(struct console *console)
{
	char *path CLEANUP(cleanup_free) =
		client_path("/api/replays", console_word(console, 0), "");
	return console_show(console, "GET", path, NULL);
}

int replays_cancel(struct console *console)
{
	char *path CLEANUP(cleanup_free) =
		client_path("/api/replays", console_word(console, 0), "");
	int status = console_call(console, "DELETE", path, NULL, NULL);

	if (status == EXIT_STATUS_OK)
		console_say(console, "no more of it is queued");
	return status;
}
