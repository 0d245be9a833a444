#include "planning.h"

#include "rig.h"
#include "service.h"

#include "detect/lineup.h"
#include "detect/roster.h"

#include <stdint.h>
#include <unistd.h>

enum {
	SECOND_MS = 1000,
	HOUR_MS = 3600 * SECOND_MS,
	DAY_MS = 24 * HOUR_MS,
	LIVE_EVERY = 20, /* one in so many is live */
};

static const int64_t start_ms = INT64_C(1781784000000); /* 2026-06-18T12:00:00Z */

static struct watched_creator creator_of(unsigned number)
{
	struct watched_creator creator = {
		.key = { number + 1 },
		.watched = true,
		.priority = PRIORITY_NORMAL,
		.last_checked_at_ms = start_ms - (int64_t)(number * 7919 % 3600) * SECOND_MS,
		.added_at_ms = start_ms - HABIT_STARTS * DAY_MS,
		.state = { .status = CREATOR_OFFLINE },
	};
	if (number % LIVE_EVERY == 0)
		creator.state = (struct creator_state){ .status = CREATOR_LIVE,
							.live_since_ms = start_ms - HOUR_MS };
	service_handle(number, creator.handle);
	return creator;
}

/* A live on each of the last days, about an hour around the creator's own time. */
static void learn_habit(struct roster *roster, unsigned number)
{
	size_t place = (size_t)roster_find(roster, (struct creator_key){ number + 1 });
	for (unsigned day = HABIT_STARTS; day > 0; day--) {
		int64_t stray_ms = (int64_t)((number + day * 31) % 60) * 60 * SECOND_MS;
		int64_t started_ms = start_ms - day * DAY_MS + (number % 24) * HOUR_MS + stray_ms;
		roster_learn_start(roster, place, started_ms);
		roster_learn_end(roster, place, started_ms, started_ms + HOUR_MS);
	}
	roster_expect(roster, place, start_ms);
}

static void ask(struct roster *roster, const size_t *picks, size_t count, int64_t now_ms)
{
	for (size_t i = 0; i < count; i++) {
		struct planner_entry *plan = &roster->plans[picks[i]];
		planner_settle(plan, now_ms);
		plan->last_checked_at_ms = now_ms;
		plan->is_swept = true;
	}
}

/* What is asked for at once, or sooner where that is not enough for so many requests. */
static int64_t min_interval_ms(const struct roster *roster, const struct planning_pace *pace)
{
	double sweep_ms = (double)roster->watched / pace->size * 60 * SECOND_MS / pace->per_minute;
	return sweep_ms * 0.9 < 60 * SECOND_MS ? (int64_t)(sweep_ms * 0.9) : 60 * SECOND_MS;
}

static int64_t measure_pick_us(struct roster *roster, struct lineup *lineup,
			       const struct planning_pace *pace, int64_t now_ms)
{
	int64_t pace_ms = (int64_t)(60 * SECOND_MS / pace->per_minute);
	int64_t interval_ms = min_interval_ms(roster, pace);
	const struct planner_rules rules = {
		.policy = POLICY_LEARNED,
		.min_interval_ms = interval_ms,
		.max_interval_ms = HOUR_MS,
		.quarantine_interval_ms = HOUR_MS,
		.sweep_ms = planner_sweep_ms(roster->watched, pace->size, pace_ms, interval_ms),
		.haste_h = PLANNER_HASTE_H,
	};
	size_t picks[LIMIT_BATCH_SIZE];
	struct planner_batch batch;
	int64_t started_us = service_thread_us();
	lineup_pick(lineup, &rules, roster->plans, roster->count, pace->size, pace_ms, now_ms,
		    picks, &batch);
	int64_t pick_us = service_thread_us() - started_us;
	rig_must(batch.count == pace->size, "a batch is not full");
	ask(roster, picks, batch.count, now_ms);
	return pick_us;
}

static struct planning_cost measure_pace(struct roster *roster, const struct planning_pace *pace,
					 int64_t from_ms)
{
	struct lineup lineup;
	int64_t pick_us = 0, foresee_us = 0, picks = 0;
	lineup_init(&lineup);
	for (unsigned second = 0; second < PLANNING_SECONDS; second++) {
		int64_t started_us = service_thread_us();
		roster_foresee(roster, from_ms + second * SECOND_MS, SECOND_MS);
		foresee_us += service_thread_us() - started_us;
		for (; (double)picks < pace->per_minute / 60 * (second + 1); picks++)
			pick_us +=
				measure_pick_us(roster, &lineup, pace,
						from_ms + (int64_t)((double)picks * 60 * SECOND_MS /
								    pace->per_minute));
	}
	lineup_finish(&lineup);
	return (struct planning_cost){
		.pick_ms = (double)pick_us / 1000 / (double)picks,
		.cpu_ms = (double)(pick_us + foresee_us) / 1000 / PLANNING_SECONDS,
	};
}

struct planning planning_measure(unsigned creators, const struct planning_pace *slow,
				 const struct planning_pace *fast)
{
	struct roster roster;
	double before_mb = rig_memory_mb(getpid(), "VmRSS");
	roster_init(&roster);
	for (unsigned i = 0; i < creators; i++) {
		struct watched_creator creator = creator_of(i);
		roster_change(&roster, &creator, start_ms);
	}
	for (unsigned i = 0; i < creators; i++)
		learn_habit(&roster, i);
	double memory_mb = rig_memory_mb(getpid(), "VmRSS") - before_mb;
	struct planning planning = {
		.bytes = memory_mb * 1024 * 1024 / creators,
		.slow = measure_pace(&roster, slow, start_ms),
		.fast = measure_pace(&roster, fast, start_ms + HOUR_MS),
	};
	roster_finish(&roster);
	return planning;
}
