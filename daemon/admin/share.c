#include "admin/share.h"

void share_init(struct share *share, int64_t one_in, int64_t burst_us, int64_t now_us)
{
	*share = (struct share){
		.one_in = one_in,
		.burst_us = burst_us,
		.left_us = burst_us,
		.at_us = now_us,
	};
}

int64_t share_spend(struct share *share, int64_t worked_us, int64_t now_us)
{
	share->left_us += (now_us - share->at_us) / share->one_in;
	share->at_us = now_us;
	if (share->left_us > share->burst_us)
		share->left_us = share->burst_us;
	share->left_us -= worked_us;
	return share->left_us >= 0 ? 0 : (-share->left_us * share->one_in + 999) / 1000;
}
