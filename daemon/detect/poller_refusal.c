#include "detect/poller_private.h"

#include "base/clock.h"
#include "base/log.h"

bool reply_is_auth(const struct upstream_reply *reply)
{
	return reply->outcome == UPSTREAM_REFUSED && (reply->status == 401 || reply->status == 403);
}

static void bisect_begin(struct poller *poller, const struct errand *errand,
			 const struct upstream_reply *reply)
{
	log_info("batch refused: looking for the reason", LOG_INT("creators", errand->count));
	poller->is_bisecting = true;
	poller->bisect_takes_failures = reply->outcome != UPSTREAM_REFUSED;
	poller->bisect_since_mono_ms = errand->sent_mono_ms;
	for (size_t i = 0; i < errand->count; i++)
		poller->bisect_keys[i] = poller->roster.entries[errand->places[i]].creator.key;
	bisect_start(&poller->bisect, errand->count);
}

/* Those refused alone, as far as they are still there. */
static struct errand *bisect_suspects(struct poller *poller)
{
	const struct bisect *bisect = &poller->bisect;
	struct errand *errand = errand_create(poller, ERRAND_QUARANTINE, bisect->suspects + 1);
	for (size_t i = 0; i < bisect->refused_count; i++) {
		struct bisect_piece piece = bisect->refused[i];
		if (piece.end - piece.first != 1)
			continue;
		ssize_t place = roster_find(&poller->roster, poller->bisect_keys[piece.first]);
		if (place >= 0 && poller->roster.plans[place].is_waiting)
			errand_add(errand, (size_t)place);
	}
	return errand;
}

/* Suspicion without proof: they are asked about apart from the others, and not before those have
 * had their turn, which is what proves it. */
static void errand_keep_suspect(const struct errand *errand, int64_t since_mono_ms, int64_t now_ms)
{
	struct roster *roster = &errand->poller->roster;
	for (size_t i = 0; i < errand->count; i++) {
		struct roster_entry *entry = &roster->entries[errand->places[i]];
		if (entry->suspect_since_mono_ms == 0)
			entry->suspect_since_mono_ms = since_mono_ms;
		if (roster->plans[errand->places[i]].company != PLANNER_ALONE)
			roster->plans[errand->places[i]].company = PLANNER_APART;
	}
	errand_step_back(errand, now_ms);
	for (size_t i = 0; i < errand->count; i++)
		roster->plans[errand->places[i]].not_before_ms +=
			2 * errand->poller->config->poll.min_interval_ms;
}

/* Nothing was accepted: it is not about the size, and perhaps not about the handles. */
static void bisect_give_up(struct poller *poller, const struct upstream_reply *reply)
{
	poller->is_bisecting = false;
	poller->is_probing = true;
	if (reply_is_auth(reply))
		poller_refuse_auth(poller, reply);
	else
		poller_wait(poller, GAP_FAILING, poller_backoff_ms(poller, poller->failures + 1));
	struct errand *suspects = bisect_suspects(poller);
	errand_keep_suspect(suspects, poller->bisect_since_mono_ms, clock_now_ms());
	errand_destroy(suspects);
}

/* All pieces are settled. */
static void bisect_conclude(struct poller *poller)
{
	size_t size = bisect_size(&poller->bisect);
	poller->is_bisecting = false;
	if (size > 0 && size < poller->allowance.batch_size) {
		log_notice("batches are smaller from now on", LOG_INT("batch_size", size));
		allowance_shrink(&poller->allowance, poller->store, size);
	}
	if (poller->bisect.suspects == 0)
		return;
	struct errand *suspects = bisect_suspects(poller);
	if (suspects->count > 0)
		errand_quarantine(suspects, clock_now_ms());
	else
		errand_destroy(suspects);
}

/* With a 403 for a single handle before anything was accepted it is the key. */
void on_piece_settled(struct poller *poller, const struct upstream_reply *reply)
{
	const struct bisect *bisect = &poller->bisect;
	poller->piece_is_under_way = false;
	if (!poller->is_bisecting)
		return;
	bool is_hopeless = bisect_is_hopeless(bisect) ||
			   (bisect->accepted == 0 && bisect->suspects > 0 && reply_is_auth(reply));
	if (is_hopeless || (bisect->open_count == 0 && bisect->accepted == 0))
		bisect_give_up(poller, reply);
	else if (bisect->open_count == 0)
		bisect_conclude(poller);
}

/* Was all well until this handle came? Once only until something is accepted again: else a service
 * that begins to refuse everybody would have them all quarantined, one by one. */
static bool refusal_is_its_own(const struct poller *poller, const struct upstream_reply *reply)
{
	return !reply_is_auth(reply) && poller->failures == 0 && poller->last_success_at_ms > 0 &&
	       poller->accepted_mono_ms > poller->blamed_mono_ms;
}

/* One handle was refused. It is at fault if others are accepted while it is not. Where that is not
 * known yet, it may be the key. True if the errand has been taken over. */
static bool errand_suspect(struct errand *errand, const struct upstream_reply *reply,
			   int64_t now_ms)
{
	struct poller *poller = errand->poller;
	const struct roster_entry *entry = &poller->roster.entries[errand->places[0]];
	bool is_proven = entry->suspect_since_mono_ms > 0 &&
			 poller->accepted_mono_ms > entry->suspect_since_mono_ms;
	bool is_all_there_is = poller->roster.watched == 1 && !reply_is_auth(reply);
	if (entry->creator.quarantined || is_proven || is_all_there_is ||
	    refusal_is_its_own(poller, reply)) {
		poller->blamed_mono_ms = clock_mono_ms();
		errand_quarantine(errand, now_ms);
		return true;
	}
	poller->is_probing = true;
	if (reply_is_auth(reply))
		poller_refuse_auth(poller, reply);
	else
		poller_back_off(poller, errand, GAP_FAILING);
	errand_keep_suspect(errand, errand->sent_mono_ms, now_ms);
	return false;
}

/* The service refused a request. True if the errand has been taken over. */
bool errand_refused(struct errand *errand, const struct upstream_reply *reply, int64_t now_ms)
{
	struct poller *poller = errand->poller;
	if (reply->status == 401)
		poller_refuse_auth(poller, reply);
	else if (errand->is_piece)
		bisect_refused(&poller->bisect, errand->piece);
	else if (errand->count == 1)
		return errand_suspect(errand, reply, now_ms);
	else if (!poller->is_bisecting)
		bisect_begin(poller, errand, reply);
	return false;
}
