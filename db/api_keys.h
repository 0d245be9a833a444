/* api_keys - keys of the admin API that were made through it (kept as SHA-256), the audit trail,
 * and idempotency keys. */
#ifndef GOLIVED_DB_API_KEYS_H
#define GOLIVED_DB_API_KEYS_H

#include "base/crypto.h"
#include "db/store.h"

#include <stddef.h>

enum api_scope { API_SCOPE_READ = 0, API_SCOPE_ADMIN = 1 };
const char *api_scope_name(enum api_scope scope);
bool api_scope_parse(const char *name, enum api_scope *ret_scope);

struct api_key {
	char id[ID_TEXT_SIZE]; /* key_… */
	const char *name;
	enum api_scope scope;
	uint8_t digest[SHA256_BYTES];
	int64_t created_at_ms, last_used_at_ms; /* 0: never */
};
typedef void (*api_key_visit_fn)(void *arg, const struct api_key *key);

/* -EDQUOT: LIMIT_API_KEYS reached. */
int store_api_key_add(struct store *store, const char *name, enum api_scope scope,
		      const uint8_t digest[SHA256_BYTES], int64_t now_ms,
		      char ret_id[ID_TEXT_SIZE]) MUST_CHECK;
int store_api_key_remove(struct store *store, const char *id) MUST_CHECK;
int store_api_key_list(struct store *store, const char *after, unsigned limit,
		       api_key_visit_fn visit, void *arg) MUST_CHECK;
int store_api_key_used(struct store *store, const char *id, int64_t now_ms) MUST_CHECK;

struct audit_entry {
	const char *id; /* aud_… */
	int64_t at_ms;
	const char *actor;   /* the name of the key, or where it came from: "admin.key",
				"api_key_file:2" */
	const char *action;  /* "webhook.create", … */
	const char *subject; /* the id or name it was done to */
	const char *detail;  /* JSON object; NULL: none; never a secret */
};
typedef void (*audit_visit_fn)(void *arg, const struct audit_entry *entry);
int store_audit_add(struct store *store, const char *actor, const char *action, const char *subject,
		    const char *detail, int64_t now_ms) MUST_CHECK;
int store_audit_list(struct store *store, const char *after, unsigned limit, audit_visit_fn visit,
		     void *arg) MUST_CHECK;

/* What an idempotency key was answered with. Kept for a day (store_prune). */
struct idempotent_answer {
	uint8_t request_digest[SHA256_BYTES]; /* of method, path and body */
	int status;
	char *body; /* owned by the caller of store_idempotency_find */
	size_t body_length;
};
/* scope: who asks (keys of different API keys do not meet). -ENOENT: not seen yet. */
int store_idempotency_find(struct store *store, const char *scope, const char *key,
			   struct idempotent_answer *ret_answer) MUST_CHECK;
int store_idempotency_add(struct store *store, const char *scope, const char *key,
			  const struct idempotent_answer *answer, int64_t now_ms) MUST_CHECK;

#endif
