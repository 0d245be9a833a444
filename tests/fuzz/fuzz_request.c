/* A request to the admin API, up to its handler: targets and bodies of any kind get a value or a
 * problem in strict JSON, and what gets through is what its type says. The input: a target, NUL, a
 * body. */
#include "fuzz.h"

#include "admin/fields.h"
#include "admin/request.h"
#include "base/clock.h"
#include "base/limits.h"

/* A reply that says no must be a problem of that status. */
static void must_be_problem(struct admin_reply *reply, int status)
{
	int64_t said = 0;
	FUZZ_MUST(reply->status == status);
	struct json_document *document = fuzz_parse_own(reply->body.data, reply->body.length);
	FUZZ_MUST(json_integer(json_member(json_root(document), "status"), &said));
	FUZZ_MUST(said == status);
	FUZZ_MUST(json_string(json_member(json_root(document), "detail")));
	FUZZ_MUST(json_string(json_member(json_root(document), "code")));
	json_destroy(document);
	reply_clear(reply);
}

static void must_be_unanswered(const struct admin_reply *reply)
{
	FUZZ_MUST(reply->status == 0 && reply->body.length == 0);
}

static void must_be_handle(const char *handle)
{
	char again[HANDLE_SIZE];
	FUZZ_MUST(handle_normalize(handle, again) == 0 && strcmp(handle, again) == 0);
}

static void check_query(const struct admin_request *request, struct admin_reply *reply)
{
	int64_t time = 0;
	char handle[HANDLE_SIZE];
	bool is_given = false;
	FUZZ_MUST(request->query_count <= REQUEST_QUERY_MAX);
	for (size_t i = 0; i < request->query_count; i++) {
		const struct request_argument *argument = &request->query[i];
		FUZZ_MUST(fuzz_is_utf8(argument->name, strlen(argument->name)));
		FUZZ_MUST(fuzz_is_utf8(argument->value, strlen(argument->value)));
		FUZZ_MUST(request_query(request, argument->name));
		if (request_query_time(request, argument->name, reply, &time) < 0)
			must_be_problem(reply, 422);
		else
			must_be_unanswered(reply);
		if (request_query_handle(request, argument->name, reply, handle, &is_given) < 0) {
			must_be_problem(reply, 422);
		} else {
			FUZZ_MUST(is_given);
			must_be_handle(handle);
		}
	}
}

static void check_target(struct admin_request *request, const char *target,
			 struct admin_reply *reply)
{
	char *path = NULL;
	if (request_parse_target(request, target, &path) == 0) {
		FUZZ_MUST(path[0] == '/' && fuzz_is_utf8(path, strlen(path)));
		check_query(request, reply);
	} else {
		FUZZ_MUST(!path);
	}
	request_finish(request);
	FUZZ_MUST(request->query_count == 0);
	free(path);
}

static void must_answer(enum field_state state, struct admin_reply *reply)
{
	if (state == FIELD_BAD)
		must_be_problem(reply, 422);
	else
		must_be_unanswered(reply);
}

static void check_list(enum field_state state, struct text_list *list, struct admin_reply *reply)
{
	must_answer(state, reply);
	FUZZ_MUST(state == FIELD_GIVEN || list->count == 0);
	for (size_t i = 1; i < list->count; i++)
		FUZZ_MUST(strcmp(list->items[i - 1], list->items[i]) < 0);
}

/* Every member is read as every type. */
static void check_field(const struct admin_request *request, const char *name,
			struct admin_reply *reply)
{
	const char *text = NULL;
	bool flag;
	int64_t number = 0;
	enum event_type type = EVENT_TYPE_COUNT;
	unsigned types = 0;
	char handle[HANDLE_SIZE];
	struct text_list handles = { 0 }, texts = { 0 };

	must_answer(field_text(request, name, LIMIT_NAME_CHARS, reply, &text), reply);
	FUZZ_MUST(!text || strlen(text) <= 4 * LIMIT_NAME_CHARS);
	must_answer(field_flag(request, name, reply, &flag), reply);
	must_answer(field_integer(request, name, -5, 500, reply, &number), reply);
	FUZZ_MUST(number >= -5 && number <= 500);
	must_answer(field_time(request, name, reply, &number), reply);
	must_answer(field_event_type(request, name, reply, &type), reply);
	FUZZ_MUST(type <= EVENT_TYPE_COUNT);
	enum field_state state = field_event_types(request, name, reply, &types);
	must_answer(state, reply);
	FUZZ_MUST((types & ~EVENT_TYPES_ALL) == 0 && (types != 0) == (state == FIELD_GIVEN));
	state = field_handle(request, name, reply, handle);
	must_answer(state, reply);
	if (state == FIELD_GIVEN)
		must_be_handle(handle);
	check_list(field_handles(request, name, reply, &handles), &handles, reply);
	for (size_t i = 0; i < handles.count; i++)
		must_be_handle(handles.items[i]);
	check_list(field_texts(request, name, reply, &texts), &texts, reply);
	text_list_finish(&handles);
	text_list_finish(&texts);
}

static void check_body(struct admin_request *request, const char *body, struct admin_reply *reply)
{
	struct json_document *document = NULL;
	if (json_parse(body, strlen(body), &document, NULL) < 0)
		return;
	request->body = json_root(document);
	if (json_type(request->body) == JSON_OBJECT) {
		const struct json_value *member = json_first(request->body);
		for (int i = 0; member && i < 32; i++, member = json_next(member))
			check_field(request, json_key(member), reply);
		check_field(request, "a field that is not there", reply);
	}
	request->body = NULL;
	json_destroy(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct admin_request request = { .method = "POST" };
	struct admin_reply reply;
	char *target = fuzz_take_text(&input), *body = fuzz_take_text(&input);
	reply_init(&reply);
	check_target(&request, target, &reply);
	check_body(&request, body, &reply);
	reply_finish(&reply);
	free(target);
	free(body);
	return 0;
}
