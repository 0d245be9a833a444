/* auth: keys from files and from the store, and who tries too many wrong ones. */
#include "admin/auth.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "db/api_keys.h"
#include "db/store.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct scene {
	struct auth *auth;
	char folder[64], database[96], key_file[96], admin_key[96];
	struct strbuf why;
};

static int set_up(void **state)
{
	static struct scene scene;

	scene = (struct scene){ .folder = "/tmp/test_auth.XXXXXX" };
	assert_non_null(mkdtemp(scene.folder));
	snprintf(scene.database, sizeof(scene.database), "%s/golived.db", scene.folder);
	snprintf(scene.key_file, sizeof(scene.key_file), "%s/keys", scene.folder);
	snprintf(scene.admin_key, sizeof(scene.admin_key), "%s/admin.key", scene.folder);
	scene.auth = auth_create();
	strbuf_init(&scene.why, 4096);
	*state = &scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;
	char command[128];

	auth_destroy(scene->auth);
	strbuf_finish(&scene->why);
	snprintf(command, sizeof(command), "rm -r %s", scene->folder);
	return system(command);
}

static void write_keys(struct scene *scene, const char *text)
{
	FILE *file = fopen(scene->key_file, "w");

	fputs(text, file);
	fclose(file);
}

static enum auth_verdict check_at(struct scene *scene, const char *key, int64_t now_ms)
{
	const struct admin_caller *caller;
	int64_t wait_s;

	return auth_check(scene->auth, "192.0.2.1", key, NULL, now_ms, &caller, &wait_s);
}

static enum auth_verdict check(struct scene *scene, const char *key)
{
	return check_at(scene, key, 0);
}

static void a_file_gives_keys_with_scopes_and_line_numbers(void **state)
{
	struct scene *scene = *state;
	const struct admin_caller *caller = NULL;
	int64_t wait_s;

	write_keys(scene, "# ours\n\nadmin  first-key\r\n\tread\tsecond\nread last");
	assert_int_equal(auth_load_file(scene->auth, scene->key_file, &scene->why), 0);
	assert_int_equal(auth_check(scene->auth, "a", "first-key", NULL, 0, &caller, &wait_s),
			 AUTH_GOOD);
	assert_int_equal(caller->scope, API_SCOPE_ADMIN);
	assert_string_equal(caller->id, "api_key_file:3");
	assert_int_equal(auth_check(scene->auth, "a", "last", NULL, 0, &caller, &wait_s),
			 AUTH_GOOD);
	assert_int_equal(caller->scope, API_SCOPE_READ);
	assert_int_equal(check(scene, "first-ke"), AUTH_BAD);
	assert_int_equal(check(scene, ""), AUTH_BAD);
	assert_int_equal(check(scene, NULL), AUTH_MISSING);
}

static void a_bearer_token_is_as_good_and_x_api_key_comes_first(void **state)
{
	struct scene *scene = *state;
	const struct admin_caller *caller;
	int64_t wait_s;

	write_keys(scene, "admin k\n");
	assert_int_equal(auth_load_file(scene->auth, scene->key_file, &scene->why), 0);
	assert_int_equal(auth_check(scene->auth, "a", NULL, "bearer k", 0, &caller, &wait_s),
			 AUTH_GOOD);
	assert_int_equal(auth_check(scene->auth, "a", "x", "Bearer k", 0, &caller, &wait_s),
			 AUTH_BAD);
	assert_int_equal(auth_check(scene->auth, "a", NULL, "Basic k", 0, &caller, &wait_s),
			 AUTH_MISSING);
}

static void a_mistake_in_the_file_keeps_the_old_keys_and_tells_no_key(void **state)
{
	static const char *const texts[] = { "",
					     "# none\n",
					     "root s3cret\n",
					     "admin\n",
					     "admin s3cret more\n",
					     "admin s3cr\xc3\xa9t\n" };
	struct scene *scene = *state;

	write_keys(scene, "admin old\n");
	assert_int_equal(auth_load_file(scene->auth, scene->key_file, &scene->why), 0);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		write_keys(scene, texts[i]);
		strbuf_clear(&scene->why);
		if (auth_load_file(scene->auth, scene->key_file, &scene->why) != -EINVAL)
			fail_msg("\"%s\" was taken", texts[i]);
		assert_non_null(strstr(scene->why.data, scene->key_file));
		assert_null(strstr(scene->why.data, "s3cr"));
		assert_int_equal(check(scene, "old"), AUTH_GOOD);
	}
	unlink(scene->key_file);
	assert_int_equal(auth_load_file(scene->auth, scene->key_file, &scene->why), -ENOENT);
	assert_int_equal(check(scene, "old"), AUTH_GOOD);
}

static void read_admin_key(struct scene *scene, char key[128])
{
	FILE *file = fopen(scene->admin_key, "r");

	assert_non_null(file);
	assert_non_null(fgets(key, 128, file));
	assert_int_equal(fgetc(file), EOF);
	fclose(file);
	assert_int_equal(key[strlen(key) - 1], '\n');
	key[strlen(key) - 1] = '\0';
}

static void an_admin_key_is_made_once_alone_on_its_line_and_for_its_owner_only(void **state)
{
	struct scene *scene = *state;
	struct stat status;
	char first[128], second[128];

	umask(0);
	assert_int_equal(auth_load_own(scene->auth, scene->database, &scene->why), 0);
	umask(022);
	assert_int_equal(stat(scene->admin_key, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	read_admin_key(scene, first);
	assert_true(strlen(first) >= 32);
	assert_int_equal(check(scene, first), AUTH_GOOD);

	assert_int_equal(auth_load_own(scene->auth, scene->database, &scene->why), 0);
	read_admin_key(scene, second);
	assert_string_equal(first, second);
}

static void an_empty_admin_key_is_no_key(void **state)
{
	struct scene *scene = *state;

	close(open(scene->admin_key, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(auth_load_own(scene->auth, scene->database, &scene->why), -EINVAL);
	assert_non_null(strstr(scene->why.data, "admin.key"));
}

static void a_folder_that_cannot_be_written_is_told(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(auth_load_own(scene->auth, "/no/such/folder/golived.db", &scene->why),
			 -ENOENT);
	assert_non_null(strstr(scene->why.data, "/no/such/folder/admin.key"));
}

static void the_21st_wrong_key_of_a_minute_is_told_to_wait_and_a_good_one_is_served(void **state)
{
	struct scene *scene = *state;
	const struct admin_caller *caller;
	int64_t wait_s = 0;

	write_keys(scene, "admin good\n");
	assert_int_equal(auth_load_file(scene->auth, scene->key_file, &scene->why), 0);
	for (int i = 0; i < LIMIT_BAD_KEYS_PER_MINUTE; i++)
		assert_int_equal(check_at(scene, "bad", 1000 + i), AUTH_BAD);
	assert_int_equal(auth_check(scene->auth, "192.0.2.1", "bad", NULL, 31000, &caller, &wait_s),
			 AUTH_TOO_MANY);
	assert_int_equal(wait_s, 30);
	assert_int_equal(check_at(scene, "good", 31000), AUTH_GOOD);
	assert_int_equal(check_at(scene, NULL, 31000), AUTH_MISSING);
	assert_int_equal(auth_check(scene->auth, "192.0.2.2", "bad", NULL, 31000, &caller, &wait_s),
			 AUTH_BAD);
	assert_int_equal(check_at(scene, "bad", 61000), AUTH_BAD);
}

static void very_many_addresses_do_not_grow_the_memory_and_are_all_refused(void **state)
{
	struct scene *scene = *state;
	const struct admin_caller *caller;
	int64_t wait_s;

	for (int i = 0; i < 5000; i++) {
		char address[32];
		snprintf(address, sizeof(address), "198.51.100.%d", i);
		assert_int_equal(auth_check(scene->auth, address, "bad", NULL, i, &caller, &wait_s),
				 AUTH_BAD);
	}
}

static void keys_of_the_store_are_taken_over_and_their_use_is_noted_once_a_minute(void **state)
{
	struct scene *scene = *state;
	const struct admin_caller *caller = NULL;
	struct auth_stored *stored = NULL;
	struct store *store;
	uint8_t digest[SHA256_BYTES];
	char id[ID_TEXT_SIZE];
	int64_t wait_s;

	assert_int_equal(
		store_open(scene->database, STORE_WRITER, SYNCHRONOUS_NORMAL, &scene->why, &store),
		0);
	assert_int_equal(store_begin(store), 0);
	crypto_sha256("k", 1, digest);
	assert_int_equal(store_api_key_add(store, "ci", API_SCOPE_READ, digest, 1000, id), 0);
	assert_int_equal(auth_read_stored(store, &stored), 0);
	auth_take_stored(scene->auth, stored);
	assert_int_equal(auth_check(scene->auth, "a", "k", NULL, 0, &caller, &wait_s), AUTH_GOOD);
	assert_string_equal(caller->id, id);
	assert_string_equal(caller->name, "ci");
	assert_int_equal(caller->scope, API_SCOPE_READ);
	assert_true(auth_use_is_due(scene->auth, caller, 100000));
	assert_false(auth_use_is_due(scene->auth, caller, 159999));
	assert_true(auth_use_is_due(scene->auth, caller, 160000));

	assert_int_equal(store_api_key_remove(store, id), 0);
	assert_int_equal(auth_read_stored(store, &stored), 0);
	auth_take_stored(scene->auth, stored);
	assert_int_equal(check(scene, "k"), AUTH_BAD);
	store_rollback(store);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(a_file_gives_keys_with_scopes_and_line_numbers),
		TEST(a_bearer_token_is_as_good_and_x_api_key_comes_first),
		TEST(a_mistake_in_the_file_keeps_the_old_keys_and_tells_no_key),
		TEST(an_admin_key_is_made_once_alone_on_its_line_and_for_its_owner_only),
		TEST(an_empty_admin_key_is_no_key),
		TEST(a_folder_that_cannot_be_written_is_told),
		TEST(the_21st_wrong_key_of_a_minute_is_told_to_wait_and_a_good_one_is_served),
		TEST(very_many_addresses_do_not_grow_the_memory_and_are_all_refused),
		TEST(keys_of_the_store_are_taken_over_and_their_use_is_noted_once_a_minute),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
