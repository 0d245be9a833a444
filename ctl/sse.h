/* sse - server-sent events taken apart.
 *
 *   in:   the bytes of a text/event-stream, in pieces of any size
 *   out:  events: id, type, data
 *   not:  connecting, and again (client, tail)
 *
 * Comments and fields that are not known are dropped, as https://html.spec.whatwg.org/ says.
 */
#ifndef GOLIVED_CTL_SSE_H
#define GOLIVED_CTL_SSE_H

#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

/* False: enough. The texts are borrowed for the time of the call. */
typedef bool (*sse_event_fn)(void *arg, const char *id, const char *type, const char *data);

struct sse {
	struct strbuf line; /* the one that is not complete yet */
	struct strbuf id, type, data;
};

void sse_init(struct sse *sse);
void sse_finish(struct sse *sse);

/* False as soon as on_event says so, or something is longer than it may be. */
bool sse_feed(struct sse *sse, const char *bytes, size_t length, sse_event_fn on_event, void *arg);

#endif
