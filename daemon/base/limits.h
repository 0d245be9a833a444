/* limits - every bound on what comes from outside, by name. */
#ifndef GOLIVED_BASE_LIMITS_H
#define GOLIVED_BASE_LIMITS_H

enum {
	/* Names and texts that an API client chooses (CONTRACT: over it is a 422). */
	LIMIT_NAME_CHARS = 200,
	LIMIT_DESCRIPTION_CHARS = 2000,
	LIMIT_URL_BYTES = 2048,
	LIMIT_WATCHLIST_NAME_BYTES = 64,
	LIMIT_WATCHLIST_CREATORS = 100000,
	LIMIT_BEARER_TOKEN_BYTES = 4096,
	LIMIT_EXTRA_HEADERS = 32,
	LIMIT_EXTRA_HEADER_BYTES = 4096, /* one header, name and value together */
	LIMIT_IDEMPOTENCY_KEY_BYTES = 255,
	LIMIT_SECRETS_PER_WEBHOOK = 5,
	LIMIT_API_KEYS = 1000,

	/* The admin API. */
	LIMIT_ADMIN_BODY_BYTES = 1 << 20,
	LIMIT_ADMIN_HEAD_BYTES = 16 << 10,
	LIMIT_ADMIN_CONNECTIONS = 64,
	LIMIT_ADMIN_REPLY_BYTES = 64 << 20,
	LIMIT_BAD_KEYS_PER_MINUTE = 20,
	LIMIT_PAGE_DEFAULT = 50,
	LIMIT_PAGE_MAX = 500,

	/* Handles of creators. */
	LIMIT_HANDLE_MIN = 2,
	LIMIT_HANDLE_MAX = 64,

	/* JSON from anywhere. */
	LIMIT_JSON_DEPTH = 32,

	/* Answers of the upstream service. */
	LIMIT_UPSTREAM_BODY_BYTES = 4 << 20,
	LIMIT_UPSTREAM_TITLE_BYTES = 1024,
	LIMIT_BATCH_SIZE = 1000,

	/* Answers of receivers. */
	LIMIT_RESPONSE_HEAD_BYTES = 64 << 10,
	LIMIT_RESPONSE_BODY_BYTES = 64 << 10,
	LIMIT_RESPONSE_KEPT_BYTES = 1 << 10,

	/* A rendered event. */
	LIMIT_EVENT_BODY_BYTES = 16 << 10,

	/* Addresses of one name that are looked at. */
	LIMIT_DNS_ADDRESSES = 16,

	/* The configuration file, and a file that holds a key. */
	LIMIT_CONFIG_BYTES = 1 << 20,
	LIMIT_CONFIG_LINE_BYTES = 16 << 10,
	LIMIT_KEY_FILE_BYTES = 64 << 10,

	/* Attempts of one delivery: the longest schedule that the configuration takes. */
	LIMIT_SCHEDULE_STEPS = 32,
	LIMIT_ALLOW_TARGETS = 256,
};

#endif
