#include "deliver/schedule.h"

#include "base/attrs.h"
#include "base/clock.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

enum { STATUS_GONE = 410, STATUS_TOO_MANY_REQUESTS = 429, STATUS_UNAVAILABLE = 503 };

bool schedule_is_success(int status)
{
	return status >= 200 && status <= 299;
}

/* Delay-seconds of RFC 9110, 10.2.3, with space around them, as milliseconds of max at most. False
 * for what are none. */
static bool parse_seconds(const char *text, int64_t max_ms, int64_t *ret_delay_ms)
{
	int64_t delay_ms = 0;

	text += strspn(text, " \t");
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || text[digits + strspn(text + digits, " \t")] != '\0')
		return false;
	for (size_t i = 0; i < digits && delay_ms < max_ms; i++)
		delay_ms = delay_ms * 10 + (int64_t)(text[i] - '0') * 1000;
	*ret_delay_ms = delay_ms < max_ms ? delay_ms : max_ms;
	return true;
}

/* How long after its answer the receiver wants to be left alone; 0 where it does not say so, or
 * not in a way that counts. */
static int64_t wanted_delay_ms(const struct schedule *schedule,
			       const struct schedule_answer *answer)
{
	int64_t delay_ms, date_s;

	if (answer->status != STATUS_TOO_MANY_REQUESTS && answer->status != STATUS_UNAVAILABLE)
		return 0;
	if (!answer->retry_after)
		return 0;
	if (parse_seconds(answer->retry_after, schedule->retry_after_max_ms, &delay_ms))
		return delay_ms;
	if (clock_parse_http_date(answer->retry_after, &date_s) != 0 ||
	    date_s <= answer->answered_at_ms / 1000)
		return 0;
	if (date_s > (answer->answered_at_ms + schedule->retry_after_max_ms) / 1000)
		return schedule->retry_after_max_ms;
	return date_s * 1000 - answer->answered_at_ms;
}

/* The gap that the schedule has after this attempt, counted from its start: a late attempt moves
 * what follows. A Retry-After counts from the answer and only makes it later. */
static int64_t next_attempt_ms(const struct schedule *schedule,
			       const struct schedule_answer *answer)
{
	int64_t gap_ms =
		schedule->offsets_ms[answer->attempt] - schedule->offsets_ms[answer->attempt - 1];
	int64_t planned_ms = answer->started_at_ms + gap_ms;
	int64_t wanted_ms = answer->answered_at_ms + wanted_delay_ms(schedule, answer);
	return wanted_ms > planned_ms ? wanted_ms : planned_ms;
}

/* A reload may have made the schedule shorter than what was tried already: then as after the last
 * step. */
void schedule_waits(const struct schedule *schedule, struct delivery_waits *ret_waits)
{
	int64_t gap_ms = schedule->offsets_ms[0];
	for (unsigned made = 0; made < ARRAY_SIZE(ret_waits->after_ms); made++) {
		if (made > 0 && made < schedule->steps)
			gap_ms = schedule->offsets_ms[made] - schedule->offsets_ms[made - 1];
		ret_waits->after_ms[made] = gap_ms;
	}
	ret_waits->asked_for_ms = schedule->retry_after_max_ms;
}

struct schedule_decision schedule_decide(const struct schedule *schedule,
					 const struct schedule_answer *answer)
{
	assert(answer->attempt > 0);
	if (schedule_is_success(answer->status))
		return (struct schedule_decision){ .verdict = ATTEMPT_DELIVERED };
	if (answer->is_test)
		return (struct schedule_decision){ .verdict = ATTEMPT_DEAD };
	if (answer->status == STATUS_GONE)
		return (struct schedule_decision){ .verdict = ATTEMPT_DEAD,
						   .endpoint_is_gone = true };
	/* A reload may have made the schedule shorter than what was tried already. */
	if (answer->attempt >= schedule->steps)
		return (struct schedule_decision){ .verdict = ATTEMPT_DEAD };
	return (struct schedule_decision){ .verdict = ATTEMPT_RETRY,
					   .retry_at_ms = next_attempt_ms(schedule, answer) };
}
