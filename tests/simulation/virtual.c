#include "tests/simulation/virtual.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- chance ---- */

static uint64_t chance_state;

void chance_seed(uint64_t seed)
{
	chance_state = seed;
}

/* SplitMix64. */
uint64_t chance_bits(void)
{
	uint64_t bits = chance_state += UINT64_C(0x9E3779B97F4A7C15);
	bits = (bits ^ bits >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	bits = (bits ^ bits >> 27) * UINT64_C(0x94D049BB133111EB);
	return bits ^ bits >> 31;
}

int64_t chance_between(int64_t lowest, int64_t highest)
{
	return lowest + (int64_t)(chance_bits() % (uint64_t)(highest - lowest + 1));
}

bool chance_of(double probability)
{
	return (double)(chance_bits() >> 11) * 0x1p-53 < probability;
}

/* ---- time ---- */

struct virtual_event {
	int64_t at_ms; /* monotonic */
	uint64_t number;
	virtual_fn fn;
	void *arg;
	size_t place; /* in the heap */
};

static struct {
	int64_t mono_ms, wall_offset_ms, jumps;
	int64_t drift_ppm, drifts_since_mono_ms;
	uint64_t events;
	struct virtual_event **heap;
	size_t count, capacity;
	struct loop_turn *turns; /* list */
} world;

static bool is_before(const struct virtual_event *a, const struct virtual_event *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->number < b->number;
}

static void put(size_t place, struct virtual_event *event)
{
	world.heap[place] = event;
	event->place = place;
}

static void rise(size_t place)
{
	struct virtual_event *event = world.heap[place];
	for (; place > 0 && is_before(event, world.heap[(place - 1) / 2]); place = (place - 1) / 2)
		put(place, world.heap[(place - 1) / 2]);
	put(place, event);
}

static void sink(size_t place)
{
	struct virtual_event *event = world.heap[place];
	for (;;) {
		size_t child = 2 * place + 1;
		if (child + 1 < world.count && is_before(world.heap[child + 1], world.heap[child]))
			child++;
		if (child >= world.count || is_before(event, world.heap[child]))
			break;
		put(place, world.heap[child]);
		place = child;
	}
	put(place, event);
}

static void take(struct virtual_event *event)
{
	size_t place = event->place;
	struct virtual_event *last = world.heap[--world.count];
	if (last == event)
		return;
	put(place, last);
	rise(place);
	sink(last->place);
}

void virtual_reset(int64_t now_ms)
{
	assert(world.count == 0 && !world.turns);
	free(world.heap);
	memset(&world, 0, sizeof(world));
	world.mono_ms = 1000;
	world.wall_offset_ms = now_ms - world.mono_ms;
}

int64_t virtual_mono_ms(void)
{
	return world.mono_ms;
}

void virtual_jump(int64_t by_ms)
{
	world.wall_offset_ms += by_ms;
	world.jumps++;
}

static int64_t drifted_ms(void)
{
	return (world.mono_ms - world.drifts_since_mono_ms) * world.drift_ppm / 1000000;
}

void virtual_drift(int64_t ppm)
{
	world.wall_offset_ms += drifted_ms();
	world.drift_ppm = ppm;
	world.drifts_since_mono_ms = world.mono_ms;
}

int64_t virtual_drift_ppm(void)
{
	return world.drift_ppm;
}

int64_t virtual_jumps(void)
{
	return world.jumps;
}

void virtual_stall(int64_t for_ms)
{
	world.mono_ms += for_ms;
}

struct virtual_event *virtual_after(int64_t delay_ms, virtual_fn fn, void *arg)
{
	struct virtual_event *event = memory_zeroed(1, sizeof(*event));
	*event = (struct virtual_event){ .at_ms = world.mono_ms + (delay_ms > 0 ? delay_ms : 0),
					 .number = world.events++,
					 .fn = fn,
					 .arg = arg };
	if (world.count == world.capacity) {
		world.capacity = world.capacity ? 2 * world.capacity : 64;
		world.heap =
			memory_resized(world.heap, world.capacity, sizeof(struct virtual_event *));
	}
	put(world.count++, event);
	rise(event->place);
	return event;
}

void virtual_cancel(struct virtual_event *event)
{
	take(event);
	free(event);
}

/* ---- base/loop ---- */

struct loop_timer {
	loop_fn fn;
	void *arg;
	struct virtual_event *event; /* NULL: not set */
};

struct loop_turn {
	struct loop_turn *next;
	loop_fn fn;
	void *arg;
	bool is_requested;
};

struct loop_timer *__wrap_loop_timer_create(struct loop *loop, loop_fn fn, void *arg);
void __wrap_loop_timer_set(struct loop_timer *timer, int64_t delay_ms);
void __wrap_loop_timer_cancel(struct loop_timer *timer);
void __wrap_loop_timer_destroy(struct loop_timer *timer);
struct loop_turn *__wrap_loop_turn_create(struct loop *loop, loop_fn fn, void *arg);
void __wrap_loop_turn_request(struct loop_turn *turn);
void __wrap_loop_turn_destroy(struct loop_turn *turn);

static void on_timer(void *arg)
{
	struct loop_timer *timer = arg;
	timer->event = NULL;
	timer->fn(timer->arg);
}

struct loop_timer *__wrap_loop_timer_create(struct loop *loop, loop_fn fn, void *arg)
{
	(void)loop;
	struct loop_timer *timer = memory_zeroed(1, sizeof(*timer));
	timer->fn = fn;
	timer->arg = arg;
	return timer;
}

void __wrap_loop_timer_cancel(struct loop_timer *timer)
{
	if (timer->event)
		virtual_cancel(timer->event);
	timer->event = NULL;
}

void __wrap_loop_timer_set(struct loop_timer *timer, int64_t delay_ms)
{
	__wrap_loop_timer_cancel(timer);
	timer->event = virtual_after(delay_ms, on_timer, timer);
}

void __wrap_loop_timer_destroy(struct loop_timer *timer)
{
	if (!timer)
		return;
	__wrap_loop_timer_cancel(timer);
	free(timer);
}

struct loop_turn *__wrap_loop_turn_create(struct loop *loop, loop_fn fn, void *arg)
{
	(void)loop;
	struct loop_turn *turn = memory_zeroed(1, sizeof(*turn));
	*turn = (struct loop_turn){ .next = world.turns, .fn = fn, .arg = arg };
	world.turns = turn;
	return turn;
}

void __wrap_loop_turn_request(struct loop_turn *turn)
{
	turn->is_requested = true;
}

void __wrap_loop_turn_destroy(struct loop_turn *turn)
{
	struct loop_turn **link = &world.turns;
	while (*link != turn)
		link = &(*link)->next;
	*link = turn->next;
	free(turn);
}

/* True if one was. */
static bool run_requested_turns(void)
{
	for (struct loop_turn *turn = world.turns; turn; turn = turn->next) {
		if (!turn->is_requested)
			continue;
		turn->is_requested = false;
		turn->fn(turn->arg);
		return true;
	}
	return false;
}

bool virtual_step(int64_t until_mono_ms)
{
	if (run_requested_turns())
		return true;
	if (world.count == 0 || world.heap[0]->at_ms > until_mono_ms)
		return false;
	struct virtual_event *event = world.heap[0];
	take(event);
	if (event->at_ms > world.mono_ms)
		world.mono_ms = event->at_ms;
	event->fn(event->arg);
	free(event);
	return true;
}

/* ---- base/clock, base/crypto ---- */

int64_t __wrap_clock_now_ms(void);
int64_t __wrap_clock_mono_ms(void);
int64_t __wrap_clock_mono_us(void);
void __wrap_crypto_random(void *bytes, size_t length);

int64_t __wrap_clock_now_ms(void)
{
	return world.mono_ms + world.wall_offset_ms + drifted_ms();
}

int64_t __wrap_clock_mono_ms(void)
{
	return world.mono_ms;
}

int64_t __wrap_clock_mono_us(void)
{
	return world.mono_ms * 1000;
}

void __wrap_crypto_random(void *bytes, size_t length)
{
	uint8_t *byte = bytes;
	while (length-- > 0)
		*byte++ = (uint8_t)chance_bits();
}
