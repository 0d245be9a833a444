/* datagram - one datagram to a local socket, as systemd's protocols want them (sd_notify(3), the
 * journal's native protocol). */
#ifndef GOLIVED_BASE_DATAGRAM_H
#define GOLIVED_BASE_DATAGRAM_H

#include "base/attrs.h"

#include <stddef.h>

/* path is that of a socket, or '@' and an abstract name. Never blocks: -EAGAIN while the other side
 * has no room, -EMSGSIZE, or what the system says. */
int datagram_send(const char *path, const void *bytes, size_t length) MUST_CHECK;

#endif
