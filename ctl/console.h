/* console - what a command has to work with: its arguments, the daemon, the terminal.
 *
 *   in:   arguments, answers of the API
 *   out:  text on standard output, what went wrong on standard error, an exit status
 *   not:  what a command does (commands)
 */
#ifndef GOLIVED_CTL_CONSOLE_H
#define GOLIVED_CTL_CONSOLE_H

#include "base/attrs.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "ctl/arguments.h"
#include "ctl/client.h"
#include "ctl/view.h"

#include <stdbool.h>
#include <stdio.h>

enum exit_status {
	EXIT_STATUS_OK = 0,
	EXIT_STATUS_FAILED = 1,      /* the daemon answered an error, or a check failed */
	EXIT_STATUS_USAGE = 2,       /* the command makes no sense, or a file cannot be used */
	EXIT_STATUS_UNREACHABLE = 3, /* nobody answered */
};

struct console {
	const struct arguments *arguments; /* words: those behind the command's name */
	struct client *client;             /* owned; made at the first call */
	bool is_json;                      /* answers are printed as they are */
	bool has_colours;
	FILE *out, *errors;
};

void console_init(struct console *console, const struct arguments *arguments, FILE *out,
		  FILE *errors);
void console_finish(struct console *console);

/* The word at that place behind the command's name. */
const char *console_word(const struct console *console, size_t index);

/* Says what is wrong with the command, as printf does, and returns EXIT_STATUS_USAGE. */
int console_misused(struct console *console, const char *format, ...) PRINTF_LIKE(2, 3);

/* Calls the API. EXIT_STATUS_OK with the answer (NULL: it had no body), printed already if it is
 * wanted as JSON; else what went wrong is said. ret_document may be NULL. */
int console_call(struct console *console, const char *method, const char *path, const char *body,
		 struct json_document **ret_document) MUST_CHECK;

/* Reads the stream at path behind the event `after`. EXIT_STATUS_OK: it had begun, and ended, broke
 * or on_bytes had enough; else what went wrong is said. */
int console_stream(struct console *console, const char *path, const char *after,
		   client_bytes_fn on_bytes, void *arg) MUST_CHECK;

/* The answer of a GET, whatever its status, without a word: NULL if there is none that is JSON. The
 * caller destroys it. */
struct json_document *console_peek(struct console *console, const char *path);

/* Calls, and shows the object that comes back. */
int console_show(struct console *console, const char *method, const char *path, const char *body);

/* Reads a small file whole, "-" from standard input; *ret_text has a NUL behind and is the caller's
 * to free(). EXIT_STATUS_USAGE, and said why, if that is not possible. ret_length may be NULL. */
int console_read(struct console *console, const char *path, size_t max_bytes, char **ret_text,
		 size_t *ret_length) MUST_CHECK;

/* Prints a line, unless the answer is wanted as JSON. */
void console_say(struct console *console, const char *format, ...) PRINTF_LIKE(2, 3);

/* ---- lists ---- */

struct console_filter {
	const char *option, *parameter; /* "webhook", "webhook_id" */
};

struct console_list {
	const char *member;                   /* "deliveries" */
	const struct console_filter *filters; /* ends with a NULL option; NULL: none */
	const struct view_column *columns;
};

/* GETs the list at path with the filters, --limit and --cursor that were given; with --all page
 * after page. */
int console_list(struct console *console, const char *path, const struct console_list *list);

#endif
