/* creator - what is known about one creator: the state that the detector moves and the store keeps.
 */
#ifndef GOLIVED_DOMAIN_CREATOR_H
#define GOLIVED_DOMAIN_CREATOR_H

#include "domain/event.h"

#include <stdbool.h>
#include <stdint.h>

/* The values are stored: never renumber. */
enum creator_status { CREATOR_UNKNOWN = 0, CREATOR_OFFLINE = 1, CREATOR_LIVE = 2 };
enum creator_priority { PRIORITY_LOW = 0, PRIORITY_NORMAL = 1, PRIORITY_HIGH = 2 };

/* What is being confirmed: a row of equal answers that has not yet led to a transition. */
enum creator_evidence {
	EVIDENCE_NONE = 0,
	EVIDENCE_ENDING = 1,   /* OFFLINE answers while live */
	EVIDENCE_RESUMING = 2, /* LIVE answers with a room that already ended */
};

struct creator_state {
	uint64_t room;             /* while live: the room, 0 if not known */
	uint64_t ended_room;       /* the last room that ended, 0 if none or not known */
	int64_t live_since_ms;     /* while live: started_at as it was announced */
	int64_t answered_at_ms;    /* the last LIVE or OFFLINE answer; 0: never */
	int64_t evidence_since_ms; /* the first answer of the row of evidence */
	int64_t sequence;          /* of the last event; 0: none yet */
	uint32_t evidence_count;   /* answers in the row of evidence */
	uint8_t status;            /* enum creator_status */
	uint8_t evidence;          /* enum creator_evidence */
	uint8_t started_source;    /* enum event_start_source of live_since_ms */
};

const char *creator_status_name(enum creator_status status); /* "unknown", "offline", "live" */
bool creator_status_parse(const char *name, enum creator_status *ret_status);
const char *creator_priority_name(enum creator_priority priority); /* "high", "normal", "low" */
bool creator_priority_parse(const char *name, enum creator_priority *ret_priority);

#endif
