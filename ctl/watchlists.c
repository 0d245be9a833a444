#include "ctl/watchlists.h"

#include "base/limits.h"
#include "ctl/csv.h"
#include "ctl/fields.h"
#include "ctl/progress.h"

#include <string.h>

static const char base[] = "/api/watchlists";

/* Of an import, in one request: well below LIMIT_ADMIN_BODY_BYTES. */
enum { IMPORT_SLICE = 10000, IMPORT_FILE_MAX_BYTES = 64 << 20 };

static const struct view_column columns[] = {
	{ "NAME", "name", VIEW_TEXT },
	{ "PRIORITY", "priority", VIEW_TEXT },
	{ "CREATORS", "creator_count", VIEW_NUMBER },
	{ "UPDATED", "updated_at", VIEW_TIME },
	{ NULL, NULL, VIEW_TEXT },
};

static const struct field priority[] = {
	{ "priority", "priority", FIELD_TEXT },
	{ NULL, NULL, FIELD_TEXT },
};

int watchlists_ls(struct console *console)
{
	static const struct console_list list = { "watchlists", NULL, columns };
	return console_list(console, base, &list);
}

int watchlists_show(struct console *console)
{
	char *path CLEANUP(cleanup_free) = client_path(base, console_word(console, 0), "");
	return console_show(console, "GET", path, NULL);
}

/* A request whose list `member` is the words behind the list's name. */
static int send_words(struct console *console, const char *method, const char *member)
{
	char *path CLEANUP(cleanup_free) = client_path(base, console_word(console, 0), "");
	struct strbuf body CLEANUP(strbuf_finish);
	struct json_writer writer;

	strbuf_init(&body, LIMIT_ADMIN_BODY_BYTES);
	json_writer_init(&writer, &body);
	json_begin_object(&writer, NULL);
	json_begin_array(&writer, member);
	for (size_t i = 1; i < console->arguments->word_count; i++)
		fields_put_split(&writer, console_word(console, i));
	json_end_array(&writer);
	int status = fields_put(console, priority, &writer);
	json_end_object(&writer);
	if (status == EXIT_STATUS_OK && strbuf_is_full(&body))
		status = console_misused(console, "too many at once: use watchlists import");
	return status == EXIT_STATUS_OK ? console_show(console, method, path, body.data) : status;
}

int watchlists_put(struct console *console)
{
	return send_words(console, "PUT", "creators");
}

int watchlists_add(struct console *console)
{
	return send_words(console, "PATCH", "add");
}

int watchlists_drop(struct console *console)
{
	return send_words(console, "PATCH", "remove");
}

int watchlists_rm(struct console *console)
{
	char *path CLEANUP(cleanup_free) = client_path(base, console_word(console, 0), "");
	int status = console_call(console, "DELETE", path, NULL, NULL);

	if (status == EXIT_STATUS_OK)
		console_say(console, "deleted");
	return status;
}

static int read_creators(struct console *console, const char *path, struct csv_creators *creators)
{
	char *text CLEANUP(cleanup_free) = NULL;
	struct strbuf why CLEANUP(strbuf_finish);
	int status = console_read(console, path, IMPORT_FILE_MAX_BYTES, &text, NULL);

	strbuf_init(&why, LIMIT_ADMIN_BODY_BYTES);
	if (status == EXIT_STATUS_OK && csv_read_creators(text, &why, creators) < 0)
		status = console_misused(console, "%s: nothing was sent, as it has mistakes:\n%s",
					 path, why.data);
	return status;
}

/* One slice; *at moves on. The first one makes or replaces the list. */
static int send_slice(struct console *console, const char *path, bool is_first,
		      const struct csv_creators *creators, size_t *at)
{
	struct strbuf body CLEANUP(strbuf_finish);
	struct json_writer writer;

	strbuf_init(&body, LIMIT_ADMIN_BODY_BYTES);
	json_writer_init(&writer, &body);
	json_begin_object(&writer, NULL);
	int status = fields_put(console, priority, &writer);
	json_begin_array(&writer, is_first ? "creators" : "add");
	for (size_t sent = 0; sent < IMPORT_SLICE && *at < creators->count; sent++)
		json_put_string(&writer, NULL, creators->handles[(*at)++]);
	json_end_array(&writer);
	json_end_object(&writer);
	if (status != EXIT_STATUS_OK)
		return status;
	return console_call(console, is_first ? "PUT" : "PATCH", path, body.data, NULL);
}

int watchlists_import(struct console *console)
{
	char *path CLEANUP(cleanup_free) = client_path(base, console_word(console, 0), "");
	struct csv_creators creators CLEANUP(csv_creators_finish) = { 0 };
	bool replaces = !arguments_has(console->arguments, "append");
	size_t sent = 0;
	int status = read_creators(console, console_word(console, 1), &creators);

	if (status == EXIT_STATUS_OK && creators.count == 0)
		status = console_misused(console, "%s names nobody", console_word(console, 1));
	if (status != EXIT_STATUS_OK)
		return status;
	do {
		status = send_slice(console, path, replaces && sent == 0, &creators, &sent);
		if (status == EXIT_STATUS_OK && creators.count > IMPORT_SLICE)
			progress_draw(console, sent, creators.count);
	} while (status == EXIT_STATUS_OK && sent < creators.count);
	if (status == EXIT_STATUS_OK)
		console_say(console, "%zu creators imported into %s", creators.count,
			    console_word(console, 0));
	return status;
}
