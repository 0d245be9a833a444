/* request - one call of the admin API, as a handler sees it: everything that was asked, and by
 * whom.
 *
 *   in:   the parts of an HTTP request (server), the route that matched (routes)
 *   out:  a value that handlers read
 *   not:  what may be asked (routes), what the answer looks like (reply), typed fields of the body
 * (fields)
 *
 * It knows neither libmicrohttpd nor the loop, so that a test can make one by hand. Before a
 * handler sees it, routes_run() has checked the caller's scope, the names in the query and the
 * names in the body; what is left to a handler are the values.
 */
#ifndef GOLIVED_ADMIN_REQUEST_H
#define GOLIVED_ADMIN_REQUEST_H

#include "admin/reply.h"
#include "admin/settings.h"
#include "base/attrs.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "db/api_keys.h"
#include "domain/handle.h"
#include "domain/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who asks. */
struct admin_caller {
	char id[ID_TEXT_SIZE]; /* tells keys apart: key_…, "admin.key", "api_key_file:2" */
	char *name;            /* owned; for the audit trail: the key's name, or its id */
	enum api_scope scope;
};

enum { REQUEST_PARAMETER_SIZE = 256, REQUEST_QUERY_MAX = 16 };

struct request_argument {
	char *name, *value; /* owned, decoded */
};

struct admin_request {
	const char *method;                     /* "GET" for HEAD, too */
	const char *path;                       /* as it was matched, decoded, without the query */
	char parameter[REQUEST_PARAMETER_SIZE]; /* what stood for {…} in the route; "" if none */
	struct request_argument query[REQUEST_QUERY_MAX];
	size_t query_count;
	const struct json_value *body; /* an object; NULL: there was no body */
	const char *body_text;         /* its bytes; borrowed */
	size_t body_length;
	const char *content_type;          /* NULL: none */
	const char *idempotency_key;       /* NULL: none */
	const char *last_event_id;         /* NULL: none */
	const struct admin_caller *caller; /* NULL: no key was needed */
	const struct admin_settings *settings;
	struct service_status status; /* as of now_ms */
	int64_t now_ms;
};

/* Takes "/api/x%20y?a=b&c" apart: *ret_path is the decoded path (owned by the caller), the query
 * goes into the request. -EINVAL: no path that begins with '/', a bad escape, an escaped NUL or
 * slash, not UTF-8; -E2BIG: more than REQUEST_QUERY_MAX arguments. */
int request_parse_target(struct admin_request *request, const char *target,
			 char **ret_path) MUST_CHECK;

/* Frees what request_parse_target() put in. */
void request_finish(struct admin_request *request);

/* The value of a query argument; NULL: not given. */
const char *request_query(const struct admin_request *request, const char *name);

/* Typed query arguments: 0 with the value, or with ret_x untouched if the argument was not given;
 * -EINVAL with a 422 in reply. A time is RFC 3339; a handle is normalized. */
int request_query_time(const struct admin_request *request, const char *name,
		       struct admin_reply *reply, int64_t *ret_unix_ms) MUST_CHECK;
int request_query_handle(const struct admin_request *request, const char *name,
			 struct admin_reply *reply, char ret_handle[HANDLE_SIZE],
			 bool *ret_given) MUST_CHECK;

/* Writes what was done to the audit trail, in the handler's transaction. subject: the id or name it
 * was done to; detail: a JSON object without secrets, NULL: none. 0, or -errno with the problem in
 * reply. */
int request_audit(const struct admin_request *request, struct store *store, const char *action,
		  const char *subject, const char *detail, struct admin_reply *reply) MUST_CHECK;

#endif
