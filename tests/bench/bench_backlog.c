/* bench_backlog - what a large backlog costs the daemon: how soon after a start, and after kill -9
 * in the middle of its work, the first delivery arrives, and how much memory it takes meanwhile. */
#include "rig.h"
#include "sink.h"

#include "base/clock.h"
#include "base/memory.h"

#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STARTS = 4, JOB_EVENTS = 5000, WORK_MS = 2000, FIRST_MS_MAX = 20000 };

struct options {
	unsigned deliveries, webhooks;
};

static struct options parse_options(int argc, char **argv)
{
	static const struct option known[] = { { "deliveries", required_argument, NULL, 'd' },
					       { "webhooks", required_argument, NULL, 'w' },
					       { 0 } };
	struct options options = { 1000000, 1000 };
	int option;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		rig_must(option != '?', "usage: bench_backlog [--deliveries N] [--webhooks N]");
		unsigned value = (unsigned)strtoul(optarg, NULL, 10);
		*(option == 'd' ? &options.deliveries : &options.webhooks) = value;
	}
	rig_must(options.deliveries > 0 && options.webhooks > 0, "the numbers are at least 1");
	return options;
}

/* ---- the backlog ---- */

struct piece {
	struct rig *rig;
	unsigned first, count;
};

static int add_piece(struct store *store, void *arg)
{
	const struct piece *piece = arg;
	return rig_add_events(store, piece->rig, piece->first, piece->count);
}

static void fill(struct rig *rig, const struct options *options, uint16_t port)
{
	rig_create(rig, 256, 16);
	rig_add_webhooks(rig, options->webhooks, port);
	for (unsigned added = 0; added < options->deliveries;) {
		unsigned left = options->deliveries - added;
		struct piece piece = { rig, added + 1, left < JOB_EVENTS ? left : JOB_EVENTS };
		rig_do(rig, add_piece, &piece);
		added += piece.count;
	}
	rig_close(rig);
}

/* ---- the daemon ---- */

static void run_golived(const char *database)
{
	char program[4096];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 32);
	rig_must(length > 0, "/proc/self/exe");
	program[length] = '\0';
	strcat(dirname(dirname(program)), "/golived");
	const char *const settings[][2] = {
		{ "GOLIVED_STORE_PATH", database },
		{ "GOLIVED_UPSTREAM_BASE_URL", "http://127.0.0.1:9" },
		{ "GOLIVED_UPSTREAM_API_KEY", "none" },
		{ "GOLIVED_ADMIN_LISTEN", "127.0.0.1:0" },
		{ "GOLIVED_DELIVERY_ALLOW_TARGETS", "127.0.0.0/8" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		setenv(settings[i][0], settings[i][1], 1);
	int nowhere = open("/dev/null", O_WRONLY);
	dup2(nowhere, STDERR_FILENO);
	execl(program, program, "-c", "/dev/null", NULL);
	_exit(127);
}

/* Starts, lets it work, kills. Returns how long until the first delivery came. */
static double start_and_kill(struct sink *sink, const char *database, double *ret_rss_mb)
{
	sink_reset(sink);
	int64_t started_us = clock_mono_us();
	pid_t pid = fork();
	rig_must(pid >= 0, "fork");
	if (pid == 0)
		run_golived(database);
	while (sink->shared->first_arrival_us == 0) {
		rig_must(clock_mono_us() - started_us < FIRST_MS_MAX * INT64_C(1000) &&
				 waitpid(pid, NULL, WNOHANG) == 0,
			 "golived does not deliver");
		usleep(500);
	}
	usleep(WORK_MS * 1000);
	*ret_rss_mb = rig_memory_mb(pid, "VmHWM");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return (double)(sink->shared->first_arrival_us - started_us) / 1000;
}

int main(int argc, char **argv)
{
	const struct options options = parse_options(argc, argv);
	struct sink sink;
	struct rig rig;
	sink_start(&sink);
	int64_t started_us = clock_mono_us();
	fill(&rig, &options, sink.ports[SINK_FAST]);
	printf("%u deliveries pending at %u webhooks (enqueued in %.0f s)\n", options.deliveries,
	       options.webhooks, (double)(clock_mono_us() - started_us) / 1e6);
	for (int i = 0; i < STARTS; i++) {
		double rss_mb, first_ms = start_and_kill(&sink, rig.path, &rss_mb);
		printf("  %s: first delivery after %.0f ms; RSS at most %.1f MB; %lu arrived so "
		       "far\n",
		       i == 0 ? "start            " : "start after a kill", first_ms, rss_mb,
		       (unsigned long)sink.shared->received[SINK_FAST]);
	}
	rig_remove(&rig);
	sink_stop(&sink);
	return 0;
}
