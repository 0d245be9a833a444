/* routes: which row a request finds, who may use it, and what is checked before a handler runs. */
#include "admin/idempotency.h"
#include "admin/routes.h"
#include "base/memory.h"
#include "db/api_keys.h"
#include "db/store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct scene {
	struct admin_request request;
	struct admin_reply reply;
	struct admin_caller caller;
	const struct route *route;
	struct store *store; /* NULL: none */
	char folder[64];
	int calls;
};

static struct scene scene;

static int set_up(void **state)
{
	(void)state;
	scene = (struct scene){ .caller = { .id = "key_a", .name = (char *)"a" } };
	scene.request.caller = &scene.caller;
	scene.request.now_ms = 1781787600000;
	reply_init(&scene.reply);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	reply_finish(&scene.reply);
	request_finish(&scene.request);
	return 0;
}

static int find(const char *method, const char *path)
{
	reply_clear(&scene.reply);
	return routes_find(method, path, &scene.request, &scene.reply, &scene.route);
}

static const char *header(const char *name)
{
	for (size_t i = 0; i < scene.reply.header_count; i++)
		if (strcmp(scene.reply.headers[i].name, name) == 0)
			return scene.reply.headers[i].value;
	return "";
}

/* ---- finding ---- */

static void a_path_finds_its_row_and_what_stands_for_the_parameter(void **state)
{
	static const struct {
		const char *method, *path, *pattern, *parameter;
	} cases[] = {
		{ "GET", "/healthz", "/healthz", "" },
		{ "POST", "/api/webhooks", "/api/webhooks", "" },
		{ "GET", "/api/webhooks/wh_1", "/api/webhooks/{id}", "wh_1" },
		{ "HEAD", "/api/webhooks/wh_1", "/api/webhooks/{id}", "wh_1" },
		{ "POST", "/api/webhooks/wh_1/test", "/api/webhooks/{id}/test", "wh_1" },
		{ "GET", "/api/events/stream", "/api/events/stream", "" },
		{ "GET", "/api/events/streams", "/api/events/{id}", "streams" },
		{ "GET", "/api/creators/a b", "/api/creators/{unique_id}", "a b" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (find(cases[i].method, cases[i].path) != 0)
			fail_msg("%s %s: %d", cases[i].method, cases[i].path, scene.reply.status);
		assert_string_equal(scene.route->path, cases[i].pattern);
		assert_string_equal(scene.request.parameter, cases[i].parameter);
	}
}

static void what_has_no_row_is_not_found(void **state)
{
	static const char *const paths[] = { "/",
					     "",
					     "/api",
					     "/api/webhooks/",
					     "/api/webhooks//test",
					     "/api/webhooks/a/b",
					     "/api/webhooks/a/test/",
					     "/API/webhooks",
					     "/healthz/",
					     "//healthz" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (find("GET", paths[i]) != -ENOENT || scene.reply.status != 404)
			fail_msg("\"%s\": %d", paths[i], scene.reply.status);
	}
}

static void a_method_without_a_row_is_told_which_ones_there_are(void **state)
{
	(void)state;
	assert_int_equal(find("PUT", "/api/webhooks"), -ENOTSUP);
	assert_int_equal(scene.reply.status, 405);
	assert_string_equal(header("Allow"), "GET, HEAD, POST");
	assert_int_equal(find("POST", "/api/webhooks/wh_1"), -ENOTSUP);
	assert_string_equal(header("Allow"), "GET, HEAD, PATCH, DELETE");
	assert_int_equal(find("GET", "/api/webhooks/wh_1/test"), -ENOTSUP);
	assert_string_equal(header("Allow"), "POST");
	assert_int_equal(find("OPTIONS", "/healthz"), -ENOTSUP);
	assert_string_equal(header("Allow"), "GET, HEAD");
}

static void a_read_key_may_only_get(void **state)
{
	static const char *const methods[] = { "GET", "PATCH", "DELETE" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		assert_int_equal(find(methods[i], "/api/webhooks/wh_1"), 0);
		scene.caller.scope = API_SCOPE_ADMIN;
		assert_true(route_admits(scene.route, &scene.caller, &scene.reply));
		scene.caller.scope = API_SCOPE_READ;
		bool admitted = route_admits(scene.route, &scene.caller, &scene.reply);
		assert_int_equal(admitted, i == 0);
		assert_int_equal(scene.reply.status, i == 0 ? 0 : 403);
	}
}

/* ---- what is checked before a handler runs ---- */

static void count_and_answer(struct store *store, const struct admin_request *request,
			     struct admin_reply *reply)
{
	(void)store;
	(void)request;
	json_put_integer(reply_json(reply, 201), "calls", ++scene.calls);
	reply_end(reply);
}

static void fail_to_answer(struct store *store, const struct admin_request *request,
			   struct admin_reply *reply)
{
	(void)store;
	(void)request;
	scene.calls++;
	reply_problem(reply, 422, "bad_value", "a", "No.");
}

static void fail_in_the_store(struct store *store, const struct admin_request *request,
			      struct admin_reply *reply)
{
	(void)store;
	(void)request;
	reply_store_error(reply, -ENOSPC);
}

static const struct route sample = { .method = "POST",
				     .path = "/sample",
				     .query = "limit creator",
				     .fields = "ab cd",
				     .handler = count_and_answer };

static int run(const struct route *route, const char *query, const char *content_type,
	       const char *body)
{
	char target[256], *path;

	request_finish(&scene.request);
	reply_clear(&scene.reply);
	snprintf(target, sizeof(target), "/sample?%s", query);
	assert_int_equal(request_parse_target(&scene.request, target, &path), 0);
	scene.request.method = "POST";
	scene.request.path = path;
	scene.request.content_type = content_type;
	scene.request.body_text = body;
	scene.request.body_length = body ? strlen(body) : 0;
	int result = route_run(route, scene.store, &scene.request, &scene.reply);
	free(path);
	return result;
}

static void names_that_a_route_does_not_know_keep_the_handler_from_running(void **state)
{
	static const struct {
		const char *query, *content_type, *body;
		int status;
		const char *says;
	} cases[] = {
		{ "", NULL, "", 201, "" },
		{ "limit=1&creator=x", "application/json", "{\"ab\":1,\"cd\":2}", 201, "" },
		{ "", "Application/JSON ; charset=utf-8", "{}", 201, "" },
		{ "lim=1", NULL, "", 422, "\"field\":\"lim\"" },
		{ "limit=1&limit=2", NULL, "", 422, "\"field\":\"limit\"" },
		{ "", "application/json", "{\"a\":1}", 400, "\"field\":\"a\"" },
		{ "", "application/json", "{\"ab cd\":1}", 400, "\"field\":\"ab cd\"" },
		{ "", "application/json", "[]", 400, "not_an_object" },
		{ "", "application/json", "null", 400, "not_an_object" },
		{ "", "application/json", " ", 400, "bad_json" },
		{ "", "application/json", "{\"ab\":1,\"ab\":2}", 400, "at byte " },
		{ "", "application/json", "\xef\xbb\xbf{}", 400, "bad_json" },
		{ "", "application/json", "{\"ab\":\"\\ud800\"}", 400, "bad_json" },
		{ "", "application/json", "{\"ab\":\"\xff\"}", 400, "bad_json" },
		{ "", NULL, "{}", 415, "" },
		{ "", "text/plain", "{}", 415, "" },
		{ "", "application/jsonp", "{}", 415, "" },
		{ "", "application/x-www-form-urlencoded", "{}", 415, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scene.calls = 0;
		int result = run(&sample, cases[i].query, cases[i].content_type, cases[i].body);
		bool good = cases[i].status == 201;
		if (scene.reply.status != cases[i].status || scene.calls != good ||
		    result != (good ? 0 : -ECANCELED) ||
		    !strstr(scene.reply.body.data, cases[i].says))
			fail_msg("case %zu: expected %d %s, got %d %s", i, cases[i].status,
				 cases[i].says, scene.reply.status, scene.reply.body.data);
	}
}

static void where_a_field_must_be_given_so_must_a_body(void **state)
{
	struct route route = sample;

	(void)state;
	route.flags = ROUTE_NEEDS_BODY;
	assert_int_equal(run(&route, "", NULL, NULL), -ECANCELED);
	assert_int_equal(scene.reply.status, 400);
	assert_non_null(strstr(scene.reply.body.data, "not_an_object"));
	assert_int_equal(run(&route, "", "application/json", ""), -ECANCELED);
	assert_int_equal(scene.calls, 0);
	assert_int_equal(run(&route, "", "application/json", "{}"), 0);
}

static void a_problem_undoes_and_a_failed_store_is_passed_on(void **state)
{
	struct route route = sample;

	(void)state;
	route.handler = fail_to_answer;
	assert_int_equal(run(&route, "", NULL, NULL), -ECANCELED);
	route.handler = fail_in_the_store;
	assert_int_equal(run(&route, "", NULL, NULL), -ENOSPC);
}

/* ---- idempotency ---- */

static int open_store(void **state)
{
	char path[128];
	struct strbuf why;

	set_up(state);
	strcpy(scene.folder, "/tmp/test_routes.XXXXXX");
	assert_non_null(mkdtemp(scene.folder));
	snprintf(path, sizeof(path), "%s/golived.db", scene.folder);
	strbuf_init(&why, 1024);
	assert_int_equal(store_open(path, STORE_WRITER, SYNCHRONOUS_NORMAL, &why, &scene.store), 0);
	strbuf_finish(&why);
	return store_begin(scene.store);
}

static int close_store(void **state)
{
	char command[128];

	tear_down(state);
	store_rollback(scene.store);
	store_close(scene.store);
	snprintf(command, sizeof(command), "rm -r %s", scene.folder);
	return system(command);
}

static struct route creating(void)
{
	struct route route = sample;

	route.flags = ROUTE_CREATES;
	return route;
}

static void the_same_key_and_body_answer_the_same_without_doing_it_again(void **state)
{
	const struct route route = creating();

	(void)state;
	scene.request.idempotency_key = "k1";
	for (int i = 0; i < 3; i++) {
		assert_int_equal(run(&route, "", "application/json", "{\"ab\":1}"), 0);
		assert_int_equal(scene.reply.status, 201);
		assert_string_equal(scene.reply.content_type, "application/json");
		assert_string_equal(scene.reply.body.data, "{\"calls\":1}");
		assert_string_equal(header("Idempotency-Replayed"), i ? "true" : "");
	}
	assert_int_equal(scene.calls, 1);
}

static void the_same_key_with_another_body_is_refused(void **state)
{
	const struct route route = creating();

	(void)state;
	scene.request.idempotency_key = "k1";
	assert_int_equal(run(&route, "", "application/json", "{\"ab\":1}"), 0);
	assert_int_equal(run(&route, "", "application/json", "{\"ab\":2}"), -ECANCELED);
	assert_int_equal(scene.reply.status, 422);
	assert_int_equal(scene.calls, 1);
}

static void keys_of_different_callers_do_not_meet(void **state)
{
	const struct route route = creating();

	(void)state;
	scene.request.idempotency_key = "k1";
	assert_int_equal(run(&route, "", NULL, NULL), 0);
	strcpy(scene.caller.id, "key_b");
	assert_int_equal(run(&route, "", NULL, NULL), 0);
	assert_int_equal(scene.calls, 2);
}

static void after_an_error_the_key_may_be_tried_again(void **state)
{
	struct route route = creating();

	(void)state;
	scene.request.idempotency_key = "k1";
	route.handler = fail_to_answer;
	assert_int_equal(run(&route, "", NULL, NULL), -ECANCELED);
	route.handler = count_and_answer;
	assert_int_equal(run(&route, "", NULL, NULL), 0);
	assert_int_equal(scene.reply.status, 201);
}

static void a_key_must_be_printable_and_not_too_long(void **state)
{
	const struct route route = creating();
	char key[300];

	(void)state;
	memset(key, 'k', sizeof(key));
	key[256] = '\0';
	const char *const bad[] = { "", "a\tb", "\xc3\xa9", key };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		scene.request.idempotency_key = bad[i];
		assert_int_equal(run(&route, "", NULL, NULL), -ECANCELED);
		assert_int_equal(scene.reply.status, 422);
	}
	key[255] = '\0';
	scene.request.idempotency_key = key;
	assert_int_equal(run(&route, "", NULL, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)
		TEST(a_path_finds_its_row_and_what_stands_for_the_parameter),
		TEST(what_has_no_row_is_not_found),
		TEST(a_method_without_a_row_is_told_which_ones_there_are),
		TEST(a_read_key_may_only_get),
		TEST(names_that_a_route_does_not_know_keep_the_handler_from_running),
		TEST(where_a_field_must_be_given_so_must_a_body),
		TEST(a_problem_undoes_and_a_failed_store_is_passed_on),
		STORE_TEST(the_same_key_and_body_answer_the_same_without_doing_it_again),
		STORE_TEST(the_same_key_with_another_body_is_refused),
		STORE_TEST(keys_of_different_callers_do_not_meet),
		STORE_TEST(after_an_error_the_key_may_be_tried_again),
		STORE_TEST(a_key_must_be_printable_and_not_too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
