/* virtual - the time, the loop, the random source and the store's threads of a simulated process.
 *
 * The linker puts these in the place of base/clock, base/loop, base/crypto's random bytes and
 * db/store_thread (CMake: --wrap), so that the real poller and dispatcher run on them unchanged.
 * Time passes only from one event to the next. One seed gives one course of events.
 */
#ifndef GOLIVED_TESTS_VIRTUAL_H
#define GOLIVED_TESTS_VIRTUAL_H

#include "base/loop.h"
#include "db/store_thread.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- chance ---- */

void chance_seed(uint64_t seed);
uint64_t chance_bits(void);
int64_t chance_between(int64_t lowest, int64_t highest); /* both included */
bool chance_of(double probability);

/* ---- time ---- */

struct virtual_event;
typedef void (*virtual_fn)(void *arg);

void virtual_reset(int64_t now_ms); /* no events; the wall clock shows now_ms */
int64_t virtual_mono_ms(void);      /* since the reset */
void virtual_jump(int64_t by_ms);   /* the wall clock is set */
int64_t virtual_jumps(void);        /* how often it was */
void virtual_drift(int64_t ppm);    /* from now on it runs so much too fast; negative: too slowly */
int64_t virtual_drift_ppm(void);
void virtual_stall(int64_t for_ms); /* nothing runs for so long: SIGSTOP, a busy machine */

struct virtual_event *virtual_after(int64_t delay_ms, virtual_fn fn, void *arg);
void virtual_cancel(struct virtual_event *event); /* one that has not run yet */
/* Runs what comes next, if that is not later than until_mono_ms. */
bool virtual_step(int64_t until_mono_ms);

/* ---- the store ---- */

struct virtual_store;

/* A new disk. is_lowered: commits do not wait for it, which a loss of power must bring to light. */
void virtual_store_reset(bool is_lowered);
/* Opens the database; a simulated process that cannot is a failure of the simulation. What was
 * committed before must be there, or it is a violation. */
struct virtual_store *virtual_store_open(const char *directory);
/* The process is gone: what was not committed never was, perhaps with half a write at the end of
 * the WAL; callbacks get -ECANCELED, so that their owners' memory is freed. */
void virtual_store_kill(struct virtual_store *store);
/* So is the machine: of what was not synchronised, any part may be gone. */
void virtual_store_lose_power(struct virtual_store *store);
/* The database becomes what a golived of an earlier schema would have left; it is not open. */
void virtual_store_take_back(const char *directory);
/* The process that is started next ends in its start, or soon after. */
void virtual_store_die_in_start(void);

/* Lets the process end, at a write of a transaction to come or between two: then the store is
 * dead. */
void virtual_store_die_in_commit(struct virtual_store *store);
void virtual_store_die(struct virtual_store *store);
bool virtual_store_is_dead(const struct virtual_store *store);
void virtual_store_set_slow(struct virtual_store *store, bool is_slow);
struct store *virtual_store_connection(struct virtual_store *store); /* outside jobs */

/* If power were lost now: the database is sound, and everything that was on disk is there. */
void virtual_store_check_without_power(const char *directory);

#endif
