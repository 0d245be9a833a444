/* control - one call of the upstream's control API, and what its parts share. */
#ifndef GOLIVED_SIM_CONTROL_H
#define GOLIVED_SIM_CONTROL_H

#include "base/attrs.h"
#include "base/json_writer.h"
#include "base/strbuf.h"
#include "sim/upstream.h"

#include <stdint.h>

struct sim_control {
	struct sim_upstream *upstream;
	const struct sim_request *request;
	struct sim_answer *answer;
	const char *rest; /* of the path, behind the route's prefix */
};

/* Opens the answer's object; the caller ends it. */
void sim_control_begin(struct sim_control *control, struct json_writer *writer);
/* 204 */
void sim_control_done(struct sim_control *control);
/* A query parameter as a number; fallback where there is none. */
int64_t sim_control_parameter(const struct sim_control *control, const char *name,
			      int64_t fallback);

/* The calls: 0 with the answer filled in, or -EINVAL (400) or -ENOENT (404) with why. */
int sim_control_script(struct sim_control *control, struct strbuf *why) MUST_CHECK;
int sim_control_unscript(struct sim_control *control, struct strbuf *why) MUST_CHECK;
int sim_control_list_creators(struct sim_control *control, struct strbuf *why) MUST_CHECK;
int sim_control_make_room(struct sim_control *control, struct strbuf *why) MUST_CHECK;
int sim_control_order_fault(struct sim_control *control, struct strbuf *why) MUST_CHECK;
int sim_control_list_faults(struct sim_control *control, struct strbuf *why) MUST_CHECK;
int sim_control_forget_faults(struct sim_control *control, struct strbuf *why) MUST_CHECK;

#endif
