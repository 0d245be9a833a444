#include "detect/quota.h"

#include "base/clock.h"

#include <math.h>
#include <strings.h>

enum {
	MS_PER_MINUTE = 60 * 1000,
	MS_PER_HOUR = 60 * MS_PER_MINUTE,
	MS_PER_DAY = 24 * MS_PER_HOUR,
	/* A window longer than this is none of a minute, and its limit none of requests a minute.
	 */
	MINUTE_RESET_MAX_MS = 2 * MS_PER_MINUTE,
	/* The longest that a Retry-After or a Reset is believed. */
	CLOSED_MAX_MS = MS_PER_DAY,
	PURSE_MIN = 3,
	PURSE_SHARE = 100, /* of the day: 1 % */
	RECENT_COUNT_BITS = 16,
	RECENT_COUNT_MAX = (1 << RECENT_COUNT_BITS) - 1,
};

static const struct {
	enum config_tier tier;
	const char *name;
	struct quota_limits limits;
} tiers[] = {
	{ TIER_AUTO, "", { 10, 60, 10000 } },
	{ TIER_SANDBOX, "sandbox", { 1, 5, 2500 } },
	{ TIER_BASIC, "basic", { 10, 60, 10000 } },
	{ TIER_PRO, "pro", { 50, 300, 75000 } },
	{ TIER_ULTRA, "ultra", { 100, 1000, 300000 } },
	{ TIER_GLOBAL, "global", { 200, 5000, 1000000 } },
};

static const struct {
	const char *name;
	enum config_tier tier;
} tier_aliases[] = {
	{ "free", TIER_SANDBOX },         { "agency_global", TIER_GLOBAL },
	{ "global_agency", TIER_GLOBAL }, { "global agency", TIER_GLOBAL },
	{ "agency", TIER_GLOBAL },
};

struct quota_limits quota_tier_limits(enum config_tier tier)
{
	return tiers[tier].limits;
}

const char *quota_tier_name(enum config_tier tier)
{
	return tiers[tier].name;
}

enum config_tier quota_tier_parse(const char *name)
{
	if (!name || !*name)
		return TIER_AUTO;
	for (size_t i = 0; i < ARRAY_SIZE(tiers); i++)
		if (strcasecmp(name, tiers[i].name) == 0)
			return tiers[i].tier;
	for (size_t i = 0; i < ARRAY_SIZE(tier_aliases); i++)
		if (strcasecmp(name, tier_aliases[i].name) == 0)
			return tier_aliases[i].tier;
	return TIER_AUTO;
}

static int64_t ms_to_midnight(int64_t now_ms)
{
	return (clock_utc_day(now_ms) + 1) * MS_PER_DAY - now_ms;
}

/* A day has begun, by the wall clock: its count starts at nothing. A clock that steps back into
 * yesterday does not give yesterday's requests again. */
static void quota_turn_day(struct quota *quota, int64_t now_ms)
{
	int64_t day = clock_utc_day(now_ms);
	if (day <= quota->day)
		return;
	quota->day = day;
	quota->used = 0;
}

int64_t quota_remaining_today(const struct quota *quota, int64_t now_ms)
{
	int64_t used = clock_utc_day(now_ms) > quota->day ? 0 : quota->used;
	int64_t left = quota->requests_per_day - used;
	return left > 0 ? left : 0;
}

/* The reserve: its share of what the rest of the day would be given. */
static double quota_reserve_an_hour(const struct quota *quota)
{
	return (double)quota->requests_per_day * (double)quota->reserve_percent / 100.0 /
	       PACE_HOURS;
}

static double quota_reserve(const struct quota *quota, int64_t now_ms)
{
	return quota_reserve_an_hour(quota) * pace_rest(&quota->pace, now_ms);
}

/* What ordinary requests may use of the rest of the day. */
static double quota_free_today(const struct quota *quota, int64_t now_ms)
{
	double free_today =
		(double)quota_remaining_today(quota, now_ms) - quota_reserve(quota, now_ms);
	return free_today > 0 ? free_today : 0;
}

/* Requests a millisecond that the purse is filled with. */
static double quota_rate(const struct quota *quota, int64_t now_ms)
{
	return quota_free_today(quota, now_ms) * pace_rate(&quota->pace, now_ms);
}

static double purse_max(const struct quota *quota)
{
	double share = (double)quota->requests_per_day / PURSE_SHARE;
	return share < PURSE_MIN ? PURSE_MIN : share;
}

static void quota_fill_purse(struct quota *quota, int64_t now_ms, int64_t mono_ms)
{
	double filled = quota_rate(quota, now_ms) * (double)(mono_ms - quota->purse_mono_ms);
	quota->purse_mono_ms = mono_ms;
	quota->purse += filled;
	if (quota->purse > purse_max(quota))
		quota->purse = purse_max(quota);
}

void quota_init(struct quota *quota, int64_t now_ms, int64_t mono_ms)
{
	*quota = (struct quota){ .day = clock_utc_day(now_ms), .purse_mono_ms = mono_ms };
	for (unsigned i = 0; i < QUOTA_SLOTS; i++)
		quota->slots[i].number = -1;
	struct quota_limits limits = quota_tier_limits(TIER_AUTO);
	quota_set_limits(quota, limits.requests_per_minute, limits.requests_per_day, 0, false);
	quota->purse = purse_max(quota);
}

void quota_set_limits(struct quota *quota, int64_t requests_per_minute, int64_t requests_per_day,
		      int64_t reserve_percent, bool limit_is_fixed)
{
	bool was_full = quota->purse >= purse_max(quota);
	quota->requests_per_minute = requests_per_minute;
	quota->requests_per_day = requests_per_day;
	quota->reserve_percent = reserve_percent;
	quota->limit_is_fixed = limit_is_fixed;
	if (was_full || quota->purse > purse_max(quota))
		quota->purse = purse_max(quota);
}

void quota_set_pace(struct quota *quota, const struct pace *pace)
{
	quota->pace = *pace;
}

void quota_set_used(struct quota *quota, int64_t day, int64_t used)
{
	if (day == quota->day && used > quota->used)
		quota->used = used;
}

/* ---- the minute ---- */

static int64_t slot_leaves_mono_ms(const struct quota_slot *slot)
{
	return (slot->number + 1) * QUOTA_SLOT_MS + QUOTA_WINDOW_MS;
}

static bool slot_counts(const struct quota_slot *slot, int64_t mono_ms)
{
	return slot->number >= 0 && slot_leaves_mono_ms(slot) > mono_ms;
}

static void quota_count_sent(struct quota *quota, int64_t sent_mono_ms, int64_t sent)
{
	int64_t number = sent_mono_ms / QUOTA_SLOT_MS;
	struct quota_slot *slot = &quota->slots[number % QUOTA_SLOTS];
	if (slot->number != number)
		*slot = (struct quota_slot){ .number = number };
	slot->sent += sent;
}

/* How long until the window has room for one more: the oldest slots leave first. */
static int64_t quota_wait_window_ms(const struct quota *quota, int64_t mono_ms)
{
	int64_t in_window = quota->taken;
	for (unsigned i = 0; i < QUOTA_SLOTS; i++)
		if (slot_counts(&quota->slots[i], mono_ms))
			in_window += quota->slots[i].sent;
	int64_t excess = in_window + 1 - quota->requests_per_minute;
	if (excess <= 0)
		return 0;
	int64_t first = mono_ms / QUOTA_SLOT_MS + 1;
	for (int64_t number = first; number < first + QUOTA_SLOTS; number++) {
		const struct quota_slot *slot = &quota->slots[number % QUOTA_SLOTS];
		if (!slot_counts(slot, mono_ms))
			continue;
		excess -= slot->sent;
		if (excess <= 0)
			return slot_leaves_mono_ms(slot) - mono_ms;
	}
	return INT64_MAX; /* what was granted is not sent yet; its sending will tell */
}

bool quota_is_closed(const struct quota *quota, int64_t mono_ms)
{
	return quota->closed_until_mono_ms > mono_ms;
}

static int64_t quota_wait_service_ms(const struct quota *quota, int64_t mono_ms)
{
	int64_t wait_ms = 0;
	if (quota_is_closed(quota, mono_ms))
		wait_ms = quota->closed_until_mono_ms - mono_ms;
	bool is_used_up = quota->has_remaining && quota->reset_mono_ms > mono_ms &&
			  quota->remaining - quota->taken <= 0;
	if (is_used_up && quota->reset_mono_ms - mono_ms > wait_ms)
		wait_ms = quota->reset_mono_ms - mono_ms;
	return wait_ms;
}

/* ---- the day ---- */

/* Until the shrinking reserve leaves something of the day for ordinary requests. */
static int64_t quota_wait_reserve_ms(const struct quota *quota, int64_t now_ms)
{
	double remaining = (double)quota_remaining_today(quota, now_ms);
	if (remaining > quota_reserve(quota, now_ms))
		return 0;
	return pace_wait_ms(&quota->pace, now_ms, remaining / quota_reserve_an_hour(quota)) + 1;
}

/* Until the purse holds a whole request. */
static int64_t quota_wait_purse_ms(const struct quota *quota, int64_t now_ms)
{
	if (quota->purse >= 1)
		return 0;
	double rate = quota_rate(quota, now_ms);
	double wait_ms = rate > 0 ? (1 - quota->purse) / rate + 1 : MS_PER_MINUTE;
	return wait_ms < MS_PER_DAY ? (int64_t)wait_ms : MS_PER_DAY;
}

static int64_t quota_wait_day_ms(struct quota *quota, enum quota_use use, int64_t now_ms,
				 int64_t mono_ms)
{
	int64_t to_midnight_ms = ms_to_midnight(now_ms);
	quota_turn_day(quota, now_ms);
	quota_fill_purse(quota, now_ms, mono_ms);
	if (quota_remaining_today(quota, now_ms) == 0)
		return to_midnight_ms;
	if (use == QUOTA_CONFIRMATION)
		return 0;
	int64_t wait_ms = quota_wait_purse_ms(quota, now_ms);
	if (use == QUOTA_ORDINARY && quota_wait_reserve_ms(quota, now_ms) > wait_ms)
		wait_ms = quota_wait_reserve_ms(quota, now_ms);
	return wait_ms < to_midnight_ms ? wait_ms : to_midnight_ms;
}

int64_t quota_wait_ms(struct quota *quota, enum quota_use use, int64_t now_ms, int64_t mono_ms)
{
	int64_t wait_ms = quota_wait_day_ms(quota, use, now_ms, mono_ms);
	int64_t window_ms = quota_wait_window_ms(quota, mono_ms);
	int64_t service_ms = quota_wait_service_ms(quota, mono_ms);
	if (window_ms > wait_ms)
		wait_ms = window_ms;
	return service_ms > wait_ms ? service_ms : wait_ms;
}

/* ---- requests ---- */

void quota_take(struct quota *quota, int64_t now_ms, int64_t mono_ms)
{
	quota_turn_day(quota, now_ms);
	quota_fill_purse(quota, now_ms, mono_ms);
	quota->taken++;
	quota->used++;
	/* Confirmations may overdraw it, within bounds: they must not silence the ordinary for
	 * long. */
	quota->purse -= quota->purse > -purse_max(quota) ? 1 : 0;
}

void quota_sent(struct quota *quota, int64_t mono_ms)
{
	quota->taken--;
	quota->in_flight++;
	if (quota->has_remaining)
		quota->remaining--;
	quota_count_sent(quota, mono_ms, 1);
}

void quota_not_sent(struct quota *quota)
{
	quota->taken--;
	quota->used -= quota->used > 0;
}

void quota_ended(struct quota *quota)
{
	quota->in_flight--;
}

void quota_notice(struct quota *quota, const struct quota_notice *notice, int64_t mono_ms)
{
	bool is_of_a_minute = !notice->has_reset || notice->reset_in_ms <= MINUTE_RESET_MAX_MS;
	if (notice->has_limit && notice->limit > 0 && is_of_a_minute && !quota->limit_is_fixed)
		quota->requests_per_minute = notice->limit;
	if (!notice->has_remaining || !notice->has_reset || notice->reset_in_ms <= 0)
		return;
	/* What is in flight may or may not be counted in `remaining` yet: say it is not. And of two
	 * responses about one window the smaller number is the later. */
	int64_t reset_in_ms =
		notice->reset_in_ms < CLOSED_MAX_MS ? notice->reset_in_ms : CLOSED_MAX_MS;
	int64_t remaining = notice->remaining - quota->in_flight;
	bool same_window = quota->has_remaining && quota->reset_mono_ms > mono_ms &&
			   mono_ms + reset_in_ms <= quota->reset_mono_ms + 1000;
	if (!same_window || remaining < quota->remaining)
		quota->remaining = remaining;
	if (!same_window)
		quota->reset_mono_ms = mono_ms + reset_in_ms;
	quota->has_remaining = true;
}

void quota_refused(struct quota *quota, const struct quota_notice *notice, int64_t mono_ms)
{
	int64_t wait_ms = QUOTA_REFUSED_MS;
	if (notice->has_retry_after && notice->retry_after_ms >= 0)
		wait_ms = notice->retry_after_ms;
	else if (notice->has_reset && notice->reset_in_ms > 0)
		wait_ms = notice->reset_in_ms;
	if (wait_ms > CLOSED_MAX_MS)
		wait_ms = CLOSED_MAX_MS;
	if (mono_ms + wait_ms > quota->closed_until_mono_ms)
		quota->closed_until_mono_ms = mono_ms + wait_ms;
}

/* One request in so many milliseconds, if so many are spread over a time. */
static int64_t even_pace_ms(const struct quota *quota, double requests, int64_t over_ms)
{
	if (requests <= 0)
		return over_ms;
	double pace_ms = (double)over_ms / requests;
	double minute_pace_ms = (double)MS_PER_MINUTE / (double)quota->requests_per_minute;
	return (int64_t)(pace_ms > minute_pace_ms ? pace_ms : minute_pace_ms);
}

int64_t quota_pace_ms(const struct quota *quota, int64_t now_ms)
{
	return even_pace_ms(quota, quota_free_today(quota, now_ms), ms_to_midnight(now_ms));
}

int64_t quota_day_pace_ms(const struct quota *quota)
{
	double free_share = (double)(100 - quota->reserve_percent) / 100.0;
	return even_pace_ms(quota, (double)quota->requests_per_day * free_share, MS_PER_DAY);
}

int64_t quota_this_hour(const struct quota *quota, int64_t now_ms)
{
	double an_hour = quota_rate(quota, now_ms) * MS_PER_HOUR;
	double at_most = (double)quota->requests_per_minute * MS_PER_HOUR / MS_PER_MINUTE;
	return llround(an_hour < at_most ? an_hour : at_most);
}

/* ---- over a restart ---- */

/* minute << 32 | requests of the minute before << 16 | requests of the minute. */
int64_t quota_recent(int64_t stored, int64_t now_ms)
{
	int64_t minute = now_ms / MS_PER_MINUTE;
	int64_t stored_minute = stored >> (2 * RECENT_COUNT_BITS);
	int64_t before = stored >> RECENT_COUNT_BITS & RECENT_COUNT_MAX;
	int64_t count = stored & RECENT_COUNT_MAX;
	if (minute == stored_minute + 1) {
		before = count;
		count = 0;
	} else if (minute != stored_minute) {
		before = count = 0;
	}
	count += count < RECENT_COUNT_MAX;
	return minute << (2 * RECENT_COUNT_BITS) | before << RECENT_COUNT_BITS | count;
}

bool quota_is_of_this_minute(int64_t stored, int64_t now_ms)
{
	return stored >> (2 * RECENT_COUNT_BITS) == now_ms / MS_PER_MINUTE;
}

static void quota_resume_minute(struct quota *quota, int64_t minute, int64_t count, int64_t now_ms,
				int64_t mono_ms)
{
	int64_t end_ms = (minute + 1) * MS_PER_MINUTE;
	int64_t age_ms = end_ms < now_ms ? now_ms - end_ms : 0;
	if (count > 0 && age_ms < QUOTA_WINDOW_MS && age_ms <= mono_ms)
		quota_count_sent(quota, mono_ms - age_ms, count);
}

void quota_resume(struct quota *quota, int64_t stored, int64_t now_ms, int64_t mono_ms)
{
	int64_t minute = stored >> (2 * RECENT_COUNT_BITS);
	if (minute > now_ms / MS_PER_MINUTE)
		return; /* the clock was ahead then: nothing to go by */
	quota_resume_minute(quota, minute, stored & RECENT_COUNT_MAX, now_ms, mono_ms);
	quota_resume_minute(quota, minute - 1, stored >> RECENT_COUNT_BITS & RECENT_COUNT_MAX,
			    now_ms, mono_ms);
}

int64_t quota_closed_for_ms(const struct quota *quota, int64_t mono_ms)
{
	return quota_is_closed(quota, mono_ms) ? quota->closed_until_mono_ms - mono_ms : 0;
}

void quota_resume_closed(struct quota *quota, int64_t at_ms, int64_t for_ms, int64_t now_ms,
			 int64_t mono_ms)
{
	int64_t passed_ms = now_ms > at_ms ? now_ms - at_ms : 0;
	if (for_ms > CLOSED_MAX_MS)
		for_ms = CLOSED_MAX_MS;
	if (passed_ms < for_ms)
		quota->closed_until_mono_ms = mono_ms + for_ms - passed_ms;
}
