#include "ctl/tail.h"

#include "base/ulid.h"
#include "ctl/sse.h"
#include "ctl/table.h"
#include "domain/handle.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECONNECT_AFTER_S = 2, LINE_MAX_BYTES = 64 << 10 };

struct tail {
	struct console *console;
	struct sse sse;
	const char *type;          /* NULL: any */
	char creator[HANDLE_SIZE]; /* "": any */
	long left;                 /* how many are still wanted; below 0: all */
	char after[ID_TEXT_SIZE];
};

static void tail_finish(struct tail *tail)
{
	sse_finish(&tail->sse);
}

static bool is_wanted(const struct tail *tail, const char *type, const struct json_value *event)
{
	const char *creator = json_string(view_find(event, "creator.unique_id"));

	if (tail->type != NULL && strcmp(tail->type, type) != 0)
		return false;
	return tail->creator[0] == '\0' || (creator != NULL && strcmp(tail->creator, creator) == 0);
}

static void print_event(const struct tail *tail, const struct json_value *event, const char *data)
{
	struct strbuf line CLEANUP(strbuf_finish);

	strbuf_init(&line, LINE_MAX_BYTES);
	if (tail->console->is_json)
		strbuf_addf(&line, "%s\n", data);
	else
		view_event(event, tail->console->has_colours, &line);
	(void)fputs(line.data, tail->console->out);
	(void)fflush(tail->console->out);
}

static bool on_event(void *arg, const char *id, const char *type, const char *data)
{
	struct tail *tail = arg;
	struct json_document *document CLEANUP(json_cleanup) = NULL;

	snprintf(tail->after, sizeof(tail->after), "%s", id);
	if (json_parse(data, strlen(data), &document, NULL) < 0)
		return true;
	if (!is_wanted(tail, type, json_root(document)))
		return true;
	print_event(tail, json_root(document), data);
	if (tail->left > 0)
		tail->left--;
	return tail->left != 0;
}

static bool on_bytes(void *arg, const char *bytes, size_t length)
{
	struct tail *tail = arg;

	return sse_feed(&tail->sse, bytes, length, on_event, tail);
}

/* Where to begin: what was named, else behind the newest event there is. */
static int find_beginning(struct tail *tail)
{
	struct json_document *document CLEANUP(json_cleanup) = NULL;
	const char *given = arguments_value(tail->console->arguments, "after");
	bool is_json = tail->console->is_json;
	int status = EXIT_STATUS_OK;

	if (given == NULL) {
		tail->console->is_json = false; /* this answer is nobody's business */
		status = console_call(tail->console, "GET", "/api/events?limit=1", NULL, &document);
		tail->console->is_json = is_json;
		if (status != EXIT_STATUS_OK)
			return status;
		const struct json_value *events = json_member(json_root(document), "events");
		given = json_string(json_member(json_first(events), "event_id"));
	}
	snprintf(tail->after, sizeof(tail->after), "%s",
		 given != NULL ? given : "evt_00000000000000000000000000");
	return status;
}

static int read_filters(struct tail *tail)
{
	const struct arguments *arguments = tail->console->arguments;
	const char *creator = arguments_value(arguments, "creator");
	const char *count = arguments_value(arguments, "count");
	char *end;

	tail->type = arguments_value(arguments, "type");
	if (creator != NULL && handle_normalize(creator, tail->creator) < 0)
		return console_misused(tail->console, "--creator: \"%s\" is no creator's name",
				       creator);
	tail->left = count != NULL ? strtol(count, &end, 10) : -1;
	if (count != NULL && (*end != '\0' || tail->left < 1))
		return console_misused(tail->console, "--count: \"%s\" is no number above 0",
				       count);
	return EXIT_STATUS_OK;
}

int tail_events(struct console *console)
{
	struct tail tail CLEANUP(tail_finish) = { .console = console };
	int status;

	sse_init(&tail.sse);
	status = read_filters(&tail);
	if (status == EXIT_STATUS_OK)
		status = find_beginning(&tail);
	for (bool has_begun = false; status == EXIT_STATUS_OK && tail.left != 0;) {
		status = console_stream(console, "/api/events/stream", tail.after, on_bytes, &tail);
		has_begun |= status == EXIT_STATUS_OK;
		if (tail.left == 0 || (status != EXIT_STATUS_OK && !has_begun) ||
		    status == EXIT_STATUS_FAILED)
			break;
		/* What was half read comes again. */
		sse_finish(&tail.sse);
		sse_init(&tail.sse);
		(void)fputs("golivectl: the stream ended; connecting again\n", console->errors);
		(void)sleep(RECONNECT_AFTER_S);
		status = EXIT_STATUS_OK;
	}
	return status;
}
