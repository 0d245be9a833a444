/* bench_delivery - how fast durable deliveries go, beside a bare sender, and how soon one goes out
 * at half of what it sustains while the events are enqueued, too.
 *
 * Rounds of both are interleaved, so that what else the machine does hits both; medians are
 * reported. A round's deliveries are committed before its time starts, and are all answered and
 * recorded when it ends. CPU is that of the whole process; the receiver is another one. */
#include "bare.h"
#include "drain.h"
#include "load.h"
#include "rig.h"
#include "sink.h"

#include "base/clock.h"
#include "base/http.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS = 5, HALF_LOAD_MS = 3000 };

struct options {
	unsigned deliveries, webhooks, in_flight;
	bool is_json, is_retries;
};

struct bench {
	struct options options;
	struct rig rig;
	struct sink sink;
	struct drain drain;
};

/* ---- rounds ---- */

static struct measure measure_bare(struct bench *bench, struct http_client *client, unsigned count)
{
	int64_t started_us = clock_mono_us(), cpu_us = rig_cpu_us();
	bare_send(client, bench->rig.loop, bench->sink.ports[SINK_FAST], bench->options.webhooks,
		  bench->options.in_flight, count);
	return (struct measure){
		.per_s = count * 1e6 / (double)(clock_mono_us() - started_us),
		.cpu_us = (double)(rig_cpu_us() - cpu_us) / count,
	};
}

/* ---- the report ---- */

static void report(struct bench *bench, struct measure golived, struct measure bare,
		   double sustained_per_s)
{
	double p50 = sink_quantile_ms(&bench->sink, 0.50),
	       p99 = sink_quantile_ms(&bench->sink, 0.99);
	double rss_mb = rig_memory_mb(getpid(), "VmHWM");
	double ratio = golived.per_s / bare.per_s;
	if (bench->options.is_json) {
		printf("{\"deliveries_per_s\":%.0f,\"bare_per_s\":%.0f,\"ratio\":%.3f,"
		       "\"cpu_us\":%.1f,\"bare_cpu_us\":%.1f,"
		       "\"commit_to_arrival_ms\":{\"p50\":%.3f,\"p99\":%.3f},\"rss_mb\":%.1f}\n",
		       golived.per_s, bare.per_s, ratio, golived.cpu_us, bare.cpu_us, p50, p99,
		       rss_mb);
		return;
	}
	printf("%u %s, %u webhooks, %u in flight, medians of %d rounds\n"
	       "  golived      %8.0f deliveries/s %8.1f us of CPU each\n"
	       "  bare sender  %8.0f requests/s   %8.1f us of CPU each\n"
	       "  ratio        %8.2f              %8.2f\n"
	       "  with the events enqueued meanwhile %.0f deliveries/s\n"
	       "  commit to arrival at half of that: p50 %.2f ms, p99 %.2f ms\n"
	       "  RSS at most  %8.1f MB\n",
	       bench->options.deliveries,
	       bench->options.is_retries ? "retries at random times" : "deliveries",
	       bench->options.webhooks, bench->options.in_flight, ROUNDS, golived.per_s,
	       golived.cpu_us, bare.per_s, bare.cpu_us, ratio, golived.cpu_us / bare.cpu_us,
	       sustained_per_s, p50, p99, rss_mb);
}

static unsigned parse_count(const char *text, unsigned most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);
	rig_must(*end == '\0' && value > 0 && value <= most, "a number is out of range");
	return (unsigned)value;
}

static struct options parse_options(int argc, char **argv)
{
	static const struct option known[] = { { "deliveries", required_argument, NULL, 'd' },
					       { "webhooks", required_argument, NULL, 'w' },
					       { "in-flight", required_argument, NULL, 'f' },
					       { "retries", no_argument, NULL, 'r' },
					       { "json", no_argument, NULL, 'j' },
					       { 0 } };
	struct options options = { .deliveries = 50000, .webhooks = 100, .in_flight = 64 };
	int option;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		rig_must(option != '?', "usage: bench_delivery [--deliveries N] [--webhooks N] "
					"[--in-flight N] [--retries] [--json]");
		if (option == 'd')
			options.deliveries = parse_count(optarg, 1000000);
		else if (option == 'w')
			options.webhooks = parse_count(optarg, 10000);
		else if (option == 'f')
			options.in_flight = parse_count(optarg, 4096);
		else if (option == 'r')
			options.is_retries = true;
		else
			options.is_json = true;
	}
	return options;
}

int main(int argc, char **argv)
{
	struct bench bench = { .options = parse_options(argc, argv) };
	struct measure golived[ROUNDS], bare[ROUNDS];
	unsigned in_flight = bench.options.in_flight;
	unsigned count = bench.options.deliveries / ROUNDS + 1;

	sink_start(&bench.sink);
	load_quiet_log();
	rig_create(&bench.rig, in_flight, in_flight);
	drain_init(&bench.drain, &bench.rig);
	rig_add_webhooks(&bench.rig, bench.options.webhooks, bench.sink.ports[SINK_FAST]);
	rig_start_dispatcher(&bench.rig);
	struct http_client *client = bare_create(bench.rig.loop, in_flight);

	measure_bare(&bench, client, count / 10 + 1); /* warm: connections, caches, lanes */
	drain_run(&bench.drain, count / 10 + 1);
	for (int i = 0; i < ROUNDS; i++) {
		bare[i] = measure_bare(&bench, client, count);
		golived[i] = bench.options.is_retries ? drain_retries(&bench.drain, count)
						      : drain_run(&bench.drain, count);
	}
	struct measure golived_median = median_measure(golived, ROUNDS);
	double sustained_per_s = drain_fed(&bench.drain, bench.options.deliveries);
	sink_reset(&bench.sink);
	load_run(&bench.rig, &bench.sink, bench.drain.added + 1, sustained_per_s / 2, HALF_LOAD_MS);
	report(&bench, golived_median, median_measure(bare, ROUNDS), sustained_per_s);
	http_client_destroy(client);
	rig_close(&bench.rig);
	rig_remove(&bench.rig);
	sink_stop(&bench.sink);
	return 0;
}
