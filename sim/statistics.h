/* statistics - what the upstream was asked: counts since the start, and the last requests. */
#ifndef GOLIVED_SIM_STATISTICS_H
#define GOLIVED_SIM_STATISTICS_H

#include "base/json_writer.h"
#include "sim/ratelimit.h"

#include <stddef.h>
#include <stdint.h>

/* What came of a request, besides the faults, which are counted by kind. */
enum sim_outcome {
	SIM_OUTCOME_OK,
	SIM_OUTCOME_UNAUTHORIZED,
	SIM_OUTCOME_RATE_LIMITED,
	SIM_OUTCOME_DAY_EXCEEDED,
	SIM_OUTCOME_REFUSED, /* bad parameters, too large, a poisonous handle */
	SIM_OUTCOME_NOT_FOUND,
	SIM_OUTCOME_FAULT,
	SIM_OUTCOMES
};

enum { SIM_BATCH_MAX = 1024, SIM_RECENT_REQUESTS = 2000 };

struct sim_seen {
	int64_t at_ms;
	char *path; /* owned */
	enum sim_outcome outcome;
	const char *fault; /* static; NULL: none */
	int status;        /* 0: none was sent */
	char *handles;     /* owned; a JSON array */
	size_t handle_count;
};

struct sim_statistics {
	uint64_t requests, bulk_checks, rate_limit_calls, rows_asked;
	uint64_t by_outcome[SIM_OUTCOMES];
	uint64_t by_fault[64];
	uint64_t by_batch_size[SIM_BATCH_MAX + 1];   /* larger ones count as the last */
	struct sim_window arrivals;                  /* whatever came of them */
	struct sim_seen recent[SIM_RECENT_REQUESTS]; /* a ring */
	size_t seen; /* ever; the next goes to recent[seen % SIM_RECENT_REQUESTS] */
};

struct sim_statistics *sim_statistics_create(void);
void sim_statistics_destroy(struct sim_statistics *statistics);
void sim_statistics_reset(struct sim_statistics *statistics);

/* Takes over what `seen` points to. fault_kind is -1 for none. */
void sim_statistics_add(struct sim_statistics *statistics, const struct sim_seen *seen,
			int fault_kind);

/* Members of an object that the caller has begun. */
void sim_statistics_write(const struct sim_statistics *statistics, struct json_writer *writer);
/* An array under that key, oldest first, of the last `limit` requests. */
void sim_statistics_write_recent(const struct sim_statistics *statistics, size_t limit,
				 struct json_writer *writer, const char *key);

#endif
