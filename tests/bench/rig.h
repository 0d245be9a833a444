/* rig - the daemon's delivery half for benchmarks: loop, store at synchronous=FULL on a real file,
 * dispatcher; and jobs that fill it.
 *
 * Webhook number w watches creators of its own; event number n (from 1) goes to webhook n % count
 * and carries "sequence":n, by which the sink knows it.
 */
#ifndef GOLIVED_BENCH_RIG_H
#define GOLIVED_BENCH_RIG_H

#include "base/config.h"
#include "base/dns.h"
#include "base/loop.h"
#include "db/creators.h"
#include "db/store_thread.h"
#include "deliver/dispatcher.h"

enum { RIG_CREATORS = 32, RIG_BODY_BYTES = 600 }; /* creators of one webhook; an event's body */

struct rig {
	char folder[64], path[96];
	struct config config;
	struct loop *loop;
	struct dns *dns;
	struct store_thread *store;
	struct dispatcher *dispatcher; /* NULL until rig_start_dispatcher() */
	const char *name_servers;      /* for rig_reopen(); NULL: the system's */

	unsigned webhook_count;
	unsigned creators_each;       /* RIG_CREATORS, or fewer if set before webhooks are added */
	struct creator_key *creators; /* owned; creators_each of each webhook */

	int64_t backdated_ms; /* events are added as if so long ago */

	void (*on_settled)(void *arg); /* NULL: nobody asks */
	void *on_settled_arg;
};

void rig_create(struct rig *rig, unsigned in_flight, unsigned in_flight_per_webhook);
void rig_start_dispatcher(struct rig *rig);
void rig_close(struct rig *rig);  /* lets go of the database */
void rig_reopen(struct rig *rig); /* after that: the same database again, without dispatcher */
void rig_remove(struct rig *rig); /* after a close: the files, and what the rig holds */

/* Runs a job to its end; ends the program if it fails. */
void rig_do(struct rig *rig, store_job_fn job, void *arg);

/* Adds webhooks that post to the port of 127.0.0.1; or of hosts with names of their own. */
void rig_add_webhooks(struct rig *rig, unsigned count, uint16_t port);
void rig_add_tls_webhooks(struct rig *rig, unsigned count, uint16_t port);
void rig_add_named_webhooks(struct rig *rig, unsigned count, uint16_t port);

/* In an open transaction: events first … first + count - 1, each one delivery, due now. */
int rig_add_events(struct store *store, const struct rig *rig, unsigned first, unsigned count);

/* Everything that can go wrong in a benchmark ends it. */
void rig_must(bool is_done, const char *what);

int64_t rig_cpu_us(void);                        /* of this process, all threads */
double rig_memory_mb(int pid, const char *name); /* of /proc/PID/status: VmRSS, VmHWM */

#endif
