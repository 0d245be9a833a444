/* room - what a room id tells: TikTok ids carry their creation time.
 *
 * A room id is a 64-bit number; 0 stands for "no room known". Bits 63..32 are Unix seconds,
 * bits 11..8 the kind of entity, 11 for a live room (docs/detection.md says where this was found).
 */
#ifndef GOLIVED_DOMAIN_ROOM_H
#define GOLIVED_DOMAIN_ROOM_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stdint.h>

/* 1 to 20 digits below 2^64, not zero, no sign, no leading zero. */
bool room_parse(const char *digits, uint64_t *ret_room);

/* The room's creation as Unix milliseconds. False where the id is not that of a live room, or its
 * time is later than now_ms + 60 s or more than 7 days before now_ms. */
bool room_started_at(uint64_t room, int64_t now_ms, int64_t *ret_started_at_ms);

#endif
