/* notify - tells systemd how the service is (sd_notify(3)'s protocol: a datagram of lines to
 * $NOTIFY_SOCKET).
 *
 * Spoken here rather than through libsystemd: it is one sendto(), and the daemon then needs no
 * library of systemd's in a container. Without NOTIFY_SOCKET every call does nothing.
 */
#ifndef GOLIVED_BASE_NOTIFY_H
#define GOLIVED_BASE_NOTIFY_H

#include "base/attrs.h"

#include <stdint.h>

/* Lines as sd_notify(3) names them, separated by '\n': "READY=1\nSTATUS=…". Failure is not
 * reported: nobody could act on it. */
void notify_send(const char *format, ...) PRINTF_LIKE(1, 2);

/* How often systemd wants "WATCHDOG=1", in milliseconds; 0: it does not. */
int64_t notify_watchdog_ms(void);

#endif
