#include "ctl/listen.h"

#include "base/crypto.h"
#include "base/json_writer.h"
#include "base/limits.h"
#include "base/memory.h"
#include "ctl/inbox.h"
#include "ctl/verify.h"
#include "ctl/webhooks.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
	DEFAULT_PORT = 9000,
	SERVE_MS = 500,
	FLUSH_MS = 50,
	FLUSH_ROUNDS = 3,
	TEXT_MAX_BYTES = 1 << 20
};

struct listening {
	struct console *console;
	char *secret;     /* owned; NULL: nothing is verified */
	char *webhook_id; /* owned; NULL: none was registered */
	long left;        /* how many are still wanted; below 0: until a signal comes */
};

static volatile sig_atomic_t has_signal;

static void on_signal(int number)
{
	(void)number;
	has_signal = 1;
}

static void listening_finish(struct listening *listening)
{
	if (listening->secret != NULL)
		crypto_wipe(listening->secret, strlen(listening->secret));
	free(listening->secret);
	free(listening->webhook_id);
}

/* ---- what arrives ---- */

/* As `verify --captured` reads it. */
static void print_captured(struct console *console, const struct capture *capture)
{
	struct strbuf line CLEANUP(strbuf_finish);
	struct json_writer writer;

	strbuf_init(&line, TEXT_MAX_BYTES * 8);
	json_writer_init(&writer, &line);
	json_begin_object(&writer, NULL);
	json_begin_object(&writer, "headers");
	for (size_t i = 0; i < capture->header_count; i++)
		json_put_string(&writer, capture->headers[i].name, capture->headers[i].value);
	json_end_object(&writer);
	json_put_string_n(&writer, "body", capture->body, capture->body_length);
	json_end_object(&writer);
	(void)fprintf(console->out, "%s\n", line.data);
}

static void print_body(struct console *console, const struct capture *capture)
{
	struct json_document *document CLEANUP(json_cleanup) = NULL;
	struct strbuf text CLEANUP(strbuf_finish);

	strbuf_init(&text, TEXT_MAX_BYTES);
	if (json_parse(capture->body, capture->body_length, &document, NULL) < 0) {
		console_say(console, "the body is no JSON");
		return;
	}
	view_event(json_root(document), console->has_colours, &text);
	view_object(json_root(document), console->has_colours, &text);
	(void)fputs(text.data, console->out);
}

static unsigned on_post(void *arg, const struct capture *capture)
{
	struct listening *listening = arg;
	struct console *console = listening->console;
	int verdict = EXIT_STATUS_OK;

	if (console->is_json)
		print_captured(console, capture);
	else
		print_body(console, capture);
	if (listening->secret != NULL)
		verdict = verify_capture(console, listening->secret, capture);
	else
		console_say(console, "not verified: no secret was given");
	console_say(console, "%s", "");
	(void)fflush(console->out);
	if (listening->left > 0)
		listening->left--;
	return verdict == EXIT_STATUS_OK ? 200 : 401;
}

/* ---- the webhook of its own ---- */

static int register_itself(struct listening *listening, uint16_t port)
{
	struct console *console = listening->console;
	struct json_document *document CLEANUP(json_cleanup) = NULL;
	const char *target = arguments_value(console->arguments, "target");
	char local[64];
	bool is_json = console->is_json;

	snprintf(local, sizeof(local), "http://127.0.0.1:%u/", port);
	console->is_json = false; /* what arrives is what was asked for */
	int status = webhooks_register(console, target != NULL ? target : local, &document);
	console->is_json = is_json;
	if (status == EXIT_STATUS_FAILED && target == NULL)
		(void)fputs("golivectl: deliveries to this machine need [delivery] allow_targets = "
			    "127.0.0.0/8 in the daemon's configuration\n",
			    console->errors);
	if (status != EXIT_STATUS_OK)
		return status;
	const struct json_value *root = json_root(document);
	listening->secret = memory_text(json_string(json_member(root, "secret")));
	listening->webhook_id = memory_text(json_string(json_member(root, "id")));
	return status;
}

static void deregister(struct listening *listening)
{
	char *path CLEANUP(cleanup_free) = NULL;

	if (listening->webhook_id == NULL)
		return;
	path = client_path("/api/webhooks", listening->webhook_id, "");
	listening->console->is_json = false;
	(void)!console_call(listening->console, "DELETE", path, NULL, NULL);
}

/* ---- the command ---- */

static int read_number(struct console *console, const char *option, long fallback, long max,
		       long *ret_number)
{
	const char *text = arguments_value(console->arguments, option);
	char *end;
	long number = text != NULL ? strtol(text, &end, 10) : fallback;

	if (text != NULL && (*text == '\0' || *end != '\0' || number < 0 || number > max))
		return console_misused(console, "--%s: \"%s\" is no number up to %ld", option, text,
				       max);
	*ret_number = number;
	return EXIT_STATUS_OK;
}

/* Ctrl-C ends it in order: the webhook goes, too. */
static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
}

static int prepare(struct listening *listening, uint16_t port)
{
	struct console *console = listening->console;
	bool registers = arguments_has(console->arguments, "register");
	bool has_file = arguments_has(console->arguments, "secret-file");

	if (registers && has_file)
		return console_misused(console, "--register or --secret-file, not both");
	if (registers)
		return register_itself(listening, port);
	return has_file ? verify_read_secret(console, &listening->secret) : EXIT_STATUS_OK;
}

int listen_for_deliveries(struct console *console)
{
	struct listening listening CLEANUP(listening_finish) = { .console = console };
	struct inbox *inbox CLEANUP(inbox_cleanup) = NULL;
	struct strbuf why CLEANUP(strbuf_finish);
	const char *address = arguments_value(console->arguments, "address");
	long port = DEFAULT_PORT;

	strbuf_init(&why, 1024);
	int status = read_number(console, "port", DEFAULT_PORT, UINT16_MAX, &port);
	if (status == EXIT_STATUS_OK)
		status = read_number(console, "count", -1, INT32_MAX, &listening.left);
	if (status != EXIT_STATUS_OK)
		return status;
	address = address != NULL ? address : "127.0.0.1";
	if (inbox_create(address, (uint16_t)port, on_post, &listening, &why, &inbox) < 0)
		return console_misused(console, "%s", why.data);
	catch_signals();
	status = prepare(&listening, inbox_port(inbox));
	if (status != EXIT_STATUS_OK)
		return status;
	(void)fprintf(console->errors,
		      "golivectl: listening on http://%s:%u/%s%s; Ctrl-C ends it\n", address,
		      inbox_port(inbox), listening.webhook_id != NULL ? " as " : "",
		      listening.webhook_id != NULL ? listening.webhook_id : "");
	while (!has_signal && listening.left != 0)
		inbox_serve(inbox, SERVE_MS);
	/* The last answer goes out. */
	for (int round = 0; round < FLUSH_ROUNDS; round++)
		inbox_serve(inbox, FLUSH_MS);
	deregister(&listening);
	return EXIT_STATUS_OK;
}
