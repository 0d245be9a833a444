#include "domain/room.h"

#include <stddef.h>

enum {
	ROOM_TIME_SHIFT = 32,
	ROOM_KIND_SHIFT = 8,
	ROOM_KIND_MASK = 15,
	ROOM_KIND_LIVE = 11,
	ROOM_DIGITS_MAX = 20,
};

static const int64_t future_slack_ms = INT64_C(60) * 1000;
static const int64_t age_max_ms = INT64_C(7) * 24 * 3600 * 1000;

bool room_parse(const char *digits, uint64_t *ret_room)
{
	uint64_t room = 0;
	size_t length = 0;

	if (digits[0] == '0')
		return false;
	for (; digits[length] >= '0' && digits[length] <= '9'; length++) {
		uint64_t digit = (uint64_t)(digits[length] - '0');
		if (length >= ROOM_DIGITS_MAX || room > (UINT64_MAX - digit) / 10)
			return false;
		room = room * 10 + digit;
	}
	if (length == 0 || digits[length] != '\0')
		return false;
	*ret_room = room;
	return true;
}

bool room_started_at(uint64_t room, int64_t now_ms, int64_t *ret_started_at_ms)
{
	if ((room >> ROOM_KIND_SHIFT & ROOM_KIND_MASK) != ROOM_KIND_LIVE)
		return false;
	int64_t started_at_ms = (int64_t)(room >> ROOM_TIME_SHIFT) * 1000;
	if (started_at_ms > now_ms + future_slack_ms || started_at_ms < now_ms - age_max_ms)
		return false;
	*ret_started_at_ms = started_at_ms;
	return true;
}
