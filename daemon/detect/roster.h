/* roster - everybody who is watched, as the poller keeps them in memory.
 *
 *   in:   rows of the store
 *   out:  entries by place (stable while they are there) and by key
 *   not:  changing what they say (digest, poller)
 *
 * A place is free again once its creator has left; one that leaves keeps the place until its batch
 * is done and its last check has been handed to the store. The planner's entries and the habits lie
 * beside, place by place.
 */
#ifndef GOLIVED_DETECT_ROSTER_H
#define GOLIVED_DETECT_ROSTER_H

#include "db/creators.h"
#include "detect/habit.h"
#include "detect/massflip.h"
#include "detect/planner.h"

#include <stddef.h>
#include <stdint.h>

struct roster_entry {
	struct watched_creator creator; /* its state is that of the last commit */
	bool is_taken;                  /* this place is */
	bool is_in_batch;
	bool is_leaving;                   /* no longer watched, but in a batch or unsaved */
	bool is_unsaved;                   /* the store does not know the last check yet */
	bool is_held[MASSFLIP_DIRECTIONS]; /* a flip seen once, amid too many others */
	unsigned silent;                   /* replies in a row that had no row for it */
	unsigned doubtful;                 /* UNKNOWN answers in a row */
	unsigned failures;                 /* failed batches in a row */
	int64_t suspect_since_mono_ms; /* refused alone then, without proof against it; 0: never */
};

struct roster {
	struct roster_entry *entries; /* owned */
	struct planner_entry *plans;  /* owned; the planner's view, place by place */
	struct habit *habits;         /* owned; place by place */
	struct habit_crowd crowd;
	size_t count; /* places, free ones included */
	size_t capacity;
	size_t watched; /* entries that are watched */
	size_t *free_places;
	size_t free_count;
	uint32_t *index; /* by key: place + 1, 0 empty; open addressing */
	size_t index_size;
	size_t foreseen; /* whose outlook was renewed last: roster_foresee() */
};

void roster_init(struct roster *roster);
void roster_finish(struct roster *roster);

/* Takes over a row of store_watched_changes(): somebody new, somebody gone, another priority. What
 * is known here of a creator's state stays. */
void roster_change(struct roster *roster, const struct watched_creator *creator, int64_t now_ms);

/* The place of a creator, or -1. */
ssize_t roster_find(const struct roster *roster, struct creator_key key);

/* A creator's live has started, or ended: of which its habits tell, and what is to be expected. */
void roster_learn_start(struct roster *roster, size_t place, int64_t started_at_ms);
void roster_learn_end(struct roster *roster, size_t place, int64_t started_at_ms,
		      int64_t ended_at_ms);

/* Renews what is expected of a creator now; and of the next ones in turn, to be called every second
 * (or every_ms), so that everybody's is renewed every five minutes. */
void roster_expect(struct roster *roster, size_t place, int64_t now_ms);
void roster_foresee(struct roster *roster, int64_t now_ms, int64_t every_ms);

/* The wall clock was set by so much: what is planned by it moves with it, of one and of all. */
void roster_move(struct roster *roster, size_t place, int64_t by_ms);
void roster_move_all(struct roster *roster, int64_t by_ms);

/* A reply had, or had no, row for the creator. Whose row never comes is asked about apart from the
 * others, whose batch would fail with it. */
void roster_note_silence(struct roster *roster, size_t place, bool is_missing);

/* A batch takes a creator, and gives it back: then one that is leaving goes. */
void roster_take(struct roster *roster, size_t place);
void roster_give_back(struct roster *roster, size_t place);

/* The last check is yet to be stored; and it has been handed to the store: then, too, one that is
 * leaving goes, unless it is in a batch. */
void roster_set_unsaved(struct roster *roster, size_t place);
void roster_set_saved(struct roster *roster, size_t place);

#endif
