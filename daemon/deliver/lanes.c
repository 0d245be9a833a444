#include "deliver/lanes.h"

#include "base/memory.h"

#include <assert.h>
#include <search.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a lane is kept. lane_place() alone moves it. */
enum lane_place {
	LANE_NOWHERE, /* nothing is due, a grant is out, or all its slots are in use */
	LANE_WAITING, /* in the heap, by the time at which it will be ready */
	LANE_READY,   /* in a queue, for its turn */
};

/* What is known of a lane's receiver. */
enum lane_class {
	LANE_PROVEN,   /* its last attempt succeeded, and it is not slow */
	LANE_NEW,      /* it has not been tried */
	LANE_DOUBTFUL, /* its last attempt failed, or it is slow */
	LANE_CLASSES,
};

struct lane {
	char webhook_id[ID_TEXT_SIZE];
	int64_t due_at_ms;  /* INT64_MAX: nothing is pending */
	int64_t told_at_ms; /* the earliest that was told of since its grant */
	int64_t used_at_ms;

	unsigned in_use; /* slots, a grant's included */
	unsigned limit;
	bool has_grant;

	unsigned fail_streak;
	int64_t average_ms; /* of successes */
	enum lane_class class;

	bool is_rate_known;
	int64_t spacing_ms; /* 0: no rate limit */
	int64_t next_start_ms;

	enum lane_place place;
	struct lane *next, *previous; /* in its queue */
	struct lane_queue *queue;
	size_t heap_index;
	int64_t ready_at_ms; /* key in the heap */
};

struct lane_queue {
	struct lane *first, *last;
	unsigned count;
};

struct lanes {
	struct lanes_limits limits;
	void *by_id;       /* a tree of tsearch() */
	struct lane **all; /* owned; in no order */
	size_t count, capacity;

	struct lane **heap; /* of LANE_WAITING, the earliest first */
	size_t heap_count, heap_capacity;
	struct lane_queue ready[LANE_CLASSES];
	enum lane_class next_class; /* whose turn it is */

	unsigned in_use, in_use_of[LANE_CLASSES], failing;
};

/* ---- the heap of waiting lanes ---- */

static void heap_put(struct lanes *lanes, size_t index, struct lane *lane)
{
	lanes->heap[index] = lane;
	lane->heap_index = index;
}

static void heap_rise(struct lanes *lanes, struct lane *lane)
{
	size_t index = lane->heap_index;
	while (index > 0 && lanes->heap[(index - 1) / 2]->ready_at_ms > lane->ready_at_ms) {
		heap_put(lanes, index, lanes->heap[(index - 1) / 2]);
		index = (index - 1) / 2;
	}
	heap_put(lanes, index, lane);
}

static void heap_sink(struct lanes *lanes, struct lane *lane)
{
	size_t index = lane->heap_index;
	for (;;) {
		size_t child = 2 * index + 1;
		if (child + 1 < lanes->heap_count &&
		    lanes->heap[child + 1]->ready_at_ms < lanes->heap[child]->ready_at_ms)
			child++;
		if (child >= lanes->heap_count ||
		    lanes->heap[child]->ready_at_ms >= lane->ready_at_ms)
			break;
		heap_put(lanes, index, lanes->heap[child]);
		index = child;
	}
	heap_put(lanes, index, lane);
}

static void heap_add(struct lanes *lanes, struct lane *lane)
{
	if (lanes->heap_count == lanes->heap_capacity) {
		lanes->heap_capacity = lanes->heap_capacity ? 2 * lanes->heap_capacity : 64;
		lanes->heap =
			memory_resized(lanes->heap, lanes->heap_capacity, sizeof(struct lane *));
	}
	heap_put(lanes, lanes->heap_count++, lane);
	heap_rise(lanes, lane);
}

static void heap_remove(struct lanes *lanes, struct lane *lane)
{
	struct lane *moved = lanes->heap[--lanes->heap_count];
	if (moved == lane)
		return;
	heap_put(lanes, lane->heap_index, moved);
	heap_rise(lanes, moved);
	heap_sink(lanes, moved);
}

/* ---- the queues of ready lanes ---- */

static void queue_append(struct lane_queue *queue, struct lane *lane)
{
	lane->queue = queue;
	lane->next = NULL;
	lane->previous = queue->last;
	*(queue->last ? &queue->last->next : &queue->first) = lane;
	queue->last = lane;
	queue->count++;
}

static void queue_remove(struct lane *lane)
{
	struct lane_queue *queue = lane->queue;
	*(lane->previous ? &lane->previous->next : &queue->first) = lane->next;
	*(lane->next ? &lane->next->previous : &queue->last) = lane->previous;
	lane->next = lane->previous = NULL;
	lane->queue = NULL;
	queue->count--;
}

/* ---- one lane ---- */

static unsigned lane_limit(const struct lanes *lanes, const struct lane *lane)
{
	return lane->limit < lanes->limits.per_lane ? lane->limit : lanes->limits.per_lane;
}

/* The rate limit's next turn. */
static int64_t lane_next_start_ms(const struct lane *lane, int64_t now_ms)
{
	return lane->next_start_ms > now_ms ? lane->next_start_ms : now_ms;
}

static int64_t lane_ready_at_ms(const struct lane *lane, int64_t now_ms)
{
	if (lane->spacing_ms == 0)
		return lane->due_at_ms;
	int64_t turn_ms = lane_next_start_ms(lane, now_ms) - LANES_PACE_AHEAD_MS;
	return turn_ms > lane->due_at_ms ? turn_ms : lane->due_at_ms;
}

/* A turn farther away than any limit puts it: the clock was set back. */
static void lane_notice_clock(struct lane *lane, int64_t now_ms)
{
	int64_t latest_ms = now_ms + LANES_PACE_AHEAD_MS + lane->spacing_ms;
	if (lane->next_start_ms > latest_ms)
		lane->next_start_ms = latest_ms;
}

/* Keeps the lane where it belongs now; one that stays ready keeps its turn. */
static void lane_place(struct lanes *lanes, struct lane *lane, int64_t now_ms)
{
	bool is_idle = lane->due_at_ms == INT64_MAX || lane->has_grant ||
		       lane->in_use >= lane_limit(lanes, lane);
	int64_t ready_at_ms = is_idle ? INT64_MAX : lane_ready_at_ms(lane, now_ms);
	enum lane_place place = is_idle                 ? LANE_NOWHERE
				: ready_at_ms <= now_ms ? LANE_READY
							: LANE_WAITING;
	struct lane_queue *queue = &lanes->ready[lane->class];

	if (place == LANE_READY && lane->place == LANE_READY && lane->queue == queue)
		return;
	if (lane->place == LANE_READY)
		queue_remove(lane);
	else if (lane->place == LANE_WAITING)
		heap_remove(lanes, lane);
	lane->place = place;
	lane->ready_at_ms = ready_at_ms;
	if (place == LANE_READY)
		queue_append(queue, lane);
	else if (place == LANE_WAITING)
		heap_add(lanes, lane);
}

static void lane_use(struct lanes *lanes, struct lane *lane, unsigned slots)
{
	lane->in_use += slots;
	lanes->in_use += slots;
	lanes->in_use_of[lane->class] += slots;
}

static void lane_release(struct lanes *lanes, struct lane *lane, unsigned slots)
{
	assert(lane->in_use >= slots && lanes->in_use >= slots);
	lane->in_use -= slots;
	lanes->in_use -= slots;
	lanes->in_use_of[lane->class] -= slots;
}

static void lane_set_class(struct lanes *lanes, struct lane *lane, enum lane_class class)
{
	lanes->in_use_of[lane->class] -= lane->in_use;
	lanes->in_use_of[class] += lane->in_use;
	lane->class = class;
}

static void lane_succeeded(struct lanes *lanes, struct lane *lane, int64_t duration_ms)
{
	if (lane->fail_streak >= LANES_FAILING_STREAK)
		lanes->failing--;
	lane->average_ms =
		lane->average_ms == 0 ? duration_ms : (3 * lane->average_ms + duration_ms) / 4;
	lane->fail_streak = 0;
	if (lane->limit < lanes->limits.per_lane)
		lane->limit++;
	lane_set_class(lanes, lane,
		       lane->average_ms <= LANES_SLOW_MS ? LANE_PROVEN : LANE_DOUBTFUL);
}

static void lane_failed(struct lanes *lanes, struct lane *lane)
{
	if (++lane->fail_streak == LANES_FAILING_STREAK)
		lanes->failing++;
	lane->limit = lane_limit(lanes, lane);
	if (lane->fail_streak >= LANES_FAILING_STREAK)
		lane->limit = 1;
	else if (lane->limit > 1)
		lane->limit--;
	lane_set_class(lanes, lane, LANE_DOUBTFUL);
}

/* ---- all lanes ---- */

static int compare_ids(const void *a, const void *b)
{
	const struct lane *one = a, *other = b;
	return strcmp(one->webhook_id, other->webhook_id);
}

static struct lane *find_lane(const struct lanes *lanes, const char *webhook_id)
{
	struct lane key = { 0 };
	snprintf(key.webhook_id, sizeof(key.webhook_id), "%s", webhook_id);
	struct lane *const *found = tfind(&key, &lanes->by_id, compare_ids);
	return found ? *found : NULL;
}

static struct lane *add_lane(struct lanes *lanes, const char *webhook_id, int64_t now_ms)
{
	struct lane *lane = memory_zeroed(1, sizeof(*lane));
	snprintf(lane->webhook_id, sizeof(lane->webhook_id), "%s", webhook_id);
	lane->due_at_ms = INT64_MAX;
	lane->used_at_ms = now_ms;
	lane->limit = LANES_LIMIT_FIRST;
	lane->class = LANE_NEW;
	if (!tsearch(lane, &lanes->by_id, compare_ids))
		abort(); /* out of memory, as in base/memory */
	if (lanes->count == lanes->capacity) {
		lanes->capacity = lanes->capacity ? 2 * lanes->capacity : 64;
		lanes->all = memory_resized(lanes->all, lanes->capacity, sizeof(struct lane *));
	}
	lanes->all[lanes->count++] = lane;
	return lane;
}

static void forget_lane(struct lanes *lanes, size_t index)
{
	struct lane *lane = lanes->all[index];
	assert(lane->in_use == 0 && lane->place == LANE_NOWHERE);
	if (lane->fail_streak >= LANES_FAILING_STREAK)
		lanes->failing--;
	tdelete(lane, &lanes->by_id, compare_ids);
	lanes->all[index] = lanes->all[--lanes->count];
	free(lane);
}

struct lanes *lanes_create(const struct lanes_limits *limits)
{
	struct lanes *lanes = memory_zeroed(1, sizeof(*lanes));
	lanes_set_limits(lanes, limits, 0);
	return lanes;
}

void lanes_destroy(struct lanes *lanes)
{
	if (!lanes)
		return;
	for (size_t i = 0; i < lanes->count; i++) {
		tdelete(lanes->all[i], &lanes->by_id, compare_ids);
		free(lanes->all[i]);
	}
	free(lanes->all);
	free(lanes->heap);
	free(lanes);
}

void lanes_set_limits(struct lanes *lanes, const struct lanes_limits *limits, int64_t now_ms)
{
	assert(limits->total > 0 && limits->per_lane > 0);
	lanes->limits = *limits;
	for (size_t i = 0; i < lanes->count; i++)
		lane_place(lanes, lanes->all[i], now_ms);
}

void lanes_introduce(struct lanes *lanes, const char *webhook_id, bool was_tried,
		     int64_t fail_streak, int64_t now_ms)
{
	if (!was_tried || find_lane(lanes, webhook_id))
		return;
	struct lane *lane = add_lane(lanes, webhook_id, now_ms);
	lane->class = fail_streak > 0 ? LANE_DOUBTFUL : LANE_PROVEN;
	if (fail_streak < LANES_FAILING_STREAK) {
		lane->fail_streak = (unsigned)fail_streak;
		return;
	}
	lane->fail_streak = LANES_FAILING_STREAK;
	lane->limit = 1;
	lanes->failing++;
}

void lanes_touch(struct lanes *lanes, const char *webhook_id, int64_t due_at_ms, int64_t now_ms)
{
	struct lane *lane = find_lane(lanes, webhook_id);
	if (lane && due_at_ms < lane->told_at_ms)
		lane->told_at_ms = due_at_ms;
	if (due_at_ms < (lane ? lane->due_at_ms : INT64_MAX))
		lanes_set_due(lanes, webhook_id, due_at_ms, now_ms);
}

void lanes_set_due(struct lanes *lanes, const char *webhook_id, int64_t due_at_ms, int64_t now_ms)
{
	struct lane *lane = find_lane(lanes, webhook_id);
	if (!lane && due_at_ms == INT64_MAX)
		return;
	if (!lane)
		lane = add_lane(lanes, webhook_id, now_ms);
	lane->due_at_ms = due_at_ms;
	lane_place(lanes, lane, now_ms);
}

void lanes_set_left(struct lanes *lanes, const char *webhook_id, int64_t due_at_ms, int64_t now_ms)
{
	struct lane *lane = find_lane(lanes, webhook_id);
	assert(lane);
	lane->due_at_ms = due_at_ms < lane->told_at_ms ? due_at_ms : lane->told_at_ms;
	lane_place(lanes, lane, now_ms);
}

void lanes_refresh(struct lanes *lanes, int64_t now_ms)
{
	for (size_t i = lanes->count; i-- > 0;) {
		struct lane *lane = lanes->all[i];
		lane->is_rate_known = false;
		lane_notice_clock(lane, now_ms);
		if (lane->used_at_ms > now_ms)
			lane->used_at_ms = now_ms;
		lane_place(lanes, lane, now_ms);
		if (lane->in_use == 0 && lane->due_at_ms == INT64_MAX &&
		    lane->used_at_ms <= now_ms - LANES_IDLE_MS)
			forget_lane(lanes, i);
	}
}

/* ---- granting ---- */

static void wake_waiting(struct lanes *lanes, int64_t now_ms)
{
	while (lanes->heap_count > 0 && lanes->heap[0]->ready_at_ms <= now_ms)
		lane_place(lanes, lanes->heap[0], now_ms);
}

static unsigned minimum(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned difference(unsigned from, unsigned what)
{
	return from > what ? from - what : 0;
}

/* Slots that lanes of a class may still take: doubtful ones half of all, with the new ones three
 * quarters. */
static unsigned free_slots(const struct lanes *lanes, enum lane_class class)
{
	unsigned total = lanes->limits.total;
	unsigned half = total > 1 ? total / 2 : 1;
	unsigned most = total > 3 ? total - total / 4 : total;
	unsigned slots = difference(total + lanes->limits.ahead, lanes->in_use);
	unsigned doubtful = lanes->in_use_of[LANE_DOUBTFUL];
	if (class != LANE_PROVEN)
		slots = minimum(slots, difference(most, doubtful + lanes->in_use_of[LANE_NEW]));
	if (class == LANE_DOUBTFUL)
		slots = minimum(slots, difference(half, doubtful));
	return slots;
}

/* The class whose turn it is, of those that may go on. False: none may. */
static bool choose_class(struct lanes *lanes, enum lane_class *ret_class)
{
	for (unsigned i = 0; i < LANE_CLASSES; i++) {
		enum lane_class class = (lanes->next_class + i) % LANE_CLASSES;
		if (!lanes->ready[class].first || free_slots(lanes, class) == 0)
			continue;
		lanes->next_class = (class + 1) % LANE_CLASSES;
		*ret_class = class;
		return true;
	}
	return false;
}

/* The attempts whose turns a rate limit has until LANES_PACE_AHEAD_MS from now. A limit that is not
 * known yet is asked for with one. */
static unsigned turns_at_hand(const struct lane *lane, int64_t now_ms)
{
	if (!lane->is_rate_known)
		return 1;
	if (lane->spacing_ms == 0)
		return UINT32_MAX;
	int64_t ahead_ms = now_ms + LANES_PACE_AHEAD_MS - lane_next_start_ms(lane, now_ms);
	return 1 + (ahead_ms > 0 ? (unsigned)(ahead_ms / lane->spacing_ms) : 0);
}

/* What the lane whose turn it is may have of the free slots, the others of its class in mind. One
 * by one each claim would cost more than the attempt; who does not hold others up takes a piece. */
static unsigned fair_share(const struct lanes *lanes, enum lane_class class)
{
	unsigned slots = free_slots(lanes, class), waiting = lanes->ready[class].count;
	unsigned least = 1;
	if (class == LANE_PROVEN && lanes->limits.ahead >= 2 * LANES_PIECE)
		least = minimum(LANES_PIECE, slots);
	return slots / waiting > least ? slots / waiting : least;
}

bool lanes_grant(struct lanes *lanes, int64_t now_ms, struct lanes_grant *ret_grant)
{
	wake_waiting(lanes, now_ms);
	enum lane_class class;
	if (!choose_class(lanes, &class))
		return false;

	struct lane *lane = lanes->ready[class].first;
	unsigned count = minimum(fair_share(lanes, class), lane_limit(lanes, lane) - lane->in_use);
	count = minimum(count, turns_at_hand(lane, now_ms));

	lane->has_grant = true;
	lane->told_at_ms = INT64_MAX;
	lane->used_at_ms = now_ms;
	lane_use(lanes, lane, count);
	lane_place(lanes, lane, now_ms);
	*ret_grant = (struct lanes_grant){ .count = count };
	memcpy(ret_grant->webhook_id, lane->webhook_id, sizeof(lane->webhook_id));
	return true;
}

int64_t lanes_next_grant_ms(const struct lanes *lanes)
{
	return lanes->heap_count > 0 ? lanes->heap[0]->ready_at_ms : INT64_MAX;
}

/* In whole milliseconds, rounded up: never more attempts than the limit says. */
static int64_t spacing_of_rate(double rate_limit)
{
	if (rate_limit <= 0)
		return 0;
	double spacing_ms = 1000.0 / rate_limit;
	if (spacing_ms > 1e9)
		return INT64_C(1000000000);
	int64_t whole_ms = (int64_t)spacing_ms;
	return (double)whole_ms < spacing_ms ? whole_ms + 1 : whole_ms;
}

void lanes_claimed(struct lanes *lanes, const struct lanes_grant *grant, unsigned claimed,
		   double rate_limit, int64_t now_ms, int64_t *ret_first_start_ms,
		   int64_t *ret_spacing_ms)
{
	struct lane *lane = find_lane(lanes, grant->webhook_id);
	assert(lane && lane->has_grant && claimed <= grant->count);
	lane->has_grant = false;
	lane_release(lanes, lane, grant->count - claimed);
	if (claimed > 0) {
		lane->is_rate_known = true;
		lane->spacing_ms = spacing_of_rate(rate_limit);
	}
	int64_t first_start_ms = lane->spacing_ms ? lane_next_start_ms(lane, now_ms) : now_ms;
	lane->next_start_ms = first_start_ms + (int64_t)claimed * lane->spacing_ms;
	lane_place(lanes, lane, now_ms);
	*ret_first_start_ms = first_start_ms;
	*ret_spacing_ms = lane->spacing_ms;
}

void lanes_delay(struct lanes *lanes, const char *webhook_id, int64_t late_ms, int64_t now_ms)
{
	struct lane *lane = find_lane(lanes, webhook_id);
	assert(lane);
	lane->next_start_ms += late_ms;
	lane_place(lanes, lane, now_ms);
}

void lanes_finished(struct lanes *lanes, const char *webhook_id, enum lanes_result result,
		    int64_t duration_ms, int64_t now_ms)
{
	struct lane *lane = find_lane(lanes, webhook_id);
	assert(lane && lane->in_use > 0);
	lane->used_at_ms = now_ms;
	lane_release(lanes, lane, 1);
	if (result == LANES_SUCCEEDED)
		lane_succeeded(lanes, lane, duration_ms);
	else if (result == LANES_FAILED)
		lane_failed(lanes, lane);
	lane_place(lanes, lane, now_ms);
}

unsigned lanes_in_use(const struct lanes *lanes)
{
	return lanes->in_use;
}

unsigned lanes_failing(const struct lanes *lanes)
{
	return lanes->failing;
}
