/* bench_isolation - what a dead and a slow receiver cost the others: the latency of healthy
 * webhooks under a steady load, with and without them, in one run. The receivers that are ill get
 * the same load as each of the healthy ones. */
#include "load.h"
#include "rig.h"
#include "sink.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 3 };

struct options {
	unsigned healthy, silent, slow, rate, seconds;
};

struct result {
	double p50, p99;
	uint64_t arrived;
};

static struct options parse_options(int argc, char **argv)
{
	static const struct option known[] = { { "healthy", required_argument, NULL, 'h' },
					       { "silent", required_argument, NULL, 'd' },
					       { "slow", required_argument, NULL, 's' },
					       { "rate", required_argument, NULL, 'r' },
					       { "seconds", required_argument, NULL, 't' },
					       { 0 } };
	struct options options = { 48, 1, 1, 1000, 4 };
	int option;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		rig_must(option != '?',
			 "usage: bench_isolation [--healthy N] [--silent N] [--slow N]"
			 " [--rate EVENTS_A_SECOND] [--seconds N]");
		unsigned value = (unsigned)strtoul(optarg, NULL, 10);
		if (option == 'h')
			options.healthy = value;
		else if (option == 'd')
			options.silent = value;
		else if (option == 's')
			options.slow = value;
		else if (option == 'r')
			options.rate = value;
		else
			options.seconds = value;
	}
	rig_must(options.healthy > 0 && options.rate > 0 && options.seconds > 0,
		 "--healthy, --rate and --seconds are at least 1");
	return options;
}

static struct result measure(struct sink *sink, const struct options *options, bool with_ill)
{
	struct rig rig;
	unsigned ill = with_ill ? options->silent + options->slow : 0;
	uint64_t before = sink->shared->received[SINK_FAST];
	double per_s = (double)options->rate * (options->healthy + ill) / options->healthy;

	rig_create(&rig, 256, 16);
	rig_add_webhooks(&rig, options->healthy, sink->ports[SINK_FAST]);
	if (with_ill && options->silent > 0)
		rig_add_webhooks(&rig, options->silent, sink->ports[SINK_SILENT]);
	if (with_ill && options->slow > 0)
		rig_add_webhooks(&rig, options->slow, sink->ports[SINK_SLOW]);
	rig_start_dispatcher(&rig);
	unsigned first = 1;
	first = load_run(&rig, sink, first, per_s, 1000); /* warm, and the ill get known */
	sink_reset(sink);
	load_run(&rig, sink, first, per_s, options->seconds * 1000);
	load_settle(&rig, 200);
	struct result result = {
		.p50 = sink_quantile_ms(sink, 0.50),
		.p99 = sink_quantile_ms(sink, 0.99),
		.arrived = sink->shared->received[SINK_FAST] - before,
	};
	rig_close(&rig);
	rig_remove(&rig);
	return result;
}

static int compare(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;
	return (one > other) - (one < other);
}

int main(int argc, char **argv)
{
	const struct options options = parse_options(argc, argv);
	double ratios[ROUNDS];
	struct sink sink;
	sink_start(&sink);
	load_quiet_log();
	printf("%u healthy webhooks, %u events a second to them; then with %u that never answer "
	       "and %u"
	       " that answer after %d s\n",
	       options.healthy, options.rate, options.silent, options.slow, SINK_SLOW_MS / 1000);
	for (int i = 0; i < ROUNDS; i++) {
		struct result alone = measure(&sink, &options, false);
		struct result beside = measure(&sink, &options, true);
		ratios[i] = beside.p99 / alone.p99;
		printf("  alone  p50 %7.2f ms, p99 %7.2f ms, %lu arrived\n"
		       "  beside p50 %7.2f ms, p99 %7.2f ms, %lu arrived\n",
		       alone.p50, alone.p99, (unsigned long)alone.arrived, beside.p50, beside.p99,
		       (unsigned long)beside.arrived);
	}
	qsort(ratios, ROUNDS, sizeof(double), compare);
	printf("  p99 beside / alone: %.2f (median of %d)\n", ratios[ROUNDS / 2], ROUNDS);
	sink_stop(&sink);
	return 0;
}
