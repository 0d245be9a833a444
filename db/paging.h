/* paging - the bounds of a page: ids carry the time of their making, so a range of times is a range
 * of ids, which an index finds. For db/ only. */
#ifndef GOLIVED_DB_PAGING_H
#define GOLIVED_DB_PAGING_H

#include "base/ulid.h"

#include <stdint.h>

/* A clock that is set back makes ids younger than the times that are stored with them (ids only
 * grow), and an event may be told a little after it occurred. The exact times are compared as well;
 * the ids only keep a query away from what is far outside. */
enum { PAGING_SLACK_MS = 3600 * 1000 };

struct id_range {
	char from[ID_TEXT_SIZE]; /* included */
	char to[ID_TEXT_SIZE];   /* not included */
};

/* The ids that may have a time in [since, until); 0: open. And, unless after is "", below it. */
void paging_id_range(const char *prefix, const char *after, int64_t since_ms, int64_t until_ms,
		     struct id_range *ret_range);

#endif
