/* client - calls of the admin API. The only file of golivectl that knows libcurl.
 *
 *   in:   method, path, JSON
 *   out:  status and body
 *   not:  where the daemon is (access), what an answer means (console)
 */
#ifndef GOLIVED_CTL_CLIENT_H
#define GOLIVED_CTL_CLIENT_H

#include "base/attrs.h"
#include "base/strbuf.h"
#include "ctl/access.h"

#include <stdbool.h>

struct client;

struct client_answer {
	long status;
	struct strbuf body;
};

/* access is borrowed. */
struct client *client_create(const struct access *access);
void client_destroy(struct client *client);

/* One request. body: JSON, NULL for none. 0 with the answer, whatever its status; -ECONNREFUSED
 * with a sentence in why: nobody answered. The caller finishes answer->body. */
int client_call(struct client *client, const char *method, const char *path, const char *body,
		struct strbuf *why, struct client_answer *ret_answer) MUST_CHECK;

/* The bytes of a stream as they come; false: enough. */
typedef bool (*client_bytes_fn)(void *arg, const char *bytes, size_t length);

/* GETs what has no end, behind the event `after`. 0 with the answer when the daemon ends it or
 * on_bytes has enough; its body is there only if its status is not 200. -ECONNREFUSED: nobody
 * answered; -ECONNRESET: the connection broke or fell silent; both with a sentence in why. */
int client_stream(struct client *client, const char *path, const char *after,
		  client_bytes_fn on_bytes, void *arg, struct strbuf *why,
		  struct client_answer *ret_answer) MUST_CHECK;

/* Appends "?name=value" or "&name=value", escaped, to a path. */
void client_add_query(struct strbuf *path, const char *name, const char *value);

/* base, '/', the segment escaped, rest: "/api/webhooks", "wh_…", "/test". Owned by the caller. */
char *client_path(const char *base, const char *segment, const char *rest);

#endif
