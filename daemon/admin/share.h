/* share - how much of a thread's time the admin API may take, so that a flood of requests delays no
 * delivery.
 *
 *   in:   for how long the API worked
 *   out:  for how long it must rest
 *   not:  resting (server), clocks
 *
 * It may take one part in so many. What it did not take is kept, up to a burst: whoever asks now
 * and then is never made to wait.
 */
#ifndef GOLIVED_ADMIN_SHARE_H
#define GOLIVED_ADMIN_SHARE_H

#include <stdint.h>

struct share {
	int64_t one_in;   /* 20: a twentieth of the time */
	int64_t burst_us; /* what may be saved */
	int64_t left_us;  /* below 0: it took too much */
	int64_t at_us;    /* monotonic; as of when */
};

/* With all that may be saved. */
void share_init(struct share *share, int64_t one_in, int64_t burst_us, int64_t now_us);

/* The API worked for so long, until now_us. Returns for how many milliseconds it must rest; 0: it
 * need not. */
int64_t share_spend(struct share *share, int64_t worked_us, int64_t now_us);

#endif
