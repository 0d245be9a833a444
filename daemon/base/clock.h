/* clock - the only place that asks what time it is, and the only one that writes a time as text.
 *
 * Pure parts take `now` as an argument; services ask here. Wall time (`_ms`: Unix milliseconds,
 * UTC) is what is stored and sent, and may be set; monotonic time (`_mono_ms`, suspensions of the
 * machine included) measures how long something took.
 */
#ifndef GOLIVED_BASE_CLOCK_H
#define GOLIVED_BASE_CLOCK_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stdint.h>

int64_t clock_now_ms(void);
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);

/* How far the wall clock was ahead of the monotonic one, and when that was seen; zeroed before its
 * first use. */
struct clock_anchor {
	bool is_set;
	int64_t ahead_ms, mono_ms;
};

enum { CLOCK_STEP_MIN_MS = 5000, CLOCK_DRIFT_MAX_PPM = 1000 };

/* By how much the wall clock was set since the last look at it; 0: it was not, or by less than
 * CLOCK_STEP_MIN_MS, or it only drifts, which nobody need follow. */
int64_t clock_step_ms(struct clock_anchor *anchor, int64_t now_ms, int64_t mono_ms);

/* A planned time after the wall clock was set by so much; 0, which is none, stays. */
int64_t clock_moved_ms(int64_t time_ms, int64_t by_ms);

enum { CLOCK_TEXT_SIZE = 32 };

/* "2026-06-18T13:00:00.000Z" (RFC 3339, UTC, milliseconds) of a time from the year 0 to 9999.
 * Returns text. */
char *clock_format(int64_t unix_ms, char text[CLOCK_TEXT_SIZE]);

/* The reverse, for times in requests: RFC 3339 with any offset and 0 to 9 decimals ("…T13:00:00Z",
 * "…+02:00"). -EINVAL for anything else. */
int clock_parse(const char *text, int64_t *ret_unix_ms) MUST_CHECK;

/* An HTTP date (IMF-fixdate, RFC 850 or asctime form, RFC 9110 5.6.7) as Unix seconds. -EINVAL for
 * anything else. */
int clock_parse_http_date(const char *text, int64_t *ret_unix_s) MUST_CHECK;

/* Days since 1970-01-01 in UTC: the key under which the day's quota and the day's counters are
 * kept. */
int64_t clock_utc_day(int64_t unix_ms);

#endif
