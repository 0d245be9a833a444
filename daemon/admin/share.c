#include "admin/share.h"

void share_init(struct share *share, int64_t now_us)
{
	*share = (struct share){ .left_us = SHARE_BURST_US, .at_us = now_us };
}

int64_t share_take(struct share *share, int64_t began_us, int64_t ended_us)
{
	share->left_us += (ended_us - share->at_us) / SHARE_PART;
	share->at_us = ended_us;
	if (share->left_us > SHARE_BURST_US)
		share->left_us = SHARE_BURST_US;
	share->left_us -= ended_us - began_us;
	return share->left_us >= 0 ? 0 : (-share->left_us * SHARE_PART + 999) / 1000;
}
