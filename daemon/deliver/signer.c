#include "deliver/signer.h"

#include "base/crypto.h"
#include "base/json.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	SIGNER_TEXT_MAX_BYTES = LIMIT_BEARER_TOKEN_BYTES + 4096 +
				LIMIT_EXTRA_HEADERS * (LIMIT_EXTRA_HEADER_BYTES + 2),
	SIGNER_KEY_MAX_BYTES = 64,
	BASE64_DIGEST_SIZE = 48, /* 44 characters and a NUL, with room to spare */
	SIGNATURE_SIZE = 80,     /* sha256=, 64 hex digits and a NUL */
};

static const char secret_prefix[] = "whsec_";

/* ---- signatures ---- */

static void sign_body(const char *secret, const char *body, size_t body_length,
		      uint8_t digest[SHA256_BYTES])
{
	const struct crypto_part part = { body, body_length };
	crypto_hmac_sha256(secret, strlen(secret), &part, 1, digest);
}

static void format_body_signature(enum config_signature format, const uint8_t digest[SHA256_BYTES],
				  char text[SIGNATURE_SIZE])
{
	static const char sha256_prefix[] = "sha256=";
	if (format == SIGNATURE_BASE64) {
		crypto_base64(digest, SHA256_BYTES, text);
		return;
	}
	if (format == SIGNATURE_SHA256_HEX) {
		memcpy(text, sha256_prefix, sizeof(sha256_prefix));
		text += strlen(sha256_prefix);
	}
	crypto_hex(digest, SHA256_BYTES, text);
}

/* -EINVAL: the secret has not the form whsec_ and base64. */
static int MUST_CHECK sign_standard(const char *secret, const char *id, const char *timestamp,
				    const char *body, size_t body_length,
				    char text[BASE64_DIGEST_SIZE])
{
	uint8_t key[SIGNER_KEY_MAX_BYTES], digest[SHA256_BYTES];
	size_t key_length;

	if (strncmp(secret, secret_prefix, strlen(secret_prefix)) != 0)
		return -EINVAL;
	const char *encoded = secret + strlen(secret_prefix);
	if (crypto_base64_decode(encoded, strlen(encoded), key, sizeof(key), &key_length) != 0)
		return -EINVAL;

	const struct crypto_part parts[] = {
		{ id, strlen(id) },    { ".", 1 }, { timestamp, strlen(timestamp) }, { ".", 1 },
		{ body, body_length },
	};
	crypto_hmac_sha256(key, key_length, parts, ARRAY_SIZE(parts), digest);
	crypto_wipe(key, sizeof(key));
	crypto_base64(digest, sizeof(digest), text);
	return 0;
}

/* ---- headers ---- */

static void add_header(struct signer_headers *headers, const char *name, const char *value)
{
	assert(headers->count < SIGNER_HEADERS_MAX);
	strbuf_add_text(&headers->text, name);
	strbuf_add_char(&headers->text, '\0');
	strbuf_add_text(&headers->text, value);
	strbuf_add_char(&headers->text, '\0');
	headers->count++;
}

static void add_own_header(struct signer_headers *headers, const struct signer_options *options,
			   const char *suffix, const char *value)
{
	assert(headers->count < SIGNER_HEADERS_MAX);
	strbuf_add_text(&headers->text, options->header_prefix);
	strbuf_add_char(&headers->text, '-');
	strbuf_add_text(&headers->text, suffix);
	strbuf_add_char(&headers->text, '\0');
	strbuf_add_text(&headers->text, value);
	strbuf_add_char(&headers->text, '\0');
	headers->count++;
}

static void add_body_signature(struct signer_headers *headers, const struct signer_options *options,
			       const struct signer_delivery *delivery)
{
	uint8_t digest[SHA256_BYTES];
	char text[SIGNATURE_SIZE];
	sign_body(delivery->secrets[0], delivery->body, delivery->body_length, digest);
	format_body_signature(options->signature_format, digest, text);
	add_own_header(headers, options, "Signature", text);
}

static void add_own_headers(struct signer_headers *headers, const struct signer_options *options,
			    const struct signer_delivery *delivery, const char *timestamp)
{
	char attempt[16];
	snprintf(attempt, sizeof(attempt), "%u", delivery->attempt);
	add_body_signature(headers, options, delivery);
	add_own_header(headers, options, "Timestamp", timestamp);
	add_own_header(headers, options, "Event", delivery->event_type);
	add_own_header(headers, options, "Event-Id", delivery->event_id);
	add_own_header(headers, options, "Delivery-Id", delivery->delivery_id);
	add_own_header(headers, options, "Attempt", attempt);
	add_own_header(headers, options, "Webhook-Id", delivery->webhook_id);
	if (delivery->is_replay)
		add_own_header(headers, options, "Replay", "true");
}

/* All secrets are of our making; one that is not of their form could only sign what nobody can
 * check, so it has no signature here. */
static void add_standard_headers(struct signer_headers *headers,
				 const struct signer_delivery *delivery, const char *timestamp)
{
	char signatures[LIMIT_SECRETS_PER_WEBHOOK * (BASE64_DIGEST_SIZE + 4)] = "";
	size_t length = 0;

	for (unsigned i = 0; i < delivery->secret_count; i++) {
		char text[BASE64_DIGEST_SIZE];
		if (sign_standard(delivery->secrets[i], delivery->event_id, timestamp,
				  delivery->body, delivery->body_length, text) != 0)
			continue;
		length += (size_t)snprintf(signatures + length, sizeof(signatures) - length,
					   "%sv1,%s", length ? " " : "", text);
	}
	add_header(headers, "webhook-id", delivery->event_id);
	add_header(headers, "webhook-timestamp", timestamp);
	add_header(headers, "webhook-signature", signatures);
}

static void add_authorization(struct signer_headers *headers, const char *bearer_token)
{
	struct strbuf value;
	strbuf_init(&value, LIMIT_BEARER_TOKEN_BYTES + sizeof("Bearer "));
	strbuf_add_text(&value, "Bearer ");
	strbuf_add_text(&value, bearer_token);
	add_header(headers, "Authorization", value.data);
	crypto_wipe(value.data, value.length);
	strbuf_finish(&value);
}

static bool has_header(const struct signer_headers *headers, const char *name)
{
	const char *at = headers->text.data;
	for (size_t i = 0; i < headers->count; i++) {
		if (strcasecmp(at, name) == 0)
			return true;
		at += strlen(at) + 1;
		at += strlen(at) + 1;
	}
	return false;
}

/* They were checked when the webhook was registered; but the operator may have chosen another
 * header_prefix since. */
static void add_extra_headers(struct signer_headers *headers, const char *extra_headers)
{
	CLEANUP(json_cleanup) struct json_document *document = NULL;
	if (json_parse(extra_headers, strlen(extra_headers), &document, NULL) != 0)
		return;
	const struct json_value *member = json_first(json_root(document));
	for (unsigned i = 0; member && i < LIMIT_EXTRA_HEADERS; i++, member = json_next(member)) {
		const char *name = json_key(member), *value = json_string(member);
		if (name && value && strlen(name) + strlen(value) <= LIMIT_EXTRA_HEADER_BYTES &&
		    !has_header(headers, name))
			add_header(headers, name, value);
	}
}

/* The text does not move any more: now the headers can point into it. */
static void point_into_text(struct signer_headers *headers)
{
	const char *at = headers->text.data;
	assert(!strbuf_is_full(&headers->text));
	for (size_t i = 0; i < headers->count; i++) {
		headers->headers[i].name = at;
		at += strlen(at) + 1;
		headers->headers[i].value = at;
		at += strlen(at) + 1;
	}
}

void signer_headers_init(struct signer_headers *headers, const struct signer_options *options,
			 const struct signer_delivery *delivery)
{
	char timestamp[24];
	assert(delivery->secret_count > 0 && delivery->secret_count <= LIMIT_SECRETS_PER_WEBHOOK);
	snprintf(timestamp, sizeof(timestamp), "%lld", (long long)delivery->timestamp_s);

	headers->count = 0;
	strbuf_init(&headers->text, SIGNER_TEXT_MAX_BYTES);
	add_header(headers, "Content-Type", "application/json");
	add_own_headers(headers, options, delivery, timestamp);
	add_standard_headers(headers, delivery, timestamp);
	if (delivery->bearer_token)
		add_authorization(headers, delivery->bearer_token);
	if (delivery->extra_headers)
		add_extra_headers(headers, delivery->extra_headers);
	point_into_text(headers);
}

void signer_headers_finish(struct signer_headers *headers)
{
	crypto_wipe(headers->text.data, headers->text.length); /* a bearer token may be there */
	strbuf_finish(&headers->text);
	headers->count = 0;
}

/* ---- for receivers ---- */

static bool is_equal_text(const char *a, const char *b, size_t b_length)
{
	return strlen(a) == b_length && crypto_equal(a, b, b_length);
}

bool signer_verify_body(const char *secret, const char *body, size_t body_length,
			const char *signature)
{
	uint8_t digest[SHA256_BYTES];
	sign_body(secret, body, body_length, digest);
	for (int format = SIGNATURE_HEX; format <= SIGNATURE_BASE64; format++) {
		char text[SIGNATURE_SIZE];
		format_body_signature((enum config_signature)format, digest, text);
		if (is_equal_text(text, signature, strlen(signature)))
			return true;
	}
	return false;
}

int signer_verify_standard(const char *secret, const char *id, const char *timestamp,
			   const char *body, size_t body_length, const char *signatures)
{
	char text[BASE64_DIGEST_SIZE];
	int result = sign_standard(secret, id, timestamp, body, body_length, text);
	if (result != 0)
		return result;
	while (*signatures != '\0') {
		size_t length = strcspn(signatures, " ");
		if (strncmp(signatures, "v1,", 3) == 0 &&
		    is_equal_text(text, signatures + 3, length - 3))
			return 0;
		signatures += length;
		signatures += strspn(signatures, " ");
	}
	return -EKEYREJECTED;
}
