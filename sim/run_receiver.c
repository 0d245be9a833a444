#include "sim/behaviour.h"
#include "sim/options.h"
#include "sim/receiver.h"
#include "sim/roles.h"

#include <stdio.h>
#include <string.h>

static const char introduction[] =
	"golivesim receiver - takes webhook deliveries, records them, answers as told\n\n"
	"usage: golivesim receiver [options]\n\n"
	"Prints \"listening http://ADDRESS:PORT\" once it listens; SIGTERM ends it.\n\n";

static void print_help(const struct sim_option *options, size_t count)
{
	CLEANUP(strbuf_finish) struct strbuf text;
	strbuf_init(&text, 64 << 10);
	strbuf_add_text(&text, introduction);
	sim_options_describe(options, count, &text);
	strbuf_add_text(&text,
			"\nThe path says how it is answered, from the left, for example\n"
			"/delay/300/status/500,500,200/any-label; / and /any-label: 200.\n\n");
	sim_behaviour_describe(&text);
	strbuf_add_text(&text, "\nControl API, JSON:\n\n");
	strbuf_add_text(&text, sim_receiver_control_help);
	fputs(text.data, stdout);
}

int sim_run_receiver(int argc, char **argv)
{
	const char *listen = "127.0.0.1:0";
	uint64_t keep = 10000;
	bool wants_help = false;
	struct sim_receiver_options chosen = { .header_prefix = "X-Tiktool" };
	const struct sim_option options[] = {
		{ "--listen", SIM_OPTION_TEXT, &listen, "ADDRESS:PORT",
		  "where to listen (127.0.0.1:0: a free port)" },
		{ "--record", SIM_OPTION_TEXT, &chosen.record_path, "FILE",
		  "append a JSON line for each request, before it is answered" },
		{ "--secret-file", SIM_OPTION_TEXT, &chosen.secret_path, "FILE",
		  "verify with its lines whsec_...; may be written later, is read anew" },
		{ "--header-prefix", SIM_OPTION_TEXT, &chosen.header_prefix, "TEXT",
		  "the daemon's [delivery] header_prefix (X-Tiktool)" },
		{ "--keep", SIM_OPTION_NUMBER, &keep, "N",
		  "requests that /_sim/requests remembers (10000)" },
		{ "--verbose", SIM_OPTION_FLAG, &chosen.is_verbose, NULL,
		  "a line on stderr for each request" },
		{ "--help", SIM_OPTION_FLAG, &wants_help, NULL, "this text" },
	};
	CLEANUP(strbuf_finish) struct strbuf why;
	strbuf_init(&why, 200);
	if (sim_options_read(options, ARRAY_SIZE(options), argc, argv, &why) < 0)
		return sim_role_refuse("receiver", why.data);
	if (wants_help) {
		print_help(options, ARRAY_SIZE(options));
		return 0;
	}
	chosen.keep = (size_t)keep;
	struct sim_receiver *receiver;
	int error = sim_receiver_create(&chosen, &receiver);
	if (error < 0) {
		fprintf(stderr, "golivesim receiver: %s: %s\n", chosen.record_path,
			strerror(-error));
		return 1;
	}
	int status = sim_role_serve(listen, sim_receiver_handle, receiver);
	sim_receiver_destroy(receiver);
	return status;
}
