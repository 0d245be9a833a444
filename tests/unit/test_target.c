#include "domain/target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LABEL_63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"
#define LABEL_61 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi"
/* 4 * 63 + 3 = 255 and 3 * 63 + 61 + 3 = 253 bytes. */
#define NAME_255 LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63
#define NAME_253 LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_61

static const struct target_exemptions none = { NULL, 0 };

static struct config_cidr cidr(const char *address, unsigned prefix_bits)
{
	struct config_cidr cidr = { .prefix_bits = prefix_bits };
	assert_int_equal(inet_pton(AF_INET6, address, cidr.address), 1);
	return cidr;
}

/* The linker puts this in the place of http_url_parse(): a test may have libcurl read a URL in
 * another way than it does today. NULL: as it does. */
static const struct http_url *read_instead;
int __real_http_url_parse(const char *text, struct http_url *ret_url);
int __wrap_http_url_parse(const char *text, struct http_url *ret_url);

int __wrap_http_url_parse(const char *text, struct http_url *ret_url)
{
	if (!read_instead)
		return __real_http_url_parse(text, ret_url);
	*ret_url = *read_instead;
	return 0;
}

struct url_case {
	const char *url;
	int result;
};

static void check_urls(const struct url_case *cases, size_t count,
		       const struct target_exemptions *exemptions)
{
	unsigned wrong = 0;
	for (size_t i = 0; i < count; i++) {
		const char *reason = NULL;
		int result = target_url_check(cases[i].url, exemptions, &reason);
		if (result != cases[i].result || (result == 0) != (reason == NULL)) {
			print_error("%.100s: expected %d, got %d (%s)\n", cases[i].url,
				    cases[i].result, result, reason ? reason : "no reason");
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static const struct url_case urls[] = {
	/* Ordinary ones. */
	{ "http://example.com", 0 },
	{ "https://example.com", 0 },
	{ "https://example.com/", 0 },
	{ "https://example.com/hooks/tiktool?a=b&c=d", 0 },
	{ "https://example.com?a=b", 0 },
	{ "HTTPS://Example.COM/Path", 0 },
	{ "http://example.com:80/", 0 },
	{ "https://example.com:443/", 0 },
	{ "http://example.com:8080/x", 0 },
	{ "http://example.com:65535/x", 0 },
	{ "http://example.com:2/x", 0 },
	{ "https://a.b.c.d.example.co.uk/x", 0 },
	{ "https://my_host.example.com/x", 0 },
	{ "https://_hook.example.com/x", 0 },
	{ "https://a-b--c.example.com/x", 0 },
	{ "https://xn--bcher-kva.example/x", 0 },
	{ "https://1host.example.com/x", 0 },
	{ "https://123.example.com/x", 0 },
	{ "https://10.0.0.1.example.com/x", 0 },
	{ "https://127.0.0.1.nip.io/x", 0 }, /* judged when it is resolved */
	{ "https://localtest.me/x", 0 },
	{ "https://example.com./x", 0 },
	{ "https://notlocalhost.com/x", 0 },
	{ "https://mylocalhost.example/x", 0 },
	{ "https://local.example.com/x", 0 },
	{ "https://internal.example.com/x", 0 },
	{ "https://localhost.example.com/x", 0 },
	{ "https://example.com/a%20b", 0 },
	{ "https://example.com/@user", 0 },
	{ "https://example.com/?to=a@b.c", 0 },
	{ "https://example.com/..%2f", 0 },
	{ "https://example.com/a/../b", 0 },
	{ "https://example.com/a:b;c,d", 0 },
	{ "https://example.com/http://127.0.0.1/", 0 },
	{ "https://nowhere.invalid/x", 0 },
	{ "https://receiver.test/x", 0 },
	{ "https://" LABEL_63 ".com/", 0 },
	{ "https://" NAME_253 "/", 0 },
	{ "http://1.1.1.1/", 0 },
	{ "http://8.8.8.8:8080/", 0 },
	{ "http://9.255.255.255/", 0 },
	{ "http://11.0.0.0/", 0 },
	{ "http://172.15.255.255/", 0 },
	{ "http://172.32.0.0/", 0 },
	{ "http://223.255.255.255/", 0 },
	{ "http://134744072/", 0 },  /* 8.8.8.8, as libcurl reads it */
	{ "http://0x08080808/", 0 }, /* likewise */
	{ "http://010.8.8.8/", 0 },  /* octal: 8.8.8.8 */
	{ "http://[2606:4700:4700::1111]/", 0 },
	{ "http://[2606:4700:4700::1111]:8080/x", 0 },
	{ "http://[2A00:1450:4001:80B::200E]/", 0 },
	{ "http://[::ffff:8.8.8.8]/", 0 },

	/* Not a URL, or not one of ours. */
	{ "", -EINVAL },
	{ "x", -EINVAL },
	{ "example.com", -EINVAL },
	{ "//example.com/x", -EINVAL },
	{ "http:", -EINVAL },
	{ "http:/", -EINVAL },
	{ "http://", -EINVAL },
	{ "http:///", -EINVAL },
	{ "http:///example.com", -EINVAL },
	{ "http:/example.com", -EINVAL },
	{ "http:example.com", -EINVAL },
	{ "http//example.com", -EINVAL },
	{ "http://?x", -EINVAL },
	{ "http://:80/", -EINVAL },
	{ "https:////example.com", -EINVAL },
	{ "ftp://example.com/", -EINVAL },
	{ "file:///etc/passwd", -EINVAL },
	{ "gopher://example.com/", -EINVAL },
	{ "dict://example.com/", -EINVAL },
	{ "ws://example.com/", -EINVAL },
	{ "javascript:alert(1)", -EINVAL },
	{ "httpss://example.com/", -EINVAL },
	{ " http://example.com/", -EINVAL },
	{ "http://example.com/ ", -EINVAL },
	{ "http://exam ple.com/", -EINVAL },
	{ "http://example.com/a b", -EINVAL },
	{ "http://example.com/\t", -EINVAL },
	{ "http://example.com/\r\nX-Evil: 1", -EINVAL },
	{ "http://example.com\r\n/", -EINVAL },
	{ "http://example.com/\x7F", -EINVAL },
	{ "http://example.com/\x01", -EINVAL },
	{ "http://example.com/caf\xC3\xA9", -EINVAL },

	/* What parsers disagree about. */
	{ "http://user@example.com/", -EINVAL },
	{ "http://user:password@example.com/", -EINVAL },
	{ "http://@example.com/", -EINVAL },
	{ "http://:@example.com/", -EINVAL },
	{ "http://127.0.0.1@example.com/", -EINVAL },
	{ "http://example.com@127.0.0.1/", -EINVAL },
	{ "http://example.com:80@127.0.0.1/", -EINVAL },
	{ "http://example.com#@127.0.0.1/", -EINVAL },
	{ "http://example.com/#frag", -EINVAL },
	{ "http://example.com/x#", -EINVAL },
	{ "http://127.0.0.1#.example.com/", -EINVAL },
	{ "http://example.com\\@127.0.0.1/", -EINVAL },
	{ "http://127.0.0.1\\.example.com/", -EINVAL },
	{ "http:\\\\example.com/", -EINVAL },
	{ "http://example.com/\\x", -EINVAL },
	{ "http://%31%32%37.0.0.1/", -EINVAL },
	{ "http://127.0.0.1%2f.example.com/", -EINVAL },
	{ "http://example%2ecom/", -EINVAL },
	{ "http://exam%00ple.com/", -EINVAL },
	{ "http://example.com%/", -EINVAL },
	{ "http://example.com:80:80/", -EINVAL },
	{ "http://example.com:abc/", -EINVAL },
	{ "http://example.com:-1/", -EINVAL },
	{ "http://example.com:65536/", -EINVAL },
	{ "http://example.com:99999999999/", -EINVAL },
	{ "http://example.com:8o/", -EINVAL },

	/* Hosts that are none. */
	{ "http://ex\xC3\xA4mple.com/", -EINVAL },
	{ "http://\xE2\x91\xA0\xE2\x91\xA1\xE2\x91\xA6.0.0.1/", -EINVAL },
	{ "http://\xE2\x93\x9Bocalhost/", -EINVAL },
	{ "http://a\xE2\x84\x80.example.com/", -EINVAL },
	{ "http://exa\xC2\xADmple.com/", -EINVAL },
	{ "http://./", -EINVAL },
	{ "http://../", -EINVAL },
	{ "http://.example.com/", -EINVAL },
	{ "http://example..com/", -EINVAL },
	{ "http://example.com../", -EINVAL },
	{ "http://exam!ple.com/", -EINVAL },
	{ "http://exam$ple.com/", -EINVAL },
	{ "http://exam&ple.com/", -EINVAL },
	{ "http://exam'ple.com/", -EINVAL },
	{ "http://(example.com)/", -EINVAL },
	{ "http://example.com,127.0.0.1/", -EINVAL },
	{ "http://example.com;127.0.0.1/", -EINVAL },
	{ "http://*.example.com/", -EINVAL },
	{ "http://{a,b}.example.com/", -EINVAL },
	{ "http://<example>.com/", -EINVAL },
	{ "http://example.com|x/", -EINVAL },
	{ "http://\"example\".com/", -EINVAL },
	{ "http://" LABEL_63 "x.com/", -EINVAL },
	{ "http://" NAME_255 "/", -EINVAL },
	{ "http://1.2.3.4.5/", -EINVAL },
	{ "http://256.256.256.256/", -EINVAL },
	{ "http://1.2.3.256/", -EINVAL },
	{ "http://127.0.0.1./", -EINVAL },
	{ "http://example.1/", -EINVAL },
	{ "http://example.0x7f/", -EINVAL },
	{ "http://4294967296/", -EINVAL },
	{ "http://0x100000000/", -EINVAL },
	{ "http://1.2.3.08/", -EINVAL },
	{ "http://[]/", -EINVAL },
	{ "http://[/", -EINVAL },
	{ "http://[::1/", -EINVAL },
	{ "http://::1/", -EINVAL },
	{ "http://[g::1]/", -EINVAL },
	{ "http://[1.2.3.4]/", -EINVAL },
	{ "http://[2606:4700::1]x/", -EINVAL },
	{ "http://[2606:4700::1%25eth0]/", -EINVAL },
	{ "http://[fe80::1%25eth0]/", -EINVAL },
	{ "http://[fe80::1%eth0]/", -EINVAL },
	{ "http://[::1%25lo]/", -EINVAL },

	/* Ports of other protocols. */
	{ "http://example.com:0/", -EINVAL },
	{ "http://example.com:1/", -EINVAL },
	{ "http://example.com:22/", -EINVAL },
	{ "http://example.com:25/", -EINVAL },
	{ "http://example.com:53/", -EINVAL },
	{ "http://example.com:110/", -EINVAL },
	{ "http://example.com:143/", -EINVAL },
	{ "http://example.com:465/", -EINVAL },
	{ "http://example.com:587/", -EINVAL },
	{ "http://example.com:6000/", -EINVAL },
	{ "http://example.com:6667/", -EINVAL },
	{ "https://example.com:993/", -EINVAL },

	/* Literal addresses, in every spelling that libcurl reads as one. */
	{ "http://127.0.0.1/", -EACCES },
	{ "http://127.0.0.1:8080/", -EACCES },
	{ "https://127.0.0.1/", -EACCES },
	{ "http://127.255.255.254/", -EACCES },
	{ "http://2130706433/", -EACCES },
	{ "http://0x7f000001/", -EACCES },
	{ "http://0X7F000001/", -EACCES },
	{ "http://017700000001/", -EACCES },
	{ "http://127.1/", -EACCES },
	{ "http://127.0.1/", -EACCES },
	{ "http://0177.0.0.1/", -EACCES },
	{ "http://0177.0.0.01/", -EACCES },
	{ "http://0x7f.0.0.1/", -EACCES },
	{ "http://0x7f.1/", -EACCES },
	{ "http://127.0.0.0x1/", -EACCES },
	{ "http://00000177.0.0.1/", -EACCES },
	{ "http://0/", -EACCES },
	{ "http://0.0.0.0/", -EACCES },
	{ "http://0.1.2.3/", -EACCES },
	{ "http://1/", -EACCES },
	{ "http://10.0.0.1/", -EACCES },
	{ "http://167772161/", -EACCES },
	{ "http://012.0.0.1/", -EACCES },
	{ "http://0xa.1/", -EACCES },
	{ "http://10.255.255.255/", -EACCES },
	{ "http://100.64.0.1/", -EACCES },
	{ "http://100.100.100.200/", -EACCES },
	{ "http://100.127.255.255/", -EACCES },
	{ "http://168.63.129.16/", -EACCES },
	{ "http://169.254.169.254/latest/meta-data/", -EACCES },
	{ "http://169.254.170.2/", -EACCES },
	{ "http://2852039166/", -EACCES },
	{ "http://0xA9FEA9FE/", -EACCES },
	{ "http://0251.0376.0251.0376/", -EACCES },
	{ "http://169.254.43518/", -EACCES },
	{ "http://172.16.0.1/", -EACCES },
	{ "http://172.31.255.255/", -EACCES },
	{ "http://192.0.0.192/", -EACCES },
	{ "http://192.0.2.1/", -EACCES },
	{ "http://192.88.99.1/", -EACCES },
	{ "http://192.168.0.1/", -EACCES },
	{ "http://192.168.1/", -EACCES },
	{ "http://198.18.0.1/", -EACCES },
	{ "http://198.51.100.1/", -EACCES },
	{ "http://203.0.113.1/", -EACCES },
	{ "http://224.0.0.1/", -EACCES },
	{ "http://239.255.255.255/", -EACCES },
	{ "http://240.0.0.1/", -EACCES },
	{ "http://255.255.255.255/", -EACCES },
	{ "http://4294967295/", -EACCES },
	{ "http://[::]/", -EACCES },
	{ "http://[::1]/", -EACCES },
	{ "http://[::1]:8080/", -EACCES },
	{ "http://[0:0:0:0:0:0:0:1]/", -EACCES },
	{ "http://[0000::0001]/", -EACCES },
	{ "http://[::127.0.0.1]/", -EACCES },
	{ "http://[::8.8.8.8]/", -EACCES },
	{ "http://[::ffff:127.0.0.1]/", -EACCES },
	{ "http://[::ffff:7f00:1]/", -EACCES },
	{ "http://[::FFFF:169.254.169.254]/", -EACCES },
	{ "http://[::ffff:0:127.0.0.1]/", -EACCES },
	{ "http://[64:ff9b::127.0.0.1]/", -EACCES },
	{ "http://[64:ff9b:1::10.0.0.1]/", -EACCES },
	{ "http://[2002:7f00:1::]/", -EACCES },
	{ "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", -EACCES },
	{ "http://[2606:4700::5efe:10.0.0.1]/", -EACCES },
	{ "http://[2001:db8::1]/", -EACCES },
	{ "http://[3fff::1]/", -EACCES },
	{ "http://[5f00::1]/", -EACCES },
	{ "http://[100::1]/", -EACCES },
	{ "http://[fc00::1]/", -EACCES },
	{ "http://[fd00:ec2::254]/", -EACCES },
	{ "http://[fd20:ce::254]/", -EACCES },
	{ "http://[fe80::1]/", -EACCES },
	{ "http://[fec0::1]/", -EACCES },
	{ "http://[ff02::1]/", -EACCES },
	{ "http://[4000::1]/", -EACCES },

	/* Names of this machine, and of private networks. */
	{ "http://localhost/", -EACCES },
	{ "http://localhost:8080/", -EACCES },
	{ "https://LOCALHOST/", -EACCES },
	{ "http://localhost./", -EACCES },
	{ "http://a.localhost/", -EACCES },
	{ "http://a.b.LocalHost./", -EACCES },
	{ "http://localhost.localdomain/", -EACCES },
	{ "http://a.localhost.localdomain/", -EACCES },
	{ "http://localhost6/", -EACCES },
	{ "http://localhost6.localdomain6/", -EACCES },
	{ "http://ip6-localhost/", -EACCES },
	{ "http://ip6-loopback/", -EACCES },
	{ "http://loopback/", -EACCES },
	{ "http://printer.local/", -EACCES },
	{ "http://printer.local./", -EACCES },
	{ "http://metadata.google.internal/", -EACCES },
	{ "http://nas.home.arpa/", -EACCES },
	{ "http://nas.lan/", -EACCES },
	{ "http://intranet/", -EACCES },
	{ "http://receiver:8080/", -EACCES },
};

static void urls_are_taken_or_refused(void **state)
{
	(void)state;
	assert_true(ARRAY_SIZE(urls) >= 200);
	check_urls(urls, ARRAY_SIZE(urls), &none);
}

static void the_longest_url_is_2048_bytes(void **state)
{
	(void)state;
	char url[LIMIT_URL_BYTES + 2];
	const char *reason;
	size_t prefix = (size_t)snprintf(url, sizeof(url), "https://example.com/");
	memset(url + prefix, 'a', sizeof(url) - prefix);
	url[LIMIT_URL_BYTES] = '\0';
	assert_int_equal(target_url_check(url, &none, &reason), 0);
	url[LIMIT_URL_BYTES] = 'a';
	url[LIMIT_URL_BYTES + 1] = '\0';
	assert_int_equal(target_url_check(url, &none, &reason), -EINVAL);
}

/* What spelling_objection() lets through, libcurl 7.88 reads as we do. Should another one not, its
 * reading must not win. */
static void a_url_that_libcurl_reads_otherwise_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *url;
		struct http_url read;
		const char *reason;
	} cases[] = {
		{ "http://example.com/", { .host = "example.org", .port = 80 }, "cannot be read" },
		{ "http://example.com/", { .host = "example.co", .port = 80 }, "cannot be read" },
		{ "http://example.com/",
		  { .host = "example.com.x", .port = 80 },
		  "cannot be read" },
		{ "http://example.com/", { .host = "xample.com", .port = 80 }, "cannot be read" },
		{ "http://[2606:4700::1]/",
		  { .host = "2606:4700::x", .host_is_ipv6 = true, .port = 80 },
		  "cannot be read" },
		{ "http://example.com/",
		  { .host = "example.com", .host_is_ipv6 = true, .port = 80 },
		  "cannot be read" },
		{ "http://example.com/",
		  { .host = "example.com", .has_userinfo = true, .port = 80 },
		  "a user name, a fragment or a zone" },
		{ "http://example.com/",
		  { .host = "example.com", .has_fragment = true, .port = 80 },
		  "a user name, a fragment or a zone" },
		{ "http://example.com/",
		  { .host = "example.com", .has_zone = true, .port = 80 },
		  "a user name, a fragment or a zone" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *reason = "none";
		read_instead = &cases[i].read;
		int result = target_url_check(cases[i].url, &none, &reason);
		read_instead = NULL;
		if (result != -EINVAL || !strstr(reason, cases[i].reason))
			fail_msg("case %zu: expected %d (… %s), got %d (%s)", i, -EINVAL,
				 cases[i].reason, result, reason);
	}
}

static void an_exemption_of_loopback_admits_this_machine_and_no_more(void **state)
{
	(void)state;
	const struct config_cidr cidrs[] = { cidr("::ffff:127.0.0.0", 104) };
	const struct target_exemptions loopback = { cidrs, ARRAY_SIZE(cidrs) };
	static const struct url_case cases[] = {
		/* Its other ports are then the operator's business, those of other addresses are
		   not. */
		{ "http://127.0.0.1:1/", 0 },
		{ "http://127.0.0.1:25/", 0 },
		{ "http://example.com:1/", -EINVAL },
		{ "http://127.0.0.1:8080/", 0 },
		{ "http://0x7f.1/", 0 },
		{ "http://[::ffff:127.0.0.1]/", 0 },
		{ "http://localhost:8080/", 0 },
		{ "http://a.localhost/", 0 },
		{ "http://ip6-localhost/", 0 },
		{ "http://[::1]/", -EACCES },
		{ "http://[::127.0.0.1]/", -EACCES },
		{ "http://[64:ff9b::127.0.0.1]/", -EACCES },
		{ "http://10.0.0.1/", -EACCES },
		{ "http://169.254.169.254/", -EACCES },
		{ "http://receiver/", -EACCES },
		{ "http://nas.local/", -EACCES },
		{ "http://127.0.0.1@example.com/", -EINVAL },
		{ "http://example.com/", 0 },
	};
	check_urls(cases, ARRAY_SIZE(cases), &loopback);
}

static void an_exemption_of_a_network_admits_its_addresses_and_names(void **state)
{
	(void)state;
	const struct config_cidr cidrs[] = { cidr("::ffff:10.0.5.0", 120), cidr("fd00::", 16) };
	const struct target_exemptions network = { cidrs, ARRAY_SIZE(cidrs) };
	static const struct url_case cases[] = {
		{ "http://10.0.5.0/", 0 },         { "http://10.0.5.255/", 0 },
		{ "http://10.0.4.255/", -EACCES }, { "http://10.0.6.0/", -EACCES },
		{ "http://[fd00::1]/", 0 },        { "http://[fd01::1]/", -EACCES },
		{ "http://receiver:8080/", 0 },    { "http://hooks.internal/", 0 },
		{ "http://nas.local/", 0 },        { "http://localhost/", -EACCES },
		{ "http://127.0.0.1/", -EACCES },
	};
	check_urls(cases, ARRAY_SIZE(cases), &network);
}

/* ---- addresses ---- */

static bool is_allowed(const char *text, const struct target_exemptions *exemptions)
{
	struct http_address address;
	const char *reason = NULL;
	if (!http_address_parse(text, &address))
		fail_msg("%s is no address", text);
	bool is_good = target_address_is_allowed(&address, exemptions, &reason);
	assert_int_equal(is_good, reason == NULL);
	return is_good;
}

static void assert_allowed(const char *text, bool expected)
{
	if (is_allowed(text, &none) != expected)
		fail_msg("%s should %sbe allowed", text, expected ? "" : "not ");
}

static const struct {
	const char *first, *last;
	bool below_is_public, above_is_public;
} refused_ipv4[] = {
	{ "0.0.0.0", "0.255.255.255", false, true },
	{ "10.0.0.0", "10.255.255.255", true, true },
	{ "100.64.0.0", "100.127.255.255", true, true },
	{ "127.0.0.0", "127.255.255.255", true, true },
	{ "168.63.129.16", "168.63.129.16", true, true },
	{ "169.254.0.0", "169.254.255.255", true, true },
	{ "172.16.0.0", "172.31.255.255", true, true },
	{ "192.0.0.0", "192.0.0.255", true, true },
	{ "192.0.2.0", "192.0.2.255", true, true },
	{ "192.31.196.0", "192.31.196.255", true, true },
	{ "192.52.193.0", "192.52.193.255", true, true },
	{ "192.88.99.0", "192.88.99.255", true, true },
	{ "192.168.0.0", "192.168.255.255", true, true },
	{ "192.175.48.0", "192.175.48.255", true, true },
	{ "198.18.0.0", "198.19.255.255", true, true },
	{ "198.51.100.0", "198.51.100.255", true, true },
	{ "203.0.113.0", "203.0.113.255", true, true },
	{ "224.0.0.0", "239.255.255.255", true, false },
	{ "240.0.0.0", "255.255.255.255", false, false },
};

static uint32_t ipv4_number(const char *text)
{
	struct in_addr address;
	assert_int_equal(inet_pton(AF_INET, text, &address), 1);
	return ntohl(address.s_addr);
}

/* As itself, and in every IPv6 form that carries an IPv4 address. Only the mapped form is that
 * address to the kernel; the others are refused whatever they carry. */
static void check_ipv4(uint32_t number, bool is_public)
{
	/* H: the upper half, L: the lower */
	static const char *const refused_forms[] = {
		"::H:L",                  /* IPv4-compatible */
		"::ffff:0:H:L",           /* IPv4-translated (SIIT) */
		"64:ff9b::H:L",           /* NAT64 */
		"64:ff9b:1::H:L",         /* NAT64, local use */
		"64:ff9b:1:H:0:L::",      /* likewise, /48 */
		"2002:H:L::1",            /* 6to4 */
		"2001:0:H:L::1",          /* Teredo server */
		"2001::H:L",              /* Teredo */
		"2606:4700::5efe:H:L",    /* ISATAP */
		"2606:4700::200:5efe:H:L" /* ISATAP, globally unique */
	};
	char text[HTTP_ADDRESS_TEXT_SIZE * 2];
	unsigned high = number >> 16, low = number & 0xFFFF;

	snprintf(text, sizeof(text), "%u.%u.%u.%u", high >> 8, high & 255, low >> 8, low & 255);
	assert_allowed(text, is_public);
	snprintf(text, sizeof(text), "::ffff:%x:%x", high, low);
	assert_allowed(text, is_public);
	for (size_t i = 0; i < ARRAY_SIZE(refused_forms); i++) {
		size_t length = 0;
		for (const char *at = refused_forms[i]; *at; at++) {
			char *to = text + length;
			size_t size = sizeof(text) - length;
			if (*at == 'H' || *at == 'L')
				length += (size_t)snprintf(to, size, "%x", *at == 'H' ? high : low);
			else
				length += (size_t)snprintf(to, size, "%c", *at);
		}
		assert_allowed(text, false);
	}
}

static void every_special_ipv4_prefix_is_refused_from_its_first_to_its_last(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused_ipv4); i++) {
		uint32_t first = ipv4_number(refused_ipv4[i].first);
		uint32_t last = ipv4_number(refused_ipv4[i].last);
		check_ipv4(first, false);
		check_ipv4(first + (last - first) / 2, false);
		check_ipv4(last, false);
	}
}

static void the_neighbours_of_special_ipv4_prefixes_are_allowed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused_ipv4); i++) {
		if (refused_ipv4[i].below_is_public)
			check_ipv4(ipv4_number(refused_ipv4[i].first) - 1, true);
		if (refused_ipv4[i].above_is_public)
			check_ipv4(ipv4_number(refused_ipv4[i].last) + 1, true);
	}
}

static void ipv6_is_allowed_inside_2000_3_but_for_its_special_parts(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool allowed;
	} cases[] = {
		{ "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false },
		{ "2000::", true },
		{ "2000:ffff::1", true },
		{ "2001::", false },
		{ "2001:1::1", false },
		{ "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", false },
		{ "2001:200::", true },
		{ "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", true },
		{ "2001:db8::", false },
		{ "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", false },
		{ "2001:db9::", true },
		{ "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true },
		{ "2002::", false },
		{ "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false },
		{ "2003::", true },
		{ "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff", true },
		{ "2620:4f:8000::", false },
		{ "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", false },
		{ "2620:4f:8001::", true },
		{ "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true },
		{ "3fff::", false },
		{ "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", false },
		{ "3fff:1000::", true },
		{ "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true },
		{ "4000::", false },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false },
		{ "2606:4700::5eff:1:1", true },
		{ "2606:4700::100:5efe:1:1", true },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_allowed(cases[i].text, cases[i].allowed);
}

static void an_ipv4_exemption_holds_for_the_mapped_form_and_no_other(void **state)
{
	(void)state;
	const struct config_cidr cidrs[] = { cidr("::ffff:10.0.0.0", 104) };
	const struct target_exemptions network = { cidrs, ARRAY_SIZE(cidrs) };
	assert_true(is_allowed("10.0.0.1", &network));
	assert_true(is_allowed("::ffff:10.0.0.1", &network));
	assert_false(is_allowed("::10.0.0.1", &network));
	assert_false(is_allowed("::ffff:0:10.0.0.1", &network));
	assert_false(is_allowed("64:ff9b::10.0.0.1", &network));
	assert_false(is_allowed("2002:a00:1::", &network));
	assert_false(is_allowed("2606:4700::5efe:10.0.0.1", &network));
	assert_false(is_allowed("192.168.0.1", &network));
}

static void an_ipv6_exemption_holds_for_its_prefix(void **state)
{
	(void)state;
	const struct config_cidr cidrs[] = { cidr("::1", 128), cidr("64:ff9b::", 96) };
	const struct target_exemptions some = { cidrs, ARRAY_SIZE(cidrs) };
	assert_true(is_allowed("::1", &some));
	assert_false(is_allowed("::2", &some));
	assert_true(is_allowed("64:ff9b::8.8.8.8", &some));
	assert_false(is_allowed("127.0.0.1", &some));
}

static void an_origin_has_no_path_in_it(void **state)
{
	(void)state;
	static const struct {
		const char *url, *origin;
	} cases[] = {
		{ "https://example.com/secret?token=x", "https://example.com:443" },
		{ "http://example.com:8080/secret", "http://example.com:8080" },
		{ "http://[2606:4700::1]/secret", "http://[2606:4700::1]:80" },
		{ "nonsense://secret", "(no URL)" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[TARGET_ORIGIN_SIZE];
		assert_string_equal(target_origin(cases[i].url, text), cases[i].origin);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_taken_or_refused),
		cmocka_unit_test(the_longest_url_is_2048_bytes),
		cmocka_unit_test(a_url_that_libcurl_reads_otherwise_is_refused),
		cmocka_unit_test(an_exemption_of_loopback_admits_this_machine_and_no_more),
		cmocka_unit_test(an_exemption_of_a_network_admits_its_addresses_and_names),
		cmocka_unit_test(every_special_ipv4_prefix_is_refused_from_its_first_to_its_last),
		cmocka_unit_test(the_neighbours_of_special_ipv4_prefixes_are_allowed),
		cmocka_unit_test(ipv6_is_allowed_inside_2000_3_but_for_its_special_parts),
		cmocka_unit_test(an_ipv4_exemption_holds_for_the_mapped_form_and_no_other),
		cmocka_unit_test(an_ipv6_exemption_holds_for_its_prefix),
		cmocka_unit_test(an_origin_has_no_path_in_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
