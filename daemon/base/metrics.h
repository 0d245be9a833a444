/* metrics - the daemon's counters, gauges and histograms, and their rendering for Prometheus.
 *
 * One row per metric in METRICS below: the enum, the names, the help texts and the rendering all
 * come from it. Safe from any thread (relaxed atomics). Labels are from a fixed set per metric, all
 * zero-initialised, so the number of series is bounded.
 */
#ifndef GOLIVED_BASE_METRICS_H
#define GOLIVED_BASE_METRICS_H

#include "base/strbuf.h"

#include <stdint.h>

/* Histograms count milliseconds and are rendered in seconds. Label values are a |-separated list;
 * the index into it is the `label` argument below. A metric without labels has "" and label 0. */
#define GAP_LABELS \
	"stopped|upstream_failing|key_refused|key_missing|throttled|quota_spent|store_not_" \
	"writable"
/*  enum name, kind, exposed name, label name, label values, help */
#define METRICS(X) \
	X(UPSTREAM_REQUESTS, COUNTER, "golived_upstream_requests_total", "outcome", \
	  "ok|rate_limited|refused|http_error|bad_answer|partial|unreachable|timeout", \
	  "Requests to the upstream service by what came of them.") \
	X(UPSTREAM_SECONDS, HISTOGRAM, "golived_upstream_request_seconds", "", "", \
	  "How long requests to the upstream service took.") \
	X(UPSTREAM_QUOTA_REMAINING, GAUGE, "golived_upstream_quota_remaining", "", "", \
	  "Requests left of today's (UTC) quota.") \
	X(UPSTREAM_QUOTA_LIMIT, GAUGE, "golived_upstream_quota_limit", "", "", \
	  "Requests a day (UTC) that the quota allows.") \
	X(UPSTREAM_QUOTA_HOUR, GAUGE, "golived_upstream_quota_hour", "", "", \
	  "Requests that this hour gets of the day's quota, at the pace of now.") \
	X(POLL_LAST_SUCCESS, GAUGE, "golived_poll_last_success_timestamp_seconds", "", "", \
	  "When the last batch with usable answers came, since the Unix epoch; 0: none yet.") \
	X(POLL_ANSWERS, COUNTER, "golived_poll_answers_total", "answer", "live|offline|unknown", \
	  "Answers about single creators.") \
	X(POLL_BATCH_SLOTS, COUNTER, "golived_poll_batch_slots_total", "use", "filled|empty", \
	  "Places in batches that were used and left empty.") \
	X(POLL_LAG_SECONDS, GAUGE, "golived_poll_lag_seconds", "", "", \
	  "How long the creator that waited longest has been due.") \
	X(CREATORS, GAUGE, "golived_creators", "state", "live|offline|unknown|quarantined", \
	  "Creators watched, by state.") \
	X(DETECTION_DELAY_SECONDS, HISTOGRAM, "golived_detection_delay_seconds", "", "", \
	  "From a live's own start time (by its room id) to its live.start; without what a gap " \
	  "delayed.") \
	X(STARTS_AFTER_GAP, COUNTER, "golived_starts_after_gap_total", "", "", \
	  "Starts found late because nobody could be checked when they happened.") \
	X(GAPS, COUNTER, "golived_gaps_total", "reason", GAP_LABELS, \
	  "Times over which nobody could be checked, longer than min_interval, by what they " \
	  "began " \
	  "with.") \
	X(GAP_SECONDS, COUNTER, "golived_gap_seconds_total", "reason", GAP_LABELS, \
	  "How long nobody could be checked, in gaps that have ended.") \
	X(MASS_FLIPS_HELD, COUNTER, "golived_mass_flips_held_total", "direction", "live|offline", \
	  "Sweeps in which so many creators changed at once that a second check was awaited.") \
	X(EVENTS, COUNTER, "golived_events_total", "type", "live.start|live.end", \
	  "Events detected.") \
	X(ATTEMPTS, COUNTER, "golived_delivery_attempts_total", "outcome", \
	  "delivered|http|dns|connect|refused|timeout|tls|blocked|protocol|interrupted", \
	  "Delivery attempts by what came of them.") \
	X(ATTEMPT_SECONDS, HISTOGRAM, "golived_delivery_attempt_seconds", "", "", \
	  "How long delivery attempts took.") \
	X(DELIVERY_LATENCY_SECONDS, HISTOGRAM, "golived_delivery_latency_seconds", "", "", \
	  "From an event's commit to the answer of the receiver that took it.") \
	X(DELIVERY_LATENESS_SECONDS, HISTOGRAM, "golived_delivery_lateness_seconds", "", "", \
	  "From the time an attempt was due to its start.") \
	X(DELIVERIES, GAUGE, "golived_deliveries", "status", "pending|dead", \
	  "Deliveries waiting and dead-lettered.") \
	X(DELIVERIES_IN_FLIGHT, GAUGE, "golived_deliveries_in_flight", "", "", \
	  "Attempts being made.") \
	X(DELIVERIES_OLDEST_DUE_SECONDS, GAUGE, "golived_deliveries_oldest_due_seconds", "", "", \
	  "How long the delivery that waits longest has been due; 0: none is.") \
	X(LANES_FAILING, GAUGE, "golived_delivery_lanes_failing", "", "", \
	  "Webhooks that fail again and again and get a single probe at a time.") \
	X(ATTEMPTS_NOT_MADE, COUNTER, "golived_delivery_attempts_not_made_total", "", "", \
	  "Attempts put off for want of descriptors or memory of our own.") \
	X(DEAD_LETTERS, COUNTER, "golived_dead_letters_total", "", "", "Deliveries given up.") \
	X(STORE_COMMITS, COUNTER, "golived_store_commits_total", "result", "ok|full|error", \
	  "Commits of the store thread.") \
	X(STORE_COMMIT_SECONDS, HISTOGRAM, "golived_store_commit_seconds", "", "", \
	  "How long commits took, synchronising included.") \
	X(STORE_JOBS, COUNTER, "golived_store_jobs_total", "thread", "writer|reader", \
	  "Jobs done.") \
	X(STORE_JOBS_PENDING, GAUGE, "golived_store_jobs_pending", "", "", \
	  "Jobs that the store has not answered yet.") \
	X(STORE_DEGRADED, GAUGE, "golived_store_degraded", "", "", \
	  "1 while the store cannot be written (a full disk).") \
	X(STORE_BYTES, GAUGE, "golived_store_bytes", "file", "db|wal", \
	  "Size of the database's files.") \
	X(ADMIN_REQUESTS, COUNTER, "golived_admin_requests_total", "class", "2xx|4xx|5xx", \
	  "Requests to the admin API by class of answer.") \
	X(ADMIN_SECONDS, HISTOGRAM, "golived_admin_request_seconds", "", "", \
	  "How long requests to the admin API took.") \
	X(DNS_LOOKUPS, COUNTER, "golived_dns_lookups_total", "result", "ok|failed|cached", \
	  "Lookups of receivers' names.") \
	X(LOOP_LAG_SECONDS, GAUGE, "golived_loop_lag_seconds", "", "", \
	  "How late the loop's last one-second timer fired.") \
	X(CONFIG_RELOAD_OK, GAUGE, "golived_config_last_reload_successful", "", "", \
	  "1 if the configuration was read without a mistake the last time.") \
	X(LOG_DROPPED, COUNTER, "golived_log_lines_dropped_total", "", "", \
	  "Log lines that could not be written.")

#define METRICS_ENUM(name, kind, exposed, label, values, help) METRIC_##name,
enum metric { METRICS(METRICS_ENUM) METRIC_COUNT };
#undef METRICS_ENUM

void metrics_add(enum metric metric, unsigned label, int64_t by);    /* counter or gauge */
void metrics_set(enum metric metric, unsigned label, int64_t value); /* gauge */
void metrics_set_real(enum metric metric, double value);             /* gauge without labels */
void metrics_observe_ms(enum metric metric, int64_t duration_ms);    /* histogram */

int64_t metrics_value(enum metric metric, unsigned label);

/* The index of a label's value, for callers that have it as text; asserts that it is one of the
 * list. */
unsigned metrics_label(enum metric metric, const char *value);

/* An upper estimate of a histogram's q-quantile (0 < q < 1) in seconds by linear interpolation;
 * negative while it is empty. */
double metrics_quantile_s(enum metric metric, double q);

/* The text exposition format 0.0.4, golived_build_info and process_* included. */
void metrics_render(struct strbuf *out);

#endif
