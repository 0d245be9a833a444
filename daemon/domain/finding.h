/* finding - an answer that mattered: it moved a creator's state or what is being confirmed, or the
 * guard against mass flips held it back. Of the others there is a tally.
 *
 * Findings are what `golivectl creators explain` tells a transition by. They are made by
 * detect/explain, kept by db/findings.
 */
#ifndef GOLIVED_DOMAIN_FINDING_H
#define GOLIVED_DOMAIN_FINDING_H

#include <stdint.h>

/* The values are stored: never renumber. */
enum finding_effect {
	FINDING_FIRST_OFFLINE = 0,   /* the very first answer: OFFLINE */
	FINDING_START = 1,           /* a live began */
	FINDING_END = 2,             /* a live ended */
	FINDING_END_EVIDENCE = 3,    /* OFFLINE while live, but not yet enough of them */
	FINDING_END_DROPPED = 4,     /* LIVE again: what spoke for an end is dropped */
	FINDING_RESUME_EVIDENCE = 5, /* LIVE in a room that had ended, but not yet often enough */
	FINDING_RESUME_DROPPED = 6,  /* another answer: what spoke for a resumption is dropped */
	FINDING_ROOM_TOLD = 7,       /* the room of a live that had been seen without one */
	FINDING_HELD = 8,            /* too many changed at once: a second check must agree */
	FINDING_HELD_DROPPED = 9,    /* the second check did not agree */
	FINDING_EFFECTS,
};

/* Stored, too. */
enum finding_flag {
	FINDING_SILENT = 1 << 0,       /* a transition that is not announced */
	FINDING_FIRST_SIGHT = 1 << 1,  /* a start in the creator's very first answer */
	FINDING_RESUMED = 1 << 2,      /* a start in a room that had ended */
	FINDING_ROOM_CHANGED = 1 << 3, /* another room while live: an end and a start together */
	FINDING_BY_ROOM_ID = 1 << 4,   /* the time told is the room id's */
	FINDING_WAS_HELD = 1 << 5,     /* this answer is the second check of what was held */
};

/* Answers since the last finding, none of which moved anything, by their kind. A count that is at
 * its maximum says "so many or more". */
enum { TALLY_UNCHANGED_MAX = 0x7fffffff, TALLY_DOUBT_MAX = 1023 };
struct tally {
	uint32_t unchanged;    /* LIVE or OFFLINE, as was known */
	uint32_t missing : 10; /* the service left the creator out */
	uint32_t unclear : 10; /* null, contradictory, or check_failed */
	uint32_t failed : 10;  /* the batch failed as a whole */
};

enum tally_kind { TALLY_UNCHANGED, TALLY_MISSING, TALLY_UNCLEAR, TALLY_FAILED };
void tally_count(struct tally *tally, enum tally_kind kind);

/* As one integer, for the store: bits 0 to 31 unchanged, then ten bits each. Never negative. */
int64_t tally_pack(struct tally tally);
struct tally tally_unpack(int64_t packed);

struct finding {
	int64_t answered_at_ms;
	int64_t previous_at_ms; /* the LIVE or OFFLINE answer before; 0: there was none */
	uint64_t room;          /* 0: not known */
	int64_t told_at_ms;     /* of a transition: started_at or ended_at; else 0 */
	int64_t evidence_since_ms, evidence_span_ms; /* the span that is wanted */
	uint32_t evidence_count, evidence_wanted;    /* count 0: no evidence was needed */
	struct tally tally;
	uint8_t effect; /* enum finding_effect */
	uint8_t flags;  /* enum finding_flag */
	uint8_t is_live;
};

const char *finding_effect_name(enum finding_effect effect); /* "start", "end_evidence", … */

#endif
