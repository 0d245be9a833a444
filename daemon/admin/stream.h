/* stream - the events as server-sent events (html.spec.whatwg.org, 9.2).
 *
 *   in:   the id behind which a reader is
 *   out:  the events after it, as text/event-stream
 *   not:  connections, heartbeats, slow readers (server)
 */
#ifndef GOLIVED_ADMIN_STREAM_H
#define GOLIVED_ADMIN_STREAM_H

#include "admin/routes.h"

#include <stdbool.h>

/* GET /api/events/stream: from the newest event on, or behind Last-Event-ID. */
void stream_open(struct store *store, const struct admin_request *request,
		 struct admin_reply *reply);

/* Appends the next events behind `after` to out, up to limit of them, and moves `after` on.
 * *ret_more: there are more. 0 or -errno. */
int stream_read(struct store *store, char after[ID_TEXT_SIZE], unsigned limit, struct strbuf *out,
		bool *ret_more) MUST_CHECK;

#endif
