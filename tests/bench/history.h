/* history - fills a database with what was delivered long ago, at millions of rows a minute.
 *
 *   in:   a database that no store has open, with webhooks (keys from 1) and nothing enqueued
 *   out:  delivered deliveries, each with its attempt, and the events they were of
 *   not:  what goes with them elsewhere: sessions, counters of the day
 *
 * It writes SQL of its own, and knows of the schema what else only db/ knows: the store would take
 * an hour.
 */
#ifndef GOLIVED_BENCH_HISTORY_H
#define GOLIVED_BENCH_HISTORY_H

#include <stdint.h>

enum { HISTORY_EVENT_DELIVERIES = 10 }; /* deliveries of one event */

/* Of the seven days before until_ms; webhook_count at least HISTORY_EVENT_DELIVERIES. Ends the
 * program if it cannot. */
void history_fill(const char *path, uint64_t deliveries, unsigned webhook_count, int64_t until_ms);

#endif
