/* A configuration that is taken holds what the keys' bounds promise; one that is not says so in
 * lines for people, the same ones every time. The input: the file's bytes, NUL, and variables of
 * the environment, each ended by NUL. */
#include "fuzz.h"

#include "base/config.h"

#include <sys/mman.h>
#include <unistd.h>

enum { VARIABLES_MAX = 8, MISTAKES_MAX_BYTES = 1 << 20 };

/* The mistakes are printed and logged line by line. */
static void must_be_lines(const struct strbuf *mistakes)
{
	FUZZ_MUST(mistakes->length > 0 && !strbuf_is_full(mistakes));
	FUZZ_MUST(fuzz_is_utf8(mistakes->data, mistakes->length));
	FUZZ_MUST(mistakes->data[mistakes->length - 1] == '\n');
	const char *line = mistakes->data;
	while (*line) {
		size_t length = strcspn(line, "\n");
		FUZZ_MUST(strncmp(line, "/proc/self/fd/", 14) == 0 ||
			  strncmp(line, "GOLIVED_", 8) == 0);
		for (size_t i = 0; i < length; i++)
			FUZZ_MUST((unsigned char)line[i] >= ' ' || line[i] == '\t');
		line += length + 1;
	}
}

static void must_be_within_bounds(const struct config *config)
{
	FUZZ_MUST(config->upstream.base_url && strncmp(config->upstream.base_url, "http", 4) == 0);
	FUZZ_MUST(config->upstream.tier >= TIER_AUTO && config->upstream.tier <= TIER_GLOBAL);
	FUZZ_MUST(config->upstream.batch_size >= 0 &&
		  config->upstream.batch_size <= LIMIT_BATCH_SIZE);
	FUZZ_MUST(config->upstream.timeout_ms > 0 && config->upstream.max_in_flight > 0);
	FUZZ_MUST(config->upstream.requests_per_minute >= 0);
	FUZZ_MUST(config->upstream.requests_per_day >= 0);
	FUZZ_MUST(config->poll.min_interval_ms > 0);
	FUZZ_MUST(config->poll.max_interval_ms >= config->poll.min_interval_ms);
	FUZZ_MUST(config->poll.quota_reserve_percent >= 0 &&
		  config->poll.quota_reserve_percent <= 100);
	FUZZ_MUST(config->poll.end_confirmations >= 1);
	FUZZ_MUST(config->delivery.concurrency >= 1 &&
		  config->delivery.concurrency_per_webhook >= 1);
	FUZZ_MUST(config->delivery.schedule_steps >= 1 &&
		  config->delivery.schedule_steps <= LIMIT_SCHEDULE_STEPS);
	for (unsigned i = 1; i < config->delivery.schedule_steps; i++)
		FUZZ_MUST(config->delivery.schedule_ms[i] > config->delivery.schedule_ms[i - 1]);
	FUZZ_MUST(config->delivery.schedule_ms[0] >= 0);
	FUZZ_MUST(config->delivery.allow_target_count <= LIMIT_ALLOW_TARGETS);
	for (unsigned i = 0; i < config->delivery.allow_target_count; i++)
		FUZZ_MUST(config->delivery.allow_targets[i].prefix_bits <= 128);
	FUZZ_MUST(config->delivery.header_prefix && *config->delivery.header_prefix);
	FUZZ_MUST(config->admin.listen && config->store.path && *config->store.path);
	FUZZ_MUST(config->limits.webhooks >= 0 && config->limits.creators_per_webhook >= 0);
}

static int load(const char *path, char **variables, struct strbuf *mistakes,
		struct config **ret_config)
{
	char **real = environ;
	environ = variables;
	int result = config_load(path, mistakes, ret_config);
	environ = real;
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t file_size = size ? strnlen((const char *)data, size) : 0;
	struct fuzz_input input = { data + file_size, size - file_size };
	char *variables[VARIABLES_MAX + 1] = { NULL };
	if (input.left)
		fuzz_take_byte(&input);
	for (unsigned i = 0; i < VARIABLES_MAX && input.left; i++)
		variables[i] = fuzz_take_text(&input);

	char path[64];
	int descriptor = memfd_create("golived.conf", MFD_CLOEXEC);
	FUZZ_MUST(descriptor >= 0);
	FUZZ_MUST(write(descriptor, data, file_size) == (ssize_t)file_size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);

	struct config *config = NULL, *again = NULL;
	struct strbuf mistakes, mistakes_again;
	strbuf_init(&mistakes, MISTAKES_MAX_BYTES);
	strbuf_init(&mistakes_again, MISTAKES_MAX_BYTES);
	int result = load(path, variables, &mistakes, &config);
	FUZZ_MUST(load(path, variables, &mistakes_again, &again) == result);
	FUZZ_MUST(strcmp(mistakes.data, mistakes_again.data) == 0);
	if (result < 0) {
		FUZZ_MUST(!config);
		must_be_lines(&mistakes);
	} else {
		struct strbuf needs_restart;
		strbuf_init(&needs_restart, 4096);
		FUZZ_MUST(mistakes.length == 0);
		must_be_within_bounds(config);
		config_apply_reload(config, again, &needs_restart);
		FUZZ_MUST(needs_restart.length == 0);
		strbuf_finish(&needs_restart);
	}
	config_destroy(config);
	config_destroy(again);
	strbuf_finish(&mistakes);
	strbuf_finish(&mistakes_again);
	close(descriptor);
	for (unsigned i = 0; i < VARIABLES_MAX; i++)
		free(variables[i]);
	return 0;
}
