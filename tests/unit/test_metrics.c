#include "base/metrics.h"

#include "base/attrs.h"

#include <ctype.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char *render(void)
{
	struct strbuf out;
	strbuf_init(&out, 1 << 20);
	metrics_render(&out);
	assert_false(strbuf_is_full(&out));
	return strbuf_steal(&out);
}

/* The value of a series by its exact text, NaN if it is not there. */
static double sample(const char *series)
{
	CLEANUP(cleanup_free) char *text = render();
	char line_start[200];
	snprintf(line_start, sizeof(line_start), "\n%s ", series);
	const char *at = strstr(text, line_start);
	return at ? strtod(at + strlen(line_start), NULL) : (double)NAN;
}

static void assert_sample(const char *series, double expected)
{
	double value = sample(series);
	if (!(value == expected))
		fail_msg("%s: expected %g, got %g", series, expected, value);
}

static void counters_add_up_per_label(void **state)
{
	(void)state;
	unsigned offline = metrics_label(METRIC_POLL_ANSWERS, "offline");
	metrics_add(METRIC_POLL_ANSWERS, metrics_label(METRIC_POLL_ANSWERS, "live"), 2);
	metrics_add(METRIC_POLL_ANSWERS, offline, 3);
	metrics_add(METRIC_POLL_ANSWERS, offline, 4);
	assert_int_equal(metrics_value(METRIC_POLL_ANSWERS, offline), 7);
	assert_sample("golived_poll_answers_total{answer=\"live\"}", 2);
	assert_sample("golived_poll_answers_total{answer=\"offline\"}", 7);
	assert_sample("golived_poll_answers_total{answer=\"unknown\"}", 0);
}

static void gauges_are_set_and_moved(void **state)
{
	(void)state;
	metrics_set(METRIC_DELIVERIES_IN_FLIGHT, 0, 10);
	metrics_add(METRIC_DELIVERIES_IN_FLIGHT, 0, -3);
	assert_sample("golived_deliveries_in_flight", 7);
	metrics_set_real(METRIC_LOOP_LAG_SECONDS, 0.0125);
	assert_sample("golived_loop_lag_seconds", 0.0125);
	metrics_set_real(METRIC_LOOP_LAG_SECONDS, 0);
	assert_sample("golived_loop_lag_seconds", 0);
}

static void a_histogram_counts_durations_below_each_bound(void **state)
{
	(void)state;
	metrics_observe_ms(METRIC_ADMIN_SECONDS, 1);
	metrics_observe_ms(METRIC_ADMIN_SECONDS, 2);
	metrics_observe_ms(METRIC_ADMIN_SECONDS, 3);
	metrics_observe_ms(METRIC_ADMIN_SECONDS, 1500);
	metrics_observe_ms(METRIC_ADMIN_SECONDS, 100000000);
	metrics_observe_ms(METRIC_ADMIN_SECONDS, -5); /* counts as nothing at all */
	assert_sample("golived_admin_request_seconds_bucket{le=\"0.001\"}", 2);
	assert_sample("golived_admin_request_seconds_bucket{le=\"0.002\"}", 3);
	assert_sample("golived_admin_request_seconds_bucket{le=\"0.005\"}", 4);
	assert_sample("golived_admin_request_seconds_bucket{le=\"1\"}", 4);
	assert_sample("golived_admin_request_seconds_bucket{le=\"2\"}", 5);
	assert_sample("golived_admin_request_seconds_bucket{le=\"21600\"}", 5);
	assert_sample("golived_admin_request_seconds_bucket{le=\"+Inf\"}", 6);
	assert_sample("golived_admin_request_seconds_count", 6);
	assert_sample("golived_admin_request_seconds_sum", 100001.506);
}

static void quantiles_are_interpolated_within_a_bucket(void **state)
{
	(void)state;
	assert_true(metrics_quantile_s(METRIC_DETECTION_DELAY_SECONDS, 0.5) < 0);
	for (int i = 0; i < 100; i++)
		metrics_observe_ms(METRIC_DETECTION_DELAY_SECONDS, 50000); /* 45 s to 60 s */
	assert_true(fabs(metrics_quantile_s(METRIC_DETECTION_DELAY_SECONDS, 0.5) - 52.5) < 1e-6);
	assert_true(fabs(metrics_quantile_s(METRIC_DETECTION_DELAY_SECONDS, 0.99) - 59.85) < 1e-6);
	for (int i = 0; i < 300; i++)
		metrics_observe_ms(METRIC_DETECTION_DELAY_SECONDS, 100); /* 50 ms to 100 ms */
	assert_true(fabs(metrics_quantile_s(METRIC_DETECTION_DELAY_SECONDS, 0.75) - 0.1) < 1e-6);
	for (int i = 0; i < 100000; i++)
		metrics_observe_ms(METRIC_DETECTION_DELAY_SECONDS, 90000000); /* beyond all */
	assert_true(fabs(metrics_quantile_s(METRIC_DETECTION_DELAY_SECONDS, 0.99) - 21600) < 1e-6);
}

static void the_process_tells_about_itself(void **state)
{
	(void)state;
	assert_sample("golived_build_info{version=\"" GOLIVED_VERSION "\"}", 1);
	assert_true(sample("process_start_time_seconds") > 1.5e9);
	assert_sample("process_start_time_seconds", sample("process_start_time_seconds"));
	assert_true(sample("process_resident_memory_bytes") > 1e5);
	assert_true(sample("process_open_fds") >= 3);
	assert_true(sample("process_max_fds") >= sample("process_open_fds"));
	assert_true(sample("process_cpu_seconds_total") > 0);
}

static void an_open_file_is_seen(void **state)
{
	(void)state;
	double before = sample("process_open_fds");
	FILE *file = fopen("/dev/null", "re");
	assert_non_null(file);
	assert_sample("process_open_fds", before + 1);
	fclose(file);
}

static void *count_many(void *unused)
{
	for (int i = 0; i < 10000; i++) {
		metrics_add(METRIC_STORE_JOBS, 0, 1);
		metrics_observe_ms(METRIC_STORE_COMMIT_SECONDS, 5);
	}
	return unused;
}

static void threads_count_together(void **state)
{
	(void)state;
	pthread_t threads[4];
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_many, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(metrics_value(METRIC_STORE_JOBS, 0), 40000);
	assert_sample("golived_store_commit_seconds_count", 40000);
	assert_sample("golived_store_commit_seconds_sum", 200);
}

static bool ends_with(const char *text, const char *end)
{
	size_t text_length = strlen(text), end_length = strlen(end);
	return text_length >= end_length && strcmp(text + text_length - end_length, end) == 0;
}

/* What a family's lines must satisfy; after `promtool check metrics`. */
struct family {
	char name[128], type[16];
	int samples;
};

static void check_family(const struct family *family)
{
	if (family->samples == 0)
		fail_msg("%s has no sample", family->name);
	if (ends_with(family->name, "_total") != (strcmp(family->type, "counter") == 0))
		fail_msg("%s is a %s", family->name, family->type);
	static const char *const bad_units[] = { "milliseconds", "_ms", "minutes", "kilobytes" };
	for (size_t i = 0; i < ARRAY_SIZE(bad_units); i++) {
		if (strstr(family->name, bad_units[i]))
			fail_msg("%s is not in a base unit", family->name);
	}
	if (strcmp(family->type, "histogram") == 0 && !ends_with(family->name, "_seconds"))
		fail_msg("%s does not name its unit", family->name);
}

/* A sample is the family's name, for a histogram with its suffix, then labels, a space, a value. */
static void check_sample(const struct family *family, const char *line)
{
	size_t length = strlen(family->name);
	assert_int_equal(strncmp(line, family->name, length), 0);
	const char *rest = line + length;
	if (strcmp(family->type, "histogram") == 0) {
		assert_int_equal(*rest, '_');
		rest += strcspn(rest, "{ ");
	}
	if (*rest == '{') {
		rest = strchr(rest, '}');
		assert_non_null(rest);
		rest++;
	}
	assert_int_equal(*rest, ' ');
	char *end;
	strtod(rest + 1, &end);
	if (end == rest + 1 || *end != '\0')
		fail_msg("no value: %s", line);
}

static void assert_unique(char lines[][160], size_t count, const char *line)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(lines[i], line) == 0)
			fail_msg("twice: %s", line);
	}
}

static void the_rendering_keeps_the_rules_of_prometheus(void **state)
{
	(void)state;
	static char seen_series[2000][160], seen_families[200][160];
	size_t series_count = 0, family_count = 0;
	struct family family = { .samples = 1, .type = "gauge" };
	CLEANUP(cleanup_free) char *text = render();
	assert_int_equal(text[strlen(text) - 1], '\n');
	char *rest = NULL, name[128] = "";
	int help_length;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (sscanf(line, "# HELP %127s %n", name, &help_length) == 1) {
			check_family(&family);
			assert_unique(seen_families, family_count, name);
			snprintf(seen_families[family_count++], 160, "%s", name);
			assert_true(strlen(line + help_length) > 5);
		} else if (sscanf(line, "# TYPE %127s %15s", family.name, family.type) == 2) {
			assert_string_equal(family.name, name); /* right behind its HELP */
			family.samples = 0;
		} else {
			check_sample(&family, line);
			family.samples++;
			char key[160];
			snprintf(key, sizeof(key), "%.*s", (int)strcspn(line, " "), line);
			assert_unique(seen_series, series_count, key);
			snprintf(seen_series[series_count++], 160, "%s", key);
		}
	}
	check_family(&family);
	assert_int_equal(family_count, METRIC_COUNT + 6);
}

static void the_log_reports_its_losses_here(void **state)
{
	(void)state;
	assert_sample("golived_log_lines_dropped_total", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_add_up_per_label),
		cmocka_unit_test(gauges_are_set_and_moved),
		cmocka_unit_test(a_histogram_counts_durations_below_each_bound),
		cmocka_unit_test(quantiles_are_interpolated_within_a_bucket),
		cmocka_unit_test(the_process_tells_about_itself),
		cmocka_unit_test(an_open_file_is_seen),
		cmocka_unit_test(threads_count_together),
		cmocka_unit_test(the_rendering_keeps_the_rules_of_prometheus),
		cmocka_unit_test(the_log_reports_its_losses_here),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
