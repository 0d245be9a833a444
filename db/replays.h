/* replays - bulk replays: a filter over one webhook's events, worked off in slices so that fresh
 * events are not held up. An event is replayed once, however many deliveries of it match: the
 * newest stands for it. So replaying what failed again and again does not multiply it. */
#ifndef GOLIVED_DB_REPLAYS_H
#define GOLIVED_DB_REPLAYS_H

#include "db/deliveries.h"
#include "db/store.h"

/* The values are stored: never renumber. */
enum replay_state { REPLAY_RUNNING = 0, REPLAY_DONE = 1, REPLAY_CANCELLED = 2 };
const char *replay_state_name(enum replay_state state);

struct replay_filter {
	/* Of deliveries, tests aside: those with this status. Without: the dead ones, but for those
	 * whose replay is pending or delivered. */
	bool has_status;
	enum delivery_status status;
	unsigned event_types;        /* a bit each; 0: all */
	const char *const *creators; /* handles; count 0: all */
	size_t creator_count;
	int64_t since_ms, until_ms; /* of the event's occurred_at; 0: open */
	/* Instead of deliveries: events the webhook is subscribed to and has no delivery of (it was
	 * inactive, or did not exist yet). Tests never. */
	bool missing;
};

struct replay {
	char id[ID_TEXT_SIZE]; /* rep_… */
	char webhook_id[ID_TEXT_SIZE];
	enum replay_state state;
	int64_t matched, replayed;
	int64_t created_at_ms;
};

/* How many would be replayed; nothing is written. */
int store_replay_count(struct store *store, const char *webhook_id,
		       const struct replay_filter *filter, int64_t *ret_matched) MUST_CHECK;
/* Stores the replay; its first slice follows with store_replay_advance(). What matches is fixed
 * now: what comes later is not included. */
int store_replay_add(struct store *store, const char *webhook_id,
		     const struct replay_filter *filter, int64_t now_ms,
		     struct replay *ret_replay) MUST_CHECK;
int store_replay_show(struct store *store, const char *id, struct replay *ret_replay) MUST_CHECK;
int store_replay_cancel(struct store *store, const char *id) MUST_CHECK;

/* Enqueues up to max more deliveries of running replays, oldest replay first. *ret_more: some are
 * still running. */
int store_replay_advance(struct store *store, unsigned max, int64_t now_ms, unsigned *ret_enqueued,
			 bool *ret_more) MUST_CHECK;

#endif
