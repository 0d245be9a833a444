#include "admin_fixture.h"

#include "base/crypto.h"
#include "db/api_keys.h"

static void take_digest(void *arg, const struct api_key *key)
{
	memcpy(arg, key->digest, SHA256_BYTES);
}

static void a_key_is_shown_once_and_kept_as_its_digest(void **state)
{
	struct admin_fixture *fixture = *state;
	uint8_t expected[SHA256_BYTES], stored[SHA256_BYTES];
	char key[128], id[ID_TEXT_SIZE], target[128];

	expect(fixture, 201, "POST", "/api/keys",
	       "{\"name\":\"dash \\\"1\\\"\",\"scope\":\"read\"}");
	assert_int_equal(fixture->reply.effects, EFFECT_KEYS_CHANGED);
	expect_text(fixture, "name", "dash \"1\"");
	expect_text(fixture, "scope", "read");
	snprintf(key, sizeof(key), "%s", json_string(answer_at(fixture, "key")));
	snprintf(id, sizeof(id), "%s", json_string(answer_at(fixture, "id")));
	assert_int_equal(strlen(key), 4 + 64);
	assert_memory_equal(key, "glk_", 4);
	crypto_sha256(key, strlen(key), expected);
	assert_int_equal(store_api_key_list(fixture->store, "", 1, take_digest, stored), 0);
	assert_memory_equal(stored, expected, SHA256_BYTES);

	expect(fixture, 200, "GET", "/api/keys", NULL);
	assert_null(strstr(fixture->reply.body.data, key));
	expect_text(fixture, "keys.0.id", id);
	expect_type(fixture, "keys.0.last_used_at", JSON_NULL);

	snprintf(target, sizeof(target), "/api/keys/%s", id);
	expect(fixture, 204, "DELETE", target, NULL);
	assert_int_equal(fixture->reply.effects, EFFECT_KEYS_CHANGED);
	expect(fixture, 404, "DELETE", target, NULL);
	expect(fixture, 200, "GET", "/api/audit", NULL);
	assert_null(strstr(fixture->reply.body.data, key));
	expect_text(fixture, "audit.0.action", "key.delete");
	expect_text(fixture, "audit.1.action", "key.create");
	expect_text(fixture, "audit.1.subject", id);
	expect_text(fixture, "audit.1.detail.name", "dash \"1\"");
}

static void two_keys_are_never_the_same(void **state)
{
	struct admin_fixture *fixture = *state;
	char first[128];

	expect(fixture, 201, "POST", "/api/keys", "{\"name\":\"a\",\"scope\":\"admin\"}");
	snprintf(first, sizeof(first), "%s", json_string(answer_at(fixture, "key")));
	expect(fixture, 201, "POST", "/api/keys", "{\"name\":\"a\",\"scope\":\"admin\"}");
	assert_string_not_equal(json_string(answer_at(fixture, "key")), first);
	expect(fixture, 200, "GET", "/api/keys?limit=1", NULL);
	expect_count(fixture, "keys", 1);
	expect_type(fixture, "next_cursor", JSON_STRING);
}

static void what_is_not_acceptable_is_named(void **state)
{
	struct admin_fixture *fixture = *state;

	expect(fixture, 400, "POST", "/api/keys", NULL);
	expect_refused(fixture, "name", "POST", "/api/keys", "{}");
	expect_refused(fixture, "name", "POST", "/api/keys", "{\"scope\":\"read\"}");
	expect_refused(fixture, "name", "POST", "/api/keys", "{\"name\":\"\",\"scope\":\"read\"}");
	expect_refused(fixture, "scope", "POST", "/api/keys", "{\"name\":\"a\"}");
	expect_refused(fixture, "scope", "POST", "/api/keys",
		       "{\"name\":\"a\",\"scope\":\"root\"}");
	expect(fixture, 400, "POST", "/api/keys",
	       "{\"name\":\"a\",\"scope\":\"read\",\"key\":\"x\"}");
	assert_int_equal(fixture->reply.effects, 0);
	expect(fixture, 200, "GET", "/api/keys", NULL);
	expect_count(fixture, "keys", 0);
}

static void there_is_a_limit_to_how_many_there_are(void **state)
{
	struct admin_fixture *fixture = *state;
	uint8_t digest[SHA256_BYTES] = { 0 };
	char id[ID_TEXT_SIZE];

	for (unsigned i = 0; i < LIMIT_API_KEYS; i++) {
		memcpy(digest, &i, sizeof(i));
		assert_int_equal(store_api_key_add(fixture->store, "a", API_SCOPE_READ, digest,
						   fixture->now_ms, id),
				 0);
	}
	expect(fixture, 409, "POST", "/api/keys", "{\"name\":\"a\",\"scope\":\"read\"}");
	assert_int_equal(store_api_key_remove(fixture->store, id), 0);
	expect(fixture, 201, "POST", "/api/keys", "{\"name\":\"a\",\"scope\":\"read\"}");
}

static void the_audit_trail_comes_in_pages_newest_first(void **state)
{
	struct admin_fixture *fixture = *state;
	char target[256];

	expect(fixture, 201, "POST", "/api/keys", "{\"name\":\"a\",\"scope\":\"read\"}");
	expect(fixture, 201, "PUT", "/api/watchlists/a", "{\"creators\":[]}");
	expect(fixture, 200, "GET", "/api/audit?limit=1", NULL);
	expect_count(fixture, "audit", 1);
	expect_text(fixture, "audit.0.action", "watchlist.put");
	expect_text(fixture, "audit.0.at", "2026-06-18T13:00:00.000Z");
	snprintf(target, sizeof(target), "/api/audit?cursor=%s",
		 json_string(answer_at(fixture, "next_cursor")));
	expect(fixture, 200, "GET", target, NULL);
	expect_count(fixture, "audit", 1);
	expect_text(fixture, "audit.0.action", "key.create");
	expect_type(fixture, "next_cursor", JSON_NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, admin_set_up, admin_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_is_shown_once_and_kept_as_its_digest),
		TEST(two_keys_are_never_the_same),
		TEST(what_is_not_acceptable_is_named),
		TEST(there_is_a_limit_to_how_many_there_are),
		TEST(the_audit_trail_comes_in_pages_newest_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
