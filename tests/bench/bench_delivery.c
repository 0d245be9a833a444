/* bench_delivery - how fast durable deliveries go, beside a bare sender, and how soon one goes out
 * at half of that.
 *
 * Rounds of both are interleaved, so that what else the machine does hits both; medians are
 * reported. A round's deliveries are committed before its time starts, and are all answered and
 * recorded when it ends. CPU is that of the whole process; the receiver is another one. */
#include "bare.h"
#include "load.h"
#include "rig.h"
#include "sink.h"

#include "base/clock.h"
#include "base/http.h"
#include "base/metrics.h"
#include "db/deliveries.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS = 5, HALF_LOAD_MS = 3000 };

struct options {
	unsigned deliveries, webhooks, in_flight;
	bool is_json;
};

struct measure {
	double per_s, cpu_us;
};

struct bench {
	struct options options;
	struct rig rig;
	struct sink sink;
	unsigned added; /* events */

	int64_t attempts_wanted; /* of METRIC_ATTEMPTS: then everything may be recorded */
	bool is_asking;
	struct delivery_totals totals;
};

static int64_t attempts_delivered(void)
{
	return metrics_value(METRIC_ATTEMPTS, metrics_label(METRIC_ATTEMPTS, "delivered"));
}

/* ---- until everything is recorded ---- */

static int read_totals(struct store *store, void *arg)
{
	struct bench *bench = arg;
	return store_delivery_totals(store, clock_now_ms(), &bench->totals);
}

static void on_totals(void *arg, int result)
{
	struct bench *bench = arg;
	rig_must(result == 0, "the totals cannot be read");
	bench->is_asking = false;
	if (bench->totals.pending == 0)
		loop_stop(bench->rig.loop);
}

static void on_settled(void *arg)
{
	struct bench *bench = arg;
	if (bench->attempts_wanted == 0 || attempts_delivered() < bench->attempts_wanted ||
	    bench->is_asking)
		return;
	bench->is_asking = true;
	store_write(bench->rig.store, read_totals, on_totals, bench);
}

/* ---- rounds ---- */

struct added_events {
	struct bench *bench;
	unsigned first, count;
};

static int add_events(struct store *store, void *arg)
{
	const struct added_events *added = arg;
	return rig_add_events(store, &added->bench->rig, added->first, added->count);
}

static struct measure measure_golived(struct bench *bench, unsigned count)
{
	struct added_events added = { bench, bench->added + 1, count };
	bench->added += count;
	bench->attempts_wanted = attempts_delivered() + count;
	rig_do(&bench->rig, add_events, &added);
	int64_t started_us = clock_mono_us(), cpu_us = rig_cpu_us();
	dispatcher_wake(bench->rig.dispatcher);
	loop_run(bench->rig.loop);
	bench->attempts_wanted = 0;
	return (struct measure){
		.per_s = count * 1e6 / (double)(clock_mono_us() - started_us),
		.cpu_us = (double)(rig_cpu_us() - cpu_us) / count,
	};
}

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

static int compare(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;
	return (one > other) - (one < other);
}

static struct measure median(const struct measure measures[ROUNDS])
{
	double per_s[ROUNDS], cpu_us[ROUNDS];
	for (int i = 0; i < ROUNDS; i++) {
		per_s[i] = measures[i].per_s;
		cpu_us[i] = measures[i].cpu_us;
	}
	qsort(per_s, ROUNDS, sizeof(double), compare);
	qsort(cpu_us, ROUNDS, sizeof(double), compare);
	return (struct measure){ per_s[ROUNDS / 2], cpu_us[ROUNDS / 2] };
}

static void report(struct bench *bench, struct measure golived, struct measure bare)
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
	printf("%u deliveries, %u webhooks, %u in flight, medians of %d rounds\n"
	       "  golived      %8.0f deliveries/s %8.1f us of CPU each\n"
	       "  bare sender  %8.0f requests/s   %8.1f us of CPU each\n"
	       "  ratio        %8.2f              %8.2f\n"
	       "  commit to arrival at half load (%.0f/s): p50 %.2f ms, p99 %.2f ms\n"
	       "  RSS at most  %8.1f MB\n",
	       bench->options.deliveries, bench->options.webhooks, bench->options.in_flight, ROUNDS,
	       golived.per_s, golived.cpu_us, bare.per_s, bare.cpu_us, ratio,
	       golived.cpu_us / bare.cpu_us, golived.per_s / 2, p50, p99, rss_mb);
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
					       { "json", no_argument, NULL, 'j' },
					       { 0 } };
	struct options options = { .deliveries = 50000, .webhooks = 100, .in_flight = 64 };
	int option;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		rig_must(option != '?', "usage: bench_delivery [--deliveries N] [--webhooks N] "
					"[--in-flight N] [--json]");
		if (option == 'd')
			options.deliveries = parse_count(optarg, 1000000);
		else if (option == 'w')
			options.webhooks = parse_count(optarg, 10000);
		else if (option == 'f')
			options.in_flight = parse_count(optarg, 4096);
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
	bench.rig.on_settled = on_settled;
	bench.rig.on_settled_arg = &bench;
	rig_add_webhooks(&bench.rig, bench.options.webhooks, bench.sink.ports[SINK_FAST]);
	rig_start_dispatcher(&bench.rig);
	struct http_client *client = bare_create(bench.rig.loop, in_flight);

	measure_bare(&bench, client, count / 10 + 1); /* warm: connections, caches, lanes */
	measure_golived(&bench, count / 10 + 1);
	for (int i = 0; i < ROUNDS; i++) {
		bare[i] = measure_bare(&bench, client, count);
		golived[i] = measure_golived(&bench, count);
	}
	struct measure golived_median = median(golived);
	sink_reset(&bench.sink);
	load_run(&bench.rig, &bench.sink, bench.added + 1, golived_median.per_s / 2, HALF_LOAD_MS);
	report(&bench, golived_median, median(bare));
	http_client_destroy(client);
	rig_close(&bench.rig);
	rig_remove(&bench.rig);
	sink_stop(&bench.sink);
	return 0;
}
