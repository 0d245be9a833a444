#include "admin/routes.h"

#include "admin/audit.h"
#include "admin/creators.h"
#include "admin/deliveries.h"
#include "admin/events.h"
#include "admin/explain.h"
#include "admin/idempotency.h"
#include "admin/keys.h"
#include "admin/openapi.h"
#include "admin/replays.h"
#include "admin/status.h"
#include "admin/stream.h"
#include "admin/watchlists.h"
#include "admin/webhooks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PAGE "limit cursor"
#define DELIVERY_FILTERS "status webhook_id event_id event_type creator since until " PAGE
#define WEBHOOK_SETTINGS \
	"target_url event_types creators watchlists name description bearer_token extra_headers " \
	"rate_limit active"
#define REPLAY_FILTERS "status event_types creators since until missing dry_run"

/* A row with a literal last segment stands before the row with a parameter in its place. */
/* clang-format off */
static const struct route routes[] = {
	{ "GET", "/healthz", ROUTE_PUBLIC, ROUTE_ON_LOOP, 0, NULL, NULL, status_health },
	{ "GET", "/readyz", ROUTE_PUBLIC, ROUTE_ON_LOOP, 0, NULL, NULL, status_ready },
	{ "GET", "/metrics", ROUTE_PUBLIC, ROUTE_ON_LOOP, 0, NULL, NULL, status_metrics },
	{ "GET", "/openapi.json", ROUTE_PUBLIC, ROUTE_ON_LOOP, 0, NULL, NULL, openapi_show },

	{ "GET", "/api/status", ROUTE_READ, ROUTE_ON_READER, 0, "", NULL, status_show },

	{ "GET", "/api/webhooks", ROUTE_READ, ROUTE_ON_READER, 0, PAGE, NULL, webhooks_list },
	{ "POST", "/api/webhooks", ROUTE_ADMIN, ROUTE_ON_WRITER, ROUTE_CREATES | ROUTE_NEEDS_BODY,
	  "", WEBHOOK_SETTINGS, webhooks_create },
	{ "GET", "/api/webhooks/{id}", ROUTE_READ, ROUTE_ON_READER, 0, "", NULL, webhooks_show },
	{ "PATCH", "/api/webhooks/{id}", ROUTE_ADMIN, ROUTE_ON_WRITER, 0, "",
	  WEBHOOK_SETTINGS, webhooks_change },
	{ "DELETE", "/api/webhooks/{id}", ROUTE_ADMIN, ROUTE_ON_WRITER, 0, "", "",
	  webhooks_remove },
	{ "POST", "/api/webhooks/{id}/test", ROUTE_ADMIN, ROUTE_ON_WRITER, 0, "", "event_type",
	  webhooks_test },
	{ "POST", "/api/webhooks/{id}/rotate-secret", ROUTE_ADMIN, ROUTE_ON_WRITER, ROUTE_CREATES,
	  "", "overlap_seconds", webhooks_rotate_secret },
	{ "GET", "/api/webhooks/{id}/deliveries", ROUTE_READ, ROUTE_ON_READER, 0,
	  DELIVERY_FILTERS, NULL, deliveries_list_of_webhook },
	{ "POST", "/api/webhooks/{id}/replay", ROUTE_ADMIN, ROUTE_ON_WRITER, ROUTE_CREATES, "",
	  REPLAY_FILTERS, replays_create },

	{ "GET", "/api/deliveries", ROUTE_READ, ROUTE_ON_READER, 0, DELIVERY_FILTERS, NULL,
	  deliveries_list },
	{ "GET", "/api/deliveries/{id}", ROUTE_READ, ROUTE_ON_READER, 0, "", NULL,
	  deliveries_show },
	{ "POST", "/api/deliveries/{id}/replay", ROUTE_ADMIN, ROUTE_ON_WRITER, ROUTE_CREATES, "",
	  "", deliveries_replay },

	{ "GET", "/api/replays/{id}", ROUTE_READ, ROUTE_ON_READER, 0, "", NULL, replays_show },
	{ "DELETE", "/api/replays/{id}", ROUTE_ADMIN, ROUTE_ON_WRITER, 0, "", "", replays_cancel },

	{ "GET", "/api/events", ROUTE_READ, ROUTE_ON_READER, 0, "type creator since until " PAGE,
	  NULL, events_list },
	{ "POST", "/api/events", ROUTE_ADMIN, ROUTE_ON_WRITER, ROUTE_CREATES | ROUTE_NEEDS_BODY,
	  "", "event_type creator", events_create },
	{ "GET", "/api/events/stream", ROUTE_READ, ROUTE_ON_READER, 0, "", NULL, stream_open },
	{ "GET", "/api/events/{id}", ROUTE_READ, ROUTE_ON_READER, 0, "", NULL, events_show },

	{ "GET", "/api/watchlists", ROUTE_READ, ROUTE_ON_READER, 0, PAGE, NULL, watchlists_list },
	{ "GET", "/api/watchlists/{name}", ROUTE_READ, ROUTE_ON_READER, 0, "", NULL,
	  watchlists_show },
	{ "PUT", "/api/watchlists/{name}", ROUTE_ADMIN, ROUTE_ON_WRITER, ROUTE_NEEDS_BODY, "",
	  "priority creators", watchlists_put },
	{ "PATCH", "/api/watchlists/{name}", ROUTE_ADMIN, ROUTE_ON_WRITER, 0, "",
	  "priority add remove", watchlists_change },
	{ "DELETE", "/api/watchlists/{name}", ROUTE_ADMIN, ROUTE_ON_WRITER, 0, "", "",
	  watchlists_remove },

	{ "GET", "/api/creators", ROUTE_READ, ROUTE_ON_READER, 0, "state watchlist " PAGE, NULL,
	  creators_list },
	{ "GET", "/api/creators/{unique_id}", ROUTE_READ, ROUTE_ON_READER, 0, "", NULL,
	  creators_show },
	{ "GET", "/api/creators/{unique_id}/explain", ROUTE_READ, ROUTE_ON_READER, 0, "", NULL,
	  creators_explain },

	{ "GET", "/api/keys", ROUTE_READ, ROUTE_ON_READER, 0, PAGE, NULL, keys_list },
	{ "POST", "/api/keys", ROUTE_ADMIN, ROUTE_ON_WRITER, ROUTE_CREATES | ROUTE_NEEDS_BODY, "",
	  "name scope", keys_create },
	{ "DELETE", "/api/keys/{id}", ROUTE_ADMIN, ROUTE_ON_WRITER, 0, "", "", keys_remove },

	{ "GET", "/api/audit", ROUTE_READ, ROUTE_ON_READER, 0, PAGE, NULL, audit_list },
};
/* clang-format on */

/* Does the path have the pattern's form? What stands for {…} is copied out: one segment, not
 * empty. */
static bool path_matches(const char *pattern, const char *path,
			 char parameter[REQUEST_PARAMETER_SIZE])
{
	size_t literal = strcspn(pattern, "{");

	if (strncmp(pattern, path, literal) != 0)
		return false;
	if (!pattern[literal])
		return !path[literal];
	const char *rest = strchr(pattern, '}') + 1;
	size_t length = strcspn(path + literal, "/");
	if (!length || length >= REQUEST_PARAMETER_SIZE ||
	    strcmp(path + literal + length, rest) != 0)
		return false;
	memcpy(parameter, path + literal, length);
	parameter[length] = '\0';
	return true;
}

/* The 405 of a path whose row is `first`, with the methods of all rows of that path. */
static void answer_not_allowed(const struct route *first, const char *method,
			       struct admin_reply *reply)
{
	struct strbuf allow;

	strbuf_init(&allow, 256);
	for (const struct route *route = first; route < routes + ARRAY_SIZE(routes); route++) {
		if (strcmp(route->path, first->path) != 0)
			continue;
		strbuf_addf(&allow, "%s%s", allow.length ? ", " : "", route->method);
		if (strcmp(route->method, "GET") == 0)
			strbuf_add_text(&allow, ", HEAD");
	}
	reply_problem(reply, 405, "method_not_allowed", NULL,
		      "%.20s is not among what %s takes: %s.", method, first->path, allow.data);
	reply_header(reply, "Allow", allow.data);
	strbuf_finish(&allow);
}

int routes_find(const char *method, const char *path, struct admin_request *request,
		struct admin_reply *reply, const struct route **ret_route)
{
	const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
	const struct route *first = NULL;
	char parameter[REQUEST_PARAMETER_SIZE] = "";

	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		const struct route *route = &routes[i];
		if (first ? strcmp(route->path, first->path) != 0
			  : !path_matches(route->path, path, parameter))
			continue;
		if (!first)
			first = route;
		if (strcmp(route->method, wanted) != 0)
			continue;
		memcpy(request->parameter, parameter, sizeof(parameter));
		*ret_route = route;
		return 0;
	}
	if (first) {
		answer_not_allowed(first, method, reply);
		return -ENOTSUP;
	}
	reply_problem(reply, 404, "not_found", NULL, "There is no such path; see /openapi.json.");
	return -ENOENT;
}

bool route_admits(const struct route *route, const struct admin_caller *caller,
		  struct admin_reply *reply)
{
	if (route->access == ROUTE_PUBLIC)
		return true;
	if (caller && (route->access == ROUTE_READ || caller->scope == API_SCOPE_ADMIN))
		return true;
	reply_problem(reply, 403, "forbidden", NULL,
		      "This key has the scope read: it may only GET.");
	return false;
}

/* Is name one of the words in a list that is separated by spaces? */
static bool has_word(const char *words, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = words; *at;) {
		size_t word = strcspn(at, " ");
		if (word == length && strncmp(at, name, word) == 0)
			return true;
		at += word + (at[word] == ' ');
	}
	return false;
}

static bool check_query(const struct route *route, const struct admin_request *request,
			struct admin_reply *reply)
{
	for (size_t i = 0; route->query && i < request->query_count; i++) {
		const char *name = request->query[i].name;
		if (!has_word(route->query, name)) {
			reply_problem(reply, 422, "unknown_filter", name,
				      "There is no \"%.100s\" here.%s%s", name,
				      *route->query ? " Known are: " : "", route->query);
			return false;
		}
		if (request_query(request, name) != request->query[i].value) {
			reply_problem(reply, 422, "bad_filter", name, "\"%.100s\" is given twice.",
				      name);
			return false;
		}
	}
	return true;
}

/* application/json, any case, with or without parameters. */
static bool is_json(const char *content_type)
{
	static const char json[] = "application/json";

	if (!content_type || strncasecmp(content_type, json, strlen(json)) != 0)
		return false;
	content_type += strlen(json);
	content_type += strspn(content_type, " \t");
	return !*content_type || *content_type == ';';
}

/* True: the request has no body, and needs none. */
static bool goes_without_body(const struct route *route, const struct admin_request *request,
			      struct admin_reply *reply)
{
	if (route->fields && request->body_length)
		return false;
	if (route->flags & ROUTE_NEEDS_BODY)
		reply_problem(reply, 400, "not_an_object", NULL,
			      "There must be a body: a JSON object with %s.", route->fields);
	return true;
}

static bool parse_body(const struct route *route, const struct admin_request *request,
		       struct admin_reply *reply, struct json_document **ret_document)
{
	struct json_error error;

	if (!is_json(request->content_type)) {
		reply_problem(reply, 415, "unsupported_media_type", NULL,
			      "The body must come with Content-Type: application/json.");
		return false;
	}
	if (json_parse(request->body_text, request->body_length, ret_document, &error) < 0) {
		reply_problem(reply, 400, "bad_json", NULL, "The body is not JSON: %s at byte %zu.",
			      error.reason, error.offset);
		return false;
	}
	const struct json_value *root = json_root(*ret_document);
	if (json_type(root) != JSON_OBJECT) {
		reply_problem(reply, 400, "not_an_object", NULL, "The body must be a JSON object.");
		return false;
	}
	for (const struct json_value *at = json_first(root); at; at = json_next(at)) {
		if (has_word(route->fields, json_key(at)))
			continue;
		reply_problem(reply, 400, "unknown_field", json_key(at),
			      "There is no field \"%.100s\" here.%s%s", json_key(at),
			      *route->fields ? " Known are: " : "", route->fields);
		return false;
	}
	return true;
}

/* A reply that is a problem undoes what was written on the way to it. */
static int job_result(const struct admin_reply *reply)
{
	if (reply->store_error)
		return reply->store_error;
	return reply->status >= 400 ? -ECANCELED : 0;
}

int route_run(const struct route *route, struct store *store, struct admin_request *request,
	      struct admin_reply *reply)
{
	struct json_document *document CLEANUP(json_cleanup) = NULL;

	if (!check_query(route, request, reply))
		return job_result(reply);
	if (!goes_without_body(route, request, reply)) {
		if (!parse_body(route, request, reply, &document))
			return job_result(reply);
		request->body = json_root(document);
	}
	if (reply->status)
		return job_result(reply);
	if ((route->flags & ROUTE_CREATES) && request->idempotency_key)
		idempotency_run(route->handler, store, request, reply);
	else
		route->handler(store, request, reply);
	request->body = NULL;
	return job_result(reply);
}
