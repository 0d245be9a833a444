/* service - what the poller asks in a benchmark, instead of the network: the linker puts it in the
 * place of the requests of detect/upstream (CMake: --wrap). Replies have the service's own form and
 * are read by upstream_read_checks(), as those from the network are.
 *
 * Creators are named by service_handle(). One in ten is live at first; with each check one in a
 * hundred changes. What making the replies costs, and reading the same bytes with nothing but
 * cJSON, is counted apart, so that it can be taken off.
 */
#ifndef GOLIVED_BENCH_SERVICE_H
#define GOLIVED_BENCH_SERVICE_H

#include "domain/handle.h"

#include <stdbool.h>
#include <stdint.h>

enum { SERVICE_BARE_EVERY = 4 /* replies of which one is read with cJSON alone, too */ };

struct service_counts {
	int64_t batches, rows, bytes, changes;
	int64_t own_us;             /* CPU of making replies and of reading them with cJSON alone */
	int64_t read_us;            /* CPU of reading them as the poller does */
	int64_t bare_rows, bare_us; /* rows read with cJSON alone, and the CPU of it */
};

/* It answers so often in a minute at most; 0: as often as it is asked. */
void service_open(unsigned creators, unsigned per_minute);
void service_close(void);
void service_handle(unsigned number, char handle[HANDLE_SIZE]);

/* Calls on_rows once, when so many rows have been answered in all; nobody is answered any more
 * then, unless it sets another stop. */
void service_stop_after(int64_t rows, void (*on_rows)(void *arg), void *arg);

const struct service_counts *service_counts(void);

/* CPU of this thread. */
int64_t service_thread_us(void);

#endif
