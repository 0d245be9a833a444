/* misbehaviour - what a fault does to an answer.
 *
 *   in:   the fault that a request met (faults), the answer so far
 *   out:  the answer, wrong in that way
 *   not:  single rows (rows)
 */
#ifndef GOLIVED_SIM_MISBEHAVIOUR_H
#define GOLIVED_SIM_MISBEHAVIOUR_H

#include "base/strbuf.h"
#include "sim/exchange.h"
#include "sim/faults.h"

/* The forms in which clients of the service have met its errors. */
enum sim_error_shape {
	SIM_ERROR_MESSAGE, /* {"status_code":429,"message":"…"}: the documented one */
	SIM_ERROR_TEXT,    /* {"status_code":-1,"error":"…"} */
	SIM_ERROR_NESTED,  /* {"error":{"message":"…"}} */
};

/* "message", "error", "nested"; false for a name that is none. */
bool sim_error_shape_find(const char *name, enum sim_error_shape *ret_shape);

/* An error as the service words it. */
void sim_upstream_error(struct sim_answer *answer, enum sim_error_shape shape, int status,
			const char *text);

/* The answer that a SIM_AT_STATUS fault gives instead of the right one. */
void sim_misbehave_instead(const struct sim_fault *fault, enum sim_error_shape shape,
			   struct sim_answer *answer);
/* True for faults that come from a machine in front of the service: no rate limit headers. */
bool sim_fault_is_from_gateway(enum sim_fault_kind kind);

/* What a SIM_AT_BODY fault adds to the object before its last brace, and does to the text then. */
void sim_misbehave_in_object(const struct sim_fault *fault, struct strbuf *members);
void sim_misbehave_in_text(const struct sim_fault *fault, struct strbuf *text);

/* How a SIM_AT_TRANSPORT fault sends the answer. */
void sim_misbehave_in_transport(const struct sim_fault *fault, struct sim_answer *answer);

#endif
