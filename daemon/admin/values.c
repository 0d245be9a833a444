#include "admin/values.h"

#include <inttypes.h>
#include <stdio.h>

void value_put_room(struct json_writer *writer, const char *key, uint64_t room)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, room);
	json_put_string(writer, key, room ? digits : NULL);
}

void value_put_nonzero(struct json_writer *writer, const char *key, int64_t number)
{
	if (number)
		json_put_integer(writer, key, number);
	else
		json_put_null(writer, key);
}

void value_put_reached(struct json_writer *writer, const char *key, int64_t number)
{
	if (number >= 0)
		json_put_integer(writer, key, number);
	else
		json_put_null(writer, key);
}

void value_put_gap(struct json_writer *writer, const char *key, const struct gap *gap)
{
	json_begin_object(writer, key);
	json_put_time(writer, "began_at", gap->began_at_ms);
	json_put_time(writer, "ended_at", gap->ended_at_ms);
	json_put_integer(writer, "seconds", (gap->ended_at_ms - gap->began_at_ms) / 1000);
	json_put_string(writer, "reason", gap_reason_name(gap->reason));
	json_end_object(writer);
}
