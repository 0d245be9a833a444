#include "detect/massflip.h"

/* The slot for a batch; a new one, once this has its share of a sweep, in the place of the oldest.
 */
static struct massflip_slot *massflip_slot(struct massflip *massflip, int64_t sweep)
{
	struct massflip_slot *slot = &massflip->slots[massflip->newest];
	if (slot->checked == 0 || slot->checked < sweep / (MASSFLIP_SLOTS / 2))
		return slot;
	massflip->newest = (massflip->newest + 1) % MASSFLIP_SLOTS;
	slot = &massflip->slots[massflip->newest];
	*slot = (struct massflip_slot){ 0 };
	return slot;
}

static void slot_add(struct massflip_slot *slot, const struct massflip_slot *more)
{
	slot->checked += more->checked;
	for (unsigned d = 0; d < MASSFLIP_DIRECTIONS; d++)
		slot->flips[d] += more->flips[d];
}

static bool is_improbable(const struct massflip_slot *stretch, enum massflip_direction direction)
{
	return stretch->flips[direction] >= MASSFLIP_MIN &&
	       stretch->flips[direction] * 2 >= stretch->checked;
}

/* Is there a stretch that ends now, from this batch alone to a whole sweep, with too many flips? */
static bool has_improbable_stretch(const struct massflip *massflip,
				   const struct massflip_slot *batch, int64_t sweep,
				   enum massflip_direction direction)
{
	struct massflip_slot stretch = { 0 };
	if (is_improbable(batch, direction))
		return true;
	for (unsigned i = 0; i < MASSFLIP_SLOTS && stretch.checked < sweep; i++) {
		unsigned place = (massflip->newest + MASSFLIP_SLOTS - i) % MASSFLIP_SLOTS;
		slot_add(&stretch, &massflip->slots[place]);
		if (is_improbable(&stretch, direction))
			return true;
	}
	return false;
}

void massflip_judge(struct massflip *massflip, const struct massflip_batch *batch, int64_t sweep,
		    bool ret_hold[MASSFLIP_DIRECTIONS])
{
	struct massflip_slot counted = { .checked = batch->checked };
	for (unsigned d = 0; d < MASSFLIP_DIRECTIONS; d++)
		counted.flips[d] = batch->flips[d];
	slot_add(massflip_slot(massflip, sweep), &counted);
	for (unsigned d = 0; d < MASSFLIP_DIRECTIONS; d++)
		ret_hold[d] =
			batch->flips[d] > 0 && has_improbable_stretch(massflip, &counted, sweep,
								      (enum massflip_direction)d);
}
