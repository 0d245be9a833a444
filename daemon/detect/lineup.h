/* lineup - the next batches at a high rate, without a look at everybody for each of them.
 *
 *   in:   what the planner puts in order
 *   out:  batches, as planner_pick() gives them
 *   not:  the order itself (planner), the rate (quota)
 *
 * One look serves for LINEUP_MS, and for as many batches as go out in that time. Within it the
 * order is that of the look: who has become more urgent since, by a confirmation that is due or
 * otherwise, waits for the next look. Who may no longer be asked about is passed over. Where
 * requests are further apart than LINEUP_MS each has a look of its own.
 */
#ifndef GOLIVED_DETECT_LINEUP_H
#define GOLIVED_DETECT_LINEUP_H

#include "detect/planner.h"

enum {
	LINEUP_MS = 200,
	LINEUP_BATCHES_MAX = 16, /* of the tier `global`, 5,000 a minute, in that time */
};

struct lineup {
	size_t *places; /* owned; the most urgent first */
	size_t count, capacity;
	size_t first;         /* those before have had their turn */
	int64_t looked_at_ms; /* when it was made */
	/* When the next confirmation is due that was known of then, or somebody late; INT64_MAX:
	 * none. */
	int64_t pressing_at_ms;
};

void lineup_init(struct lineup *lineup);
void lineup_finish(struct lineup *lineup);

/* As planner_pick(). pace_ms: how far requests are apart. Whoever is picked is passed over from
 * when on the entry says that it is in a batch; until then the same are picked again. */
void lineup_pick(struct lineup *lineup, const struct planner_rules *rules,
		 const struct planner_entry *entries, size_t count, size_t size, int64_t pace_ms,
		 int64_t now_ms, size_t *picks, struct planner_batch *ret_batch);

#endif
