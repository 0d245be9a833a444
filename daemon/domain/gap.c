#include "domain/gap.h"

#include <assert.h>

static const char *const names[GAP_REASONS] = {
	[GAP_STOPPED] = "stopped",          [GAP_FAILING] = "upstream_failing",
	[GAP_KEY_REFUSED] = "key_refused",  [GAP_KEY_MISSING] = "key_missing",
	[GAP_THROTTLED] = "throttled",      [GAP_QUOTA_SPENT] = "quota_spent",
	[GAP_STORE] = "store_not_writable",
};

const char *gap_reason_name(enum gap_reason reason)
{
	assert(reason < GAP_REASONS);
	return names[reason];
}
