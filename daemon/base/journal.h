/* journal - writes an entry to systemd's journal, field by field (its native protocol,
 * https://systemd.io/JOURNAL_NATIVE_PROTOCOL: a datagram of KEY=value lines).
 *
 *     MESSAGE=endpoint failing webhook=wh_01J... streak=5
 *     PRIORITY=4
 *     SYSLOG_IDENTIFIER=golived
 *     MESSAGE_ID=6e3f...            (base/log_messages.h: journalctl -x explains it)
 *     GOLIVED_WEBHOOK=wh_01J...     (journalctl GOLIVED_WEBHOOK=wh_01J... finds it)
 *     GOLIVED_STREAK=5
 *
 * Safe from any thread.
 */
#ifndef GOLIVED_BASE_JOURNAL_H
#define GOLIVED_BASE_JOURNAL_H

#include "base/log.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* text is the whole line for people to read. Never blocks; errors are datagram_send()'s. */
int journal_write(const char *socket_path, int priority, const char *message, const char *text,
		  const struct log_field *fields, size_t count) MUST_CHECK;

/* The MESSAGE_ID of a message; NULL: it has none. */
const char *journal_message_id(const char *message);

#endif
