#include "admin/openapi_document.h"
#include "admin/routes.h"
#include "openapi_schema.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { SOURCE_MAX_BYTES = 1 << 17 };

static struct json_document *document;

static int set_up(void **state)
{
	(void)state;
	document = openapi_read();
	return document ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	json_destroy(document);
	return 0;
}

static const struct json_value *root(void)
{
	return json_root(document);
}

/* Every method of every path of the document. */
typedef void (*operation_visit_fn)(const char *path, const struct json_value *item,
				   const struct json_value *operation, const struct route *route);

static const struct route *find_route(const char *method, const char *path)
{
	struct admin_request request = { 0 };
	struct admin_reply reply;
	const struct route *route = NULL;
	char upper[16] = "";

	for (size_t i = 0; method[i]; i++)
		upper[i] = (char)toupper((unsigned char)method[i]);
	reply_init(&reply);
	int result = routes_find(upper, path, &request, &reply, &route);
	reply_finish(&reply);
	if (result < 0 || strcmp(route->path, path) != 0)
		fail_msg("%s %s is described, but there is no such route", upper, path);
	return route;
}

static void visit_operations(operation_visit_fn visit)
{
	const struct json_value *paths = json_member(root(), "paths");

	for (const struct json_value *item = json_first(paths); item; item = json_next(item))
		for (const struct json_value *at = json_first(item); at; at = json_next(at))
			if (strcmp(json_key(at), "parameters") != 0)
				visit(json_key(item), item, at,
				      find_route(json_key(at), json_key(item)));
}

static bool has_word(const char *words, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = words; at && *at; at += strspn(at, " ")) {
		size_t word = strcspn(at, " ");
		if (word == length && strncmp(at, name, word) == 0)
			return true;
		at += word;
	}
	return false;
}

static size_t count_words(const char *words)
{
	size_t count = 0;

	for (const char *at = words; at && *at; at += strspn(at, " "), count++)
		at += strcspn(at, " ");
	return count;
}

static const struct json_value *find_parameter(const struct json_value *holder, const char *in,
					       const char *name)
{
	const struct json_value *parameters = json_member(holder, "parameters");

	for (const struct json_value *at = json_first(parameters); at; at = json_next(at)) {
		const struct json_value *parameter = openapi_resolve(root(), at);
		if (strcmp(json_string(json_member(parameter, "in")), in) == 0 &&
		    strcasecmp(json_string(json_member(parameter, "name")), name) == 0)
			return parameter;
	}
	return NULL;
}

static void expect_the_query(const char *path, const struct json_value *item,
			     const struct json_value *operation, const struct route *route)
{
	const struct json_value *parameters = json_member(operation, "parameters");
	size_t described = 0;

	(void)item;
	for (const struct json_value *at = json_first(parameters); at; at = json_next(at)) {
		const struct json_value *parameter = openapi_resolve(root(), at);
		const char *name = json_string(json_member(parameter, "name"));
		if (strcmp(json_string(json_member(parameter, "in")), "query") != 0)
			continue;
		described++;
		if (!has_word(route->query, name))
			fail_msg("%s %s does not take ?%s=", route->method, path, name);
	}
	if (described != count_words(route->query))
		fail_msg("%s %s takes \"%s\", described are %zu", route->method, path, route->query,
			 described);
}

static void every_query_argument_is_described(void **state)
{
	(void)state;
	visit_operations(expect_the_query);
}

static void expect_the_fields(const char *path, const struct json_value *item,
			      const struct json_value *operation, const struct route *route)
{
	const struct json_value *content =
		json_member(json_member(operation, "requestBody"), "content");
	const struct json_value *schema = openapi_resolve(
		root(), json_member(json_member(content, "application/json"), "schema"));
	const struct json_value *properties = json_member(schema, "properties");

	(void)item;
	if (json_count(properties) != count_words(route->fields))
		fail_msg("%s %s takes the fields \"%s\", described are %zu", route->method, path,
			 route->fields ? route->fields : "", json_count(properties));
	for (const struct json_value *at = json_first(properties); at; at = json_next(at))
		if (!has_word(route->fields, json_key(at)))
			fail_msg("%s %s does not take the field %s", route->method, path,
				 json_key(at));
}

static void every_field_of_a_body_is_described(void **state)
{
	(void)state;
	visit_operations(expect_the_fields);
}

static void expect_the_need(const char *path, const struct json_value *item,
			    const struct json_value *operation, const struct route *route)
{
	const struct json_value *body = json_member(operation, "requestBody");
	const struct json_value *content = json_member(body, "content");
	const struct json_value *schema = openapi_resolve(
		root(), json_member(json_member(content, "application/json"), "schema"));
	bool is_required = false;
	bool has_required = json_count(json_member(schema, "required")) > 0;

	(void)item;
	(void)json_bool(json_member(body, "required"), &is_required);
	if (is_required != ((route->flags & ROUTE_NEEDS_BODY) != 0) || is_required != has_required)
		fail_msg("%s %s: with or without a body?", route->method, path);
}

static void a_body_is_needed_where_one_of_its_fields_is(void **state)
{
	(void)state;
	visit_operations(expect_the_need);
}

static void expect_the_access(const char *path, const struct json_value *item,
			      const struct json_value *operation, const struct route *route)
{
	const struct json_value *responses = json_member(operation, "responses");
	const struct json_value *security = json_member(operation, "security");
	bool is_public = json_type(security) == JSON_ARRAY && json_count(security) == 0;
	bool is_admin = json_member(responses, "403") != NULL;
	bool creates = find_parameter(operation, "header", "Idempotency-Key") != NULL;

	(void)item;
	if (is_public != (route->access == ROUTE_PUBLIC) ||
	    is_public == (json_member(responses, "401") != NULL))
		fail_msg("%s %s: with or without a key?", route->method, path);
	if (is_admin != (route->access == ROUTE_ADMIN))
		fail_msg("%s %s: for which scope?", route->method, path);
	if (creates != ((route->flags & ROUTE_CREATES) != 0))
		fail_msg("%s %s: with or without Idempotency-Key?", route->method, path);
}

static void who_may_call_and_whether_it_can_be_retried_is_described(void **state)
{
	(void)state;
	visit_operations(expect_the_access);
}

static void expect_the_parameter(const char *path, const struct json_value *item,
				 const struct json_value *operation, const struct route *route)
{
	const char *open = strchr(path, '{');
	char name[64];

	(void)operation;
	if (!open)
		return;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(open + 1, "}"), open + 1);
	if (!find_parameter(item, "path", name))
		fail_msg("%s %s does not describe {%s}", route->method, path, name);
}

static void what_stands_in_a_path_is_described(void **state)
{
	(void)state;
	visit_operations(expect_the_parameter);
}

static void expect_the_answers(const char *path, const struct json_value *item,
			       const struct json_value *operation, const struct route *route)
{
	const struct json_value *responses = json_member(operation, "responses");
	bool has_success = false;

	(void)item;
	for (const struct json_value *at = json_first(responses); at; at = json_next(at)) {
		const struct json_value *response = openapi_resolve(root(), at);
		has_success = has_success || json_key(at)[0] == '2';
		if (!json_string(json_member(response, "description")))
			fail_msg("%s %s: %s has no description", route->method, path, json_key(at));
	}
	if (!has_success || !json_string(json_member(operation, "summary")) ||
	    !json_string(json_member(operation, "operationId")))
		fail_msg("%s %s lacks a success, a summary or an operationId", route->method, path);
}

static void every_operation_says_what_it_answers(void **state)
{
	(void)state;
	visit_operations(expect_the_answers);
}

/* The rows of the table begin with their method and path: { "GET", "/healthz", … */
static void every_row_of_the_table_is_described(void **state)
{
	static char source[SOURCE_MAX_BYTES];
	FILE *file = fopen(GOLIVED_SOURCE_DIR "/daemon/admin/routes.c", "r");
	char method[16], path[64];
	size_t rows = 0;

	(void)state;
	assert_non_null(file);
	source[fread(source, 1, sizeof(source) - 1, file)] = '\0';
	fclose(file);
	for (const char *at = source; (at = strstr(at, "{ \"")) != NULL; at += 3) {
		if (sscanf(at, "{ \"%15[A-Z]\", \"%63[^\"]\"", method, path) != 2)
			continue;
		rows++;
		const struct json_value *item = json_member(json_member(root(), "paths"), path);
		for (char *c = method; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		if (!json_member(item, method))
			fail_msg("%s %s is not described", method, path);
	}
	assert_in_range(rows, 30, 200);
}

static void expect_references(const struct json_value *value)
{
	const char *reference = json_string(json_member(value, "$ref"));

	if (reference && !openapi_follow(root(), reference))
		fail_msg("%s points nowhere", reference);
	for (const struct json_value *at = json_first(value); at; at = json_next(at))
		expect_references(at);
}

static void every_reference_points_somewhere(void **state)
{
	(void)state;
	expect_references(root());
}

static void every_example_agrees_with_its_schema(void **state)
{
	const struct json_value *schemas =
		json_member(json_member(root(), "components"), "schemas");
	struct strbuf why;

	(void)state;
	strbuf_init(&why, 10000);
	for (const struct json_value *at = json_first(schemas); at; at = json_next(at)) {
		const struct json_value *examples = json_member(at, "examples");
		for (const struct json_value *one = json_first(examples); one; one = json_next(one))
			if (!schema_matches(root(), at, one, json_key(at), &why) ||
			    !schema_names_all(root(), at, one, &why))
				fail_msg("%s", why.data);
	}
	strbuf_finish(&why);
}

static void the_program_holds_the_document_as_it_is(void **state)
{
	struct json_document *served;

	(void)state;
	assert_int_equal(json_parse(openapi_document, openapi_document_length, &served, NULL), 0);
	assert_string_equal(json_string(json_member(json_root(served), "openapi")), "3.1.0");
	json_destroy(served);

	FILE *file = fopen(GOLIVED_SOURCE_DIR "/docs/openapi.json", "r");
	char *text = malloc(openapi_document_length + 1);
	assert_non_null(file);
	assert_int_equal(fread(text, 1, openapi_document_length + 1, file),
			 openapi_document_length);
	assert_memory_equal(text, openapi_document, openapi_document_length);
	free(text);
	fclose(file);
}

static void the_version_is_the_programs(void **state)
{
	(void)state;
	const struct json_value *info = json_member(root(), "info");
	assert_string_equal(json_string(json_member(info, "version")), GOLIVED_VERSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_of_the_table_is_described),
		cmocka_unit_test(every_query_argument_is_described),
		cmocka_unit_test(every_field_of_a_body_is_described),
		cmocka_unit_test(a_body_is_needed_where_one_of_its_fields_is),
		cmocka_unit_test(who_may_call_and_whether_it_can_be_retried_is_described),
		cmocka_unit_test(what_stands_in_a_path_is_described),
		cmocka_unit_test(every_operation_says_what_it_answers),
		cmocka_unit_test(every_reference_points_somewhere),
		cmocka_unit_test(every_example_agrees_with_its_schema),
		cmocka_unit_test(the_program_holds_the_document_as_it_is),
		cmocka_unit_test(the_version_is_the_programs),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
