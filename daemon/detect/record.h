/* record - what one batch of answers changes, and the job that stores it.
 *
 *   in:   rows made by digest
 *   out:  checks, states, findings, sessions, events, deliveries: in one transaction
 *   not:  deciding any of it (digest), the copy in memory (poller, after the commit)
 *
 * record_store() runs on the store's thread and touches its record and the store only.
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

void record_init(struct record *record, size_t count, int64_t now_ms, int64_t first_attempt_in_ms);
void record_finish(struct record *record);

/* The work of the job, in its transaction. */
int record_store(struct store *store, struct record *record) MUST_CHECK;

#endif
