#include "campaign.h"

#include "base/clock.h"
#include "base/memory.h"
#include "detect/digest.h"
#include "detect/forecast.h"
#include "detect/quota.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	SECOND_MS = 1000,
	MINUTE_MS = 60 * SECOND_MS,
	BACKOFF_MS = 1500,
	RESERVE_PERCENT = 10,
	FORESEE_MS = 30 * SECOND_MS,
};

/* What was told of a life. */
struct telling {
	bool start, end;
};

struct campaign {
	const struct stage *stage;
	const struct campaign_options *options;
	struct campaign_result *result;
	struct roster roster;
	struct quota quota;
	struct forecast forecast;
	struct massflip massflip;
	struct digest_rules rules;
	size_t *at;           /* by place: the life that is on, or comes next */
	struct telling *told; /* by life: those of place 0 first */
	size_t *first_life;   /* by place: where its lives begin in `told` */
	bool *was_lied;       /* by place: the last answer was a lie */
	uint64_t random;
	int64_t now_ms, foreseen_ms, backed_off_ms;
	int64_t *sent_ms; /* of the last per_minute requests, a ring */
	size_t sent;
	int64_t window_first, day, day_requests;
};

/* ---- delays ---- */

static void delays_add(struct delays *delays, double seconds)
{
	if (delays->count == delays->capacity) {
		delays->capacity = delays->capacity ? delays->capacity * 2 : 1024;
		delays->seconds = memory_resized(delays->seconds, delays->capacity, sizeof(double));
	}
	delays->seconds[delays->count++] = seconds;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

double delays_mean(const struct delays *delays)
{
	double sum = 0;
	for (size_t i = 0; i < delays->count; i++)
		sum += delays->seconds[i];
	return delays->count ? sum / (double)delays->count : 0;
}

double delays_quantile(const struct delays *delays, double share)
{
	size_t at = (size_t)(share * (double)delays->count);
	return delays->count ? delays->seconds[at < delays->count ? at : delays->count - 1] : 0;
}

/* ---- the truth ---- */

static const struct life *life_now(struct campaign *campaign, size_t place)
{
	const struct cast *cast = &campaign->stage->casts[place];
	size_t *at = &campaign->at[place];
	while (*at < cast->count && cast->lives[*at].end_ms <= campaign->now_ms)
		(*at)++;
	bool is_live = *at < cast->count && cast->lives[*at].start_ms <= campaign->now_ms;
	return is_live ? &cast->lives[*at] : NULL;
}

static bool is_measured(const struct campaign *campaign, int64_t at_ms)
{
	return at_ms >= campaign->options->measured_from_ms && at_ms < campaign->options->until_ms;
}

/* ---- the service's faults: those of CONTRACT, section 3 ---- */

enum fault {
	FAULT_NONE,
	FAULT_FAILED,     /* no answer at all, or none that counts */
	FAULT_ALL_NULL,   /* a row for everybody, and nothing in it */
	FAULT_SOME_GONE,  /* one row is missing */
	FAULT_MUDDLED,    /* some rows contradict themselves */
	FAULT_ONE_OFF,    /* somebody live is said to be offline */
	FAULT_ALL_OFF,    /* everybody is */
	FAULT_STALE_ROOM, /* rooms that have ended are said to be live */
	FAULT_ALL_LIVE,   /* everybody is live, in rooms never heard of */
	FAULT_COUNT,
};

static enum fault campaign_fault(struct campaign *campaign)
{
	if (!campaign->options->is_faulty || dice(&campaign->random) >= 0.05)
		return FAULT_NONE;
	return (enum fault)(1 + (unsigned)(dice(&campaign->random) * (FAULT_COUNT - 1)));
}

/* Nobody is lied about twice without a true answer between: that could not be told from the truth.
 */
static void answer_spoil(struct campaign *campaign, enum fault fault, size_t place,
			 struct answer *answer)
{
	const struct cast *cast = &campaign->stage->casts[place];
	size_t at = campaign->at[place];
	bool may_lie = !campaign->was_lied[place];
	struct answer unknown = { .verdict = ANSWER_UNKNOWN, .viewer_count = -1 };
	struct answer offline = { .verdict = ANSWER_OFFLINE, .viewer_count = -1 };
	struct answer truth = *answer;
	bool is_offline = answer->verdict == ANSWER_OFFLINE;
	if (fault == FAULT_ALL_NULL || (fault == FAULT_MUDDLED && dice(&campaign->random) < 0.5))
		*answer = unknown;
	else if ((fault == FAULT_ALL_OFF || fault == FAULT_ONE_OFF) && may_lie)
		*answer = offline;
	else if (fault == FAULT_STALE_ROOM && may_lie && is_offline && at > 0)
		*answer = (struct answer){ .verdict = ANSWER_LIVE,
					   .viewer_count = -1,
					   .room = cast->lives[at - 1].room };
	else if (fault == FAULT_ALL_LIVE && may_lie && is_offline)
		*answer = (struct answer){ .verdict = ANSWER_LIVE,
					   .viewer_count = -1,
					   .room = (uint64_t)(campaign->now_ms / 1000) << 32 |
						   11 << 8 };
	if (answer->verdict != ANSWER_UNKNOWN)
		campaign->was_lied[place] =
			answer->verdict != truth.verdict || answer->room != truth.room;
}

/* A lie about everybody at once is one only where it would be seen as one: see docs/detection.md.
 */
static bool can_all_be_live(struct campaign *campaign, const size_t *places, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (life_now(campaign, places[i]) || campaign->was_lied[places[i]] ||
		    campaign->roster.entries[places[i]].creator.state.status != CREATOR_OFFLINE)
			return false;
	return count >= MASSFLIP_MIN;
}

static void campaign_answer(struct campaign *campaign, enum fault fault, const size_t *places,
			    size_t count, struct answer *answers)
{
	if (fault == FAULT_ALL_LIVE && !can_all_be_live(campaign, places, count))
		fault = FAULT_ALL_NULL;
	bool was_lied = campaign->was_lied[places[0]];
	for (size_t i = 0; i < count; i++) {
		const struct life *life = life_now(campaign, places[i]);
		answers[i] = (struct answer){ .verdict = life ? ANSWER_LIVE : ANSWER_OFFLINE,
					      .room = life ? life->room : 0,
					      .viewer_count = -1 };
		answer_spoil(campaign, fault, places[i], &answers[i]);
	}
	if (fault == FAULT_SOME_GONE) {
		campaign->was_lied[places[0]] = was_lied;
		answers[0] = (struct answer){ .verdict = ANSWER_UNKNOWN,
					      .viewer_count = -1,
					      .is_missing = true };
	}
}

/* ---- events against the truth ---- */

/* The life that a transition is about: by its room; in a file without rooms, the last to begin. */
static ssize_t life_find(const struct cast *cast, uint64_t room, int64_t now_ms)
{
	for (size_t i = cast->count; i-- > 0;)
		if (cast->lives[i].room == room && cast->lives[i].start_ms <= now_ms)
			return (ssize_t)i;
	return -1;
}

static struct telling *campaign_told(struct campaign *campaign, size_t place, size_t which)
{
	return &campaign->told[campaign->first_life[place] + which];
}

static void campaign_judge_start(struct campaign *campaign, size_t place, size_t which)
{
	struct campaign_result *result = campaign->result;
	const struct life *life = &campaign->stage->casts[place].lives[which];
	double delay_s = (double)(campaign->now_ms - life->start_ms) / 1000;
	int64_t week = (life->start_ms - campaign->options->measured_from_ms) /
		       (7 * 24 * 60 * (int64_t)MINUTE_MS);
	if (campaign_told(campaign, place, which)->start) {
		result->duplicate_events++;
		return;
	}
	campaign_told(campaign, place, which)->start = true;
	if (!is_measured(campaign, life->start_ms))
		return;
	delays_add(&result->starts, delay_s);
	if (week < CAMPAIGN_WEEKS) {
		result->week_sum[week] += delay_s;
		result->week_count[week]++;
	}
}

static void campaign_judge_end(struct campaign *campaign, size_t place, size_t which)
{
	struct campaign_result *result = campaign->result;
	const struct life *life = &campaign->stage->casts[place].lives[which];
	if (campaign->now_ms < life->end_ms) {
		result->false_events++;
		return;
	}
	if (campaign_told(campaign, place, which)->end) {
		result->duplicate_events++;
		return;
	}
	campaign_told(campaign, place, which)->end = true;
	if (is_measured(campaign, life->end_ms))
		delays_add(&result->ends, (double)(campaign->now_ms - life->end_ms) / 1000);
}

static void campaign_judge(struct campaign *campaign, const struct record *record)
{
	for (size_t i = 0; i < record->count; i++) {
		const struct record_row *row = &record->rows[i];
		for (unsigned t = 0; t < row->transition_count; t++) {
			const struct transition *transition = &row->transitions[t];
			ssize_t which = life_find(&campaign->stage->casts[row->place],
						  transition->room, campaign->now_ms);
			if (which < 0)
				campaign->result->false_events++;
			else if (transition->type == TRANSITION_START)
				campaign_judge_start(campaign, row->place, (size_t)which);
			else
				campaign_judge_end(campaign, row->place, (size_t)which);
		}
	}
}

/* Lives that were over before the end; one of those that was never told of is missed. */
static void campaign_count_lives(struct campaign *campaign)
{
	const struct stage *stage = campaign->stage;
	for (size_t place = 0; place < stage->count; place++) {
		const struct cast *cast = &stage->casts[place];
		for (size_t i = 0; i < cast->count; i++) {
			if (!is_measured(campaign, cast->lives[i].start_ms) ||
			    cast->lives[i].end_ms > campaign->options->until_ms)
				continue;
			campaign->result->lives++;
			campaign->result->missed += !campaign_told(campaign, place, i)->start;
		}
	}
}

/* ---- requests ---- */

static void campaign_count_request(struct campaign *campaign)
{
	struct campaign_result *result = campaign->result;
	int64_t day = clock_utc_day(campaign->now_ms);
	size_t size = (size_t)campaign->options->per_minute + 1;
	campaign->sent_ms[campaign->sent++ % size] = campaign->now_ms;
	int64_t in_window = 0;
	for (size_t i = 1; i <= size && i <= campaign->sent; i++)
		in_window += campaign->sent_ms[(campaign->sent - i) % size] >
			     campaign->now_ms - MINUTE_MS;
	if (day != campaign->day)
		campaign->day_requests = 0;
	campaign->day = day;
	campaign->day_requests++;
	if (in_window > result->fullest_minute)
		result->fullest_minute = in_window;
	if (campaign->day_requests > result->fullest_day)
		result->fullest_day = campaign->day_requests;
	result->requests += is_measured(campaign, campaign->now_ms);
	quota_take(&campaign->quota, campaign->now_ms, campaign->now_ms);
	quota_sent(&campaign->quota, campaign->now_ms);
	quota_ended(&campaign->quota);
}

static void campaign_note_gaps(struct campaign *campaign, const size_t *places, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int64_t last_ms = campaign->roster.plans[places[i]].last_checked_at_ms;
		int64_t gap_ms = campaign->now_ms - last_ms;
		if (is_measured(campaign, last_ms) && gap_ms > campaign->result->worst_gap_ms)
			campaign->result->worst_gap_ms = gap_ms;
	}
}

static void campaign_send(struct campaign *campaign, const size_t *places, size_t count)
{
	struct answer answers[LIMIT_BATCH_SIZE];
	struct record record;
	size_t held[MASSFLIP_DIRECTIONS];
	enum fault fault = campaign_fault(campaign);
	campaign_count_request(campaign);
	if (fault == FAULT_FAILED) {
		campaign->backed_off_ms = campaign->now_ms + BACKOFF_MS;
		for (size_t i = 0; i < count; i++)
			campaign->roster.plans[places[i]].not_before_ms =
				campaign->backed_off_ms + 1;
		return;
	}
	campaign_note_gaps(campaign, places, count);
	campaign_answer(campaign, fault, places, count, answers);
	record_init(&record, count, campaign->now_ms, 0);
	digest_batch(&campaign->rules, &campaign->massflip, &campaign->roster, places, answers,
		     &record, held);
	campaign_judge(campaign, &record);
	digest_commit(&record, 0, &campaign->roster);
	record_finish(&record);
}

/* ---- time ---- */

/* As the poller does. */
static void campaign_pace(struct campaign *campaign)
{
	const struct campaign_options *options = campaign->options;
	if (options->policy == CAMPAIGN_UNIFORM || options->is_even)
		return;
	forecast_step(&campaign->forecast, &campaign->roster, campaign->now_ms, FORESEE_MS);
	struct pace pace = forecast_pace(&campaign->forecast, &campaign->roster, &campaign->quota,
					 (size_t)options->batch, options->max_interval_ms);
	quota_set_pace(&campaign->quota, &pace);
}

static void campaign_foresee(struct campaign *campaign)
{
	if (campaign->now_ms < campaign->foreseen_ms)
		return;
	campaign->foreseen_ms = campaign->now_ms + FORESEE_MS;
	roster_foresee(&campaign->roster, campaign->now_ms, FORESEE_MS);
	campaign_pace(campaign);
	for (size_t i = 0;
	     campaign->options->policy == CAMPAIGN_ORACLE && i < campaign->roster.count; i++) {
		const struct cast *cast = &campaign->stage->casts[i];
		if (!campaign->roster.plans[i].is_live)
			planner_expect(&campaign->roster.plans[i],
				       cast_start_rate(campaign->stage, cast, campaign->now_ms),
				       campaign->now_ms);
	}
}

/* Sends a request, or tells how long nothing is to be done. */
static int64_t campaign_step(struct campaign *campaign)
{
	size_t picks[LIMIT_BATCH_SIZE];
	struct planner_batch batch;
	int64_t now_ms = campaign->now_ms;
	campaign_foresee(campaign);
	campaign->rules.planner.sweep_ms =
		planner_sweep_ms(campaign->roster.watched, (size_t)campaign->options->batch,
				 quota_pace_ms(&campaign->quota, now_ms), MINUTE_MS);
	if (campaign->backed_off_ms > now_ms)
		return campaign->backed_off_ms - now_ms;
	/* Who would be in an ordinary batch need not be known before there is leave for one. */
	int64_t ordinary_ms = quota_wait_ms(&campaign->quota, QUOTA_ORDINARY, now_ms, now_ms);
	planner_pick(&campaign->rules.planner, campaign->roster.plans, campaign->roster.count,
		     (size_t)campaign->options->batch, now_ms, picks, &batch);
	if (batch.count == 0)
		return batch.next_at_ms - now_ms;
	int64_t wait_ms = planner_batch_use(&batch) == QUOTA_ORDINARY
				  ? ordinary_ms
				  : quota_wait_ms(&campaign->quota, planner_batch_use(&batch),
						  now_ms, now_ms);
	if (wait_ms == 0) {
		campaign_send(campaign, picks, batch.count);
		return 0;
	}
	int64_t next_ms = batch.next_at_ms - now_ms;
	return next_ms > 0 && next_ms < wait_ms ? next_ms : wait_ms;
}

static void campaign_init(struct campaign *campaign)
{
	const struct campaign_options *options = campaign->options;
	size_t count = campaign->stage->count;
	campaign->now_ms = campaign->stage->from_ms;
	campaign->random = options->seed * 77 + 5;
	campaign->at = memory_zeroed(count, sizeof(size_t));
	campaign->first_life = memory_zeroed(count, sizeof(size_t));
	size_t lives = 0;
	for (size_t i = 0; i < count; i++) {
		campaign->first_life[i] = lives;
		lives += campaign->stage->casts[i].count;
	}
	campaign->told = memory_zeroed(lives + 1, sizeof(*campaign->told));
	campaign->was_lied = memory_zeroed(count, sizeof(bool));
	campaign->sent_ms = memory_zeroed((size_t)options->per_minute + 1, sizeof(int64_t));
	campaign->rules = (struct digest_rules){
		.detector = { .end_confirmations = 2,
			      .end_grace_ms = 120 * SECOND_MS,
			      .first_sight = FIRST_SIGHT_RECENT,
			      .first_sight_max_age_ms = 10 * (int64_t)MINUTE_MS },
		.planner = { .policy = options->policy == CAMPAIGN_UNIFORM ? POLICY_UNIFORM
									   : POLICY_LEARNED,
			     .min_interval_ms = MINUTE_MS,
			     .max_interval_ms = options->max_interval_ms,
			     .quarantine_interval_ms = 60 * (int64_t)MINUTE_MS,
			     .haste_h = options->haste_h },
	};
	quota_init(&campaign->quota, campaign->now_ms, campaign->now_ms);
	quota_set_limits(&campaign->quota, options->per_minute, options->per_day, RESERVE_PERCENT,
			 true);
	roster_init(&campaign->roster);
	for (size_t i = 0; i < count; i++) {
		struct watched_creator creator = { .key = { (int64_t)i + 1 },
						   .watched = true,
						   .priority = PRIORITY_NORMAL };
		memcpy(creator.handle, campaign->stage->casts[i].handle, HANDLE_SIZE - 1);
		roster_change(&campaign->roster, &creator, campaign->now_ms);
	}
}

struct campaign_options campaign_usual(void)
{
	return (struct campaign_options){ .batch = 10,
					  .per_minute = 60,
					  .per_day = 10000,
					  .haste_h = PLANNER_HASTE_H,
					  .max_interval_ms = 30 * (int64_t)MINUTE_MS };
}

void campaign_run(const struct stage *stage, const struct campaign_options *options,
		  struct campaign_result *ret_result)
{
	*ret_result = (struct campaign_result){ 0 };
	struct campaign campaign = { .stage = stage, .options = options, .result = ret_result };
	clock_t began = clock();
	campaign_init(&campaign);
	while (campaign.now_ms < options->until_ms)
		campaign.now_ms += campaign_step(&campaign);
	campaign_count_lives(&campaign);
	ret_result->cpu_s = (double)(clock() - began) / CLOCKS_PER_SEC;
	if (ret_result->starts.count > 0)
		qsort(ret_result->starts.seconds, ret_result->starts.count, sizeof(double),
		      by_size);
	if (ret_result->ends.count > 0)
		qsort(ret_result->ends.seconds, ret_result->ends.count, sizeof(double), by_size);
	roster_finish(&campaign.roster);
	free(campaign.at);
	free(campaign.told);
	free(campaign.first_life);
	free(campaign.was_lied);
	free(campaign.sent_ms);
}

void campaign_finish(struct campaign_result *result)
{
	free(result->starts.seconds);
	free(result->ends.seconds);
}
