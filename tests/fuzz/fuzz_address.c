/* No IPv6 form of an IPv4 address that is refused is let through, and what another list than
 * target's own calls private is refused. The input: 16 bytes of address; then CIDRs as text. */
#include "fuzz.h"

#include "domain/target.h"

#include <arpa/inet.h>

static bool is_allowed(const struct http_address *address,
		       const struct target_exemptions *exemptions)
{
	const char *reason = NULL;
	bool allowed = target_address_is_allowed(address, exemptions, &reason);
	FUZZ_MUST(allowed || (reason && *reason));
	return allowed;
}

static bool is_allowed_v6(const uint8_t bytes[16])
{
	static const struct target_exemptions none = { 0 };
	struct http_address address = { .family = AF_INET6 };
	memcpy(&address.v6, bytes, 16);
	return is_allowed(&address, &none);
}

/* The forms in which an IPv6 address carries an IPv4 one: its place in them, and what is around. */
static const struct {
	uint8_t prefix[16];
	unsigned v4_at;
} carriers[] = {
	{ { 0 }, 12 },                                    /* IPv4-compatible */
	{ { [8] = 0xFF, [9] = 0xFF }, 12 },               /* IPv4-translated */
	{ { 0x00, 0x64, 0xFF, 0x9B }, 12 },               /* NAT64 */
	{ { 0x00, 0x64, 0xFF, 0x9B, 0x00, 0x01 }, 12 },   /* NAT64 of a network */
	{ { 0x20, 0x02 }, 2 },                            /* 6to4 */
	{ { 0x20, 0x01, 0x00, 0x00 }, 12 },               /* Teredo */
	{ { 0x26, 0x06, [10] = 0x5E, [11] = 0xFE }, 12 }, /* ISATAP */
	{ { 0xFE, 0x80, [10] = 0x5E, [11] = 0xFE }, 12 }, /* ISATAP, link-local */
};

static void check_v4(const uint8_t bytes[4])
{
	static const struct target_exemptions none = { 0 };
	struct http_address address = { .family = AF_INET };
	uint8_t v6[16] = { [10] = 0xFF, [11] = 0xFF };
	memcpy(&address.v4, bytes, 4);
	memcpy(v6 + 12, bytes, 4);
	bool allowed = is_allowed(&address, &none);
	FUZZ_MUST(is_allowed_v6(v6) == allowed);

	uint32_t number = ntohl(address.v4.s_addr);
	if (number >> 24 == 0 || number >> 24 == 10 || number >> 24 == 127 ||
	    number >> 20 == 0xAC1 || number >> 16 == 0xC0A8 || number >> 16 == 0xA9FE ||
	    number >> 22 == 0x191 || number >= 0xE0000000)
		FUZZ_MUST(!allowed);
	for (size_t i = 0; i < ARRAY_SIZE(carriers); i++) {
		memcpy(v6, carriers[i].prefix, 16);
		memcpy(v6 + carriers[i].v4_at, bytes, 4);
		FUZZ_MUST(!is_allowed_v6(v6));
	}
}

static void check_v6(const uint8_t bytes[16])
{
	struct in6_addr address;
	memcpy(&address, bytes, 16);
	if (IN6_IS_ADDR_LOOPBACK(&address) || IN6_IS_ADDR_UNSPECIFIED(&address) ||
	    IN6_IS_ADDR_LINKLOCAL(&address) || IN6_IS_ADDR_SITELOCAL(&address) ||
	    IN6_IS_ADDR_MULTICAST(&address) || IN6_IS_ADDR_V4COMPAT(&address) ||
	    (bytes[0] & 0xFE) == 0xFC)
		FUZZ_MUST(!is_allowed_v6(bytes));
}

/* Text and back gives the same address. */
static void check_text(const uint8_t bytes[16])
{
	struct http_address address = { .family = AF_INET6 }, again;
	char text[HTTP_ADDRESS_TEXT_SIZE];
	memcpy(&address.v6, bytes, 16);
	FUZZ_MUST(http_address_parse(http_address_format(&address, text), &again));
	FUZZ_MUST(http_address_is_equal(&address, &again));
}

/* An exemption lets through what lies in it, and nothing changes for the rest. */
static void check_exemption(const uint8_t bytes[16], const char *text)
{
	struct config_cidr cidr;
	if (config_parse_cidr(text, &cidr) < 0)
		return;
	FUZZ_MUST(cidr.prefix_bits <= 128);
	const struct target_exemptions exemptions = { &cidr, 1 };
	struct http_address address = { .family = AF_INET6 };
	memcpy(&address.v6, cidr.address, 16);
	FUZZ_MUST(is_allowed(&address, &exemptions));

	bool is_inside = true;
	for (unsigned bit = 0; bit < cidr.prefix_bits; bit++)
		is_inside &= ((bytes[bit / 8] ^ cidr.address[bit / 8]) & (0x80 >> bit % 8)) == 0;
	memcpy(&address.v6, bytes, 16);
	FUZZ_MUST(is_allowed(&address, &exemptions) == (is_inside || is_allowed_v6(bytes)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	uint8_t bytes[16];
	fuzz_take_bytes(&input, bytes, sizeof(bytes));
	check_v4(bytes);
	check_v6(bytes);
	check_text(bytes);
	char *text = fuzz_take_text(&input);
	check_exemption(bytes, text);
	free(text);
	return 0;
}
