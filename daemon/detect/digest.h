/* digest - turns the answers of one batch into what is to be stored.
 *
 *   in:   the roster, answers, rules, the guard against mass flips
 *   out:  a record: new states, transitions, checks
 *   not:  storing it (record)
 *
 * Pure but for the guard, which counts the batch in. The roster changes only with digest_commit().
 */
#ifndef GOLIVED_DETECT_DIGEST_H
#define GOLIVED_DETECT_DIGEST_H

#include "detect/record.h"
#include "detect/roster.h"

struct digest_rules {
	struct detector_rules detector;
	struct planner_rules planner;
};

/* A flip that is held is looked at again so soon, or after min_interval if that is sooner. */
enum { DIGEST_SECOND_CHECK_MS = 30 * 1000, DIGEST_DOUBT_FIRST_MS = 1000 };

/* record: initialised with count rows. Titles move from the answers to it. ret_held[d]: how many
 * flips in direction d were held. */
void digest_batch(const struct digest_rules *rules, struct massflip *massflip,
		  const struct roster *roster, const size_t *places, struct answer *answers,
		  struct record *record, size_t ret_held[MASSFLIP_DIRECTIONS]);

/* What was committed becomes true in memory. moved_ms: by how much the wall clock was set since the
 * answers came. */
void digest_commit(const struct record *record, int64_t moved_ms, struct roster *roster);

#endif
