/* webhooks - the endpoints: their settings, secrets and health counters. */
#ifndef GOLIVED_DB_WEBHOOKS_H
#define GOLIVED_DB_WEBHOOKS_H

#include "base/limits.h"
#include "db/store.h"
#include "domain/event.h"

#include <stddef.h>

enum { WEBHOOK_SECRET_SIZE = 64, WEBHOOK_ERROR_SIZE = 128, WEBHOOK_REASON_SIZE = 32 };

/* A webhook as the API shows it. Texts are borrowed (see store.h); lists are never NULL with a
 * count above 0. */
struct webhook {
	char id[ID_TEXT_SIZE]; /* wh_… */
	const char *target_url;
	unsigned event_types; /* a bit per enum event_type */
	/* With neither creators nor watchlists it gets the events of every creator watched. */
	const char *const *creators; /* handles, as normalized; by name */
	size_t creator_count;
	const char *const *watchlists; /* by name */
	size_t watchlist_count;
	const char *name, *description; /* NULL: not set */
	const char *bearer_token;       /* NULL: none */
	const char *extra_headers;      /* a JSON object of strings; NULL: none */
	double rate_limit;              /* attempts a second; 0: none */
	bool active;
	char disabled_reason[WEBHOOK_REASON_SIZE]; /* "gone"; "" while active or deactivated by hand
						    */
	int64_t created_at_ms;
	/* Health, kept with every outcome. Tests of a webhook count in last_*, and nowhere else. */
	int64_t deliveries_today;            /* delivered this UTC day */
	int64_t last_delivery_at_ms;         /* of the last attempt; 0: none yet */
	int last_status_code;                /* 0: none */
	char last_error[WEBHOOK_ERROR_SIZE]; /* "" after a success */
	int64_t fail_streak;                 /* failed attempts since the last success */
	int64_t pending, dead;
};

typedef void (*webhook_visit_fn)(void *arg, const struct webhook *webhook);

enum webhook_fields {
	WEBHOOK_TARGET_URL = 1 << 0,
	WEBHOOK_EVENT_TYPES = 1 << 1,
	WEBHOOK_CREATORS = 1 << 2,
	WEBHOOK_WATCHLISTS = 1 << 3,
	WEBHOOK_NAME = 1 << 4,
	WEBHOOK_DESCRIPTION = 1 << 5,
	WEBHOOK_BEARER_TOKEN = 1 << 6,
	WEBHOOK_EXTRA_HEADERS = 1 << 7,
	WEBHOOK_RATE_LIMIT = 1 << 8,
	WEBHOOK_ACTIVE = 1 << 9,
};

/* Stores a new webhook: the settings of `webhook` (id, health and created_at are ignored) with its
 * first secret. Creators that are not known yet are made. -ENOENT: a watchlist that does not exist.
 * -EDQUOT: there are max_webhooks already (0: no limit). */
int store_webhook_add(struct store *store, const struct webhook *webhook, const char *secret,
		      int64_t max_webhooks, int64_t now_ms, char ret_id[ID_TEXT_SIZE]) MUST_CHECK;

/* Takes over the named fields. Activating clears disabled_reason and the fail streak. -ENOENT: no
 * such webhook or watchlist. */
int store_webhook_change(struct store *store, const char *id, const struct webhook *webhook,
			 unsigned fields, int64_t now_ms) MUST_CHECK;

/* Gone from every list at once; what was pending becomes cancelled (a large backlog in later slices
 * of store_webhooks_sweep, but shown as cancelled from now on); delivered and dead deliveries stay
 * readable. */
int store_webhook_remove(struct store *store, const char *id, int64_t now_ms) MUST_CHECK;

/* Goes on with the removal of large backlogs: up to max_rows. *ret_more: call again. */
int store_webhooks_sweep(struct store *store, unsigned max_rows, int64_t now_ms,
			 bool *ret_more) MUST_CHECK;

int store_webhook_show(struct store *store, const char *id, int64_t now_ms, webhook_visit_fn visit,
		       void *arg) MUST_CHECK;
int store_webhook_list(struct store *store, const char *after, unsigned limit, int64_t now_ms,
		       webhook_visit_fn visit, void *arg) MUST_CHECK;
bool store_webhook_exists(struct store *store, const char *id);

/* Adds a secret in front and lets those before it expire after overlap_ms (those that expire
 * earlier keep their time). -E2BIG: there are LIMIT_SECRETS_PER_WEBHOOK valid ones already.
 * *ret_previous_expires_at_ms: when the last of the old ones does. */
int store_webhook_rotate_secret(struct store *store, const char *id, const char *secret,
				int64_t overlap_ms, int64_t now_ms,
				int64_t *ret_previous_expires_at_ms) MUST_CHECK;

#endif
