/* sessions - the lives of many creators, made up by seed: what the benchmark of detection takes for
 * the truth.
 *
 *   in:   a mix and a seed
 *   out:  each creator's sessions in order, and the true intensity of starts
 *   not:  polling them (campaign), reading them from a file (session_file)
 */
#ifndef GOLIVED_BENCH_SESSIONS_H
#define GOLIVED_BENCH_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mix {
	MIX_HABITUAL,  /* 55 % habitual, 25 % irregular, 20 % dormant */
	MIX_IRREGULAR, /* all of them irregular */
	MIX_SHIFTED,   /* habitual, and six hours later from the shift on */
	MIX_DORMANT,   /* 10 % habitual, 10 % irregular, 80 % dormant */
	MIX_FAULTY,    /* habitual, and the service is wrong in 5 % of its replies */
	MIX_COUNT,
};

struct life {
	int64_t start_ms, end_ms;
	uint64_t room;
};

enum { SLOTS_MAX = 6 };

struct cast {
	char handle[65];
	struct life *lives; /* owned; in order, none overlap */
	size_t count, capacity;
	/* How it was made up: weekly slots, or at any time of day as the hour goes. */
	unsigned slots;
	double slot_hours[SLOTS_MAX]; /* into the week, UTC */
	double shows_up;              /* how often, in a slot */
	double weekly;                /* starts a week without a slot */
	double zone_hours;
	double median_hours; /* how long lives last */
};

struct stage {
	struct cast *casts; /* owned */
	size_t count;
	bool is_made_up;
	int64_t from_ms, shift_ms, until_ms; /* shift_ms: habits move then; INT64_MAX: never */
};

const char *mix_name(enum mix mix);
bool mix_parse(const char *name, enum mix *ret_mix);

void stage_make(struct stage *stage, enum mix mix, size_t creators, uint64_t seed, int64_t from_ms,
		int64_t shift_ms, int64_t until_ms);
void stage_finish(struct stage *stage);

/* Starts an hour, really. Of a stage that was made up. */
double cast_start_rate(const struct stage *stage, const struct cast *cast, int64_t now_ms);

/* The next life of the creator. */
void cast_add(struct cast *cast, struct life life);
/* A room id that tells the start, as those of the service do. */
uint64_t room_made_up(int64_t start_ms, size_t place);

/* A reproducible random number in [0, 1), and a normal one. */
double dice(uint64_t *state);
double dice_normal(uint64_t *state);

#endif
