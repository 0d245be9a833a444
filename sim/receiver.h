/* receiver - the stand-in for people's webhook endpoints: records what comes, answers as told.
 *
 *   in:   requests on any path; /_sim/… for the control API
 *   out:  one JSON line for each, written before it is answered; the answer that the path asks for
 *   not:  what a path means (behaviour), whether a signature is right (verify)
 */
#ifndef GOLIVED_SIM_RECEIVER_H
#define GOLIVED_SIM_RECEIVER_H

#include "base/attrs.h"
#include "sim/exchange.h"

#include <stddef.h>

struct sim_receiver_options {
	const char *record_path;   /* NULL: none; lines are appended */
	const char *secret_path;   /* NULL: nothing is verified; may be written later, and change */
	const char *header_prefix; /* "X-Tiktool" */
	size_t keep;               /* requests that GET /_sim/requests remembers */
	bool is_verbose;           /* a line on stderr for each request */
};

struct sim_receiver;

/* The options' texts are borrowed. -errno if the record cannot be opened. */
int sim_receiver_create(const struct sim_receiver_options *options,
			struct sim_receiver **ret_receiver) MUST_CHECK;
void sim_receiver_destroy(struct sim_receiver *receiver);

/* Answers one request (a sim_handler_fn; arg is the receiver). */
void sim_receiver_handle(void *arg, const struct sim_request *request, struct sim_answer *answer);

/* The control calls, one line each, for --help. */
extern const char sim_receiver_control_help[];

#endif
