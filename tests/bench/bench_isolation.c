/* bench_isolation - what dead and slow receivers cost the others: the latency of healthy webhooks
 * under a steady load, in short rounds of three kinds that take turns, so that what else the
 * machine does hits all of them; the samples of all rounds of a kind are one distribution.
 *
 * The receivers that are ill get the same load as each of the healthy ones. To be without them can
 * mean two things, and both are measured: that they are not there (and their events neither), or
 * that they are well (and get their events, as before). Only the second compares like with like
 * where they are many. */
#include "load.h"
#include "rig.h"
#include "sink.h"

#include "base/memory.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum round_kind { WITHOUT_ILL, ILL_ARE_WELL, BESIDE_ILL, ROUND_KINDS };

static const char *const kind_names[ROUND_KINDS] = { "not there", "well", "ill" };

struct options {
	unsigned healthy, silent, slow, rate, seconds, rounds, creators;
};

/* Of all rounds of a kind. */
struct samples {
	uint32_t *us; /* owned */
	size_t count;
	uint64_t arrived;
};

struct option_row {
	const char *name;
	size_t offset;
	unsigned least, most;
};

static const struct option_row option_rows[] = {
	{ "healthy", offsetof(struct options, healthy), 1, 20000 },
	{ "silent", offsetof(struct options, silent), 0, 20000 },
	{ "slow", offsetof(struct options, slow), 0, 20000 },
	{ "rate", offsetof(struct options, rate), 1, 100000 },
	{ "seconds", offsetof(struct options, seconds), 1, 600 },
	{ "rounds", offsetof(struct options, rounds), 1, 100 },
	{ "creators", offsetof(struct options, creators), 1, RIG_CREATORS },
};

static struct options parse_options(int argc, char **argv)
{
	struct options options = { 48, 1, 1, 1000, 2, 6, RIG_CREATORS };
	struct option known[ARRAY_SIZE(option_rows) + 1] = { 0 };
	int row;
	for (size_t i = 0; i < ARRAY_SIZE(option_rows); i++)
		known[i] = (struct option){ option_rows[i].name, required_argument, NULL, (int)i };
	while ((row = getopt_long(argc, argv, "", known, NULL)) != -1) {
		rig_must(row != '?',
			 "usage: bench_isolation [--healthy N] [--silent N] [--slow N]"
			 " [--rate EVENTS_A_SECOND] [--seconds N] [--rounds N] [--creators N]");
		unsigned long value = strtoul(optarg, NULL, 10);
		rig_must(value >= option_rows[row].least && value <= option_rows[row].most,
			 "a number is out of range");
		memcpy((char *)&options + option_rows[row].offset, &(unsigned){ (unsigned)value },
		       sizeof(unsigned));
	}
	return options;
}

/* Only what goes to the healthy ones is measured: its port is not that of the others. */
static void add_webhooks(struct rig *rig, const struct sink *sink, const struct options *options,
			 enum round_kind kind)
{
	rig_add_webhooks(rig, options->healthy, sink->ports[SINK_FAST]);
	if (kind == WITHOUT_ILL)
		return;
	bool is_well = kind == ILL_ARE_WELL;
	if (options->silent > 0)
		rig_add_webhooks(rig, options->silent,
				 sink->ports[is_well ? SINK_UNMEASURED : SINK_SILENT]);
	if (options->slow > 0)
		rig_add_webhooks(rig, options->slow,
				 sink->ports[is_well ? SINK_UNMEASURED : SINK_SLOW]);
}

static void keep_samples(struct samples *samples, const struct sink *sink)
{
	unsigned count = sink->shared->sample_count;
	samples->us = memory_resized(samples->us, samples->count + count, sizeof(uint32_t));
	memcpy(samples->us + samples->count, sink->shared->samples_us, count * sizeof(uint32_t));
	samples->count += count;
}

static void measure(struct sink *sink, const struct options *options, enum round_kind kind,
		    struct samples *samples)
{
	struct rig rig;
	unsigned ill = kind == WITHOUT_ILL ? 0 : options->silent + options->slow;
	double per_s = (double)options->rate * (options->healthy + ill) / options->healthy;

	rig_create(&rig, 256, 16);
	rig.creators_each = options->creators;
	add_webhooks(&rig, sink, options, kind);
	rig_start_dispatcher(&rig);
	unsigned first = 1;
	first = load_run(&rig, sink, first, per_s, 1000); /* warm, and the ill get known */
	uint64_t before = sink->shared->received[SINK_FAST];
	sink_reset(sink);
	load_run(&rig, sink, first, per_s, options->seconds * 1000);
	load_settle(&rig, 200);
	samples->arrived += sink->shared->received[SINK_FAST] - before;
	keep_samples(samples, sink);
	rig_close(&rig);
	rig_remove(&rig);
}

static int compare(const void *a, const void *b)
{
	uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
	return (one > other) - (one < other);
}

/* Of samples that are sorted. */
static double quantile_ms(const struct samples *samples, double q)
{
	size_t index = (size_t)(q * (double)samples->count);
	return samples->us[index < samples->count ? index : samples->count - 1] / 1000.0;
}

static void report(const struct samples all[ROUND_KINDS])
{
	double ill_ms = quantile_ms(&all[BESIDE_ILL], 0.99);
	for (int kind = 0; kind < ROUND_KINDS; kind++)
		printf("  the ill are %-10s p50 %7.2f ms, p99 %7.2f ms, %lu arrived\n",
		       kind_names[kind], quantile_ms(&all[kind], 0.50),
		       quantile_ms(&all[kind], 0.99), (unsigned long)all[kind].arrived);
	printf("  p99 beside the ill: %.2f of that without them, %.2f of that with them well\n",
	       ill_ms / quantile_ms(&all[WITHOUT_ILL], 0.99),
	       ill_ms / quantile_ms(&all[ILL_ARE_WELL], 0.99));
}

int main(int argc, char **argv)
{
	const struct options options = parse_options(argc, argv);
	struct samples all[ROUND_KINDS] = { 0 };
	struct sink sink;
	sink_start(&sink);
	load_quiet_log();
	printf("%u healthy webhooks, %u events a second to them, %u rounds of %u s; %u that never "
	       "answer and %u that answer after %d s\n",
	       options.healthy, options.rate, options.rounds, options.seconds, options.silent,
	       options.slow, SINK_SLOW_MS / 1000);
	for (unsigned i = 0; i < options.rounds * ROUND_KINDS; i++) {
		unsigned kind = i % ROUND_KINDS;
		measure(&sink, &options, (enum round_kind)kind, &all[kind]);
	}
	for (int kind = 0; kind < ROUND_KINDS; kind++) {
		rig_must(all[kind].count > 0, "nothing arrived");
		qsort(all[kind].us, all[kind].count, sizeof(uint32_t), compare);
	}
	report(all);
	for (int kind = 0; kind < ROUND_KINDS; kind++)
		free(all[kind].us);
	sink_stop(&sink);
	return 0;
}
