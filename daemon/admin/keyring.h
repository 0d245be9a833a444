/* keyring - the keys of the admin API, kept true: read from files and from the store, and asked who
 * presents one.
 *
 *   in:   configuration, the store, what a request presents
 *   out:  the caller; or a 401 or 429
 *   not:  judging a key (auth), what a caller may do (routes)
 *
 * The one place that moves keys between the store's threads and the loop.
 */
#ifndef GOLIVED_ADMIN_KEYRING_H
#define GOLIVED_ADMIN_KEYRING_H

#include "admin/reply.h"
#include "admin/request.h"
#include "base/config.h"
#include "base/loop.h"
#include "db/store_thread.h"

struct keyring;

/* Reads the operator's keys (server.h). config is borrowed. */
int keyring_create(struct store_thread *store, const struct config *config, struct strbuf *why,
		   struct keyring **ret_keyring) MUST_CHECK;
/* Readings under way still call back. */
void keyring_destroy(struct keyring *keyring);

/* The operator's keys anew; on failure the old ones stay. */
int keyring_load(struct keyring *keyring, struct strbuf *why) MUST_CHECK;

/* Reads the keys in the store anew; done(arg) is called, later, when they count. A reading that
 * fails keeps those from before. */
void keyring_read_stored(struct keyring *keyring, loop_fn done, void *arg);

/* What a request presents; NULL: not there. */
struct keyring_evidence {
	const char *address; /* of the client, as auth counts it */
	const char *x_api_key, *authorization;
};

/* Who asks, or NULL, with the 401 or 429 in reply (where one is given). The caller is borrowed
 * until keys change. That a key was used is noted in the store, unless it was within the last
 * minute. */
const struct admin_caller *keyring_identify(struct keyring *keyring,
					    const struct keyring_evidence *evidence, int64_t now_ms,
					    struct admin_reply *reply);

#endif
