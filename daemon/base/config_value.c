#include "base/config_key.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

void *config_key_place(const struct config_key *key, const struct config *config)
{
	return (char *)(uintptr_t)config + key->offset;
}

static void put_integer(const struct config_key *key, struct config *config, int64_t number)
{
	*(int64_t *)config_key_place(key, config) = number;
}

static void put_count(const struct config_key *key, struct config *config, unsigned count)
{
	*(unsigned *)(void *)((char *)config + key->count_offset) = count;
}

static void put_text(const struct config_key *key, struct config *config, const char *text,
		     size_t length)
{
	char **place = config_key_place(key, config);
	free(*place);
	*place = length > 0 ? memory_text_n(text, length) : NULL;
}

/* ---- numbers ---- */

/* Decimal digits and nothing else, up to INT64_MAX. */
static bool read_digits(const char *text, size_t length, int64_t *ret_number)
{
	int64_t number = 0;
	for (size_t i = 0; i < length; i++) {
		if (!isdigit((unsigned char)text[i]) ||
		    __builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, text[i] - '0', &number))
			return false;
	}
	*ret_number = number;
	return length > 0;
}

static bool parse_integer(const struct config_key *key, const char *text, struct config *config,
			  struct strbuf *why)
{
	int64_t number;
	if (!read_digits(text, strlen(text), &number) || number < key->min || number > key->max) {
		strbuf_addf(why, "is not a number from %" PRId64 " to %" PRId64, key->min,
			    key->max);
		return false;
	}
	put_integer(key, config, number);
	return true;
}

static bool parse_integer_or_auto(const struct config_key *key, const char *text,
				  struct config *config, struct strbuf *why)
{
	if (strcmp(text, "auto") == 0) {
		put_integer(key, config, 0);
		return true;
	}
	if (parse_integer(key, text, config, why))
		return true;
	strbuf_add_text(why, ", nor auto");
	return false;
}

static bool parse_percent(const struct config_key *key, const char *text, struct config *config,
			  struct strbuf *why)
{
	int64_t number;
	size_t length = strlen(text);
	if (length > 0 && text[length - 1] == '%')
		length--;
	if (!read_digits(text, length, &number) || number > key->max) {
		strbuf_addf(why, "is not a share from 0%% to %" PRId64 "%%", key->max);
		return false;
	}
	put_integer(key, config, number);
	return true;
}

/* ---- durations ---- */

static const struct {
	const char *name;
	int64_t ms;
} units[] = {
	{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};

void config_add_duration(struct strbuf *out, int64_t duration_ms)
{
	size_t unit = 0;
	while (duration_ms % units[unit].ms != 0)
		unit++;
	if (duration_ms == 0)
		strbuf_add_text(out, "0s");
	else
		strbuf_addf(out, "%" PRId64 "%s", duration_ms / units[unit].ms, units[unit].name);
}

static bool read_duration(const char *text, int64_t *ret_duration_ms)
{
	size_t digits = strspn(text, "0123456789");
	int64_t number;
	if (!read_digits(text, digits, &number))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(text + digits, units[i].name) == 0)
			return !__builtin_mul_overflow(number, units[i].ms, ret_duration_ms);
	}
	return false;
}

/* Reads a duration within the key's bounds. The phrase in why begins with `subject`. */
static bool read_bounded_duration(const struct config_key *key, const char *subject,
				  const char *text, int64_t *ret_duration_ms, struct strbuf *why)
{
	int64_t duration_ms;
	if (!read_duration(text, &duration_ms)) {
		strbuf_addf(why, "%sis not a duration (write 250ms, 30s, 2m, 1h or 1d)", subject);
		return false;
	}
	if (duration_ms < key->min || duration_ms > key->max) {
		strbuf_addf(why, "%sis out of bounds (write ", subject);
		config_add_duration(why, key->min);
		strbuf_add_text(why, " to ");
		config_add_duration(why, key->max);
		strbuf_add_char(why, ')');
		return false;
	}
	*ret_duration_ms = duration_ms;
	return true;
}

static bool parse_duration(const struct config_key *key, const char *text, struct config *config,
			   struct strbuf *why)
{
	int64_t duration_ms;
	if (!read_bounded_duration(key, "", text, &duration_ms, why))
		return false;
	put_integer(key, config, duration_ms);
	return true;
}

/* ---- texts ---- */

static bool parse_choice(const struct config_key *key, const char *text, struct config *config,
			 struct strbuf *why)
{
	for (const struct config_choice *choice = key->choices; choice->name; choice++) {
		if (strcmp(choice->name, text) == 0) {
			memcpy(config_key_place(key, config), &choice->value,
			       sizeof(choice->value));
			return true;
		}
	}
	strbuf_add_text(why, "is not one of ");
	for (const struct config_choice *choice = key->choices; choice->name; choice++)
		strbuf_addf(why, "%s%s", choice == key->choices ? "" : ", ", choice->name);
	return false;
}

static bool parse_path(const struct config_key *key, const char *text, struct config *config,
		       struct strbuf *why)
{
	/* Where the default is a path, the key cannot do without one. */
	if (*text == '\0' && *key->default_text != '\0') {
		strbuf_add_text(why, "is not a path");
		return false;
	}
	put_text(key, config, text, strlen(text));
	return true;
}

/* A port behind the last colon; *ret_host_length is what stands before it. */
static bool has_port(const char *text, size_t length, int64_t min, size_t *ret_host_length)
{
	const char *colon = memrchr(text, ':', length);
	int64_t port;
	if (!colon)
		return false;
	*ret_host_length = (size_t)(colon - text);
	return read_digits(colon + 1, length - *ret_host_length - 1, &port) && port >= min &&
	       port <= UINT16_MAX;
}

/* "[::1]" */
static bool is_bracketed_ipv6(const char *text, size_t length)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr ignored;
	if (length < 2 || length - 2 >= sizeof(address) || text[0] != '[' ||
	    text[length - 1] != ']')
		return false;
	snprintf(address, sizeof(address), "%.*s", (int)(length - 2), text + 1);
	return inet_pton(AF_INET6, address, &ignored) == 1;
}

static bool is_host_name(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (!isalnum((unsigned char)text[i]) && !strchr("-._", text[i]))
			return false;
	}
	return length > 0;
}

/* host, host:port, [v6], [v6]:port */
static bool is_authority(const char *text, size_t length)
{
	bool is_ipv6 = length > 0 && text[0] == '[';
	if (!is_ipv6 || text[length - 1] != ']') {
		size_t host_length;
		if (has_port(text, length, 1, &host_length))
			length = host_length;
	}
	return is_ipv6 ? is_bracketed_ipv6(text, length) : is_host_name(text, length);
}

/* http or https, a host, perhaps a port and a path. A slash at the end is dropped, so that paths
 * can be appended. */
static bool parse_url(const struct config_key *key, const char *text, struct config *config,
		      struct strbuf *why)
{
	const char *host = strncmp(text, "http://", 7) == 0    ? text + 7
			   : strncmp(text, "https://", 8) == 0 ? text + 8
							       : NULL;
	if (!host || !is_authority(host, strcspn(host, "/")) || strpbrk(host, " \t?#@\\\"<>")) {
		strbuf_add_text(why, "is not the URL of a service (write https://host, perhaps "
				     "with :port and /path, and nothing behind them)");
		return false;
	}
	size_t length = strlen(text);
	while (text[length - 1] == '/')
		length--;
	put_text(key, config, text, length);
	return true;
}

static bool is_listen_address(const char *text)
{
	char address[INET_ADDRSTRLEN];
	struct in_addr ignored;
	size_t host_length;
	if (strncmp(text, "unix:", 5) == 0)
		return text[5] == '/' &&
		       strlen(text + 5) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
	if (!has_port(text, strlen(text), 0, &host_length))
		return false;
	if (text[0] == '[')
		return is_bracketed_ipv6(text, host_length);
	if (host_length >= sizeof(address))
		return false;
	snprintf(address, sizeof(address), "%.*s", (int)host_length, text);
	return inet_pton(AF_INET, address, &ignored) == 1;
}

static bool parse_listen(const struct config_key *key, const char *text, struct config *config,
			 struct strbuf *why)
{
	if (!is_listen_address(text)) {
		strbuf_add_text(why, "is not an address to listen on (write 127.0.0.1:8787, "
				     "[::1]:8787 or unix:/run/golived/admin.sock)");
		return false;
	}
	put_text(key, config, text, strlen(text));
	return true;
}

/* RFC 9110 5.6.2: what the name of a header may consist of. "webhook" would make names that
 * Standard Webhooks uses otherwise. */
static bool parse_token(const struct config_key *key, const char *text, struct config *config,
			struct strbuf *why)
{
	enum { TOKEN_MAX = 64 };
	size_t length = strlen(text);
	bool is_token = length > 0 && length <= TOKEN_MAX;
	for (size_t i = 0; i < length && is_token; i++)
		is_token = isalnum((unsigned char)text[i]) || strchr("!#$%&'*+-.^_`|~", text[i]);
	if (!is_token) {
		strbuf_add_text(why, "cannot begin the name of a header (write up to 64 letters, "
				     "digits and hyphens, as in X-Example)");
		return false;
	}
	if (strcasecmp(text, "webhook") == 0) {
		strbuf_add_text(why, "is taken by Standard Webhooks (write another, as X-Example)");
		return false;
	}
	put_text(key, config, text, length);
	return true;
}

/* ---- lists ---- */

enum { ITEM_SIZE = 64 };

/* So many bytes of a text as an item holds, without a part of a character: it goes into the log. */
static size_t whole_characters(const char *text, size_t length)
{
	size_t whole = 0, bytes;
	while (whole < length && (bytes = utf8_sequence(text + whole, length - whole)) > 0 &&
	       whole + bytes < ITEM_SIZE)
		whole += bytes;
	return whole;
}

/* The next item of a comma-separated list, trimmed and copied into item; false at the end
 * (NULL). An item that is longer than anything sensible comes cut, hence wrong. */
static bool next_item(const char **at, char item[ITEM_SIZE])
{
	if (!*at)
		return false;
	const char *comma = strchrnul(*at, ',');
	const char *from = *at, *to = comma;
	while (from < to && isspace((unsigned char)*from))
		from++;
	while (to > from && isspace((unsigned char)to[-1]))
		to--;
	snprintf(item, ITEM_SIZE, "%.*s", (int)whole_characters(from, (size_t)(to - from)), from);
	*at = *comma ? comma + 1 : NULL;
	return true;
}

static bool parse_schedule(const struct config_key *key, const char *text, struct config *config,
			   struct strbuf *why)
{
	int64_t steps[LIMIT_SCHEDULE_STEPS] = { 0 };
	unsigned count = 0;
	char item[ITEM_SIZE], subject[96];

	while (next_item(&text, item)) {
		if (count == LIMIT_SCHEDULE_STEPS) {
			strbuf_addf(why, "has more than %d steps", LIMIT_SCHEDULE_STEPS);
			return false;
		}
		snprintf(subject, sizeof(subject), "is no schedule: \"%s\" ", item);
		if (!read_bounded_duration(key, subject, item, &steps[count], why))
			return false;
		if (count > 0 && steps[count] <= steps[count - 1]) {
			strbuf_addf(why,
				    "does not rise: %s is not later than the step before it "
				    "(write offsets from the creation, as 0s, 30s, 2m)",
				    item);
			return false;
		}
		count++;
	}
	memcpy(config_key_place(key, config), steps, sizeof(steps));
	put_count(key, config, count);
	return true;
}

static bool parse_cidrs(const struct config_key *key, const char *text, struct config *config,
			struct strbuf *why)
{
	struct config_cidr cidrs[LIMIT_ALLOW_TARGETS];
	unsigned count = 0;
	char item[ITEM_SIZE];

	memset(cidrs, 0, sizeof(cidrs));
	if (*text == '\0')
		text = NULL; /* an empty list is one */
	while (next_item(&text, item)) {
		if (count == LIMIT_ALLOW_TARGETS) {
			strbuf_addf(why, "has more than %d networks", LIMIT_ALLOW_TARGETS);
			return false;
		}
		if (config_parse_cidr(item, &cidrs[count++]) < 0) {
			strbuf_addf(why,
				    "is no list of networks: \"%s\" (write 10.1.0.0/16, fd00::/8 "
				    "or an address; no bits may be set behind the prefix)",
				    item);
			return false;
		}
	}
	memcpy(config_key_place(key, config), cidrs, sizeof(cidrs));
	put_count(key, config, count);
	return true;
}

/* Is every bit of the address behind the prefix 0? */
static bool is_network(const uint8_t address[16], unsigned prefix_bits)
{
	for (unsigned bit = prefix_bits; bit < 128; bit++) {
		if (address[bit / 8] & (0x80 >> bit % 8))
			return false;
	}
	return true;
}

int config_parse_cidr(const char *text, struct config_cidr *ret_cidr)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchrnul(text, '/');
	if ((size_t)(slash - text) >= sizeof(address))
		return -EINVAL;
	snprintf(address, sizeof(address), "%.*s", (int)(slash - text), text);

	struct config_cidr cidr = { .address = { [10] = 0xff, [11] = 0xff } };
	unsigned address_bits = 128;
	if (inet_pton(AF_INET, address, cidr.address + 12) == 1)
		address_bits = 32;
	else if (inet_pton(AF_INET6, address, cidr.address) != 1)
		return -EINVAL;

	int64_t bits = address_bits;
	if (*slash && (!read_digits(slash + 1, strlen(slash + 1), &bits) || bits > address_bits ||
		       (slash[1] == '0' && slash[2] != '\0')))
		return -EINVAL;
	cidr.prefix_bits = 128 - address_bits + (unsigned)bits;
	if (!is_network(cidr.address, cidr.prefix_bits))
		return -EINVAL;
	*ret_cidr = cidr;
	return 0;
}

/* ---- the types ---- */

#define SIZE_OF(member) sizeof(((struct config *)NULL)->member)

const struct config_type config_type_duration = { parse_duration, sizeof(int64_t), false };
const struct config_type config_type_integer = { parse_integer, sizeof(int64_t), false };
const struct config_type config_type_integer_or_auto = { parse_integer_or_auto, sizeof(int64_t),
							 false };
const struct config_type config_type_percent = { parse_percent, sizeof(int64_t), false };
const struct config_type config_type_choice = { parse_choice, sizeof(int), false };
const struct config_type config_type_path = { parse_path, sizeof(char *), true };
const struct config_type config_type_url = { parse_url, sizeof(char *), true };
const struct config_type config_type_listen = { parse_listen, sizeof(char *), true };
const struct config_type config_type_token = { parse_token, sizeof(char *), true };
const struct config_type config_type_schedule = { parse_schedule, SIZE_OF(delivery.schedule_ms),
						  false };
const struct config_type config_type_cidrs = { parse_cidrs, SIZE_OF(delivery.allow_targets),
					       false };

_Static_assert(sizeof(enum config_tier) == sizeof(int) && sizeof(enum log_level) == sizeof(int),
	       "a choice is written as an int");
