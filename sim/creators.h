/* creators - who is live just now: what was scripted, else the schedule, else nobody.
 *
 *   in:   scripts (the control API), the schedule, the clock
 *   out:  the row of a creator; how often each was asked for
 *   not:  how a row is written (rows)
 */
#ifndef GOLIVED_SIM_CREATORS_H
#define GOLIVED_SIM_CREATORS_H

#include "sim/fast_clock.h"
#include "sim/rows.h"
#include "sim/schedule.h"

struct sim_creators;

/* What the control API said of a creator. */
struct sim_script {
	bool is_live;
	uint64_t room; /* 0: none */
	char *title;   /* owned once set; NULL: none */
	int64_t viewers;
	char *json;     /* owned once set; the whole row, as it is given */
	bool is_poison; /* a batch that holds the creator is refused */
	enum sim_row_fault fault;
};

struct sim_creators *sim_creators_create(const struct sim_schedule *schedule,
					 const struct sim_fast_clock *clock,
					 bool has_simulated_rooms);
void sim_creators_destroy(struct sim_creators *creators);

/* Forgets scripts and counts; the schedule stays. */
void sim_creators_reset(struct sim_creators *creators);

/* Takes over what the script points to. Handles are taken in any case. */
void sim_creators_script(struct sim_creators *creators, const char *handle,
			 const struct sim_script *script);
/* Back to the schedule. False if there was no script. */
bool sim_creators_unscript(struct sim_creators *creators, const char *handle);
void sim_creators_unscript_all(struct sim_creators *creators);

/* The creator's row at that real time. Borrowed: handle as given, title and json until the next
 * script. */
void sim_creators_row(const struct sim_creators *creators, const char *handle, int64_t real_ms,
		      struct sim_row *ret_row);
bool sim_creators_is_poison(const struct sim_creators *creators, const char *handle);
void sim_creators_count_ask(struct sim_creators *creators, const char *handle);

/* Every creator that was scripted or asked for, in the order of the handles. script is NULL for
 * those without one. */
typedef void (*sim_creator_fn)(void *arg, const char *handle, const struct sim_script *script,
			       uint64_t asks);
void sim_creators_each(const struct sim_creators *creators, sim_creator_fn fn, void *arg);

/* A room id of the form that lives have: Unix seconds above, bits 8 to 11 eleven. The salt tells
 * rooms of one millisecond apart. */
uint64_t sim_room_id(int64_t started_at_ms, uint64_t salt);

#endif
