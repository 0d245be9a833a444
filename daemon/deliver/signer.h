/* signer - the headers of a delivery, and its signatures (CONTRACT.md, section 5).
 *
 *   in:   what is delivered, to whom, with which secrets; the time of the attempt
 *   out:  the request's headers
 *   not:  keeping secrets (db/webhooks), sending (egress)
 *
 * Two families stand side by side. X-Tiktool-Signature: HMAC-SHA256 of the body alone, keyed with
 * the whole `whsec_…` text, as the hosted product has it; in a rotation with the oldest valid
 * secret, so that a receiver may change over at any time of the overlap. Standard Webhooks 1.0.0
 * (standardwebhooks.com): HMAC-SHA256 of `id.timestamp.body`, keyed with the bytes that the base64
 * behind `whsec_` stands for, once per valid secret.
 */
#ifndef GOLIVED_DELIVER_SIGNER_H
#define GOLIVED_DELIVER_SIGNER_H

#include "base/attrs.h"
#include "base/config.h"
#include "base/http.h"
#include "base/limits.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct signer_options {
	const char *header_prefix; /* borrowed: "X-Tiktool" */
	enum config_signature signature_format;
};

/* Everything is borrowed for the time of the call. */
struct signer_delivery {
	const char *event_id, *delivery_id, *webhook_id;
	const char *event_type; /* "live.start" */
	unsigned attempt;       /* from 1 */
	bool is_replay;
	int64_t timestamp_s; /* Unix time of this attempt */
	const char *body;
	size_t body_length;
	const char *secrets[LIMIT_SECRETS_PER_WEBHOOK]; /* valid ones, oldest first */
	unsigned secret_count;                          /* at least 1 */
	const char *bearer_token;                       /* NULL: none */
	const char *extra_headers;                      /* a JSON object of strings; NULL: none */
};

enum { SIGNER_HEADERS_MAX = 16 + LIMIT_EXTRA_HEADERS };

struct signer_headers {
	struct strbuf text;                             /* names and values, each with its NUL */
	struct http_header headers[SIGNER_HEADERS_MAX]; /* into text */
	size_t count;
};

/* The headers of one attempt, in caller's memory. User-Agent is the HTTP client's. An extra header
 * with the name of another one here is left out. */
void signer_headers_init(struct signer_headers *headers, const struct signer_options *options,
			 const struct signer_delivery *delivery);
void signer_headers_finish(struct signer_headers *headers);

/* For receivers' own checks: is this the X-Tiktool-Signature of the body, in whichever of the three
 * formats? */
bool signer_verify_body(const char *secret, const char *body, size_t body_length,
			const char *signature);

/* Is one of the `v1,…` signatures in a webhook-signature header that of this id, timestamp and
 * body? -EINVAL: the secret is not whsec_ and base64; -EKEYREJECTED: none of them is. */
int signer_verify_standard(const char *secret, const char *id, const char *timestamp,
			   const char *body, size_t body_length, const char *signatures) MUST_CHECK;

#endif
