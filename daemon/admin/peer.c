#include "admin/peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

char *peer_format(const struct sockaddr *address, char text[PEER_TEXT_SIZE])
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	snprintf(text, PEER_TEXT_SIZE, "unix");
	if (address && address->sa_family == AF_INET) {
		memcpy(&v4, address, sizeof(v4));
		inet_ntop(AF_INET, &v4.sin_addr, text, PEER_TEXT_SIZE);
	}
	if (!address || address->sa_family != AF_INET6)
		return text;
	memcpy(&v6, address, sizeof(v6));
	if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
		inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text, PEER_TEXT_SIZE);
		return text;
	}
	if (!IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr))
		memset(&v6.sin6_addr.s6_addr[8], 0, 8);
	inet_ntop(AF_INET6, &v6.sin6_addr, text, PEER_TEXT_SIZE);
	return text;
}

bool peer_is_local(const char *text)
{
	return strcmp(text, "unix") == 0 || strcmp(text, "::1") == 0 ||
	       strncmp(text, "127.", strlen("127.")) == 0;
}
