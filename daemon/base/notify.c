#include "base/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { NOTIFY_TEXT_MAX = 512 };

static void notify_socket_send(const char *path, const char *text, size_t length)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t path_length = strlen(path);
	if (path_length == 0 || path_length >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, path_length);
	/* '@' stands for the NUL of an abstract name. */
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	socklen_t address_length =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_length);

	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, text, length, MSG_NOSIGNAL | MSG_DONTWAIT,
		     (const struct sockaddr *)&address, address_length);
	(void)close(fd);
}

void notify_send(const char *format, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	if (!path)
		return;
	char text[NOTIFY_TEXT_MAX];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length > 0 && (size_t)length < sizeof(text))
		notify_socket_send(path, text, (size_t)length);
}

int64_t notify_watchdog_ms(void)
{
	const char *interval_us = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	if (!interval_us || (pid && strtoll(pid, NULL, 10) != (long long)getpid()))
		return 0;
	/* Half of it, as sd_watchdog_enabled(3) advises. */
	int64_t half_ms = strtoll(interval_us, NULL, 10) / 2000;
	return half_ms > 0 ? half_ms : 0;
}
