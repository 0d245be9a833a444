#include "base/datagram.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int datagram_send(const char *path, const void *bytes, size_t length)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t path_length = strlen(path);
	if (path_length == 0 || path_length >= sizeof(address.sun_path))
		return -EINVAL;
	memcpy(address.sun_path, path, path_length);
	/* '@' stands for the NUL of an abstract name. */
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	socklen_t address_length =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_length);

	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ssize_t sent = sendto(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT,
			      (const struct sockaddr *)&address, address_length);
	int result = sent < 0 ? -errno : 0;
	(void)close(fd);
	return result;
}
