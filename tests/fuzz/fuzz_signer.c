/* What the signer signs, its own verification takes, and takes nothing else; a request has each
 * header once. The input: secret, id, body, a signature of somebody
 * else's, a bearer token, extra headers. */
#include "fuzz.h"

#include "base/crypto.h"
#include "deliver/signer.h"

#include <errno.h>
#include <strings.h>

enum { TEXTS = 6, SECRET = 0, ID, BODY, SIGNATURE, BEARER, EXTRA };

static const char *header(const struct signer_headers *headers, const char *name)
{
	const char *value = NULL;
	for (size_t i = 0; i < headers->count; i++) {
		if (strcasecmp(headers->headers[i].name, name) != 0)
			continue;
		FUZZ_MUST(!value); /* each name once */
		value = headers->headers[i].value;
	}
	FUZZ_MUST(value);
	return value;
}

static void check_headers(const struct signer_headers *headers)
{
	FUZZ_MUST(headers->count <= SIGNER_HEADERS_MAX);
	for (size_t i = 0; i < headers->count; i++) {
		for (size_t j = 0; j < i; j++)
			FUZZ_MUST(strcasecmp(headers->headers[i].name, headers->headers[j].name));
	}
	FUZZ_MUST(strcmp(header(headers, "content-type"), "application/json") == 0);
}

/* Another byte anywhere in what is signed makes another signature. */
static void must_tell_bodies_apart(const char *secret, const char *id, const char *timestamp,
				   char *body, const char *own, const char *standard)
{
	size_t length = strlen(body);
	if (length == 0)
		return;
	body[length / 2] ^= 1;
	FUZZ_MUST(!signer_verify_body(secret, body, length, own));
	FUZZ_MUST(signer_verify_standard(secret, id, timestamp, body, length, standard) != 0);
	body[length / 2] ^= 1;
	FUZZ_MUST(!signer_verify_body(secret, body, length - 1, own));
	FUZZ_MUST(signer_verify_standard(secret, id, timestamp, body, length - 1, standard) != 0);
}

static void check_signatures(const struct signer_headers *headers, const char *secret,
			     const char *id, char *body)
{
	size_t length = strlen(body);
	const char *own = header(headers, "X-Tiktool-Signature");
	const char *standard = header(headers, "webhook-signature");
	const char *timestamp = header(headers, "webhook-timestamp");
	FUZZ_MUST(strcmp(timestamp, header(headers, "X-Tiktool-Timestamp")) == 0);
	FUZZ_MUST(signer_verify_body(secret, body, length, own));
	int result = signer_verify_standard(secret, id, timestamp, body, length, standard);
	FUZZ_MUST(result == 0 || (result == -EINVAL && *standard == '\0'));
	must_tell_bodies_apart(secret, id, timestamp, body, own, standard);
}

/* A signature that was not made by us is taken only if it is the very same. */
static void check_foreign(const char *secret, const char *body, const char *signature)
{
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1], base64[64];
	const struct crypto_part part = { body, strlen(body) };
	crypto_hmac_sha256(secret, strlen(secret), &part, 1, digest);
	crypto_hex(digest, sizeof(digest), hex);
	crypto_base64(digest, sizeof(digest), base64);
	bool is_ours = strcmp(signature, hex) == 0 || strcmp(signature, base64) == 0 ||
		       (strncmp(signature, "sha256=", 7) == 0 && strcmp(signature + 7, hex) == 0);
	FUZZ_MUST(signer_verify_body(secret, body, strlen(body), signature) == is_ours);
	int result = signer_verify_standard(secret, "evt_1", "1", body, strlen(body), signature);
	FUZZ_MUST(result == -EINVAL || result == -EKEYREJECTED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	uint8_t flags = fuzz_take_byte(&input);
	int64_t timestamp_s = fuzz_take_number(&input) >> 20;
	char *texts[TEXTS];
	for (int i = 0; i < TEXTS; i++)
		texts[i] = fuzz_take_text(&input);

	const struct signer_options options = { "X-Tiktool", (enum config_signature)(flags % 3) };
	const struct signer_delivery delivery = {
		.event_id = texts[ID],
		.delivery_id = "del_1",
		.webhook_id = "wh_1",
		.event_type = "live.start",
		.attempt = 1,
		.is_replay = flags & 4,
		.timestamp_s = timestamp_s,
		.body = texts[BODY],
		.body_length = strlen(texts[BODY]),
		.secrets = { texts[SECRET] },
		.secret_count = 1,
		/* Longer ones do not get past the admin API. */
		.bearer_token = flags & 8 && strlen(texts[BEARER]) <= LIMIT_BEARER_TOKEN_BYTES
					? texts[BEARER]
					: NULL,
		.extra_headers = flags & 16 ? texts[EXTRA] : NULL,
	};
	if (strlen(texts[ID]) < 128) {
		struct signer_headers headers;
		signer_headers_init(&headers, &options, &delivery);
		check_headers(&headers);
		check_signatures(&headers, texts[SECRET], texts[ID], texts[BODY]);
		signer_headers_finish(&headers);
	}
	check_foreign(texts[SECRET], texts[BODY], texts[SIGNATURE]);
	for (int i = 0; i < TEXTS; i++)
		free(texts[i]);
	return 0;
}
