/* bench_tls - what TLS costs: durable deliveries on kept TLS connections beside plain ones, and on
 * a new, verified connection each beside a bare sender that does the same.
 *
 * Rounds of all of them take turns; medians are reported. The receiver's certificate is made at the
 * start and trusted beside the system's, whose bundle is therefore read as in the daemon: whoever
 * parsed it for each connection would be seen. Needs root. */
#include "bare.h"
#include "drain.h"
#include "load.h"
#include "rig.h"
#include "sink.h"
#include "sink_tls.h"

#include "base/clock.h"
#include "base/http.h"
#include "base/memory.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 5, WEBHOOKS = 100, ONCE_SHARE = 10 };

struct options {
	unsigned deliveries, in_flight;
};

/* One way to send, by golived and by the bare sender. */
struct way {
	const char *name;
	enum sink_kind kind;
	void (*add_webhooks)(struct rig *rig, unsigned count, uint16_t port);
	void (*send_bare)(struct http_client *client, struct loop *loop, uint16_t port,
			  unsigned webhooks, unsigned in_flight, unsigned count);
	unsigned share; /* one in so many of the deliveries: a round should take no longer */
};

enum { PLAIN, TLS_KEPT, TLS_NEW, WAYS };

static const struct way ways[WAYS] = {
	[PLAIN] = { "plain, kept connections", SINK_FAST, rig_add_webhooks, bare_send, 1 },
	[TLS_KEPT] = { "TLS, kept connections", SINK_TLS, rig_add_tls_webhooks, bare_send_tls, 1 },
	[TLS_NEW] = { "TLS, a new one each", SINK_TLS_ONCE, rig_add_tls_webhooks, bare_send_tls,
		      ONCE_SHARE },
};

struct side {
	const struct way *way;
	struct rig rig;
	struct drain drain;
	struct http_client *client;
	uint16_t port;
	unsigned count; /* of a round */
	struct measure golived[ROUNDS], bare[ROUNDS];
};

static struct measure measure_bare(struct side *side, unsigned in_flight)
{
	int64_t started_us = clock_mono_us(), cpu_us = rig_cpu_us();
	side->way->send_bare(side->client, side->rig.loop, side->port, WEBHOOKS, in_flight,
			     side->count);
	return (struct measure){
		.per_s = side->count * 1e6 / (double)(clock_mono_us() - started_us),
		.cpu_us = (double)(rig_cpu_us() - cpu_us) / side->count,
	};
}

static void open_side(struct side *side, const struct way *way, const struct sink *sink,
		      const struct options *options)
{
	side->way = way;
	side->port = sink->ports[way->kind];
	side->count = options->deliveries / ROUNDS / way->share + 1;
	rig_create(&side->rig, options->in_flight, options->in_flight);
	drain_init(&side->drain, &side->rig);
	way->add_webhooks(&side->rig, WEBHOOKS, side->port);
	rig_start_dispatcher(&side->rig);
	side->client = bare_create(side->rig.loop, options->in_flight);
	measure_bare(side, options->in_flight); /* warm: connections, caches, lanes */
	drain_run(&side->drain, side->count);
}

static void close_side(struct side *side)
{
	http_client_destroy(side->client);
	rig_close(&side->rig);
	rig_remove(&side->rig);
}

static void report(struct side sides[WAYS])
{
	struct measure golived[WAYS], bare[WAYS];
	for (int i = 0; i < WAYS; i++) {
		golived[i] = median_measure(sides[i].golived, ROUNDS);
		bare[i] = median_measure(sides[i].bare, ROUNDS);
		printf("  %-24s golived %7.0f/s %7.1f us of CPU each, bare %7.0f/s %7.1f us\n",
		       ways[i].name, golived[i].per_s, golived[i].cpu_us, bare[i].per_s,
		       bare[i].cpu_us);
	}
	printf("  kept TLS / plain %.2f (bare %.2f); new TLS connections / bare %.2f\n",
	       golived[TLS_KEPT].per_s / golived[PLAIN].per_s,
	       bare[TLS_KEPT].per_s / bare[PLAIN].per_s,
	       golived[TLS_NEW].per_s / bare[TLS_NEW].per_s);
}

static struct options parse_options(int argc, char **argv)
{
	static const struct option known[] = { { "deliveries", required_argument, NULL, 'd' },
					       { "in-flight", required_argument, NULL, 'f' },
					       { 0 } };
	struct options options = { .deliveries = 50000, .in_flight = 64 };
	int option;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		rig_must(option != '?', "usage: bench_tls [--deliveries N] [--in-flight N]");
		*(option == 'd' ? &options.deliveries : &options.in_flight) =
			(unsigned)strtoul(optarg, NULL, 10);
	}
	rig_must(options.deliveries > 0 && options.in_flight > 0 && options.in_flight <= 4096,
		 "a number is out of range");
	return options;
}

int main(int argc, char **argv)
{
	const struct options options = parse_options(argc, argv);
	struct side *sides = memory_zeroed(WAYS, sizeof(*sides));
	struct sink sink;
	struct sink_tls *tls = sink_tls_create();
	sink_tls_trust(tls);
	sink_start_tls(&sink, tls);
	load_quiet_log();
	for (int i = 0; i < WAYS; i++)
		open_side(&sides[i], &ways[i], &sink, &options);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < WAYS; i++) {
			sides[i].bare[round] = measure_bare(&sides[i], options.in_flight);
			sides[i].golived[round] = drain_run(&sides[i].drain, sides[i].count);
		}
	}
	printf("%u deliveries, %d webhooks, %u in flight, medians of %d rounds\n",
	       options.deliveries, WEBHOOKS, options.in_flight, ROUNDS);
	report(sides);
	for (int i = 0; i < WAYS; i++)
		close_side(&sides[i]);
	sink_stop(&sink);
	sink_tls_destroy(tls);
	free(sides);
	return 0;
}
