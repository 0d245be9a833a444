#include "base/config.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder of its own for each test, with golived.conf in it; the environment has nothing of ours.
 */
struct fixture {
	char folder[64];
	char path[80];
	struct strbuf mistakes;
	struct config *config;
};

static void clear_environment(void)
{
	bool found = true;
	while (found) {
		found = false;
		for (char **entry = environ; entry && *entry && !found; entry++) {
			if (strncmp(*entry, "GOLIVED_", 8) != 0 &&
			    strncmp(*entry, "STATE_DIRECTORY=", 16) != 0 &&
			    strncmp(*entry, "CREDENTIALS_DIRECTORY=", 22) != 0)
				continue;
			char name[256];
			snprintf(name, sizeof(name), "%.*s", (int)strcspn(*entry, "="), *entry);
			unsetenv(name);
			found = true;
		}
	}
}

static int set_up(void **state)
{
	static struct fixture fixture;
	snprintf(fixture.folder, sizeof(fixture.folder), "/tmp/test_config.XXXXXX");
	if (!mkdtemp(fixture.folder))
		return -1;
	snprintf(fixture.path, sizeof(fixture.path), "%s/golived.conf", fixture.folder);
	strbuf_init(&fixture.mistakes, 1 << 20);
	fixture.config = NULL;
	clear_environment();
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	char command[128];
	config_destroy(fixture->config);
	strbuf_finish(&fixture->mistakes);
	clear_environment();
	snprintf(command, sizeof(command), "rm -rf %s", fixture->folder);
	return system(command);
}

static void write_file(const char *folder, const char *name, const char *text, size_t length)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

static int load_bytes(struct fixture *fixture, const char *text, size_t length)
{
	write_file(fixture->folder, "golived.conf", text, length);
	config_destroy(fixture->config);
	fixture->config = NULL;
	strbuf_clear(&fixture->mistakes);
	return config_load(fixture->path, &fixture->mistakes, &fixture->config);
}

/* Loads a text that is right. */
static struct config *load(struct fixture *fixture, const char *text)
{
	if (load_bytes(fixture, text, strlen(text)) != 0)
		fail_msg("%s", fixture->mistakes.data);
	assert_string_equal(fixture->mistakes.data, "");
	return fixture->config;
}

/* Loads a text that is wrong, and compares all mistakes; FILE stands for its path. */
static void assert_mistakes(struct fixture *fixture, const char *text, size_t length,
			    const char *expected)
{
	assert_int_equal(load_bytes(fixture, text, length), -EINVAL);
	assert_null(fixture->config);
	char told[8192] = "";
	size_t filled = 0, path_length = strlen(fixture->path);
	for (const char *at = fixture->mistakes.data; *at && filled < sizeof(told) - 5;) {
		if (strncmp(at, fixture->path, path_length) == 0) {
			memcpy(told + filled, "FILE", 4);
			filled += 4;
			at += path_length;
		} else {
			told[filled++] = *at++;
		}
	}
	told[filled] = '\0';
	assert_string_equal(told, expected);
}

static void assert_mistake(struct fixture *fixture, const char *text, const char *expected)
{
	assert_mistakes(fixture, text, strlen(text), expected);
}

static void every_default_is_the_documented_one(void **state)
{
	const struct config *c = load(*state, "");
	assert_string_equal(c->upstream.base_url, "https://api.tik.tools");
	assert_null(c->upstream.api_key_file);
	assert_null(c->upstream.api_key);
	assert_int_equal(c->upstream.tier, TIER_AUTO);
	assert_int_equal(c->upstream.batch_size, 0);
	assert_int_equal(c->upstream.requests_per_minute, 0);
	assert_int_equal(c->upstream.requests_per_day, 0);
	assert_int_equal(c->upstream.timeout_ms, 20000);
	assert_int_equal(c->upstream.max_in_flight, 4);
	assert_int_equal(c->upstream.backoff_max_ms, 60000);
	assert_int_equal(c->poll.min_interval_ms, 60000);
	assert_int_equal(c->poll.max_interval_ms, 1800000);
	assert_int_equal(c->poll.policy, POLICY_LEARNED);
	assert_int_equal(c->poll.quarantine_interval_ms, 3600000);
	assert_int_equal(c->poll.quota_reserve_percent, 10);
	assert_int_equal(c->poll.end_confirmations, 2);
	assert_int_equal(c->poll.end_grace_ms, 120000);
	assert_int_equal(c->poll.first_sight, FIRST_SIGHT_RECENT);
	assert_int_equal(c->poll.first_sight_max_age_ms, 600000);
	static const int64_t schedule_ms[] = { 0, 30000, 120000, 600000, 3600000, 21600000 };
	assert_int_equal(c->delivery.schedule_steps, ARRAY_SIZE(schedule_ms));
	assert_memory_equal(c->delivery.schedule_ms, schedule_ms, sizeof(schedule_ms));
	assert_int_equal(c->delivery.connect_timeout_ms, 10000);
	assert_int_equal(c->delivery.timeout_ms, 15000);
	assert_int_equal(c->delivery.concurrency, 256);
	assert_int_equal(c->delivery.concurrency_per_webhook, 16);
	assert_int_equal(c->delivery.allow_target_count, 0);
	assert_int_equal(c->delivery.signature_format, SIGNATURE_HEX);
	assert_string_equal(c->delivery.header_prefix, "X-Tiktool");
	assert_int_equal(c->delivery.retry_after_max_ms, 3600000);
	assert_int_equal(c->delivery.drain_timeout_ms, 10000);
	assert_string_equal(c->admin.listen, "127.0.0.1:8787");
	assert_null(c->admin.api_key_file);
	assert_string_equal(c->store.path, "/var/lib/golived/golived.db");
	assert_int_equal(c->store.synchronous, SYNCHRONOUS_FULL);
	const int64_t day_ms = 86400000;
	assert_int_equal(c->retention.delivered_ms, 7 * day_ms);
	assert_int_equal(c->retention.dead_ms, 30 * day_ms);
	assert_int_equal(c->retention.events_ms, 30 * day_ms);
	assert_int_equal(c->retention.sessions_ms, 400 * day_ms);
	assert_int_equal(c->limits.webhooks, 0);
	assert_int_equal(c->limits.creators_per_webhook, 10000);
	assert_int_equal(c->log.level, LOG_LEVEL_INFO);
	assert_int_equal(c->log.format, LOG_FORMAT_AUTO);
}

static void every_type_of_value_is_read(void **state)
{
	const struct config *c = load(*state, "[upstream]\n"
					      "base_url = http://[::1]:8080/proxy/\n"
					      "api_key_file = /etc/golived/a key\n"
					      "tier = ultra\n"
					      "batch_size = 100\n"
					      "requests_per_day = auto\n"
					      "timeout = 250ms\n"
					      "[poll]\n"
					      "min_interval = 5s\n"
					      "max_interval = 2m\n"
					      "quota_reserve = 25%\n"
					      "end_grace = 0s\n"
					      "[delivery]\n"
					      "schedule = 0s,1s , 1d\n"
					      "allow_targets = 127.0.0.0/8, ::1,fd00:1::/32\n"
					      "signature_format = sha256=hex\n"
					      "[admin]\n"
					      "listen = unix:/run/golived.sock\n"
					      "[retention]\n"
					      "delivered = 36h\n"
					      "[log]\n"
					      "level = debug\n"
					      "format = json\n");
	assert_string_equal(c->upstream.base_url, "http://[::1]:8080/proxy");
	assert_string_equal(c->upstream.api_key_file, "/etc/golived/a key");
	assert_int_equal(c->upstream.tier, TIER_ULTRA);
	assert_int_equal(c->upstream.batch_size, 100);
	assert_int_equal(c->upstream.requests_per_day, 0);
	assert_int_equal(c->upstream.timeout_ms, 250);
	assert_int_equal(c->poll.min_interval_ms, 5000);
	assert_int_equal(c->poll.max_interval_ms, 120000);
	assert_int_equal(c->poll.quota_reserve_percent, 25);
	assert_int_equal(c->poll.end_grace_ms, 0);
	assert_int_equal(c->delivery.schedule_steps, 3);
	assert_int_equal(c->delivery.schedule_ms[1], 1000);
	assert_int_equal(c->delivery.schedule_ms[2], 86400000);
	assert_int_equal(c->delivery.schedule_ms[3], 0);
	assert_int_equal(c->delivery.allow_target_count, 3);
	assert_int_equal(c->delivery.allow_targets[0].prefix_bits, 104);
	assert_int_equal(c->delivery.allow_targets[1].prefix_bits, 128);
	assert_int_equal(c->delivery.allow_targets[2].prefix_bits, 32);
	assert_int_equal(c->delivery.signature_format, SIGNATURE_SHA256_HEX);
	assert_string_equal(c->admin.listen, "unix:/run/golived.sock");
	assert_int_equal(c->retention.delivered_ms, 36 * 3600000);
	assert_int_equal(c->log.level, LOG_LEVEL_DEBUG);
	assert_int_equal(c->log.format, LOG_FORMAT_JSON);
}

static void comments_white_space_and_line_ends_do_not_count(void **state)
{
	const struct config *c = load(*state, "\xEF\xBB\xBF# a comment\r\n"
					      "  ; another\n"
					      "\n"
					      " [ poll ] # of polling\r\n"
					      "\tmin_interval=5s\r\n"
					      "max_interval = 10s # inline\n"
					      "policy = uniform\t; inline\n"
					      "[store]\n"
					      "path = /tmp/a#b;c\n"
					      "[poll]\n"
					      "end_confirmations = 3");
	assert_int_equal(c->poll.min_interval_ms, 5000);
	assert_int_equal(c->poll.max_interval_ms, 10000);
	assert_int_equal(c->poll.policy, POLICY_UNIFORM);
	assert_string_equal(c->store.path, "/tmp/a#b;c");
	assert_int_equal(c->poll.end_confirmations, 3);
}

static void a_line_may_be_longer_than_two_hundred_bytes(void **state)
{
	char text[3000] = "[delivery]\nallow_targets = 10.0.0.0/8";
	for (int i = 0; i < 100; i++)
		strcat(text, ", 192.168.100.0/24");
	assert_int_equal(load(*state, text)->delivery.allow_target_count, 101);
}

static void all_mistakes_are_told_at_once(void **state)
{
	setenv("GOLIVED_LOG_LEVEL", "loud", 1);
	assert_mistake(
		*state,
		"stray = 1\n"
		"[poll]\n"
		"min_interval = 60x\n"
		"min_intervall = 60s\n"
		"end_confirmations 2\n"
		"end_grace = 1s\n"
		"end_grace = 2s\n"
		"[pol]\n"
		"whatever = 1\n"
		"[delivery]\n"
		"schedule = 0s, 30s, 30s\n",
		"FILE:1: stray: stands before any section (write a line [section] above it)\n"
		"FILE:3: [poll] min_interval: \"60x\" is not a duration (write 250ms, 30s, 2m, 1h "
		"or 1d)\n"
		"FILE:4: [poll] min_intervall: unknown key (did you mean min_interval?)\n"
		"FILE:5: the line has no = (write key = value, or # before a comment)\n"
		"FILE:7: [poll] end_grace: was set on line 6 already (remove one of them)\n"
		"FILE:8: [pol] is no section (did you mean poll?)\n"
		"FILE:11: [delivery] schedule: \"0s, 30s, 30s\" does not rise: 30s is not later "
		"than the "
		"step before it (write offsets from the creation, as 0s, 30s, 2m)\n"
		"GOLIVED_LOG_LEVEL: \"loud\" is not one of error, warning, notice, info, debug\n");
}

static void names_that_resemble_none_get_the_list_of_all(void **state)
{
	assert_mistake(*state,
		       "[banana]\n"
		       "a = b\n"
		       "[store]\n"
		       "colour = blue\n",
		       "FILE:1: [banana] is no section (there are: upstream, poll, delivery, "
		       "admin, store, "
		       "retention, limits, log)\n"
		       "FILE:4: [store] colour: unknown key (there are: path, synchronous)\n");
}

static void lines_that_no_text_has_are_refused(void **state)
{
	static char long_line[20000];
	memset(long_line, 'x', sizeof(long_line) - 1);
#define BYTES(text) text, sizeof(text) - 1
	const struct {
		const char *text;
		size_t length;
		const char *mistakes;
	} cases[] = {
		{ BYTES("[log]\nlevel = in\0fo\n"),
		  "FILE:2: the line holds a control character (remove it)\n" },
		{ BYTES("[log]\nlevel = \x1b[31minfo\n"),
		  "FILE:2: the line holds a control character (remove it)\n" },
		{ BYTES("# caf\xe9\n"), "FILE:1: the line is not UTF-8 text\n" },
		{ BYTES("[poll]\n[log\nlevel = info\n[log]\nlevel = debug\n"),
		  "FILE:2: the line opens a section and does not close it (write [name])\n" },
		{ BYTES("[log]\n= info\n"), "FILE:2: the line has no key before the =\n" },
		{ long_line, sizeof(long_line) - 1, "FILE:1: the line is longer than 16 KiB\n" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_mistakes(*state, cases[i].text, cases[i].length, cases[i].mistakes);
}

static void what_is_no_value_of_a_key_is_refused(void **state)
{
	static const struct {
		const char *section, *key;
		const char *values[16];
	} cases[] = {
		{ "upstream",
		  "base_url",
		  { "", "api.tik.tools", "ftp://host", "https://", "https:///path",
		    "https://host:0", "https://host:65536", "https://host:", "https://user@host",
		    "https://host?a=b", "https://host/#f", "https://a b", "https://[::1",
		    "https://[12]:80", "\"https://host\"" } },
		{ "upstream", "tier", { "", "Pro", "gold", "0" } },
		{ "upstream", "batch_size", { "", "0", "1001", "-1", "1.5", "10k", "all", " " } },
		{ "upstream", "requests_per_minute", { "0", "99999999999999999999" } },
		{ "upstream",
		  "timeout",
		  { "", "20", "0s", "1.5s", "-1s", "s", "20 s", "20S", "2h",
		    "99999999999999999d" } },
		{ "upstream", "max_in_flight", { "0", "auto", "" } },
		{ "poll", "quota_reserve", { "", "91%", "-1%", "%", "10%%", "ten" } },
		{ "poll", "end_confirmations", { "0", "101" } },
		{ "delivery",
		  "schedule",
		  { "", "0s,", ",0s", "0s,,1s", "30s, 10s", "0s, 0s", "1x", "0s 30s", "367d" } },
		{ "delivery",
		  "allow_targets",
		  { "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/8,", "localhost", "::/129", "::1/64",
		    "10.0.0/8", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/-1" } },
		{ "delivery",
		  "header_prefix",
		  { "", "X Tiktool", "X:", "X\"", "(x)", "caf\u00e9", "webhook", "Webhook" } },
		{ "delivery", "signature_format", { "", "sha512", "HEX" } },
		{ "admin",
		  "listen",
		  { "", "8787", ":8787", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:8787",
		    "[::1]", "[::1:8787", "localhost:8787", "unix:", "unix:run/x", "127.1:80",
		    "127.0.0.1:http", "[1.2.3.4]:80" } },
		{ "store", "path", { "" } },
		{ "log", "level", { "", "loud", "INFO" } },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t j = 0; cases[i].values[j]; j++) {
			char text[256], start[64];
			struct fixture *fixture = *state;
			snprintf(text, sizeof(text), "[%s]\n%s = %s\n", cases[i].section,
				 cases[i].key, cases[i].values[j]);
			snprintf(start, sizeof(start), ":2: [%s] %s: ", cases[i].section,
				 cases[i].key);
			if (load_bytes(fixture, text, strlen(text)) == 0)
				fail_msg("taken: %s", text);
			assert_non_null(strstr(fixture->mistakes.data, start));
			assert_ptr_equal(strchr(fixture->mistakes.data, '\n') + 1,
					 fixture->mistakes.data + fixture->mistakes.length);
		}
	}
}

static void what_may_be_a_listening_address_is_taken(void **state)
{
	static const char *const addresses[] = { "127.0.0.1:0", "0.0.0.0:65535", "[::]:8787",
						 "[::1]:0", "unix:/run/golived/admin.sock" };
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		char text[128];
		snprintf(text, sizeof(text), "[admin]\nlisten = %s\n", addresses[i]);
		assert_string_equal(load(*state, text)->admin.listen, addresses[i]);
	}
}

static void a_schedule_has_at_most_thirty_two_steps(void **state)
{
	char text[512] = "[delivery]\nschedule = 1s";
	for (int i = 2; i <= LIMIT_SCHEDULE_STEPS; i++)
		sprintf(text + strlen(text), ", %ds", i);
	const struct config *config = load(*state, text);
	assert_int_equal(config->delivery.schedule_steps, LIMIT_SCHEDULE_STEPS);
	assert_int_equal(config->delivery.schedule_ms[LIMIT_SCHEDULE_STEPS - 1], 32000);

	strcat(text, ", 33s");
	assert_int_equal(load_bytes(*state, text, strlen(text)), -EINVAL);
	assert_non_null(
		strstr(((struct fixture *)*state)->mistakes.data, "has more than 32 steps"));
}

static void bounds_are_told_in_the_words_of_the_file(void **state)
{
	assert_mistake(
		*state, "[upstream]\ntimeout = 2h\nbatch_size = 2000\nmax_in_flight = 0\n",
		"FILE:2: [upstream] timeout: \"2h\" is out of bounds (write 1ms to 1h)\n"
		"FILE:3: [upstream] batch_size: \"2000\" is not a number from 1 to 1000, nor auto\n"
		"FILE:4: [upstream] max_in_flight: \"0\" is not a number from 1 to 256\n");
}

static void the_shortest_interval_is_not_longer_than_the_longest(void **state)
{
	assert_mistake(*state, "[poll]\nmin_interval = 31m\n",
		       "FILE:2: [poll] min_interval: \"31m\" is longer than max_interval (write at "
		       "most 30m)\n");
	assert_mistake(
		*state, "[poll]\nmax_interval = 30s\n",
		"FILE:2: [poll] max_interval: \"30s\" is shorter than min_interval (write at "
		"least 1m)\n");
	load(*state, "[poll]\nmin_interval = 5s\nmax_interval = 5s\n");
	setenv("GOLIVED_POLL_MIN_INTERVAL", "90m", 1);
	assert_mistake(*state, "[poll]\nmax_interval = 1h\n",
		       "GOLIVED_POLL_MIN_INTERVAL: \"90m\" is longer than max_interval (write at "
		       "most 1h)\n");
}

static void the_environment_wins_over_the_file(void **state)
{
	setenv("GOLIVED_POLL_MIN_INTERVAL", "7s", 1);
	setenv("GOLIVED_DELIVERY_ALLOW_TARGETS", "", 1);
	setenv("GOLIVED_BUILD", "somewhere", 1);
	setenv("GOLIVED_", "x", 1);
	setenv("GOLIVEDX_POLL_FOO", "x", 1);
	const struct config *config = load(*state, "[poll]\nmin_interval = 5s\n"
						   "[delivery]\nallow_targets = 10.0.0.0/8\n");
	assert_int_equal(config->poll.min_interval_ms, 7000);
	assert_int_equal(config->delivery.allow_target_count, 0);
}

static void a_variable_of_ours_that_means_no_key_is_a_mistake(void **state)
{
	setenv("GOLIVED_POLL_MIN_INTERVALL", "7s", 1);
	assert_mistake(*state, "",
		       "GOLIVED_POLL_MIN_INTERVALL: [poll] has no such key (did you mean "
		       "min_interval?)\n");
	unsetenv("GOLIVED_POLL_MIN_INTERVALL");
	setenv("GOLIVED_POLL_min_interval", "7s", 1);
	assert_int_equal(load_bytes(*state, "", 0), -EINVAL);
	unsetenv("GOLIVED_POLL_min_interval");
	setenv("GOLIVED_POLL_MIN\nINTERVAL", "7s", 1);
	assert_mistake(*state, "",
		       "GOLIVED_POLL_...: the name of this variable holds a control character "
		       "(remove it)\n");
	unsetenv("GOLIVED_POLL_MIN\nINTERVAL");
	setenv("GOLIVED_STORE_PATH", "/tmp/two\nlines", 1);
	assert_mistake(*state, "",
		       "GOLIVED_STORE_PATH: the value holds a control character (remove it)\n");
}

static void a_file_that_was_named_must_be_there(void **state)
{
	struct fixture *fixture = *state;
	char expected[256];
	snprintf(expected, sizeof(expected), "%s: cannot be read: No such file or directory\n",
		 fixture->path);
	assert_int_equal(config_load(fixture->path, &fixture->mistakes, &fixture->config), -EINVAL);
	assert_string_equal(fixture->mistakes.data, expected);
	strbuf_clear(&fixture->mistakes);
	assert_int_equal(config_load("/tmp", &fixture->mistakes, &fixture->config), -EINVAL);
	assert_string_equal(fixture->mistakes.data, "/tmp: cannot be read: Is a directory\n");
}

static void systemds_folders_give_defaults(void **state)
{
	struct fixture *fixture = *state;
	char states[256], expected[256];
	snprintf(states, sizeof(states), "%s/state:/elsewhere", fixture->folder);
	setenv("STATE_DIRECTORY", states, 1);
	setenv("CREDENTIALS_DIRECTORY", fixture->folder, 1);
	write_file(fixture->folder, "upstream-api-key", "k\n", 2);

	const struct config *config = load(fixture, "");
	snprintf(expected, sizeof(expected), "%s/state/golived.db", fixture->folder);
	assert_string_equal(config->store.path, expected);
	snprintf(expected, sizeof(expected), "%s/upstream-api-key", fixture->folder);
	assert_string_equal(config->upstream.api_key_file, expected);
	assert_null(config->admin.api_key_file); /* there is no such credential */

	write_file(fixture->folder, "admin-api-keys", "admin k\n", 8);
	setenv("GOLIVED_UPSTREAM_API_KEY_FILE", "/env/key", 1);
	config = load(fixture, "[store]\npath = /file/golived.db\n");
	assert_string_equal(config->store.path, "/file/golived.db");
	assert_string_equal(config->upstream.api_key_file, "/env/key");
	snprintf(expected, sizeof(expected), "%s/admin-api-keys", fixture->folder);
	assert_string_equal(config->admin.api_key_file, expected);
}

static int read_key(struct fixture *fixture, char **ret_key)
{
	char text[256];
	snprintf(text, sizeof(text), "[upstream]\napi_key_file = %s/key\n", fixture->folder);
	return config_read_upstream_key(load(fixture, text), ret_key);
}

static void the_upstream_key_comes_from_the_environment_or_its_file(void **state)
{
	struct fixture *fixture = *state;
	char *key = NULL;
	assert_int_equal(config_read_upstream_key(load(fixture, ""), &key), -ENOENT);
	assert_int_equal(read_key(fixture, &key), -ENOENT);

	write_file(fixture->folder, "key", " tk_file \n", 10);
	assert_int_equal(read_key(fixture, &key), 0);
	assert_string_equal(key, "tk_file");
	free(key);

	setenv("GOLIVED_UPSTREAM_API_KEY", "tk_environment\n", 1);
	assert_int_equal(read_key(fixture, &key), 0);
	assert_string_equal(key, "tk_environment");
	free(key);

	setenv("GOLIVED_UPSTREAM_API_KEY", "", 1); /* as not set */
	assert_int_equal(read_key(fixture, &key), 0);
	assert_string_equal(key, "tk_file");
	free(key);
}

static void what_cannot_be_a_key_is_refused(void **state)
{
	static const struct {
		const char *text;
		size_t length;
	} cases[] = { { BYTES("") }, { BYTES(" \n\t\n") }, { BYTES("a\nb") }, { BYTES("a\0b") } };
	struct fixture *fixture = *state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *key = NULL;
		write_file(fixture->folder, "key", cases[i].text, cases[i].length);
		assert_int_equal(read_key(fixture, &key), -EINVAL);
		assert_null(key);
	}
}

static void a_reload_takes_over_what_it_may_and_names_the_rest(void **state)
{
	struct fixture *fixture = *state;
	struct config *running = load(fixture, "[upstream]\napi_key_file = /a\n");
	fixture->config = NULL;
	struct config *fresh =
		load(fixture, "[upstream]\napi_key_file = /b\nbase_url = http://other\n"
			      "[poll]\nmin_interval = 5s\n"
			      "[delivery]\nschedule = 0s, 1s\nallow_targets = ::/0\n"
			      "signature_format = base64\n"
			      "[admin]\nlisten = 127.0.0.1:1\n"
			      "[store]\npath = /other.db\nsynchronous = normal\n"
			      "[limits]\nwebhooks = 5\n"
			      "[log]\nlevel = debug\n");
	struct strbuf needs_restart;
	strbuf_init(&needs_restart, 1000);
	config_apply_reload(running, fresh, &needs_restart);
	assert_string_equal(needs_restart.data, "admin.listen, store.path, store.synchronous");
	config_destroy(fresh);
	fixture->config = NULL;

	assert_string_equal(running->upstream.api_key_file, "/b");
	assert_string_equal(running->upstream.base_url, "http://other");
	assert_int_equal(running->poll.min_interval_ms, 5000);
	assert_int_equal(running->delivery.schedule_steps, 2);
	assert_int_equal(running->delivery.schedule_ms[1], 1000);
	assert_int_equal(running->delivery.schedule_ms[2], 0);
	assert_int_equal(running->delivery.allow_target_count, 1);
	assert_int_equal(running->delivery.signature_format, SIGNATURE_BASE64);
	assert_string_equal(running->admin.listen, "127.0.0.1:8787");
	assert_string_equal(running->store.path, "/var/lib/golived/golived.db");
	assert_int_equal(running->store.synchronous, SYNCHRONOUS_FULL);
	assert_int_equal(running->limits.webhooks, 5);
	assert_int_equal(running->log.level, LOG_LEVEL_DEBUG);

	strbuf_clear(&needs_restart);
	fresh = load(fixture, "[delivery]\nallow_targets =\n[upstream]\napi_key_file =\n");
	config_apply_reload(running, fresh, &needs_restart);
	assert_string_equal(needs_restart.data, "");
	assert_int_equal(running->delivery.allow_target_count, 0);
	assert_null(running->upstream.api_key_file);
	config_destroy(running);
	strbuf_finish(&needs_restart);
}

static char *print_reference(void)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	assert_non_null(out);
	config_print_reference(out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void the_shipped_file_is_the_printed_reference(void **state)
{
	(void)state;
	CLEANUP(cleanup_free) char *printed = print_reference();
	CLEANUP(cleanup_free) char *shipped = NULL;
	size_t length;
	assert_int_equal(
		file_read(GOLIVED_SOURCE_DIR "/config/golived.conf", 1 << 20, &shipped, &length),
		0);
	assert_string_equal(shipped, printed);
}

static void the_reference_says_the_defaults_commented_or_not(void **state)
{
	struct fixture *fixture = *state;
	CLEANUP(cleanup_free) char *reference = print_reference();
	struct config *defaults = load(fixture, reference);
	fixture->config = NULL;

	unsigned keys = 0;
	for (char *at = reference; (at = strstr(at, "\n#")); at++) {
		if (at[2] != ' ' && at[2] != '\n') {
			at[1] = ' ';
			keys++;
		}
	}
	assert_int_equal(keys, 40);
	struct strbuf different;
	strbuf_init(&different, 1000);
	struct config *uncommented = load(fixture, reference);
	config_apply_reload(defaults, uncommented, &different);
	assert_string_equal(different.data, "");
	config_destroy(defaults);
	strbuf_finish(&different);
}

static void a_network_is_an_address_and_a_prefix(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint8_t first, twelfth, thirteenth;
		unsigned prefix_bits;
	} cases[] = {
		{ "127.0.0.0/8", 0, 0xff, 127, 104 },
		{ "10.1.2.3", 0, 0xff, 10, 128 },
		{ "0.0.0.0/0", 0, 0xff, 0, 96 },
		{ "::1", 0, 0, 0, 128 },
		{ "::/0", 0, 0, 0, 0 },
		{ "fd00::/8", 0xfd, 0, 0, 8 },
		{ "fe80::/10", 0xfe, 0, 0, 10 },
		{ "::ffff:10.0.0.0/104", 0, 0xff, 10, 104 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config_cidr cidr = { { 0 }, 0 };
		assert_int_equal(config_parse_cidr(cases[i].text, &cidr), 0);
		assert_int_equal(cidr.address[0], cases[i].first);
		assert_int_equal(cidr.address[11], cases[i].twelfth);
		assert_int_equal(cidr.address[12], cases[i].thirteenth);
		assert_int_equal(cidr.prefix_bits, cases[i].prefix_bits);
	}
}

int main(void)
{
#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_FILE(every_default_is_the_documented_one),
		WITH_FILE(every_type_of_value_is_read),
		WITH_FILE(comments_white_space_and_line_ends_do_not_count),
		WITH_FILE(a_line_may_be_longer_than_two_hundred_bytes),
		WITH_FILE(all_mistakes_are_told_at_once),
		WITH_FILE(names_that_resemble_none_get_the_list_of_all),
		WITH_FILE(lines_that_no_text_has_are_refused),
		WITH_FILE(what_is_no_value_of_a_key_is_refused),
		WITH_FILE(what_may_be_a_listening_address_is_taken),
		WITH_FILE(a_schedule_has_at_most_thirty_two_steps),
		WITH_FILE(bounds_are_told_in_the_words_of_the_file),
		WITH_FILE(the_shortest_interval_is_not_longer_than_the_longest),
		WITH_FILE(the_environment_wins_over_the_file),
		WITH_FILE(a_variable_of_ours_that_means_no_key_is_a_mistake),
		WITH_FILE(a_file_that_was_named_must_be_there),
		WITH_FILE(systemds_folders_give_defaults),
		WITH_FILE(the_upstream_key_comes_from_the_environment_or_its_file),
		WITH_FILE(what_cannot_be_a_key_is_refused),
		WITH_FILE(a_reload_takes_over_what_it_may_and_names_the_rest),
		cmocka_unit_test(the_shipped_file_is_the_printed_reference),
		WITH_FILE(the_reference_says_the_defaults_commented_or_not),
		cmocka_unit_test(a_network_is_an_address_and_a_prefix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
