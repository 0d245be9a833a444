#include "base/notify.h"

#include "base/datagram.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NOTIFY_TEXT_MAX = 512 };

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
	if (length <= 0 || (size_t)length >= sizeof(text))
		return;
	int error = datagram_send(path, text, (size_t)length);
	(void)error; /* nobody could act on it */
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
