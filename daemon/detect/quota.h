/* quota - how often the service may be asked: within any minute, and within the UTC day.
 *
 *   in:   limits as known so far, what was sent, what the responses' headers say
 *   out:  how long to wait before the next request
 *   not:  remembering the day's count over a restart (poller, db), whom to ask (planner)
 *
 * Pure. Three rules, of which the strictest holds: no 60 s window has more requests than the limit
 * a minute, nor more than the service says remain; after a 429 nothing goes out until its time is
 * over; and the day's requests are spread over the rest of the UTC day. The day binds on every
 * tier: at full minute rate it would be gone within hours.
 *
 * Spreading is a purse: it fills at the rate that uses up exactly what the day has left, faster in
 * the hours that are worth it (pace), and holds 1 % of the day at most, so that a short burst (a
 * restart, a creator just added) need not wait.
 * Part of the rest of the day is kept out of it as a reserve, for which only confirmations and
 * first sweeps may ask; it shrinks with the day, so that nothing is left over at midnight.
 *
 * Windows are measured on the monotonic clock, the day on the wall clock.
 */
#ifndef GOLIVED_DETECT_QUOTA_H
#define GOLIVED_DETECT_QUOTA_H

#include "base/config.h"
#include "detect/pace.h"

#include <stdbool.h>
#include <stdint.h>

/* What a tier allows before the service has said anything (CONTRACT, section 3). */
struct quota_limits {
	int64_t batch_size;
	int64_t requests_per_minute;
	int64_t requests_per_day;
};

/* Of TIER_AUTO: those of basic, the smallest tier that has bulk checks. */
struct quota_limits quota_tier_limits(enum config_tier tier);
const char *quota_tier_name(enum config_tier tier); /* "sandbox" …; "" for TIER_AUTO */
/* The tier by the name that the service gives it ("free", "agency_global", …), TIER_AUTO for one
 * that is not known. */
enum config_tier quota_tier_parse(const char *name);

/* What the headers of a response say; relative to when it was made. */
struct quota_notice {
	bool has_limit, has_remaining, has_reset, has_retry_after;
	int64_t limit, remaining;
	int64_t reset_in_ms;
	int64_t retry_after_ms;
};

/* Sent requests are counted in slots: a request leaves the window up to QUOTA_SLOT_MS late, never
 * early. The window is longer than 60 s, for requests that are slow on their way. */
enum {
	QUOTA_SLOT_MS = 250,
	QUOTA_SLOTS = 246,
	QUOTA_WINDOW_MS = 60500,
	QUOTA_REFUSED_MS = 60000, /* after a 429 that names no time */
};

struct quota_slot {
	int64_t number; /* monotonic time / QUOTA_SLOT_MS */
	int64_t sent;
};

/* What a request is for. A first sweep (after a start, of creators just added) need not mind the
 * reserve; a confirmation, and who has waited for max_interval, need not wait for the purse either.
 */
enum quota_use { QUOTA_ORDINARY, QUOTA_FIRST_SWEEP, QUOTA_CONFIRMATION };

struct quota {
	/* The limits in force. */
	int64_t requests_per_minute, requests_per_day;
	int64_t reserve_percent;
	bool limit_is_fixed; /* by the operator: headers do not change it */
	/* The minute. */
	struct quota_slot slots[QUOTA_SLOTS];
	int64_t taken; /* granted, not yet sent */
	int64_t in_flight;
	bool has_remaining;
	int64_t remaining;
	int64_t reset_mono_ms;
	int64_t closed_until_mono_ms;
	/* The day. */
	int64_t day; /* clock_utc_day */
	int64_t used;
	struct pace pace;
	double purse;
	int64_t purse_mono_ms;
};

void quota_init(struct quota *quota, int64_t now_ms, int64_t mono_ms);

/* New limits; the purse is kept within them. */
void quota_set_limits(struct quota *quota, int64_t requests_per_minute, int64_t requests_per_day,
		      int64_t reserve_percent, bool limit_is_fixed);

/* How the hours share the day from now on. */
void quota_set_pace(struct quota *quota, const struct pace *pace);

/* What the store has on record for that day; never less than what is known. */
void quota_set_used(struct quota *quota, int64_t day, int64_t used);

/* How long to wait before a request may go out: 0 now, INT64_MAX when only an answer under way can
 * tell. */
int64_t quota_wait_ms(struct quota *quota, enum quota_use use, int64_t now_ms, int64_t mono_ms);

/* A request is granted, and counted; it is sent, or it never will be and does not count (unless the
 * store has it on record: quota_set_used); it has ended. */
void quota_take(struct quota *quota, int64_t now_ms, int64_t mono_ms);
void quota_sent(struct quota *quota, int64_t mono_ms);
void quota_not_sent(struct quota *quota);
void quota_ended(struct quota *quota);

/* After quota_ended(): what the response said. */
void quota_notice(struct quota *quota, const struct quota_notice *notice, int64_t mono_ms);
/* Is there to be silence, after a 429? A request that was granted before must not be sent, either.
 */
bool quota_is_closed(const struct quota *quota, int64_t mono_ms);
/* The response was a 429. */
void quota_refused(struct quota *quota, const struct quota_notice *notice, int64_t mono_ms);

/* What is left of the day, 0 at least. */
int64_t quota_remaining_today(const struct quota *quota, int64_t now_ms);

/* Milliseconds from one ordinary request to the next if the day's rest is spread evenly, and if a
 * whole day is. */
int64_t quota_pace_ms(const struct quota *quota, int64_t now_ms);
int64_t quota_day_pace_ms(const struct quota *quota);

/* Ordinary requests that this hour would get in all, at the pace of now. */
int64_t quota_this_hour(const struct quota *quota, int64_t now_ms);

/* The requests of this and the previous minute as one number, to be stored before each request, and
 * taken back after a restart: all of them count as sent at the latest time they can have been, the
 * end of their minute. So a request must not go out once the minute it was counted for is over. */
int64_t quota_recent(int64_t stored, int64_t now_ms);
bool quota_is_of_this_minute(int64_t stored, int64_t now_ms);
void quota_resume(struct quota *quota, int64_t stored, int64_t now_ms, int64_t mono_ms);

/* For how long there is to be silence still, to be stored when it is asked for, and taken back
 * after a restart: for_ms from at_ms on. A clock that was set back makes it no longer than that. */
int64_t quota_closed_for_ms(const struct quota *quota, int64_t mono_ms);
void quota_resume_closed(struct quota *quota, int64_t at_ms, int64_t for_ms, int64_t now_ms,
			 int64_t mono_ms);

#endif
