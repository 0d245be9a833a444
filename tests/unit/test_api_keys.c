#include "db/api_keys.h"

#include "base/limits.h"
#include "tests/unit/store_fixture.h"

#include <errno.h>

static void on_key(void *arg, const struct api_key *key)
{
	char digest[2 * SHA256_BYTES + 1];
	crypto_hex(key->digest, SHA256_BYTES, digest);
	strbuf_addf(arg, "%s %s %s %.4s %lld\n", key->id, key->name, api_scope_name(key->scope),
		    digest, (long long)key->last_used_at_ms);
}

static void keys_are_listed_newest_first(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id first, second;
	uint8_t a[SHA256_BYTES] = { 0xAA, 0xBB }, b[SHA256_BYTES] = { 0xCC, 0xDD };
	assert_ok(store_api_key_add(store, "one", API_SCOPE_READ, a, T0, first.text));
	assert_ok(store_api_key_add(store, "two", API_SCOPE_ADMIN, b, T0, second.text));
	assert_ok(store_api_key_used(store, first.text, T0 + 5));
	struct strbuf out;
	char expected[256];
	strbuf_init(&out, 4096);
	assert_ok(store_api_key_list(store, "", 10, on_key, &out));
	snprintf(expected, sizeof(expected), "%s two admin ccdd 0\n%s one read aabb %lld\n",
		 second.text, first.text, (long long)T0 + 5);
	assert_string_equal(out.data, expected);
	strbuf_clear(&out);
	assert_ok(store_api_key_list(store, second.text, 10, on_key, &out));
	assert_non_null(strstr(out.data, "one"));
	assert_null(strstr(out.data, "two"));
	strbuf_clear(&out);
	assert_ok(store_api_key_remove(store, first.text));
	assert_int_equal(store_api_key_remove(store, first.text), -ENOENT);
	assert_int_equal(store_api_key_used(store, first.text, T0), -ENOENT);
	strbuf_finish(&out);
}

static void there_are_no_more_keys_than_the_limit(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id id;
	for (int i = 0; i < LIMIT_API_KEYS; i++) {
		uint8_t digest[SHA256_BYTES] = { (uint8_t)i, (uint8_t)(i >> 8) };
		assert_ok(store_api_key_add(store, "n", API_SCOPE_READ, digest, T0, id.text));
	}
	uint8_t one_more[SHA256_BYTES] = { 0xFF, 0xFF };
	assert_int_equal(store_api_key_add(store, "n", API_SCOPE_READ, one_more, T0, id.text),
			 -EDQUOT);
}

static void on_entry(void *arg, const struct audit_entry *entry)
{
	assert_true(ulid_is_valid("aud_", entry->id));
	strbuf_addf(arg, "%lld %s %s %s %s\n", (long long)entry->at_ms, entry->actor, entry->action,
		    entry->subject, entry->detail ? entry->detail : "-");
}

static void the_audit_trail_tells_who_changed_what(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct strbuf out;
	char expected[256];
	strbuf_init(&out, 4096);
	assert_ok(store_audit_add(store, "admin.key", "webhook.create", "wh_1", NULL, T0));
	assert_ok(store_audit_add(store, "ops", "webhook.delete", "wh_1", "{\"a\":1}", T0 + 1));
	assert_ok(store_audit_list(store, "", 10, on_entry, &out));
	snprintf(expected, sizeof(expected),
		 "%lld ops webhook.delete wh_1 {\"a\":1}\n%lld admin.key webhook.create wh_1 -\n",
		 (long long)T0 + 1, (long long)T0);
	assert_string_equal(out.data, expected);
	strbuf_clear(&out);
	assert_ok(store_audit_list(store, "", 1, on_entry, &out));
	assert_null(strstr(out.data, "webhook.create"));
	strbuf_finish(&out);
}

static void a_repeated_request_finds_its_answer(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	char body[] = "{\"id\":\"wh_1\"}";
	struct idempotent_answer answer = { .request_digest = { 1, 2, 3 },
					    .status = 201,
					    .body = body,
					    .body_length = strlen(body) };
	struct idempotent_answer found;
	assert_int_equal(store_idempotency_find(store, "key_a", "k", &found), -ENOENT);
	assert_ok(store_idempotency_add(store, "key_a", "k", &answer, T0));
	assert_ok(store_idempotency_find(store, "key_a", "k", &found));
	assert_int_equal(found.status, 201);
	assert_int_equal(found.body_length, strlen(body));
	assert_string_equal(found.body, body);
	assert_memory_equal(found.request_digest, answer.request_digest, SHA256_BYTES);
	free(found.body);
	/* The keys of different clients do not meet. */
	assert_int_equal(store_idempotency_find(store, "key_b", "k", &found), -ENOENT);
	assert_int_equal(store_idempotency_add(store, "key_a", "k", &answer, T0), -EEXIST);
}

static void an_answer_may_be_empty(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct idempotent_answer answer = { .status = 204 }, found;
	assert_ok(store_idempotency_add(store, "key_a", "k", &answer, T0));
	assert_ok(store_idempotency_find(store, "key_a", "k", &found));
	assert_int_equal(found.body_length, 0);
	free(found.body);
}

static void names_of_scopes_are_those_of_the_api(void **state)
{
	(void)state;
	enum api_scope scope;
	assert_true(api_scope_parse("admin", &scope));
	assert_int_equal(scope, API_SCOPE_ADMIN);
	assert_true(api_scope_parse("read", &scope));
	assert_int_equal(scope, API_SCOPE_READ);
	assert_false(api_scope_parse("Read", &scope));
}

#define IN_A_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_STORE(keys_are_listed_newest_first),
		IN_A_STORE(there_are_no_more_keys_than_the_limit),
		IN_A_STORE(the_audit_trail_tells_who_changed_what),
		IN_A_STORE(a_repeated_request_finds_its_answer),
		IN_A_STORE(an_answer_may_be_empty),
		cmocka_unit_test(names_of_scopes_are_those_of_the_api),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
