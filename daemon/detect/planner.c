#include "detect/planner.h"

#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Ranks before urgency: a lower rank goes first. */
enum rank { RANK_CONFIRMATION, RANK_OVERDUE, RANK_URGENT, RANK_NOT_YET };

struct candidate {
	enum rank rank;
	double urgency;
	size_t place;
};

double planner_weight(enum creator_priority priority)
{
	static const double weights[] = {
		[PRIORITY_LOW] = 0.25, [PRIORITY_NORMAL] = 1, [PRIORITY_HIGH] = 4
	};
	return weights[priority];
}

/* Every creator of whom nothing is known counts as the average one: three starts a week, lives of
 * about 100 minutes. */
static double rate_of(const struct planner_entry *entry)
{
	static const double start_rate = 3.0 / 168, end_rate = 0.6;
	double rate = (double)entry->loss.rate;
	return rate > 0 ? rate : entry->is_live ? end_rate : start_rate;
}

/* The loss moved on to now. */
static struct planner_loss loss_now(const struct planner_entry *entry, int64_t now_ms)
{
	struct planner_loss loss = entry->loss;
	int64_t since_ms = loss.at_ms > 0 ? loss.at_ms : entry->last_checked_at_ms;
	double h = since_ms > 0 && now_ms > since_ms ? (double)(now_ms - since_ms) / 3600000.0 : 0;
	double rate = rate_of(entry), changes = (double)loss.changes, hours = (double)loss.hours;
	loss.squares += (float)(2 * hours * h + changes * h * h + rate * h * h * h / 3);
	loss.hours += (float)(changes * h + rate * h * h / 2);
	loss.changes += (float)(rate * h);
	loss.at_ms = now_ms;
	return loss;
}

void planner_expect(struct planner_entry *entry, double rate, int64_t now_ms)
{
	entry->loss = loss_now(entry, now_ms);
	entry->loss.rate = (float)rate;
}

void planner_settle(struct planner_entry *entry, int64_t now_ms)
{
	entry->loss = (struct planner_loss){ .rate = entry->loss.rate, .at_ms = now_ms };
}

void planner_move(struct planner_entry *entry, int64_t by_ms)
{
	entry->last_checked_at_ms = clock_moved_ms(entry->last_checked_at_ms, by_ms);
	entry->not_before_ms = clock_moved_ms(entry->not_before_ms, by_ms);
	entry->confirm_at_ms = clock_moved_ms(entry->confirm_at_ms, by_ms);
	entry->known_since_ms = clock_moved_ms(entry->known_since_ms, by_ms);
	entry->loss.at_ms = clock_moved_ms(entry->loss.at_ms, by_ms);
}

/* A late end weighs less than a late start, by the delay and its squares. That there is one weighs
 * something in itself, by a root: so ends are prompt where habits make checks cheap, and give way
 * to the starts where nobody has any. */
static double end_loss(const struct planner_loss *loss)
{
	static const double squares_weight = 0.05, delay_weight = 0.015, itself = 0.0009;
	return squares_weight * (double)loss->squares + delay_weight * (double)loss->hours +
	       itself * sqrt((double)loss->changes);
}

/* The index by which batches are filled: the expected loss. It is the delay, whose squares protect
 * the tail, as the longest delays weigh most. */
static double expected_loss(const struct planner_rules *rules, const struct planner_entry *entry,
			    int64_t now_ms)
{
	struct planner_loss loss = loss_now(entry, now_ms);
	double lost = entry->is_live ? end_loss(&loss)
				     : (double)loss.squares + rules->haste_h * (double)loss.hours;
	return planner_weight(entry->priority) * lost;
}

/* The last check, unless it is said to be in the future: then the clock was wrong, and nothing is
 * known. */
static int64_t checked_at_ms(const struct planner_entry *entry, int64_t now_ms)
{
	return entry->last_checked_at_ms <= now_ms ? entry->last_checked_at_ms : 0;
}

/* When the entry may be asked about in its turn. */
static int64_t turn_at_ms(const struct planner_rules *rules, const struct planner_entry *entry,
			  int64_t now_ms)
{
	int64_t interval_ms = entry->company == PLANNER_ALONE ? rules->quarantine_interval_ms
							      : rules->min_interval_ms;
	int64_t checked_ms = checked_at_ms(entry, now_ms);
	int64_t at_ms = checked_ms > 0 ? checked_ms + interval_ms : 0;
	return at_ms > entry->not_before_ms ? at_ms : entry->not_before_ms;
}

/* When the entry may be asked about for whatever reason, its turn or a confirmation. */
static int64_t may_at_ms(const struct planner_entry *entry, int64_t turn_ms)
{
	int64_t confirm_ms = entry->confirm_at_ms > entry->not_before_ms ? entry->confirm_at_ms
									 : entry->not_before_ms;
	return entry->confirm_at_ms > 0 && confirm_ms < turn_ms ? confirm_ms : turn_ms;
}

bool planner_may_join(const struct planner_rules *rules, const struct planner_entry *entry,
		      int64_t now_ms)
{
	return entry->is_waiting && entry->company == PLANNER_TOGETHER &&
	       may_at_ms(entry, turn_at_ms(rules, entry, now_ms)) <= now_ms;
}

static bool is_to_confirm(const struct planner_entry *entry, int64_t now_ms)
{
	return entry->confirm_at_ms > 0 && entry->confirm_at_ms <= now_ms;
}

/* Nobody waits longer than max_interval if the quota can serve everyone within it; else than twice
 * an even share, which costs next to nothing of what learning gains. The queue of the overdue takes
 * time, so they join it early. */
static int64_t overdue_after_ms(const struct planner_rules *rules)
{
	int64_t limit_ms = rules->sweep_ms <= rules->max_interval_ms ? rules->max_interval_ms
								     : 2 * rules->sweep_ms;
	return limit_ms - limit_ms / 10;
}

/* When the time of an entry is up, for whom a request need not wait for its turn in the day. Where
 * the quota cannot serve everyone, nobody is late. */
static int64_t late_at_ms(const struct planner_rules *rules, const struct planner_entry *entry,
			  int64_t now_ms)
{
	int64_t checked_ms = checked_at_ms(entry, now_ms);
	if (checked_ms == 0 || rules->sweep_ms > rules->max_interval_ms)
		return INT64_MAX;
	return checked_ms + rules->max_interval_ms - rules->max_interval_ms / 30;
}

void planner_batch_add(struct planner_batch *batch, const struct planner_rules *rules,
		       const struct planner_entry *entry, int64_t now_ms)
{
	batch->count++;
	batch->has_confirmation |= is_to_confirm(entry, now_ms);
	batch->has_first |= !entry->is_swept;
	batch->has_late |= late_at_ms(rules, entry, now_ms) <= now_ms;
}

enum quota_use planner_batch_use(const struct planner_batch *batch)
{
	if (batch->has_confirmation || batch->has_late)
		return QUOTA_CONFIRMATION;
	return batch->has_first ? QUOTA_FIRST_SWEEP : QUOTA_ORDINARY;
}

/* Of an entry that may be asked about now. */
static struct candidate candidate_of(const struct planner_rules *rules,
				     const struct planner_entry *entry, size_t place,
				     int64_t overdue_after, int64_t now_ms)
{
	struct candidate candidate = { .rank = RANK_URGENT, .place = place };
	int64_t checked_ms = checked_at_ms(entry, now_ms);
	candidate.urgency = (double)(now_ms - checked_ms);
	if (is_to_confirm(entry, now_ms)) {
		candidate.rank = RANK_CONFIRMATION;
		candidate.urgency = (double)(now_ms - entry->confirm_at_ms);
	} else if (checked_ms == 0 || entry->company == PLANNER_ALONE ||
		   now_ms - checked_ms >= overdue_after) {
		candidate.rank = RANK_OVERDUE;
	} else if (rules->policy == POLICY_LEARNED) {
		candidate.urgency = expected_loss(rules, entry, now_ms);
	}
	return candidate;
}

/* Does a go before b? Equal urgency: the lower place, so that the order is one and the same. */
static bool goes_before(const struct candidate *a, const struct candidate *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank;
	if (a->urgency != b->urgency)
		return a->urgency > b->urgency;
	return a->place < b->place;
}

/* The best of many. There is room for twice as many as are wanted: when it is full the better half
 * stays, and from then on nobody gets in who is worse than all of those. */
struct shortlist {
	struct candidate *items; /* borrowed; 2 * size of them at least */
	size_t count, size;
	struct candidate
		bar; /* the worst of the better half; of rank RANK_NOT_YET before there is one */
};

static void candidates_swap(struct candidate *a, struct candidate *b)
{
	struct candidate moved = *a;
	*a = *b;
	*b = moved;
}

/* Puts one of the middle of them where it belongs, those that go before it before it, the others
 * behind. Returns where that is. */
static size_t candidates_split(struct candidate *items, size_t count)
{
	size_t before = 0;
	struct candidate pivot = items[count / 2];
	candidates_swap(&items[count / 2], &items[count - 1]);
	for (size_t i = 0; i + 1 < count; i++)
		if (goes_before(&items[i], &pivot))
			candidates_swap(&items[i], &items[before++]);
	candidates_swap(&items[before], &items[count - 1]);
	return before;
}

/* Leaves the best of them, in any order but for the worst, which is the last. */
static void shortlist_cut(struct shortlist *list)
{
	size_t low = 0, high = list->count, last = list->size - 1;
	while (high - low > 1) {
		size_t at = low + candidates_split(&list->items[low], high - low);
		if (at == last)
			break;
		if (at < last)
			low = at + 1;
		else
			high = at;
	}
	list->count = list->size;
	list->bar = list->items[last];
}

static void shortlist_offer(struct shortlist *list, const struct candidate *candidate)
{
	if (!goes_before(candidate, &list->bar))
		return;
	list->items[list->count++] = *candidate;
	if (list->count == 2 * list->size)
		shortlist_cut(list);
}

static int compare_candidates(const void *a, const void *b)
{
	return goes_before(a, b) ? -1 : 1; /* no two of them are the same */
}

/* Leaves the best of them, in their order. */
static void shortlist_finish(struct shortlist *list)
{
	if (list->count > list->size)
		shortlist_cut(list);
	qsort(list->items, list->count, sizeof(*list->items), compare_candidates);
}

/* What one look at everybody finds. */
struct survey {
	struct candidate
		leader; /* the most urgent of all, held companies aside: it leads the batch */
	int64_t next_turn_ms, next_pressing_ms; /* of anybody, from now on */
	/* Of one company. */
	struct shortlist list;
	size_t full;      /* so many of the list are a full batch */
	int64_t first_ms; /* when the first of those who may be asked about now might have been */
	int64_t joins_ms; /* when somebody may be who may not now */
	bool is_pressing; /* somebody is in a hurry */
};

static void survey_take(struct survey *survey, const struct planner_entry *entry,
			const struct candidate *candidate, int64_t turn_ms)
{
	shortlist_offer(&survey->list, candidate);
	survey->first_ms = turn_ms < survey->first_ms ? turn_ms : survey->first_ms;
	survey->is_pressing |= candidate->rank == RANK_CONFIRMATION || !entry->is_swept;
}

/* At that time an entry will be in a hurry. */
static void survey_notice(struct survey *survey, int64_t pressing_ms, int64_t now_ms)
{
	if (pressing_ms > now_ms && pressing_ms < survey->next_pressing_ms)
		survey->next_pressing_ms = pressing_ms;
}

/* held: a bit for each company that waits. */
static void survey_make(struct survey *survey, const struct planner_rules *rules,
			const struct planner_entry *entries, size_t count, unsigned held,
			enum planner_company company, int64_t now_ms)
{
	int64_t overdue_after = overdue_after_ms(rules);
	survey->leader = (struct candidate){ .rank = RANK_NOT_YET };
	survey->next_turn_ms = survey->next_pressing_ms = INT64_MAX;
	survey->first_ms = survey->joins_ms = INT64_MAX;
	survey->list.count = 0;
	survey->list.bar = (struct candidate){ .rank = RANK_NOT_YET };
	survey->is_pressing = company == PLANNER_ALONE;
	for (size_t i = 0; i < count; i++) {
		const struct planner_entry *entry = &entries[i];
		if (!entry->is_waiting)
			continue;
		int64_t turn_ms = turn_at_ms(rules, entry, now_ms);
		int64_t may_ms = may_at_ms(entry, turn_ms);
		survey_notice(survey, entry->confirm_at_ms, now_ms);
		survey_notice(survey, late_at_ms(rules, entry, now_ms), now_ms);
		if (may_ms > now_ms) {
			if (may_ms < survey->next_turn_ms)
				survey->next_turn_ms = may_ms;
			if (entry->company == company && turn_ms < survey->joins_ms)
				survey->joins_ms = turn_ms;
			continue;
		}
		struct candidate candidate = candidate_of(rules, entry, i, overdue_after, now_ms);
		if (!(held & 1U << entry->company) && goes_before(&candidate, &survey->leader))
			survey->leader = candidate;
		if (entry->company == company)
			survey_take(survey, entry, &candidate, turn_ms);
	}
}

/* Are those on the list to wait for company? There are places left, nobody among them is in a
 * hurry, and somebody joins them before the first of them has waited for half a min_interval. Half,
 * because of two groups that are asked about at one interval one is never further than that behind
 * the other: so groups that came about (one by one as they were added, by a confirmation, a failed
 * batch, a bisection) merge within a few turns, and from then on nobody waits. With less, three
 * groups a third apart would stay apart for ever. */
static bool survey_is_held(const struct survey *survey, const struct planner_rules *rules)
{
	return survey->list.count < survey->full && !survey->is_pressing &&
	       survey->joins_ms <= survey->first_ms + rules->min_interval_ms / 2;
}

/* Surveys until the company is that of the leader and does not wait. False: there is no leader. The
 * list may be longer than a batch only where its members may share any batch. */
static bool survey_settle(struct survey *survey, const struct planner_rules *rules,
			  const struct planner_entry *entries, size_t count, size_t size,
			  size_t depth, int64_t now_ms)
{
	enum planner_company company = PLANNER_TOGETHER; /* a good guess saves a second look */
	unsigned held = 0;
	for (;;) {
		survey->full = company == PLANNER_ALONE ? 1 : size;
		survey->list.size = company == PLANNER_TOGETHER ? depth : survey->full;
		survey_make(survey, rules, entries, count, held, company, now_ms);
		if (survey->leader.rank == RANK_NOT_YET)
			return false;
		enum planner_company leading = entries[survey->leader.place].company;
		if (leading == company && !survey_is_held(survey, rules))
			return true;
		if (leading == company)
			held |= 1U << company;
		company = leading;
	}
}

void planner_line_up(const struct planner_rules *rules, const struct planner_entry *entries,
		     size_t count, size_t size, size_t depth, int64_t now_ms, size_t *places,
		     struct planner_batch *ret_batch)
{
	assert(size > 0 && size <= LIMIT_BATCH_SIZE && depth >= size);
	CLEANUP(cleanup_free)
	struct candidate *items = memory_resized(NULL, 2 * depth, sizeof(*items));
	struct survey survey = { .list = { .items = items } };
	*ret_batch = (struct planner_batch){ 0 };
	if (!survey_settle(&survey, rules, entries, count, size, depth, now_ms)) {
		ret_batch->next_at_ms = survey.next_turn_ms;
		return;
	}
	shortlist_finish(&survey.list);
	ret_batch->next_at_ms = survey.next_pressing_ms;
	for (size_t i = 0; i < survey.list.count; i++) {
		places[i] = items[i].place;
		planner_batch_add(ret_batch, rules, &entries[places[i]], now_ms);
	}
}

void planner_pick(const struct planner_rules *rules, const struct planner_entry *entries,
		  size_t count, size_t size, int64_t now_ms, size_t *picks,
		  struct planner_batch *ret_batch)
{
	planner_line_up(rules, entries, count, size, size, now_ms, picks, ret_batch);
}

int64_t planner_due_at_ms(const struct planner_rules *rules, const struct planner_entry *entry)
{
	int64_t interval_ms = rules->min_interval_ms;
	if (entry->company == PLANNER_ALONE)
		interval_ms = rules->quarantine_interval_ms;
	else if (rules->sweep_ms > interval_ms)
		interval_ms = rules->sweep_ms;
	int64_t due_ms = entry->last_checked_at_ms > 0 ? entry->last_checked_at_ms + interval_ms
						       : entry->known_since_ms;
	return entry->confirm_at_ms > 0 && entry->confirm_at_ms < due_ms ? entry->confirm_at_ms
									 : due_ms;
}

int64_t planner_sweep_ms(size_t count, size_t size, int64_t pace_ms, int64_t min_interval_ms)
{
	int64_t sweep_ms = (int64_t)((count + size - 1) / size) * pace_ms;
	return sweep_ms > min_interval_ms ? sweep_ms : min_interval_ms;
}
