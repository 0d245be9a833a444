#include "detect/poller_private.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"

enum {
	BACKOFF_FIRST_MS = 1000,
	BACKOFF_DOUBLINGS_MAX = 16,
	AUTH_BACKOFF_MS = 60 * 1000,
};

/* 1 s, doubling up to the maximum, give or take up to half. */
int64_t poller_backoff_ms(const struct poller *poller, unsigned failures)
{
	unsigned doublings = failures > 0 ? failures - 1 : 0;
	if (doublings > BACKOFF_DOUBLINGS_MAX)
		doublings = BACKOFF_DOUBLINGS_MAX;
	int64_t wait_ms = smaller((int64_t)BACKOFF_FIRST_MS << doublings,
				  poller->config->upstream.backoff_max_ms);
	uint32_t dice;
	crypto_random(&dice, sizeof(dice));
	return wait_ms / 2 + (int64_t)((double)wait_ms * dice / UINT32_MAX);
}

/* One line when trouble begins or changes, one when it is over. */
void poller_note_trouble(struct poller *poller, const struct upstream_reply *reply)
{
	int trouble =
		reply->outcome == UPSTREAM_OK ? 0 : (int)reply->outcome * 1000 + reply->status;
	if (trouble == poller->trouble)
		return;
	poller->trouble = trouble;
	if (trouble == 0)
		log_notice("upstream answers again");
	else
		log_warning("upstream check failed",
			    LOG_TEXT("outcome", upstream_outcome_name(reply->outcome)),
			    LOG_INT("status", reply->status), LOG_TEXT("message", reply->message));
}

void poller_wait(struct poller *poller, enum gap_reason reason, int64_t wait_ms)
{
	poller_gap_begin(poller, reason, clock_now_ms());
	int64_t mono_ms = clock_mono_ms();
	poller->failures++;
	poller->backoff_since_mono_ms = mono_ms;
	poller->backoff_until_mono_ms = mono_ms + wait_ms;
}

/* The service failed as a whole. Requests that were sent before the last failure was known say
 * nothing new. */
void poller_back_off(struct poller *poller, const struct errand *errand, enum gap_reason reason)
{
	if (errand->sent_mono_ms >= poller->backoff_since_mono_ms)
		poller_wait(poller, reason, poller_backoff_ms(poller, poller->failures + 1));
}

void poller_refuse_auth(struct poller *poller, const struct upstream_reply *reply)
{
	if (!poller->auth_refused)
		log_warning("upstream refuses the key: check [upstream] api_key_file and the plan",
			    LOG_INT("status", reply->status), LOG_TEXT("message", reply->message));
	poller->auth_refused = true;
	poller->is_probing = true;
	poller->is_bisecting = false;
	poller_wait(poller, GAP_KEY_REFUSED, AUTH_BACKOFF_MS);
}

void poller_accept(struct poller *poller, const struct upstream_reply *reply)
{
	if (poller->auth_refused)
		log_notice("upstream takes the key again");
	if ((poller->trouble != 0 || poller->auth_refused) && poller->wants_limits)
		poller->limits_not_before_mono_ms = 0; /* they may not have been asked in vain */
	poller_note_trouble(poller, reply);
	poller->auth_refused = false;
	poller->is_probing = false;
	poller->failures = 0;
	poller->accepted_mono_ms = clock_mono_ms();
}
