#include "sim/statistics.h"

#include "base/memory.h"
#include "sim/faults.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

_Static_assert(SIM_FAULT_KINDS <= ARRAY_SIZE(((struct sim_statistics *)NULL)->by_fault),
	       "every fault has its counter");

static const char *const outcome_names[SIM_OUTCOMES] = {
	[SIM_OUTCOME_OK] = "ok",
	[SIM_OUTCOME_UNAUTHORIZED] = "unauthorized",
	[SIM_OUTCOME_RATE_LIMITED] = "rate_limited",
	[SIM_OUTCOME_DAY_EXCEEDED] = "day_exceeded",
	[SIM_OUTCOME_REFUSED] = "refused",
	[SIM_OUTCOME_NOT_FOUND] = "not_found",
	[SIM_OUTCOME_FAULT] = "fault",
};

struct sim_statistics *sim_statistics_create(void)
{
	return memory_zeroed(1, sizeof(struct sim_statistics));
}

void sim_statistics_reset(struct sim_statistics *statistics)
{
	sim_window_finish(&statistics->arrivals);
	for (size_t i = 0; i < SIM_RECENT_REQUESTS; i++) {
		free(statistics->recent[i].path);
		free(statistics->recent[i].handles);
	}
	memset(statistics, 0, sizeof(*statistics));
}

void sim_statistics_destroy(struct sim_statistics *statistics)
{
	if (!statistics)
		return;
	sim_statistics_reset(statistics);
	free(statistics);
}

void sim_statistics_add(struct sim_statistics *statistics, const struct sim_seen *seen,
			int fault_kind)
{
	statistics->requests++;
	statistics->by_outcome[seen->outcome]++;
	sim_window_add(&statistics->arrivals, seen->at_ms);
	if (fault_kind >= 0)
		statistics->by_fault[fault_kind]++;
	if (strcmp(seen->path, "/webcast/bulk_live_check") == 0) {
		size_t size = seen->handle_count;
		statistics->bulk_checks++;
		statistics->rows_asked += size;
		statistics->by_batch_size[size < SIM_BATCH_MAX ? size : SIM_BATCH_MAX]++;
	} else if (strcmp(seen->path, "/webcast/rate_limits") == 0) {
		statistics->rate_limit_calls++;
	}
	struct sim_seen *place = &statistics->recent[statistics->seen++ % SIM_RECENT_REQUESTS];
	free(place->path);
	free(place->handles);
	*place = *seen;
}

void sim_statistics_write(const struct sim_statistics *statistics, struct json_writer *writer)
{
	json_put_integer(writer, "requests", (int64_t)statistics->requests);
	json_put_integer(writer, "bulk_checks", (int64_t)statistics->bulk_checks);
	json_put_integer(writer, "rate_limit_calls", (int64_t)statistics->rate_limit_calls);
	json_put_integer(writer, "rows_asked", (int64_t)statistics->rows_asked);
	json_put_integer(writer, "max_requests_in_60s", (int64_t)statistics->arrivals.count_max);
	json_begin_object(writer, "outcomes");
	for (size_t i = 0; i < SIM_OUTCOMES; i++)
		json_put_integer(writer, outcome_names[i], (int64_t)statistics->by_outcome[i]);
	json_end_object(writer);
	json_begin_object(writer, "faults");
	for (unsigned i = 0; i < SIM_FAULT_KINDS; i++) {
		if (statistics->by_fault[i] > 0)
			json_put_integer(writer, sim_fault_name((enum sim_fault_kind)i),
					 (int64_t)statistics->by_fault[i]);
	}
	json_end_object(writer);
	json_begin_object(writer, "batch_sizes");
	for (size_t i = 0; i <= SIM_BATCH_MAX; i++) {
		char size[16];
		snprintf(size, sizeof(size), "%zu", i);
		if (statistics->by_batch_size[i] > 0)
			json_put_integer(writer, size, (int64_t)statistics->by_batch_size[i]);
	}
	json_end_object(writer);
}

static void write_seen(const struct sim_seen *seen, struct json_writer *writer)
{
	json_begin_object(writer, NULL);
	json_put_time(writer, "at", seen->at_ms);
	json_put_integer(writer, "at_ms", seen->at_ms);
	json_put_string(writer, "path", seen->path);
	json_put_string(writer, "outcome", outcome_names[seen->outcome]);
	json_put_string(writer, "fault", seen->fault);
	json_put_integer(writer, "status", seen->status);
	json_put_raw(writer, "handles", seen->handles, strlen(seen->handles));
	json_end_object(writer);
}

void sim_statistics_write_recent(const struct sim_statistics *statistics, size_t limit,
				 struct json_writer *writer, const char *key)
{
	size_t kept =
		statistics->seen < SIM_RECENT_REQUESTS ? statistics->seen : SIM_RECENT_REQUESTS;
	size_t count = limit < kept ? limit : kept;
	json_begin_array(writer, key);
	for (size_t i = statistics->seen - count; i < statistics->seen; i++)
		write_seen(&statistics->recent[i % SIM_RECENT_REQUESTS], writer);
	json_end_array(writer);
}
