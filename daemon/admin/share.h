/* share - how much of the loop's time the admin API may take, so that a flood of requests delays no
 * delivery.
 *
 *   in:   when the API worked
 *   out:  until when it must rest
 *   not:  resting (server), clocks
 *
 * It may take a twentieth. What it did not take is kept, up to SHARE_BURST_US: whoever asks now and
 * then is never made to wait.
 */
#ifndef GOLIVED_ADMIN_SHARE_H
#define GOLIVED_ADMIN_SHARE_H

#include <stdint.h>

enum { SHARE_PART = 20, SHARE_BURST_US = 50 * 1000 };

struct share {
	int64_t left_us; /* below 0: it took too much */
	int64_t at_us;   /* monotonic; as of when */
};

void share_init(struct share *share, int64_t now_us);

/* The API worked from began_us to ended_us. Returns for how many milliseconds it must rest; 0: it
 * need not. */
int64_t share_take(struct share *share, int64_t began_us, int64_t ended_us);

#endif
