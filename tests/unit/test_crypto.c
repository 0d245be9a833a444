#include "base/crypto.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void assert_hex(const uint8_t *bytes, size_t length, const char *expected)
{
	char text[2 * 64 + 1];
	crypto_hex(bytes, length, text);
	assert_string_equal(text, expected);
}

static void sha256_gives_the_known_digests(void **state)
{
	(void)state;
	uint8_t digest[SHA256_BYTES];
	crypto_sha256("", 0, digest);
	assert_hex(digest, sizeof(digest),
		   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	crypto_sha256("abc", 3, digest);
	assert_hex(digest, sizeof(digest),
		   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* RFC 4231, test cases 1, 2, 6; then an empty key and message. */
static void hmac_sha256_gives_the_known_digests(void **state)
{
	(void)state;
	uint8_t twenty_bytes[20], long_key[131], digest[SHA256_BYTES];
	memset(twenty_bytes, 0x0b, sizeof(twenty_bytes));
	memset(long_key, 0xaa, sizeof(long_key));
	const char *long_text = "Test Using Larger Than Block-Size Key - Hash Key First";
	const struct {
		const void *key;
		size_t key_length;
		const char *text;
		const char *digest;
	} cases[] = {
		{ twenty_bytes, 20, "Hi There",
		  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ "Jefe", 4, "what do ya want for nothing?",
		  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ long_key, sizeof(long_key), long_text,
		  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
		{ NULL, 0, "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct crypto_part part = { cases[i].text, strlen(cases[i].text) };
		crypto_hmac_sha256(cases[i].key, cases[i].key_length, &part, 1, digest);
		assert_hex(digest, sizeof(digest), cases[i].digest);
	}
}

static void parts_are_signed_as_if_they_were_one(void **state)
{
	(void)state;
	const struct crypto_part whole[] = { { "evt_1.1781787600.{}", 19 } };
	const struct crypto_part parts[] = {
		{ "evt_1", 5 }, { ".", 1 }, { "1781787600", 10 }, { NULL, 0 }, { ".{}", 3 },
	};
	uint8_t of_whole[SHA256_BYTES], of_parts[SHA256_BYTES];
	crypto_hmac_sha256("key", 3, whole, 1, of_whole);
	crypto_hmac_sha256("key", 3, parts, ARRAY_SIZE(parts), of_parts);
	assert_memory_equal(of_whole, of_parts, SHA256_BYTES);
}

static void *sign_many(void *expected)
{
	const struct crypto_part part = { "what do ya want for nothing?", 28 };
	for (int i = 0; i < 2000; i++) {
		uint8_t digest[SHA256_BYTES];
		crypto_hmac_sha256("Jefe", 4, &part, 1, digest);
		if (memcmp(digest, expected, SHA256_BYTES) != 0)
			return expected;
	}
	return NULL;
}

static void threads_may_sign_at_the_same_time(void **state)
{
	(void)state;
	uint8_t expected[SHA256_BYTES];
	const struct crypto_part part = { "what do ya want for nothing?", 28 };
	crypto_hmac_sha256("Jefe", 4, &part, 1, expected);
	pthread_t threads[4];
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_many, expected), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		void *wrong;
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

static void random_bytes_differ_each_time(void **state)
{
	(void)state;
	uint8_t first[32], second[32];
	crypto_random(first, sizeof(first));
	crypto_random(second, sizeof(second));
	assert_memory_not_equal(first, second, sizeof(first));
}

static void equal_means_every_byte(void **state)
{
	(void)state;
	assert_true(crypto_equal("abcd", "abcd", 4));
	assert_false(crypto_equal("abcd", "abce", 4));
	assert_false(crypto_equal("xbcd", "abcd", 4));
	assert_true(crypto_equal("abcd", "abce", 3));
}

static void a_wiped_secret_is_zeros(void **state)
{
	(void)state;
	char secret[] = "whsec_abc";
	crypto_wipe(secret, sizeof(secret));
	static const char zeros[sizeof(secret)];
	assert_memory_equal(secret, zeros, sizeof(secret));
}

/* RFC 4648, section 10. */
static void base64_writes_and_reads_the_known_texts(void **state)
{
	(void)state;
	static const struct {
		const char *plain, *encoded;
	} cases[] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xfb\xff\xfe", "+//+" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[32], back[32];
		size_t length = strlen(cases[i].plain), read = 99;
		crypto_base64(cases[i].plain, length, text);
		assert_string_equal(text, cases[i].encoded);
		assert_int_equal(crypto_base64_size(length), strlen(text) + 1);
		assert_int_equal(crypto_base64_decode(text, strlen(text), back, length, &read), 0);
		assert_int_equal(read, length);
		assert_memory_equal(back, cases[i].plain, length);
	}
}

static void only_the_canonical_form_of_base64_is_read(void **state)
{
	(void)state;
	static const char *const refused[] = {
		"Z",    "Zg",   "Zg=",   "Zg===", "====",   "=",    "Zm9v=", "Zg==Zg==", "Z===",
		"Zh==", "Zm9=", "Zm9v ", " Zm9v", "Zm\n9v", "Zm9-", "Zm9_",  "Zm=v",     "Zm9v\n",
	};
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		char back[32];
		size_t read = 99;
		if (crypto_base64_decode(refused[i], strlen(refused[i]), back, sizeof(back),
					 &read) != -EINVAL)
			fail_msg("\"%s\" was read as base64", refused[i]);
		assert_int_equal(read, 99);
	}
	char back[32];
	size_t read;
	assert_int_equal(crypto_base64_decode("Zm\0v", 4, back, sizeof(back), &read), -EINVAL);
}

static void base64_of_more_than_fits_is_refused_and_not_written_behind_the_end(void **state)
{
	(void)state;
	char back[4] = "....";
	size_t read;
	assert_int_equal(crypto_base64_decode("Zm9v", 4, back, 2, &read), -ENOBUFS);
	assert_int_equal(back[2], '.');
	assert_int_equal(crypto_base64_decode("Zm9v", 4, back, 3, &read), 0);
	assert_int_equal(read, 3);
	assert_int_equal(back[3], '.');
}

/* ---- AES-256-GCM ---- */

static const uint8_t seal_key[CRYPTO_KEY_BYTES] = { 1, 2, 3 };

/* By Go's crypto/cipher, which is not OpenSSL: "whsec_x" for "wh_1/secret" with nonce 0, 1, … 11.
 */
static const uint8_t sealed_elsewhere[] = { 0x01, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
					    0x08, 0x09, 0x0a, 0x0b, 0xf2, 0xa7, 0xa2, 0xf5, 0x8d,
					    0xc8, 0x39, 0x59, 0x44, 0x63, 0xce, 0x8f, 0xfa, 0xc6,
					    0x9e, 0x70, 0xeb, 0x1e, 0x29, 0x88, 0x2e, 0xbf, 0x06 };

static void what_is_sealed_is_opened_with_its_key_and_context(void **state)
{
	(void)state;
	static const char *const texts[] = { "", "x", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" };
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		uint8_t sealed[128], data[128];
		size_t length = strlen(texts[i]), opened = 99;
		crypto_seal(seal_key, "wh_1/secret", texts[i], length, sealed);
		assert_int_equal(crypto_open(seal_key, "wh_1/secret", sealed,
					     length + CRYPTO_SEAL_EXTRA_BYTES, data, &opened),
				 0);
		assert_int_equal(opened, length);
		assert_memory_equal(data, texts[i], length);
		if (length > 8)
			assert_null(memmem(sealed, sizeof(sealed), texts[i], 8));
	}
}

static void what_another_program_sealed_so_is_opened(void **state)
{
	(void)state;
	uint8_t data[sizeof(sealed_elsewhere)];
	size_t length;
	assert_int_equal(crypto_open(seal_key, "wh_1/secret", sealed_elsewhere,
				     sizeof(sealed_elsewhere), data, &length),
			 0);
	assert_int_equal(length, 7);
	assert_memory_equal(data, "whsec_x", 7);
}

static void another_key_or_context_or_any_changed_byte_is_rejected(void **state)
{
	(void)state;
	uint8_t sealed[7 + CRYPTO_SEAL_EXTRA_BYTES], data[7], other[CRYPTO_KEY_BYTES] = { 9 };
	size_t length;
	crypto_seal(seal_key, "wh_1/secret", "whsec_x", 7, sealed);
	assert_int_equal(crypto_open(other, "wh_1/secret", sealed, sizeof(sealed), data, &length),
			 -EKEYREJECTED);
	assert_int_equal(
		crypto_open(seal_key, "wh_2/secret", sealed, sizeof(sealed), data, &length),
		-EKEYREJECTED);
	for (size_t i = 0; i < sizeof(sealed); i++) {
		sealed[i] ^= 1;
		int expected = i == 0 ? -EINVAL : -EKEYREJECTED;
		assert_int_equal(
			crypto_open(seal_key, "wh_1/secret", sealed, sizeof(sealed), data, &length),
			expected);
		sealed[i] ^= 1;
	}
	assert_int_equal(
		crypto_open(seal_key, "wh_1/secret", sealed, sizeof(sealed) - 1, data, &length),
		-EKEYREJECTED);
	assert_int_equal(crypto_open(seal_key, "wh_1/secret", sealed, CRYPTO_SEAL_EXTRA_BYTES - 1,
				     data, &length),
			 -EINVAL);
}

static void the_same_is_never_sealed_alike(void **state)
{
	(void)state;
	uint8_t one[1 + CRYPTO_SEAL_EXTRA_BYTES], two[sizeof(one)];
	crypto_seal(seal_key, "c", "x", 1, one);
	crypto_seal(seal_key, "c", "x", 1, two);
	assert_memory_not_equal(one, two, sizeof(one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_gives_the_known_digests),
		cmocka_unit_test(hmac_sha256_gives_the_known_digests),
		cmocka_unit_test(parts_are_signed_as_if_they_were_one),
		cmocka_unit_test(threads_may_sign_at_the_same_time),
		cmocka_unit_test(random_bytes_differ_each_time),
		cmocka_unit_test(equal_means_every_byte),
		cmocka_unit_test(a_wiped_secret_is_zeros),
		cmocka_unit_test(base64_writes_and_reads_the_known_texts),
		cmocka_unit_test(only_the_canonical_form_of_base64_is_read),
		cmocka_unit_test(
			base64_of_more_than_fits_is_refused_and_not_written_behind_the_end),
		cmocka_unit_test(what_is_sealed_is_opened_with_its_key_and_context),
		cmocka_unit_test(what_another_program_sealed_so_is_opened),
		cmocka_unit_test(another_key_or_context_or_any_changed_byte_is_rejected),
		cmocka_unit_test(the_same_is_never_sealed_alike),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
