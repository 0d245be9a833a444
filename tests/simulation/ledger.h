/* ledger - the simulated service and receivers, and what both saw: the witnesses of a simulation.
 *
 *   out:  every contradiction of what golived promises, as a line on stderr and in a count
 *
 * The linker puts these in the place of detect/upstream's requests, of base/dns and of base/http,
 * below deliver/egress, of whose calls the witness sees beginning and end.
 */
#ifndef GOLIVED_TESTS_LEDGER_H
#define GOLIVED_TESTS_LEDGER_H

#include "base/attrs.h"
#include "base/config.h"
#include "db/store.h"

#include <stdbool.h>
#include <stdint.h>

enum { LEDGER_CREATORS = 24, LEDGER_WEBHOOKS = 4 };

/* Ways in which the service and the receivers misbehave; both begin with what is well. */
enum ledger_service {
	SERVICE_WELL,
	SERVICE_DOWN,
	SERVICE_SILENT,
	SERVICE_LIMITS,
	SERVICE_DOUBTS,
	SERVICE_PARTIAL,
	SERVICE_MODES
};
enum ledger_receiver {
	RECEIVER_WELL,
	RECEIVER_FLAKY,
	RECEIVER_DOWN,
	RECEIVER_HANGS,
	RECEIVER_BUSY,
	RECEIVER_NO_SOCKETS,
	RECEIVER_MODES
};

/* What becomes of a lookup of a receiver's name. */
enum ledger_name {
	NAME_WELL,
	NAME_MISSING,
	NAME_FAILS,
	NAME_EMPTY,
	NAME_SILENT,
	NAME_LATE,
	NAME_BLOCKED, /* only addresses that nothing may be sent to */
	NAME_MIXED,   /* some of them */
	NAME_MANY,    /* more than are looked at */
	NAME_REBINDS, /* in turn */
	NAME_NO_SOCKETS,
	NAME_MODES
};

struct ledger_counts {
	unsigned checks, attempts, repeated, lives, kills, power_losses, upgrades, blocked,
		violations;
	uint64_t digest; /* of everything that was seen, in its order */
};

/* config is borrowed: the limits and the schedule that are to be kept. */
void ledger_reset(const struct config *config);
void ledger_finish(void);

void ledger_flip(unsigned creator); /* goes live in a new room, or offline */
void ledger_set_service(enum ledger_service mode);
void ledger_set_receiver(unsigned webhook, enum ledger_receiver mode);
void ledger_set_name(unsigned webhook, enum ledger_name mode);
void ledger_held_up(void); /* until now nothing could be written */
void ledger_clock_set(void);
void ledger_heal(void);
/* From now on there are no more faults: nothing may be late. */
void ledger_calm(void);
void ledger_killed(void);

/* Called when the next attempt starts, once. */
void ledger_on_attempt(void (*fn)(void *arg), void *arg);
/* Called when the service next asks for silence, once. */
void ledger_on_refusal(void (*fn)(void *arg), void *arg);

const char *ledger_handle(unsigned creator);
const char *ledger_url(unsigned webhook);
bool ledger_is_live(unsigned creator);

/* A day into which the clock was set back is longer than its requests: what is left of them is kept
 * for confirmations then, so that starts may be found late. */
bool ledger_day_is_spent(struct store *store);
/* What is on record of the creators is what the service says. */
void ledger_check_creators(struct store *store);
/* After everything has drained: the database against what was seen. */
void ledger_check(struct store *store);

void ledger_violation(const char *format, ...) PRINTF_LIKE(1, 2);
struct ledger_counts *ledger_counts(void);

#endif
