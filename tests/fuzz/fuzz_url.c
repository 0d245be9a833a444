/* A URL that may be registered is one that libcurl reads, with a host that is neither private nor
 * this machine, whoever reads it: libcurl, inet_pton(), the C library's inet_aton(). */
#include "fuzz.h"

#include "base/limits.h"
#include "domain/target.h"

#include <arpa/inet.h>
#include <strings.h>

static const struct target_exemptions none = { 0 };

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);
	return length >= end_length && strcasecmp(text + length - end_length, end) == 0;
}

static void must_be_public_name(const char *host)
{
	FUZZ_MUST(strchr(host, '.') && host[0] != '.' && !strstr(host, ".."));
	FUZZ_MUST(!ends_with(host, ".localhost") && !ends_with(host, ".localhost."));
	FUZZ_MUST(!ends_with(host, ".local") && !ends_with(host, ".internal"));
	for (const char *at = host; *at; at++)
		FUZZ_MUST((*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') ||
			  strchr("-._", *at));
	struct in_addr address;
	FUZZ_MUST(inet_aton(host, &address) == 0);
}

static void must_be_registrable(const char *url)
{
	struct http_url parsed;
	struct http_address address;
	FUZZ_MUST(strlen(url) <= LIMIT_URL_BYTES);
	FUZZ_MUST(strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0);
	for (const char *at = url; *at; at++)
		FUZZ_MUST(*at > ' ' && *at < 0x7F);
	FUZZ_MUST(http_url_parse(url, &parsed) == 0);
	FUZZ_MUST(!parsed.has_userinfo && !parsed.has_fragment && !parsed.has_zone);
	FUZZ_MUST(parsed.port != 0 && parsed.host[0] != '\0');
	if (http_address_parse(parsed.host, &address)) {
		FUZZ_MUST(parsed.host_is_ipv6 == (address.family == AF_INET6));
		FUZZ_MUST(target_address_is_allowed(&address, &none, NULL));
	} else {
		FUZZ_MUST(!parsed.host_is_ipv6);
		must_be_public_name(parsed.host);
	}

	/* The origin, which is logged, is a URL with the same host and port. */
	char origin[TARGET_ORIGIN_SIZE];
	struct http_url again;
	FUZZ_MUST(http_url_parse(target_origin(url, origin), &again) == 0);
	FUZZ_MUST(strcmp(again.host, parsed.host) == 0 && again.port == parsed.port);
	FUZZ_MUST(again.is_https == parsed.is_https);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	char *url = fuzz_take_text(&input);
	char origin[TARGET_ORIGIN_SIZE];
	const char *reason = NULL;
	struct http_url parsed = { 0 };

	int result = http_url_parse(url, &parsed);
	if (result == 0) {
		FUZZ_MUST(strlen(parsed.host) > 0 && strlen(parsed.host) < sizeof(parsed.host));
		FUZZ_MUST(!strpbrk(parsed.host, "/@[]"));
	}
	FUZZ_MUST(strlen(target_origin(url, origin)) < TARGET_ORIGIN_SIZE);
	if (target_url_check(url, &none, &reason) == 0)
		must_be_registrable(url);
	else
		FUZZ_MUST(reason && *reason);

	/* Exemptions only ever let more through. */
	static const struct config_cidr loopback = { { [10] = 0xFF, [11] = 0xFF, [12] = 127 },
						     104 };
	const struct target_exemptions exempt = { &loopback, 1 };
	const char *other_reason;
	int with_exemption = target_url_check(url, &exempt, &other_reason);
	FUZZ_MUST(with_exemption == 0 || target_url_check(url, &none, &reason) == with_exemption);
	free(url);
	return 0;
}
