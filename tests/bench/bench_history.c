/* bench_history - what millions of old deliveries cost the new ones: the same load on a database
 * that is full of them and on an empty one, in turns.
 *
 * Each figure is the median of rounds that alternate between the two, so that what else the machine
 * does hits both. The file was just written, so the system has it in memory where that is large
 * enough; SQLite's own cache is empty at each start. */
#include "drain.h"
#include "history.h"
#include "load.h"
#include "rig.h"
#include "sink.h"

#include "base/clock.h"
#include "base/log.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { ROUNDS = 7, WEBHOOKS = 100, IN_FLIGHT = 64, PRUNED_ROWS = 500 /* as daemon/janitor.c */ };

struct options {
	uint64_t rows;
	unsigned deliveries;
	bool is_json;
};

/* One of the two databases. */
struct side {
	struct rig rig;
	struct drain drain;
	struct measure load[ROUNDS];
	double start_ms[ROUNDS], prune_ms[ROUNDS];
};

struct figures {
	struct measure load;
	double start_ms, prune_ms;
};

/* ---- the databases ---- */

static int add_first_event(struct store *store, void *arg)
{
	return rig_add_events(store, arg, 1, 1);
}

/* Leaves it closed, with one delivery due. */
static void prepare(struct side *side, uint64_t rows, uint16_t port)
{
	rig_create(&side->rig, IN_FLIGHT, IN_FLIGHT);
	rig_add_webhooks(&side->rig, WEBHOOKS, port);
	rig_close(&side->rig);
	if (rows > 0)
		history_fill(side->rig.path, rows, WEBHOOKS, clock_now_ms());
	rig_reopen(&side->rig);
	rig_do(&side->rig, add_first_event, &side->rig);
	rig_close(&side->rig);
}

static double megabytes_of(const char *path)
{
	struct stat status;
	rig_must(stat(path, &status) == 0, path);
	return (double)status.st_size / 1e6;
}

/* ---- what is measured ---- */

static bool claim_first(struct store *store)
{
	struct lane_due *lanes;
	struct claimed_lane lane;
	unsigned recovered, lane_count;
	if (store_begin(store) < 0 ||
	    store_deliveries_recover(store, clock_now_ms(), &recovered) < 0 ||
	    store_lanes_list(store, &lanes, &lane_count) < 0)
		return false;
	bool is_claimed = lane_count == 1 && store_claim(store, lanes[0].webhook_id, 1,
							 clock_now_ms(), NULL, &lane) == 0;
	free(lanes);
	if (!is_claimed)
		return false;
	is_claimed = lane.claim_count == 1;
	store_claimed_lane_finish(&lane);
	return is_claimed;
}

/* From opening to the first claim, as the daemon comes to it; the claim is not kept. */
static double measure_start_ms(const struct rig *rig)
{
	struct store *store;
	struct strbuf why;
	strbuf_init(&why, 1024);
	int64_t started_us = clock_mono_us();
	rig_must(store_open(rig->path, STORE_WRITER, SYNCHRONOUS_FULL, &why, &store) == 0,
		 why.data);
	rig_must(claim_first(store), "the first delivery cannot be claimed");
	double start_ms = (double)(clock_mono_us() - started_us) / 1000;
	store_rollback(store);
	store_close(store);
	strbuf_finish(&why);
	return start_ms;
}

static int prune(struct store *store, void *arg)
{
	const struct store_retention retention = { .delivered_ms = 1 };
	unsigned deleted;
	(void)arg;
	int result = store_prune(store, &retention, clock_now_ms(), PRUNED_ROWS, &deleted);
	rig_must(result < 0 || deleted == PRUNED_ROWS, "there is too little to prune");
	return result;
}

/* With its commit: what a delivery behind it waits for. */
static double measure_prune_ms(struct rig *rig)
{
	int64_t started_us = clock_mono_us();
	rig_do(rig, prune, NULL);
	return (double)(clock_mono_us() - started_us) / 1000;
}

static void measure_all(struct side *sides[2], unsigned count)
{
	for (int i = 0; i < 2 * ROUNDS; i++)
		sides[i % 2]->start_ms[i / 2] = measure_start_ms(&sides[i % 2]->rig);
	for (int i = 0; i < 2; i++) {
		rig_reopen(&sides[i]->rig);
		rig_start_dispatcher(&sides[i]->rig);
		drain_init(&sides[i]->drain, &sides[i]->rig);
		drain_run(&sides[i]->drain, count); /* warm: connections, caches, lanes */
	}
	for (int i = 0; i < 2 * ROUNDS; i++)
		sides[i % 2]->load[i / 2] = drain_run(&sides[i % 2]->drain, count);
	for (int i = 0; i < 2 * ROUNDS; i++)
		sides[i % 2]->prune_ms[i / 2] = measure_prune_ms(&sides[i % 2]->rig);
}

/* ---- the report ---- */

static struct figures figures_of(struct side *side)
{
	return (struct figures){
		.load = median_measure(side->load, ROUNDS),
		.start_ms = median_of(side->start_ms, ROUNDS),
		.prune_ms = median_of(side->prune_ms, ROUNDS),
	};
}

static void print_json(const char *name, struct figures figures)
{
	printf("\"%s\":{\"deliveries_per_s\":%.0f,\"cpu_us\":%.1f,\"start_ms\":%.2f,"
	       "\"prune_ms\":%.2f},",
	       name, figures.load.per_s, figures.load.cpu_us, figures.start_ms, figures.prune_ms);
}

static void report_json(const struct options *options, double database_mb, struct figures full,
			struct figures empty)
{
	printf("{\"rows\":%lu,\"database_mb\":%.0f,", (unsigned long)options->rows, database_mb);
	print_json("full", full);
	print_json("empty", empty);
	printf("\"ratios\":{\"deliveries_per_s\":%.3f,\"cpu_us\":%.3f,\"start_ms\":%.3f,"
	       "\"prune_ms\":%.3f}}\n",
	       full.load.per_s / empty.load.per_s, full.load.cpu_us / empty.load.cpu_us,
	       full.start_ms / empty.start_ms, full.prune_ms / empty.prune_ms);
}

static void print_row(const char *what, double full, double empty)
{
	printf("  %-28s %10.1f %10.1f %8.2f\n", what, full, empty, full / empty);
}

static void report(const struct options *options, double database_mb, struct figures full,
		   struct figures empty)
{
	printf("%lu delivered before (%.0f MB) and none, medians of %d rounds of %u deliveries\n"
	       "  %-28s %10s %10s %8s\n",
	       (unsigned long)options->rows, database_mb, ROUNDS, options->deliveries, "", "full",
	       "empty", "ratio");
	print_row("deliveries/s", full.load.per_s, empty.load.per_s);
	print_row("CPU of each, us", full.load.cpu_us, empty.load.cpu_us);
	print_row("open to first claim, ms", full.start_ms, empty.start_ms);
	print_row("a prune slice of 500, ms", full.prune_ms, empty.prune_ms);
}

static uint64_t parse_count(const char *text, uint64_t least, uint64_t most)
{
	char *end;
	uint64_t value = strtoul(text, &end, 10);
	rig_must(*end == '\0' && value >= least && value <= most, "a number is out of range");
	return value;
}

static struct options parse_options(int argc, char **argv)
{
	static const struct option known[] = { { "rows", required_argument, NULL, 'r' },
					       { "deliveries", required_argument, NULL, 'd' },
					       { "json", no_argument, NULL, 'j' },
					       { 0 } };
	struct options options = { .rows = 10000000, .deliveries = 4000 };
	int option;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		rig_must(option != '?',
			 "usage: bench_history [--rows N] [--deliveries N] [--json]\n"
			 "The database goes to $TMPDIR: about 300 MB for each million rows.");
		if (option == 'r')
			options.rows = parse_count(optarg, PRUNED_ROWS * ROUNDS, 100000000);
		else if (option == 'd')
			options.deliveries = (unsigned)parse_count(optarg, PRUNED_ROWS, 100000);
		else
			options.is_json = true;
	}
	return options;
}

int main(int argc, char **argv)
{
	const struct options options = parse_options(argc, argv);
	struct side full, empty, *sides[] = { &full, &empty };
	struct sink sink;

	sink_start(&sink);
	log_configure(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT);
	prepare(&full, options.rows, sink.ports[SINK_FAST]);
	prepare(&empty, 0, sink.ports[SINK_FAST]);
	double database_mb = megabytes_of(full.rig.path);
	load_quiet_log();
	measure_all(sides, options.deliveries);
	(options.is_json ? report_json : report)(&options, database_mb, figures_of(&full),
						 figures_of(&empty));
	for (int i = 0; i < 2; i++) {
		rig_close(&sides[i]->rig);
		rig_remove(&sides[i]->rig);
	}
	sink_stop(&sink);
	return 0;
}
