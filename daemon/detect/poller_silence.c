/* The service may ask for silence until a time. It is kept on disk, as a restart is no reason to
 * ask sooner. */
#include "detect/poller_private.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdlib.h>

struct silence {
	struct poller *poller;
	int64_t at_ms, for_ms;
};

static int write_silence(struct store *store, void *arg)
{
	const struct silence *silence = arg;
	return allowance_write_closed(store, silence->at_ms, silence->for_ms);
}

static void on_written(void *arg, int result)
{
	struct silence *silence = arg;
	struct poller *poller = silence->poller;
	free(silence);
	if (!poller_job_done(poller))
		return;
	poller->is_silence_unwritten = result < 0;
	poller_note_store(poller, result);
}

void poller_write_silence(struct poller *poller)
{
	int64_t for_ms = quota_closed_for_ms(&poller->quota, clock_mono_ms());
	poller->is_silence_unwritten = false;
	if (for_ms == 0)
		return;
	struct silence *silence = memory_zeroed(1, sizeof(*silence));
	*silence = (struct silence){ poller, clock_now_ms(), for_ms };
	poller->jobs++;
	store_write(poller->store, write_silence, on_written, silence);
}

void poller_take_refusal(struct poller *poller, const struct quota_notice *notice)
{
	quota_refused(&poller->quota, notice, clock_mono_ms());
	poller_write_silence(poller);
}
