/* peer - who is at the other end of a connection, as limits count it.
 *
 * One client of IPv6 has a whole /64 to itself, so its addresses are one. Programs of this machine
 * (a proxy, too) are not told apart by their address, so limits per address do not hold for them.
 */
#ifndef GOLIVED_ADMIN_PEER_H
#define GOLIVED_ADMIN_PEER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

enum { PEER_TEXT_SIZE = INET6_ADDRSTRLEN };

/* "192.0.2.1" (mapped into IPv6, too), "2001:db8::" (a /64), "unix" (NULL, too). Returns text. */
char *peer_format(const struct sockaddr *address, char text[PEER_TEXT_SIZE]);

/* Is this text of a program on this machine? */
bool peer_is_local(const char *text);

#endif
