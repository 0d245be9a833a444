#include "sim/verify.h"

#include "base/crypto.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOLERANCE_S = 300, SECRET_BYTES_MAX = 64, BASE64_DIGEST_SIZE = 45 };

static const char secret_prefix[] = "whsec_";

void sim_secrets_finish(struct sim_secrets *secrets)
{
	for (size_t i = 0; i < secrets->count; i++)
		free(secrets->values[i]);
	secrets->count = 0;
}

void sim_secrets_parse(struct sim_secrets *secrets, const char *text)
{
	sim_secrets_finish(secrets);
	while (*text && secrets->count < SIM_SECRETS_MAX) {
		size_t length = strcspn(text, "\r\n");
		if (strncmp(text, secret_prefix, strlen(secret_prefix)) == 0)
			secrets->values[secrets->count++] = memory_text_n(text, length);
		text += length;
		text += strspn(text, "\r\n");
	}
}

static bool is_tiktool_signature(const char *given, const struct strbuf *body, const char *secret)
{
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1], base64[BASE64_DIGEST_SIZE];
	const struct crypto_part parts[] = { { body->data, body->length } };
	crypto_hmac_sha256(secret, strlen(secret), parts, ARRAY_SIZE(parts), digest);
	crypto_hex(digest, sizeof(digest), hex);
	crypto_base64(digest, sizeof(digest), base64);
	if (strncmp(given, "sha256=", 7) == 0)
		return strcmp(given + 7, hex) == 0;
	return strcmp(given, hex) == 0 || strcmp(given, base64) == 0;
}

/* Is wanted one of the signatures, which are separated by spaces? */
static bool holds_signature(const char *given, const char *wanted)
{
	size_t wanted_length = strlen(wanted);
	while (*given) {
		size_t length = strcspn(given, " ");
		if (length == wanted_length && memcmp(given, wanted, length) == 0)
			return true;
		given += length;
		given += strspn(given, " ");
	}
	return false;
}

static bool is_standard_signature(const char *given, const char *id, const char *timestamp,
				  const struct strbuf *body, const char *secret)
{
	uint8_t key[SECRET_BYTES_MAX], digest[SHA256_BYTES];
	size_t key_length;
	const char *encoded = secret + strlen(secret_prefix);
	if (crypto_base64_decode(encoded, strlen(encoded), key, sizeof(key), &key_length) < 0)
		return false;
	const struct crypto_part parts[] = {
		{ id, strlen(id) },
		{ ".", 1 },
		{ timestamp, strlen(timestamp) },
		{ ".", 1 },
		{ body->data, body->length },
	};
	crypto_hmac_sha256(key, key_length, parts, ARRAY_SIZE(parts), digest);
	char wanted[3 + BASE64_DIGEST_SIZE] = "v1,";
	crypto_base64(digest, sizeof(digest), wanted + 3);
	return holds_signature(given, wanted);
}

static const char *header_of(const struct sim_request *request, const char *prefix,
			     const char *suffix)
{
	char name[128];
	snprintf(name, sizeof(name), "%s-%s", prefix, suffix);
	return sim_request_header(request, name);
}

const char *sim_verify(const struct sim_request *request, const struct sim_secrets *secrets,
		       const char *prefix)
{
	const char *tiktool = header_of(request, prefix, "signature");
	const char *tiktool_time = header_of(request, prefix, "timestamp");
	const char *standard = sim_request_header(request, "webhook-signature");
	const char *id = sim_request_header(request, "webhook-id");
	const char *timestamp = sim_request_header(request, "webhook-timestamp");
	bool is_tiktool = false, is_standard = false;
	if (secrets->count == 0)
		return "no secret to verify with";
	if (!tiktool || !tiktool_time)
		return "no signature or timestamp of the first kind";
	if (!standard || !id || !timestamp)
		return "no webhook-id, webhook-timestamp or webhook-signature";
	if (strcmp(timestamp, tiktool_time) != 0)
		return "the two timestamps differ";
	if (llabs(strtoll(timestamp, NULL, 10) - request->received_at_ms / 1000) > TOLERANCE_S)
		return "the timestamp is more than five minutes off";
	for (size_t i = 0; i < secrets->count; i++) {
		const char *secret = secrets->values[i];
		is_tiktool |= is_tiktool_signature(tiktool, &request->body, secret);
		is_standard |=
			is_standard_signature(standard, id, timestamp, &request->body, secret);
	}
	if (!is_tiktool)
		return "the signature of the body is wrong";
	return is_standard ? NULL : "webhook-signature is wrong";
}
