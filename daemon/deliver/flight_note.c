#include "deliver/flight_note.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

void flight_note_unref(struct flight_note *note)
{
	if (!note || --note->references > 0)
		return;
	free(note->entries);
	free(note);
}

void flight_notes_finish(struct flight_notes *notes)
{
	flight_note_unref(notes->open);
	free(notes->over);
	*notes = (struct flight_notes){ 0 };
}

static struct flight_note *open_note(struct flight_notes *notes)
{
	if (!notes->open) {
		notes->open = memory_zeroed(1, sizeof(*notes->open));
		notes->open->key = ++notes->last_key;
		notes->open->references = 1;
	}
	return notes->open;
}

struct flight_note *flight_notes_add(struct flight_notes *notes, int64_t delivery_key,
				     unsigned attempt)
{
	struct flight_note *note = open_note(notes);
	if (note->count == note->capacity) {
		note->capacity = note->capacity ? 2 * note->capacity : 32;
		note->entries =
			memory_resized(note->entries, note->capacity, sizeof(note->entries[0]));
	}
	note->entries[note->count++] = (struct claim_note_entry){
		.delivery_key = delivery_key,
		.attempt = attempt,
	};
	note->in_flight++;
	note->references++;
	return note;
}

static void add_over(struct flight_notes *notes, int64_t key)
{
	if (notes->over_count == notes->over_capacity) {
		notes->over_capacity = notes->over_capacity ? 2 * notes->over_capacity : 16;
		notes->over =
			memory_resized(notes->over, notes->over_capacity, sizeof(notes->over[0]));
	}
	notes->over[notes->over_count++] = key;
}

void flight_notes_over(struct flight_notes *notes, struct flight_note *note)
{
	assert(note->in_flight > 0);
	if (--note->in_flight > 0)
		return;
	if (note->is_closed)
		add_over(notes, note->key);
	else
		note->count = 0;
}

bool flight_notes_close(struct flight_notes *notes, int64_t now_ms, struct claim_note *ret_note)
{
	if (!notes->open || notes->open->count == 0)
		return false;
	struct flight_note *note = TAKE(notes->open);
	note->is_closed = true;
	*ret_note = (struct claim_note){
		.key = note->key,
		.claimed_at_ms = now_ms,
		.entries = note->entries,
		.count = note->count,
	};
	note->entries = NULL;
	flight_note_unref(note);
	return true;
}

void flight_notes_take_over(struct flight_notes *notes, int64_t **ret_keys, size_t *ret_count)
{
	*ret_count = notes->over_count;
	*ret_keys = TAKE(notes->over);
	notes->over_count = notes->over_capacity = 0;
}

void flight_notes_give_back(struct flight_notes *notes, const int64_t *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add_over(notes, keys[i]);
}
