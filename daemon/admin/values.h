/* values - how handlers write what several of them show: numbers that the store keeps with a
 * special value for "none" are null in the API.
 */
#ifndef GOLIVED_ADMIN_VALUES_H
#define GOLIVED_ADMIN_VALUES_H

#include "base/json_writer.h"
#include "domain/gap.h"

#include <stdint.h>

/* A room's digits as a string (JSON numbers lose them), null for 0. */
void value_put_room(struct json_writer *writer, const char *key, uint64_t room);

/* null for 0: a status code, a sequence. */
void value_put_nonzero(struct json_writer *writer, const char *key, int64_t number);

/* null for -1: a duration that was not reached. */
void value_put_reached(struct json_writer *writer, const char *key, int64_t number);

/* A gap as an object; key NULL: in an array. */
void value_put_gap(struct json_writer *writer, const char *key, const struct gap *gap);

#endif
