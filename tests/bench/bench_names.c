/* bench_names - what names cost whose servers never answer: the loop's longest stall while as many
 * webhooks as wanted with such names have something due, and while all the names are asked for in
 * one turn.
 *
 * The stall is the longest time between two turns of a timer of 1 ms, less that 1 ms. */
#include "load.h"
#include "rig.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/metrics.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BEAT_MS = 1 };

struct options {
	unsigned names, seconds;
};

struct beat {
	struct loop_timer *timer;
	int64_t last_us, longest_us;
};

static void on_beat(void *arg)
{
	struct beat *beat = arg;
	int64_t now_us = clock_mono_us(), gap_us = now_us - beat->last_us;
	beat->last_us = now_us;
	if (gap_us > beat->longest_us)
		beat->longest_us = gap_us;
	loop_timer_set(beat->timer, BEAT_MS);
}

static void beat_start(struct beat *beat, struct loop *loop)
{
	*beat = (struct beat){ .timer = loop_timer_create(loop, on_beat, beat),
			       .last_us = clock_mono_us() };
	loop_timer_set(beat->timer, BEAT_MS);
}

static double beat_stop(struct beat *beat)
{
	on_beat(beat);
	loop_timer_destroy(beat->timer);
	return (double)beat->longest_us / 1000 - BEAT_MS;
}

/* A port on which nobody ever reads. */
static int open_deaf_server(char address[32])
{
	struct sockaddr_in local = { .sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(local);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	rig_must(fd >= 0 && bind(fd, (struct sockaddr *)&local, size) == 0 &&
			 getsockname(fd, (struct sockaddr *)&local, &size) == 0,
		 "a port for the name server");
	snprintf(address, 32, "127.0.0.1:%u", ntohs(local.sin_port));
	return fd;
}

static int64_t lookups_failed(void)
{
	return metrics_value(METRIC_DNS_LOOKUPS, metrics_label(METRIC_DNS_LOOKUPS, "failed"));
}

/* ---- the dispatcher's way ---- */

static int add_events(struct store *store, void *arg)
{
	struct rig *rig = arg;
	return rig_add_events(store, rig, 1, rig->webhook_count);
}

static double measure_dispatcher(struct rig *rig, const struct options *options)
{
	struct beat beat;
	rig_add_named_webhooks(rig, options->names, 80);
	rig_do(rig, add_events, rig);
	rig_start_dispatcher(rig);
	beat_start(&beat, rig->loop);
	load_settle(rig, options->seconds * 1000);
	return beat_stop(&beat);
}

/* ---- all at once ---- */

struct burst {
	struct loop *loop;
	unsigned left;
};

static void on_addresses(void *arg, int status, const struct http_address *addresses, size_t count)
{
	struct burst *burst = arg;
	(void)addresses;
	(void)count;
	rig_must(status != 0, "a name was answered");
	if (--burst->left == 0)
		loop_stop(burst->loop);
}

static double measure_burst(struct rig *rig, const struct options *options, double *ret_asking_ms)
{
	struct burst burst = { rig->loop, options->names };
	struct beat beat;
	beat_start(&beat, rig->loop);
	int64_t started_us = clock_mono_us();
	for (unsigned i = 0; i < options->names; i++) {
		char name[32];
		snprintf(name, sizeof(name), "burst%u.example.com", i);
		dns_resolve(rig->dns, name, on_addresses, &burst);
	}
	*ret_asking_ms = (double)(clock_mono_us() - started_us) / 1000;
	loop_run(rig->loop);
	return beat_stop(&beat);
}

/* ---- both ---- */

static struct options parse_options(int argc, char **argv)
{
	static const struct option known[] = { { "names", required_argument, NULL, 'n' },
					       { "seconds", required_argument, NULL, 't' },
					       { 0 } };
	struct options options = { .names = 2000, .seconds = 12 };
	int option;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		rig_must(option != '?', "usage: bench_names [--names N] [--seconds N]");
		*(option == 'n' ? &options.names : &options.seconds) =
			(unsigned)strtoul(optarg, NULL, 10);
	}
	rig_must(options.names > 0 && options.names <= 20000 && options.seconds > 0,
		 "a number is out of range");
	return options;
}

int main(int argc, char **argv)
{
	const struct options options = parse_options(argc, argv);
	char address[32];
	double asking_ms;
	struct rig rig;
	int server = open_deaf_server(address);

	load_quiet_log();
	rig_create(&rig, 256, 16);
	rig_close(&rig);
	rig.name_servers = address;
	rig.creators_each = 1;
	rig_reopen(&rig);
	double dispatched_ms = measure_dispatcher(&rig, &options);
	printf("%u names whose servers never answer\n"
	       "  one delivery due to each, %u s: %lld lookups failed, longest stall %.1f ms\n",
	       options.names, options.seconds, (long long)lookups_failed(), dispatched_ms);
	double burst_ms = measure_burst(&rig, &options, &asking_ms);
	printf("  all asked for in one turn (%.1f ms): longest stall %.1f ms\n", asking_ms,
	       burst_ms);
	rig_close(&rig);
	rig_remove(&rig);
	close(server);
	return 0;
}
