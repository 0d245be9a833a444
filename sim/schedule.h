/* schedule - when made-up creators are live: a whole population's lives, from one seed.
 *
 * Pure: the same seed, creator and time always give the same answer, nothing is stored, and any
 * week can be asked for in any order. The mix is that of docs/detection.md: of a hundred creators
 * 55 are habitual (2 to 6 weekly slots that they keep more or less, mostly in the evening of one of
 * four time zones), 25 irregular (1 to 5 lives a week, whenever), 20 dormant (never live).
 * Lives last 90 minutes in the median, log-normally, and those of one creator do not overlap.
 */
#ifndef GOLIVED_SIM_SCHEDULE_H
#define GOLIVED_SIM_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A plain value: copy it freely. */
struct sim_schedule {
	uint64_t seed;
	size_t creators;
};

enum sim_habit { SIM_HABITUAL, SIM_IRREGULAR, SIM_DORMANT };

struct sim_live {
	int64_t started_at_ms,
		ended_at_ms; /* Unix ms of the simulated clock; the end is not in it */
};

enum { SIM_NAME_SIZE = 48 };

/* The handle of a creator (below schedule->creators); other seeds have other names. */
void sim_schedule_name(const struct sim_schedule *schedule, size_t creator,
		       char name[SIM_NAME_SIZE]);
/* The creator of that handle; false if it is none of this schedule's. */
bool sim_schedule_find(const struct sim_schedule *schedule, const char *name, size_t *ret_creator);

enum sim_habit sim_schedule_habit(const struct sim_schedule *schedule, size_t creator);
const char *sim_habit_name(enum sim_habit habit);

/* The live that is on at now_ms; false if none is. */
bool sim_schedule_live_at(const struct sim_schedule *schedule, size_t creator, int64_t now_ms,
			  struct sim_live *ret_live);
/* The first live that starts after after_ms; false if there is none within eight weeks. */
bool sim_schedule_next_live(const struct sim_schedule *schedule, size_t creator, int64_t after_ms,
			    struct sim_live *ret_live);

#endif
