#include "ctl/keys.h"

#include "base/json_writer.h"
#include "base/limits.h"

static const char base[] = "/api/keys";

int keys_ls(struct console *console)
{
	static const struct view_column columns[] = {
		{ "ID", "id", VIEW_TEXT },
		{ "NAME", "name", VIEW_TEXT },
		{ "SCOPE", "scope", VIEW_TEXT },
		{ "CREATED", "created_at", VIEW_TIME },
		{ "USED", "last_used_at", VIEW_TIME },
		{ NULL, NULL, VIEW_TEXT },
	};
	static const struct console_list list = { "keys", NULL, columns };
	return console_list(console, base, &list);
}

int keys_add(struct console *console)
{
	struct strbuf body CLEANUP(strbuf_finish);
	struct json_writer writer;
	const char *scope = arguments_value(console->arguments, "scope");

	strbuf_init(&body, LIMIT_ADMIN_BODY_BYTES);
	json_writer_init(&writer, &body);
	json_begin_object(&writer, NULL);
	json_put_string(&writer, "name", console_word(console, 0));
	json_put_string(&writer, "scope", scope != NULL ? scope : "read");
	json_end_object(&writer);
	int status = console_show(console, "POST", base, body.data);
	if (status == EXIT_STATUS_OK)
		console_say(console, "\nKeep the key: it is not shown again.");
	return status;
}

int keys_rm(struct console *console)
{
	char *path CLEANUP(cleanup_free) = client_path(base, console_word(console, 0), "");
	int status = console_call(console, "DELETE", path, NULL, NULL);

	if (status == EXIT_STATUS_OK)
		console_say(console, "deleted");
	return status;
}

int audit_ls(struct console *console)
{
	static const struct view_column columns[] = {
		{ "AT", "at", VIEW_TIME },         { "ACTOR", "actor", VIEW_TEXT },
		{ "ACTION", "action", VIEW_TEXT }, { "SUBJECT", "subject", VIEW_TEXT },
		{ "DETAIL", "detail", VIEW_TEXT }, { NULL, NULL, VIEW_TEXT },
	};
	static const struct console_list list = { "audit", NULL, columns };
	return console_list(console, "/api/audit", &list);
}
