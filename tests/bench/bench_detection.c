/* How late golived notices, and whether it is ever wrong: the daemon's planner, quota, habits and
 * detector in virtual time, policy by policy, over lives made up by seed or read from a file. */
#include "campaign.h"
#include "session_file.h"

#include "base/attrs.h"
#include "detect/planner.h"

#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MONDAY INT64_C(1780272000000) /* 2026-06-01T00:00:00Z */

enum { DAY_MS = 24 * 60 * 60 * 1000, EXIT_BAD_ARGUMENTS = 2 };

struct options {
	const char *sessions; /* NULL: made up */
	enum mix mix;
	int64_t creators, warm_up_days, days, seed, seeds;
	bool has_policy, is_json, shows_front;
	struct campaign_options campaign;
};

static const char *const policy_names[] = {
	[CAMPAIGN_UNIFORM] = "uniform",
	[CAMPAIGN_LEARNED] = "learned",
	[CAMPAIGN_ORACLE] = "oracle",
};

static const char usage[] =
	"usage: ./dev bench detection [OPTIONS]\n"
	"  --mix MIX         habitual, irregular, shifted, dormant-heavy or faulty (habitual)\n"
	"  --sessions FILE   instead: CSV unique_id,start,end,room_id in Unix seconds, in any "
	"order;\n"
	"                    a room id that is left out is made up, overlapping sessions are cut\n"
	"  --creators N      made up (1000)\n"
	"  --batch N --per-minute N --per-day N   the quota (10, 60, 10000)\n"
	"  --warm-up DAYS    not measured (28)\n"
	"  --days DAYS       measured (14; with --sessions, to the end of the file)\n"
	"  --policy NAME     uniform, learned or oracle (all; no oracle with --sessions)\n"
	"  --even            spread the day's requests evenly, not by what its hours are worth\n"
	"  --seed N          (1)\n"
	"  --seeds N         so many seeds from there, one after the other (1)\n"
	"  --front           learned, from patience to haste: the front of mean against p99\n"
	"  --json            for programs\n";

enum {
	OPTION_MIX = 1,
	OPTION_SESSIONS,
	OPTION_POLICY,
	OPTION_FRONT,
	OPTION_EVEN,
	OPTION_JSON,
	OPTION_NUMBERS
};

static int64_t *number_of(struct options *options, int number)
{
	int64_t *const numbers[] = {
		&options->creators,
		&options->campaign.batch,
		&options->campaign.per_minute,
		&options->campaign.per_day,
		&options->warm_up_days,
		&options->days,
		&options->seed,
		&options->seeds,
	};
	return numbers[number];
}

static bool number_parse(const char *text, int64_t *ret_number)
{
	char *end;
	long long number = strtoll(text, &end, 10);
	if (end == text || *end || number < 0 || number > 1000000000)
		return false;
	*ret_number = number;
	return true;
}

static bool policy_parse(const char *name, enum campaign_policy *ret_policy)
{
	for (unsigned i = 0; i < CAMPAIGN_POLICIES; i++) {
		if (strcmp(name, policy_names[i]) != 0)
			continue;
		*ret_policy = (enum campaign_policy)i;
		return true;
	}
	return false;
}

static bool option_take(struct options *options, int option)
{
	switch (option) {
	case OPTION_MIX:
		return mix_parse(optarg, &options->mix);
	case OPTION_SESSIONS:
		options->sessions = optarg;
		return true;
	case OPTION_POLICY:
		options->has_policy = true;
		return policy_parse(optarg, &options->campaign.policy);
	case OPTION_FRONT:
		options->shows_front = true;
		return true;
	case OPTION_EVEN:
		options->campaign.is_even = true;
		return true;
	case OPTION_JSON:
		options->is_json = true;
		return true;
	default:
		return option >= OPTION_NUMBERS &&
		       number_parse(optarg, number_of(options, option - OPTION_NUMBERS));
	}
}

static bool options_parse(struct options *options, int count, char **arguments)
{
	static const struct option known[] = {
		{ "mix", required_argument, NULL, OPTION_MIX },
		{ "sessions", required_argument, NULL, OPTION_SESSIONS },
		{ "policy", required_argument, NULL, OPTION_POLICY },
		{ "front", no_argument, NULL, OPTION_FRONT },
		{ "even", no_argument, NULL, OPTION_EVEN },
		{ "json", no_argument, NULL, OPTION_JSON },
		{ "creators", required_argument, NULL, OPTION_NUMBERS },
		{ "batch", required_argument, NULL, OPTION_NUMBERS + 1 },
		{ "per-minute", required_argument, NULL, OPTION_NUMBERS + 2 },
		{ "per-day", required_argument, NULL, OPTION_NUMBERS + 3 },
		{ "warm-up", required_argument, NULL, OPTION_NUMBERS + 4 },
		{ "days", required_argument, NULL, OPTION_NUMBERS + 5 },
		{ "seed", required_argument, NULL, OPTION_NUMBERS + 6 },
		{ "seeds", required_argument, NULL, OPTION_NUMBERS + 7 },
		{ NULL, 0, NULL, 0 },
	};
	int option;
	while ((option = getopt_long(count, arguments, "", known, NULL)) != -1)
		if (!option_take(options, option))
			return false;
	const struct campaign_options *campaign = &options->campaign;
	return optind == count && campaign->batch > 0 && campaign->batch <= 1000 &&
	       campaign->per_minute > 0 && campaign->per_day > 0 && options->creators > 0 &&
	       (options->days > 0 || options->sessions);
}

/* ---- the report ---- */

static void json_delays(const char *name, const struct delays *delays)
{
	printf("\"%s\":{\"mean\":%.1f,\"p50\":%.1f,\"p95\":%.1f,\"p99\":%.1f,\"worst\":%.1f}", name,
	       delays_mean(delays), delays_quantile(delays, 0.5), delays_quantile(delays, 0.95),
	       delays_quantile(delays, 0.99), delays_quantile(delays, 1));
}

static void json_policy(const char *name, const struct campaign_result *result)
{
	printf("{\"policy\":\"%s\",\"requests\":%" PRId64 ",", name, result->requests);
	json_delays("start_delay_s", &result->starts);
	printf(",");
	json_delays("end_delay_s", &result->ends);
	printf(",\"lives\":%" PRId64 ",\"missed\":%" PRId64 ",\"false_events\":%" PRId64
	       ",\"duplicate_events\":%" PRId64 ",\"fullest_minute\":%" PRId64
	       ",\"fullest_day\":%" PRId64 ",\"worst_gap_s\":%.1f}",
	       result->lives, result->missed, result->false_events, result->duplicate_events,
	       result->fullest_minute, result->fullest_day, (double)result->worst_gap_ms / 1000);
}

static void print_heading(void)
{
	printf("%-12s %8s  %7s %7s %7s %7s %7s  %7s %7s %7s  %6s %6s %5s %5s  %6s %6s %7s %6s\n",
	       "policy", "requests", "start s", "p50", "p95", "p99", "worst", "end s", "p95", "p99",
	       "lives", "missed", "false", "twice", "minute", "day", "gap s", "cpu s");
}

static void print_policy(const char *name, const struct campaign_result *result)
{
	const struct delays *starts = &result->starts, *ends = &result->ends;
	printf("%-12s %8" PRId64 "  %7.0f %7.0f %7.0f %7.0f %7.0f  %7.0f %7.0f %7.0f  %6" PRId64
	       " %6" PRId64 " %5" PRId64 " %5" PRId64 "  %6" PRId64 " %6" PRId64 " %7.0f %6.1f\n",
	       name, result->requests, delays_mean(starts), delays_quantile(starts, 0.5),
	       delays_quantile(starts, 0.95), delays_quantile(starts, 0.99),
	       delays_quantile(starts, 1), delays_mean(ends), delays_quantile(ends, 0.95),
	       delays_quantile(ends, 0.99), result->lives, result->missed, result->false_events,
	       result->duplicate_events, result->fullest_minute, result->fullest_day,
	       (double)result->worst_gap_ms / 1000, result->cpu_s);
	fflush(stdout);
}

static double ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

/* moved_after: habits moved in that week, counted from 0; UINT_MAX: they did not. */
static void print_ratios(const struct campaign_result *result, const struct campaign_result *base,
			 unsigned moved_after)
{
	const struct delays *a = &result->starts, *b = &base->starts;
	printf("  to uniform's: mean %.2f, p95 %.2f, p99 %.2f; ends' mean %.2f\n",
	       ratio(delays_mean(a), delays_mean(b)),
	       ratio(delays_quantile(a, 0.95), delays_quantile(b, 0.95)),
	       ratio(delays_quantile(a, 0.99), delays_quantile(b, 0.99)),
	       ratio(delays_mean(&result->ends), delays_mean(&base->ends)));
	printf("  mean by week:");
	for (unsigned week = 0; week < CAMPAIGN_WEEKS && result->week_count[week] > 0; week++)
		printf("%s %.2f", week == moved_after ? " (habits move)" : "",
		       ratio(result->week_sum[week] / (double)result->week_count[week],
			     base->week_sum[week] / (double)base->week_count[week]));
	printf("\n");
}

/* ---- runs ---- */

/* Reads the sessions, and tells what was made of them. */
static bool stage_from_file(struct stage *stage, const char *path)
{
	struct session_file file;
	if (!session_file_read(stage, path, &file)) {
		fprintf(stderr, "bench: %s: %s\n", path, file.error);
		return false;
	}
	if (file.roomless > 0)
		fprintf(stderr, "bench: %s: %zu of %zu sessions have no room id: made up\n", path,
			file.roomless, file.sessions);
	if (file.cut > 0)
		fprintf(stderr, "bench: %s: %zu of %zu sessions overlapped another: cut\n", path,
			file.cut, file.sessions);
	return true;
}

static bool stage_prepare(struct stage *stage, struct options *options, int64_t seed)
{
	int64_t from_ms = MONDAY, warm_up_ms = options->warm_up_days * DAY_MS;
	if (!options->sessions) {
		int64_t until_ms = from_ms + warm_up_ms + options->days * DAY_MS;
		stage_make(stage, options->mix, (size_t)options->creators, (uint64_t)seed, from_ms,
			   from_ms + warm_up_ms + options->days * DAY_MS / 2, until_ms);
	} else if (!stage_from_file(stage, options->sessions)) {
		return false;
	}
	options->campaign.measured_from_ms = stage->from_ms + warm_up_ms;
	if (options->campaign.measured_from_ms >= stage->until_ms) {
		fprintf(stderr,
			"bench: %s is over after %" PRId64
			" days: nothing is left to measure, take a shorter --warm-up\n",
			options->sessions, (stage->until_ms - stage->from_ms) / DAY_MS);
		stage_finish(stage);
		return false;
	}
	options->campaign.until_ms = stage->until_ms;
	options->campaign.is_faulty = !options->sessions && options->mix == MIX_FAULTY;
	options->campaign.seed = (uint64_t)seed;
	return true;
}

static unsigned shift_week(const struct stage *stage, const struct options *options)
{
	if (stage->shift_ms == INT64_MAX)
		return UINT_MAX;
	return (unsigned)((stage->shift_ms - options->campaign.measured_from_ms) / (7 * DAY_MS));
}

static void run_policies(const struct stage *stage, struct options *options)
{
	struct campaign_result results[CAMPAIGN_POLICIES] = { 0 };
	bool is_first = true;
	if (options->is_json)
		printf("{\"policies\":[");
	else
		print_heading();
	for (unsigned p = 0; p < CAMPAIGN_POLICIES; p++) {
		struct campaign_options campaign = options->campaign;
		if ((options->has_policy && p != campaign.policy) ||
		    (p == CAMPAIGN_ORACLE && !stage->is_made_up))
			continue;
		campaign.policy = (enum campaign_policy)p;
		campaign_run(stage, &campaign, &results[p]);
		if (options->is_json) {
			printf("%s", is_first ? "" : ",");
			json_policy(policy_names[p], &results[p]);
		} else {
			print_policy(policy_names[p], &results[p]);
			if (p > 0 && results[0].requests > 0)
				print_ratios(&results[p], &results[0], shift_week(stage, options));
		}
		is_first = false;
	}
	if (options->is_json)
		printf("]}\n");
	for (unsigned p = 0; p < CAMPAIGN_POLICIES; p++)
		campaign_finish(&results[p]);
}

static void run_front(const struct stage *stage, struct options *options)
{
	static const double hastes[] = { 0, 0.1, 0.3, 1, 3, 100 };
	struct campaign_result uniform, result;
	struct campaign_options campaign = options->campaign;
	print_heading();
	campaign.policy = CAMPAIGN_UNIFORM;
	campaign_run(stage, &campaign, &uniform);
	print_policy("uniform", &uniform);
	campaign.policy = CAMPAIGN_LEARNED;
	for (unsigned i = 0; i < ARRAY_SIZE(hastes); i++) {
		char name[32];
		snprintf(name, sizeof(name), "haste %g", hastes[i]);
		campaign.haste_h = hastes[i];
		campaign_run(stage, &campaign, &result);
		print_policy(name, &result);
		print_ratios(&result, &uniform, UINT_MAX);
		campaign_finish(&result);
	}
	campaign_finish(&uniform);
}

int main(int count, char **arguments)
{
	struct options options = {
		.creators = 1000,
		.warm_up_days = 28,
		.days = 14,
		.seed = 1,
		.seeds = 1,
		.campaign = campaign_usual(),
	};
	if (!options_parse(&options, count, arguments)) {
		fputs(usage, stderr);
		return EXIT_BAD_ARGUMENTS;
	}
	if (options.sessions && options.has_policy && options.campaign.policy == CAMPAIGN_ORACLE) {
		fputs("bench: the oracle knows the true intensities of starts, which --sessions "
		      "does "
		      "not tell: leave --policy away, or take uniform or learned\n",
		      stderr);
		return EXIT_BAD_ARGUMENTS;
	}
	for (int64_t seed = options.seed; seed < options.seed + options.seeds; seed++) {
		struct stage stage;
		if (!stage_prepare(&stage, &options, seed))
			return EXIT_BAD_ARGUMENTS;
		if (options.shows_front)
			run_front(&stage, &options);
		else
			run_policies(&stage, &options);
		stage_finish(&stage);
	}
	return 0;
}
