#include "ctl/moment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	char letter;
	int64_t seconds;
} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };

enum { AGO_MAX_DIGITS = 6 };

static int parse_ago(const char *text, int64_t now_ms, int64_t *ret_unix_ms)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > AGO_MAX_DIGITS || strlen(text) != digits + 1)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (units[i].letter == text[digits]) {
			*ret_unix_ms = now_ms - strtoll(text, NULL, 10) * units[i].seconds * 1000;
			return 0;
		}
	return -EINVAL;
}

int moment_parse(const char *text, int64_t now_ms, char ret_time[CLOCK_TEXT_SIZE])
{
	int64_t unix_ms;

	if (clock_parse(text, &unix_ms) < 0 && parse_ago(text, now_ms, &unix_ms) < 0)
		return -EINVAL;
	if (unix_ms < 0)
		return -EINVAL;
	clock_format(unix_ms, ret_time);
	return 0;
}
