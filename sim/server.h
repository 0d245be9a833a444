/* server - HTTP for both roles: takes requests, plays the answers, misbehaves on command. The only
 * file of sim/ that knows libmicrohttpd.
 *
 *   in:   requests on one listening address
 *   out:  each whole request to the role's handler, its answer back
 *   not:  what an answer says (upstream, receiver)
 *
 * One thread: the handler runs on the thread of sim_server_run() and must not block; an answer that
 * waits, drips or hangs is played by the server and holds up nobody else.
 */
#ifndef GOLIVED_SIM_SERVER_H
#define GOLIVED_SIM_SERVER_H

#include "base/attrs.h"
#include "sim/exchange.h"

struct sim_server;

/* Fills in answer, which is initialised. */
typedef void (*sim_handler_fn)(void *arg, const struct sim_request *request,
			       struct sim_answer *answer);

/* Listens on "127.0.0.1:8080", "[::1]:0", …; port 0 takes a free one. -EINVAL for text that is no
 * address, else the errno of what failed. */
int sim_server_create(const char *listen, sim_handler_fn handler, void *arg,
		      struct sim_server **ret_server) MUST_CHECK;
void sim_server_destroy(struct sim_server *server);

/* "http://127.0.0.1:40123", with the real port. Borrowed. */
const char *sim_server_url(const struct sim_server *server);

/* Serves until SIGTERM or SIGINT. 0, or -errno of what made it impossible. */
int sim_server_run(struct sim_server *server) MUST_CHECK;

#endif
