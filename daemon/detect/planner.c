#include "detect/planner.h"

#include <assert.h>

/* Ranks before urgency: a lower rank goes first. */
enum rank { RANK_CONFIRMATION, RANK_OVERDUE, RANK_URGENT, RANK_NOT_YET };

struct candidate {
	enum rank rank;
	double urgency;
	size_t place;
};

static const double priority_weights[] = {
	[PRIORITY_LOW] = 0.25, [PRIORITY_NORMAL] = 1, [PRIORITY_HIGH] = 4
};

/* What is expected to be lost by not having looked for so long: the integral of the intensity of
 * starts (of ends, while live) times the square of the time that the change stays undetected, in
 * hours. The square protects the tail: the longest delays weigh most. Every creator counts as the
 * average one: three starts a week, lives of about 100 minutes; a late end weighs 0.3 late starts.
 */
static double expected_loss(bool is_live, int64_t waited_ms)
{
	static const double start_rate = 3.0 / 168, end_rate = 0.6 * 0.3;
	double hours = (double)waited_ms / 3600000.0;
	return (is_live ? end_rate : start_rate) * hours * hours * hours / 3;
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

/* When the entry may be asked about for whatever reason. */
static int64_t may_at_ms(const struct planner_rules *rules, const struct planner_entry *entry,
			 int64_t now_ms)
{
	int64_t at_ms = turn_at_ms(rules, entry, now_ms);
	int64_t confirm_ms = entry->confirm_at_ms > entry->not_before_ms ? entry->confirm_at_ms
									 : entry->not_before_ms;
	return entry->confirm_at_ms > 0 && confirm_ms < at_ms ? confirm_ms : at_ms;
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

static struct candidate candidate_of(const struct planner_rules *rules,
				     const struct planner_entry *entry, size_t place,
				     int64_t now_ms)
{
	struct candidate candidate = { .rank = RANK_NOT_YET, .place = place };
	int64_t checked_ms = checked_at_ms(entry, now_ms);
	if (!entry->is_waiting || may_at_ms(rules, entry, now_ms) > now_ms)
		return candidate;
	if (entry->confirm_at_ms > 0 && entry->confirm_at_ms <= now_ms) {
		candidate.rank = RANK_CONFIRMATION;
		candidate.urgency = (double)(now_ms - entry->confirm_at_ms);
	} else if (checked_ms == 0 || entry->company == PLANNER_ALONE ||
		   now_ms - checked_ms >= overdue_after_ms(rules)) {
		candidate.rank = RANK_OVERDUE;
		candidate.urgency = (double)(now_ms - checked_ms);
	} else if (rules->policy == POLICY_UNIFORM) {
		candidate.rank = RANK_URGENT;
		candidate.urgency = (double)(now_ms - checked_ms);
	} else {
		candidate.rank = RANK_URGENT;
		candidate.urgency = priority_weights[entry->priority] *
				    expected_loss(entry->is_live, now_ms - checked_ms);
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

/* The best of many, in a heap with the worst of them on top. */
struct shortlist {
	struct candidate items[LIMIT_BATCH_SIZE];
	size_t count, size;
};

static void shortlist_sink(struct shortlist *list, size_t at)
{
	for (;;) {
		size_t worst = at;
		for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++)
			if (child < list->count &&
			    goes_before(&list->items[worst], &list->items[child]))
				worst = child;
		if (worst == at)
			return;
		struct candidate moved = list->items[at];
		list->items[at] = list->items[worst];
		list->items[worst] = moved;
		at = worst;
	}
}

static void shortlist_offer(struct shortlist *list, const struct candidate *candidate)
{
	if (list->count == list->size) {
		if (!goes_before(candidate, &list->items[0]))
			return;
		list->items[0] = *candidate;
		shortlist_sink(list, 0);
		return;
	}
	size_t at = list->count++;
	for (; at > 0 && goes_before(&list->items[(at - 1) / 2], candidate); at = (at - 1) / 2)
		list->items[at] = list->items[(at - 1) / 2];
	list->items[at] = *candidate;
}

/* Takes the worst away, so that emptying the list gives it backwards. */
static struct candidate shortlist_pop(struct shortlist *list)
{
	struct candidate worst = list->items[0];
	list->items[0] = list->items[--list->count];
	shortlist_sink(list, 0);
	return worst;
}

/* The most urgent of all leads the batch, those of the held companies (a bit each) aside. */
static struct candidate find_leader(const struct planner_rules *rules,
				    const struct planner_entry *entries, size_t count,
				    int64_t now_ms, unsigned held, int64_t *ret_next_at_ms)
{
	struct candidate leader = { .rank = RANK_NOT_YET };
	int64_t next_turn_ms = INT64_MAX, next_confirm_ms = INT64_MAX;
	for (size_t i = 0; i < count; i++) {
		if (!entries[i].is_waiting)
			continue;
		struct candidate candidate = candidate_of(rules, &entries[i], i, now_ms);
		int64_t may_ms = may_at_ms(rules, &entries[i], now_ms);
		if (candidate.rank != RANK_NOT_YET && !(held & 1U << entries[i].company) &&
		    goes_before(&candidate, &leader))
			leader = candidate;
		if (may_ms > now_ms && may_ms < next_turn_ms)
			next_turn_ms = may_ms;
		if (entries[i].confirm_at_ms > now_ms && entries[i].confirm_at_ms < next_confirm_ms)
			next_confirm_ms = entries[i].confirm_at_ms;
	}
	*ret_next_at_ms = leader.rank == RANK_NOT_YET ? next_turn_ms : next_confirm_ms;
	return leader;
}

/* Fills the list with the most urgent of a company. True if they are to wait for company: there are
 * places left, nobody among them is in a hurry, and somebody joins them before the first of them
 * has waited for half a min_interval. Half, because of two groups that are asked about at one
 * interval one is never further than that behind the other: so groups that came about (one by one
 * as they were added, by a confirmation, a failed batch, a bisection) merge within a few turns, and
 * from then on nobody waits. With less, three groups a third apart would stay apart for ever. */
static bool fill_list(const struct planner_rules *rules, const struct planner_entry *entries,
		      size_t count, enum planner_company company, int64_t now_ms,
		      struct shortlist *list)
{
	int64_t first_ms = INT64_MAX, next_ms = INT64_MAX;
	bool is_pressing = company == PLANNER_ALONE;
	for (size_t i = 0; i < count; i++) {
		if (!entries[i].is_waiting || entries[i].company != company)
			continue;
		struct candidate candidate = candidate_of(rules, &entries[i], i, now_ms);
		int64_t turn_ms = turn_at_ms(rules, &entries[i], now_ms);
		if (candidate.rank == RANK_NOT_YET) {
			next_ms = turn_ms < next_ms ? turn_ms : next_ms;
			continue;
		}
		shortlist_offer(list, &candidate);
		first_ms = turn_ms < first_ms ? turn_ms : first_ms;
		is_pressing |= candidate.rank == RANK_CONFIRMATION || !entries[i].is_swept;
	}
	return list->count < list->size && !is_pressing &&
	       next_ms <= first_ms + rules->min_interval_ms / 2;
}

void planner_pick(const struct planner_rules *rules, const struct planner_entry *entries,
		  size_t count, size_t size, int64_t now_ms, size_t *picks,
		  struct planner_batch *ret_batch)
{
	assert(size > 0 && size <= LIMIT_BATCH_SIZE);
	*ret_batch = (struct planner_batch){ 0 };
	struct shortlist list;
	unsigned held = 0;
	for (bool is_held = true; is_held;) {
		struct candidate leader =
			find_leader(rules, entries, count, now_ms, held, &ret_batch->next_at_ms);
		if (leader.rank == RANK_NOT_YET)
			return;
		enum planner_company company = entries[leader.place].company;
		list.size = company == PLANNER_ALONE ? 1 : size;
		list.count = 0;
		is_held = fill_list(rules, entries, count, company, now_ms, &list);
		held |= 1U << company;
	}
	ret_batch->count = list.count;
	while (list.count > 0) {
		struct candidate pick = shortlist_pop(&list);
		ret_batch->has_confirmation |= pick.rank == RANK_CONFIRMATION;
		ret_batch->has_first |= !entries[pick.place].is_swept;
		picks[list.count] = pick.place;
	}
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
