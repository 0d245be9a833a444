/* auth - who may use the admin API: the keys, and who tries too many wrong ones.
 *
 *   in:   the keys of the operator's file, or admin.key beside the database; the keys in the store;
 *         what a request presents
 *   out:  the caller, or why not
 *   not:  what a scope may do (routes)
 *
 * Keys are known by their SHA-256 only and compared in constant time. A good key is always served;
 * an address that presented LIMIT_BAD_KEYS_PER_MINUTE wrong ones is told to wait. Memory is
 * bounded: of very many addresses those whose minute ends first are forgotten.
 */
#ifndef GOLIVED_ADMIN_AUTH_H
#define GOLIVED_ADMIN_AUTH_H

#include "admin/request.h"
#include "base/attrs.h"
#include "base/strbuf.h"
#include "db/store.h"

#include <stdbool.h>
#include <stdint.h>

struct auth;

struct auth *auth_create(void);
void auth_destroy(struct auth *auth);

/* Replaces the operator's keys by those in path: lines `SCOPE KEY`, empty ones and # comments. On
 * failure the old ones stay and *why says what is wrong: -EINVAL a mistake in it, -errno from
 * reading it. */
int auth_load_file(struct auth *auth, const char *path, struct strbuf *why) MUST_CHECK;

/* The same with the one admin key in admin.key beside the database, which is made (0600) if there
 * is none; the log says where it is. */
int auth_load_own(struct auth *auth, const char *database_path, struct strbuf *why) MUST_CHECK;

/* Keys made through the API, read in a job of the store, and then taken over on the loop in the
 * place of those from before. */
struct auth_stored;
int auth_read_stored(struct store *store, struct auth_stored **ret_stored) MUST_CHECK;
void auth_take_stored(struct auth *auth, struct auth_stored *stored); /* takes ownership */
void auth_stored_destroy(struct auth_stored *stored);

enum auth_verdict {
	AUTH_GOOD,
	AUTH_MISSING, /* no key was presented */
	AUTH_BAD,     /* a wrong one */
	AUTH_TOO_MANY /* a wrong one, and too many of them */
};

/* Judges what a request from `address` (text; IPv6 by its /64) presents in x-api-key, else in
 * Authorization (each NULL: not there). AUTH_GOOD: *ret_caller is borrowed until keys change.
 * AUTH_TOO_MANY: *ret_wait_s is how long to wait. */
enum auth_verdict auth_check(struct auth *auth, const char *address, const char *x_api_key,
			     const char *authorization, int64_t now_ms,
			     const struct admin_caller **ret_caller, int64_t *ret_wait_s);

/* Is it time to record the use of this key in the store? At most once a minute per key, and never
 * for the operator's keys, which have no row there. */
bool auth_use_is_due(struct auth *auth, const struct admin_caller *caller, int64_t now_ms);

#endif
