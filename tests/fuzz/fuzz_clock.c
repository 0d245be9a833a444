/* Times are what the C library's calendar says, and survive being written and read again. */
#include "fuzz.h"

#include "base/clock.h"

#include <time.h>

static const int64_t first_ms = INT64_C(-62167219200000), last_ms = INT64_C(253402300799999);

static void must_read_back(int64_t unix_ms)
{
	char text[CLOCK_TEXT_SIZE], expected[64];
	int64_t again;
	FUZZ_MUST(clock_parse(clock_format(unix_ms, text), &again) == 0);
	if (unix_ms < first_ms || unix_ms > last_ms)
		return; /* not in four digits of year: the nearest that is */
	FUZZ_MUST(again == unix_ms);

	struct tm date;
	int64_t ms = ((unix_ms % 1000) + 1000) % 1000;
	time_t seconds = (unix_ms - ms) / 1000;
	FUZZ_MUST(gmtime_r(&seconds, &date));
	snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
		 date.tm_year + 1900, date.tm_mon + 1, date.tm_mday, date.tm_hour, date.tm_min,
		 date.tm_sec, (int)ms);
	FUZZ_MUST(strcmp(text, expected) == 0);
}

/* "Thu, 18 Jun 2026 13:00:00 GMT": what stands behind the name of the day. */
static void must_be_http_date(const char *text, int64_t unix_s)
{
	struct tm date;
	char expected[64];
	time_t seconds = unix_s;
	FUZZ_MUST(gmtime_r(&seconds, &date));
	strftime(expected, sizeof(expected), " %H:%M:%S GMT", &date);
	if (strlen(text) != 29 || text[3] != ',' || strncmp(text + 23, ":60", 3) == 0)
		return; /* another form; a leap second */
	FUZZ_MUST(strcmp(text + 16, expected) == 0);
	FUZZ_MUST(atoi(text + 5) == date.tm_mday && atoi(text + 12) == date.tm_year + 1900);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	char *text = fuzz_take_text(&input);
	int64_t time;
	if (clock_parse(text, &time) == 0)
		must_read_back(time);
	if (clock_parse_http_date(text, &time) == 0)
		must_be_http_date(text, time);
	free(text);

	input = (struct fuzz_input){ data, size };
	time = fuzz_take_number(&input);
	must_read_back(time);
	must_read_back(time >> 16);
	int64_t day = clock_utc_day(time >> 16);
	FUZZ_MUST(day * 86400000 <= time >> 16 && time >> 16 < (day + 1) * 86400000);
	return 0;
}
