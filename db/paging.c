#include "db/paging.h"

#include <stdio.h>
#include <string.h>

static const int64_t end_of_time_ms = (INT64_C(1) << 48) - 1;

/* The smallest id of a time: its random part is zero. */
static void first_id_at(const char *prefix, int64_t at_ms, char text[ID_TEXT_SIZE])
{
	static const uint8_t zeros[10];
	struct ulid_source source = { { 0 } };
	ulid_next(&source, prefix, at_ms < 1 ? 1 : at_ms, zeros, text);
}

void paging_id_range(const char *prefix, const char *after, int64_t since_ms, int64_t until_ms,
		     struct id_range *ret_range)
{
	/* ULIDs start with a digit from 0 to 7, so that the prefix alone is below, and "8" above.
	 */
	snprintf(ret_range->from, sizeof(ret_range->from), "%s", prefix);
	snprintf(ret_range->to, sizeof(ret_range->to), "%s8", prefix);
	if (since_ms > 0 && since_ms < end_of_time_ms)
		first_id_at(prefix, since_ms - PAGING_SLACK_MS, ret_range->from);
	if (until_ms > 0 && until_ms < end_of_time_ms - PAGING_SLACK_MS)
		first_id_at(prefix, until_ms + PAGING_SLACK_MS, ret_range->to);
	if (after[0] != '\0' && strcmp(after, ret_range->to) < 0)
		snprintf(ret_range->to, sizeof(ret_range->to), "%s", after);
}
