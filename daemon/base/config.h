/* config - what the operator may set: file, environment, defaults, and every mistake in them at
 * once.
 *
 * One row per key in config_keys.c: section, name, type, default, bounds, whether a reload takes it
 * over, and its sentence. base/ini.h says how the file is written. The values land in struct
 * config, a plain value; nothing else in the daemon reads a file or the environment for settings.
 */
#ifndef GOLIVED_BASE_CONFIG_H
#define GOLIVED_BASE_CONFIG_H

#include "base/attrs.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum config_tier { TIER_AUTO, TIER_SANDBOX, TIER_BASIC, TIER_PRO, TIER_ULTRA, TIER_GLOBAL };
enum config_policy { POLICY_LEARNED, POLICY_UNIFORM };
enum config_first_sight { FIRST_SIGHT_RECENT, FIRST_SIGHT_ANNOUNCE, FIRST_SIGHT_SILENT };
enum config_signature { SIGNATURE_HEX, SIGNATURE_SHA256_HEX, SIGNATURE_BASE64 };
enum config_synchronous { SYNCHRONOUS_FULL, SYNCHRONOUS_NORMAL };

/* An address prefix, IPv4 as ::ffff:0:0/96. */
struct config_cidr {
	uint8_t address[16];
	unsigned prefix_bits; /* of 128 */
};

struct config {
	struct {
		char *base_url;     /* without a slash at its end */
		char *api_key_file; /* NULL: none */
		char *api_key;      /* GOLIVED_UPSTREAM_API_KEY; the file is read by
				       config_read_upstream_key() */
		enum config_tier tier;
		int64_t batch_size, requests_per_minute, requests_per_day; /* 0: auto */
		int64_t timeout_ms, max_in_flight, backoff_max_ms;
	} upstream;
	struct {
		int64_t min_interval_ms, max_interval_ms;
		enum config_policy policy;
		int64_t quarantine_interval_ms;
		int64_t quota_reserve_percent;
		int64_t end_confirmations, end_grace_ms;
		enum config_first_sight first_sight;
		int64_t first_sight_max_age_ms;
	} poll;
	struct {
		int64_t schedule_ms[LIMIT_SCHEDULE_STEPS]; /* offsets from the delivery's creation,
							      rising */
		unsigned schedule_steps;
		int64_t connect_timeout_ms, timeout_ms;
		int64_t concurrency, concurrency_per_webhook;
		struct config_cidr allow_targets[LIMIT_ALLOW_TARGETS];
		unsigned allow_target_count;
		enum config_signature signature_format;
		char *header_prefix;
		int64_t retry_after_max_ms, drain_timeout_ms;
	} delivery;
	struct {
		char *listen;       /* address:port, [v6]:port or unix:/path */
		char *api_key_file; /* NULL: none */
	} admin;
	struct {
		char *path;
		enum config_synchronous synchronous;
	} store;
	struct {
		int64_t delivered_ms, dead_ms, events_ms, sessions_ms;
	} retention;
	struct {
		int64_t webhooks, creators_per_webhook; /* 0: no limit */
	} limits;
	struct {
		enum log_level level;
		enum log_format format;
	} log;
};

/* Reads path (NULL: /etc/golived/golived.conf, which may be absent; a path that was named may not),
 * then GOLIVED_<SECTION>_<KEY>, then systemd's STATE_DIRECTORY and CREDENTIALS_DIRECTORY for what
 * is still at its default. Every mistake is one line in mistakes, which says what to write instead:
 *     /etc/golived/golived.conf:12: [poll] min_interval: "60x" is not a duration (write ...)
 *     GOLIVED_POLL_MIN_INTERVAL: "60x" is not a duration (write 250ms, 30s, 2m, 1h or 1d)
 * -EINVAL if there was one (then *ret_config is untouched). The caller destroys the configuration.
 */
int config_load(const char *path, struct strbuf *mistakes, struct config **ret_config) MUST_CHECK;
void config_destroy(struct config *config);
void config_cleanup(struct config **config);

/* The key of the upstream service: from the environment, else from upstream.api_key_file (white
 * space around it dropped). -ENOENT if neither is set, -errno if the file cannot be read, -EINVAL
 * if it is empty or holds a control character. The caller wipes and frees it. */
int config_read_upstream_key(const struct config *config, char **ret_key) MUST_CHECK;

/* Takes over from `fresh` what a reload may change, and names in `needs_restart` (comma-separated)
 * the keys that differ and cannot. */
void config_apply_reload(struct config *running, struct config *fresh,
			 struct strbuf *needs_restart);

/* The whole reference, as config/golived.conf ships it: every key with its sentence and its
 * default, commented out. */
void config_print_reference(FILE *out);

/* "127.0.0.0/8", "::1", … as allow_targets takes it. -EINVAL for anything else (host bits set
 * included). */
int config_parse_cidr(const char *text, struct config_cidr *ret_cidr) MUST_CHECK;

#endif
