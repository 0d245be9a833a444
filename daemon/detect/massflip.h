/* massflip - notices when an improbable number of creators would change at once: then the service
 * is wrong, not the world, until a second check agrees.
 *
 *   in:   batch by batch, how many creators were checked and how many would start or end
 *   out:  whether this batch's changes in that direction are to be held
 *   not:  holding them (poller)
 *
 * Pure. Improbable is: at least ten flips in one direction, and at least half of all checks, in any
 * stretch of the recent ones that ends now, from the batch alone to a whole sweep. Waiting for half
 * of the sweep itself would let through hundreds of false events of a long list first. A flip is a
 * transition that would be told now. So an end counts when it would be confirmed, not when its
 * evidence begins: the confirmations already are the second check of one creator's end, and this is
 * the check that asks whether so many can be right. First sights are no flips, nor checks: there is
 * nothing to flip.
 *
 * An evening rush does not trip it: even then only a few of a hundred checks find a start. Where it
 * is wrong after all (an agency's event that starts a dozen on the hour), the price is one more
 * check, which is made as soon as it may.
 */
#ifndef GOLIVED_DETECT_MASSFLIP_H
#define GOLIVED_DETECT_MASSFLIP_H

#include <stdbool.h>
#include <stdint.h>

/* The order is that of the labels of golived_mass_flips_held_total. */
enum massflip_direction { MASSFLIP_LIVE, MASSFLIP_OFFLINE, MASSFLIP_DIRECTIONS };

enum { MASSFLIP_MIN = 10, MASSFLIP_SLOTS = 64 };

struct massflip_slot {
	int64_t checked;
	int64_t flips[MASSFLIP_DIRECTIONS];
};

/* The recent batches, in a ring of slots; small batches share one. All zero: empty. */
struct massflip {
	struct massflip_slot slots[MASSFLIP_SLOTS];
	unsigned newest;
};

struct massflip_batch {
	int64_t checked; /* LIVE or OFFLINE answers about creators whose state was known */
	int64_t flips[MASSFLIP_DIRECTIONS]; /* new ones: not those that were held before */
};

/* Counts a batch in. sweep: how many checks a sweep has, that is, how many creators there are. True
 * in ret_hold[d]: hold this batch's new flips in direction d. */
void massflip_judge(struct massflip *massflip, const struct massflip_batch *batch, int64_t sweep,
		    bool ret_hold[MASSFLIP_DIRECTIONS]);

#endif
