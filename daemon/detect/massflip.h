/* massflip - notices when an improbable number of creators would change at once: then the service
 * is wrong, not the world, until a second check agrees.
 *
 *   in:   batch by batch, how many creators were checked and how many would start or end
 *   out:  whether this batch's changes in that direction are to be held
 *   not:  holding them (poller)
 *
 * Pure. Counted is over the last sweep, in which each creator is checked about once: at least ten
 * flips in one direction, and at least half of all that were checked. A flip is a transition that
 * would be told now. So an end counts when it would be confirmed, not when its evidence begins: the
 * confirmations already are the second check of one creator's end, and this is the check that asks
 * whether so many can be right. First sights are no flips, nor checks: there is nothing to flip.
 *
 * An evening rush does not trip it: with thousands of creators half of a sweep is never reached,
 * and with a few dozen, where an agency's event may well start them all on the hour, the price of a
 * false alarm is one more check, which is made as soon as it may.
 */
#ifndef GOLIVED_DETECT_MASSFLIP_H
#define GOLIVED_DETECT_MASSFLIP_H

#include <stdbool.h>
#include <stdint.h>

/* The order is that of the labels of golived_mass_flips_held_total. */
enum massflip_direction { MASSFLIP_LIVE, MASSFLIP_OFFLINE, MASSFLIP_DIRECTIONS };

enum { MASSFLIP_MIN = 10, MASSFLIP_SLOTS = 64 };

struct massflip_slot {
	int64_t begun_at_ms;
	int64_t checked;
	int64_t flips[MASSFLIP_DIRECTIONS];
};

/* The recent batches, in a ring of slots; batches close together share one. All zero: empty. */
struct massflip {
	struct massflip_slot slots[MASSFLIP_SLOTS];
	unsigned newest;
};

struct massflip_batch {
	int64_t checked; /* LIVE or OFFLINE answers about creators whose state was known */
	int64_t flips[MASSFLIP_DIRECTIONS]; /* new ones: not those that were held before */
};

/* Counts a batch in. window_ms: how long a sweep takes. True in ret_hold[d]: hold this batch's new
 * flips in direction d. */
void massflip_judge(struct massflip *massflip, const struct massflip_batch *batch,
		    int64_t window_ms, int64_t now_ms, bool ret_hold[MASSFLIP_DIRECTIONS]);

#endif
