/* flight_note - which attempts are in flight, gathered to be kept for the case of a crash.
 *
 *   in:   attempts that are claimed; attempts whose outcome is about to be stored
 *   out:  notes to be stored, notes to be dropped
 *   not:  storing either (dispatch_jobs)
 *
 * Claims go into the open note. It is closed when the store can take it, and dropped when all of
 * its attempts have their outcome. If they have it before the note was closed, it is never stored.
 */
#ifndef GOLIVED_DELIVER_FLIGHT_NOTE_H
#define GOLIVED_DELIVER_FLIGHT_NOTE_H

#include "db/deliveries.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flight_note {
	int64_t key;
	struct claim_note_entry *entries; /* owned */
	size_t count, capacity;
	size_t in_flight;    /* of its attempts */
	unsigned references; /* its attempts', and that of being open */
	bool is_closed;
};

struct flight_notes {
	struct flight_note *open; /* owned; NULL: nothing was claimed since the last was closed */
	int64_t last_key;
	int64_t *over; /* owned: keys of stored notes that are to be dropped */
	size_t over_count, over_capacity;
};

void flight_notes_finish(struct flight_notes *notes);

/* The attempt is in flight. Returns a reference to the note that holds it. */
struct flight_note *flight_notes_add(struct flight_notes *notes, int64_t delivery_key,
				     unsigned attempt);

void flight_note_unref(struct flight_note *note);

/* An attempt of the note is about to be stored with its outcome: with the last one the note ends.
 */
void flight_notes_over(struct flight_notes *notes, struct flight_note *note);

/* Closes the open note: it is to be stored. *ret_note: its entries are the caller's to free. False:
 * there is nothing to note. */
bool flight_notes_close(struct flight_notes *notes, int64_t now_ms, struct claim_note *ret_note);

/* Keys of notes to be dropped, with the outcomes that ended them: the caller's to free(). */
void flight_notes_take_over(struct flight_notes *notes, int64_t **ret_keys, size_t *ret_count);

/* They could not be dropped: next time. */
void flight_notes_give_back(struct flight_notes *notes, const int64_t *keys, size_t count);

#endif
