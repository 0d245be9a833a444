#include "ctl/webhooks.h"

#include "base/limits.h"
#include "ctl/fields.h"

#include <string.h>

static const char base[] = "/api/webhooks";

static const struct view_column columns[] = {
	{ "ID", "id", VIEW_TEXT },
	{ "NAME", "name", VIEW_TEXT },
	{ "TARGET", "target_url", VIEW_TEXT },
	{ "ACTIVE", "active", VIEW_STATE },
	{ "PENDING", "pending", VIEW_NUMBER },
	{ "DEAD", "dead", VIEW_NUMBER },
	{ "TODAY", "deliveries_today", VIEW_NUMBER },
	{ "FAILS", "fail_streak", VIEW_NUMBER },
	{ "LAST", "last_delivery_at", VIEW_TIME },
	{ "ERROR", "last_error", VIEW_TEXT },
	{ NULL, NULL, VIEW_TEXT },
};

static const struct field settings[] = {
	{ "events", "event_types", FIELD_TEXTS },
	{ "creator", "creators", FIELD_TEXTS },
	{ "watchlist", "watchlists", FIELD_TEXTS },
	{ "name", "name", FIELD_TEXT },
	{ "description", "description", FIELD_TEXT },
	{ "bearer-token-file", "bearer_token", FIELD_FILE_TEXT },
	{ "header", "extra_headers", FIELD_HEADERS },
	{ "rate-limit", "rate_limit", FIELD_NUMBER },
	{ "active", "active", FIELD_TRUE },
	{ "inactive", "active", FIELD_FALSE },
	{ NULL, NULL, FIELD_TEXT },
};

int webhooks_ls(struct console *console)
{
	static const struct console_list list = { "webhooks", NULL, columns };
	return console_list(console, base, &list);
}

static int put_settings(struct console *console, struct json_writer *writer)
{
	if (arguments_has(console->arguments, "active") &&
	    arguments_has(console->arguments, "inactive"))
		return console_misused(console, "--active or --inactive, not both");
	return fields_put(console, settings, writer);
}

/* The body of a registration. */
static int write_registration(struct console *console, const char *target, struct strbuf *body)
{
	struct json_writer writer;

	json_writer_init(&writer, body);
	json_begin_object(&writer, NULL);
	json_put_string(&writer, "target_url", target);
	if (!arguments_has(console->arguments, "events")) {
		json_begin_array(&writer, "event_types");
		fields_put_split(&writer, "live.start,live.end");
		json_end_array(&writer);
	}
	int status = put_settings(console, &writer);
	json_end_object(&writer);
	return status;
}

int webhooks_register(struct console *console, const char *target,
		      struct json_document **ret_document)
{
	struct strbuf body CLEANUP(strbuf_finish);

	strbuf_init(&body, LIMIT_ADMIN_BODY_BYTES);
	int status = write_registration(console, target, &body);
	return status == EXIT_STATUS_OK
		       ? console_call(console, "POST", base, body.data, ret_document)
		       : status;
}

int webhooks_add(struct console *console)
{
	struct strbuf body CLEANUP(strbuf_finish);

	strbuf_init(&body, LIMIT_ADMIN_BODY_BYTES);
	int status = write_registration(console, console_word(console, 0), &body);
	if (status == EXIT_STATUS_OK)
		status = console_show(console, "POST", base, body.data);
	if (status == EXIT_STATUS_OK)
		console_say(console, "\nKeep the secret: it is not shown again. Receivers verify "
				     "with it.");
	return status;
}

int webhooks_show(struct console *console)
{
	char *path CLEANUP(cleanup_free) = client_path(base, console_word(console, 0), "");
	return console_show(console, "GET", path, NULL);
}

/* The setting that an option of this length at its start names, or NULL. */
static const struct field *find_setting(const char *option, size_t length)
{
	for (const struct field *field = settings; field->option != NULL; field++)
		if (strlen(field->option) == length && strncmp(field->option, option, length) == 0)
			return field;
	return NULL;
}

static int put_null(struct console *console, const char *option, size_t length,
		    struct json_writer *writer)
{
	const struct field *field = find_setting(option, length);

	if (!field)
		return console_misused(console,
				       "--clear \"%.*s\": name a setting by its option, as in "
				       "--clear rate-limit",
				       (int)length, option);
	if (arguments_has(console->arguments, field->option))
		return console_misused(console, "--%s and --clear %s, not both", field->option,
				       field->option);
	json_put_null(writer, field->name);
	return EXIT_STATUS_OK;
}

/* Each setting named after --clear becomes a null, which takes it away. */
static int put_cleared(struct console *console, struct json_writer *writer)
{
	int status = EXIT_STATUS_OK;
	size_t at = 0, length;
	const char *names = "";

	while (status == EXIT_STATUS_OK && names) {
		length = strcspn(names, ",");
		if (length > 0)
			status = put_null(console, names, length, writer);
		names += length + (names[length] == ',');
		if (*names == '\0')
			names = arguments_next(console->arguments, "clear", &at);
	}
	return status;
}

int webhooks_set(struct console *console)
{
	char *path CLEANUP(cleanup_free) = client_path(base, console_word(console, 0), "");
	struct strbuf body CLEANUP(strbuf_finish);
	struct json_writer writer;

	strbuf_init(&body, LIMIT_ADMIN_BODY_BYTES);
	json_writer_init(&writer, &body);
	json_begin_object(&writer, NULL);
	int status = put_settings(console, &writer);
	if (status == EXIT_STATUS_OK)
		status = put_cleared(console, &writer);
	if (status != EXIT_STATUS_OK)
		return status;
	if (arguments_has(console->arguments, "target"))
		json_put_string(&writer, "target_url",
				arguments_value(console->arguments, "target"));
	json_end_object(&writer);
	if (strcmp(body.data, "{}") == 0)
		return console_misused(console, "nothing to set; see golivectl help webhooks set");
	return console_show(console, "PATCH", path, body.data);
}

int webhooks_rm(struct console *console)
{
	char *path CLEANUP(cleanup_free) = client_path(base, console_word(console, 0), "");
	int status = console_call(console, "DELETE", path, NULL, NULL);

	if (status == EXIT_STATUS_OK)
		console_say(console, "deleted; what was pending is cancelled");
	return status;
}

int webhooks_test(struct console *console)
{
	char *path CLEANUP(cleanup_free) = client_path(base, console_word(console, 0), "/test");
	static const struct field fields[] = {
		{ "type", "event_type", FIELD_TEXT },
		{ NULL, NULL, FIELD_TEXT },
	};
	struct json_document *document CLEANUP(json_cleanup) = NULL;
	struct strbuf body CLEANUP(strbuf_finish);
	struct json_writer writer;
	bool delivered = false;

	strbuf_init(&body, LIMIT_ADMIN_BODY_BYTES);
	json_writer_init(&writer, &body);
	json_begin_object(&writer, NULL);
	int status = fields_put(console, fields, &writer);
	json_end_object(&writer);
	if (status == EXIT_STATUS_OK)
		status = console_call(console, "POST", path, body.data, &document);
	if (status != EXIT_STATUS_OK)
		return status;
	const struct json_value *root = json_root(document);
	(void)json_bool(json_member(root, "delivered"), &delivered);
	const char *code = json_number_text(json_member(root, "status_code"));
	const char *error = json_string(json_member(root, "error"));
	console_say(console, "%s: status %s%s%s", delivered ? "delivered" : "not delivered",
		    code != NULL ? code : "none", error != NULL ? ", " : "",
		    error != NULL ? error : "");
	if (!delivered)
		console_say(console, "golivectl deliveries show %s says more",
			    json_string(json_member(root, "delivery_id")));
	return delivered ? EXIT_STATUS_OK : EXIT_STATUS_FAILED;
}

int webhooks_rotate(struct console *console)
{
	char *path CLEANUP(cleanup_free) =
		client_path(base, console_word(console, 0), "/rotate-secret");
	static const struct field fields[] = {
		{ "overlap", "overlap_seconds", FIELD_NUMBER },
		{ NULL, NULL, FIELD_TEXT },
	};
	struct strbuf body CLEANUP(strbuf_finish);
	struct json_writer writer;

	strbuf_init(&body, LIMIT_ADMIN_BODY_BYTES);
	json_writer_init(&writer, &body);
	json_begin_object(&writer, NULL);
	int status = fields_put(console, fields, &writer);
	json_end_object(&writer);
	return status == EXIT_STATUS_OK ? console_show(console, "POST", path, body.data) : status;
}
