/* reply - what a handler answers: status, headers and body, and what follows from it.
 *
 *   in:   a handler's calls
 *   out:  a value that the server puts on the wire
 *   not:  framing, HEAD, conditional headers (server)
 *
 * A handler answers exactly once: reply_json() … reply_end(), reply_text(), reply_no_content(),
 * reply_problem(), reply_wait() or reply_stream(). A problem discards what was begun. A reply with
 * a status of 400 and above undoes everything that its handler wrote.
 */
#ifndef GOLIVED_ADMIN_REPLY_H
#define GOLIVED_ADMIN_REPLY_H

#include "base/attrs.h"
#include "base/json_writer.h"
#include "base/strbuf.h"
#include "base/ulid.h"

#include <stdbool.h>
#include <stdint.h>

struct store;
struct admin_request;
struct admin_reply;

/* What else must learn of a change, once it is committed. */
enum admin_effects {
	EFFECT_WATCHED_CHANGED = 1 << 0,   /* who is watched, or with what priority */
	EFFECT_ENDPOINTS_CHANGED = 1 << 1, /* webhooks' settings */
	EFFECT_ENQUEUED = 1 << 2,          /* deliveries or events were added */
	EFFECT_KEYS_CHANGED = 1 << 3,      /* keys of this API */
};

/* A reply that is not known yet: asked again on the reader thread whenever something was committed,
 * until it answers. is_last: the time is up, now it must. subject is what was given to
 * reply_wait().
 */
typedef void (*reply_continue_fn)(struct store *store, const struct admin_request *request,
				  const char *subject, bool is_last, struct admin_reply *reply);

struct reply_header {
	const char *name; /* static */
	char *value;      /* owned */
};

enum { REPLY_HEADERS_MAX = 4 };

struct admin_reply {
	int status;               /* 0: not answered (yet) */
	const char *content_type; /* static; NULL: no body */
	struct strbuf body;
	struct json_writer writer;
	struct reply_header headers[REPLY_HEADERS_MAX];
	size_t header_count;
	unsigned effects;       /* enum admin_effects: a handler adds them with |= */
	int store_error;        /* -errno from the store that made this a failure; else 0 */
	reply_continue_fn wait; /* set by reply_wait() */
	int64_t wait_ms;
	char subject[ID_TEXT_SIZE]; /* of the wait; of a stream: the id behind which it begins */
	bool is_stream;
};

void reply_init(struct admin_reply *reply);
void reply_finish(struct admin_reply *reply);
void reply_clear(struct admin_reply *reply); /* as new; keeps no effects */

/* Begins a JSON body: the outermost object is open in the writer that is returned (borrowed). */
struct json_writer *reply_json(struct admin_reply *reply, int status);
/* Closes the outermost object. A body that would be over LIMIT_ADMIN_REPLY_BYTES becomes a 500. */
void reply_end(struct admin_reply *reply);

/* A whole body of another type. content_type is static. */
void reply_text(struct admin_reply *reply, int status, const char *content_type, const char *text,
		size_t length);
void reply_no_content(struct admin_reply *reply); /* 204 */

/* Adds a header; name is static, value is copied. */
void reply_header(struct admin_reply *reply, const char *name, const char *value);

/* An error as application/problem+json (RFC 9457). code: a word for programs ("not_found"), static;
 * field: the member of the body or query that is at fault, NULL: none; format: a sentence for
 * people. */
void reply_problem(struct admin_reply *reply, int status, const char *code, const char *field,
		   const char *format, ...) PRINTF_LIKE(5, 6);

/* 404: "There is no <what> <id>." */
void reply_not_found(struct admin_reply *reply, const char *what, const char *id);

/* What the store could not do: 503 for a full disk and everything else that a handler does not
 * expect. error is kept for the store's thread. */
void reply_store_error(struct admin_reply *reply, int error);

/* The answer comes later: `again` is called when something was committed, and a last time after
 * wait_ms. The handler's own writes are committed first. */
void reply_wait(struct admin_reply *reply, reply_continue_fn again, const char *subject,
		int64_t wait_ms);

/* The answer is the event stream behind the event `after`. */
void reply_stream(struct admin_reply *reply, const char *after);

/* "Not Found" of 404: the title of a problem; "Error" for a status that the API does not use. */
const char *reply_status_title(int status);

#endif
