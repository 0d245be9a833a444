/* peer: which addresses count as one client. */
#include "admin/peer.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *address; /* NULL: a Unix socket */
	const char *text;
	bool is_local;
} cases[] = {
	{ NULL, "unix", true },
	{ "127.0.0.1", "127.0.0.1", true },
	{ "127.9.9.9", "127.9.9.9", true },
	{ "192.0.2.1", "192.0.2.1", false },
	{ "12.7.0.1", "12.7.0.1", false },
	{ "::1", "::1", true },
	{ "::ffff:192.0.2.1", "192.0.2.1", false },
	{ "::ffff:127.0.0.1", "127.0.0.1", true },
	{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", false },
	{ "2001:db8:1:2:ffff::", "2001:db8:1:2::", false },
	{ "fe80::1", "fe80::", false },
};

static void a_client_is_an_ipv4_address_or_a_64_of_ipv6_or_this_machine(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
		struct sockaddr_in v4 = { .sin_family = AF_INET };
		const struct sockaddr *address = NULL;
		char text[PEER_TEXT_SIZE];
		if (cases[i].address && inet_pton(AF_INET, cases[i].address, &v4.sin_addr) == 1)
			address = (const struct sockaddr *)&v4;
		else if (cases[i].address &&
			 inet_pton(AF_INET6, cases[i].address, &v6.sin6_addr) == 1)
			address = (const struct sockaddr *)&v6;
		assert_string_equal(peer_format(address, text), cases[i].text);
		if (peer_is_local(text) != cases[i].is_local)
			fail_msg("%s is %slocal", text, cases[i].is_local ? "not " : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_is_an_ipv4_address_or_a_64_of_ipv6_or_this_machine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
