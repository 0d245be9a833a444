#include "base/crypto.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Fetching an algorithm by name costs more than hashing an event, so both are fetched once and kept
 * for ever. They are only read afterwards, by any thread: every call works on a copy. */
static struct {
	EVP_MD *sha256;
	EVP_MAC_CTX *hmac_sha256; /* the algorithm chosen, no key yet */
} fetched;
static pthread_once_t fetched_once = PTHREAD_ONCE_INIT;

/* Without its algorithms or random bytes the program could not sign a thing; OpenSSL fails here
 * only when it is not installed properly or memory is out. */
static void require(bool is_done)
{
	if (!is_done) {
		fputs("OpenSSL failed where it must not\n", stderr);
		abort();
	}
}

static void fetch(void)
{
	char digest_name[] = "SHA256";
	const OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	fetched.sha256 = EVP_MD_fetch(NULL, digest_name, NULL);
	fetched.hmac_sha256 = EVP_MAC_CTX_new(hmac);
	require(hmac && fetched.sha256 && fetched.hmac_sha256 &&
		EVP_MAC_CTX_set_params(fetched.hmac_sha256, parameters));
	EVP_MAC_free(hmac); /* the context holds on to it */
}

void crypto_random(void *bytes, size_t length)
{
	require(length <= INT32_MAX && RAND_bytes(bytes, (int)length) == 1);
}

void crypto_sha256(const void *data, size_t length, uint8_t digest[SHA256_BYTES])
{
	pthread_once(&fetched_once, fetch);
	require(EVP_Digest(data, length, digest, NULL, fetched.sha256, NULL));
}

void crypto_hmac_sha256(const void *key, size_t key_length, const struct crypto_part *parts,
			size_t count, uint8_t digest[SHA256_BYTES])
{
	pthread_once(&fetched_once, fetch);
	EVP_MAC_CTX *mac = EVP_MAC_CTX_dup(fetched.hmac_sha256);
	/* NULL would mean "as before", and an empty key is a key. */
	require(mac && EVP_MAC_init(mac, key_length > 0 ? key : "", key_length, NULL));
	for (size_t i = 0; i < count; i++)
		require(EVP_MAC_update(mac, parts[i].data, parts[i].length));
	size_t written;
	require(EVP_MAC_final(mac, digest, &written, SHA256_BYTES));
	EVP_MAC_CTX_free(mac);
}

bool crypto_equal(const void *a, const void *b, size_t length)
{
	return CRYPTO_memcmp(a, b, length) == 0;
}

void crypto_wipe(void *secret, size_t length)
{
	OPENSSL_cleanse(secret, length);
}

void crypto_hex(const void *data, size_t length, char *text)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = data;
	for (size_t i = 0; i < length; i++) {
		*text++ = digits[bytes[i] >> 4];
		*text++ = digits[bytes[i] & 15];
	}
	*text = '\0';
}

size_t crypto_base64_size(size_t length)
{
	return (length + 2) / 3 * 4 + 1;
}

static const char base64_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void crypto_base64(const void *data, size_t length, char *text)
{
	const uint8_t *bytes = data;
	for (size_t i = 0; i < length; i += 3) {
		size_t left = length - i;
		unsigned group = (unsigned)bytes[i] << 16 |
				 (left > 1 ? (unsigned)bytes[i + 1] << 8 : 0) |
				 (left > 2 ? bytes[i + 2] : 0);
		*text++ = base64_alphabet[group >> 18];
		*text++ = base64_alphabet[group >> 12 & 63];
		*text++ = left > 1 ? base64_alphabet[group >> 6 & 63] : '=';
		*text++ = left > 2 ? base64_alphabet[group & 63] : '=';
	}
	*text = '\0';
}

/* Not OpenSSL's decoder, which skips white space and takes bits beyond the last byte. */
int crypto_base64_decode(const char *text, size_t text_length, void *data, size_t max,
			 size_t *ret_length)
{
	if (text_length % 4 != 0)
		return -EINVAL;
	size_t padding = 0;
	while (padding < 2 && padding < text_length && text[text_length - 1 - padding] == '=')
		padding++;
	size_t length = text_length / 4 * 3 - padding;
	size_t digits = text_length - padding;
	uint8_t *bytes = data;
	unsigned pending = 0, pending_bits = 0;
	size_t written = 0;

	for (size_t i = 0; i < digits; i++) {
		const char *digit = text[i] ? strchr(base64_alphabet, text[i]) : NULL;
		if (!digit)
			return -EINVAL;
		pending = (pending << 6 | (unsigned)(digit - base64_alphabet)) & 0xFFFF;
		pending_bits += 6;
		if (pending_bits < 8)
			continue;
		pending_bits -= 8;
		if (written < max)
			bytes[written] = (uint8_t)(pending >> pending_bits);
		written++;
	}
	if ((pending & ((1U << pending_bits) - 1)) != 0)
		return -EINVAL; /* not canonical: these bits belong to no byte */
	if (length > max)
		return -ENOBUFS;
	*ret_length = length;
	return 0;
}
