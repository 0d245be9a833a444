/* target - where a webhook may go: the rule for URLs, and the rule for addresses.
 *
 *   in:   a URL as it was written, or an address to connect to; the operator's exemptions
 *   out:  yes, or why not
 *   not:  resolving, connecting (deliver/egress)
 *
 * Both rules are lists of what is allowed minus what is special, so that they need no update when
 * IANA adds to the special parts. A URL that is admitted is only a promise: each connected address
 * is judged again at each attempt.
 */
#ifndef GOLIVED_DOMAIN_TARGET_H
#define GOLIVED_DOMAIN_TARGET_H

#include "base/attrs.h"
#include "base/config.h"
#include "base/http.h"

#include <stdbool.h>
#include <stddef.h>

/* The operator's exemptions from the address rule. Borrowed by whoever holds a pointer to it;
 * replaced as a whole on reload. */
struct target_exemptions {
	const struct config_cidr *cidrs;
	unsigned count;
};

/* May this address be connected to? *ret_reason (may be NULL) is static text for people: "loopback
 * address", … */
bool target_address_is_allowed(const struct http_address *address,
			       const struct target_exemptions *exemptions, const char **ret_reason);

/* May this URL be registered? Names of this machine (localhost and kin) need an exemption of
 * 127.0.0.1, names of private networks (one label, .internal, .local, …) one beyond loopback. 0; or
 * -EINVAL (not acceptable as a URL or host at all) or -EACCES (a private, local or metadata
 * target), with *ret_reason a static sentence that says what to do. Literal addresses in every
 * spelling that libcurl reads as one are judged as addresses. */
int target_url_check(const char *url, const struct target_exemptions *exemptions,
		     const char **ret_reason) MUST_CHECK;

/* "https://host:port" of a URL, for logs: paths often carry tokens. Returns text. */
enum { TARGET_ORIGIN_SIZE = 300 };
char *target_origin(const char *url, char text[TARGET_ORIGIN_SIZE]);
/* The same of a URL that was read already; NULL: it could not be. */
char *target_origin_of(const struct http_url *url, char text[TARGET_ORIGIN_SIZE]);

#endif
