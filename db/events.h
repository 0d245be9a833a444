/* events - what was detected, with the bodies that are sent. */
#ifndef GOLIVED_DB_EVENTS_H
#define GOLIVED_DB_EVENTS_H

#include "db/creators.h"
#include "db/store.h"
#include "domain/event.h"

#include <stddef.h>

enum event_listing {
	EVENT_LISTED,
	EVENT_HIDDEN, /* carries the body of a webhook's test; in no list */
};

/* Stores the event with its body (event_render). key may be NULL where the creator is not watched
 * (tests). An event that is no test belongs to the creator's session that is open (live.start) or
 * was closed last (live.end): a second one of the same type for the same session is -EEXIST,
 * whatever else goes wrong. */
int store_event_add(struct store *store, const struct creator_key *key, const struct event *event,
		    const char *body, size_t body_length, enum event_listing listing) MUST_CHECK;

struct event_row {
	const char *id;
	enum event_type type;
	int64_t occurred_at_ms;
	const char *creator;
	uint64_t room;
	int64_t sequence; /* 0: a test */
	bool is_test;
	int64_t pending, delivered, dead, cancelled; /* its deliveries */
	const char *body;
	size_t body_length;
};
typedef void (*event_visit_fn)(void *arg, const struct event_row *event);

struct event_filter {
	bool has_type;
	enum event_type type;
	const char *creator;        /* NULL: all */
	int64_t since_ms, until_ms; /* occurred_at in [since, until); 0: open */
};

int store_event_list(struct store *store, const struct event_filter *filter, const char *after,
		     unsigned limit, event_visit_fn visit, void *arg) MUST_CHECK;
int store_event_show(struct store *store, const char *id, event_visit_fn visit,
		     void *arg) MUST_CHECK;

/* For the stream: listed events with ids above `after`, oldest first. Only id, type and body are
 * filled. */
int store_event_since(struct store *store, const char *after, unsigned limit, event_visit_fn visit,
		      void *arg) MUST_CHECK;
/* The id of the newest listed event, "" if there is none. */
int store_event_newest(struct store *store, char ret_id[ID_TEXT_SIZE]) MUST_CHECK;

/* The creator by handle, for synthetic events. -ENOENT: not watched. */
int store_creator_find(struct store *store, const char *handle,
		       struct creator_key *ret_key) MUST_CHECK;

#endif
