#include "domain/target.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#define LABEL_63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"
#define LABEL_61 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi"
/* 4 * 63 + 3 = 255 and 3 * 63 + 61 + 3 = 253 bytes. */
#define NAME_255 LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63
#define NAME_254 LABEL_61 "x." LABEL_63 "." LABEL_63 "." LABEL_63
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

/* Why a URL is refused, and what its writer is told. */
enum why {
	ADMITTED,
	SCHEME,
	TOO_LONG,
	BYTES,
	BACKSLASH,
	FRAGMENT,
	USER,
	ENCODED,
	UNREADABLE,
	PORT,
	LABEL,
	NAME_LENGTH,
	NAME_BYTES,
	NUMBER,
	ADDRESS,
	HOST_NAME,
	NETWORK_NAME,
};

static const struct {
	int result;
	const char *sentence;
} verdicts[] = {
	[ADMITTED] = { 0, NULL },
	[SCHEME] = { -EINVAL, "the URL must begin with http:// or https:// and a host" },
	[TOO_LONG] = { -EINVAL, "the URL is longer than 2048 bytes" },
	[BYTES] = { -EINVAL,
		    "the URL has spaces, control characters or characters beyond ASCII: write them "
		    "percent-encoded, an international host in its xn-- form" },
	[BACKSLASH] = { -EINVAL, "the URL has a backslash" },
	[FRAGMENT] = { -EINVAL, "the URL has a fragment, which is never sent" },
	[USER] = { -EINVAL, "the URL has a user name: use bearer_token or extra_headers" },
	[ENCODED] = { -EINVAL, "the host is percent-encoded or has a zone: write it plainly" },
	[UNREADABLE] = { -EINVAL, "the URL cannot be read" },
	[PORT] = { -EINVAL, "the port belongs to another protocol" },
	[LABEL] = { -EINVAL, "the host name has a part that is empty or too long" },
	[NAME_LENGTH] = { -EINVAL, "the host name is too long" },
	[NAME_BYTES] = { -EINVAL,
			 "the host name has characters that host names do not have: write an "
			 "international name in its xn-- form" },
	[NUMBER] = { -EINVAL,
		     "the host looks like an address but is none: write four decimal numbers" },
	[ADDRESS] = { -EACCES,
		      "the host is a private, local or reserved address: use a public one, or have "
		      "the operator add it to allow_targets" },
	[HOST_NAME] = { -EACCES,
			"the host is a name of this machine: use a public host, or have the "
			"operator add its address to allow_targets" },
	[NETWORK_NAME] = { -EACCES,
			   "the host is a name of a private network: use a public host, or have "
			   "the operator add its network to allow_targets" },
};

struct url_case {
	const char *url;
	enum why why;
};

/* Is the URL judged so, and for that reason? Says otherwise what was expected and what came. */
static bool is_judged_so(const char *url, const struct target_exemptions *exemptions, enum why why)
{
	const char *expected = verdicts[why].sentence ? verdicts[why].sentence : "admitted";
	const char *reason = "admitted";
	int result = target_url_check(url, exemptions, &reason);
	if (result == verdicts[why].result && strcmp(reason, expected) == 0)
		return true;
	print_error("%.100s: expected %d (%s), got %d (%s)\n", url, verdicts[why].result, expected,
		    result, reason);
	return false;
}

static void check_urls(const struct url_case *cases, size_t count,
		       const struct target_exemptions *exemptions)
{
	unsigned wrong = 0;
	for (size_t i = 0; i < count; i++)
		wrong += is_judged_so(cases[i].url, exemptions, cases[i].why) ? 0 : 1;
	assert_int_equal(wrong, 0);
}

static const struct url_case urls[] = {
	/* Ordinary ones. */
	{ "http://example.com", ADMITTED },
	{ "https://example.com", ADMITTED },
	{ "https://example.com/", ADMITTED },
	{ "https://example.com/hooks/tiktool?a=b&c=d", ADMITTED },
	{ "https://example.com?a=b", ADMITTED },
	{ "HTTPS://Example.COM/Path", ADMITTED },
	{ "http://example.com:80/", ADMITTED },
	{ "https://example.com:443/", ADMITTED },
	{ "http://example.com:8080/x", ADMITTED },
	{ "http://example.com:65535/x", ADMITTED },
	{ "http://example.com:2/x", ADMITTED },
	{ "https://a.b.c.d.example.co.uk/x", ADMITTED },
	{ "https://my_host.example.com/x", ADMITTED },
	{ "https://_hook.example.com/x", ADMITTED },
	{ "https://a-b--c.example.com/x", ADMITTED },
	{ "https://xn--bcher-kva.example/x", ADMITTED },
	{ "https://1host.example.com/x", ADMITTED },
	{ "https://123.example.com/x", ADMITTED },
	{ "https://10.0.0.1.example.com/x", ADMITTED },
	{ "https://127.0.0.1.nip.io/x", ADMITTED }, /* judged when it is resolved */
	{ "https://localtest.me/x", ADMITTED },
	{ "https://example.com./x", ADMITTED },
	{ "https://notlocalhost.com/x", ADMITTED },
	{ "https://mylocalhost.example/x", ADMITTED },
	{ "https://local.example.com/x", ADMITTED },
	{ "https://internal.example.com/x", ADMITTED },
	{ "https://localhost.example.com/x", ADMITTED },
	{ "https://example.com/a%20b", ADMITTED },
	{ "https://example.com/~!", ADMITTED },
	{ "https://example.com/@user", ADMITTED },
	{ "https://example.com/?to=a@b.c", ADMITTED },
	{ "https://example.com/..%2f", ADMITTED },
	{ "https://example.com/a/../b", ADMITTED },
	{ "https://example.com/a:b;c,d", ADMITTED },
	{ "https://example.com/http://127.0.0.1/", ADMITTED },
	{ "https://nowhere.invalid/x", ADMITTED },
	{ "https://receiver.test/x", ADMITTED },
	{ "https://" LABEL_63 ".com/", ADMITTED },
	{ "https://" NAME_253 "/", ADMITTED },
	{ "http://1.1.1.1/", ADMITTED },
	{ "http://8.8.8.8:8080/", ADMITTED },
	{ "http://9.255.255.255/", ADMITTED },
	{ "http://11.0.0.0/", ADMITTED },
	{ "http://172.15.255.255/", ADMITTED },
	{ "http://172.32.0.0/", ADMITTED },
	{ "http://223.255.255.255/", ADMITTED },
	{ "http://134744072/", ADMITTED },  /* 8.8.8.8, as libcurl reads it */
	{ "http://0x08080808/", ADMITTED }, /* likewise */
	{ "http://010.8.8.8/", ADMITTED },  /* octal: 8.8.8.8 */
	{ "http://[2606:4700:4700::1111]/", ADMITTED },
	{ "http://[2606:4700:4700::1111]:8080/x", ADMITTED },
	{ "http://[2A00:1450:4001:80B::200E]/", ADMITTED },
	{ "http://[::ffff:8.8.8.8]/", ADMITTED },

	/* Not a URL, or not one of ours. */
	{ "", SCHEME },
	{ "x", SCHEME },
	{ "example.com", SCHEME },
	{ "//example.com/x", SCHEME },
	{ "http:", SCHEME },
	{ "http:/", SCHEME },
	{ "http://", SCHEME },
	{ "http:///", SCHEME },
	{ "http:///example.com", SCHEME },
	{ "http:/example.com", SCHEME },
	{ "https:/example.com", SCHEME },
	{ "http:example.com", SCHEME },
	{ "http//example.com", SCHEME },
	{ "http://?x", SCHEME },
	{ "http://:80/", UNREADABLE },
	{ "https:////example.com", SCHEME },
	{ "ftp://example.com/", SCHEME },
	{ "file:///etc/passwd", SCHEME },
	{ "gopher://example.com/", SCHEME },
	{ "dict://example.com/", SCHEME },
	{ "ws://example.com/", SCHEME },
	{ "javascript:alert(1)", SCHEME },
	{ "httpss://example.com/", SCHEME },
	{ " http://example.com/", BYTES },
	{ "http://example.com/ ", BYTES },
	{ "http://exam ple.com/", BYTES },
	{ "http://example.com/a b", BYTES },
	{ "http://example.com/\t", BYTES },
	{ "http://example.com/\r\nX-Evil: 1", BYTES },
	{ "http://example.com\r\n/", BYTES },
	{ "http://example.com/\x7F", BYTES },
	{ "http://example.com/\x01", BYTES },
	{ "http://example.com/caf\xC3\xA9", BYTES },

	/* What parsers disagree about. */
	{ "http://user@example.com/", USER },
	{ "http://user:password@example.com/", USER },
	{ "http://@example.com/", USER },
	{ "http://:@example.com/", USER },
	{ "http://127.0.0.1@example.com/", USER },
	{ "http://example.com@127.0.0.1/", USER },
	{ "http://example.com:80@127.0.0.1/", USER },
	{ "http://example.com#@127.0.0.1/", FRAGMENT },
	{ "http://example.com/#frag", FRAGMENT },
	{ "http://example.com/x#", FRAGMENT },
	{ "http://127.0.0.1#.example.com/", FRAGMENT },
	{ "http://example.com\\@127.0.0.1/", BACKSLASH },
	{ "http://127.0.0.1\\.example.com/", BACKSLASH },
	{ "http:\\\\example.com/", BACKSLASH },
	{ "http://example.com/\\x", BACKSLASH },
	{ "http://%31%32%37.0.0.1/", ENCODED },
	{ "http://127.0.0.1%2f.example.com/", ENCODED },
	{ "http://example%2ecom/", ENCODED },
	{ "http://exam%00ple.com/", ENCODED },
	{ "http://example.com%/", ENCODED },
	{ "http://example.com:80:80/", UNREADABLE },
	{ "http://example.com:abc/", UNREADABLE },
	{ "http://example.com:-1/", UNREADABLE },
	{ "http://example.com:65536/", UNREADABLE },
	{ "http://example.com:99999999999/", UNREADABLE },
	{ "http://example.com:8o/", UNREADABLE },

	/* Hosts that are none. */
	{ "http://ex\xC3\xA4mple.com/", BYTES },
	{ "http://\xE2\x91\xA0\xE2\x91\xA1\xE2\x91\xA6.0.0.1/", BYTES },
	{ "http://\xE2\x93\x9Bocalhost/", BYTES },
	{ "http://a\xE2\x84\x80.example.com/", BYTES },
	{ "http://exa\xC2\xADmple.com/", BYTES },
	{ "http://./", LABEL },
	{ "http://../", LABEL },
	{ "http://.example.com/", LABEL },
	{ "http://example..com/", LABEL },
	{ "http://example.com../", LABEL },
	{ "http://exam!ple.com/", UNREADABLE },
	{ "http://exam$ple.com/", UNREADABLE },
	{ "http://exam&ple.com/", UNREADABLE },
	{ "http://exam'ple.com/", UNREADABLE },
	{ "http://(example.com)/", UNREADABLE },
	{ "http://example.com,127.0.0.1/", UNREADABLE },
	{ "http://example.com;127.0.0.1/", UNREADABLE },
	{ "http://*.example.com/", UNREADABLE },
	{ "http://{a,b}.example.com/", UNREADABLE },
	{ "http://<example>.com/", UNREADABLE },
	{ "http://example.com|x/", NAME_BYTES },
	{ "http://\"example\".com/", UNREADABLE },
	{ "http://" LABEL_63 "x.com/", LABEL },
	{ "http://" NAME_254 "/", NAME_LENGTH },
	{ "http://" NAME_255 "/", NAME_LENGTH },
	{ "http://1.2.3.4.5/", NUMBER },
	{ "http://256.256.256.256/", NUMBER },
	{ "http://1.2.3.256/", NUMBER },
	{ "http://127.0.0.1./", NUMBER },
	{ "http://example.1/", NUMBER },
	{ "http://example.0x7f/", NUMBER },
	{ "http://example.0XAbCdEfF/", NUMBER },
	{ "http://example.0x/", NUMBER },
	{ "http://example.0/", NUMBER },
	{ "http://example.1x7f/", ADMITTED },
	{ "http://example.0y7f/", ADMITTED },
	{ "http://example.0x7g/", ADMITTED },
	{ "http://4294967296/", NUMBER },
	{ "http://0x100000000/", NUMBER },
	{ "http://1.2.3.08/", NUMBER },
	{ "http://[]/", UNREADABLE },
	{ "http://[/", UNREADABLE },
	{ "http://[::1/", UNREADABLE },
	{ "http://::1/", UNREADABLE },
	{ "http://[g::1]/", UNREADABLE },
	{ "http://[1.2.3.4]/", UNREADABLE },
	{ "http://[2606:4700::1]x/", UNREADABLE },
	{ "http://[2606:4700::1%25eth0]/", ENCODED },
	{ "http://[fe80::1%25eth0]/", ENCODED },
	{ "http://[fe80::1%eth0]/", ENCODED },
	{ "http://[::1%25lo]/", ENCODED },

	/* Ports of other protocols. */
	{ "http://example.com:0/", PORT },
	{ "http://example.com:1/", PORT },
	{ "http://example.com:22/", PORT },
	{ "http://example.com:25/", PORT },
	{ "http://example.com:53/", PORT },
	{ "http://example.com:110/", PORT },
	{ "http://example.com:143/", PORT },
	{ "http://example.com:465/", PORT },
	{ "http://example.com:587/", PORT },
	{ "http://example.com:6000/", PORT },
	{ "http://example.com:6667/", PORT },
	{ "https://example.com:993/", PORT },
	{ "http://8.8.8.8:25/", PORT },
	{ "http://10.0.0.1:25/", PORT },

	/* Literal addresses, in every spelling that libcurl reads as one. */
	{ "http://127.0.0.1/", ADDRESS },
	{ "http://127.0.0.1:8080/", ADDRESS },
	{ "https://127.0.0.1/", ADDRESS },
	{ "http://127.255.255.254/", ADDRESS },
	{ "http://2130706433/", ADDRESS },
	{ "http://0x7f000001/", ADDRESS },
	{ "http://0X7F000001/", ADDRESS },
	{ "http://017700000001/", ADDRESS },
	{ "http://127.1/", ADDRESS },
	{ "http://127.0.1/", ADDRESS },
	{ "http://0177.0.0.1/", ADDRESS },
	{ "http://0177.0.0.01/", ADDRESS },
	{ "http://0x7f.0.0.1/", ADDRESS },
	{ "http://0x7f.1/", ADDRESS },
	{ "http://127.0.0.0x1/", ADDRESS },
	{ "http://00000177.0.0.1/", ADDRESS },
	{ "http://0/", ADDRESS },
	{ "http://0.0.0.0/", ADDRESS },
	{ "http://0.1.2.3/", ADDRESS },
	{ "http://1/", ADDRESS },
	{ "http://10.0.0.1/", ADDRESS },
	{ "http://167772161/", ADDRESS },
	{ "http://012.0.0.1/", ADDRESS },
	{ "http://0xa.1/", ADDRESS },
	{ "http://10.255.255.255/", ADDRESS },
	{ "http://100.64.0.1/", ADDRESS },
	{ "http://100.100.100.200/", ADDRESS },
	{ "http://100.127.255.255/", ADDRESS },
	{ "http://168.63.129.16/", ADDRESS },
	{ "http://169.254.169.254/latest/meta-data/", ADDRESS },
	{ "http://169.254.170.2/", ADDRESS },
	{ "http://2852039166/", ADDRESS },
	{ "http://0xA9FEA9FE/", ADDRESS },
	{ "http://0251.0376.0251.0376/", ADDRESS },
	{ "http://169.254.43518/", ADDRESS },
	{ "http://172.16.0.1/", ADDRESS },
	{ "http://172.31.255.255/", ADDRESS },
	{ "http://192.0.0.192/", ADDRESS },
	{ "http://192.0.2.1/", ADDRESS },
	{ "http://192.88.99.1/", ADDRESS },
	{ "http://192.168.0.1/", ADDRESS },
	{ "http://192.168.1/", ADDRESS },
	{ "http://198.18.0.1/", ADDRESS },
	{ "http://198.51.100.1/", ADDRESS },
	{ "http://203.0.113.1/", ADDRESS },
	{ "http://224.0.0.1/", ADDRESS },
	{ "http://239.255.255.255/", ADDRESS },
	{ "http://240.0.0.1/", ADDRESS },
	{ "http://255.255.255.255/", ADDRESS },
	{ "http://4294967295/", ADDRESS },
	{ "http://[::]/", ADDRESS },
	{ "http://[::1]/", ADDRESS },
	{ "http://[::1]:8080/", ADDRESS },
	{ "http://[0:0:0:0:0:0:0:1]/", ADDRESS },
	{ "http://[0000::0001]/", ADDRESS },
	{ "http://[::127.0.0.1]/", ADDRESS },
	{ "http://[::8.8.8.8]/", ADDRESS },
	{ "http://[::ffff:127.0.0.1]/", ADDRESS },
	{ "http://[::ffff:7f00:1]/", ADDRESS },
	{ "http://[::FFFF:169.254.169.254]/", ADDRESS },
	{ "http://[::ffff:0:127.0.0.1]/", ADDRESS },
	{ "http://[64:ff9b::127.0.0.1]/", ADDRESS },
	{ "http://[64:ff9b:1::10.0.0.1]/", ADDRESS },
	{ "http://[2002:7f00:1::]/", ADDRESS },
	{ "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", ADDRESS },
	{ "http://[2606:4700::5efe:10.0.0.1]/", ADDRESS },
	{ "http://[2001:db8::1]/", ADDRESS },
	{ "http://[3fff::1]/", ADDRESS },
	{ "http://[5f00::1]/", ADDRESS },
	{ "http://[100::1]/", ADDRESS },
	{ "http://[fc00::1]/", ADDRESS },
	{ "http://[fd00:ec2::254]/", ADDRESS },
	{ "http://[fd20:ce::254]/", ADDRESS },
	{ "http://[fe80::1]/", ADDRESS },
	{ "http://[fec0::1]/", ADDRESS },
	{ "http://[ff02::1]/", ADDRESS },
	{ "http://[4000::1]/", ADDRESS },

	/* Names of this machine, and of private networks. */
	{ "http://localhost/", HOST_NAME },
	{ "http://localhost:8080/", HOST_NAME },
	{ "https://LOCALHOST/", HOST_NAME },
	{ "http://localhost./", HOST_NAME },
	{ "http://a.localhost/", HOST_NAME },
	{ "http://a.b.LocalHost./", HOST_NAME },
	{ "http://localhost.localdomain/", HOST_NAME },
	{ "http://a.localhost.localdomain/", HOST_NAME },
	{ "http://localhost6/", HOST_NAME },
	{ "http://localhost6.localdomain6/", HOST_NAME },
	{ "http://ip6-localhost/", HOST_NAME },
	{ "http://ip6-loopback/", HOST_NAME },
	{ "http://loopback/", HOST_NAME },
	{ "http://printer.local/", NETWORK_NAME },
	{ "http://printer.local./", NETWORK_NAME },
	{ "http://metadata.google.internal/", NETWORK_NAME },
	{ "http://nas.home.arpa/", NETWORK_NAME },
	{ "http://nas.lan/", NETWORK_NAME },
	{ "http://intranet/", NETWORK_NAME },
	{ "http://receiver:8080/", NETWORK_NAME },
};

static void urls_are_taken_or_refused(void **state)
{
	(void)state;
	assert_true(ARRAY_SIZE(urls) >= 200);
	check_urls(urls, ARRAY_SIZE(urls), &none);
}

/* ---- agreement with libcurl's own parser ---- */

/* A part as libcurl reads it, "" where there is none; NULL where it cannot read the URL. */
static const char *part_of(const char *url, CURLUPart part, char text[LIMIT_URL_BYTES + 1])
{
	CURLU *parser = curl_url();
	char *found = NULL;
	bool is_readable = curl_url_set(parser, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == 0;
	if (is_readable)
		curl_url_get(parser, part, &found, CURLU_DEFAULT_PORT);
	snprintf(text, LIMIT_URL_BYTES + 1, "%s", found ? found : "");
	curl_free(found);
	curl_url_cleanup(parser);
	return is_readable ? text : NULL;
}

/* The host and port of an admitted URL as somebody reads them who knows no more of URLs than that
 * the host ends at a slash, a question mark or a colon. */
static void read_plainly(const char *url, char host[LIMIT_URL_BYTES + 1], unsigned *ret_port)
{
	const char *at = strstr(url, "//") + 2;
	size_t length = *at == '[' ? strcspn(at, "]") + 1 : strcspn(at, "/?:");
	snprintf(host, LIMIT_URL_BYTES + 1, "%.*s", (int)length, at);
	*ret_port = strncasecmp(url, "https:", 6) == 0 ? 443 : 80;
	if (at[length] == ':')
		*ret_port = (unsigned)strtoul(at + length + 1, NULL, 10);
}

static bool is_address(const char *host)
{
	struct in6_addr address;
	char bare[LIMIT_URL_BYTES + 1];
	snprintf(bare, sizeof(bare), "%s", host + (host[0] == '['));
	bare[strcspn(bare, "]")] = '\0';
	return inet_pton(AF_INET, bare, &address) == 1 || inet_pton(AF_INET6, bare, &address) == 1;
}

/* Nothing is admitted that libcurl would read in another way than a person does, or not at all; and
 * what is refused as an address is one to libcurl, in whatever spelling. */
static void libcurl_reads_what_is_admitted_as_it_is_written(void **state)
{
	(void)state;
	char host[LIMIT_URL_BYTES + 1], plain[LIMIT_URL_BYTES + 1], other[LIMIT_URL_BYTES + 1];
	unsigned port, wrong = 0, compared = 0;
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		const char *url = urls[i].url;
		const char *read = part_of(url, CURLUPART_HOST, host);
		bool is_same;
		if (urls[i].why == ADMITTED) {
			read_plainly(url, plain, &port);
			is_same = read && (strcasecmp(read, plain) == 0 || is_address(read)) &&
				  strtoul(part_of(url, CURLUPART_PORT, other), NULL, 10) == port &&
				  !*part_of(url, CURLUPART_USER, other) &&
				  !*part_of(url, CURLUPART_PASSWORD, other) &&
				  !*part_of(url, CURLUPART_ZONEID, other) &&
				  !*part_of(url, CURLUPART_FRAGMENT, other);
		} else if (verdicts[urls[i].why].result == -EACCES) {
			is_same = read && is_address(read) == (urls[i].why == ADDRESS);
		} else if (urls[i].why == UNREADABLE) {
			is_same = !read ||
				  strtoul(part_of(url, CURLUPART_PORT, other), NULL, 10) > 65535;
		} else {
			continue;
		}
		compared++;
		wrong += is_same ? 0 : 1;
		if (!is_same)
			print_error("%.100s: libcurl reads \"%.100s\"\n", url,
				    read ? read : "(nothing)");
	}
	assert_int_equal(wrong, 0);
	assert_true(compared >= 150);
}

/* ---- names, ports ---- */

static void every_name_of_this_machine_is_refused_with_all_below_it(void **state)
{
	(void)state;
	static const char *const names[] = {
		"localhost",
		"localhost.localdomain",
		"localhost4",
		"localhost6",
		"localhost4.localdomain4",
		"localhost6.localdomain6",
		"ip6-localhost",
		"ip6-loopback",
		"ip6-localnet",
		"ip6-allnodes",
		"ip6-allrouters",
		"loopback",
		"broadcasthost",
	};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char url[128];
		snprintf(url, sizeof(url), "http://%s/", names[i]);
		assert_true(is_judged_so(url, &none, HOST_NAME));
		snprintf(url, sizeof(url), "http://a.b.%s./", names[i]);
		assert_true(is_judged_so(url, &none, HOST_NAME));
		snprintf(url, sizeof(url), "http://not%s.example/", names[i]);
		assert_true(is_judged_so(url, &none, ADMITTED));
	}
}

static void every_name_of_private_networks_is_refused_with_all_below_it(void **state)
{
	(void)state;
	static const char *const names[] = { "local",    "localdomain", "internal",
					     "intranet", "private",     "corp",
					     "home",     "lan",         "home.arpa" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char url[128];
		snprintf(url, sizeof(url), "http://%s/", names[i]);
		assert_true(is_judged_so(url, &none, NETWORK_NAME));
		snprintf(url, sizeof(url), "http://a.b.%s./", names[i]);
		assert_true(is_judged_so(url, &none, NETWORK_NAME));
		snprintf(url, sizeof(url), "http://a.not%s/", names[i]);
		assert_true(is_judged_so(url, &none, ADMITTED));
	}
}

/* The "bad ports" of fetch.spec.whatwg.org, and 0. */
static bool belongs_to_another_protocol(unsigned port)
{
	static const unsigned ports[] = {
		0,    1,    7,    9,    11,   13,   15,   17,   19,   20,   21,   22,   23,    25,
		37,   42,   43,   53,   69,   77,   79,   87,   95,   101,  102,  103,  104,   109,
		110,  111,  113,  115,  117,  119,  123,  135,  137,  139,  143,  161,  179,   389,
		427,  465,  512,  513,  514,  515,  526,  530,  531,  532,  540,  548,  554,   556,
		563,  587,  601,  636,  989,  990,  993,  995,  1719, 1720, 1723, 2049, 3659,  4045,
		4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
	};
	for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
		if (ports[i] == port)
			return true;
	}
	return false;
}

static void a_port_of_another_protocol_is_refused_and_every_other_is_not(void **state)
{
	(void)state;
	for (unsigned port = 0; port <= 10100; port++) { /* the list ends at 10080 */
		char url[64];
		snprintf(url, sizeof(url), "https://example.com:%u/", port);
		assert_true(is_judged_so(url, &none,
					 belongs_to_another_protocol(port) ? PORT : ADMITTED));
	}
}

static void the_longest_url_is_2048_bytes(void **state)
{
	(void)state;
	char url[LIMIT_URL_BYTES + 2];
	size_t prefix = (size_t)snprintf(url, sizeof(url), "https://example.com/");
	memset(url + prefix, 'a', sizeof(url) - prefix);
	url[LIMIT_URL_BYTES] = '\0';
	assert_true(is_judged_so(url, &none, ADMITTED));
	url[LIMIT_URL_BYTES] = 'a';
	url[LIMIT_URL_BYTES + 1] = '\0';
	assert_true(is_judged_so(url, &none, TOO_LONG));
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

/* Should another libcurl let more through than this one: a name is letters, digits, hyphens and
 * underscores. */
static void a_name_has_no_other_bytes_than_names_have(void **state)
{
	(void)state;
	for (int byte = 0x21; byte <= 0x7E; byte++) {
		char url[sizeof(((struct http_url *)0)->host) + 16];
		struct http_url read = { .port = 80 };
		if (strchr("/?#:@%\\", byte)) /* these end a host, or are refused before */
			continue;
		snprintf(read.host, sizeof(read.host), "a%cb.example", byte);
		snprintf(url, sizeof(url), "http://%s/", read.host);
		bool is_good = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
			       (byte >= '0' && byte <= '9') || byte == '-' || byte == '_' ||
			       byte == '.';
		read_instead = &read;
		bool is_right = is_judged_so(url, &none, is_good ? ADMITTED : NAME_BYTES);
		read_instead = NULL;
		assert_true(is_right);
	}
}

/* libcurl hands names on in lower case; should it not, a number in capitals is one, too. */
static void a_number_in_capitals_is_a_number(void **state)
{
	(void)state;
	static const struct http_url read = { .host = "example.0X7F", .port = 80 };
	read_instead = &read;
	bool is_right = is_judged_so("http://example.0X7F/", &none, NUMBER);
	read_instead = NULL;
	assert_true(is_right);
}

/* Names of the network are admitted by what is exempted beyond this machine, however little. */
static void an_exemption_admits_names_of_the_network_unless_it_is_of_this_machine(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		unsigned prefix_bits;
		enum why why;
	} cases[] = {
		{ "::ffff:127.0.0.0", 96 + 8, NETWORK_NAME },
		{ "::ffff:127.0.0.1", 128, NETWORK_NAME },
		{ "::ffff:127.1.0.0", 96 + 16, NETWORK_NAME },
		{ "::1", 128, NETWORK_NAME },
		{ "::ffff:126.0.0.0", 96 + 7, ADMITTED },
		{ "::ffff:127.0.0.0", 96 + 7, ADMITTED }, /* 126.0.0.0/7 */
		{ "::ffff:10.0.5.0", 96 + 24, ADMITTED },
		{ "::", 127, ADMITTED },
		{ "::2", 128, ADMITTED },
		{ "::1", 127, ADMITTED },
		{ "fd00::1", 128, ADMITTED },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct config_cidr one = cidr(cases[i].address, cases[i].prefix_bits);
		const struct target_exemptions exemptions = { &one, 1 };
		if (!is_judged_so("http://receiver.internal/", &exemptions, cases[i].why))
			fail_msg("with %s/%u exempted", cases[i].address, cases[i].prefix_bits);
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
		{ "http://127.0.0.1:1/", ADMITTED },
		{ "http://127.0.0.1:25/", ADMITTED },
		{ "http://example.com:1/", PORT },
		{ "http://127.0.0.1:8080/", ADMITTED },
		{ "http://0x7f.1/", ADMITTED },
		{ "http://[::ffff:127.0.0.1]/", ADMITTED },
		{ "http://localhost:8080/", ADMITTED },
		{ "http://a.localhost/", ADMITTED },
		{ "http://ip6-localhost/", ADMITTED },
		{ "http://[::1]/", ADDRESS },
		{ "http://[::127.0.0.1]/", ADDRESS },
		{ "http://[64:ff9b::127.0.0.1]/", ADDRESS },
		{ "http://10.0.0.1/", ADDRESS },
		{ "http://169.254.169.254/", ADDRESS },
		{ "http://receiver/", NETWORK_NAME },
		{ "http://nas.local/", NETWORK_NAME },
		{ "http://127.0.0.1@example.com/", USER },
		{ "http://example.com/", ADMITTED },
	};
	check_urls(cases, ARRAY_SIZE(cases), &loopback);
}

/* localhost stands for 127.0.0.1, whatever else of this machine is exempted. */
static void localhost_needs_an_exemption_of_its_address(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		enum why why;
	} cases[] = {
		{ "::ffff:127.0.0.1", ADMITTED },
		{ "::ffff:127.0.0.0", HOST_NAME },
		{ "::ffff:127.0.0.2", HOST_NAME },
		{ "::ffff:127.0.0.3", HOST_NAME },
		{ "::ffff:127.0.1.0", HOST_NAME },
		{ "::ffff:127.0.1.1", HOST_NAME },
		{ "::1", HOST_NAME },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct config_cidr one = cidr(cases[i].address, 128);
		const struct target_exemptions exemptions = { &one, 1 };
		if (!is_judged_so("http://localhost/", &exemptions, cases[i].why))
			fail_msg("with %s exempted", cases[i].address);
	}
}

static void one_exemption_beyond_this_machine_is_enough_for_names_of_the_network(void **state)
{
	(void)state;
	const struct config_cidr cidrs[] = { cidr("::ffff:127.0.0.1", 128), cidr("::1", 128),
					     cidr("::ffff:10.0.5.0", 120) };
	const struct target_exemptions three = { cidrs, ARRAY_SIZE(cidrs) };
	const struct target_exemptions two = { cidrs, 2 };
	assert_true(is_judged_so("http://receiver/", &three, ADMITTED));
	assert_true(is_judged_so("http://receiver/", &two, NETWORK_NAME));
}

static void an_exemption_of_a_network_admits_its_addresses_and_names(void **state)
{
	(void)state;
	const struct config_cidr cidrs[] = { cidr("::ffff:10.0.5.0", 120), cidr("fd00::", 16) };
	const struct target_exemptions network = { cidrs, ARRAY_SIZE(cidrs) };
	static const struct url_case cases[] = {
		{ "http://10.0.5.0/", ADMITTED },      { "http://10.0.5.255/", ADMITTED },
		{ "http://10.0.4.255/", ADDRESS },     { "http://10.0.6.0/", ADDRESS },
		{ "http://[fd00::1]/", ADMITTED },     { "http://[fd01::1]/", ADDRESS },
		{ "http://receiver:8080/", ADMITTED }, { "http://hooks.internal/", ADMITTED },
		{ "http://nas.local/", ADMITTED },     { "http://localhost/", HOST_NAME },
		{ "http://127.0.0.1/", ADDRESS },
	};
	check_urls(cases, ARRAY_SIZE(cases), &network);
}

/* ---- addresses ---- */

/* Why an address may not be connected to; NULL: it may. */
static const char *refusal_of(const char *text, const struct target_exemptions *exemptions)
{
	struct http_address address;
	const char *reason = NULL;
	if (!http_address_parse(text, &address))
		fail_msg("%s is no address", text);
	bool is_good = target_address_is_allowed(&address, exemptions, &reason);
	assert_int_equal(is_good, reason == NULL);
	assert_int_equal(is_good, target_address_is_allowed(&address, exemptions, NULL));
	return reason;
}

static bool is_allowed(const char *text, const struct target_exemptions *exemptions)
{
	return refusal_of(text, exemptions) == NULL;
}

static void assert_refused(const char *text, const char *expected)
{
	const char *reason = refusal_of(text, &none);
	if (!reason || strcmp(reason, expected) != 0)
		fail_msg("%s: expected \"%s\", got \"%s\"", text, expected,
			 reason ? reason : "allowed");
}

static void assert_allowed(const char *text, bool expected)
{
	if (is_allowed(text, &none) != expected)
		fail_msg("%s should %sbe allowed", text, expected ? "" : "not ");
}

static const struct {
	const char *first, *last;
	bool below_is_public, above_is_public;
	const char *reason;
} refused_ipv4[] = {
	{ "0.0.0.0", "0.255.255.255", false, true, "address of this host" },
	{ "10.0.0.0", "10.255.255.255", true, true, "private address" },
	{ "100.64.0.0", "100.127.255.255", true, true, "shared address" },
	{ "127.0.0.0", "127.255.255.255", true, true, "loopback address" },
	{ "168.63.129.16", "168.63.129.16", true, true, "metadata address" },
	{ "169.254.0.0", "169.254.255.255", true, true, "link-local address" },
	{ "172.16.0.0", "172.31.255.255", true, true, "private address" },
	{ "192.0.0.0", "192.0.0.255", true, true, "reserved address" },
	{ "192.0.2.0", "192.0.2.255", true, true, "documentation address" },
	{ "192.31.196.0", "192.31.196.255", true, true, "reserved address" },
	{ "192.52.193.0", "192.52.193.255", true, true, "reserved address" },
	{ "192.88.99.0", "192.88.99.255", true, true, "reserved address" },
	{ "192.168.0.0", "192.168.255.255", true, true, "private address" },
	{ "192.175.48.0", "192.175.48.255", true, true, "reserved address" },
	{ "198.18.0.0", "198.19.255.255", true, true, "benchmarking address" },
	{ "198.51.100.0", "198.51.100.255", true, true, "documentation address" },
	{ "203.0.113.0", "203.0.113.255", true, true, "documentation address" },
	{ "224.0.0.0", "239.255.255.255", true, false, "multicast address" },
	{ "240.0.0.0", "255.255.255.255", false, false, "reserved address" },
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
		assert_refused(refused_ipv4[i].first, refused_ipv4[i].reason);
		assert_refused(refused_ipv4[i].last, refused_ipv4[i].reason);
	}
}

/* Outside 2000::/3 everything is refused, and inside what is special: under which name, to the
 * first and the last of each prefix. */
static void a_refused_ipv6_address_is_called_what_it_is(void **state)
{
	(void)state;
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{ "::", "unspecified address" },
		{ "::1", "loopback address" },
		{ "::2", "IPv4-compatible address" },
		{ "::ffff:ffff", "IPv4-compatible address" },
		{ "::1:0:0", "reserved address" },
		{ "::fffe:ffff:ffff", "reserved address" },
		{ "::ffff:0:0:0", "IPv4-translated address" },
		{ "::ffff:0:ffff:ffff", "IPv4-translated address" },
		{ "::fffe:ffff:ffff:ffff", "reserved address" },
		{ "::ffff:1:0:0", "reserved address" },
		{ "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", "reserved address" },
		{ "64:ff9b::", "NAT64 address" },
		{ "64:ff9b::ffff:ffff", "NAT64 address" },
		{ "64:ff9b::1:0:0", "reserved address" },
		{ "64:ff9b:0:ffff:ffff:ffff:ffff:ffff", "reserved address" },
		{ "64:ff9b:1::", "NAT64 address" },
		{ "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "NAT64 address" },
		{ "64:ff9b:2::", "reserved address" },
		{ "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved address" },
		{ "fc00::", "private address" },
		{ "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private address" },
		{ "fe00::", "reserved address" },
		{ "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved address" },
		{ "fe80::", "link-local address" },
		{ "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "link-local address" },
		{ "fec0::", "site-local address" },
		{ "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "site-local address" },
		{ "ff00::", "multicast address" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast address" },
		{ "2001::1", "reserved address (Teredo and kin)" },
		{ "2001:db8::1", "documentation address" },
		{ "2002::1", "6to4 address" },
		{ "2620:4f:8000::1", "reserved address" },
		{ "3fff::1", "documentation address" },
		{ "2606:4700::5efe:808:808", "ISATAP address" },
		{ "2606:4700::200:5efe:808:808", "ISATAP address" },
		{ "2606:4700:ffff:ffff:0:5efe:808:808", "ISATAP address" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_refused(cases[i].text, cases[i].reason);
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
		{ "2606:4700::300:5efe:1:1", true },
		{ "2606:4700::400:5efe:1:1", true },
		{ "2606:4700::1:5efe:1:1", true },
		{ "2606:4700::5dfe:1:1", true },
		{ "2606:4700::5ffe:1:1", true },
		{ "2606:4700::5efd:1:1", true },
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
	/* Half of all addresses, by one bit. */
	const struct config_cidr half = cidr("::ffff:128.0.0.0", 97);
	const struct target_exemptions upper = { &half, 1 };
	assert_true(is_allowed("192.168.0.1", &upper));
	assert_false(is_allowed("10.0.0.1", &upper));
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
		cmocka_unit_test(libcurl_reads_what_is_admitted_as_it_is_written),
		cmocka_unit_test(every_name_of_this_machine_is_refused_with_all_below_it),
		cmocka_unit_test(every_name_of_private_networks_is_refused_with_all_below_it),
		cmocka_unit_test(a_port_of_another_protocol_is_refused_and_every_other_is_not),
		cmocka_unit_test(the_longest_url_is_2048_bytes),
		cmocka_unit_test(a_url_that_libcurl_reads_otherwise_is_refused),
		cmocka_unit_test(a_name_has_no_other_bytes_than_names_have),
		cmocka_unit_test(a_number_in_capitals_is_a_number),
		cmocka_unit_test(
			an_exemption_admits_names_of_the_network_unless_it_is_of_this_machine),
		cmocka_unit_test(an_exemption_of_loopback_admits_this_machine_and_no_more),
		cmocka_unit_test(localhost_needs_an_exemption_of_its_address),
		cmocka_unit_test(
			one_exemption_beyond_this_machine_is_enough_for_names_of_the_network),
		cmocka_unit_test(an_exemption_of_a_network_admits_its_addresses_and_names),
		cmocka_unit_test(every_special_ipv4_prefix_is_refused_from_its_first_to_its_last),
		cmocka_unit_test(a_refused_ipv6_address_is_called_what_it_is),
		cmocka_unit_test(the_neighbours_of_special_ipv4_prefixes_are_allowed),
		cmocka_unit_test(ipv6_is_allowed_inside_2000_3_but_for_its_special_parts),
		cmocka_unit_test(an_ipv4_exemption_holds_for_the_mapped_form_and_no_other),
		cmocka_unit_test(an_ipv6_exemption_holds_for_its_prefix),
		cmocka_unit_test(an_origin_has_no_path_in_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
