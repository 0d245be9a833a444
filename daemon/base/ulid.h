/* ulid - identifiers that sort by the time of their making (github.com/ulid/spec).
 *
 * A prefix (`wh_`, `evt_`, `del_`, …) and 26 characters of Crockford's base 32: 48 bits of Unix
 * milliseconds, 80 random bits. One source never gives the same or a smaller id than before, also
 * within a millisecond and when the clock steps back: the event stream resumes by comparing ids.
 */
#ifndef GOLIVED_BASE_ULID_H
#define GOLIVED_BASE_ULID_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	ULID_TEXT_LENGTH = 26,
	ID_TEXT_SIZE = 40, /* the longest prefix, a ULID and the NUL */
};

struct ulid_source {
	uint8_t last[16]; /* big-endian; all zero: none given yet */
};

/* random: 10 bytes from base/random. Pure: the same input gives the same id. Returns text. */
char *ulid_next(struct ulid_source *source, const char *prefix, int64_t now_ms,
		const uint8_t random[10], char text[ID_TEXT_SIZE]);

/* Makes sure that what the source gives next sorts behind this id (from the database, at the
 * start). Ignores what is no id. */
void ulid_advance(struct ulid_source *source, const char *text);

/* Is text that prefix and a ULID? For ids in requests. */
bool ulid_is_valid(const char *prefix, const char *text);

#endif
