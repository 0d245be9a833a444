/* sink - a receiver that costs almost nothing: a raw epoll server in a process of its own, so that
 * a benchmark measures the sender.
 *
 *   in:   requests on one port for each kind; when the event in them was committed
 *   out:  how many came, and how long each took from commit to arrival
 *   not:  reading requests properly (golivesim does): whoever sends here is known
 */
#ifndef GOLIVED_BENCH_SINK_H
#define GOLIVED_BENCH_SINK_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

enum sink_kind {
	SINK_FAST,       /* answers 200 at once */
	SINK_SLOW,       /* after SINK_SLOW_MS */
	SINK_SILENT,     /* reads, and never answers */
	SINK_UNMEASURED, /* answers 200 at once, and is in no sample */
	SINK_TLS,        /* the same by TLS, on connections that are kept */
	SINK_TLS_ONCE,   /* the same, and closes the connection behind each answer */
	SINK_KINDS,
};

enum { SINK_SLOW_MS = 10000, SINK_SAMPLES_MAX = 1 << 20 };

/* Memory that the two processes share. */
struct sink_shared {
	atomic_uint_least64_t received[SINK_KINDS];
	atomic_int_least64_t first_arrival_us; /* at the fast port, monotonic; 0: none yet */
	/* By the number that a body says as "sequence":N; 0: not to be measured. */
	atomic_int_least64_t committed_us[SINK_SAMPLES_MAX];
	atomic_uint sample_count;
	uint32_t samples_us[SINK_SAMPLES_MAX]; /* of the fast port */
};

struct sink_tls;

struct sink {
	pid_t pid;
	uint16_t ports[SINK_KINDS];
	struct sink_tls *tls; /* borrowed; NULL: nobody may come to the TLS ports */
	struct sink_shared *shared;
};

/* Before any other thread is started. Ends the program if it cannot. */
void sink_start(struct sink *sink);
void sink_start_tls(struct sink *sink, struct sink_tls *tls);
void sink_stop(struct sink *sink);

/* Forgets the samples and the first arrival. */
void sink_reset(struct sink *sink);

/* The q-quantile of the samples in milliseconds; negative: there are none. Sorts them. */
double sink_quantile_ms(struct sink *sink, double q);

#endif
