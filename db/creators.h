/* creators - who is watched, in what state they are, and their sessions. A creator is watched while
 * a webhook or a watchlist names it (an inactive webhook, too). One that nobody names any more
 * keeps its row, its state and its sessions: who is watched again goes on with what was known, so
 * that nothing old is announced as new, and a live that went on meanwhile still ends once. */
#ifndef GOLIVED_DB_CREATORS_H
#define GOLIVED_DB_CREATORS_H

#include "db/store.h"
#include "domain/creator.h"
#include "domain/finding.h"

#include <stddef.h>

/* The store's own handle for a creator: opaque, never reused. */
struct creator_key {
	int64_t value;
};

/* A creator as the poller keeps it. */
struct watched_creator {
	struct creator_key key;
	char handle[HANDLE_SIZE];
	bool watched; /* false: no longer, drop it */
	enum creator_priority
		priority; /* the highest of its watchlists; normal if only webhooks name it */
	bool quarantined;
	int64_t last_checked_at_ms; /* 0: never */
	int64_t added_at_ms;        /* when it was first named */
	struct creator_state state;
	struct tally tally; /* since the last finding */
};

/* Who was added, dropped, or changed in priority since *mark, which moves on; at most max, oldest
 * change first. With a zero mark: everyone watched. The rows are the caller's to free(). *ret_count
 * below max: that was all. */
int store_watched_changes(struct store *store, struct store_mark *mark, unsigned max,
			  struct watched_creator **ret_creators, unsigned *ret_count) MUST_CHECK;

int store_creator_save_state(struct store *store, struct creator_key key,
			     const struct creator_state *state) MUST_CHECK;
/* A check that changed nothing else of the state than when it was last answered: by far the most
 * frequent of all writes, so it touches no index. */
int store_creator_save_check(struct store *store, struct creator_key key, int64_t checked_at_ms,
			     int64_t next_check_at_ms, int64_t answered_at_ms,
			     struct tally tally) MUST_CHECK;
int store_creator_quarantine(struct store *store, struct creator_key key, bool quarantined,
			     int64_t now_ms) MUST_CHECK;

/* Opens the session of a live. started_at as announced; observed_at is when it was first seen.
 * -EEXIST: one is open already. */
int store_session_open(struct store *store, struct creator_key key, uint64_t room,
		       int64_t started_at_ms, enum event_start_source source,
		       int64_t observed_at_ms) MUST_CHECK;
/* Closes the creator's open session. -ENOENT: there is none. */
int store_session_close(struct store *store, struct creator_key key, int64_t ended_at_ms,
			enum event_end_reason reason) MUST_CHECK;

/* A creator as the API shows it. */
struct creator {
	const char *handle;
	enum creator_status status;
	uint64_t room;                                /* 0: none */
	int64_t live_since_ms;                        /* 0: not live */
	int64_t last_checked_at_ms, next_check_at_ms; /* 0: not yet */
	bool quarantined;
	const char *const *watchlists; /* by name */
	size_t watchlist_count;
	struct tally tally; /* since the last finding */
};

struct session {
	uint64_t room;
	int64_t started_at_ms;
	enum event_start_source source;
	int64_t ended_at_ms; /* 0: still live */
	enum event_end_reason reason;
};

typedef void (*creator_visit_fn)(void *arg, const struct creator *creator);
typedef void (*session_visit_fn)(void *arg, const struct session *session);

/* Watched creators by name; `after` is a handle. status NULL: all; watchlist NULL: all. */
int store_creator_list(struct store *store, const enum creator_status *status,
		       const char *watchlist, const char *after, unsigned limit,
		       creator_visit_fn visit, void *arg) MUST_CHECK;
/* -ENOENT: not watched. */
int store_creator_show(struct store *store, const char *handle, creator_visit_fn visit,
		       void *arg) MUST_CHECK;
/* A creator's latest sessions, newest first; *ret_count of them, at most max. */
int store_session_history(struct store *store, struct creator_key key, struct session *sessions,
			  unsigned max, unsigned *ret_count) MUST_CHECK;
int store_session_list(struct store *store, const char *handle, unsigned limit,
		       session_visit_fn visit, void *arg) MUST_CHECK;

/* Is anybody watched at all? And how many are in each state: quarantined ones count there and in
 * their state. */
struct creator_totals {
	int64_t live, offline, unknown, quarantined;
};
int store_creator_totals(struct store *store, struct creator_totals *ret_totals) MUST_CHECK;

/* Requests sent to the upstream service on a UTC day (clock_utc_day). */
int store_quota_take(struct store *store, int64_t utc_day, int64_t requests,
		     int64_t *ret_used) MUST_CHECK;
int store_quota_used(struct store *store, int64_t utc_day, int64_t *ret_used) MUST_CHECK;

#endif
