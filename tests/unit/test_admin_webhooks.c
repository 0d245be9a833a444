/* admin/webhooks, admin/status: the handlers on a real store. */
#include "admin_fixture.h"
#include "base/crypto.h"

#include <inttypes.h>

#define HOOK "https://receiver.example/hook?token=s3cret"
#define NEW(more) \
	"{\"target_url\":\"" HOOK "\",\"event_types\":[\"live.start\",\"live.end\"]" more "}"

static int set_up(void **state)
{
	int result = admin_set_up(state);
	struct admin_fixture *fixture = *state;

	fixture->settings.header_prefix = memory_text("X-Own");
	fixture->settings.attempt_timeout_ms = 25000;
	return result;
}

static int tear_down(void **state)
{
	struct admin_fixture *fixture = *state;

	free(fixture->settings.header_prefix);
	return admin_tear_down(state);
}

/* Registers a webhook and gives the path to it. */
static void create(struct admin_fixture *fixture, const char *body, char path[128])
{
	expect(fixture, 201, "POST", "/api/webhooks", body);
	snprintf(path, 128, "/api/webhooks/%s", json_string(answer_at(fixture, "id")));
}

static void expect_bool(const struct admin_fixture *fixture, const char *path, bool expected)
{
	bool flag = !expected;

	if (!json_bool(answer_at(fixture, path), &flag) || flag != expected)
		fail_msg("%s: expected %d in %s", path, expected, fixture->reply.body.data);
}

static void add_watchlist(struct admin_fixture *fixture, const char *name)
{
	bool created;

	assert_int_equal(store_watchlist_put(fixture->store, name, PRIORITY_NORMAL, NULL, 0,
					     fixture->now_ms, &created),
			 0);
}

/* ---- registering ---- */

static void a_new_webhook_shows_its_secret_this_once(void **state)
{
	struct admin_fixture *fixture = *state;
	char path[128];
	uint8_t bytes[64];
	size_t length;

	create(fixture, NEW(",\"creators\":[\"@Khaby.Lame\",\"charlidamelio\",\"khaby.lame\"]"),
	       path);
	const char *secret = json_string(answer_at(fixture, "secret"));
	assert_memory_equal(secret, "whsec_", 6);
	assert_int_equal(
		crypto_base64_decode(secret + 6, strlen(secret + 6), bytes, sizeof(bytes), &length),
		0);
	assert_int_equal(length, 32);
	assert_true(ulid_is_valid("wh_", json_string(answer_at(fixture, "id"))));
	expect_text(fixture, "target_url", HOOK);
	expect_count(fixture, "event_types", 2);
	expect_count(fixture, "creators", 2);
	expect_text(fixture, "creators.0", "charlidamelio");
	expect_text(fixture, "creators.1", "khaby.lame");
	expect_bool(fixture, "active", true);
	expect_text(fixture, "created_at", "2026-06-18T13:00:00.000Z");
	expect_type(fixture, "name", JSON_NULL);
	assert_int_equal(fixture->reply.effects, EFFECT_WATCHED_CHANGED | EFFECT_ENDPOINTS_CHANGED);

	expect(fixture, 200, "GET", path, NULL);
	expect_type(fixture, "secret", JSON_ABSENT);
	expect_text(fixture, "target_url", HOOK);
}

static void credentials_are_never_shown(void **state)
{
	struct admin_fixture *fixture = *state;
	char path[128];

	create(fixture, NEW(",\"bearer_token\":\"tok3n\",\"extra_headers\":{\"X-Key\":\"v4lue\"}"),
	       path);
	assert_null(strstr(fixture->reply.body.data, "tok3n"));
	assert_null(strstr(fixture->reply.body.data, "v4lue"));
	expect_bool(fixture, "has_bearer_token", true);
	expect_text(fixture, "extra_header_names.0", "X-Key");
}

static void a_webhook_needs_a_target_and_event_types(void **state)
{
	struct admin_fixture *fixture = *state;

	expect(fixture, 400, "POST", "/api/webhooks", NULL);
	expect_refused(fixture, "target_url", "POST", "/api/webhooks", "{}");
	expect_refused(fixture, "target_url", "POST", "/api/webhooks",
		       "{\"event_types\":[\"live.start\"]}");
	expect_refused(fixture, "event_types", "POST", "/api/webhooks",
		       "{\"target_url\":\"" HOOK "\"}");
	expect_refused(fixture, "event_types", "POST", "/api/webhooks",
		       "{\"target_url\":\"" HOOK "\",\"event_types\":null}");
	expect_refused(fixture, "event_types", "POST", "/api/webhooks",
		       "{\"target_url\":\"" HOOK "\",\"event_types\":[\"live.gift\"]}");
	assert_non_null(strstr(fixture->reply.body.data, "live.start"));
}

static void nulls_in_a_new_webhook_are_as_if_not_given(void **state)
{
	struct admin_fixture *fixture = *state;
	char path[128];

	create(fixture,
	       NEW(",\"creators\":null,\"watchlists\":null,\"name\":null,\"description\":null,"
		   "\"bearer_token\":null,\"extra_headers\":null,\"rate_limit\":null,"
		   "\"active\":null"),
	       path);
	expect_bool(fixture, "active", true);
	expect_count(fixture, "creators", 0);
}

static void targets_inside_are_refused_at_registration(void **state)
{
	static const char *const urls[] = { "http://127.0.0.1/",       "http://localhost:80/x",
					    "http://169.254.169.254/", "http://[::1]/",
					    "http://0x7f.1/",          "ftp://receiver.example/",
					    "receiver.example",        "" };
	struct admin_fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		char body[256];
		snprintf(body, sizeof(body),
			 "{\"target_url\":\"%s\",\"event_types\":[\"live.start\"]}", urls[i]);
		expect_refused(fixture, "target_url", "POST", "/api/webhooks", body);
	}
}

static void allowed_targets_may_be_inside(void **state)
{
	struct admin_fixture *fixture = *state;

	assert_int_equal(config_parse_cidr("127.0.0.0/8", &fixture->settings.cidrs[0]), 0);
	fixture->settings.exemptions =
		(struct target_exemptions){ .cidrs = fixture->settings.cidrs, .count = 1 };
	expect(fixture, 201, "POST", "/api/webhooks",
	       "{\"target_url\":\"http://127.0.0.1:8080/\",\"event_types\":[\"live.start\"]}");
}

static void values_that_are_not_acceptable_name_their_field(void **state)
{
	static const struct {
		const char *field, *body;
	} cases[] = {
		{ "creators", NEW(",\"creators\":[\"a b\"]") },
		{ "creators", NEW(",\"creators\":\"anna\"") },
		{ "watchlists", NEW(",\"watchlists\":[\"nobody\"]") },
		{ "watchlists", NEW(",\"watchlists\":[7]") },
		{ "name", NEW(",\"name\":7") },
		{ "description", NEW(",\"description\":[]") },
		{ "bearer_token", NEW(",\"bearer_token\":\"\"") },
		{ "bearer_token", NEW(",\"bearer_token\":\"a b\"") },
		{ "bearer_token", NEW(",\"bearer_token\":\"a\\nb\"") },
		{ "bearer_token", NEW(",\"bearer_token\":\"\xc3\xa9\"") },
		{ "rate_limit", NEW(",\"rate_limit\":0") },
		{ "rate_limit", NEW(",\"rate_limit\":-1") },
		{ "rate_limit", NEW(",\"rate_limit\":\"1\"") },
		{ "rate_limit", NEW(",\"rate_limit\":1e400") },
		{ "active", NEW(",\"active\":1") },
		{ "extra_headers", NEW(",\"extra_headers\":[]") },
		{ "extra_headers", NEW(",\"extra_headers\":{\"X A\":\"b\"}") },
		{ "extra_headers", NEW(",\"extra_headers\":{\"\":\"b\"}") },
		{ "extra_headers", NEW(",\"extra_headers\":{\"X-A\":7}") },
		{ "extra_headers", NEW(",\"extra_headers\":{\"X-A\":\"b\\r\\nX-B: c\"}") },
		{ "extra_headers", NEW(",\"extra_headers\":{\"X-A\":\"\xc3\xa9\"}") },
		{ "extra_headers", NEW(",\"extra_headers\":{\"X-A\":\"b\",\"x-a\":\"c\"}") },
		{ "extra_headers", NEW(",\"bearer_token\":\"t\","
				       "\"extra_headers\":{\"authorization\":\"Basic eA==\"}") },
	};
	struct admin_fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_refused(fixture, cases[i].field, "POST", "/api/webhooks", cases[i].body);
}

static void headers_of_the_daemon_cannot_be_replaced(void **state)
{
	static const char *const names[] = { "Host",
					     "content-type",
					     "Content-Length",
					     "Content-Encoding",
					     "Connection",
					     "transfer-encoding",
					     "User-Agent",
					     "webhook-id",
					     "Webhook-Signature",
					     "X-Tiktool-Signature",
					     "x-tiktool-anything",
					     "X-Own-Event",
					     "Keep-Alive",
					     "TE",
					     "Upgrade",
					     "Expect",
					     "Trailer",
					     "Proxy-Authorization" };
	struct admin_fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char body[256];
		snprintf(body, sizeof(body), NEW(",\"extra_headers\":{\"%s\":\"x\"}"), names[i]);
		expect_refused(fixture, "extra_headers", "POST", "/api/webhooks", body);
		assert_non_null(strstr(fixture->reply.body.data, names[i]));
	}
	expect(fixture, 201, "POST", "/api/webhooks",
	       NEW(",\"extra_headers\":{\"Authorization\":\"Basic eA==\",\"X-Owner\":\"a\\tb\"}"));
}

/* A body with a name, description or URL of that many characters. */
static void make_long(char *body, size_t size, const char *field, const char *character, int count)
{
	size_t length = (size_t)snprintf(
		body, size, "{\"event_types\":[\"live.start\"],%s\"%s\":\"%s",
		strcmp(field, "target_url") == 0 ? "" : "\"target_url\":\"" HOOK "\",", field,
		strcmp(field, "target_url") == 0 ? "https://receiver.example/" : "");

	if (strcmp(field, "target_url") == 0)
		count -= (int)strlen("https://receiver.example/");
	while (count-- > 0)
		length += (size_t)snprintf(body + length, size - length, "%s", character);
	snprintf(body + length, size - length, "\"}");
}

static void texts_have_their_limits_in_characters(void **state)
{
	static const struct {
		const char *field, *character;
		int limit;
	} cases[] = {
		{ "name", "\xc3\xa9", 200 },
		{ "description", "\xf0\x9f\x98\x80", 2000 },
		{ "target_url", "a", 2048 },
	};
	struct admin_fixture *fixture = *state;
	char body[16384];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_long(body, sizeof(body), cases[i].field, cases[i].character, cases[i].limit);
		expect(fixture, 201, "POST", "/api/webhooks", body);
		make_long(body, sizeof(body), cases[i].field, cases[i].character,
			  cases[i].limit + 1);
		expect_refused(fixture, cases[i].field, "POST", "/api/webhooks", body);
	}
}

static void limits_that_are_reached_are_conflicts(void **state)
{
	struct admin_fixture *fixture = *state;

	fixture->settings.max_creators_per_webhook = 2;
	expect(fixture, 201, "POST", "/api/webhooks", NEW(",\"creators\":[\"aa\",\"bb\",\"@AA\"]"));
	expect(fixture, 409, "POST", "/api/webhooks", NEW(",\"creators\":[\"aa\",\"bb\",\"cc\"]"));
	fixture->settings.max_webhooks = 2;
	expect(fixture, 201, "POST", "/api/webhooks", NEW(""));
	expect(fixture, 409, "POST", "/api/webhooks", NEW(""));
}

/* ---- reading ---- */

static void lists_are_paged_newest_first(void **state)
{
	struct admin_fixture *fixture = *state;
	char path[128], target[256];

	for (int i = 0; i < 3; i++) {
		char body[256];
		snprintf(body, sizeof(body), NEW(",\"name\":\"%d\""), i);
		fixture->now_ms += 1000;
		create(fixture, body, path);
	}
	expect(fixture, 200, "GET", "/api/webhooks?limit=2", NULL);
	expect_count(fixture, "webhooks", 2);
	expect_text(fixture, "webhooks.0.name", "2");
	snprintf(target, sizeof(target), "/api/webhooks?limit=2&cursor=%s",
		 json_string(answer_at(fixture, "next_cursor")));
	expect(fixture, 200, "GET", target, NULL);
	expect_count(fixture, "webhooks", 1);
	expect_text(fixture, "webhooks.0.name", "0");
	expect_type(fixture, "next_cursor", JSON_NULL);
}

static void what_does_not_exist_is_not_found(void **state)
{
	static const struct {
		const char *method, *path, *body;
	} cases[] = {
		{ "GET", "", NULL },
		{ "PATCH", "", "{}" },
		{ "DELETE", "", NULL },
		{ "POST", "/test", NULL },
		{ "POST", "/rotate-secret", NULL },
	};
	static const char *const ids[] = { "wh_01JY3V5S0T9Q4B8N2M7K6H5G4F", "nonsense" };
	struct admin_fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t j = 0; j < ARRAY_SIZE(ids); j++) {
			char path[128];
			snprintf(path, sizeof(path), "/api/webhooks/%s%s", ids[j], cases[i].path);
			expect(fixture, 404, cases[i].method, path, cases[i].body);
		}
}

/* ---- changing ---- */

static void a_change_keeps_what_it_does_not_name_and_clears_what_is_null(void **state)
{
	struct admin_fixture *fixture = *state;
	char path[128];

	add_watchlist(fixture, "talents");
	create(fixture,
	       NEW(",\"name\":\"n\",\"description\":\"d\",\"creators\":[\"aa\"],\"rate_limit\":0.5,"
		   "\"watchlists\":[\"talents\"],\"bearer_token\":\"t\","
		   "\"extra_headers\":{\"X-A\":\"b\"}"),
	       path);
	expect(fixture, 200, "PATCH", path, "{\"name\":\"m\"}");
	expect_text(fixture, "name", "m");
	expect_text(fixture, "description", "d");
	expect_count(fixture, "creators", 1);
	expect_count(fixture, "watchlists", 1);
	expect_bool(fixture, "has_bearer_token", true);
	expect_type(fixture, "secret", JSON_ABSENT);

	expect(fixture, 200, "PATCH", path,
	       "{\"name\":null,\"description\":null,\"creators\":null,\"watchlists\":null,"
	       "\"bearer_token\":null,\"extra_headers\":null,\"rate_limit\":null}");
	expect_type(fixture, "name", JSON_NULL);
	expect_type(fixture, "description", JSON_NULL);
	expect_count(fixture, "creators", 0);
	expect_count(fixture, "watchlists", 0);
	expect_bool(fixture, "has_bearer_token", false);
	expect_count(fixture, "extra_header_names", 0);
	expect_type(fixture, "rate_limit", JSON_NULL);
	expect_text(fixture, "target_url", HOOK);
}

static void what_a_webhook_needs_cannot_be_cleared(void **state)
{
	struct admin_fixture *fixture = *state;
	char path[128];

	create(fixture, NEW(""), path);
	expect_refused(fixture, "target_url", "PATCH", path, "{\"target_url\":null}");
	expect_refused(fixture, "event_types", "PATCH", path, "{\"event_types\":null}");
	expect_refused(fixture, "active", "PATCH", path, "{\"active\":null}");
	expect(fixture, 400, "PATCH", path, "{\"secret\":\"x\"}");
}

static void a_change_of_nothing_changes_nothing(void **state)
{
	struct admin_fixture *fixture = *state;
	char path[128];

	create(fixture, NEW(",\"name\":\"n\""), path);
	expect(fixture, 200, "PATCH", path, NULL);
	expect_text(fixture, "name", "n");
	expect(fixture, 200, "PATCH", path, "{}");
	assert_int_equal(fixture->reply.effects, 0);
}

static void two_authorizations_cannot_be_brought_together_by_changes(void **state)
{
	struct admin_fixture *fixture = *state;
	char path[128];

	create(fixture, NEW(",\"bearer_token\":\"t\""), path);
	expect_refused(fixture, "extra_headers", "PATCH", path,
		       "{\"extra_headers\":{\"Authorization\":\"x\"}}");
	expect(fixture, 200, "PATCH", path,
	       "{\"bearer_token\":null,\"extra_headers\":{\"AUTHORIZATION\":\"x\"}}");
	expect_refused(fixture, "extra_headers", "PATCH", path, "{\"bearer_token\":\"t\"}");
	expect(fixture, 200, "PATCH", path, "{\"bearer_token\":\"t\",\"extra_headers\":{}}");
}

static void a_deactivated_webhook_can_be_activated_again(void **state)
{
	struct admin_fixture *fixture = *state;
	char path[128];

	create(fixture, NEW(",\"active\":false"), path);
	expect_bool(fixture, "active", false);
	expect(fixture, 200, "PATCH", path, "{\"active\":true}");
	expect_bool(fixture, "active", true);
}

static void a_removed_webhook_is_gone(void **state)
{
	struct admin_fixture *fixture = *state;
	char path[128];

	create(fixture, NEW(""), path);
	expect(fixture, 204, "DELETE", path, NULL);
	assert_int_equal(fixture->reply.body.length, 0);
	expect(fixture, 404, "GET", path, NULL);
	expect(fixture, 200, "GET", "/api/webhooks", NULL);
	expect_count(fixture, "webhooks", 0);
}

static void every_change_is_in_the_audit_trail_without_secrets(void **state)
{
	struct admin_fixture *fixture = *state;
	char path[128];

	create(fixture, NEW(",\"bearer_token\":\"tok3n\""), path);
	expect(fixture, 200, "PATCH", path, "{\"name\":\"n\"}");
	expect(fixture, 200, "POST", strcat(path, "/rotate-secret"), NULL);
	expect(fixture, 200, "GET", "/api/audit", NULL);
	expect_text(fixture, "audit.0.action", "webhook.rotate_secret");
	expect_text(fixture, "audit.1.action", "webhook.change");
	expect_text(fixture, "audit.2.action", "webhook.create");
	expect_text(fixture, "audit.2.actor", "tester");
	assert_null(strstr(fixture->reply.body.data, "s3cret"));
	assert_null(strstr(fixture->reply.body.data, "tok3n"));
	assert_null(strstr(fixture->reply.body.data, "whsec_"));
}

/* ---- secrets ---- */

static void a_rotated_secret_leaves_the_old_one_valid_for_a_day_or_as_said(void **state)
{
	struct admin_fixture *fixture = *state;
	char path[128], first[128];

	create(fixture, NEW(""), path);
	snprintf(first, sizeof(first), "%s", json_string(answer_at(fixture, "secret")));
	strcat(path, "/rotate-secret");
	expect(fixture, 200, "POST", path, NULL);
	assert_string_not_equal(json_string(answer_at(fixture, "secret")), first);
	expect_text(fixture, "previous_expires_at", "2026-06-19T13:00:00.000Z");
	fixture->now_ms += 2 * 86400 * INT64_C(1000);
	expect(fixture, 200, "POST", path, "{\"overlap_seconds\":60}");
	expect_text(fixture, "previous_expires_at", "2026-06-20T13:01:00.000Z");
	expect_refused(fixture, "overlap_seconds", "POST", path, "{\"overlap_seconds\":-1}");
	expect_refused(fixture, "overlap_seconds", "POST", path, "{\"overlap_seconds\":1.5}");
	expect_refused(fixture, "overlap_seconds", "POST", path, "{\"overlap_seconds\":2592001}");
}

static void the_sixth_valid_secret_is_a_conflict(void **state)
{
	struct admin_fixture *fixture = *state;
	char path[128];

	create(fixture, NEW(""), path);
	strcat(path, "/rotate-secret");
	for (int i = 1; i < LIMIT_SECRETS_PER_WEBHOOK; i++)
		expect(fixture, 200, "POST", path, NULL);
	expect(fixture, 409, "POST", path, NULL);
}

/* ---- testing ---- */

/* Asks for what came of the test that the last call began. */
static int look(struct admin_fixture *fixture, bool is_last)
{
	const struct admin_request request = { .now_ms = fixture->now_ms };
	char delivery_id[ID_TEXT_SIZE];
	struct admin_reply *reply = &fixture->reply;

	memcpy(delivery_id, reply->subject, sizeof(delivery_id));
	reply->wait(fixture->store, &request, delivery_id, is_last, reply);
	if (reply->status) {
		json_destroy(fixture->answer);
		fixture->answer = NULL;
		assert_int_equal(
			json_parse(reply->body.data, reply->body.length, &fixture->answer, NULL),
			0);
	}
	return reply->status;
}

/* call() looks the answer up in the document, but a test's comes later. */
static void begin_test(struct admin_fixture *fixture, const char *target, const char *body)
{
	struct admin_request request = {
		.method = "POST",
		.body_text = body,
		.body_length = body ? strlen(body) : 0,
		.content_type = "application/json",
		.caller = &fixture->caller,
		.settings = &fixture->settings,
		.now_ms = fixture->now_ms,
		.path = target,
	};
	const struct route *route;

	reply_clear(&fixture->reply);
	assert_int_equal(routes_find("POST", target, &request, &fixture->reply, &route), 0);
	assert_int_equal(route_run(route, fixture->store, &request, &fixture->reply), 0);
}

static void finish_test(struct admin_fixture *fixture, const struct delivery_claim *claim,
			enum attempt_verdict verdict, int status_code, const char *error)
{
	const struct attempt_outcome outcome = {
		.delivery_key = claim->delivery_key,
		.attempt = claim->attempt,
		.verdict = verdict,
		.started_at_ms = fixture->now_ms,
		.dns_ms = -1,
		.connect_ms = -1,
		.tls_ms = -1,
		.first_byte_ms = -1,
		.status_code = status_code,
		.error = error,
	};
	struct outcome_effect effect;

	assert_int_equal(store_attempt_finish(fixture->store, &outcome, fixture->now_ms, &effect),
			 0);
}

static void a_test_answers_what_came_of_its_one_attempt(void **state)
{
	struct admin_fixture *fixture = *state;
	struct claimed_lane lane;
	char path[128];

	create(fixture, NEW(",\"creators\":[\"zz\",\"aa\"],\"active\":false"), path);
	begin_test(fixture, strcat(path, "/test"), NULL);
	assert_int_equal(fixture->reply.status, 0);
	assert_true(fixture->reply.wait_ms >= 25000);
	assert_int_equal(fixture->reply.effects, EFFECT_ENQUEUED);
	assert_int_equal(look(fixture, false), 0);

	assert_int_equal(store_claim_test(fixture->store, fixture->now_ms, NULL, &lane), 0);
	assert_int_equal(lane.claim_count, 1);
	assert_non_null(strstr(lane.claims[0].body, "\"event\":\"live.start\""));
	assert_non_null(strstr(lane.claims[0].body, "\"is_test\":true"));
	assert_non_null(strstr(lane.claims[0].body, "\"sequence\":null"));
	assert_non_null(strstr(lane.claims[0].body, "\"unique_id\":\"aa\""));
	finish_test(fixture, &lane.claims[0], ATTEMPT_DELIVERED, 200, NULL);
	assert_int_equal(look(fixture, false), 200);
	expect_bool(fixture, "delivered", true);
	expect_integer(fixture, "status_code", 200);
	expect_type(fixture, "error", JSON_NULL);
	expect_text(fixture, "delivery_id", lane.claims[0].delivery_id);
	store_claimed_lane_finish(&lane);

	expect(fixture, 200, "GET", "/api/events", NULL);
	expect_count(fixture, "events", 0);
	expect(fixture, 200, "GET", "/api/deliveries", NULL);
	expect_count(fixture, "deliveries", 1);
}

static void a_test_that_fails_says_why(void **state)
{
	struct admin_fixture *fixture = *state;
	struct claimed_lane lane;
	char path[128];

	create(fixture, NEW(""), path);
	begin_test(fixture, strcat(path, "/test"), "{\"event_type\":\"live.end\"}");
	assert_int_equal(store_claim_test(fixture->store, fixture->now_ms, NULL, &lane), 0);
	assert_non_null(strstr(lane.claims[0].body, "\"event\":\"live.end\""));
	finish_test(fixture, &lane.claims[0], ATTEMPT_DEAD, 0, "refused");
	assert_int_equal(look(fixture, false), 200);
	expect_bool(fixture, "delivered", false);
	expect_type(fixture, "status_code", JSON_NULL);
	expect_text(fixture, "error", "refused");
	store_claimed_lane_finish(&lane);
}

static void a_test_whose_time_is_up_is_not_called_delivered(void **state)
{
	struct admin_fixture *fixture = *state;
	char path[128];

	create(fixture, NEW(""), path);
	begin_test(fixture, strcat(path, "/test"), NULL);
	assert_int_equal(look(fixture, true), 200);
	expect_bool(fixture, "delivered", false);
	expect_text(fixture, "error", "timeout");
	expect_refused(fixture, "event_type", "POST", path, "{\"event_type\":\"live.gift\"}");
}

/* ---- status ---- */

/* call() with a status of the services. */
static void ask_about(struct admin_fixture *fixture, const char *path,
		      const struct service_status *status)
{
	struct admin_request request = { .method = "GET",
					 .path = path,
					 .settings = &fixture->settings,
					 .status = *status,
					 .now_ms = fixture->now_ms };
	struct admin_reply *reply = &fixture->reply;
	const struct route *route;

	reply_clear(reply);
	json_destroy(TAKE(fixture->answer));
	assert_int_equal(routes_find("GET", path, &request, reply, &route), 0);
	(void)!route_run(route, fixture->store, &request, reply);
	assert_int_equal(json_parse(reply->body.data, reply->body.length, &fixture->answer, NULL),
			 0);
	check_described(fixture, route);
}

static void the_status_has_what_the_contract_names(void **state)
{
	struct admin_fixture *fixture = *state;
	struct service_status status = { .started_at_ms = NOW_MS - 90500,
					 .poll = { .tier = "pro",
						   .policy = "learned",
						   .batch_size = 50,
						   .requests_per_minute = 300,
						   .requests_per_day = 75000,
						   .used_today = 75001,
						   .requests_this_hour = 2800,
						   .last_success_at_ms = NOW_MS,
						   .lag_seconds = 3 },
					 .dispatch.in_flight = 2 };

	ask_about(fixture, "/api/status", &status);
	expect_integer(fixture, "uptime_seconds", 90);
	expect_integer(fixture, "creators.live", 0);
	expect_text(fixture, "quota.tier", "pro");
	expect_integer(fixture, "quota.batch_size", 50);
	expect_integer(fixture, "quota.remaining_today", 0);
	expect_integer(fixture, "quota.this_hour", 2800);
	expect_text(fixture, "poll.last_success_at", "2026-06-18T13:00:00.000Z");
	expect_integer(fixture, "poll.lag_seconds", 3);
	expect_integer(fixture, "deliveries.in_flight", 2);
	expect_type(fixture, "oldest_due_at", JSON_NULL);
	expect_type(fixture, "detection_delay_seconds.p99", JSON_NULL);
}

static void what_is_not_known_yet_is_null(void **state)
{
	struct admin_fixture *fixture = *state;
	const struct service_status status = { .poll.policy = "uniform" };

	ask_about(fixture, "/api/status", &status);
	expect_type(fixture, "quota.tier", JSON_NULL);
	expect_type(fixture, "quota.requests_per_day", JSON_NULL);
	expect_type(fixture, "quota.remaining_today", JSON_NULL);
	expect_type(fixture, "poll.last_success_at", JSON_NULL);
}

static void it_is_ready_while_the_store_takes_writes_and_the_upstream_answers(void **state)
{
	static const struct {
		struct service_status status;
		const char *reason; /* NULL: ready */
	} cases[] = {
		{ { .poll = { .watched = 1 } }, NULL },
		{ { .poll = { .stale = true, .auth_refused = true, .key_missing = true } }, NULL },
		{ { .poll = { .watched = 1, .mass_flip_held = true } }, NULL },
		{ { .store_degraded = true }, "store_not_writable" },
		{ { .stopping = true }, "stopping" },
		{ { .poll = { .watched = 1, .stale = true } }, "upstream_not_answering" },
		{ { .poll = { .watched = 1, .auth_refused = true } }, "upstream_key_refused" },
		{ { .poll = { .watched = 1, .key_missing = true } }, "upstream_key_missing" },
	};
	struct admin_fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ask_about(fixture, "/readyz", &cases[i].status);
		assert_int_equal(fixture->reply.status, cases[i].reason ? 503 : 200);
		expect_bool(fixture, "ready", !cases[i].reason);
		expect_count(fixture, "reasons", cases[i].reason ? 1 : 0);
		if (cases[i].reason)
			expect_text(fixture, "reasons.0", cases[i].reason);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(a_new_webhook_shows_its_secret_this_once),
		TEST(credentials_are_never_shown),
		TEST(a_webhook_needs_a_target_and_event_types),
		TEST(nulls_in_a_new_webhook_are_as_if_not_given),
		TEST(targets_inside_are_refused_at_registration),
		TEST(allowed_targets_may_be_inside),
		TEST(values_that_are_not_acceptable_name_their_field),
		TEST(headers_of_the_daemon_cannot_be_replaced),
		TEST(texts_have_their_limits_in_characters),
		TEST(limits_that_are_reached_are_conflicts),
		TEST(lists_are_paged_newest_first),
		TEST(what_does_not_exist_is_not_found),
		TEST(a_change_keeps_what_it_does_not_name_and_clears_what_is_null),
		TEST(what_a_webhook_needs_cannot_be_cleared),
		TEST(a_change_of_nothing_changes_nothing),
		TEST(two_authorizations_cannot_be_brought_together_by_changes),
		TEST(a_deactivated_webhook_can_be_activated_again),
		TEST(a_removed_webhook_is_gone),
		TEST(every_change_is_in_the_audit_trail_without_secrets),
		TEST(a_rotated_secret_leaves_the_old_one_valid_for_a_day_or_as_said),
		TEST(the_sixth_valid_secret_is_a_conflict),
		TEST(a_test_answers_what_came_of_its_one_attempt),
		TEST(a_test_that_fails_says_why),
		TEST(a_test_whose_time_is_up_is_not_called_delivered),
		TEST(the_status_has_what_the_contract_names),
		TEST(what_is_not_known_yet_is_null),
		TEST(it_is_ready_while_the_store_takes_writes_and_the_upstream_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
