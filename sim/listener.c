#include "sim/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 4096 };

/* The port behind a colon; false for anything but 0 to 65535. */
static bool parse_port(const char *text, in_port_t *ret_port)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || port > UINT16_MAX)
		return false;
	*ret_port = htons((uint16_t)port);
	return true;
}

/* "host:port" or "[host]:port". */
static int parse_address(const char *text, struct sockaddr_storage *ret_address,
			 socklen_t *ret_length)
{
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;
	bool is_v6 = length > 2 && text[0] == '[' && text[length - 1] == ']';
	char host[INET6_ADDRSTRLEN];
	if (length == 0 || length >= sizeof(host))
		return -EINVAL;
	snprintf(host, sizeof(host), "%.*s", (int)(is_v6 ? length - 2 : length), text + is_v6);
	struct sockaddr_storage address = { .ss_family = is_v6 ? AF_INET6 : AF_INET };
	struct sockaddr_in *v4 = (void *)&address;
	struct sockaddr_in6 *v6 = (void *)&address;
	void *number = is_v6 ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr;
	if (inet_pton(address.ss_family, host, number) != 1 ||
	    !parse_port(colon + 1, is_v6 ? &v6->sin6_port : &v4->sin_port))
		return -EINVAL;
	*ret_length = is_v6 ? sizeof(*v6) : sizeof(*v4);
	*ret_address = address;
	return 0;
}

static void format_url(int listener, char url[SIM_URL_SIZE])
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address = { .v6 = { 0 } };
	socklen_t length = sizeof(address);
	char host[INET6_ADDRSTRLEN] = "";
	getsockname(listener, &address.any, &length);
	if (address.any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof(host));
		snprintf(url, SIM_URL_SIZE, "http://[%s]:%u", host, ntohs(address.v6.sin6_port));
	} else {
		inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof(host));
		snprintf(url, SIM_URL_SIZE, "http://%s:%u", host, ntohs(address.v4.sin_port));
	}
}

int sim_listener_open(const char *address_text, char url[SIM_URL_SIZE], int *ret_listener)
{
	struct sockaddr_storage address;
	socklen_t length;
	int error = parse_address(address_text, &address, &length);
	if (error < 0)
		return error;
	int listener = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener < 0)
		return -errno;
	const int one = 1;
	(void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	(void)setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, length) < 0 ||
	    listen(listener, LISTEN_BACKLOG) < 0) {
		error = -errno;
		close(listener);
		return error;
	}
	format_url(listener, url);
	*ret_listener = listener;
	return 0;
}
