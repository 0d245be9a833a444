/* allowance - how much may be asked for: put together from configuration, what the service said,
 * and what is remembered of earlier runs.
 *
 *   in:   configuration, the store's facts, the tier that the service names
 *   out:  the size of batches, the limits of the quota
 *   not:  counting (quota)
 *
 * Facts: "tier" (enum config_tier), "batch_size" (what works) with "batch_size_wanted" (what was
 * refused when that was found: a larger plan or another setting is a reason to try again), and
 * "requests_recent" (quota_recent).
 */
#ifndef GOLIVED_DETECT_ALLOWANCE_H
#define GOLIVED_DETECT_ALLOWANCE_H

#include "base/config.h"
#include "db/store_thread.h"
#include "detect/quota.h"

#include <stddef.h>

struct allowance {
	enum config_tier tier;      /* in force; TIER_AUTO: not known */
	enum config_tier told_tier; /* by the service, in this run or an earlier one */
	size_t batch_size;          /* in force */
	int64_t wanted_size;        /* by tier or configuration */
	int64_t working_size, working_size_wanted; /* 0: nothing was refused */
	int64_t requests_recent;
};

/* What an earlier run left behind, read by a job. */
struct allowance_memory {
	int64_t day, used;
	int64_t tier, batch_size, batch_size_wanted, requests_recent;
	int64_t closed_at_ms, closed_for_ms; /* the service wanted silence */
};

/* Reads on a store thread; memory has its `day`. */
int allowance_read(struct store *store, struct allowance_memory *memory) MUST_CHECK;

/* The service wants silence from then on: a restart is to keep it, too. */
int allowance_write_closed(struct store *store, int64_t at_ms, int64_t for_ms) MUST_CHECK;

void allowance_recall(struct allowance *allowance, const struct allowance_memory *memory,
		      struct quota *quota, int64_t now_ms, int64_t mono_ms);

/* Puts the limits in force: after the configuration changed, or something was learned. */
void allowance_apply(struct allowance *allowance, const struct config *config, struct quota *quota);

/* The service named its tier (TIER_AUTO: one that is not known, which changes nothing); a batch of
 * the size in force was refused, and size works. Both are remembered. */
void allowance_learn_tier(struct allowance *allowance, struct store_thread *store,
			  enum config_tier tier);
void allowance_shrink(struct allowance *allowance, struct store_thread *store, size_t size);

#endif
