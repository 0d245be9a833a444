#include "detect/poller_private.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct errand *errand_create(struct poller *poller, enum errand_type type, size_t count)
{
	struct errand *errand = memory_zeroed(1, sizeof(*errand));
	errand->poller = poller;
	errand->type = type;
	errand->size = count;
	errand->places = memory_zeroed(count, sizeof(*errand->places));
	errand->handles = memory_zeroed(count, sizeof(*errand->handles));
	errand->names = memory_zeroed(count, sizeof(*errand->names));
	errand->answers = memory_zeroed(count, sizeof(*errand->answers));
	errand->next = poller->errands;
	if (errand->next)
		errand->next->previous = errand;
	poller->errands = errand;
	return errand;
}

void errand_add(struct errand *errand, size_t place)
{
	struct roster *roster = &errand->poller->roster;
	size_t at = errand->count++;
	roster_take(roster, place);
	errand->places[at] = place;
	memcpy(errand->handles[at], roster->entries[place].creator.handle, HANDLE_SIZE);
	errand->names[at] = errand->handles[at];
}

/* Ends an errand: its creators may be asked about again. */
void errand_destroy(struct errand *errand)
{
	struct poller *poller = errand->poller;
	if (errand->previous)
		errand->previous->next = errand->next;
	else
		poller->errands = errand->next;
	if (errand->next)
		errand->next->previous = errand->previous;
	for (size_t i = 0; i < errand->count; i++)
		roster_give_back(&poller->roster, errand->places[i]);
	answers_finish(errand->answers, errand->count);
	record_finish(&errand->record);
	free(errand->places);
	free(errand->handles);
	free(errand->names);
	free(errand->answers);
	free(errand);
}

/* The creators of a failed batch wait a moment longer than everybody does now, so that others have
 * their turn first. */
void errand_step_back(const struct errand *errand, int64_t now_ms)
{
	struct poller *poller = errand->poller;
	int64_t common_ms = larger(poller->backoff_until_mono_ms - clock_mono_ms(), 0);
	for (size_t i = 0; i < errand->count; i++) {
		struct roster_entry *entry = &poller->roster.entries[errand->places[i]];
		entry->failures++;
		tally_count(&entry->creator.tally, TALLY_FAILED);
		poller->roster.plans[errand->places[i]].not_before_ms = now_ms + common_ms + 1;
	}
}

/* The creators of a failed batch wait, each according to its own failures; the others do not. */
void errand_postpone(const struct errand *errand, int64_t now_ms)
{
	struct poller *poller = errand->poller;
	for (size_t i = 0; i < errand->count; i++) {
		struct roster_entry *entry = &poller->roster.entries[errand->places[i]];
		int64_t wait_ms = poller_backoff_ms(poller, ++entry->failures);
		tally_count(&entry->creator.tally, TALLY_FAILED);
		poller->roster.plans[errand->places[i]].not_before_ms = now_ms + wait_ms;
	}
}

void errand_abandon(struct errand *errand)
{
	struct poller *poller = errand->poller;
	poller->requests--;
	if (errand->is_piece) {
		bisect_put_back(&poller->bisect, errand->piece);
		poller->piece_is_under_way = false;
	}
	errand_destroy(errand);
}
