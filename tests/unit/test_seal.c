#include "tests/unit/store_fixture.h"

#include "base/file.h"
#include "db/api_keys.h"
#include "db/migrate.h"
#include "db/sql.h"

#include <errno.h>
#include <fcntl.h>

static const char secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
static const char token[] = "token-that-nobody-may-read";
static const char headers[] = "{\"X-Api\":\"header-that-nobody-may-read\"}";
static const char answer[] = "{\"secret\":\"answer-that-nobody-may-read\"}";

/* ---- steps ---- */

static void file_beside(const struct fixture *fixture, const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", fixture->directory, name);
}

static struct text_id add_secretive_webhook(struct store *store)
{
	struct text_id id;
	struct webhook webhook = { .target_url = "https://example.com/hook",
				   .event_types = EVENT_TYPES_ALL,
				   .bearer_token = token,
				   .extra_headers = headers,
				   .active = true };
	assert_ok(store_webhook_add(store, &webhook, secret, 0, T0, id.text));
	struct idempotent_answer kept = { .status = 201,
					  .body = (char *)answer,
					  .body_length = strlen(answer) };
	assert_ok(store_idempotency_add(store, "key_1", "again", &kept, T0));
	return id;
}

/* All that was kept is what the dispatcher and a retry of the client get. */
static void assert_readable(struct store *store, const char *webhook_id)
{
	struct text_id event;
	static int64_t now_ms = INT64_C(1781784000000);
	now_ms += 60000;
	watch(store, "ann");
	event = add_start(store, "ann", now_ms);
	assert_int_equal(enqueue(store, event.text, now_ms), 1);
	struct claimed_lane lane = claim(store, webhook_id, 1, now_ms);
	assert_int_equal(lane.claim_count, 1);
	assert_int_equal(lane.endpoint.secret_count, 1);
	assert_string_equal(lane.endpoint.secrets[0], secret);
	assert_string_equal(lane.endpoint.bearer_token, token);
	assert_string_equal(lane.endpoint.extra_headers, headers);
	finish(store, &lane.claims[0], ATTEMPT_DELIVERED, 0, now_ms);
	store_claimed_lane_finish(&lane);
	struct idempotent_answer kept;
	assert_ok(store_idempotency_find(store, "key_1", "again", &kept));
	assert_int_equal(kept.body_length, strlen(answer));
	assert_memory_equal(kept.body, answer, strlen(answer));
	free(kept.body);
	add_end(store, "ann", now_ms + 1);
}

static void assert_nothing_readable(const struct fixture *fixture)
{
	static const char *const secrets[] = { "whsec_", "nobody-may-read" };
	static const char *const names[] = { "golived.db", "golived.db-wal" };
	for (size_t i = 0; i < ARRAY_SIZE(secrets) * ARRAY_SIZE(names); i++) {
		char path[128];
		file_beside(fixture, names[i / 2], path);
		if (file_holds(path, secrets[i % 2]))
			fail_msg("%s holds \"%s\"", path, secrets[i % 2]);
	}
}

static void close_store(struct fixture *fixture)
{
	assert_ok(store_commit(fixture->store));
	store_close(fixture->store);
	fixture->store = NULL;
}

static void open_again(struct fixture *fixture)
{
	fixture->store = open_store(fixture->path, STORE_WRITER);
	assert_ok(store_begin(fixture->store));
}

static void expect_refusal(const struct fixture *fixture, int error, const char *phrase)
{
	struct store *store;
	CLEANUP(strbuf_finish) struct strbuf why;
	strbuf_init(&why, 1024);
	int r = store_open(fixture->path, STORE_WRITER, SYNCHRONOUS_NORMAL, &why, &store);
	if (r != error)
		fail_msg("expected %s, got %s: %s", strerror(-error), strerror(-r), why.data);
	if (!strstr(why.data, fixture->path) || !strstr(why.data, phrase))
		fail_msg("expected the path and \"%s\" in: %s", phrase, why.data);
}

static void rekey(const struct fixture *fixture)
{
	CLEANUP(strbuf_finish) struct strbuf why;
	strbuf_init(&why, 1024);
	if (store_rekey(fixture->path, &why) < 0)
		fail_msg("store_rekey: %s", why.data);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void use_credential(const struct fixture *fixture, char digit)
{
	char path[128], key[66];
	memset(key, digit, 64);
	memcpy(key + 64, "\n", 2);
	file_beside(fixture, "store-key", path);
	write_file(path, key);
	setenv("CREDENTIALS_DIRECTORY", fixture->directory, 1);
}

/* ---- at rest ---- */

static void nothing_secret_is_in_the_files(void **state)
{
	struct fixture *fixture = *state;
	struct text_id id = add_secretive_webhook(fixture->store);
	assert_ok(store_commit(fixture->store));
	assert_nothing_readable(fixture); /* in the WAL */
	assert_ok(store_begin(fixture->store));
	reopen(fixture);
	assert_nothing_readable(fixture); /* in the database */
	assert_readable(fixture->store, id.text);
}

static void the_key_is_made_once_and_nobody_elses(void **state)
{
	struct fixture *fixture = *state;
	char path[128];
	struct stat before, after;
	file_beside(fixture, "secret.key", path);
	assert_ok(stat(path, &before));
	assert_int_equal(before.st_mode & 0777, 0600);
	assert_int_equal(before.st_size, 65);
	reopen(fixture);
	assert_ok(stat(path, &after));
	assert_int_equal(before.st_ino, after.st_ino);
}

static void a_webhook_may_be_without_any_and_get_them_later(void **state)
{
	struct fixture *fixture = *state;
	struct text_id id = add_webhook(fixture->store, NULL);
	struct webhook shown = show_webhook(fixture->store, id.text, T0);
	assert_null(shown.bearer_token);
	assert_null(shown.extra_headers);
	struct webhook change = { .bearer_token = token, .extra_headers = "" };
	assert_ok(store_webhook_change(fixture->store, id.text, &change,
				       WEBHOOK_BEARER_TOKEN | WEBHOOK_EXTRA_HEADERS, T0));
	shown = show_webhook(fixture->store, id.text, T0);
	assert_non_null(shown.bearer_token);
	assert_non_null(shown.extra_headers);
}

static void what_is_moved_to_another_row_cannot_be_opened(void **state)
{
	struct fixture *fixture = *state;
	struct sql *sql;
	struct text_id id = add_secretive_webhook(fixture->store), other;
	other = add_webhook(fixture->store, NULL);
	close_store(fixture);
	assert_ok(sql_open(fixture->path, true, &sql));
	assert_ok(sql_script(sql, "UPDATE webhooks SET sealed_bearer_token ="
				  " (SELECT sealed_bearer_token FROM webhooks"
				  "  WHERE sealed_bearer_token IS NOT NULL)"));
	sql_close(sql);
	open_again(fixture);
	struct webhook shown;
	assert_ok(store_webhook_show(fixture->store, id.text, T0, on_shown_webhook, &shown));
	assert_int_equal(
		store_webhook_show(fixture->store, other.text, T0, on_shown_webhook, &shown),
		-EBADMSG);
}

static void a_reader_without_the_key_copies_but_reads_no_secret(void **state)
{
	struct fixture *fixture = *state;
	char key[128], away[128], copy[128];
	struct text_id id = add_secretive_webhook(fixture->store);
	assert_ok(store_commit(fixture->store));
	file_beside(fixture, "secret.key", key);
	file_beside(fixture, "away", away);
	file_beside(fixture, "copy.db", copy);
	assert_ok(rename(key, away));
	struct store *reader = open_store(fixture->path, STORE_READER);
	assert_ok(store_backup(reader, copy));
	assert_ok(store_begin(reader));
	struct webhook shown;
	assert_int_equal(store_webhook_show(reader, id.text, T0, on_shown_webhook, &shown),
			 -EACCES);
	store_close(reader);
	assert_false(file_holds(copy, "nobody-may-read"));
	assert_ok(store_begin(fixture->store));
}

/* ---- the key ---- */

static void without_its_key_the_database_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char key[128], away[128];
	close_store(fixture);
	file_beside(fixture, "secret.key", key);
	file_beside(fixture, "away", away);
	assert_ok(rename(key, away));
	expect_refusal(fixture, -ENOKEY, "put back");
	assert_int_equal(access(key, F_OK), -1); /* none is made in its place */
	assert_ok(rename(away, key));
	open_again(fixture);
}

static void another_key_is_refused(void **state)
{
	struct fixture *fixture = *state;
	close_store(fixture);
	use_credential(fixture, 'a');
	expect_refusal(fixture, -EKEYREJECTED, "another key");
	unsetenv("CREDENTIALS_DIRECTORY");
	open_again(fixture);
}

static void what_is_no_key_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char path[128];
	close_store(fixture);
	file_beside(fixture, "secret.key", path);
	static const char *const bad[] = { "", "abc\n", "zz", "\n" };
	struct strbuf why;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct store *store;
		write_file(path, bad[i]);
		strbuf_init(&why, 1024);
		assert_int_equal(
			store_open(fixture->path, STORE_WRITER, SYNCHRONOUS_NORMAL, &why, &store),
			-EINVAL);
		assert_non_null(strstr(why.data, "holds no key"));
		strbuf_finish(&why);
	}
}

static void a_new_key_opens_everything_and_the_old_one_is_kept(void **state)
{
	struct fixture *fixture = *state;
	char key[128], former[128];
	struct text_id id = add_secretive_webhook(fixture->store);
	close_store(fixture);
	file_beside(fixture, "secret.key", key);
	file_beside(fixture, "secret.key.old", former);
	char *before, *after, *kept;
	size_t length;
	assert_ok(file_read(key, 100, &before, &length));
	rekey(fixture);
	assert_ok(file_read(key, 100, &after, &length));
	assert_ok(file_read(former, 100, &kept, &length));
	assert_string_not_equal(before, after);
	assert_string_equal(before, kept);
	free(before);
	free(after);
	free(kept);
	open_again(fixture);
	assert_readable(fixture->store, id.text);
	assert_nothing_readable(fixture);
}

static void keys_are_not_changed_under_a_daemon(void **state)
{
	struct fixture *fixture = *state;
	CLEANUP(strbuf_finish) struct strbuf why;
	strbuf_init(&why, 1024);
	assert_int_equal(store_rekey(fixture->path, &why), -EBUSY);
	assert_non_null(strstr(why.data, "in use"));
}

/* The process ended between the commit and the renaming of the files. */
static void a_change_of_keys_that_was_interrupted_is_finished(void **state)
{
	struct fixture *fixture = *state;
	char key[128], coming[128], former[128];
	file_beside(fixture, "secret.key", key);
	file_beside(fixture, "secret.key.new", coming);
	file_beside(fixture, "secret.key.old", former);
	struct text_id id = add_secretive_webhook(fixture->store);
	close_store(fixture);
	for (int old_is_there = 0; old_is_there < 2; old_is_there++) {
		rekey(fixture);
		assert_ok(rename(key, coming));
		if (old_is_there)
			assert_ok(rename(former, key));
		open_again(fixture);
		assert_readable(fixture->store, id.text);
		assert_int_equal(access(coming, F_OK), -1);
		close_store(fixture);
	}
	open_again(fixture);
}

static void a_credential_becomes_the_key_and_wins_from_then_on(void **state)
{
	struct fixture *fixture = *state;
	char key[128];
	struct text_id id = add_secretive_webhook(fixture->store);
	close_store(fixture);
	use_credential(fixture, 'b');
	rekey(fixture);
	file_beside(fixture, "secret.key", key);
	assert_int_equal(access(key, F_OK), -1);
	open_again(fixture);
	assert_readable(fixture->store, id.text);
	close_store(fixture);

	CLEANUP(strbuf_finish) struct strbuf why;
	strbuf_init(&why, 1024);
	assert_int_equal(store_rekey(fixture->path, &why), -EINVAL);
	assert_non_null(strstr(why.data, "put the new one into the credential"));
	unsetenv("CREDENTIALS_DIRECTORY");
	expect_refusal(fixture, -ENOKEY, "store-key");
}

/* ---- before version 2 ---- */

static void secrets_of_a_version_that_kept_them_readable_are_sealed(void **state)
{
	struct fixture *fixture = *state;
	struct sql *sql;
	close_store(fixture);
	assert_ok(unlink(fixture->path));
	int fd = open(fixture->path, O_RDWR | O_CREAT, 0600);
	close(fd);
	assert_ok(sql_open(fixture->path, true, &sql));
	assert_ok(sql_script(sql, migrations[0].sql));
	char script[2048];
	snprintf(
		script, sizeof(script),
		"INSERT INTO webhooks (key, id, target_url, event_types, watches_all, bearer_token,"
		" extra_headers, rate_limit, is_active, created_at_ms)"
		" VALUES (1, 'wh_old', 'https://example.com', 3, 1, '%s', '%s', 0, 1, 1);"
		"INSERT INTO webhook_health (webhook_key) VALUES (1);"
		"INSERT INTO webhook_secrets (webhook_key, secret) VALUES (1, '%s');"
		"INSERT INTO idempotency (scope, name, request_digest, status, body, created_at_ms)"
		" VALUES ('key_1', 'again', x'00', 201, CAST('%s' AS BLOB), 1);"
		"CREATE TABLE waste (text TEXT) STRICT; INSERT INTO waste VALUES ('%s');"
		"DROP TABLE waste; PRAGMA user_version = 1",
		token, headers, secret, answer, secret);
	assert_ok(sql_script(sql, script));
	sql_close(sql);
	assert_true(file_holds(fixture->path, secret));
	open_again(fixture);
	assert_nothing_readable(fixture);
	assert_readable(fixture->store, "wh_old");
}

#define IN_A_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down_seal)

static int tear_down_seal(void **state)
{
	unsetenv("CREDENTIALS_DIRECTORY");
	return tear_down(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_STORE(nothing_secret_is_in_the_files),
		IN_A_STORE(the_key_is_made_once_and_nobody_elses),
		IN_A_STORE(a_webhook_may_be_without_any_and_get_them_later),
		IN_A_STORE(what_is_moved_to_another_row_cannot_be_opened),
		IN_A_STORE(a_reader_without_the_key_copies_but_reads_no_secret),
		IN_A_STORE(without_its_key_the_database_is_refused),
		IN_A_STORE(another_key_is_refused),
		IN_A_STORE(what_is_no_key_is_refused),
		IN_A_STORE(a_new_key_opens_everything_and_the_old_one_is_kept),
		IN_A_STORE(keys_are_not_changed_under_a_daemon),
		IN_A_STORE(a_change_of_keys_that_was_interrupted_is_finished),
		IN_A_STORE(a_credential_becomes_the_key_and_wins_from_then_on),
		IN_A_STORE(secrets_of_a_version_that_kept_them_readable_are_sealed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
