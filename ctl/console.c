#include "ctl/console.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "ctl/moment.h"
#include "ctl/table.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WHY_MAX_BYTES = 128 << 10 };

void console_init(struct console *console, const struct arguments *arguments, FILE *out,
		  FILE *errors)
{
	const char *no_color = getenv("NO_COLOR");

	*console = (struct console){
		.arguments = arguments,
		.is_json = arguments_has(arguments, "json"),
		.has_colours = isatty(fileno(out)) && (no_color == NULL || *no_color == '\0'),
		.out = out,
		.errors = errors,
	};
}

void console_finish(struct console *console)
{
	client_destroy(TAKE(console->client));
}

const char *console_word(const struct console *console, size_t index)
{
	assert(index < console->arguments->word_count);
	return console->arguments->words[index];
}

int console_misused(struct console *console, const char *format, ...)
{
	va_list values;

	(void)fputs("golivectl: ", console->errors);
	va_start(values, format);
	(void)vfprintf(console->errors, format, values);
	va_end(values);
	(void)fputc('\n', console->errors);
	return EXIT_STATUS_USAGE;
}

void console_say(struct console *console, const char *format, ...)
{
	va_list values;

	if (console->is_json)
		return;
	va_start(values, format);
	(void)vfprintf(console->out, format, values);
	va_end(values);
	(void)fputc('\n', console->out);
}

int console_read(struct console *console, const char *path, size_t max_bytes, char **ret_text,
		 size_t *ret_length)
{
	const char *name = strcmp(path, "-") == 0 ? "/dev/stdin" : path;
	size_t length;
	int result = file_read(name, max_bytes, ret_text, &length);

	if (result < 0)
		return console_misused(console, "%s: %s", path, strerror(-result));
	if (ret_length != NULL)
		*ret_length = length;
	return EXIT_STATUS_OK;
}

/* False, with a sentence in why: there is no address, or no key. */
static bool find_daemon(struct console *console, struct strbuf *why)
{
	struct access_hints hints = {
		.url = arguments_value(console->arguments, "url"),
		.key_file = arguments_value(console->arguments, "key-file"),
		.key = getenv("GOLIVECTL_KEY"),
		.config_path = arguments_value(console->arguments, "config"),
	};
	struct access access CLEANUP(access_finish) = { 0 };

	if (console->client != NULL)
		return true;
	if (hints.url == NULL)
		hints.url = getenv("GOLIVECTL_URL");
	if (access_find(&hints, why, &access) < 0)
		return false;
	console->client = client_create(&access);
	return true;
}

static int connect_client(struct console *console)
{
	struct strbuf why CLEANUP(strbuf_finish);

	strbuf_init(&why, WHY_MAX_BYTES);
	return find_daemon(console, &why) ? EXIT_STATUS_OK
					  : console_misused(console, "%s", why.data);
}

/* Says what a problem+json says, and what to do where that is known. */
static void say_problem(struct console *console, const struct client_answer *answer)
{
	struct json_document *document CLEANUP(json_cleanup) = NULL;
	struct strbuf text;

	if (json_parse(answer->body.data, answer->body.length, &document, NULL) < 0)
		document = NULL;
	const struct json_value *root = document != NULL ? json_root(document) : NULL;
	const char *detail = json_string(json_member(root, "detail"));
	const char *field = json_string(json_member(root, "field"));
	strbuf_init(&text, WHY_MAX_BYTES);
	table_add_safe_text(&text, detail != NULL ? detail : "the daemon gave no reason");
	(void)fprintf(console->errors, "golivectl: %s (status %ld%s%s)\n", text.data,
		      answer->status, field != NULL ? ", " : "", field != NULL ? field : "");
	strbuf_finish(&text);
	if (answer->status == 401)
		(void)fputs("golivectl: name a valid key with --key-file FILE or in "
			    "GOLIVECTL_KEY\n",
			    console->errors);
	if (answer->status == 403)
		(void)fputs("golivectl: use a key with the scope admin\n", console->errors);
}

static void print_json(struct console *console, const struct strbuf *body)
{
	(void)fwrite(body->data, 1, body->length, console->out);
	if (body->length > 0 && body->data[body->length - 1] != '\n')
		(void)fputc('\n', console->out);
}

static int take_answer(struct console *console, const struct client_answer *answer,
		       struct json_document **ret_document)
{
	struct json_document *document CLEANUP(json_cleanup) = NULL;

	if (console->is_json)
		print_json(console, &answer->body);
	if (answer->status < 200 || answer->status > 299) {
		say_problem(console, answer);
		return EXIT_STATUS_FAILED;
	}
	if (answer->body.length > 0 &&
	    json_parse(answer->body.data, answer->body.length, &document, NULL) < 0) {
		(void)fputs("golivectl: what answered is not golived: this is no JSON\n",
			    console->errors);
		return EXIT_STATUS_FAILED;
	}
	if (ret_document != NULL)
		*ret_document = TAKE(document);
	return EXIT_STATUS_OK;
}

static void say_unreachable(struct console *console, const char *why)
{
	(void)fprintf(console->errors,
		      "golivectl: cannot reach the daemon: %s\n"
		      "golivectl: is it running? Try systemctl status golived, or name its "
		      "address with --url\n",
		      why);
}

int console_call(struct console *console, const char *method, const char *path, const char *body,
		 struct json_document **ret_document)
{
	struct strbuf why CLEANUP(strbuf_finish);
	struct client_answer answer;

	strbuf_init(&why, WHY_MAX_BYTES);
	int status = connect_client(console);
	if (status != EXIT_STATUS_OK)
		return status;
	if (client_call(console->client, method, path, body, &why, &answer) < 0) {
		say_unreachable(console, why.data);
		return EXIT_STATUS_UNREACHABLE;
	}
	status = take_answer(console, &answer, ret_document);
	strbuf_finish(&answer.body);
	return status;
}

int console_stream(struct console *console, const char *path, const char *after,
		   client_bytes_fn on_bytes, void *arg)
{
	struct strbuf why CLEANUP(strbuf_finish);
	struct client_answer answer;

	strbuf_init(&why, WHY_MAX_BYTES);
	int status = connect_client(console);
	if (status != EXIT_STATUS_OK)
		return status;
	int result = client_stream(console->client, path, after, on_bytes, arg, &why, &answer);
	if (result == -ECONNRESET)
		return EXIT_STATUS_OK;
	if (result < 0) {
		say_unreachable(console, why.data);
		return EXIT_STATUS_UNREACHABLE;
	}
	if (answer.status != 200) {
		say_problem(console, &answer);
		status = EXIT_STATUS_FAILED;
	}
	strbuf_finish(&answer.body);
	return status;
}

struct json_document *console_peek(struct console *console, const char *path)
{
	struct strbuf why CLEANUP(strbuf_finish);
	struct json_document *document = NULL;
	struct client_answer answer;

	strbuf_init(&why, WHY_MAX_BYTES);
	if (!find_daemon(console, &why) ||
	    client_call(console->client, "GET", path, NULL, &why, &answer) < 0)
		return NULL;
	bool is_answer = answer.status == 200 || answer.status == 503;
	if (!is_answer || json_parse(answer.body.data, answer.body.length, &document, NULL) < 0)
		document = NULL;
	strbuf_finish(&answer.body);
	return document;
}

int console_show(struct console *console, const char *method, const char *path, const char *body)
{
	struct json_document *document CLEANUP(json_cleanup) = NULL;
	struct strbuf text;
	int status = console_call(console, method, path, body, &document);

	if (status != EXIT_STATUS_OK || console->is_json || document == NULL)
		return status;
	strbuf_init(&text, LIMIT_ADMIN_REPLY_BYTES);
	view_object(json_root(document), console->has_colours, &text);
	(void)fputs(text.data, console->out);
	strbuf_finish(&text);
	return EXIT_STATUS_OK;
}

/* ---- lists ---- */

/* Times are written by people as "2h", too. */
static int add_filter(struct console *console, struct strbuf *path,
		      const struct console_filter *filter)
{
	size_t at = 0;
	const char *value = arguments_next(console->arguments, filter->option, &at);
	bool is_time = strcmp(filter->option, "since") == 0 || strcmp(filter->option, "until") == 0;
	char moment[CLOCK_TEXT_SIZE];

	if (value == NULL)
		return EXIT_STATUS_OK;
	if (arguments_next(console->arguments, filter->option, &at) != NULL)
		return console_misused(console, "a list takes one --%s only", filter->option);
	if (is_time) {
		if (moment_parse(value, clock_now_ms(), moment) < 0)
			return console_misused(console, MOMENT_EXPECTED, filter->option, value);
		value = moment;
	}
	client_add_query(path, filter->parameter, value);
	return EXIT_STATUS_OK;
}

static int add_filters(struct console *console, struct strbuf *path,
		       const struct console_filter *filters)
{
	for (; filters != NULL && filters->option != NULL; filters++) {
		int status = add_filter(console, path, filters);
		if (status != EXIT_STATUS_OK)
			return status;
	}
	const char *limit = arguments_value(console->arguments, "limit");
	if (limit != NULL || arguments_has(console->arguments, "all"))
		client_add_query(path, "limit", limit != NULL ? limit : "500");
	return EXIT_STATUS_OK;
}

/* One page. *ret_next_cursor is owned by the caller; NULL: this was the last. */
static int show_page(struct console *console, const char *path, const char *cursor,
		     const struct console_list *list, char **ret_next_cursor)
{
	struct json_document *document CLEANUP(json_cleanup) = NULL;
	struct strbuf full CLEANUP(strbuf_finish);
	struct strbuf text;

	strbuf_init(&full, 64 << 10);
	strbuf_add_text(&full, path);
	if (cursor != NULL)
		client_add_query(&full, "cursor", cursor);
	int status = console_call(console, "GET", full.data, NULL, &document);
	if (status != EXIT_STATUS_OK)
		return status;
	const struct json_value *root = json_root(document);
	*ret_next_cursor = memory_text(json_string(json_member(root, "next_cursor")));
	if (console->is_json)
		return EXIT_STATUS_OK;
	strbuf_init(&text, LIMIT_ADMIN_REPLY_BYTES);
	view_list(json_member(root, list->member), list->columns, console->has_colours, &text);
	(void)fputs(text.data, console->out);
	strbuf_finish(&text);
	return EXIT_STATUS_OK;
}

static int show_pages(struct console *console, const char *path, const struct console_list *list)
{
	bool wants_all = arguments_has(console->arguments, "all");
	char *cursor = memory_text(arguments_value(console->arguments, "cursor"));
	int status;

	do {
		char *next = NULL;
		status = show_page(console, path, cursor, list, &next);
		free(cursor);
		cursor = next;
	} while (status == EXIT_STATUS_OK && wants_all && cursor != NULL);
	if (cursor != NULL)
		(void)fprintf(console->errors, "golivectl: there is more: --all, or --cursor %s\n",
			      cursor);
	free(cursor);
	return status;
}

int console_list(struct console *console, const char *path, const struct console_list *list)
{
	struct strbuf query CLEANUP(strbuf_finish);

	strbuf_init(&query, 64 << 10);
	strbuf_add_text(&query, path);
	int status = add_filters(console, &query, list->filters);
	return status == EXIT_STATUS_OK ? show_pages(console, query.data, list) : status;
}
