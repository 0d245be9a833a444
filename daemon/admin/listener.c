#include "admin/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 128, FIRST_PASSED_FD = 3, HOST_MAX = 255 };

union socket_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un local;
	struct sockaddr_storage storage;
};

static bool is_loopback(const union socket_address *address)
{
	if (address->any.sa_family == AF_INET)
		return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
}

/* Asks the socket what it is bound to: the real port, or whatever systemd chose. */
static int describe(struct listener *listener)
{
	union socket_address bound = { 0 };
	socklen_t length = sizeof(bound);
	char text[INET6_ADDRSTRLEN];

	if (getsockname(listener->fd, &bound.any, &length) < 0)
		return -errno;
	switch (bound.any.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &bound.v4.sin_addr, text, sizeof(text));
		snprintf(listener->address, sizeof(listener->address), "http://%s:%u", text,
			 ntohs(bound.v4.sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &bound.v6.sin6_addr, text, sizeof(text));
		snprintf(listener->address, sizeof(listener->address), "http://[%s]:%u", text,
			 ntohs(bound.v6.sin6_port));
		break;
	case AF_UNIX:
		snprintf(listener->address, sizeof(listener->address), "unix:%.*s",
			 (int)sizeof(bound.local.sun_path), bound.local.sun_path);
		listener->reach = LISTENER_UNIX;
		return 0;
	default:
		return -EAFNOSUPPORT;
	}
	listener->reach = is_loopback(&bound) ? LISTENER_LOOPBACK : LISTENER_NETWORK;
	return 0;
}

/* ---- a socket that was passed ---- */

static bool has_passed_socket(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

	return pid && count && strtol(pid, NULL, 10) == (long)getpid() &&
	       strtol(count, NULL, 10) >= 1;
}

static int take_passed_socket(struct strbuf *why, struct listener *listener)
{
	int accepts = 0;
	socklen_t length = sizeof(accepts);

	listener->fd = FIRST_PASSED_FD;
	if (getsockopt(listener->fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &length) < 0 ||
	    !accepts) {
		strbuf_add_text(why, "what systemd passed is no listening socket");
		return -EINVAL;
	}
	if (fcntl(listener->fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(listener->fd, F_SETFL, fcntl(listener->fd, F_GETFL) | O_NONBLOCK) < 0)
		return -errno;
	/* What this process starts must not think that the sockets are its own. */
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return 0;
}

/* ---- a socket of our own ---- */

static int parse_port(const char *text, uint16_t *ret_port)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long port = strtoul(text, NULL, 10);

	if (!digits || digits > 5 || text[digits] || port > UINT16_MAX)
		return -EINVAL;
	*ret_port = (uint16_t)port;
	return 0;
}

/* "127.0.0.1:8787", "[::1]:8787" */
static int parse_address(const char *text, union socket_address *ret_address, socklen_t *ret_length)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN];
	uint16_t port;

	if (!colon || parse_port(colon + 1, &port) < 0)
		return -EINVAL;
	size_t length = (size_t)(colon - text);
	bool is_v6 = length >= 2 && text[0] == '[' && text[length - 1] == ']';
	if (is_v6) {
		text++;
		length -= 2;
	}
	if (length >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, length);
	host[length] = '\0';
	*ret_address = (union socket_address){ 0 };
	if (is_v6) {
		ret_address->v6.sin6_family = AF_INET6;
		ret_address->v6.sin6_port = htons(port);
		*ret_length = sizeof(ret_address->v6);
		return inet_pton(AF_INET6, host, &ret_address->v6.sin6_addr) == 1 ? 0 : -EINVAL;
	}
	ret_address->v4.sin_family = AF_INET;
	ret_address->v4.sin_port = htons(port);
	*ret_length = sizeof(ret_address->v4);
	return inet_pton(AF_INET, host, &ret_address->v4.sin_addr) == 1 ? 0 : -EINVAL;
}

static int open_tcp(const char *listen_on, struct strbuf *why, struct listener *listener)
{
	union socket_address address;
	socklen_t length;
	const int on = 1;

	if (parse_address(listen_on, &address, &length) < 0) {
		strbuf_addf(why,
			    "[admin] listen = %s is no address (write 127.0.0.1:8787, [::1]:8787 "
			    "or unix:/path)",
			    listen_on);
		return -EINVAL;
	}
	listener->fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0 ||
	    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(listener->fd, &address.any, length) < 0 || listen(listener->fd, BACKLOG) < 0)
		return -errno;
	return 0;
}

/* A socket file that a crash left behind is removed; one that answers is somebody else's. */
static int remove_stale_socket(const struct sockaddr_un *address)
{
	struct stat status;

	if (lstat(address->sun_path, &status) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(status.st_mode))
		return -EEXIST;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int error = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? errno : 0;
	close(fd);
	if (error != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(address->sun_path) < 0 ? -errno : 0;
}

static int open_unix(const char *path, struct strbuf *why, struct listener *listener)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (path[0] != '/' || strlen(path) >= sizeof(address.sun_path)) {
		strbuf_addf(why,
			    "[admin] listen = unix:%s: the path must begin with / and have "
			    "less than %zu bytes",
			    path, sizeof(address.sun_path));
		return -EINVAL;
	}
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	int result = remove_stale_socket(&address);
	if (result)
		return result;
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0 ||
	    bind(listener->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	snprintf(listener->path, sizeof(listener->path), "%s", path);
	if (chmod(path, 0660) < 0 || listen(listener->fd, BACKLOG) < 0)
		return -errno;
	return 0;
}

int listener_open(const char *listen_on, struct strbuf *why, struct listener *ret_listener)
{
	static const char unix_prefix[] = "unix:";
	struct listener listener = { .fd = -1 };
	int result;

	if (has_passed_socket())
		result = take_passed_socket(why, &listener);
	else if (strncmp(listen_on, unix_prefix, strlen(unix_prefix)) == 0)
		result = open_unix(listen_on + strlen(unix_prefix), why, &listener);
	else
		result = open_tcp(listen_on, why, &listener);
	if (!result)
		result = describe(&listener);
	if (!result) {
		*ret_listener = listener;
		return 0;
	}
	listener_close(&listener);
	if (result == -EADDRINUSE)
		strbuf_addf(why, "cannot listen on %s: another program does", listen_on);
	else if (!why->length)
		strbuf_addf(why, "cannot listen on %s: %s", listen_on, strerror(-result));
	return result;
}

void listener_close(struct listener *listener)
{
	if (listener->fd >= 0)
		close(listener->fd);
	listener->fd = -1;
	if (listener->path[0])
		(void)unlink(listener->path);
	listener->path[0] = '\0';
}

/* Cuts the port off "name:port" or "[v6]:port". False if it is neither. */
static bool split_host(const char *host, char name[HOST_MAX + 1])
{
	bool is_bracketed = host[0] == '[';
	size_t length = is_bracketed ? strcspn(host, "]") : strcspn(host, ":");
	uint16_t port;

	if (is_bracketed && host[length++] != ']')
		return false;
	if (!length || length > HOST_MAX)
		return false;
	if (host[length] && (host[length] != ':' || parse_port(host + length + 1, &port) < 0))
		return false;
	memcpy(name, host + (is_bracketed ? 1 : 0), length - (is_bracketed ? 2 : 0));
	name[length - (is_bracketed ? 2 : 0)] = '\0';
	return true;
}

static bool is_localhost(const char *name)
{
	static const char suffix[] = ".localhost";
	size_t length = strlen(name);

	return strcasecmp(name, suffix + 1) == 0 ||
	       (length > strlen(suffix) && strcasecmp(name + length - strlen(suffix), suffix) == 0);
}

bool listener_is_named(const struct listener *listener, const char *host)
{
	char name[HOST_MAX + 1];
	struct in6_addr address;

	if (listener->reach != LISTENER_LOOPBACK)
		return true;
	if (!split_host(host, name))
		return false;
	return is_localhost(name) || inet_pton(AF_INET, name, &address) == 1 ||
	       inet_pton(AF_INET6, name, &address) == 1;
}
