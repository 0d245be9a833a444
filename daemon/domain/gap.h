/* gap - a stretch of time in which nobody could be checked, so that what happened in it was seen
 * late or not at all. */
#ifndef GOLIVED_DOMAIN_GAP_H
#define GOLIVED_DOMAIN_GAP_H

#include <stdint.h>

/* What a gap began with; or GAP_STOPPED, if the daemon was down in it. The values are stored: never
 * renumber; the order is that of the labels of golived_gaps_total. */
enum gap_reason {
	GAP_STOPPED = 0,     /* the daemon did not run */
	GAP_FAILING = 1,     /* the service failed, or could not be reached */
	GAP_KEY_REFUSED = 2, /* the service refused the key */
	GAP_KEY_MISSING = 3, /* there was no key to ask with */
	GAP_THROTTLED = 4,   /* the service said 429 */
	GAP_QUOTA_SPENT = 5, /* the day's requests were used up */
	GAP_STORE = 6,       /* the store could not be written */
	GAP_REASONS,
};

struct gap {
	enum gap_reason reason;
	int64_t began_at_ms; /* 0: there is none */
	int64_t ended_at_ms; /* 0: it goes on */
};

const char *gap_reason_name(enum gap_reason reason); /* "stopped", "upstream_failing", … */

#endif
