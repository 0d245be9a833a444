/* room - what a room id tells: TikTok ids carry their creation time.
 *
 * Bits 63..32 are Unix seconds, bits 11..8 the kind of entity, 11 for a live room (see
 * docs/detection.md for where this was found).
 */
#ifndef GOLIVED_DOMAIN_ROOM_H
#define GOLIVED_DOMAIN_ROOM_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stdint.h>

enum { ROOM_ID_SIZE = 24 }; /* 20 digits, NUL, and room to align */

/* Digits only, 1 to 20 of them, not zero. */
bool room_id_is_valid(const char *room_id);

/* The room's creation as Unix milliseconds. False where the id is not that of a live room, or its
 * time is later than now_ms + 60 s or more than 7 days before now_ms. */
bool room_started_at(const char *room_id, int64_t now_ms, int64_t *ret_started_at_ms);

#endif
