#include "base/crypto.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Fetching an algorithm by name costs more than hashing an event, so all are fetched once and kept
 * for ever. They are only read afterwards, by any thread: every call works on a copy. */
static struct {
	EVP_MD *sha256;
	EVP_MAC_CTX *hmac_sha256; /* the algorithm chosen, no key yet */
	EVP_CIPHER *aes_256_gcm;
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
	fetched.aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	require(hmac && fetched.sha256 && fetched.hmac_sha256 && fetched.aes_256_gcm &&
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

static void free_hmac(void *context)
{
	EVP_MAC_CTX_free(context);
}

static pthread_key_t own_hmac_key;
static pthread_once_t own_hmac_once = PTHREAD_ONCE_INIT;

static void make_own_hmac_key(void)
{
	require(pthread_key_create(&own_hmac_key, free_hmac) == 0);
}

/* The thread's own context, made with its first HMAC: making one costs more than using it. */
static EVP_MAC_CTX *own_hmac(void)
{
	pthread_once(&own_hmac_once, make_own_hmac_key);
	EVP_MAC_CTX *context = pthread_getspecific(own_hmac_key);
	if (!context) {
		context = EVP_MAC_CTX_dup(fetched.hmac_sha256);
		require(context && pthread_setspecific(own_hmac_key, context) == 0);
	}
	return context;
}

void crypto_hmac_sha256(const void *key, size_t key_length, const struct crypto_part *parts,
			size_t count, uint8_t digest[SHA256_BYTES])
{
	pthread_once(&fetched_once, fetch);
	EVP_MAC_CTX *mac = own_hmac();
	/* NULL would mean "as before", and an empty key is a key. */
	require(EVP_MAC_init(mac, key_length > 0 ? key : "", key_length, NULL));
	for (size_t i = 0; i < count; i++)
		require(EVP_MAC_update(mac, parts[i].data, parts[i].length));
	size_t written;
	require(EVP_MAC_final(mac, digest, &written, SHA256_BYTES));
}

enum { SEAL_VERSION = 1, NONCE_BYTES = 12, TAG_BYTES = 16 };

_Static_assert(CRYPTO_SEAL_EXTRA_BYTES == 1 + NONCE_BYTES + TAG_BYTES, "what a seal adds");

/* A cipher with its key and nonce, told for what context: NIST SP 800-38D. */
static EVP_CIPHER_CTX *start_cipher(const uint8_t key[CRYPTO_KEY_BYTES], const uint8_t *nonce,
				    const char *context, bool is_sealing)
{
	pthread_once(&fetched_once, fetch);
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	int written;
	require(cipher &&
		EVP_CipherInit_ex2(cipher, fetched.aes_256_gcm, key, nonce, is_sealing, NULL));
	require(EVP_CipherUpdate(cipher, NULL, &written, (const uint8_t *)context,
				 (int)strlen(context)));
	return cipher;
}

void crypto_seal(const uint8_t key[CRYPTO_KEY_BYTES], const char *context, const void *data,
		 size_t length, void *sealed)
{
	uint8_t *version = sealed, *nonce = version + 1, *text = nonce + NONCE_BYTES;
	uint8_t *tag = text + length;
	int written = 0, rest;
	require(length <= INT32_MAX);
	*version = SEAL_VERSION;
	crypto_random(nonce, NONCE_BYTES);
	EVP_CIPHER_CTX *cipher = start_cipher(key, nonce, context, true);
	/* Without bytes OpenSSL would take the call for the end. */
	if (length > 0)
		require(EVP_CipherUpdate(cipher, text, &written, data, (int)length));
	require((size_t)written == length && EVP_CipherFinal_ex(cipher, tag, &rest) && rest == 0);
	require(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag));
	EVP_CIPHER_CTX_free(cipher);
}

int crypto_open(const uint8_t key[CRYPTO_KEY_BYTES], const char *context, const void *sealed,
		size_t sealed_length, void *data, size_t *ret_length)
{
	const uint8_t *version = sealed, *nonce = version + 1, *text = nonce + NONCE_BYTES;
	if (sealed_length < CRYPTO_SEAL_EXTRA_BYTES || sealed_length > INT32_MAX ||
	    *version != SEAL_VERSION)
		return -EINVAL;
	size_t length = sealed_length - CRYPTO_SEAL_EXTRA_BYTES;
	uint8_t tag[TAG_BYTES], nothing[TAG_BYTES];
	int written = 0, rest;
	memcpy(tag, text + length, TAG_BYTES);
	EVP_CIPHER_CTX *cipher = start_cipher(key, nonce, context, false);
	if (length > 0)
		require(EVP_CipherUpdate(cipher, data, &written, text, (int)length));
	require(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag));
	bool is_genuine = EVP_CipherFinal_ex(cipher, nothing, &rest);
	EVP_CIPHER_CTX_free(cipher);
	if (!is_genuine) {
		crypto_wipe(data, length);
		return -EKEYREJECTED;
	}
	*ret_length = length;
	return 0;
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
