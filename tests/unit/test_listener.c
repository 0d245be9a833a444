/* listener: addresses, socket files, and the names that a request may call it by. */
#include "admin/listener.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test_listener.XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(folder);
}

static int open_listener(const char *listen_on, struct listener *listener, char why[512])
{
	struct strbuf text;

	strbuf_init(&text, 511);
	int result = listener_open(listen_on, &text, listener);
	strcpy(why, text.data);
	strbuf_finish(&text);
	return result;
}

static void port_0_takes_a_free_one_and_says_which(void **state)
{
	struct listener listener;
	char why[512];
	unsigned port = 0;

	(void)state;
	assert_int_equal(open_listener("127.0.0.1:0", &listener, why), 0);
	assert_int_equal(sscanf(listener.address, "http://127.0.0.1:%u", &port), 1);
	assert_true(port > 0);
	assert_int_equal(listener.reach, LISTENER_LOOPBACK);
	listener_close(&listener);
}

static void an_address_in_use_is_told_from_other_failures(void **state)
{
	struct listener first, second;
	char why[512];

	(void)state;
	assert_int_equal(open_listener("127.0.0.1:0", &first, why), 0);
	assert_int_equal(open_listener(first.address + strlen("http://"), &second, why),
			 -EADDRINUSE);
	assert_non_null(strstr(why, "another program"));
	listener_close(&first);
}

static void what_is_no_address_is_a_mistake_with_a_hint(void **state)
{
	static const char *const texts[] = {
		"",         "8787",  "localhost:8787", "127.0.0.1",    "1.2.3.4:x", "1.2.3.4:65536",
		"::1:8787", "[::1]", "[127.0.0.1]:1",  "unix:relative"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct listener listener;
		char why[512];
		int result = open_listener(texts[i], &listener, why);
		if (result != -EINVAL || !strstr(why, "[admin] listen"))
			fail_msg("\"%s\": got %d (%s)", texts[i], result, why);
	}
}

static void a_socket_file_is_for_owner_and_group_and_goes_at_the_end(void **state)
{
	struct listener listener;
	struct stat status;
	char listen_on[128], why[512];

	(void)state;
	snprintf(listen_on, sizeof(listen_on), "unix:%s/s", folder);
	assert_int_equal(open_listener(listen_on, &listener, why), 0);
	assert_string_equal(listener.address, listen_on);
	assert_int_equal(stat(listener.path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0660);
	listener_close(&listener);
	assert_int_equal(stat(listen_on + strlen("unix:"), &status), -1);
}

static void a_socket_file_that_nobody_answers_on_is_replaced(void **state)
{
	struct listener first, second;
	char listen_on[128], why[512];

	(void)state;
	snprintf(listen_on, sizeof(listen_on), "unix:%s/s", folder);
	assert_int_equal(open_listener(listen_on, &first, why), 0);
	close(first.fd); /* as after kill -9: the file stays */
	assert_int_equal(open_listener(listen_on, &second, why), 0);
	listener_close(&second);
}

static void a_socket_file_that_is_answered_on_is_left_alone(void **state)
{
	struct listener first, second;
	char listen_on[128], why[512];

	(void)state;
	snprintf(listen_on, sizeof(listen_on), "unix:%s/s", folder);
	assert_int_equal(open_listener(listen_on, &first, why), 0);
	assert_int_equal(open_listener(listen_on, &second, why), -EADDRINUSE);
	assert_int_equal(access(first.path, F_OK), 0);
	listener_close(&first);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
	struct listener listener;
	char path[96], listen_on[128], why[512];

	(void)state;
	snprintf(path, sizeof(path), "%s/s", folder);
	snprintf(listen_on, sizeof(listen_on), "unix:%s", path);
	fclose(fopen(path, "w"));
	assert_int_equal(open_listener(listen_on, &listener, why), -EEXIST);
	assert_int_equal(unlink(path), 0);
}

static void a_socket_that_systemd_passed_wins(void **state)
{
	struct listener own, passed;
	char number[24], why[512];

	(void)state;
	assert_int_equal(open_listener("127.0.0.1:0", &own, why), 0);
	int kept = dup(3);
	assert_int_equal(dup2(own.fd, 3), 3);
	snprintf(number, sizeof(number), "%d", (int)getpid());
	setenv("LISTEN_PID", number, 1);
	setenv("LISTEN_FDS", "1", 1);
	int result = open_listener("not even an address", &passed, why);
	assert_int_equal(result, 0);
	assert_string_equal(passed.address, own.address);
	assert_null(getenv("LISTEN_FDS"));
	if (own.fd != 3)
		listener_close(&own);
	listener_close(&passed);
	if (kept >= 0) {
		dup2(kept, 3);
		close(kept);
	}
}

static void what_was_passed_to_another_process_is_ignored(void **state)
{
	struct listener listener;
	char why[512];

	(void)state;
	setenv("LISTEN_PID", "1", 1);
	setenv("LISTEN_FDS", "1", 1);
	assert_int_equal(open_listener("127.0.0.1:0", &listener, why), 0);
	assert_int_not_equal(listener.fd, -1);
	listener_close(&listener);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
}

static void a_loopback_listener_is_called_by_address_or_localhost(void **state)
{
	static const struct {
		const char *host;
		bool good;
	} hosts[] = {
		{ "127.0.0.1:8787", true },
		{ "127.0.0.1", true },
		{ "[::1]:8787", true },
		{ "LocalHost:1", true },
		{ "a.localhost", true },
		{ "evil.example", false },
		{ "localhost.evil", false },
		{ "127.0.0.1.nip.io", false },
		{ "", false },
		{ "127.0.0.1:x", false },
		{ "[::1", false },
		{ "notlocalhost", false },
	};
	struct listener loopback = { .fd = -1, .reach = LISTENER_LOOPBACK };
	struct listener network = { .fd = -1, .reach = LISTENER_NETWORK };

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		if (listener_is_named(&loopback, hosts[i].host) != hosts[i].good)
			fail_msg("\"%s\" is %s", hosts[i].host,
				 hosts[i].good ? "refused" : "taken");
	assert_true(listener_is_named(&network, "golived.example"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(port_0_takes_a_free_one_and_says_which),
		cmocka_unit_test(an_address_in_use_is_told_from_other_failures),
		cmocka_unit_test(what_is_no_address_is_a_mistake_with_a_hint),
		cmocka_unit_test(a_socket_file_is_for_owner_and_group_and_goes_at_the_end),
		cmocka_unit_test(a_socket_file_that_nobody_answers_on_is_replaced),
		cmocka_unit_test(a_socket_file_that_is_answered_on_is_left_alone),
		cmocka_unit_test(a_file_that_is_no_socket_is_left_alone),
		cmocka_unit_test(a_socket_that_systemd_passed_wins),
		cmocka_unit_test(what_was_passed_to_another_process_is_ignored),
		cmocka_unit_test(a_loopback_listener_is_called_by_address_or_localhost),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
