/* Calls of the admin API on a real store, as its thread makes them: whatever is asked, each gets a
 * whole answer, never one for trouble of our own, and a key with the scope read changes nothing.
 *
 * The input: calls of two texts each, "METHOD TARGET" and a body, ended by NULs. A '$' in a target
 * or body stands for the id that an answer named last. All is undone behind an input. */
#include "fuzz.h"

#include "admin/routes.h"
#include "base/strbuf.h"
#include "db/store.h"

#include <errno.h>
#include <unistd.h>

enum { CALLS_MAX = 8 };

static const int64_t now_ms = INT64_C(1781787600000); /* 2026-06-18T13:00:00Z */

static struct admin_caller admin = { .id = "key_admin", .scope = API_SCOPE_ADMIN };
static struct admin_caller reader = { .id = "key_reader", .scope = API_SCOPE_READ };
static struct admin_settings settings = { .max_webhooks = 3, .max_creators_per_webhook = 10 };

struct session {
	struct store *store;
	char last_id[ID_TEXT_SIZE];
};

/* A store whose files have no names any more: nothing is left behind, however this ends. */
static struct store *open_store(void)
{
	static const char *const endings[] = { "", "-wal", "-shm", ".lock" };
	char folder[] = "/tmp/golived-fuzz-XXXXXX", path[64], file[80];
	struct store *store = NULL;
	struct strbuf why;
	FUZZ_MUST(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/golived.db", folder);
	strbuf_init(&why, 4096);
	FUZZ_MUST(store_open(path, STORE_WRITER, SYNCHRONOUS_NORMAL, &why, &store) == 0);
	strbuf_finish(&why);
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		snprintf(file, sizeof(file), "%s%s", path, endings[i]);
		(void)unlink(file);
	}
	(void)rmdir(folder);
	return store;
}

static struct store *shared_store(void)
{
	static char admin_name[] = "admin", reader_name[] = "reader", prefix[] = "X-Tiktool";
	static struct store *store;
	if (!store) {
		admin.name = admin_name;
		reader.name = reader_name;
		settings.header_prefix = prefix;
		store = open_store();
	}
	return store;
}

/* With the last id for each '$'. free() it. */
static char *take_text(struct fuzz_input *input, const struct session *session)
{
	struct strbuf text;
	char *template = fuzz_take_text(input);
	strbuf_init(&text, strlen(template) * ID_TEXT_SIZE + 1);
	for (const char *at = template; *at; at++) {
		if (*at == '$')
			strbuf_add_text(&text, session->last_id);
		else
			strbuf_add_char(&text, *at);
	}
	free(template);
	return strbuf_steal(&text);
}

static void check_answer(struct session *session, const struct admin_reply *reply)
{
	if (!reply->content_type) {
		FUZZ_MUST(reply->body.length == 0);
		return;
	}
	if (!strstr(reply->content_type, "json"))
		return;
	struct json_document *document = fuzz_parse_own(reply->body.data, reply->body.length);
	const struct json_value *root = json_root(document);
	FUZZ_MUST(json_type(root) == JSON_OBJECT);
	if (reply->status >= 400) {
		FUZZ_MUST(strcmp(reply->content_type, "application/problem+json") == 0);
		FUZZ_MUST(json_string(json_member(root, "code")));
	}
	const char *id = json_string(json_member(root, "id"));
	if (id && strlen(id) < sizeof(session->last_id))
		snprintf(session->last_id, sizeof(session->last_id), "%s", id);
	json_destroy(document);
}

static void run_route(struct session *session, const struct route *route,
		      struct admin_request *request, struct admin_reply *reply)
{
	/* What needs no store must not look for one. */
	struct store *store = route->place == ROUTE_ON_LOOP ? NULL : session->store;
	FUZZ_MUST(store_savepoint(session->store) == 0);
	int result = route_run(route, store, request, reply);
	if (result < 0)
		store_undo(session->store);
	else
		FUZZ_MUST(store_release(session->store) == 0);
	FUZZ_MUST((result < 0) == (reply->status >= 400));
	if (reply->wait && result == 0)
		reply->wait(session->store, request, reply->subject, true, reply);
	FUZZ_MUST(reply->is_stream || reply->status != 0);
	FUZZ_MUST(reply->store_error == 0);
	FUZZ_MUST(reply->status < 500 || strcmp(route->path, "/readyz") == 0);
}

static void find_and_run(struct session *session, struct admin_request *request,
			 struct admin_reply *reply)
{
	const struct route *route = NULL;
	int result = routes_find(request->method, request->path, request, reply, &route);
	if (result < 0) {
		FUZZ_MUST(reply->status == (result == -ENOENT ? 404 : 405));
	} else {
		FUZZ_MUST(strlen(request->parameter) < REQUEST_PARAMETER_SIZE);
		FUZZ_MUST(!strchr(request->parameter, '/'));
		bool may_read = route_admits(route, &reader, reply);
		FUZZ_MUST(may_read == (strcmp(route->method, "GET") == 0));
		reply_clear(reply);
		FUZZ_MUST(route_admits(route, &admin, reply));
		run_route(session, route, request, reply);
	}
	check_answer(session, reply);
}

static void call(struct session *session, char *line, const char *body)
{
	char *target = strchr(line, ' '), *path = NULL;
	if (!target)
		return;
	*target++ = '\0';
	struct admin_request request = {
		.method = line,
		.body_text = body,
		.body_length = strlen(body),
		.content_type = "application/json",
		.idempotency_key = strstr(body, "retry") ? "a" : NULL,
		.caller = &admin,
		.settings = &settings,
		.now_ms = now_ms,
	};
	struct admin_reply reply;
	reply_init(&reply);
	if (request_parse_target(&request, target, &path) == 0) {
		request.path = path;
		find_and_run(session, &request, &reply);
	}
	reply_finish(&reply);
	request_finish(&request);
	free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct session session = { .store = shared_store(), .last_id = "wh_0" };
	FUZZ_MUST(store_begin(session.store) == 0);
	for (int i = 0; i < CALLS_MAX && input.left; i++) {
		char *line = take_text(&input, &session), *body = take_text(&input, &session);
		call(&session, line, body);
		free(line);
		free(body);
	}
	store_rollback(session.store);
	return 0;
}
