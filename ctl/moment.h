/* moment - a time as people write it on a command line. */
#ifndef GOLIVED_CTL_MOMENT_H
#define GOLIVED_CTL_MOMENT_H

#include "base/attrs.h"
#include "base/clock.h"

#include <stdint.h>

/* For console_misused(): the option, what was written. */
#define MOMENT_EXPECTED \
	"--%s: \"%s\" is no time: write 2026-06-18T13:00:00Z, or 2h for two hours ago"

/* RFC 3339, or a number with s, m, h or d: that long before now. -EINVAL for anything else. */
int moment_parse(const char *text, int64_t now_ms, char ret_time[CLOCK_TEXT_SIZE]) MUST_CHECK;

#endif
