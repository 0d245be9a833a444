/* simulate - days of a whole golived in virtual time, under faults, from a seed.
 *
 * The poller, the dispatcher and everything below them are the real ones, on a real SQLite file;
 * the clock, the loop, the store's threads, the service and the receivers are simulated (virtual.h,
 * ledger.h). The same seed gives the same course, to the last byte.
 */
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/memory.h"
#include "db/deliveries.h"
#include "db/webhooks.h"
#include "deliver/dispatcher.h"
#include "detect/poller.h"
#include "tests/simulation/disk.h"
#include "tests/simulation/ledger.h"
#include "tests/simulation/virtual.h"

#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECOND_MS = 1000, MINUTE_MS = 60 * SECOND_MS, HOUR_MS = 60 * MINUTE_MS };
enum { DRIFT_MAX_PPM = 500 }; /* as far as a clock is corrected without being set */

static const int64_t start_ms = INT64_C(1781784000000); /* 2026-06-18T12:00:00Z */

struct simulation {
	struct config *config; /* owned */
	char directory[64];
	struct virtual_store *store;
	struct poller *poller;
	struct dispatcher *dispatcher;
	int64_t faults_until_mono_ms;
	bool is_disk_troubled;
	unsigned long long states; /* after a loss of power that are to be checked */
	unsigned long long states_checked;
	bool may_jump; /* the wall clock of this seed is set now and then */
};

/* ---- the simulated process ---- */

static void on_enqueued(void *arg)
{
	struct simulation *simulation = arg;
	if (!chance_of(0.2)) /* a hint may be lost */
		dispatcher_wake(simulation->dispatcher);
}

static void start_process(struct simulation *simulation)
{
	simulation->store = virtual_store_open(simulation->directory);
	struct store_thread *thread = (struct store_thread *)simulation->store;
	simulation->dispatcher = dispatcher_create(NULL, thread, NULL, simulation->config, NULL);
	simulation->poller = poller_create(
		NULL, thread, simulation->config, "key",
		&(struct poller_hooks){ .on_enqueued = on_enqueued, .arg = simulation });
	dispatcher_start(simulation->dispatcher);
	poller_start(simulation->poller);
}

static void stop_wings(struct simulation *simulation)
{
	poller_destroy(simulation->poller);
	dispatcher_destroy(simulation->dispatcher);
}

static void end_process(struct simulation *simulation)
{
	stop_wings(simulation);
	virtual_store_kill(simulation->store);
}

static void heal_disk(struct simulation *simulation)
{
	if (simulation->is_disk_troubled)
		ledger_held_up();
	simulation->is_disk_troubled = false;
	disk_heal();
	virtual_store_set_slow(simulation->store, false);
}

/* The store is dead: killed, or it broke with an I/O error, or there was no power. */
static void restart(struct simulation *simulation)
{
	stop_wings(simulation);
	heal_disk(simulation); /* the next one finds it so */
	if (chance_of(0.3)) {
		virtual_store_lose_power(simulation->store);
		ledger_counts()->power_losses++;
	} else {
		virtual_store_kill(simulation->store);
	}
	ledger_killed();
	if (chance_of(0.1)) {
		virtual_store_take_back(simulation->directory);
		ledger_counts()->upgrades++;
	}
	if (chance_of(0.1))
		virtual_store_die_in_start();
	start_process(simulation);
}

/* ---- faults ---- */

static void trouble_disk(struct simulation *simulation)
{
	simulation->is_disk_troubled = true;
	switch (chance_between(0, 2)) {
	case 0:
		disk_set_full(true);
		break;
	case 1:
		disk_fail_next_sync();
		break;
	default:
		virtual_store_set_slow(simulation->store, true);
	}
}

static void trouble_clock(struct simulation *simulation)
{
	if (simulation->may_jump && chance_of(0.5)) {
		virtual_jump(chance_between(-2 * HOUR_MS, 2 * HOUR_MS));
		ledger_clock_set();
		return;
	}
	virtual_stall(chance_between(1, chance_of(0.2) ? 6 * HOUR_MS : 20 * MINUTE_MS));
	ledger_held_up();
}

static void on_kill(void *arg)
{
	struct simulation *simulation = arg;
	if (!simulation->store)
		return; /* the end */
	if (chance_of(0.5))
		virtual_store_die(simulation->store);
	else
		virtual_store_die_in_commit(simulation->store);
}

static void kill_soon(void *arg)
{
	virtual_after(chance_between(0, 4 * SECOND_MS), on_kill, arg);
}

static void kill_in_silence(void *arg)
{
	virtual_after(chance_between(0, 2 * MINUTE_MS), on_kill, arg);
}

/* Most troubles are over within minutes, some outlast the next one. */
static void on_recovery(void *arg)
{
	struct simulation *simulation = arg;
	if (virtual_mono_ms() >= simulation->faults_until_mono_ms)
		return; /* drain() has healed everything */
	heal_disk(simulation);
	ledger_set_service(SERVICE_WELL);
	if (chance_of(0.3))
		ledger_heal();
}

static void on_fault(void *arg)
{
	struct simulation *simulation = arg;
	if (virtual_mono_ms() >= simulation->faults_until_mono_ms)
		return;
	switch (chance_between(0, 7)) {
	case 0:
		on_kill(simulation);
		break;
	case 1: /* while attempts are under way */
		ledger_on_attempt(kill_soon, simulation);
		break;
	case 2:
		trouble_disk(simulation);
		break;
	case 3:
		trouble_clock(simulation);
		break;
	case 4:
		ledger_set_service((enum ledger_service)chance_between(0, SERVICE_MODES - 1));
		ledger_on_refusal(kill_in_silence, simulation);
		break;
	case 5:
		ledger_set_name((unsigned)chance_between(0, LEDGER_WEBHOOKS - 1),
				(enum ledger_name)chance_between(0, NAME_MODES - 1));
		break;
	default:
		ledger_set_receiver((unsigned)chance_between(0, LEDGER_WEBHOOKS - 1),
				    (enum ledger_receiver)chance_between(0, RECEIVER_MODES - 1));
	}
	virtual_after(chance_between(SECOND_MS, 10 * MINUTE_MS), on_recovery, simulation);
	virtual_after(chance_between(SECOND_MS, 20 * MINUTE_MS), on_fault, simulation);
}

/* Lives come and go; each creator about ten times a day. */
static void on_flip(void *arg)
{
	struct simulation *simulation = arg;
	if (virtual_mono_ms() >= simulation->faults_until_mono_ms)
		return;
	ledger_flip((unsigned)chance_between(0, LEDGER_CREATORS - 1));
	virtual_after(chance_between(SECOND_MS, 6 * MINUTE_MS), on_flip, simulation);
}

/* ---- one seed ---- */

static void set_up_store(struct store *store)
{
	if (store_begin(store) < 0)
		abort();
	for (unsigned i = 0; i < LEDGER_WEBHOOKS; i++) {
		const char *creators[LEDGER_CREATORS];
		char id[ID_TEXT_SIZE];
		for (unsigned j = 0; j < LEDGER_CREATORS; j++)
			creators[j] = ledger_handle(j);
		const struct webhook webhook = { .target_url = ledger_url(i),
						 .event_types = EVENT_TYPES_ALL,
						 .creators = creators,
						 .creator_count = LEDGER_CREATORS,
						 .rate_limit = i == 3 ? 0.5 : 0,
						 .active = true };
		if (store_webhook_add(store, &webhook,
				      "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 0,
				      clock_now_ms(), id) < 0)
			abort();
	}
	if (store_commit(store) < 0)
		abort();
}

static void run_until(struct simulation *simulation, int64_t until_mono_ms)
{
	while (virtual_step(until_mono_ms))
		if (virtual_store_is_dead(simulation->store))
			restart(simulation);
}

static int64_t pending(struct store *store)
{
	struct delivery_totals totals;
	if (store_begin(store) < 0 || store_delivery_totals(store, clock_now_ms(), &totals) < 0)
		abort();
	store_rollback(store);
	return totals.pending;
}

static bool day_is_spent(struct simulation *simulation)
{
	struct store *store = virtual_store_connection(simulation->store);
	if (store_begin(store) < 0)
		abort();
	bool is_spent = ledger_day_is_spent(store);
	store_rollback(store);
	return is_spent;
}

static void check_creators(struct simulation *simulation)
{
	struct store *store = virtual_store_connection(simulation->store);
	if (store_begin(store) < 0)
		abort();
	ledger_check_creators(store);
	store_rollback(store);
}

static int64_t longest_gap_ms(const struct config *config)
{
	int64_t longest_ms = 0;
	for (unsigned i = 1; i < config->delivery.schedule_steps; i++) {
		int64_t gap_ms =
			config->delivery.schedule_ms[i] - config->delivery.schedule_ms[i - 1];
		longest_ms = gap_ms > longest_ms ? gap_ms : longest_ms;
	}
	return longest_ms;
}

/* Without faults it is soon known how things are, and all is delivered with the next attempt:
 * whatever the wall clock shows by then. */
static void drain(struct simulation *simulation)
{
	int64_t until_mono_ms = virtual_mono_ms() + longest_gap_ms(simulation->config) + HOUR_MS;
	ledger_calm();
	heal_disk(simulation);
	run_until(simulation, virtual_mono_ms() + HOUR_MS);
	if (day_is_spent(simulation)) {
		while (day_is_spent(simulation))
			run_until(simulation, virtual_mono_ms() + HOUR_MS);
		run_until(simulation, virtual_mono_ms() + HOUR_MS);
	}
	check_creators(simulation);
	while (pending(virtual_store_connection(simulation->store)) > 0 &&
	       virtual_mono_ms() < until_mono_ms)
		run_until(simulation, virtual_mono_ms() + HOUR_MS / 2);
	int64_t left = pending(virtual_store_connection(simulation->store));
	if (left > 0)
		ledger_violation("%lld deliveries are pending still", (long long)left);
}

/* Faults and lives that were still to come do nothing any more. */
static void run_what_is_left(void)
{
	while (virtual_step(INT64_MAX))
		;
}

struct settings {
	int64_t hours;
	unsigned long long first, count;
	unsigned long long
		states; /* after a loss of power that are to be checked; 0: seeds count */
	unsigned long long progress;            /* a line after every so many seeds; 0: none */
	bool is_quiet, is_verbose, stops_early; /* at the first seed with a violation */
	bool is_lowered; /* the database does not wait for the disk: a violation must be found */
};

/* states: that were still to be checked when the seed began; the course depends on it. */
static void print_replay(uint64_t seed, const struct settings *settings, unsigned long long states)
{
	printf("again: ./dev simulate --seed %llu --hours %lld", (unsigned long long)seed,
	       (long long)settings->hours);
	if (states > 0)
		printf(" --power-loss %llu", states);
	puts(settings->is_lowered ? " --lower-synchronous" : "");
}

static unsigned long long states_checked;

/* What a loss of power at this write or sync would leave behind. */
static void check_state(void *arg)
{
	struct simulation *simulation = arg;
	if (simulation->states_checked >= simulation->states)
		return;
	simulation->states_checked++;
	states_checked++;
	virtual_store_check_without_power(simulation->directory);
}

/* Returns how many promises were broken. */
static unsigned run_seed(struct config *config, uint64_t seed, const struct settings *settings)
{
	struct simulation simulation = { .config = config,
					 .states = settings->states - states_checked };
	snprintf(simulation.directory, sizeof(simulation.directory), "%s/golived-simulate-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(simulation.directory))
		abort();
	chance_seed(seed);
	virtual_reset(start_ms + chance_between(0, 24 * HOUR_MS));
	ledger_reset(config);
	virtual_store_reset(settings->is_lowered);
	simulation.may_jump = chance_of(0.3);
	if (chance_of(0.3))
		virtual_drift(chance_between(-DRIFT_MAX_PPM, DRIFT_MAX_PPM));
	config->poll.policy = chance_of(0.5) ? POLICY_LEARNED : POLICY_UNIFORM;
	simulation.faults_until_mono_ms = virtual_mono_ms() + settings->hours * HOUR_MS;

	start_process(&simulation);
	set_up_store(virtual_store_connection(simulation.store));
	if (settings->states > 0)
		disk_watch(check_state, &simulation);
	virtual_after(10 * SECOND_MS, on_flip, &simulation);
	virtual_after(MINUTE_MS, on_fault, &simulation);
	run_until(&simulation, simulation.faults_until_mono_ms);
	drain(&simulation);
	end_process(&simulation);

	simulation.store = virtual_store_open(simulation.directory);
	struct store *store = virtual_store_connection(simulation.store);
	if (store_begin(store) < 0)
		abort();
	ledger_check(store);
	store_rollback(store);
	virtual_store_kill(TAKE(simulation.store));
	run_what_is_left();

	const struct ledger_counts counts = *ledger_counts();
	if (!settings->is_quiet || counts.violations > 0)
		printf("seed %llu: %u lives, %u checks, %u attempts (%u again, %u blocked), "
		       "%u kills, %u losses of power, %u upgrades, digest %016llx, "
		       "%u violations\n",
		       (unsigned long long)seed, counts.lives, counts.checks, counts.attempts,
		       counts.repeated, counts.blocked, counts.kills - counts.power_losses,
		       counts.power_losses, counts.upgrades, (unsigned long long)counts.digest,
		       counts.violations);
	if (counts.violations > 0)
		print_replay(seed, settings, simulation.states);
	fflush(stdout);
	ledger_finish();
	char command[128];
	snprintf(command, sizeof(command), "rm -r %s", simulation.directory);
	return system(command) == 0 ? counts.violations : counts.violations + 1;
}

/* ---- the command line ---- */

static struct config *load_config(void)
{
	static const char *const settings[][2] = {
		{ "GOLIVED_UPSTREAM_TIER", "pro" },
		{ "GOLIVED_UPSTREAM_BATCH_SIZE", "5" },
		{ "GOLIVED_UPSTREAM_REQUESTS_PER_MINUTE", "4" },
		{ "GOLIVED_UPSTREAM_REQUESTS_PER_DAY", "4000" },
	};
	struct strbuf mistakes;
	struct config *config;
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		setenv(settings[i][0], settings[i][1], 1);
	strbuf_init(&mistakes, 4096);
	if (config_load("/dev/null", &mistakes, &config) < 0) {
		fputs(mistakes.data, stderr);
		exit(2);
	}
	strbuf_finish(&mistakes);
	return config;
}

enum { OPTION_POWER_LOSS = 256, OPTION_LOWER, OPTION_PROGRESS, OPTION_STOP };

/* False: it is not to be understood. */
static bool read_options(int argc, char **argv, struct settings *settings)
{
	static const struct option options[] = {
		{ "seeds", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 's' },
		{ "first", required_argument, NULL, 'f' },
		{ "hours", required_argument, NULL, 'h' },
		{ "power-loss", required_argument, NULL, OPTION_POWER_LOSS },
		{ "lower-synchronous", no_argument, NULL, OPTION_LOWER },
		{ "progress", required_argument, NULL, OPTION_PROGRESS },
		{ "stop-early", no_argument, NULL, OPTION_STOP },
		{ "verbose", no_argument, NULL, 'v' },
		{ 0 },
	};
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (option) {
		case 'n':
			settings->count = strtoull(optarg, NULL, 10);
			break;
		case 's':
			settings->first = strtoull(optarg, NULL, 10);
			settings->count = 1;
			settings->is_quiet = false;
			break;
		case 'f':
			settings->first = strtoull(optarg, NULL, 10);
			break;
		case 'h':
			settings->hours = strtoll(optarg, NULL, 10);
			break;
		case OPTION_POWER_LOSS:
			settings->states = strtoull(optarg, NULL, 10);
			break;
		case OPTION_LOWER:
			settings->is_lowered = true;
			break;
		case OPTION_PROGRESS:
			settings->progress = strtoull(optarg, NULL, 10);
			break;
		case OPTION_STOP:
			settings->stops_early = true;
			break;
		case 'v':
			settings->is_verbose = true;
			break;
		default:
			return false;
		}
	}
	return true;
}

struct campaign {
	unsigned long long seeds, failed;
};

/* Whether there was enough of what was asked for. */
static bool is_done(const struct settings *settings, const struct campaign *campaign)
{
	if (settings->stops_early && campaign->failed > 0)
		return true;
	return settings->states > 0 ? states_checked >= settings->states
				    : campaign->seeds >= settings->count;
}

/* Of a run that is ended early the last line says what it did. */
static void print_result(const struct settings *settings, const struct campaign *campaign)
{
	if (settings->states > 0)
		printf("%llu states after a loss of power, ", states_checked);
	printf("%llu seeds of %lld virtual hours, %llu with violations\n", campaign->seeds,
	       (long long)settings->hours, campaign->failed);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct settings settings = {
		.hours = 48, .first = 1, .count = 100, .progress = 10, .is_quiet = true
	};
	if (!read_options(argc, argv, &settings)) {
		fputs("usage: simulate [--seeds N] [--first SEED] [--seed SEED] [--hours H]\n"
		      "                [--power-loss STATES] [--lower-synchronous]\n"
		      "                [--progress SEEDS] [--stop-early] [--verbose]\n",
		      stderr);
		return 2;
	}
	log_configure(settings.is_verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	/* What one life needed the next one needs, too. */
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	disk_install();
	struct config *config = load_config();
	struct campaign campaign = { 0 };
	while (!is_done(&settings, &campaign)) {
		campaign.failed +=
			run_seed(config, settings.first + campaign.seeds++, &settings) > 0;
		if (settings.progress > 0 && campaign.seeds % settings.progress == 0)
			print_result(&settings, &campaign);
	}
	config_destroy(config);
	virtual_store_reset(false);
	print_result(&settings, &campaign);
	return campaign.failed > 0;
}
