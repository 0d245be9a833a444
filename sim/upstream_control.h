/* upstream_control - the control API of the upstream: scripts, faults, limits, what was seen.
 *
 * JSON over HTTP under /_sim/, without a key. `golivesim upstream --help` names the calls.
 */
#ifndef GOLIVED_SIM_UPSTREAM_CONTROL_H
#define GOLIVED_SIM_UPSTREAM_CONTROL_H

#include "sim/upstream.h"

void sim_upstream_control(struct sim_upstream *upstream, const struct sim_request *request,
			  struct sim_answer *answer);

/* The calls, one line each, for --help. */
extern const char sim_upstream_control_help[];

#endif
