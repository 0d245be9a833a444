/* answer - what one reply of the bulk live check says about each creator that was asked for.
 *
 *   in:   the body of a reply, the handles that were asked for
 *   out:  LIVE, OFFLINE or UNKNOWN for each of them
 *   not:  HTTP (upstream), what follows from an answer (detector)
 *
 * Pure. The service has answered in several shapes over time, and all of them are read: an array of
 * rows, a map of handles to booleans or rows, `data.results`, one row on its own. An answer is LIVE
 * or OFFLINE only if the service commits itself; whatever is doubtful is UNKNOWN, because a false
 * end is worse than a late one.
 */
#ifndef GOLIVED_DETECT_ANSWER_H
#define GOLIVED_DETECT_ANSWER_H

#include "base/attrs.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The order is that of the labels of golived_poll_answers_total. */
enum answer_verdict { ANSWER_LIVE, ANSWER_OFFLINE, ANSWER_UNKNOWN };

struct answer {
	enum answer_verdict verdict;
	bool is_missing;      /* nothing was said about this creator; UNKNOWN then */
	uint64_t room;        /* of a LIVE; 0: not told */
	char *title;          /* owned; NULL: not told */
	int64_t viewer_count; /* -1: not told */
};

/* Reads `data` of a reply into answers[], one for each of the handles (lower case), in their order.
 * *ret_missing is the number of those about whom nothing was said. -EPROTO where data has no known
 * shape; all are UNKNOWN and missing then. Either way the answers are to be finished by the caller.
 */
int answers_read(const struct json_value *data, const char *const *handles, size_t count,
		 struct answer *answers, size_t *ret_missing) MUST_CHECK;

/* Makes every one of them UNKNOWN. Those that were missing are still told from the others. */
void answers_forget(struct answer *answers, size_t count);

/* Frees what they hold. */
void answers_finish(struct answer *answers, size_t count);

#endif
