/* behaviour - how a receiver answers on a path: the path itself says so.
 *
 *   in:   a path ("/delay/300/status/500,500,200/shop-17"), how often it was asked before
 *   out:  the answer, and how it is sent
 *   not:  remembering anything (receiver)
 *
 * A path is read from the left: each directive takes the argument behind it, and the first segment
 * that is none ends the reading, so that what follows is a label. "/" and "/any-label" answer 200.
 */
#ifndef GOLIVED_SIM_BEHAVIOUR_H
#define GOLIVED_SIM_BEHAVIOUR_H

#include "base/attrs.h"
#include "sim/exchange.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_STATUSES_MAX = 64 };

/* What a sequence of statuses is counted by. */
enum sim_sequence_key {
	SIM_PER_EVENT, /* each event on this path (webhook-id), over deliveries and replays */
	SIM_PER_DELIVERY,
	SIM_PER_PATH,
};

struct sim_misdeed; /* a row of the table of answers that are not plain HTTP */

struct sim_behaviour {
	int statuses[SIM_STATUSES_MAX]; /* one for each time; the last one stays */
	size_t status_count;
	enum sim_sequence_key key;
	int64_t delay_ms;
	char retry_after[64];              /* the header's value; "": none */
	const struct sim_misdeed *misdeed; /* NULL: none */
	int64_t misdeed_turns;             /* it does so only the first times; 0: always */
};

/* -EINVAL if a directive lacks its argument, or has one that makes no sense. */
int sim_behaviour_parse(const char *path, struct sim_behaviour *ret_behaviour) MUST_CHECK;

/* One status behind the others; false if there are too many, or it is none (200 to 599). */
bool sim_behaviour_add_status(struct sim_behaviour *behaviour, int64_t status);

/* The answer to the request that is number `turn` (from 0) by the behaviour's key. */
void sim_behaviour_answer(const struct sim_behaviour *behaviour, uint64_t turn,
			  struct sim_answer *answer);

/* The directives, one line each, for --help. */
void sim_behaviour_describe(struct strbuf *out);

#endif
