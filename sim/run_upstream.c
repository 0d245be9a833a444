#include "base/clock.h"
#include "base/memory.h"
#include "sim/options.h"
#include "sim/roles.h"
#include "sim/upstream.h"
#include "sim/upstream_control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char introduction[] =
	"golivesim upstream - a stand-in for the service that golived polls\n\n"
	"usage: golivesim upstream [options]\n\n"
	"Serves POST /webcast/bulk_live_check and GET /webcast/rate_limits as they are "
	"documented.\n"
	"Prints \"listening http://ADDRESS:PORT\" once it listens; SIGTERM ends it.\n\n"
	"Creators live by a clock that may run faster than real time. The minute of the rate "
	"limit\n"
	"stays real, and so does the time inside room ids (unless --simulated-rooms): clients\n"
	"compare both with their own clock, and golived takes a room of the future for none.\n\n";

enum { KEY_BYTES = 512, CREATORS_MAX = 10000000 };

/* What the command line says, before it is understood. */
struct choices {
	const char *listen, *key, *key_file, *tier, *shape, *errors, *clock;
	uint64_t batch, per_minute, per_day, refusal, creators, seed;
	double speed;
	bool retry_after, simulated_rooms, help;
	struct sim_texts faults;
};

enum { OPTIONS = 18 };

static void fill_options(struct choices *choices, struct sim_option options[OPTIONS])
{
	const struct sim_option all[OPTIONS] = {
		{ "--listen", SIM_OPTION_TEXT, &choices->listen, "ADDRESS:PORT",
		  "where to listen (127.0.0.1:0: a free port)" },
		{ "--key", SIM_OPTION_TEXT, &choices->key, "KEY", "the only good API key" },
		{ "--key-file", SIM_OPTION_TEXT, &choices->key_file, "FILE",
		  "the same, from a file; without either any key is good, but one there must be" },
		{ "--tier", SIM_OPTION_TEXT, &choices->tier, "TIER",
		  "sandbox, basic, pro, ultra or global (pro)" },
		{ "--batch", SIM_OPTION_NUMBER, &choices->batch, "N",
		  "creators in a request, instead of the tier's" },
		{ "--per-minute", SIM_OPTION_NUMBER, &choices->per_minute, "N",
		  "requests in any 60 seconds" },
		{ "--per-day", SIM_OPTION_NUMBER, &choices->per_day, "N",
		  "requests in a day of the simulated clock, UTC" },
		{ "--retry-after", SIM_OPTION_FLAG, &choices->retry_after, NULL,
		  "send Retry-After with 429" },
		{ "--refusal", SIM_OPTION_NUMBER, &choices->refusal, "STATUS",
		  "of a batch that is too large: 400, 403 or 413 (403)" },
		{ "--shape", SIM_OPTION_TEXT, &choices->shape, "SHAPE",
		  "of data: array, field, map or results (array)" },
		{ "--errors", SIM_OPTION_TEXT, &choices->errors, "SHAPE",
		  "of errors: message, error or nested (message)" },
		{ "--creators", SIM_OPTION_NUMBER, &choices->creators, "N",
		  "made-up creators with habits of their own (0)" },
		{ "--seed", SIM_OPTION_NUMBER, &choices->seed, "N", "who they are (1)" },
		{ "--speed", SIM_OPTION_REAL, &choices->speed, "N",
		  "simulated seconds in a real one (1)" },
		{ "--clock", SIM_OPTION_TEXT, &choices->clock, "TIME",
		  "what the simulated clock shows at the start, RFC 3339 (now)" },
		{ "--simulated-rooms", SIM_OPTION_FLAG, &choices->simulated_rooms, NULL,
		  "room ids of scheduled lives tell simulated time" },
		{ "--fault", SIM_OPTION_LIST, &choices->faults, "KIND[=RATE]",
		  "a fault for this part of all bulk checks; several are possible" },
		{ "--help", SIM_OPTION_FLAG, &choices->help, NULL, "this text" },
	};
	memcpy(options, all, sizeof(all));
}

static void print_help(const struct sim_option *options)
{
	CLEANUP(strbuf_finish) struct strbuf text;
	strbuf_init(&text, 64 << 10);
	strbuf_add_text(&text, introduction);
	sim_options_describe(options, OPTIONS, &text);
	strbuf_add_text(&text, "\nControl API, JSON:\n\n");
	strbuf_add_text(&text, sim_upstream_control_help);
	strbuf_add_text(&text, "\nFaults:\n\n");
	for (unsigned i = 0; i < SIM_FAULT_KINDS; i++) {
		enum sim_fault_kind kind = (enum sim_fault_kind)i;
		strbuf_addf(&text, "  %-20s %s\n", sim_fault_name(kind), sim_fault_sentence(kind));
	}
	fputs(text.data, stdout);
}

/* The first line of a file, without the space around it. -errno, -EINVAL if it is empty. */
static int read_key(const char *path, char key[KEY_BYTES])
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -errno;
	ssize_t length = read(file, key, KEY_BYTES - 1);
	close(file);
	if (length < 0)
		return -EIO;
	key[length] = '\0';
	size_t skip = strspn(key, " \t\r\n");
	memmove(key, key + skip, (size_t)length - skip + 1);
	key[strcspn(key, " \t\r\n")] = '\0';
	return *key ? 0 : -EINVAL;
}

static int choose_tier(const struct choices *choices, struct sim_tier *tier, struct strbuf *why)
{
	const struct sim_tier *named = sim_tier_find(choices->tier);
	if (!named) {
		strbuf_addf(why, "there is no tier %s", choices->tier);
		return -EINVAL;
	}
	*tier = *named;
	if (choices->batch > 0)
		tier->batch = (unsigned)choices->batch;
	if (choices->per_minute > 0)
		tier->per_minute = (unsigned)choices->per_minute;
	if (choices->per_day > 0)
		tier->per_day = (unsigned)choices->per_day;
	return 0;
}

static int choose_clock(const struct choices *choices, struct sim_fast_clock *clock,
			struct strbuf *why)
{
	int64_t now_ms = clock_now_ms();
	*clock = (struct sim_fast_clock){ now_ms, now_ms, choices->speed };
	if (choices->clock && clock_parse(choices->clock, &clock->simulated_start_ms) < 0) {
		strbuf_addf(why, "--clock: \"%s\" is no time", choices->clock);
		return -EINVAL;
	}
	return 0;
}

static int choose_answers(const struct choices *choices, struct sim_upstream *upstream,
			  struct strbuf *why)
{
	if (!sim_shape_find(choices->shape, &upstream->shape)) {
		strbuf_addf(why, "there is no shape %s", choices->shape);
		return -EINVAL;
	}
	if (!sim_error_shape_find(choices->errors, &upstream->error_shape)) {
		strbuf_addf(why, "there is no shape of errors %s", choices->errors);
		return -EINVAL;
	}
	if (choices->refusal < 400 || choices->refusal > 599 || choices->creators > CREATORS_MAX) {
		strbuf_add_text(why, "--refusal or --creators is out of bounds");
		return -EINVAL;
	}
	upstream->has_retry_after = choices->retry_after;
	upstream->refusal_status = (int)choices->refusal;
	upstream->schedule = (struct sim_schedule){ choices->seed, (size_t)choices->creators };
	return 0;
}

/* "KIND" or "KIND=RATE". */
static int order_fault(const char *text, struct sim_faults *faults, struct strbuf *why)
{
	size_t length = strcspn(text, "=");
	CLEANUP(cleanup_free) char *name = memory_text_n(text, length);
	enum sim_fault_kind kind;
	struct sim_fault fault;
	if (!sim_fault_find(name, &kind)) {
		strbuf_addf(why, "there is no fault %s", name);
		return -EINVAL;
	}
	sim_fault_init(&fault, kind, clock_now_ms());
	if (text[length] == '=')
		fault.rate = strtod(text + length + 1, NULL);
	if (!(fault.rate > 0 && fault.rate <= 1)) {
		strbuf_addf(why, "--fault: the rate of %s is not between 0 and 1", name);
		return -EINVAL;
	}
	sim_faults_add(faults, &fault);
	return 0;
}

static int choose_key(const struct choices *choices, char key[KEY_BYTES],
		      struct sim_upstream *upstream, struct strbuf *why)
{
	upstream->key = choices->key;
	if (!choices->key_file)
		return 0;
	int error = read_key(choices->key_file, key);
	if (error < 0)
		strbuf_addf(why, "%s: %s", choices->key_file, strerror(-error));
	upstream->key = key;
	return error;
}

static int run(const struct choices *choices)
{
	CLEANUP(strbuf_finish) struct strbuf why;
	char key[KEY_BYTES];
	struct sim_upstream upstream = { .key = NULL };
	struct sim_tier tier;
	strbuf_init(&why, 200);
	if (choose_tier(choices, &tier, &why) < 0 ||
	    choose_clock(choices, &upstream.clock, &why) < 0 ||
	    choose_answers(choices, &upstream, &why) < 0 ||
	    choose_key(choices, key, &upstream, &why) < 0)
		return sim_role_refuse("upstream", why.data);
	sim_upstream_init(&upstream, &tier, choices->simulated_rooms);
	int error = 0;
	for (size_t i = 0; error == 0 && i < choices->faults.count; i++)
		error = order_fault(choices->faults.texts[i], &upstream.faults, &why);
	int status = error < 0 ? sim_role_refuse("upstream", why.data)
			       : sim_role_serve(choices->listen, sim_upstream_handle, &upstream);
	sim_upstream_finish(&upstream);
	return status;
}

int sim_run_upstream(int argc, char **argv)
{
	struct choices choices = {
		.listen = "127.0.0.1:0",
		.tier = "pro",
		.shape = "array",
		.errors = "message",
		.refusal = 403,
		.seed = 1,
		.speed = 1,
	};
	struct sim_option options[OPTIONS];
	CLEANUP(strbuf_finish) struct strbuf why;
	strbuf_init(&why, 200);
	fill_options(&choices, options);
	if (sim_options_read(options, OPTIONS, argc, argv, &why) < 0)
		return sim_role_refuse("upstream", why.data);
	if (choices.help) {
		print_help(options);
		return 0;
	}
	return run(&choices);
}
