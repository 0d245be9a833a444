#include "base/metrics.h"

#include "base/attrs.h"
#include "base/log.h"
#include "base/process.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

enum metric_kind { COUNTER, GAUGE, HISTOGRAM };

static const char *const kind_names[] = {
	[COUNTER] = "counter",
	[GAUGE] = "gauge",
	[HISTOGRAM] = "histogram",
};

static const struct metric_row {
	enum metric_kind kind;
	const char *exposed, *label, *values, *help;
} rows[METRIC_COUNT] = {
#define METRICS_ROW(name, kind, exposed, label, values, help) \
	[METRIC_##name] = { kind, exposed, label, values, help },
	METRICS(METRICS_ROW)
#undef METRICS_ROW
};

/* Upper bounds of the buckets, in ms: from a commit to a detection delay of hours, closest where
 * promises are kept (seconds and minutes). Above the last there is one more, +Inf. */
static const int64_t bounds_ms[] = {
	1,      2,      5,       10,      20,      50,      100,      200,
	500,    1000,   2000,    5000,    10000,   15000,   20000,    30000,
	45000,  60000,  90000,   120000,  180000,  240000,  300000,   450000,
	600000, 900000, 1200000, 1800000, 3600000, 7200000, 21600000,
};
enum { BUCKETS = ARRAY_SIZE(bounds_ms) + 1, LABELS_MAX = 12 };

static struct {
	_Atomic int64_t numbers[LABELS_MAX]; /* counters, gauges */
	_Atomic double real;                 /* of a gauge that is set with metrics_set_real() */
	_Atomic uint64_t buckets[BUCKETS];
	_Atomic int64_t sum_ms;
} series[METRIC_COUNT];

static _Atomic int64_t *number_of(enum metric metric, unsigned label)
{
	assert(rows[metric].kind != HISTOGRAM && label < LABELS_MAX);
	return &series[metric].numbers[label];
}

/* The value behind *at of a |-separated list; *at moves on, and is NULL behind the last. */
static const char *next_value(const char **at, size_t *ret_length)
{
	const char *value = *at, *end = strchrnul(value, '|');
	*ret_length = (size_t)(end - value);
	*at = *end ? end + 1 : NULL;
	return value;
}

unsigned metrics_label(enum metric metric, const char *value)
{
	const char *at = rows[metric].values;
	for (unsigned index = 0; at; index++) {
		size_t length;
		const char *candidate = next_value(&at, &length);
		if (strlen(value) == length && memcmp(candidate, value, length) == 0)
			return index;
	}
	assert(false && "no such label value");
	return 0;
}

void metrics_add(enum metric metric, unsigned label, int64_t by)
{
	atomic_fetch_add_explicit(number_of(metric, label), by, memory_order_relaxed);
}

void metrics_set(enum metric metric, unsigned label, int64_t value)
{
	assert(rows[metric].kind == GAUGE);
	atomic_store_explicit(number_of(metric, label), value, memory_order_relaxed);
}

void metrics_set_real(enum metric metric, double value)
{
	assert(rows[metric].kind == GAUGE && rows[metric].label[0] == '\0');
	atomic_store_explicit(&series[metric].real, value, memory_order_relaxed);
}

int64_t metrics_value(enum metric metric, unsigned label)
{
	return atomic_load_explicit(number_of(metric, label), memory_order_relaxed);
}

void metrics_observe_ms(enum metric metric, int64_t duration_ms)
{
	assert(rows[metric].kind == HISTOGRAM);
	if (duration_ms < 0)
		duration_ms = 0; /* a wall clock that stepped back meanwhile */
	size_t bucket = 0;
	while (bucket < ARRAY_SIZE(bounds_ms) && duration_ms > bounds_ms[bucket])
		bucket++;
	atomic_fetch_add_explicit(&series[metric].buckets[bucket], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&series[metric].sum_ms, duration_ms, memory_order_relaxed);
}

/* The observations of each bucket and below, all of one moment as good as; returns their number. */
static uint64_t read_cumulative(enum metric metric, uint64_t cumulative[BUCKETS])
{
	uint64_t count = 0;
	for (size_t i = 0; i < BUCKETS; i++) {
		count += atomic_load_explicit(&series[metric].buckets[i], memory_order_relaxed);
		cumulative[i] = count;
	}
	return count;
}

double metrics_quantile_s(enum metric metric, double q)
{
	assert(rows[metric].kind == HISTOGRAM && q > 0 && q < 1);
	uint64_t cumulative[BUCKETS];
	uint64_t count = read_cumulative(metric, cumulative);
	if (count == 0)
		return -1;
	double rank = q * (double)count;
	size_t bucket = 0;
	while ((double)cumulative[bucket] < rank)
		bucket++;
	if (bucket == BUCKETS - 1) /* without an upper bound: at least the last one */
		return (double)bounds_ms[bucket - 1] / 1000;
	uint64_t below = bucket > 0 ? cumulative[bucket - 1] : 0;
	double low_ms = bucket > 0 ? (double)bounds_ms[bucket - 1] : 0;
	double share = (rank - (double)below) / (double)(cumulative[bucket] - below);
	return (low_ms + ((double)bounds_ms[bucket] - low_ms) * share) / 1000;
}

static void render_head(struct strbuf *out, const char *name, const char *kind, const char *help)
{
	strbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static void render_histogram(struct strbuf *out, enum metric metric)
{
	const char *name = rows[metric].exposed;
	uint64_t cumulative[BUCKETS];
	uint64_t count = read_cumulative(metric, cumulative);
	int64_t sum_ms = atomic_load_explicit(&series[metric].sum_ms, memory_order_relaxed);
	for (size_t i = 0; i < ARRAY_SIZE(bounds_ms); i++)
		strbuf_addf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name,
			    (double)bounds_ms[i] / 1000, cumulative[i]);
	strbuf_addf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, count);
	strbuf_addf(out, "%s_sum %" PRId64 ".%03d\n", name, sum_ms / 1000, (int)(sum_ms % 1000));
	strbuf_addf(out, "%s_count %" PRIu64 "\n", name, count);
}

static void render_labelled(struct strbuf *out, enum metric metric)
{
	const char *at = rows[metric].values;
	for (unsigned label = 0; at; label++) {
		size_t length;
		const char *value = next_value(&at, &length);
		strbuf_addf(out, "%s{%s=\"%.*s\"} %" PRId64 "\n", rows[metric].exposed,
			    rows[metric].label, (int)length, value, metrics_value(metric, label));
	}
}

/* A gauge is set as a number or as a real, and whichever it is not is zero. */
static void render_single(struct strbuf *out, enum metric metric)
{
	double real = atomic_load_explicit(&series[metric].real, memory_order_relaxed);
	if (real != 0)
		strbuf_addf(out, "%s %.15g\n", rows[metric].exposed, real);
	else
		strbuf_addf(out, "%s %" PRId64 "\n", rows[metric].exposed,
			    metrics_value(metric, 0));
}

static void render_process(struct strbuf *out)
{
	struct process_figures figures;
	process_read(&figures);
	const struct {
		const char *name, *kind, *help;
		double value;
	} samples[] = {
		{ "process_start_time_seconds", "gauge",
		  "Start time of the process since the Unix epoch.", figures.start_time_s },
		{ "process_cpu_seconds_total", "counter", "User and system time spent.",
		  figures.cpu_s },
		{ "process_resident_memory_bytes", "gauge", "Resident memory.",
		  figures.resident_bytes },
		{ "process_open_fds", "gauge", "Open file descriptors.", figures.open_fds },
		{ "process_max_fds", "gauge", "Limit of open file descriptors.", figures.max_fds },
	};
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		if (samples[i].value < 0)
			continue;
		render_head(out, samples[i].name, samples[i].kind, samples[i].help);
		if (isinf(samples[i].value))
			strbuf_addf(out, "%s +Inf\n", samples[i].name);
		else
			strbuf_addf(out, "%s %.15g\n", samples[i].name, samples[i].value);
	}
}

void metrics_render(struct strbuf *out)
{
	/* The log counts by itself: it is used where metrics are not. */
	atomic_store(number_of(METRIC_LOG_DROPPED, 0), (int64_t)log_dropped());

	render_head(out, "golived_build_info", "gauge", "The version that runs.");
	strbuf_add_text(out, "golived_build_info{version=\"" GOLIVED_VERSION "\"} 1\n");
	for (enum metric metric = 0; metric < METRIC_COUNT; metric++) {
		const struct metric_row *row = &rows[metric];
		render_head(out, row->exposed, kind_names[row->kind], row->help);
		if (row->kind == HISTOGRAM)
			render_histogram(out, metric);
		else if (row->label[0])
			render_labelled(out, metric);
		else
			render_single(out, metric);
	}
	render_process(out);
}
