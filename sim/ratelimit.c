#include "sim/ratelimit.h"

#include "base/memory.h"

#include <string.h>

enum { WINDOW_MS = 60000 };

static const struct sim_tier tiers[] = {
	{ "sandbox", 1, 5, 2500 },      { "basic", 10, 60, 10000 },       { "pro", 50, 300, 75000 },
	{ "ultra", 100, 1000, 300000 }, { "global", 200, 5000, 1000000 },
};

const struct sim_tier *sim_tier_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(tiers); i++) {
		if (strcmp(tiers[i].name, name) == 0)
			return &tiers[i];
	}
	return NULL;
}

void sim_window_finish(struct sim_window *window)
{
	free(window->times_ms);
	*window = (struct sim_window){ 0 };
}

void sim_window_slide(struct sim_window *window, int64_t now_ms)
{
	while (window->count > 0 && window->times_ms[window->first] <= now_ms - WINDOW_MS) {
		window->first = (window->first + 1) % window->capacity;
		window->count--;
	}
}

static void window_grow(struct sim_window *window)
{
	size_t capacity = window->capacity ? window->capacity * 2 : 64;
	int64_t *times_ms = memory_zeroed(capacity, sizeof(*times_ms));
	for (size_t i = 0; i < window->count; i++)
		times_ms[i] = window->times_ms[(window->first + i) % window->capacity];
	free(window->times_ms);
	window->times_ms = times_ms;
	window->first = 0;
	window->capacity = capacity;
}

void sim_window_add(struct sim_window *window, int64_t now_ms)
{
	sim_window_slide(window, now_ms);
	if (window->count == window->capacity)
		window_grow(window);
	window->times_ms[(window->first + window->count) % window->capacity] = now_ms;
	window->count++;
	if (window->count > window->count_max)
		window->count_max = window->count;
}

void sim_ratelimit_init(struct sim_ratelimit *limit, const struct sim_tier *tier)
{
	*limit = (struct sim_ratelimit){ .tier = *tier };
}

void sim_ratelimit_finish(struct sim_ratelimit *limit)
{
	sim_window_finish(&limit->accepted);
}

enum sim_verdict sim_ratelimit_take(struct sim_ratelimit *limit, int64_t now_ms, int64_t day)
{
	if (limit->day != day) {
		limit->day = day;
		limit->used_today = 0;
	}
	sim_window_slide(&limit->accepted, now_ms);
	if (limit->accepted.count >= limit->tier.per_minute)
		return SIM_MINUTE_EXCEEDED;
	if (limit->used_today >= limit->tier.per_day)
		return SIM_DAY_EXCEEDED;
	limit->used_today++;
	sim_window_add(&limit->accepted, now_ms);
	return SIM_ALLOWED;
}

unsigned sim_ratelimit_remaining(const struct sim_ratelimit *limit)
{
	return limit->accepted.count < limit->tier.per_minute
		       ? limit->tier.per_minute - (unsigned)limit->accepted.count
		       : 0;
}

int64_t sim_ratelimit_reset_s(const struct sim_ratelimit *limit, int64_t now_ms)
{
	if (limit->accepted.count == 0)
		return now_ms / 1000;
	int64_t frees_at_ms = limit->accepted.times_ms[limit->accepted.first] + WINDOW_MS;
	return (frees_at_ms + 999) / 1000;
}
