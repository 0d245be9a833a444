/* habit - when a creator goes live, learned from their sessions: how likely a start is in each hour
 * of the week.
 *
 *   in:   starts, the time over which starts were looked for
 *   out:  what is expected to be lost by not looking
 *   not:  whom to ask (planner), keeping it (db)
 *
 * Pure.
 */
#ifndef GOLIVED_DETECT_HABIT_H
#define GOLIVED_DETECT_HABIT_H

#include <stdbool.h>
#include <stdint.h>

struct habit;

/* What is expected to be lost if a creator last looked at at from_ms is looked at again at to_ms:
 * the integral of the intensity times the square of the time that the change stays undetected (in
 * hours). The square protects the tail: the longest delays weigh most. habit NULL: the average
 * creator. While live it is the end that is awaited. */
double habit_loss(const struct habit *habit, bool is_live, int64_t from_ms, int64_t to_ms);

#endif
