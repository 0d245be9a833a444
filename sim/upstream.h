/* upstream - the stand-in for the upstream service: bulk live checks as documented, and its limits.
 *
 *   in:   POST /webcast/bulk_live_check, GET /webcast/rate_limits; /_sim/… for the control API
 *   out:  answers as the service gives them, or as a fault has them
 *   not:  sockets (server), what /_sim/ understands (upstream_control)
 */
#ifndef GOLIVED_SIM_UPSTREAM_H
#define GOLIVED_SIM_UPSTREAM_H

#include "sim/creators.h"
#include "sim/exchange.h"
#include "sim/faults.h"
#include "sim/misbehaviour.h"
#include "sim/ratelimit.h"
#include "sim/rows.h"
#include "sim/statistics.h"

/* The parts that requests and the control API share, and what the operator chose. */
struct sim_upstream {
	const char *key; /* borrowed; NULL: any key is good */
	enum sim_shape shape;
	enum sim_error_shape error_shape;
	bool has_retry_after; /* on its own 429s */
	int refusal_status;   /* of a batch over the tier's size */
	struct sim_schedule schedule;
	struct sim_fast_clock clock;
	struct sim_ratelimit limit;
	struct sim_faults faults;
	struct sim_creators *creators;     /* owned */
	struct sim_statistics *statistics; /* owned */
	uint64_t rooms_made;               /* by the control API: no two are the same */
};

/* The caller has filled in what the operator chose, the schedule and the clock. */
void sim_upstream_init(struct sim_upstream *upstream, const struct sim_tier *tier,
		       bool has_simulated_rooms);
void sim_upstream_finish(struct sim_upstream *upstream);

/* Answers one request (a sim_handler_fn; arg is the upstream). */
void sim_upstream_handle(void *arg, const struct sim_request *request, struct sim_answer *answer);

#endif
