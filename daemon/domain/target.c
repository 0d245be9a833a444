#include "domain/target.h"

#include "base/limits.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- addresses ---- */

struct special_prefix {
	uint8_t address[16];
	unsigned bits;
	const char *reason;
};

#define V4(a, b, c, d, bits, reason) \
	{ \
		{ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, a, b, c, d }, 96 + (bits), reason \
	}

/* IANA's IPv4 Special-Purpose Address Registry (2025-10-09), multicast, and Azure's metadata
 * service, which lives in ordinary address space. */
static const struct special_prefix special_ipv4[] = {
	V4(0, 0, 0, 0, 8, "address of this host"),
	V4(10, 0, 0, 0, 8, "private address"),
	V4(100, 64, 0, 0, 10, "shared address"),
	V4(127, 0, 0, 0, 8, "loopback address"),
	V4(168, 63, 129, 16, 32, "metadata address"),
	V4(169, 254, 0, 0, 16, "link-local address"),
	V4(172, 16, 0, 0, 12, "private address"),
	V4(192, 0, 0, 0, 24, "reserved address"),
	V4(192, 0, 2, 0, 24, "documentation address"),
	V4(192, 31, 196, 0, 24, "reserved address"),
	V4(192, 52, 193, 0, 24, "reserved address"),
	V4(192, 88, 99, 0, 24, "reserved address"),
	V4(192, 168, 0, 0, 16, "private address"),
	V4(192, 175, 48, 0, 24, "reserved address"),
	V4(198, 18, 0, 0, 15, "benchmarking address"),
	V4(198, 51, 100, 0, 24, "documentation address"),
	V4(203, 0, 113, 0, 24, "documentation address"),
	V4(224, 0, 0, 0, 4, "multicast address"),
	V4(240, 0, 0, 0, 4, "reserved address"),
};

/* What is special inside 2000::/3, of IANA's IPv6 Special-Purpose Address Registry (2025-10-09). */
static const struct special_prefix special_ipv6[] = {
	{ { 0x20, 0x01 }, 23, "reserved address (Teredo and kin)" },
	{ { 0x20, 0x01, 0x0D, 0xB8 }, 32, "documentation address" },
	{ { 0x20, 0x02 }, 16, "6to4 address" },
	{ { 0x26, 0x20, 0x00, 0x4F, 0x80 }, 48, "reserved address" },
	{ { 0x3F, 0xFF }, 20, "documentation address" },
};

/* Outside 2000::/3 nothing is let through: these rows only give the refusal its name. */
static const struct special_prefix named_ipv6[] = {
	{ { [15] = 1 }, 128, "loopback address" },
	{ { 0 }, 128, "unspecified address" },
	{ { 0 }, 96, "IPv4-compatible address" },
	{ { [8] = 0xFF, [9] = 0xFF }, 96, "IPv4-translated address" },
	{ { 0x00, 0x64, 0xFF, 0x9B }, 96, "NAT64 address" },
	{ { 0x00, 0x64, 0xFF, 0x9B, 0x00, 0x01 }, 48, "NAT64 address" },
	{ { 0xFC }, 7, "private address" },
	{ { 0xFE, 0x80 }, 10, "link-local address" },
	{ { 0xFE, 0xC0 }, 10, "site-local address" },
	{ { 0xFF }, 8, "multicast address" },
};

static const struct special_prefix global_ipv6 = { { 0x20 }, 3, NULL };
static const struct special_prefix mapped_ipv4 = V4(0, 0, 0, 0, 0, NULL);

static bool prefix_covers(const uint8_t prefix[16], unsigned bits, const uint8_t address[16])
{
	unsigned whole = bits / 8, rest = bits % 8;
	if (memcmp(prefix, address, whole) != 0)
		return false;
	return rest == 0 || (prefix[whole] ^ address[whole]) >> (8 - rest) == 0;
}

/* The reason of the first row that covers the address, or NULL. */
static const char *find_special(const struct special_prefix *rows, size_t count,
				const uint8_t address[16])
{
	for (const struct special_prefix *row = rows; row < rows + count; row++) {
		if (prefix_covers(row->address, row->bits, address))
			return row->reason;
	}
	return NULL;
}

/* RFC 5214: interface identifiers 0000:5efe:a.b.c.d and 0200:5efe:a.b.c.d are tunnels to the IPv4
 * address in them, whatever the prefix. */
static bool is_isatap(const uint8_t address[16])
{
	return (address[8] & ~2) == 0 && address[9] == 0 && address[10] == 0x5E &&
	       address[11] == 0xFE;
}

/* NULL: an ordinary public address. */
static const char *address_objection(const uint8_t address[16])
{
	if (prefix_covers(mapped_ipv4.address, mapped_ipv4.bits, address))
		return find_special(special_ipv4, ARRAY_SIZE(special_ipv4), address);
	if (!prefix_covers(global_ipv6.address, global_ipv6.bits, address)) {
		const char *name = find_special(named_ipv6, ARRAY_SIZE(named_ipv6), address);
		return name ? name : "reserved address";
	}
	if (is_isatap(address))
		return "ISATAP address";
	return find_special(special_ipv6, ARRAY_SIZE(special_ipv6), address);
}

/* IPv4 as ::ffff:a.b.c.d, as the exemptions have it. */
static void address_bytes(const struct http_address *address, uint8_t bytes[16])
{
	assert(address->family == AF_INET || address->family == AF_INET6);
	if (address->family == AF_INET6) {
		memcpy(bytes, &address->v6, 16);
		return;
	}
	memcpy(bytes, mapped_ipv4.address, 12);
	memcpy(bytes + 12, &address->v4, 4);
}

static bool is_exempt(const uint8_t address[16], const struct target_exemptions *exemptions)
{
	for (unsigned i = 0; i < exemptions->count; i++) {
		const struct config_cidr *cidr = &exemptions->cidrs[i];
		if (prefix_covers(cidr->address, cidr->prefix_bits, address))
			return true;
	}
	return false;
}

bool target_address_is_allowed(const struct http_address *address,
			       const struct target_exemptions *exemptions, const char **ret_reason)
{
	uint8_t bytes[16];
	address_bytes(address, bytes);
	const char *objection = address_objection(bytes);
	if (!objection || is_exempt(bytes, exemptions))
		return true;
	if (ret_reason)
		*ret_reason = objection;
	return false;
}

/* ---- names ---- */

/* Names of this host, in Debian's /etc/hosts and elsewhere; each stands for everything below it. */
static const char *const loopback_names[] = {
	"localhost",      "localhost.localdomain",
	"localhost4",     "localhost4.localdomain4",
	"localhost6",     "localhost6.localdomain6",
	"ip6-localhost",  "ip6-loopback",
	"ip6-localnet",   "ip6-allnodes",
	"ip6-allrouters", "loopback",
	"broadcasthost",
};

/* Names that only a private network gives (RFC 6762 with its appendix G, RFC 8375, .internal). */
static const char *const private_suffixes[] = {
	"local", "localdomain", "internal", "intranet",  "private",
	"corp",  "home",        "lan",      "home.arpa",
};

static const uint8_t loopback_v4[16] = { [10] = 0xFF, [11] = 0xFF, [12] = 127, [15] = 1 };
static const uint8_t loopback_v6[16] = { [15] = 1 };

/* Is name one of the names, or below one of them? */
static bool is_in_domain(const char *name, const char *const *domains, size_t count)
{
	size_t length = strlen(name);
	for (size_t i = 0; i < count; i++) {
		size_t domain_length = strlen(domains[i]);
		if (length < domain_length ||
		    strcasecmp(name + length - domain_length, domains[i]) != 0)
			continue;
		if (length == domain_length || name[length - domain_length - 1] == '.')
			return true;
	}
	return false;
}

/* Does the operator allow anything beyond this host? Then names of the network have a use. */
static bool reaches_beyond_loopback(const struct target_exemptions *exemptions)
{
	for (unsigned i = 0; i < exemptions->count; i++) {
		const struct config_cidr *cidr = &exemptions->cidrs[i];
		bool is_v4_loopback =
			cidr->prefix_bits >= 96 + 8 && memcmp(cidr->address, loopback_v4, 13) == 0;
		bool is_v6_loopback =
			cidr->prefix_bits == 128 && memcmp(cidr->address, loopback_v6, 16) == 0;
		if (!is_v4_loopback && !is_v6_loopback)
			return true;
	}
	return false;
}

static bool is_label_byte(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
}

/* The last label is a number, decimal or hexadecimal: somebody's parser may take the whole for an
 * IPv4 address (the URL standard's "ends in a number"). */
static bool ends_in_number(const char *name)
{
	const char *dot = strrchr(name, '.');
	const char *label = dot ? dot + 1 : name;
	if (label[strspn(label, "0123456789")] == '\0')
		return true;
	return label[0] == '0' && (label[1] == 'x' || label[1] == 'X') &&
	       label[2 + strspn(label + 2, "0123456789abcdefABCDEF")] == '\0';
}

/* NULL: letters, digits, hyphens and underscores in labels of 1 to 63 bytes, 253 in all. */
static const char *name_objection(const char *name)
{
	size_t label_length = 0;

	if (strlen(name) > 253)
		return "the host name is too long";
	for (const char *at = name;; at++) {
		if (*at == '.' || *at == '\0') {
			if (label_length == 0 || label_length > 63)
				return "the host name has a part that is empty or too long";
			label_length = 0;
			if (*at == '\0')
				break;
		} else if (is_label_byte(*at)) {
			label_length++;
		} else {
			return "the host name has characters that host names do not have: write an "
			       "international name in its xn-- form";
		}
	}
	if (ends_in_number(name))
		return "the host looks like an address but is none: write four decimal numbers";
	return NULL;
}

/* 0, -EINVAL or -EACCES with *ret_reason. */
static int check_name(const char *host, const struct target_exemptions *exemptions,
		      const char **ret_reason)
{
	char name[sizeof(((struct http_url *)0)->host)];
	snprintf(name, sizeof(name), "%s", host);
	size_t length = strlen(name);
	if (length > 0 && name[length - 1] == '.') /* the root, spelled out */
		name[length - 1] = '\0';

	const char *objection = name_objection(name);
	if (objection) {
		*ret_reason = objection;
		return -EINVAL;
	}
	if (is_in_domain(name, loopback_names, ARRAY_SIZE(loopback_names))) {
		if (is_exempt(loopback_v4, exemptions))
			return 0;
		*ret_reason = "the host is a name of this machine: use a public host, or have the "
			      "operator add its address to allow_targets";
		return -EACCES;
	}
	if (!strchr(name, '.') ||
	    is_in_domain(name, private_suffixes, ARRAY_SIZE(private_suffixes))) {
		if (reaches_beyond_loopback(exemptions))
			return 0;
		*ret_reason = "the host is a name of a private network: use a public host, or have "
			      "the operator add its network to allow_targets";
		return -EACCES;
	}
	return 0;
}

/* ---- URLs ---- */

/* Ports on which other protocols listen that an HTTP request could be made to speak (the "bad
 * ports" of fetch.spec.whatwg.org). Rising. */
static const uint16_t bad_ports[] = {
	0,    1,    7,    9,    11,   13,   15,   17,   19,   20,   21,   22,   23,    25,
	37,   42,   43,   53,   69,   77,   79,   87,   95,   101,  102,  103,  104,   109,
	110,  111,  113,  115,  117,  119,  123,  135,  137,  139,  143,  161,  179,   389,
	427,  465,  512,  513,  514,  515,  526,  530,  531,  532,  540,  548,  554,   556,
	563,  587,  601,  636,  989,  990,  993,  995,  1719, 1720, 1723, 2049, 3659,  4045,
	4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
};

static bool is_bad_port(uint16_t port)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_ports); i++) {
		if (bad_ports[i] == port)
			return true;
	}
	return false;
}

/* The part between "//" and the path, as it is written. NULL if the URL is not of the form
 * http[s]://something. */
static const char *find_authority(const char *url, size_t *ret_length)
{
	size_t scheme = strncasecmp(url, "http://", 7) == 0    ? 7
			: strncasecmp(url, "https://", 8) == 0 ? 8
							       : 0;
	size_t length = scheme ? strcspn(url + scheme, "/?#") : 0;
	*ret_length = length;
	return length > 0 ? url + scheme : NULL;
}

/* Refuses what parsers are known to disagree about, before any of them is asked. NULL: none of it.
 */
static const char *spelling_objection(const char *url)
{
	size_t length = strlen(url), authority_length;
	if (length > LIMIT_URL_BYTES)
		return "the URL is longer than 2048 bytes";
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)url[i];
		if (byte < 0x21 || byte > 0x7E)
			return "the URL has spaces, control characters or characters beyond ASCII: "
			       "write them percent-encoded, an international host in its xn-- form";
		if (byte == '\\')
			return "the URL has a backslash";
		if (byte == '#')
			return "the URL has a fragment, which is never sent";
	}
	const char *authority = find_authority(url, &authority_length);
	if (!authority)
		return "the URL must begin with http:// or https:// and a host";
	if (memchr(authority, '@', authority_length))
		return "the URL has a user name: use bearer_token or extra_headers";
	if (memchr(authority, '%', authority_length))
		return "the host is percent-encoded or has a zone: write it plainly";
	return NULL;
}

/* Does libcurl see the host where it stands in the text? */
static bool host_agrees(const char *url, const struct http_url *parsed)
{
	size_t length, host_length = strlen(parsed->host);
	const char *authority = find_authority(url, &length);
	return authority && length >= host_length &&
	       strncasecmp(authority, parsed->host, host_length) == 0 &&
	       (length == host_length || authority[host_length] == ':');
}

static int check_host(const char *url, const struct http_url *parsed,
		      const struct target_exemptions *exemptions, const char **ret_reason)
{
	struct http_address address;
	if (http_address_parse(parsed->host, &address)) {
		if (target_address_is_allowed(&address, exemptions, NULL))
			return 0;
		*ret_reason = "the host is a private, local or reserved address: use a public one, "
			      "or have the operator add it to allow_targets";
		return -EACCES;
	}
	if (parsed->host_is_ipv6 || !host_agrees(url, parsed)) {
		*ret_reason = "the host cannot be read";
		return -EINVAL;
	}
	return check_name(parsed->host, exemptions, ret_reason);
}

/* A literal that the operator has named: then its ports are the operator's business, too. */
static bool is_exempt_literal(const struct http_url *parsed,
			      const struct target_exemptions *exemptions)
{
	struct http_address address;
	if (!http_address_parse(parsed->host, &address))
		return false;
	uint8_t bytes[16];
	address_bytes(&address, bytes);
	return is_exempt(bytes, exemptions);
}

int target_url_check(const char *url, const struct target_exemptions *exemptions,
		     const char **ret_reason)
{
	struct http_url parsed;
	const char *objection = spelling_objection(url);
	if (!objection && http_url_parse(url, &parsed) != 0)
		objection = "the URL cannot be read";
	else if (!objection && (parsed.has_userinfo || parsed.has_fragment || parsed.has_zone))
		objection = "the URL has a user name, a fragment or a zone";
	else if (!objection && is_bad_port(parsed.port) && !is_exempt_literal(&parsed, exemptions))
		objection = "the port belongs to another protocol";
	if (objection) {
		*ret_reason = objection;
		return -EINVAL;
	}
	return check_host(url, &parsed, exemptions, ret_reason);
}

char *target_origin_of(const struct http_url *url, char text[TARGET_ORIGIN_SIZE])
{
	if (url)
		snprintf(text, TARGET_ORIGIN_SIZE, "http%s://%s%s%s:%u", url->is_https ? "s" : "",
			 url->host_is_ipv6 ? "[" : "", url->host, url->host_is_ipv6 ? "]" : "",
			 url->port);
	else
		snprintf(text, TARGET_ORIGIN_SIZE, "(no URL)");
	return text;
}

char *target_origin(const char *url, char text[TARGET_ORIGIN_SIZE])
{
	struct http_url parsed;
	bool is_url = http_url_parse(url, &parsed) == 0;
	return target_origin_of(is_url ? &parsed : NULL, text);
}
