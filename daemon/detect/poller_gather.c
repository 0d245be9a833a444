/* Nearly every check changes nothing but its own times. Those are gathered for a second, and then
 * stored in a round over the roster, whose places are about in the order of the table: so a page of
 * it is written once for the checks of many batches. Where a second brings thousands, as at the
 * rate of the tier `global` only, it is four seconds, or as many checks as these bring at most. A
 * round goes in slices, each with a commit, one after the other: nobody waits for more than one.
 *
 * The memory is ahead of the store meanwhile, and a crash loses what is gathered: the creators in
 * it then seem to have been checked last at the time before. So some of them may be asked about
 * again sooner than they should, as after a crash with requests under way, and a gap begins that
 * much too early. The requests themselves were counted on disk before they went out; what moves a
 * state is stored at once, with its check.
 *
 * A slice is filled from the memory at the moment in which it is handed to the store, which works
 * in the order of arrival; so it never undoes what is stored after it. Nor what is stored just
 * before it, by a record whose commit the memory has not heard of yet: rows that go to the store
 * with a record are no longer unsaved (poller_gather_less).
 */
#include "detect/poller_private.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdlib.h>

enum {
	GATHER_MS = 1000,
	GATHER_MANY_MS = 4000,
	GATHERED_MANY = 4096,
	GATHERED_MAX = 65536, /* a million checks a minute are 66,667 in four seconds */
	SLICE_CHECKS_MAX = 1024,
};

struct slice {
	struct poller *poller;
	struct checks checks;
};

static void slice_destroy(struct slice *slice)
{
	free(slice->checks.checks);
	free(slice);
}

static struct check check_of(const struct roster *roster, size_t place,
			     const struct planner_rules *rules)
{
	const struct watched_creator *creator = &roster->entries[place].creator;
	return (struct check){
		.key = creator->key,
		.checked_at_ms = creator->last_checked_at_ms,
		.next_check_at_ms = planner_due_at_ms(rules, &roster->plans[place]),
		.answered_at_ms = creator->state.answered_at_ms,
		.tally = creator->tally,
	};
}

/* What is unsaved from a place on, which moves behind it. NULL: there is nothing. */
static struct slice *slice_fill(struct poller *poller, size_t *from)
{
	struct roster *roster = &poller->roster;
	struct digest_rules rules = poller_rules(poller, clock_now_ms());
	struct slice *slice = memory_zeroed(1, sizeof(*slice));
	struct checks *checks = &slice->checks;
	slice->poller = poller;
	checks->checks = memory_zeroed(SLICE_CHECKS_MAX, sizeof(*checks->checks));
	for (; *from < roster->count && checks->count < SLICE_CHECKS_MAX; (*from)++) {
		if (!roster->entries[*from].is_unsaved)
			continue;
		checks->checks[checks->count++] = check_of(roster, *from, &rules.planner);
		roster_set_saved(roster, *from);
	}
	if (checks->count == 0) {
		slice_destroy(slice);
		return NULL;
	}
	checks->sighted_at_ms = poller->gathered_at_ms;
	poller->gathered_at_ms = 0;
	return slice;
}

/* Those that have left since are not missed. */
static void slice_give_back(const struct slice *slice)
{
	struct poller *poller = slice->poller;
	for (size_t i = 0; i < slice->checks.count; i++) {
		ssize_t place = roster_find(&poller->roster, slice->checks.checks[i].key);
		if (place >= 0)
			roster_set_unsaved(&poller->roster, (size_t)place);
	}
	poller->gathered_at_ms = larger(poller->gathered_at_ms, slice->checks.sighted_at_ms);
}

static int store_slice(struct store *store, void *arg)
{
	return checks_store(store, &((struct slice *)arg)->checks);
}

static void on_slice_stored(void *arg, int result);

static void slice_send(struct slice *slice)
{
	slice->poller->jobs++;
	store_write(slice->poller->store, store_slice, on_slice_stored, slice);
}

/* When the next round is due, going by the last one. */
static void round_schedule(struct poller *poller)
{
	bool is_many = poller->gathered_before >= GATHERED_MANY;
	loop_timer_set(poller->gather_timer, is_many ? GATHER_MANY_MS : GATHER_MS);
}

/* The next slice of the round; or, behind the last one, when the next round is. */
static void round_go_on(struct poller *poller)
{
	struct slice *slice = slice_fill(poller, &poller->save_from);
	poller->is_saving = slice != NULL;
	if (slice)
		slice_send(slice);
	else if (poller->gathered >= GATHERED_MAX)
		poller_gather_round(poller);
	else if (poller->gathered > 0)
		round_schedule(poller);
}

static void on_slice_stored(void *arg, int result)
{
	struct slice *slice = arg;
	struct poller *poller = slice->poller;
	if (result < 0)
		slice_give_back(slice);
	slice_destroy(slice);
	poller_note_store(poller, result);
	if (!poller_job_done(poller) || !poller->is_running)
		return;
	if (result == 0) {
		round_go_on(poller);
		return;
	}
	poller->is_saving = false;
	round_schedule(poller);
}

void poller_gather_round(void *arg)
{
	struct poller *poller = arg;
	loop_timer_cancel(poller->gather_timer);
	poller->gathered_before = poller->gathered;
	poller->gathered = 0;
	poller->save_from = 0;
	round_go_on(poller);
}

void poller_gather(struct poller *poller, const struct record *record)
{
	bool is_first = poller->gathered == 0;
	for (size_t i = 0; i < record->count; i++) {
		const struct record_row *row = &record->rows[i];
		if (!record_row_is_plain(row) || row->is_gone)
			continue;
		roster_set_unsaved(&poller->roster, row->place);
		poller->gathered++;
	}
	if (record->is_sighting)
		poller->gathered_at_ms = record->now_ms;
	if (!poller->is_running)
		poller_gather_finish(poller);
	else if (poller->is_saving)
		return; /* the end of the round sees to it */
	else if (poller->gathered >= GATHERED_MAX)
		poller_gather_round(poller);
	else if (is_first && poller->gathered > 0)
		round_schedule(poller);
}

void poller_gather_less(struct poller *poller, const struct record *record)
{
	for (size_t i = 0; i < record->count; i++)
		if (!record_row_is_plain(&record->rows[i]))
			roster_set_saved(&poller->roster, record->rows[i].place);
}

void poller_gather_again(struct poller *poller, const struct record *record)
{
	for (size_t i = 0; i < record->count; i++)
		if (!record_row_is_plain(&record->rows[i]))
			roster_set_unsaved(&poller->roster, record->rows[i].place);
}

void poller_gather_finish(struct poller *poller)
{
	size_t from = 0;
	for (struct slice *slice; (slice = slice_fill(poller, &from));)
		slice_send(slice);
}
