/* A request whose framing is taken has one length and says once whom it is for, and a loopback
 * listener answers to no name that somebody else can give out. The input: header fields, each
 * "NAME: VALUE" ended by NUL. */
#include "fuzz.h"

#include "admin/framing.h"
#include "admin/listener.h"

#include <arpa/inet.h>
#include <strings.h>

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);
	return length >= end_length && strcasecmp(text + length - end_length, end) == 0;
}

/* Another reader than listener's own. */
static void must_be_of_this_machine(const char *host)
{
	char name[512];
	struct in6_addr v6;
	struct in_addr v4;
	FUZZ_MUST(strlen(host) < sizeof(name));
	snprintf(name, sizeof(name), "%s", host[0] == '[' ? host + 1 : host);
	char *end = host[0] == '[' ? strchr(name, ']') : strchrnul(name, ':');
	FUZZ_MUST(end);
	*end = '\0';
	FUZZ_MUST(inet_pton(AF_INET, name, &v4) == 1 || inet_pton(AF_INET6, name, &v6) == 1 ||
		  strcasecmp(name, "localhost") == 0 || ends_with(name, ".localhost"));
}

static void check_host(const char *host)
{
	static const struct listener loopback = { .fd = -1, .reach = LISTENER_LOOPBACK };
	static const struct listener network = { .fd = -1, .reach = LISTENER_NETWORK };
	if (listener_is_named(&loopback, host))
		must_be_of_this_machine(host);
	FUZZ_MUST(listener_is_named(&network, host));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct framing framing = { 0 };
	unsigned hosts = 0, lengths = 0, encodings = 0;
	while (input.left) {
		char *name = fuzz_take_text(&input), *value = strstr(name, ": ");
		if (value) {
			*value = '\0';
			value += 2;
		}
		framing_note(&framing, name, value);
		hosts += strcasecmp(name, "Host") == 0;
		lengths += strcasecmp(name, "Content-Length") == 0;
		encodings += strcasecmp(name, "Transfer-Encoding") == 0;
		check_host(value ? value : name);
		free(name);
	}
	const char *refusal = framing_refusal(&framing, "HTTP/1.1");
	const char *old_refusal = framing_refusal(&framing, "HTTP/1.0");
	FUZZ_MUST(framing.content_length >= 0);
	FUZZ_MUST(refusal || (hosts == 1 && lengths + encodings <= 1));
	FUZZ_MUST(old_refusal || (hosts <= 1 && lengths <= 1 && encodings == 0));
	return 0;
}
