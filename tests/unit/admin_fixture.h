/* admin_fixture - handlers of the admin API called as the server calls them, on a real store in a
 * temporary directory. Every answer must be as docs/openapi.json describes it. */
#ifndef GOLIVED_TESTS_ADMIN_FIXTURE_H
#define GOLIVED_TESTS_ADMIN_FIXTURE_H

#include "admin/routes.h"
#include "base/memory.h"
#include "db/creators.h"
#include "db/deliveries.h"
#include "db/events.h"
#include "db/store.h"
#include "db/watchlists.h"
#include "db/webhooks.h"
#include "openapi_schema.h"

#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOW_MS_BASE = 1781787600 };
#define NOW_MS (NOW_MS_BASE * INT64_C(1000)) /* 2026-06-18T13:00:00Z */

struct admin_fixture {
	char directory[64];
	struct store *store;
	struct json_document *openapi;
	struct admin_caller caller;
	struct admin_settings settings;
	int64_t now_ms;
	struct admin_reply reply;
	struct json_document *answer; /* the reply's body; NULL: it had none */
};

static inline int admin_set_up(void **state)
{
	struct admin_fixture *fixture = memory_zeroed(1, sizeof(*fixture));
	struct strbuf path, why;

	strcpy(fixture->directory, "/tmp/golived-admin-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	strbuf_init(&path, 256);
	strbuf_init(&why, 4096);
	strbuf_addf(&path, "%s/golived.db", fixture->directory);
	if (store_open(path.data, STORE_WRITER, SYNCHRONOUS_NORMAL, &why, &fixture->store) < 0)
		fail_msg("%s", why.data);
	strbuf_finish(&path);
	strbuf_finish(&why);
	assert_int_equal(store_begin(fixture->store), 0);
	fixture->openapi = openapi_read();
	assert_non_null(fixture->openapi);
	fixture->caller = (struct admin_caller){ .id = "key_test", .scope = API_SCOPE_ADMIN };
	fixture->caller.name = memory_text("tester");
	fixture->settings.max_creators_per_webhook = 10000;
	fixture->now_ms = NOW_MS;
	reply_init(&fixture->reply);
	*state = fixture;
	return 0;
}

static inline void admin_remove_file(const struct admin_fixture *fixture, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
	(void)unlink(path);
}

static inline int admin_tear_down(void **state)
{
	struct admin_fixture *fixture = *state;

	store_rollback(fixture->store);
	store_close(fixture->store);
	admin_remove_file(fixture, "golived.db");
	admin_remove_file(fixture, "golived.db-wal");
	admin_remove_file(fixture, "golived.db-shm");
	admin_remove_file(fixture, "golived.db.lock");
	(void)rmdir(fixture->directory);
	json_destroy(fixture->openapi);
	json_destroy(fixture->answer);
	reply_finish(&fixture->reply);
	free(fixture->caller.name);
	free(fixture);
	return 0;
}

/* The schema of a reply of that status, or NULL if the document describes none. */
static inline const struct json_value *described_answer(const struct admin_fixture *fixture,
							const struct route *route, int status,
							const char *content_type)
{
	const struct json_value *root = json_root(fixture->openapi);
	const struct json_value *path = json_member(json_member(root, "paths"), route->path);
	char method[16] = "", code[16];

	for (size_t i = 0; route->method[i]; i++)
		method[i] = (char)tolower((unsigned char)route->method[i]);
	snprintf(code, sizeof(code), "%d", status);
	const struct json_value *responses = json_member(json_member(path, method), "responses");
	const struct json_value *response = openapi_resolve(root, json_member(responses, code));
	if (!response)
		fail_msg("%s %s answered %s, which is not described", route->method, route->path,
			 code);
	if (!content_type)
		return NULL;
	return json_member(json_member(json_member(response, "content"), content_type), "schema");
}

static inline void check_described(const struct admin_fixture *fixture, const struct route *route)
{
	const struct admin_reply *reply = &fixture->reply;
	const struct json_value *root = json_root(fixture->openapi);
	const struct json_value *schema =
		described_answer(fixture, route, reply->status, reply->content_type);
	struct strbuf why;

	if (!reply->content_type)
		return;
	const struct json_value *body = json_root(fixture->answer);
	strbuf_init(&why, 10000);
	if (!schema)
		fail_msg("%s %s: a body that is not described", route->method, route->path);
	if (!schema_matches(root, schema, body, "body", &why) ||
	    !schema_names_all(root, schema, body, &why))
		fail_msg("%s %s: %sin %s", route->method, route->path, why.data, reply->body.data);
	strbuf_finish(&why);
}

/* Calls what the table of routes names, as a job of the store does, and returns the status. body
 * may be NULL. */
static inline int call(struct admin_fixture *fixture, const char *method, const char *target,
		       const char *body)
{
	struct admin_request request = {
		.method = method,
		.body_text = body,
		.body_length = body ? strlen(body) : 0,
		.content_type = body ? "application/json" : NULL,
		.caller = &fixture->caller,
		.settings = &fixture->settings,
		.now_ms = fixture->now_ms,
	};
	struct admin_reply *reply = &fixture->reply;
	const struct route *route;
	char *path;

	reply_finish(reply);
	reply_init(reply);
	json_destroy(TAKE(fixture->answer));
	assert_int_equal(request_parse_target(&request, target, &path), 0);
	request.path = path;
	if (routes_find(method, path, &request, reply, &route) < 0)
		fail_msg("there is no route %s %s", method, path);
	assert_int_equal(store_savepoint(fixture->store), 0);
	if (route_run(route, fixture->store, &request, reply) < 0)
		store_undo(fixture->store);
	else
		assert_int_equal(store_release(fixture->store), 0);
	free(path);
	request_finish(&request);
	if (reply->content_type)
		assert_int_equal(
			json_parse(reply->body.data, reply->body.length, &fixture->answer, NULL),
			0);
	check_described(fixture, route);
	return reply->status;
}

/* call() that must give that status. */
static inline void expect(struct admin_fixture *fixture, int status, const char *method,
			  const char *target, const char *body)
{
	int got = call(fixture, method, target, body);

	if (got != status)
		fail_msg("%s %s: expected %d, got %d %s", method, target, status, got,
			 fixture->reply.body.data);
}

/* A value of the answer by its path: "webhooks.0.id", or "" for all of it. */
static inline const struct json_value *answer_at(const struct admin_fixture *fixture,
						 const char *path)
{
	const struct json_value *at = fixture->answer ? json_root(fixture->answer) : NULL;
	char name[64];

	while (*path) {
		size_t length = strcspn(path, ".");
		snprintf(name, sizeof(name), "%.*s", (int)length, path);
		if (json_type(at) == JSON_ARRAY) {
			at = json_first(at);
			for (long index = strtol(name, NULL, 10); index > 0; index--)
				at = json_next(at);
		} else {
			at = json_member(at, name);
		}
		path += length + (path[length] == '.');
	}
	return at;
}

static inline void expect_text(const struct admin_fixture *fixture, const char *path,
			       const char *expected)
{
	const char *text = json_string(answer_at(fixture, path));

	if (!text || strcmp(text, expected) != 0)
		fail_msg("%s: expected \"%s\", got \"%s\" in %s", path, expected,
			 text ? text : "(no text)", fixture->reply.body.data);
}

static inline void expect_integer(const struct admin_fixture *fixture, const char *path,
				  int64_t expected)
{
	int64_t number;

	if (!json_integer(answer_at(fixture, path), &number) || number != expected)
		fail_msg("%s: expected %lld in %s", path, (long long)expected,
			 fixture->reply.body.data);
}

static inline void expect_type(const struct admin_fixture *fixture, const char *path,
			       enum json_type expected)
{
	if (json_type(answer_at(fixture, path)) != expected)
		fail_msg("%s has another type than %d in %s", path, (int)expected,
			 fixture->reply.body.data);
}

static inline void expect_count(const struct admin_fixture *fixture, const char *path,
				size_t expected)
{
	size_t count = json_count(answer_at(fixture, path));

	expect_type(fixture, path, JSON_ARRAY);
	if (count != expected)
		fail_msg("%s: expected %zu items, got %zu in %s", path, expected, count,
			 fixture->reply.body.data);
}

/* A 422 that names the field. */
static inline void expect_refused(struct admin_fixture *fixture, const char *field,
				  const char *method, const char *target, const char *body)
{
	expect(fixture, 422, method, target, body);
	expect_text(fixture, "field", field);
}

/* A webhook straight in the store. creators NULL: everybody watched. */
static inline void make_webhook(struct admin_fixture *fixture, const char *const *creators,
				size_t creator_count, const char *watchlist,
				char ret_id[ID_TEXT_SIZE])
{
	struct webhook webhook = {
		.target_url = "https://receiver.example/hook",
		.event_types = EVENT_TYPES_ALL,
		.creators = creators,
		.creator_count = creator_count,
		.watchlists = &watchlist,
		.watchlist_count = watchlist ? 1 : 0,
		.active = true,
	};

	assert_int_equal(store_webhook_add(fixture->store, &webhook,
					   "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD6zbTDbrwKiA=", 0,
					   fixture->now_ms, ret_id),
			 0);
}

#endif
