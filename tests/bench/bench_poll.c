/* bench_poll - what detection costs: a million creators a minute through the whole of it, beside
 * the least that could read the same replies; and what keeping and planning 100,000 of them takes.
 *
 * In it: the real poller on its loop (planner, quota, errands, reading of replies, detector,
 * digest, habits, log lines to /dev/null) and the real store thread with synchronous = full on a
 * real file: every request counted, every check, state, session, event and delivery of a webhook
 * that watches everybody, committed. Not in it: the request's way over the network (libcurl, TLS),
 * sending the deliveries.
 *
 * Batches go through as fast as they can, or with --per-minute no faster; what counts is the CPU of
 * all threads, without that of making the replies and of the bare reading (service.h). That they go
 * faster than the minute does not make them cheaper: of the checks that are gathered and of the
 * looks at everybody that serve several batches, the number is bounded so that it is no larger than
 * at a million a minute.
 */
#include "load.h"
#include "planning.h"
#include "rig.h"
#include "service.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "db/watchlists.h"
#include "db/webhooks.h"
#include "detect/poller.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	PLANNED_CREATORS = 100000,
};

/* Of ultra, whose day lasts at this rate; and the most that global allows in a minute. */
static const struct planning_pace slow = { .size = 100, .per_minute = 208 };
static const struct planning_pace fast = { .size = 200, .per_minute = 5000 };

#define SECRET "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

struct options {
	unsigned creators, batches, size, per_minute;
	bool is_json;
};

struct figures {
	struct planning planning;
	struct service_counts counts;
	int64_t cpu_us, wall_us, events;
};

struct bench {
	const struct options *options;
	struct rig rig;
	struct poller *poller;
	/* Where the measuring began. */
	struct service_counts counts;
	int64_t cpu_us, wall_us, events;
};

/* ---- what is watched ---- */

static int add_watchlist(struct store *store, void *arg)
{
	const struct options *options = arg;
	bool is_created;
	char(*handles)[HANDLE_SIZE] = memory_zeroed(options->creators, sizeof(*handles));
	const char **names = memory_zeroed(options->creators, sizeof(*names));
	for (unsigned i = 0; i < options->creators; i++) {
		service_handle(i, handles[i]);
		names[i] = handles[i];
	}
	int r = store_watchlist_put(store, "everybody", PRIORITY_NORMAL, names, options->creators,
				    clock_now_ms(), &is_created);
	free(names);
	free(handles);
	return r;
}

static int add_webhook(struct store *store, void *arg)
{
	const struct webhook webhook = {
		.target_url = "http://127.0.0.1:9/",
		.event_types = EVENT_TYPES_ALL,
		.active = true,
	};
	char id[ID_TEXT_SIZE];
	(void)arg;
	return store_webhook_add(store, &webhook, SECRET, 0, clock_now_ms(), id);
}

/* The quota is never in the way; two OFFLINE answers end a live, whatever the time between. */
static void configure(struct config *config, unsigned size)
{
	config->upstream.base_url = memory_text("http://127.0.0.1:9");
	config->upstream.tier = TIER_GLOBAL;
	config->upstream.batch_size = size;
	config->upstream.requests_per_minute = INT64_C(1000000000);
	config->upstream.requests_per_day = INT64_C(1000000000000);
	config->upstream.timeout_ms = 10000;
	config->upstream.max_in_flight = 4;
	config->upstream.backoff_max_ms = 60000;
	config->poll.min_interval_ms = 1;
	config->poll.max_interval_ms = 3600000;
	config->poll.quarantine_interval_ms = 3600000;
	config->poll.quota_reserve_percent = 10;
	config->poll.end_confirmations = 2;
	config->poll.first_sight = FIRST_SIGHT_SILENT;
}

/* ---- the run ---- */

static int64_t events_so_far(void)
{
	return metrics_value(METRIC_EVENTS, 0) + metrics_value(METRIC_EVENTS, 1);
}

static void on_done(void *arg)
{
	struct bench *bench = arg;
	loop_stop(bench->rig.loop);
}

/* Everybody has been asked about once, so that their states are known. */
static void on_warm(void *arg)
{
	struct bench *bench = arg;
	bench->counts = *service_counts();
	bench->cpu_us = rig_cpu_us();
	bench->wall_us = clock_mono_us();
	bench->events = events_so_far();
	service_stop_after(bench->counts.rows +
				   (int64_t)bench->options->batches * bench->options->size,
			   on_done, bench);
}

static int do_nothing(struct store *store, void *arg)
{
	(void)store;
	(void)arg;
	return 0;
}

static void run(struct bench *bench, struct figures *figures)
{
	const struct options *options = bench->options;
	const struct poller_hooks hooks = { 0 };
	service_open(options->creators, options->per_minute);
	service_stop_after(options->creators, on_warm, bench);
	bench->poller =
		poller_create(bench->rig.loop, bench->rig.store, &bench->rig.config, "key", &hooks);
	poller_start(bench->poller);
	loop_run(bench->rig.loop);
	rig_do(&bench->rig, do_nothing, NULL); /* what was under way is committed */
	struct service_counts counts = *service_counts();
	figures->counts = (struct service_counts){
		.batches = counts.batches - bench->counts.batches,
		.rows = counts.rows - bench->counts.rows,
		.bytes = counts.bytes - bench->counts.bytes,
		.changes = counts.changes - bench->counts.changes,
		.own_us = counts.own_us - bench->counts.own_us,
		.read_us = counts.read_us - bench->counts.read_us,
		.bare_rows = counts.bare_rows - bench->counts.bare_rows,
		.bare_us = counts.bare_us - bench->counts.bare_us,
	};
	figures->cpu_us = rig_cpu_us() - bench->cpu_us - figures->counts.own_us;
	figures->wall_us = clock_mono_us() - bench->wall_us;
	figures->events = events_so_far() - bench->events;
	rig_must(figures->events * 10 >= figures->counts.changes * 9,
		 "fewer events than nine tenths of the changes");
	poller_destroy(bench->poller);
}

/* ---- the report ---- */

static void report_planning(const struct planning_pace *pace, const struct planning_cost *cost)
{
	printf("%.0f requests of %u a minute\n  %-44s %10.2f\n  %-44s %10.2f\n", pace->per_minute,
	       pace->size, "CPU of a pick, ms", cost->pick_ms, "CPU a second, ms", cost->cpu_ms);
}

static void report(const struct options *options, const struct figures *figures)
{
	const struct service_counts *counts = &figures->counts;
	double rows = (double)counts->rows, cpu_us = (double)figures->cpu_us;
	double bare_row_us = (double)counts->bare_us / (double)counts->bare_rows;
	double core = cpu_us / rows / 60; /* of a core, at a million a minute */
	double per_s = rows / (cpu_us / 1e6), wall_s = (double)figures->wall_us / 1e6;
	if (options->is_json) {
		printf("{\"creators\":%u,\"rows\":%ld,\"changes\":%ld,\"events\":%ld,"
		       "\"rows_per_cpu_s\":%.0f,\"bare_rows_per_cpu_s\":%.0f,\"cpu_us\":%.3f,"
		       "\"bare_cpu_us\":%.3f,\"read_cpu_us\":%.3f,\"core_at_million_a_minute\":%."
		       "4f,"
		       "\"wall_s\":%.1f,\"planning\":{\"creators\":%u,\"bytes\":%.0f,"
		       "\"pick_ms\":%.2f,\"cpu_ms_per_s\":%.2f,"
		       "\"fast_pick_ms\":%.2f,\"fast_cpu_ms_per_s\":%.2f}}\n",
		       options->creators, (long)counts->rows, (long)counts->changes,
		       (long)figures->events, per_s, 1e6 / bare_row_us, cpu_us / rows, bare_row_us,
		       (double)counts->read_us / rows, core, wall_s, PLANNED_CREATORS,
		       figures->planning.bytes, figures->planning.slow.pick_ms,
		       figures->planning.slow.cpu_ms, figures->planning.fast.pick_ms,
		       figures->planning.fast.cpu_ms);
		return;
	}
	printf("%ld rows of %u creators in batches of %u (%.0f bytes each), %ld changes, %ld "
	       "events, in %.1f s\n"
	       "  %-44s %10.0f\n  %-44s %10.0f\n  %-44s %10.2f\n  %-44s %10.2f\n"
	       "  %-44s %10.2f\n  %-44s %9.1f%%\n",
	       (long)counts->rows, options->creators, options->size, (double)counts->bytes / rows,
	       (long)counts->changes, (long)figures->events, wall_s, "rows a second of CPU", per_s,
	       "rows a second of CPU, cJSON alone", 1e6 / bare_row_us, "CPU of a row, us",
	       cpu_us / rows, "CPU of a row, cJSON alone, us", bare_row_us,
	       "of it reading the reply, us", (double)counts->read_us / rows,
	       "of one core, at a million a minute", core * 100);
	printf("planning %u creators, all with habits\n  %-44s %10.0f\n", PLANNED_CREATORS,
	       "memory of a creator, bytes", figures->planning.bytes);
	report_planning(&slow, &figures->planning.slow);
	report_planning(&fast, &figures->planning.fast);
}

static unsigned parse_count(const char *text, unsigned long least, unsigned long most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);
	rig_must(*end == '\0' && value >= least && value <= most, "a number is out of range");
	return (unsigned)value;
}

static struct options parse_options(int argc, char **argv)
{
	static const struct option known[] = { { "creators", required_argument, NULL, 'c' },
					       { "batches", required_argument, NULL, 'b' },
					       { "size", required_argument, NULL, 's' },
					       { "per-minute", required_argument, NULL, 'p' },
					       { "json", no_argument, NULL, 'j' },
					       { 0 } };
	struct options options = { .creators = 10000, .batches = 5000, .size = 200 };
	int option;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		rig_must(option != '?', "usage: bench_poll [--creators N] [--batches N] [--size N] "
					"[--per-minute N] [--json]");
		if (option == 'c')
			options.creators = parse_count(optarg, 1000, 999999);
		else if (option == 'b')
			options.batches = parse_count(optarg, 1, 1000000);
		else if (option == 's')
			options.size = parse_count(optarg, 1, LIMIT_BATCH_SIZE);
		else if (option == 'p')
			options.per_minute = parse_count(optarg, 1, 60000);
		else
			options.is_json = true;
	}
	return options;
}

int main(int argc, char **argv)
{
	struct options options = parse_options(argc, argv);
	struct bench bench = { .options = &options };
	struct figures figures = { 0 };

	log_configure(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT);
	figures.planning = planning_measure(PLANNED_CREATORS, &slow, &fast);
	rig_create(&bench.rig, 64, 64);
	configure(&bench.rig.config, options.size);
	rig_do(&bench.rig, add_watchlist, &options);
	rig_do(&bench.rig, add_webhook, NULL);
	load_quiet_log();
	run(&bench, &figures);
	report(&options, &figures);
	rig_close(&bench.rig);
	rig_remove(&bench.rig);
	free(bench.rig.config.upstream.base_url);
	service_close();
	return 0;
}
