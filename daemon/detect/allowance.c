#include "detect/allowance.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/memory.h"
#include "db/creators.h"

#include <errno.h>
#include <stdlib.h>

static const char closed_at[] = "upstream_closed_at_ms", closed_for[] = "upstream_closed_for_ms";

static int read_fact(struct store *store, const char *name, int64_t *value)
{
	int r = store_fact_get(store, name, value);
	return r == -ENOENT ? 0 : r;
}

int allowance_read(struct store *store, struct allowance_memory *memory)
{
	int r = store_quota_used(store, memory->day, &memory->used);
	if (r == 0)
		r = read_fact(store, "tier", &memory->tier);
	if (r == 0)
		r = read_fact(store, "batch_size", &memory->batch_size);
	if (r == 0)
		r = read_fact(store, "batch_size_wanted", &memory->batch_size_wanted);
	if (r == 0)
		r = read_fact(store, "requests_recent", &memory->requests_recent);
	if (r == 0)
		r = read_fact(store, closed_at, &memory->closed_at_ms);
	if (r == 0)
		r = read_fact(store, closed_for, &memory->closed_for_ms);
	return r;
}

int allowance_write_closed(struct store *store, int64_t at_ms, int64_t for_ms)
{
	int r = store_fact_set(store, closed_at, at_ms);
	return r == 0 ? store_fact_set(store, closed_for, for_ms) : r;
}

void allowance_recall(struct allowance *allowance, const struct allowance_memory *memory,
		      struct quota *quota, int64_t now_ms, int64_t mono_ms)
{
	if (memory->tier > TIER_AUTO && memory->tier <= TIER_GLOBAL)
		allowance->told_tier = (enum config_tier)memory->tier;
	allowance->working_size = memory->batch_size;
	allowance->working_size_wanted = memory->batch_size_wanted;
	allowance->requests_recent = memory->requests_recent;
	quota_set_used(quota, memory->day, memory->used);
	quota_resume(quota, memory->requests_recent, now_ms, mono_ms);
	quota_resume_closed(quota, memory->closed_at_ms, memory->closed_for_ms, now_ms, mono_ms);
}

void allowance_apply(struct allowance *allowance, const struct config *config, struct quota *quota)
{
	allowance->tier =
		config->upstream.tier != TIER_AUTO ? config->upstream.tier : allowance->told_tier;
	struct quota_limits limits = quota_tier_limits(allowance->tier);
	bool minute_is_set = config->upstream.requests_per_minute > 0;
	if (config->upstream.batch_size > 0)
		limits.batch_size = config->upstream.batch_size;
	if (minute_is_set)
		limits.requests_per_minute = config->upstream.requests_per_minute;
	if (config->upstream.requests_per_day > 0)
		limits.requests_per_day = config->upstream.requests_per_day;
	if (limits.batch_size > LIMIT_BATCH_SIZE)
		limits.batch_size = LIMIT_BATCH_SIZE;
	allowance->wanted_size = limits.batch_size;
	bool is_shrunk = allowance->working_size > 0 &&
			 allowance->working_size_wanted == allowance->wanted_size &&
			 allowance->working_size < allowance->wanted_size;
	allowance->batch_size =
		(size_t)(is_shrunk ? allowance->working_size : allowance->wanted_size);
	quota_set_limits(quota, limits.requests_per_minute, limits.requests_per_day,
			 config->poll.quota_reserve_percent, minute_is_set);
}

struct facts {
	const char *names[2];
	int64_t values[2];
	size_t count;
};

static int write_facts(struct store *store, void *arg)
{
	const struct facts *facts = arg;
	int r = 0;
	for (size_t i = 0; r == 0 && i < facts->count; i++)
		r = store_fact_set(store, facts->names[i], facts->values[i]);
	return r;
}

/* Forgotten facts are learned again. */
static void on_facts_written(void *arg, int result)
{
	if (result < 0)
		log_warning("cannot remember what was learned of the limits", LOG_ERRNO(result));
	free(arg);
}

static void remember(struct store_thread *store, struct facts facts)
{
	struct facts *job = memory_zeroed(1, sizeof(*job));
	*job = facts;
	store_write(store, write_facts, on_facts_written, job);
}

void allowance_learn_tier(struct allowance *allowance, struct store_thread *store,
			  enum config_tier tier)
{
	if (tier == TIER_AUTO || tier == allowance->told_tier)
		return;
	allowance->told_tier = tier;
	remember(store, (struct facts){ .names = { "tier" }, .values = { tier }, .count = 1 });
}

void allowance_shrink(struct allowance *allowance, struct store_thread *store, size_t size)
{
	allowance->batch_size = size;
	allowance->working_size = (int64_t)size;
	allowance->working_size_wanted = allowance->wanted_size;
	remember(store, (struct facts){
				.names = { "batch_size", "batch_size_wanted" },
				.values = { allowance->working_size, allowance->wanted_size },
				.count = 2,
			});
}
