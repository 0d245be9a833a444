#include "base/config_key.h"

#include "base/attrs.h"

#include <string.h>

enum { NAME_MAX_BYTES = 64 };

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

static const struct config_choice tiers[] = {
	{ "auto", TIER_AUTO }, { "sandbox", TIER_SANDBOX }, { "basic", TIER_BASIC },
	{ "pro", TIER_PRO },   { "ultra", TIER_ULTRA },     { "global", TIER_GLOBAL },
	{ NULL, 0 },
};

static const struct config_choice policies[] = {
	{ "learned", POLICY_LEARNED },
	{ "uniform", POLICY_UNIFORM },
	{ NULL, 0 },
};

static const struct config_choice first_sights[] = {
	{ "recent", FIRST_SIGHT_RECENT },
	{ "announce", FIRST_SIGHT_ANNOUNCE },
	{ "silent", FIRST_SIGHT_SILENT },
	{ NULL, 0 },
};

static const struct config_choice signatures[] = {
	{ "hex", SIGNATURE_HEX },
	{ "sha256=hex", SIGNATURE_SHA256_HEX },
	{ "base64", SIGNATURE_BASE64 },
	{ NULL, 0 },
};

static const struct config_choice synchronous_modes[] = {
	{ "full", SYNCHRONOUS_FULL },
	{ "normal", SYNCHRONOUS_NORMAL },
	{ NULL, 0 },
};

static const struct config_choice log_levels[] = {
	{ "error", LOG_LEVEL_ERROR },   { "warning", LOG_LEVEL_WARNING },
	{ "notice", LOG_LEVEL_NOTICE }, { "info", LOG_LEVEL_INFO },
	{ "debug", LOG_LEVEL_DEBUG },   { NULL, 0 },
};

static const struct config_choice log_formats[] = {
	{ "auto", LOG_FORMAT_AUTO },
	{ "text", LOG_FORMAT_TEXT },
	{ "json", LOG_FORMAT_JSON },
	{ NULL, 0 },
};

/* The place of a key is named as in the file, where nothing (a unit) is added to it. */
#define PLACE(section_, name_, member_) \
	.section = #section_, .name = #name_, .offset = offsetof(struct config, section_.member_)
#define DURATION(section_, name_, min_, max_) \
	PLACE(section_, name_, name_##_ms), .type = &config_type_duration, .min = (min_), \
					    .max = (max_)
#define INTEGER(section_, name_, min_, max_) \
	PLACE(section_, name_, name_), .type = &config_type_integer, .min = (min_), .max = (max_)
#define INTEGER_OR_AUTO(section_, name_, max_) \
	PLACE(section_, name_, name_), .type = &config_type_integer_or_auto, .min = 1, .max = (max_)
#define PERCENT(section_, name_, max_) \
	PLACE(section_, name_, name_##_percent), .type = &config_type_percent, .max = (max_)
#define CHOICE(section_, name_, choices_) \
	PLACE(section_, name_, name_), .type = &config_type_choice, .choices = (choices_)
#define TEXT(section_, name_, type_) PLACE(section_, name_, name_), .type = &config_type_##type_
#define LIST(section_, name_, member_, count_, type_) \
	PLACE(section_, name_, member_), .type = &config_type_##type_, \
					 .count_offset = offsetof(struct config, section_.count_)

const struct config_key config_keys[] = {
	{ TEXT(upstream, base_url, url), .default_text = "https://api.tik.tools",
	  .sentence = "The service that is asked who is live: http or https." },
	{ TEXT(upstream, api_key_file, path), .default_text = "",
	  .sentence = "File with the service's key; GOLIVED_UPSTREAM_API_KEY in the environment "
		      "wins over it.\nDefault: the systemd credential upstream-api-key, if there "
		      "is one." },
	{ CHOICE(upstream, tier, tiers), .default_text = "auto",
	  .sentence = "auto asks the service; or sandbox, basic, pro, ultra, global: what is "
		      "assumed of the three\nlimits below until responses say otherwise." },
	{ INTEGER_OR_AUTO(upstream, batch_size, LIMIT_BATCH_SIZE), .default_text = "auto",
	  .sentence = "Creators in one request. A number overrides tier and responses." },
	{ INTEGER_OR_AUTO(upstream, requests_per_minute, 1000000), .default_text = "auto",
	  .sentence = "A number overrides tier and responses." },
	{ INTEGER_OR_AUTO(upstream, requests_per_day, 1000000000), .default_text = "auto",
	  .sentence = "Requests in a UTC day. A number overrides tier and responses." },
	{ DURATION(upstream, timeout, 1, HOUR_MS), .default_text = "20s",
	  .sentence = "For one request, all in." },
	{ INTEGER(upstream, max_in_flight, 1, 256), .default_text = "4",
	  .sentence = "Requests at once." },
	{ DURATION(upstream, backoff_max, 1, DAY_MS), .default_text = "60s",
	  .sentence = "Failed checks are repeated after 1s, doubling to this, give or take up to "
		      "half." },

	{ DURATION(poll, min_interval, 1, DAY_MS), .default_text = "60s",
	  .sentence = "No creator is checked more often, confirmations aside." },
	{ DURATION(poll, max_interval, 1, 30 * DAY_MS), .default_text = "30m",
	  .sentence = "The longest a creator may wait, quota permitting." },
	{ CHOICE(poll, policy, policies), .default_text = "learned",
	  .sentence = "learned: checks are spent where a start is likely. uniform: everyone in "
		      "turn." },
	{ DURATION(poll, quarantine_interval, 1, 30 * DAY_MS), .default_text = "1h",
	  .sentence = "How often a handle is checked again that the service refuses." },
	{ PERCENT(poll, quota_reserve, 90), .default_text = "10%",
	  .sentence = "Of the day's requests, kept for confirmations and restarts." },
	{ INTEGER(poll, end_confirmations, 1, 100), .default_text = "2",
	  .sentence = "A live has ended after this many offline answers in a row ..." },
	{ DURATION(poll, end_grace, 0, DAY_MS), .default_text = "120s",
	  .sentence = "... that span at least this long." },
	{ CHOICE(poll, first_sight, first_sights), .default_text = "recent",
	  .sentence = "A creator whose very first answer is live: announce, silent, or recent: "
		      "announce it if the\nlive is younger than first_sight_max_age." },
	{ DURATION(poll, first_sight_max_age, 0, 30 * DAY_MS), .default_text = "10m",
	  .sentence = "See first_sight." },

	{ LIST(delivery, schedule, schedule_ms, schedule_steps, schedule),
	  .default_text = "0s, 30s, 2m, 10m, 1h, 6h", .max = 366 * DAY_MS,
	  .sentence = "When attempts are made, from the delivery's creation on; it must rise. "
		      "After the last one\nthe delivery is dead-lettered." },
	{ DURATION(delivery, connect_timeout, 1, HOUR_MS), .default_text = "10s",
	  .sentence = "For looking up the name, connecting and TLS." },
	{ DURATION(delivery, timeout, 1, HOUR_MS), .default_text = "15s",
	  .sentence = "From the request sent to the last byte read." },
	{ INTEGER(delivery, concurrency, 1, 10000), .default_text = "256",
	  .sentence = "Attempts in flight." },
	{ INTEGER(delivery, concurrency_per_webhook, 1, 10000), .default_text = "16",
	  .sentence = "Attempts in flight to one webhook." },
	{ LIST(delivery, allow_targets, allow_targets, allow_target_count, cidrs),
	  .default_text = "",
	  .sentence = "Private networks that webhooks may point into nevertheless, separated by "
		      "commas:\n10.1.0.0/16, fd00:1::/32" },
	{ CHOICE(delivery, signature_format, signatures), .default_text = "hex",
	  .sentence = "Of the header X-Tiktool-Signature: hex, sha256=hex or base64." },
	{ TEXT(delivery, header_prefix, token), .default_text = "X-Tiktool",
	  .sentence = "What the names of the delivery's headers begin with." },
	{ DURATION(delivery, retry_after_max, 0, 30 * DAY_MS), .default_text = "1h",
	  .sentence = "The furthest a receiver's Retry-After may push an attempt." },
	{ DURATION(delivery, drain_timeout, 0, HOUR_MS), .default_text = "10s",
	  .sentence = "How long a stop waits for attempts in flight." },

	{ TEXT(admin, listen, listen), .default_text = "127.0.0.1:8787", .needs_restart = true,
	  .sentence = "address:port, [v6 address]:port or unix:/path. A socket passed by systemd "
		      "wins." },
	{ TEXT(admin, api_key_file, path), .default_text = "",
	  .sentence = "File with lines SCOPE KEY, SCOPE being admin or read.\nDefault: the systemd "
		      "credential admin-api-keys, if there is one; else a key is made at the "
		      "first\nstart, in admin.key beside the database." },

	{ TEXT(store, path, path), .default_text = "/var/lib/golived/golived.db",
	  .needs_restart = true,
	  .sentence = "The database. Under systemd the default is golived.db in the state "
		      "directory." },
	{ CHOICE(store, synchronous, synchronous_modes), .default_text = "full",
	  .needs_restart = true,
	  .sentence = "full: what is accepted survives a power loss. normal: the last moments may "
		      "be lost then." },

	{ DURATION(retention, delivered, 0, 36500 * DAY_MS), .default_text = "7d",
	  .sentence = "How long delivered and cancelled deliveries are kept. What is pending is "
		      "never pruned." },
	{ DURATION(retention, dead, 0, 36500 * DAY_MS), .default_text = "30d",
	  .sentence = "How long dead letters are kept." },
	{ DURATION(retention, events, 0, 36500 * DAY_MS), .default_text = "30d",
	  .sentence = "How long events are kept." },
	{ DURATION(retention, sessions, 0, 36500 * DAY_MS), .default_text = "400d",
	  .sentence = "How long lives that ended are kept: what habits are learned from." },

	{ INTEGER(limits, webhooks, 0, 1000000000), .default_text = "0",
	  .sentence = "Webhooks at most; 0 is no limit." },
	{ INTEGER(limits, creators_per_webhook, 0, 1000000000), .default_text = "10000",
	  .sentence = "Creators that one webhook may name; 0 is no limit." },

	{ CHOICE(log, level, log_levels), .default_text = "info",
	  .sentence = "error, warning, notice, info or debug." },
	{ CHOICE(log, format, log_formats), .default_text = "auto",
	  .sentence = "text, json, or auto: text, with the journal's levels under systemd." },
};

const size_t config_key_count = ARRAY_SIZE(config_keys);

const struct config_key *config_key_find(const char *section, const char *name)
{
	for (size_t i = 0; i < config_key_count; i++) {
		if (strcmp(config_keys[i].section, section) == 0 &&
		    strcmp(config_keys[i].name, name) == 0)
			return &config_keys[i];
	}
	return NULL;
}

bool config_key_begins_section(size_t index)
{
	return index == 0 ||
	       strcmp(config_keys[index].section, config_keys[index - 1].section) != 0;
}

bool config_section_is_known(const char *name)
{
	for (size_t i = 0; i < config_key_count; i++) {
		if (strcmp(config_keys[i].section, name) == 0)
			return true;
	}
	return false;
}

/* The number of characters to insert, remove or replace to get from one name to the other
 * (Levenshtein); a large number for names that are too long to be ours. */
static size_t name_distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_BYTES + 1], length = strlen(b);
	if (strlen(a) > NAME_MAX_BYTES || length > NAME_MAX_BYTES)
		return SIZE_MAX;
	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < length; j++) {
			size_t replaced = diagonal + (a[i] != b[j]);
			diagonal = row[j + 1];
			size_t moved = (row[j] < diagonal ? row[j] : diagonal) + 1;
			row[j + 1] = replaced < moved ? replaced : moved;
		}
	}
	return row[length];
}

/* The section (section NULL) or the key of a section that looks most like the name; NULL if none
 * looks like a slip of the fingers. */
static const char *nearest_name(const char *section, const char *name)
{
	const char *nearest = NULL;
	size_t most = strlen(name) / 3;
	size_t nearest_distance = (most > 1 ? most : 1) + 1;
	for (size_t i = 0; i < config_key_count; i++) {
		if (section && strcmp(config_keys[i].section, section) != 0)
			continue;
		const char *candidate = section ? config_keys[i].name : config_keys[i].section;
		size_t distance = name_distance(name, candidate);
		if (distance < nearest_distance) {
			nearest = candidate;
			nearest_distance = distance;
		}
	}
	return nearest;
}

void config_add_suggestion(struct strbuf *out, const char *section, const char *name)
{
	const char *nearest = nearest_name(section, name);
	const char *separator = "";
	if (nearest) {
		strbuf_addf(out, " (did you mean %s?)\n", nearest);
		return;
	}
	strbuf_add_text(out, " (there are: ");
	for (size_t i = 0; i < config_key_count; i++) {
		if (section ? strcmp(config_keys[i].section, section) != 0
			    : !config_key_begins_section(i))
			continue;
		strbuf_addf(out, "%s%s", separator,
			    section ? config_keys[i].name : config_keys[i].section);
		separator = ", ";
	}
	strbuf_add_text(out, ")\n");
}
