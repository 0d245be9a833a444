/* crypto - what is taken from OpenSSL: random bytes, SHA-256, HMAC-SHA256, AES-256-GCM, base64,
 * comparison in constant time. */
#ifndef GOLIVED_BASE_CRYPTO_H
#define GOLIVED_BASE_CRYPTO_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32 };

/* Bytes for keys and ids; aborts if the system has none. */
void crypto_random(void *bytes, size_t length);

void crypto_sha256(const void *data, size_t length, uint8_t digest[SHA256_BYTES]);

/* HMAC-SHA256 over the concatenation of parts. */
struct crypto_part {
	const void *data;
	size_t length;
};
void crypto_hmac_sha256(const void *key, size_t key_length, const struct crypto_part *parts,
			size_t count, uint8_t digest[SHA256_BYTES]);

/* Authenticated encryption with AES-256-GCM. What is sealed is a byte for the version of this
 * layout (1), 12 random bytes (the nonce), the bytes encrypted, and 16 bytes that prove that it was
 * made with this key for this `context`: the text that says what is sealed, which is not in it. */
enum { CRYPTO_KEY_BYTES = 32, CRYPTO_SEAL_EXTRA_BYTES = 1 + 12 + 16 };

/* sealed must hold length + CRYPTO_SEAL_EXTRA_BYTES bytes. */
void crypto_seal(const uint8_t key[CRYPTO_KEY_BYTES], const char *context, const void *data,
		 size_t length, void *sealed);

/* data must hold sealed_length - CRYPTO_SEAL_EXTRA_BYTES bytes; their number is *ret_length.
 * -EINVAL: that was not made by crypto_seal(); -EKEYREJECTED: with another key, for another
 * context, or it was changed. On failure data holds nothing. */
int crypto_open(const uint8_t key[CRYPTO_KEY_BYTES], const char *context, const void *sealed,
		size_t sealed_length, void *data, size_t *ret_length) MUST_CHECK;

bool crypto_equal(const void *a, const void *b, size_t length); /* in constant time */
void crypto_wipe(void *secret, size_t length);

/* text must hold 2*length+1 bytes (hex, lower case) or crypto_base64_size(length) bytes (RFC 4648,
 * padded). */
void crypto_hex(const void *data, size_t length, char *text);
size_t crypto_base64_size(size_t length);
void crypto_base64(const void *data, size_t length, char *text);

/* Strict: canonical, padded. -EINVAL for anything else, -ENOBUFS if more than max bytes. */
int crypto_base64_decode(const char *text, size_t text_length, void *data, size_t max,
			 size_t *ret_length) MUST_CHECK;

#endif
