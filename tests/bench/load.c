#include "load.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { TICK_MS = 2 };

struct load {
	struct rig *rig;
	struct sink *sink;
	struct loop_timer *timer;
	double per_us;
	int64_t started_us, until_us, offered;
	unsigned first;
};

struct added_events {
	struct rig *rig;
	struct sink *sink;
	unsigned first, count;
};

static int add_events(struct store *store, void *arg)
{
	const struct added_events *added = arg;
	return rig_add_events(store, added->rig, added->first, added->count);
}

static void on_committed(void *arg, int result)
{
	struct added_events *added = arg;
	int64_t now_us = clock_mono_us();
	rig_must(result == 0, "events cannot be added");
	for (unsigned i = 0; i < added->count; i++) {
		if (added->first + i < SINK_SAMPLES_MAX)
			added->sink->shared->committed_us[added->first + i] = now_us;
	}
	if (added->rig->dispatcher)
		dispatcher_wake(added->rig->dispatcher);
	free(added);
}

static void on_tick(void *arg)
{
	struct load *load = arg;
	int64_t now_us = clock_mono_us();
	int64_t wanted = (int64_t)(load->per_us * (double)(now_us - load->started_us));
	if (wanted > load->offered) {
		struct added_events *added = memory_zeroed(1, sizeof(*added));
		added->rig = load->rig;
		added->sink = load->sink;
		added->first = load->first + (unsigned)load->offered;
		added->count = (unsigned)(wanted - load->offered);
		load->offered = wanted;
		store_write(load->rig->store, add_events, on_committed, added);
	}
	if (now_us < load->until_us)
		loop_timer_set(load->timer, TICK_MS);
	else
		loop_stop(load->rig->loop);
}

unsigned load_run(struct rig *rig, struct sink *sink, unsigned first, double per_s,
		  int64_t duration_ms)
{
	struct load load = { .rig = rig, .sink = sink, .per_us = per_s / 1e6, .first = first };
	load.started_us = clock_mono_us();
	load.until_us = load.started_us + duration_ms * 1000;
	load.timer = loop_timer_create(rig->loop, on_tick, &load);
	loop_timer_set(load.timer, 0);
	loop_run(rig->loop);
	loop_timer_destroy(load.timer);
	return first + (unsigned)load.offered;
}

static void on_time(void *arg)
{
	loop_stop(arg);
}

void load_settle(struct rig *rig, int64_t duration_ms)
{
	struct loop_timer *timer = loop_timer_create(rig->loop, on_time, rig->loop);
	loop_timer_set(timer, duration_ms);
	loop_run(rig->loop);
	loop_timer_destroy(timer);
}

void load_quiet_log(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	rig_must(fd >= 0 && dup2(fd, STDERR_FILENO) >= 0, "/dev/null");
	close(fd);
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
}
