/* event - the body of a webhook (CONTRACT.md, section 5): rendered once, stored, and sent byte for
 * byte ever after.
 *
 *   in:   what happened, as values
 *   out:  JSON text
 *   not:  signing (deliver/signer), storing (db/events)
 */
#ifndef GOLIVED_DOMAIN_EVENT_H
#define GOLIVED_DOMAIN_EVENT_H

#include "base/strbuf.h"
#include "base/ulid.h"
#include "domain/handle.h"
#include "domain/room.h"

#include <stdbool.h>
#include <stdint.h>

enum event_type { EVENT_LIVE_START, EVENT_LIVE_END, EVENT_TYPE_COUNT };
enum event_start_source { EVENT_STARTED_BY_ROOM_ID, EVENT_STARTED_OBSERVED };
enum event_end_reason { EVENT_ENDED, EVENT_ROOM_CHANGED };

/* A set of event types, one bit each: 1u << EVENT_LIVE_START. */
#define EVENT_TYPES_ALL ((1u << EVENT_TYPE_COUNT) - 1)

const char *event_type_name(enum event_type type); /* "live.start" */
bool event_type_parse(const char *name, enum event_type *ret_type);
const char *event_start_source_name(enum event_start_source source); /* "room_id", "observed" */
const char *event_end_reason_name(enum event_end_reason reason);     /* "ended", "room_changed" */

struct event {
	char id[ID_TEXT_SIZE]; /* evt_… */
	enum event_type type;
	int64_t occurred_at_ms;
	bool is_test;
	int64_t sequence; /* per creator, from 1; 0 in a test: written as null */
	char creator[HANDLE_SIZE];
	uint64_t room; /* 0: not known, written as null */
	int64_t started_at_ms;
	enum event_start_source started_at_source;
	/* live.start */
	const char *title;    /* borrowed; NULL: not known */
	int64_t viewer_count; /* -1: not known */
	bool resumed;
	/* live.end */
	int64_t ended_at_ms;
	enum event_end_reason reason;
};

/* Appends the body to out. */
void event_render(const struct event *event, struct strbuf *out);

/* Fills an event with realistic sample values, for tests of a webhook and synthetic events:
 * is_test, no sequence. */
void event_sample(enum event_type type, const char *id, const char *creator, int64_t now_ms,
		  struct event *ret_event);

#endif
