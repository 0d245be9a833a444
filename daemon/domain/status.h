/* status - how the daemon is doing, as the services tell it and the admin API shows it. A plain
 * value; main collects it. */
#ifndef GOLIVED_DOMAIN_STATUS_H
#define GOLIVED_DOMAIN_STATUS_H

#include "domain/gap.h"

#include <stdbool.h>
#include <stdint.h>

/* Written by the poller. */
struct poll_status {
	char tier[16];      /* "sandbox" … "global"; "" while not known */
	const char *policy; /* "uniform", "learned"; static */
	int64_t batch_size, requests_per_minute, requests_per_day; /* in force now */
	int64_t used_today;
	int64_t requests_this_hour; /* that it would get in all, at the pace of now */
	int64_t last_success_at_ms; /* the last batch with usable answers; 0: none yet */
	int64_t lag_seconds; /* how long the creator that waited longest has been due; 0: nobody is
			      */
	int64_t watched;     /* creators polled */
	/* Conditions that /readyz reports. */
	bool auth_refused; /* the service refuses the key */
	bool key_missing;  /* there is no key to ask with */
	bool stale;        /* somebody is watched, and no batch had usable answers for a while */
	struct gap gap; /* since when nobody can be checked, and why; began_at_ms 0: all is well */
	bool mass_flip_held; /* an improbable number of changes waits for a second check */
};

/* Written by the dispatcher. */
struct dispatch_status {
	int64_t in_flight;
	int64_t failing_lanes;
};

struct service_status {
	int64_t started_at_ms;
	bool store_degraded; /* the disk is full or refuses writes */
	bool stopping;
	struct poll_status poll;
	struct dispatch_status dispatch;
};

#endif
