#include "sim/schedule.h"

#include "base/attrs.h"
#include "sim/random.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define WEEK_MS (7 * DAY_MS)

enum {
	SLOTS_MAX = 10,   /* lives in a week */
	WEEKS_AROUND = 3, /* the week asked for, and its neighbours */
	LIVES_MAX = SLOTS_MAX * WEEKS_AROUND,
	WEEKS_AHEAD = 8,
	PAUSE_MS = 5 * 60000, /* between two lives of a creator, at least */
	LIVE_MIN_MS = 2 * 60000,
	LIVE_MAX_MS = 10 * 3600 * 1000,
};

static const double median_ms = 90.0 * 60000, duration_sigma = 0.6;
static const double slot_jitter_ms = 15.0 * 60000;
static const int64_t zone_offsets_ms[] = { 0, -5 * HOUR_MS, -8 * HOUR_MS, 8 * HOUR_MS };

/* What a random number is for: part of its key, so that no two uses share one. */
enum purpose {
	FOR_HABIT = 1,
	FOR_ZONE,
	FOR_SLOT_COUNT,
	FOR_SHOW_UP,
	FOR_SLOT_DAY,
	FOR_SLOT_HOUR,
	FOR_PRESENCE,
	FOR_START,
	FOR_DURATION,
	FOR_NAME,
};

static uint64_t creator_key(const struct sim_schedule *schedule, size_t creator, enum purpose what)
{
	return sim_random_key(sim_random_key(schedule->seed, creator), what);
}

static double normal(uint64_t key)
{
	double radius = sqrt(-2 * log(1 - sim_random_unit(sim_random_key(key, 1))));
	return radius * cos(2 * M_PI * sim_random_unit(sim_random_key(key, 2)));
}

static const char *const first_names[] = {
	"amara", "bruno", "chloe", "dario", "elena", "felix", "gia",   "hugo",
	"ines",  "jonas", "kira",  "luca",  "mina",  "nico",  "olive", "pablo",
	"quinn", "rosa",  "sami",  "tess",  "uma",   "vito",  "wren",  "yara",
};
static const char *const last_names[] = {
	"bakes", "beats", "codes",  "cooks", "dances", "draws", "gaming", "knits",
	"live",  "music", "paints", "plays", "reads",  "sings", "sports", "travels",
};

void sim_schedule_name(const struct sim_schedule *schedule, size_t creator,
		       char name[SIM_NAME_SIZE])
{
	uint64_t key = creator_key(schedule, creator, FOR_NAME);
	snprintf(name, SIM_NAME_SIZE, "%s.%s.%zu", first_names[key % ARRAY_SIZE(first_names)],
		 last_names[(key >> 32) % ARRAY_SIZE(last_names)], creator);
}

bool sim_schedule_find(const struct sim_schedule *schedule, const char *name, size_t *ret_creator)
{
	const char *number = strrchr(name, '.');
	if (!number)
		return false;
	char *end;
	size_t creator = strtoull(number + 1, &end, 10);
	if (*end != '\0' || creator >= schedule->creators)
		return false;
	char expected[SIM_NAME_SIZE];
	sim_schedule_name(schedule, creator, expected);
	if (strcmp(name, expected) != 0)
		return false;
	*ret_creator = creator;
	return true;
}

enum sim_habit sim_schedule_habit(const struct sim_schedule *schedule, size_t creator)
{
	double place = sim_random_unit(creator_key(schedule, creator, FOR_HABIT));
	return place < 0.55 ? SIM_HABITUAL : place < 0.80 ? SIM_IRREGULAR : SIM_DORMANT;
}

const char *sim_habit_name(enum sim_habit habit)
{
	static const char *const names[] = {
		[SIM_HABITUAL] = "habitual",
		[SIM_IRREGULAR] = "irregular",
		[SIM_DORMANT] = "dormant",
	};
	return names[habit];
}

/* The week (from a Monday, 00:00 UTC) in which a time lies; 1970-01-01 was a Thursday. */
static int64_t week_of(int64_t unix_ms)
{
	int64_t since_monday = unix_ms + 3 * DAY_MS;
	return since_monday / WEEK_MS - (since_monday % WEEK_MS < 0);
}

static int64_t week_start_ms(int64_t week)
{
	return week * WEEK_MS - 3 * DAY_MS;
}

/* Where in the week a habitual creator's slot lies: the same every week. */
static int64_t slot_offset_ms(const struct sim_schedule *schedule, size_t creator, unsigned slot)
{
	uint64_t day = sim_random_key(creator_key(schedule, creator, FOR_SLOT_DAY), slot);
	uint64_t hour = sim_random_key(creator_key(schedule, creator, FOR_SLOT_HOUR), slot);
	uint64_t zone = creator_key(schedule, creator, FOR_ZONE);
	double evening_ms = (20.0 + 2.5 * normal(hour)) * (double)HOUR_MS;
	return (int64_t)(day % 7) * DAY_MS + (int64_t)evening_ms -
	       zone_offsets_ms[zone % ARRAY_SIZE(zone_offsets_ms)];
}

static bool habitual_start(const struct sim_schedule *schedule, size_t creator, int64_t week,
			   unsigned slot, uint64_t key, int64_t *ret_start_ms)
{
	unsigned slots = 2 + (unsigned)(creator_key(schedule, creator, FOR_SLOT_COUNT) % 5);
	double show_up = 0.5 + 0.45 * sim_random_unit(creator_key(schedule, creator, FOR_SHOW_UP));
	if (slot >= slots || sim_random_unit(sim_random_key(key, FOR_PRESENCE)) >= show_up)
		return false;
	double jitter_ms = slot_jitter_ms * normal(sim_random_key(key, FOR_START));
	*ret_start_ms =
		week_start_ms(week) + slot_offset_ms(schedule, creator, slot) + (int64_t)jitter_ms;
	return true;
}

/* Each of the week's SLOTS_MAX equal parts has a live with the same probability. */
static bool irregular_start(const struct sim_schedule *schedule, size_t creator, int64_t week,
			    unsigned slot, uint64_t key, int64_t *ret_start_ms)
{
	double a_week = 1 + 4 * sim_random_unit(creator_key(schedule, creator, FOR_SLOT_COUNT));
	if (sim_random_unit(sim_random_key(key, FOR_PRESENCE)) >= a_week / SLOTS_MAX)
		return false;
	double place = (slot + sim_random_unit(sim_random_key(key, FOR_START))) / SLOTS_MAX;
	*ret_start_ms = week_start_ms(week) + (int64_t)(place * (double)WEEK_MS);
	return true;
}

static size_t add_week(const struct sim_schedule *schedule, size_t creator, int64_t week,
		       struct sim_live *lives, size_t count)
{
	enum sim_habit habit = sim_schedule_habit(schedule, creator);
	for (unsigned slot = 0; habit != SIM_DORMANT && slot < SLOTS_MAX; slot++) {
		uint64_t key = sim_random_key(
			sim_random_key(sim_random_key(schedule->seed, creator), (uint64_t)week),
			100 + slot);
		struct sim_live *live = &lives[count];
		bool has_one = habit == SIM_HABITUAL
				       ? habitual_start(schedule, creator, week, slot, key,
							&live->started_at_ms)
				       : irregular_start(schedule, creator, week, slot, key,
							 &live->started_at_ms);
		if (!has_one)
			continue;
		double lasts_ms =
			median_ms * exp(duration_sigma * normal(sim_random_key(key, FOR_DURATION)));
		live->ended_at_ms = live->started_at_ms +
				    (int64_t)fmin(fmax(lasts_ms, LIVE_MIN_MS), LIVE_MAX_MS);
		count++;
	}
	return count;
}

static int compare_lives(const void *a, const void *b)
{
	const struct sim_live *left = a, *right = b;
	return (left->started_at_ms > right->started_at_ms) -
	       (left->started_at_ms < right->started_at_ms);
}

/* The lives of a week and its neighbours, in order. A live that would run into the next one ends
 * before it, or does not take place: a rule that looks at one neighbour only, so that it says the
 * same whichever weeks are looked at. */
static size_t lives_around(const struct sim_schedule *schedule, size_t creator, int64_t week,
			   struct sim_live lives[LIVES_MAX])
{
	size_t count = 0;
	for (int64_t w = week - 1; w <= week + 1; w++)
		count = add_week(schedule, creator, w, lives, count);
	qsort(lives, count, sizeof(*lives), compare_lives);
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		struct sim_live live = lives[i];
		if (i + 1 < count && lives[i + 1].started_at_ms - PAUSE_MS < live.ended_at_ms)
			live.ended_at_ms = lives[i + 1].started_at_ms - PAUSE_MS;
		if (live.ended_at_ms - live.started_at_ms >= LIVE_MIN_MS)
			lives[kept++] = live;
	}
	return kept;
}

bool sim_schedule_live_at(const struct sim_schedule *schedule, size_t creator, int64_t now_ms,
			  struct sim_live *ret_live)
{
	struct sim_live lives[LIVES_MAX];
	size_t count = lives_around(schedule, creator, week_of(now_ms), lives);
	for (size_t i = 0; i < count; i++) {
		if (lives[i].started_at_ms <= now_ms && now_ms < lives[i].ended_at_ms) {
			*ret_live = lives[i];
			return true;
		}
	}
	return false;
}

bool sim_schedule_next_live(const struct sim_schedule *schedule, size_t creator, int64_t after_ms,
			    struct sim_live *ret_live)
{
	int64_t week = week_of(after_ms);
	for (int64_t w = week; w < week + WEEKS_AHEAD; w++) {
		struct sim_live lives[LIVES_MAX];
		size_t count = lives_around(schedule, creator, w, lives);
		/* The last week's lives lack their neighbours: they are looked at a turn later. */
		for (size_t i = 0; i < count && lives[i].started_at_ms < week_start_ms(w + 1);
		     i++) {
			if (lives[i].started_at_ms > after_ms) {
				*ret_live = lives[i];
				return true;
			}
		}
	}
	return false;
}
