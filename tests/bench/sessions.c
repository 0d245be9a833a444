#include "sessions.h"

#include "base/attrs.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOUR_MS = 60 * 60 * 1000, WEEK_HOURS = 168, SHIFT_HOURS = 6 };

static const double slot_spread_hours = 0.25, duration_spread = 0.6;

static const char *const mix_names[] = {
	[MIX_HABITUAL] = "habitual",     [MIX_IRREGULAR] = "irregular", [MIX_SHIFTED] = "shifted",
	[MIX_DORMANT] = "dormant-heavy", [MIX_FAULTY] = "faulty",
};

const char *mix_name(enum mix mix)
{
	return mix_names[mix];
}

bool mix_parse(const char *name, enum mix *ret_mix)
{
	for (unsigned i = 0; i < MIX_COUNT; i++) {
		if (strcmp(name, mix_names[i]) != 0)
			continue;
		*ret_mix = (enum mix)i;
		return true;
	}
	return false;
}

/* splitmix64 */
double dice(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

double dice_normal(uint64_t *state)
{
	double radius = sqrt(-2 * log(1 - dice(state)));
	return radius * cos(2 * M_PI * dice(state));
}

uint64_t room_made_up(int64_t start_ms, size_t place)
{
	return (uint64_t)(start_ms / 1000) << 32 | (uint64_t)(place & 0xfffff) << 12 | 11 << 8;
}

void cast_add(struct cast *cast, struct life life)
{
	if (cast->count == cast->capacity) {
		cast->capacity = cast->capacity ? cast->capacity * 2 : 16;
		cast->lives = memory_resized(cast->lives, cast->capacity, sizeof(*cast->lives));
	}
	cast->lives[cast->count++] = life;
}

/* ---- made up ---- */

/* How likely somebody is live by the hour of their day: little in the small hours, most in the
 * evening; 1 on average. */
static double of_the_day(double local_hour)
{
	return 1 + 0.8 * cos((local_hour - 20) * 2 * M_PI / 24);
}

static double evening(uint64_t *random, double zone_hours)
{
	double hour;
	do
		hour = dice(random) * 24;
	while (dice(random) * 1.8 > of_the_day(hour));
	return hour - zone_hours;
}

static void make_slots(struct cast *cast, uint64_t *random)
{
	bool taken[7] = { false };
	double usual = evening(random, cast->zone_hours);
	cast->slots = 2 + (unsigned)(dice(random) * 5);
	cast->shows_up = 0.5 + 0.45 * dice(random);
	for (unsigned i = 0; i < cast->slots; i++) {
		unsigned day;
		do
			day = (unsigned)(dice(random) * 7);
		while (taken[day]);
		taken[day] = true;
		double hour = dice(random) < 0.7 ? usual : evening(random, cast->zone_hours);
		cast->slot_hours[i] = fmod(day * 24 + hour + WEEK_HOURS, WEEK_HOURS);
	}
}

static void cast_make(struct cast *cast, enum mix mix, size_t place, uint64_t *random)
{
	double habitual = mix == MIX_IRREGULAR ? 0 : mix == MIX_DORMANT ? 0.1 : 0.55;
	double irregular = mix == MIX_IRREGULAR ? 1 : mix == MIX_DORMANT ? 0.1 : 0.25;
	static const double zones[] = { -8, -5, 1, 8 };
	double kind = dice(random);
	snprintf(cast->handle, sizeof(cast->handle), "creator%zu", place);
	cast->zone_hours = zones[(unsigned)(dice(random) * 4)];
	cast->median_hours = 1.5 * exp(0.4 * dice_normal(random));
	if (kind < habitual)
		make_slots(cast, random);
	else if (kind < habitual + irregular)
		cast->weekly = 1 + 4 * dice(random);
	else
		cast->weekly = 0.05;
}

/* A slot in the week that begins then: the start that it has, if it has one. */
static void slot_live(const struct stage *stage, struct cast *cast, unsigned slot, int64_t week_ms,
		      uint64_t *random)
{
	double hours = cast->slot_hours[slot] + slot_spread_hours * dice_normal(random);
	bool shows_up = dice(random) < cast->shows_up;
	int64_t start_ms = week_ms + (int64_t)(hours * HOUR_MS);
	if (start_ms >= stage->shift_ms)
		start_ms += SHIFT_HOURS * HOUR_MS;
	if (shows_up)
		cast_add(cast, (struct life){ .start_ms = start_ms });
}

static void cast_live(const struct stage *stage, struct cast *cast, uint64_t *random)
{
	static const int64_t week = (int64_t)WEEK_HOURS * HOUR_MS;
	for (int64_t week_ms = stage->from_ms / week * week; week_ms < stage->until_ms;
	     week_ms += week)
		for (unsigned i = 0; i < cast->slots; i++)
			slot_live(stage, cast, i, week_ms, random);
	if (cast->weekly <= 0)
		return;
	double most = cast->weekly / WEEK_HOURS * 1.8;
	for (int64_t at_ms = stage->from_ms; at_ms < stage->until_ms;) {
		at_ms += (int64_t)(-log(1 - dice(random)) / most * HOUR_MS) + 1;
		double hour = fmod((double)at_ms / HOUR_MS + cast->zone_hours, 24);
		if (dice(random) * 1.8 < of_the_day(hour))
			cast_add(cast, (struct life){ .start_ms = at_ms });
	}
}

static int by_start(const void *a, const void *b)
{
	const struct life *x = a, *y = b;
	return x->start_ms < y->start_ms ? -1 : x->start_ms > y->start_ms;
}

/* Gives the starts their ends and rooms; one that comes while the creator is live is none. */
static void cast_settle(const struct stage *stage, struct cast *cast, size_t place,
			uint64_t *random)
{
	size_t kept = 0;
	int64_t free_ms = stage->from_ms;
	if (cast->count > 0)
		qsort(cast->lives, cast->count, sizeof(*cast->lives), by_start);
	for (size_t i = 0; i < cast->count; i++) {
		struct life life = cast->lives[i];
		double hours = cast->median_hours * exp(duration_spread * dice_normal(random));
		life.end_ms = life.start_ms + (int64_t)(fmax(hours, 0.05) * HOUR_MS);
		life.room = room_made_up(life.start_ms, place);
		if (life.start_ms <= free_ms || life.end_ms > stage->until_ms)
			continue;
		cast->lives[kept++] = life;
		free_ms = life.end_ms + 10 * 60 * 1000;
	}
	cast->count = kept;
}

void stage_make(struct stage *stage, enum mix mix, size_t creators, uint64_t seed, int64_t from_ms,
		int64_t shift_ms, int64_t until_ms)
{
	*stage = (struct stage){
		.casts = memory_zeroed(creators, sizeof(*stage->casts)),
		.count = creators,
		.is_made_up = true,
		.from_ms = from_ms,
		.shift_ms = mix == MIX_SHIFTED ? shift_ms : INT64_MAX,
		.until_ms = until_ms,
	};
	for (size_t i = 0; i < creators; i++) {
		uint64_t random = seed * UINT64_C(0x632be59bd9b4e019) + i * 0x9e3779b9;
		cast_make(&stage->casts[i], mix, i, &random);
		cast_live(stage, &stage->casts[i], &random);
		cast_settle(stage, &stage->casts[i], i, &random);
	}
}

static double slot_rate(const struct cast *cast, double hour_of_week)
{
	double rate = 0;
	for (unsigned i = 0; i < cast->slots; i++) {
		double apart = fabs(hour_of_week - cast->slot_hours[i]);
		apart = apart > WEEK_HOURS / 2.0 ? WEEK_HOURS - apart : apart;
		double z = apart / slot_spread_hours;
		rate += cast->shows_up * exp(-z * z / 2) / (slot_spread_hours * sqrt(2 * M_PI));
	}
	return rate;
}

double cast_start_rate(const struct stage *stage, const struct cast *cast, int64_t now_ms)
{
	double hours = (double)now_ms / HOUR_MS;
	double slot_hours = now_ms >= stage->shift_ms ? hours - SHIFT_HOURS : hours;
	return slot_rate(cast, fmod(slot_hours, WEEK_HOURS)) +
	       cast->weekly / WEEK_HOURS * of_the_day(fmod(hours + cast->zone_hours, 24)) + 1e-6;
}

void stage_finish(struct stage *stage)
{
	for (size_t i = 0; i < stage->count; i++)
		free(stage->casts[i].lives);
	free(stage->casts);
}
