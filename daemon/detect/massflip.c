#include "detect/massflip.h"

/* The slot for a batch at this time; a new one takes the place of the oldest. */
static struct massflip_slot *massflip_slot(struct massflip *massflip, int64_t window_ms,
					   int64_t now_ms)
{
	struct massflip_slot *slot = &massflip->slots[massflip->newest];
	int64_t age_ms = now_ms - slot->begun_at_ms;
	if (slot->checked > 0 && age_ms >= 0 && age_ms < window_ms / MASSFLIP_SLOTS)
		return slot;
	if (slot->checked > 0)
		massflip->newest = (massflip->newest + 1) % MASSFLIP_SLOTS;
	slot = &massflip->slots[massflip->newest];
	*slot = (struct massflip_slot){ .begun_at_ms = now_ms };
	return slot;
}

void massflip_judge(struct massflip *massflip, const struct massflip_batch *batch,
		    int64_t window_ms, int64_t now_ms, bool ret_hold[MASSFLIP_DIRECTIONS])
{
	ret_hold[MASSFLIP_LIVE] = ret_hold[MASSFLIP_OFFLINE] = false;
	if (batch->checked == 0)
		return;
	struct massflip_slot *slot = massflip_slot(massflip, window_ms, now_ms);
	slot->checked += batch->checked;
	for (unsigned d = 0; d < MASSFLIP_DIRECTIONS; d++)
		slot->flips[d] += batch->flips[d];

	struct massflip_slot sum = { 0 };
	for (unsigned i = 0; i < MASSFLIP_SLOTS; i++) {
		const struct massflip_slot *recent = &massflip->slots[i];
		if (recent->begun_at_ms > now_ms || now_ms - recent->begun_at_ms >= window_ms)
			if (recent != slot)
				continue;
		sum.checked += recent->checked;
		for (unsigned d = 0; d < MASSFLIP_DIRECTIONS; d++)
			sum.flips[d] += recent->flips[d];
	}
	for (unsigned d = 0; d < MASSFLIP_DIRECTIONS; d++)
		ret_hold[d] = batch->flips[d] > 0 && sum.flips[d] >= MASSFLIP_MIN &&
			      sum.flips[d] * 2 >= sum.checked;
}
