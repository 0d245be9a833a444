#include "admin/keyring.h"

#include "admin/auth.h"
#include "base/log.h"
#include "base/memory.h"
#include "db/api_keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lives as long as readings that were submitted on its behalf. */
struct keyring {
	struct store_thread *store;
	const struct config *config;
	struct auth *auth;
	unsigned references;
	bool is_destroyed;
};

static void keyring_unref(struct keyring *keyring)
{
	if (--keyring->references)
		return;
	auth_destroy(keyring->auth);
	free(keyring);
}

int keyring_create(struct store_thread *store, const struct config *config, struct strbuf *why,
		   struct keyring **ret_keyring)
{
	struct keyring *keyring = memory_zeroed(1, sizeof(*keyring));

	keyring->store = store;
	keyring->config = config;
	keyring->auth = auth_create();
	keyring->references = 1;
	int result = keyring_load(keyring, why);
	if (result) {
		keyring_unref(keyring);
		return result;
	}
	*ret_keyring = keyring;
	return 0;
}

void keyring_destroy(struct keyring *keyring)
{
	if (!keyring)
		return;
	keyring->is_destroyed = true;
	keyring_unref(keyring);
}

int keyring_load(struct keyring *keyring, struct strbuf *why)
{
	const char *path = keyring->config->admin.api_key_file;

	if (path && *path)
		return auth_load_file(keyring->auth, path, why);
	return auth_load_own(keyring->auth, keyring->config->store.path, why);
}

/* ---- keys in the store ---- */

struct reading {
	struct keyring *keyring;
	loop_fn on_read;
	void *arg;
	struct auth_stored *stored;
};

static int read_job(struct store *store, void *arg)
{
	struct reading *reading = arg;

	return auth_read_stored(store, &reading->stored);
}

static void on_read(void *arg, int result)
{
	struct reading *reading = arg;
	struct keyring *keyring = reading->keyring;

	if (result)
		log_warning("cannot read the api keys", LOG_ERRNO(result));
	else if (keyring->is_destroyed)
		auth_stored_destroy(reading->stored);
	else
		auth_take_stored(keyring->auth, reading->stored);
	reading->on_read(reading->arg);
	free(reading);
	keyring_unref(keyring);
}

/* Jobs of one kind run in their order: what is taken over last was read last. */
void keyring_read_stored(struct keyring *keyring, loop_fn done, void *arg)
{
	struct reading *reading = memory_zeroed(1, sizeof(*reading));

	*reading = (struct reading){ .keyring = keyring, .on_read = done, .arg = arg };
	keyring->references++;
	store_read(keyring->store, read_job, on_read, reading);
}

/* ---- their use ---- */

struct key_use {
	char id[ID_TEXT_SIZE];
	int64_t at_ms;
};

static int note_use_job(struct store *store, void *arg)
{
	const struct key_use *use = arg;

	return store_api_key_used(store, use->id, use->at_ms);
}

/* A use that could not be noted is noted with the next one. */
static void on_use_noted(void *arg, int result)
{
	(void)result;
	free(arg);
}

static void note_use(struct keyring *keyring, const struct admin_caller *caller, int64_t now_ms)
{
	if (!auth_use_is_due(keyring->auth, caller, now_ms))
		return;
	struct key_use *use = memory_zeroed(1, sizeof(*use));
	memcpy(use->id, caller->id, sizeof(use->id));
	use->at_ms = now_ms;
	store_write(keyring->store, note_use_job, on_use_noted, use);
}

/* ---- who asks ---- */

static void refuse(enum auth_verdict verdict, int64_t wait_s, struct admin_reply *reply)
{
	char seconds[24];

	if (verdict == AUTH_TOO_MANY) {
		reply_problem(reply, 429, "too_many_bad_keys", NULL,
			      "Too many wrong keys came from this address; a good one is still "
			      "served.");
		snprintf(seconds, sizeof(seconds), "%" PRId64, wait_s);
		reply_header(reply, "Retry-After", seconds);
		return;
	}
	reply_problem(reply, 401, verdict == AUTH_MISSING ? "key_missing" : "key_not_known", NULL,
		      "%s",
		      verdict == AUTH_MISSING
			      ? "Send an API key as x-api-key or as Authorization: Bearer."
			      : "This API key is not known.");
	reply_header(reply, "WWW-Authenticate", "Bearer realm=\"golived\"");
}

const struct admin_caller *keyring_identify(struct keyring *keyring,
					    const struct keyring_evidence *evidence, int64_t now_ms,
					    struct admin_reply *reply)
{
	const struct admin_caller *caller = NULL;
	int64_t wait_s = 0;
	enum auth_verdict verdict =
		auth_check(keyring->auth, evidence->address, evidence->x_api_key,
			   evidence->authorization, now_ms, &caller, &wait_s);

	if (verdict == AUTH_GOOD)
		note_use(keyring, caller, now_ms);
	else if (reply)
		refuse(verdict, wait_s, reply);
	return caller;
}
