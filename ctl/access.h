/* access - where the daemon is, and with which key it is asked.
 *
 *   in:   options, environment, the daemon's configuration
 *   out:  a URL and a key
 *   not:  asking (client)
 *
 * On the daemon's machine nothing needs to be said: the address is admin.listen of its
 * configuration, the key the first with the scope admin in admin.api_key_file, else the one in
 * admin.key beside the database. A key that was found so is sent to this machine only.
 */
#ifndef GOLIVED_CTL_ACCESS_H
#define GOLIVED_CTL_ACCESS_H

#include "base/attrs.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

/* What was said; NULL: nothing. */
struct access_hints {
	const char *url;      /* --url or GOLIVECTL_URL: http://…, https://… or unix:/path */
	const char *key_file; /* --key-file */
	const char *key;      /* GOLIVECTL_KEY; never on a command line, where anybody reads it */
	const char *config_path; /* --config */
};

struct access {
	char *url; /* owned; without a '/' at the end */
	char *key; /* owned */
};

/* -EINVAL with a sentence that says what to do. */
int access_find(const struct access_hints *hints, struct strbuf *why,
		struct access *ret_access) MUST_CHECK;
void access_finish(struct access *access);

/* The pure parts. */

/* "127.0.0.1:8787" as a URL, "0.0.0.0:8787" and "[::]:8787" as this machine's; unix:/path stays.
 * owned by the caller. */
char *access_url_of_listen(const char *listen);

/* Does this URL stay on this machine? */
bool access_is_local(const char *url);

/* The best key of a file: of lines "SCOPE KEY" the first of scope admin, else the first; a line
 * with a key alone counts as admin. NULL: there is none. Owned by the caller. */
char *access_pick_key(const char *text);

#endif
