/* record - what one batch of answers changes, and the jobs that store it.
 *
 *   in:   rows made by digest
 *   out:  states, findings, sessions, events, deliveries, and the checks that led to them: in one
 *         transaction; the other checks, of many batches, in another
 *   not:  deciding any of it (digest), the copy in memory (poller), when to store which (poller)
 *
 * Most rows are plain: the answer says that all is as it was, so that only the times and the tally
 * of the last check move. No event follows from those, and a later check says the same anew; so
 * they need not be on disk before anything else happens.
 *
 * record_store() and checks_store() run on the store's thread and touch what they are given and the
 * store only.
 */
#ifndef GOLIVED_DETECT_RECORD_H
#define GOLIVED_DETECT_RECORD_H

#include "db/creators.h"
#include "db/store.h"
#include "detect/detector.h"
#include "detect/massflip.h"
#include "domain/finding.h"
#include "domain/gap.h"

#include <stddef.h>

struct record_row {
	size_t place; /* in the roster */
	struct creator_key key;
	char handle[HANDLE_SIZE];
	int64_t next_check_at_ms;
	bool has_new_state;         /* it differs in more than answered_at_ms */
	struct creator_state state; /* from now on */
	int64_t first_sequence;     /* of the first announced transition */
	struct transition transitions[DETECTOR_TRANSITIONS_MAX];
	unsigned transition_count;
	struct finding
		findings[DETECTOR_TRANSITIONS_MAX]; /* those of transitions are in their order */
	unsigned finding_count;
	struct tally tally; /* from now on */
	char *title;        /* owned; NULL: not known */
	int64_t viewer_count;
	bool has_new_quarantine, is_quarantined;
	/* For the copy in memory. */
	enum answer_verdict verdict;
	bool is_missing;
	bool is_held[MASSFLIP_DIRECTIONS];
	int64_t confirm_at_ms;
	/* Written by the job. */
	bool is_gone; /* the creator is no longer in the store */
	char event_ids[DETECTOR_TRANSITIONS_MAX][ID_TEXT_SIZE]; /* "" where none was stored */
};

struct record {
	struct record_row *rows; /* owned */
	size_t count;
	int64_t now_ms;              /* of the answers */
	int64_t first_attempt_in_ms; /* when deliveries are due, from now_ms */
	bool is_sighting;            /* they are usable answers: creators can be checked */
	struct gap gap;              /* that they ended; began_at_ms 0: none */
	unsigned events;             /* written by the job */
};

/* The last check of one creator. */
struct check {
	struct creator_key key;
	int64_t checked_at_ms, next_check_at_ms, answered_at_ms;
	struct tally tally;
};

struct checks {
	struct check *checks; /* owned */
	size_t count;
	int64_t sighted_at_ms; /* when creators could be checked; 0: nothing new */
};

void record_init(struct record *record, size_t count, int64_t now_ms, int64_t first_attempt_in_ms);
void record_finish(struct record *record);

/* Does it move nothing but times and tally? */
bool record_row_is_plain(const struct record_row *row);
/* Are all of them plain, and is there nothing else to store? */
bool record_is_plain(const struct record *record);

/* The work of the jobs, in their transactions: all of a record but its plain rows; and checks. */
int record_store(struct store *store, struct record *record) MUST_CHECK;
int checks_store(struct store *store, const struct checks *checks) MUST_CHECK;

#endif
