#include "ctl/access.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void expect_url(const char *listen, const char *expected)
{
	char *url = access_url_of_listen(listen);

	assert_string_equal(url, expected);
	free(url);
}

static void the_address_that_the_daemon_listens_at_becomes_a_url(void **state)
{
	(void)state;
	expect_url("127.0.0.1:8787", "http://127.0.0.1:8787");
	expect_url("[::1]:8787", "http://[::1]:8787");
	expect_url("unix:/run/golived/api", "unix:/run/golived/api");
}

static void an_address_for_all_is_reached_on_this_machine(void **state)
{
	(void)state;
	expect_url("0.0.0.0:80", "http://127.0.0.1:80");
	expect_url("[::]:80", "http://[::1]:80");
}

static void only_this_machine_is_local(void **state)
{
	(void)state;
	assert_true(access_is_local("unix:/run/api"));
	assert_true(access_is_local("http://127.0.0.1:8787"));
	assert_true(access_is_local("http://localhost"));
	assert_true(access_is_local("http://[::1]:8787/x"));
	assert_false(access_is_local("http://127.0.0.1.example.com"));
	assert_false(access_is_local("http://localhost.example.com:8787"));
	assert_false(access_is_local("http://127.0.0.1@evil.example"));
	assert_false(access_is_local("http://golived.example"));
}

static void expect_key(const char *text, const char *expected)
{
	char *key = access_pick_key(text);

	if (expected == NULL)
		assert_null(key);
	else
		assert_string_equal(key, expected);
	free(key);
}

static void the_first_key_with_the_scope_admin_is_taken(void **state)
{
	(void)state;
	expect_key("read AAA\nadmin BBB\nadmin CCC\n", "BBB");
	expect_key("# admin CCC\n\n  admin\tBBB \r\n", "BBB");
	expect_key("read AAA\nread BBB", "AAA");
}

static void a_key_alone_on_its_line_is_an_admin_key(void **state)
{
	(void)state;
	expect_key("DDD\n", "DDD");
	expect_key("read AAA\nDDD\n", "DDD");
}

static void a_file_without_a_key_has_none(void **state)
{
	(void)state;
	expect_key("", NULL);
	expect_key("# nothing\n\n  \n", NULL);
}

struct fixture {
	char path[64];
	struct strbuf why;
	struct access access;
};

static int set_up(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){ .path = "/tmp/golivectl-key-XXXXXX" };
	strbuf_init(&fixture.why, 100000);
	int file = mkstemp(fixture.path);
	assert_int_equal(write(file, "admin SECRET\n", 13), 13);
	close(file);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	unlink(fixture->path);
	access_finish(&fixture->access);
	strbuf_finish(&fixture->why);
	return 0;
}

static void what_is_said_is_taken(void **state)
{
	struct fixture *fixture = *state;
	struct access_hints hints = { .url = "https://golived.example/",
				      .key_file = fixture->path,
				      .key = "OTHER" };

	assert_int_equal(access_find(&hints, &fixture->why, &fixture->access), 0);
	assert_string_equal(fixture->access.url, "https://golived.example");
	assert_string_equal(fixture->access.key, "SECRET");
}

/* A configuration whose admin.api_key_file is the fixture's. */
static void write_config(const struct fixture *fixture, char path[64])
{
	strcpy(path, "/tmp/golivectl-conf-XXXXXX");
	FILE *file = fdopen(mkstemp(path), "w");
	(void)fprintf(file, "[admin]\nlisten = unix:/run/golived/api\napi_key_file = %s\n",
		      fixture->path);
	(void)fclose(file);
}

static void this_machines_key_is_not_sent_elsewhere(void **state)
{
	struct fixture *fixture = *state;
	char config[64];
	struct access_hints hints = { .url = "https://golived.example", .config_path = config };

	write_config(fixture, config);
	int result = access_find(&hints, &fixture->why, &fixture->access);
	hints.url = "http://localhost:1234";
	int local_result = access_find(&hints, &fixture->why, &fixture->access);
	unlink(config);
	assert_int_equal(result, -EINVAL);
	assert_non_null(strstr(fixture->why.data, "--key-file"));
	assert_int_equal(local_result, 0);
	assert_string_equal(fixture->access.key, "SECRET");
}

static void what_is_no_url_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct access_hints hints = { .url = "golived.example", .key = "K" };

	assert_int_equal(access_find(&hints, &fixture->why, &fixture->access), -EINVAL);
	assert_non_null(strstr(fixture->why.data, "golived.example"));
}

static void a_key_file_that_is_not_there_is_named(void **state)
{
	struct fixture *fixture = *state;
	struct access_hints hints = { .url = "http://127.0.0.1:1", .key_file = "/nonexistent/key" };

	assert_int_equal(access_find(&hints, &fixture->why, &fixture->access), -EINVAL);
	assert_non_null(strstr(fixture->why.data, "/nonexistent/key"));
}

static void the_configuration_tells_the_rest(void **state)
{
	struct fixture *fixture = *state;
	char config[64];
	struct access_hints hints = { .config_path = config };

	write_config(fixture, config);
	int result = access_find(&hints, &fixture->why, &fixture->access);
	unlink(config);
	if (result < 0)
		fail_msg("%s", fixture->why.data);
	assert_string_equal(fixture->access.url, "unix:/run/golived/api");
	assert_string_equal(fixture->access.key, "SECRET");
}

static void without_a_key_file_it_is_the_one_beside_the_database(void **state)
{
	struct fixture *fixture = *state;
	char config[64] = "/tmp/golivectl-conf-XXXXXX";
	FILE *file = fdopen(mkstemp(config), "w");
	struct access_hints hints = { .config_path = config };

	(void)fputs("[store]\npath = /nonexistent/golived.db\n", file);
	(void)fclose(file);
	int result = access_find(&hints, &fixture->why, &fixture->access);
	unlink(config);
	assert_int_equal(result, -EINVAL);
	assert_non_null(strstr(fixture->why.data, "/nonexistent/admin.key"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_address_that_the_daemon_listens_at_becomes_a_url),
		cmocka_unit_test(an_address_for_all_is_reached_on_this_machine),
		cmocka_unit_test(only_this_machine_is_local),
		cmocka_unit_test(the_first_key_with_the_scope_admin_is_taken),
		cmocka_unit_test(a_key_alone_on_its_line_is_an_admin_key),
		cmocka_unit_test(a_file_without_a_key_has_none),
		TEST(what_is_said_is_taken),
		TEST(this_machines_key_is_not_sent_elsewhere),
		TEST(what_is_no_url_is_refused),
		TEST(a_key_file_that_is_not_there_is_named),
		TEST(the_configuration_tells_the_rest),
		TEST(without_a_key_file_it_is_the_one_beside_the_database),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
