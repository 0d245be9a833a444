/* listener - a listening socket from a text, and the URL that it stands for. */
#ifndef GOLIVED_SIM_LISTENER_H
#define GOLIVED_SIM_LISTENER_H

#include "base/attrs.h"

enum { SIM_URL_SIZE = 80 };

/* Listens, without blocking, on "127.0.0.1:8080", "[::1]:0", …; port 0 takes a free one. url gets
 * "http://127.0.0.1:40123", with the real port. The caller closes the descriptor. -EINVAL for text
 * that is no address, else -errno of what failed. */
int sim_listener_open(const char *address_text, char url[SIM_URL_SIZE],
		      int *ret_listener) MUST_CHECK;

#endif
