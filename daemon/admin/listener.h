/* listener - the socket on which the admin API is served.
 *
 *   in:   admin.listen: `address:port`, `[v6]:port` or `unix:/path`; a socket passed by systemd
 *         (sd_listen_fds(3)), which wins
 *   out:  a listening socket, and what it is called
 *   not:  accepting (server)
 */
#ifndef GOLIVED_ADMIN_LISTENER_H
#define GOLIVED_ADMIN_LISTENER_H

#include "base/attrs.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <sys/un.h>

enum listener_reach {
	LISTENER_UNIX,
	LISTENER_LOOPBACK, /* programs of this machine, web browsers among them */
	LISTENER_NETWORK,
};

struct listener {
	int fd; /* non-blocking, close-on-exec; -1: handed on or closed */
	enum listener_reach reach;
	char address[sizeof(((struct sockaddr_un *)0)->sun_path) + 16]; /* "http://127.0.0.1:8787",
									   "unix:/path" */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* to remove at the end; "": none */
};

/* Port 0 takes a free one. A socket file that nobody answers on is replaced; a new one has mode
 * 0660. -errno with *why in one sentence; -EINVAL: the text is no address; -EADDRINUSE: somebody
 * listens there. */
int listener_open(const char *listen_on, struct strbuf *why,
		  struct listener *ret_listener) MUST_CHECK;

/* Closes the socket, unless fd is -1, and removes its file if listener_open() made it. */
void listener_close(struct listener *listener);

/* May a request without a key name this Host? A page in a browser on this machine can reach a
 * loopback listener under a name of its own (DNS rebinding): there only addresses and localhost
 * are good. The network's names for this machine cannot be known, and to a Unix socket no page
 * gets. */
bool listener_is_named(const struct listener *listener, const char *host);

#endif
