#include "deliver/signer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

/* Standard Webhooks' own vector (github.com/standard-webhooks/standard-webhooks). */
#define VECTOR_SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define VECTOR_ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define VECTOR_TIMESTAMP "1614265330"
#define VECTOR_BODY "{\"test\": 2432232314}"
#define VECTOR_SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

/* HMAC-SHA256 of the same body, keyed with the whole text of the secret. */
#define VECTOR_BODY_HEX "80ec8a89ce3cd22133a1066caecb4d04fea7467657c8514d717ec42c38a5c94c"
#define VECTOR_BODY_BASE64 "gOyKic480iEzoQZsrstNBP6nRnZXyFFNcX7ELDilyUw="

/* Another secret, and the signatures with it. */
#define NEWER_SECRET "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define NEWER_SIGNATURE "v1,O4Gjv1HqPqsMrjmczoggs/sWA8gZD0VyHG+fLh4+ktI="

static const struct signer_options usual = { "X-Tiktool", SIGNATURE_HEX };

static struct signer_delivery vector(void)
{
	return (struct signer_delivery){
		.event_id = VECTOR_ID,
		.delivery_id = "del_1",
		.webhook_id = "wh_1",
		.event_type = "live.start",
		.attempt = 1,
		.timestamp_s = 1614265330,
		.body = VECTOR_BODY,
		.body_length = strlen(VECTOR_BODY),
		.secrets = { VECTOR_SECRET },
		.secret_count = 1,
	};
}

static const char *find(const struct signer_headers *headers, const char *name)
{
	const char *value = NULL;
	for (size_t i = 0; i < headers->count; i++) {
		if (strcasecmp(headers->headers[i].name, name) != 0)
			continue;
		if (value)
			fail_msg("%s is there twice", name);
		value = headers->headers[i].value;
	}
	return value;
}

static void assert_header(const struct signer_options *options,
			  const struct signer_delivery *delivery, const char *name,
			  const char *expected)
{
	struct signer_headers headers;
	signer_headers_init(&headers, options, delivery);
	const char *value = find(&headers, name);
	if (!expected && value)
		fail_msg("%s is there: %s", name, value);
	if (expected && !value)
		fail_msg("%s is missing", name);
	if (expected)
		assert_string_equal(value, expected);
	signer_headers_finish(&headers);
}

static void an_attempt_has_the_headers_of_the_contract(void **state)
{
	(void)state;
	const struct http_header expected[] = {
		{ "Content-Type", "application/json" },
		{ "X-Tiktool-Signature", VECTOR_BODY_HEX },
		{ "X-Tiktool-Timestamp", VECTOR_TIMESTAMP },
		{ "X-Tiktool-Event", "live.start" },
		{ "X-Tiktool-Event-Id", VECTOR_ID },
		{ "X-Tiktool-Delivery-Id", "del_1" },
		{ "X-Tiktool-Attempt", "3" },
		{ "X-Tiktool-Webhook-Id", "wh_1" },
		{ "webhook-id", VECTOR_ID },
		{ "webhook-timestamp", VECTOR_TIMESTAMP },
		{ "webhook-signature", VECTOR_SIGNATURE },
	};
	struct signer_delivery delivery = vector();
	delivery.attempt = 3;
	struct signer_headers headers;
	signer_headers_init(&headers, &usual, &delivery);
	assert_int_equal(headers.count, ARRAY_SIZE(expected));
	for (size_t i = 0; i < headers.count; i++) {
		assert_string_equal(headers.headers[i].name, expected[i].name);
		assert_string_equal(headers.headers[i].value, expected[i].value);
	}
	signer_headers_finish(&headers);
}

static void the_body_signature_comes_in_three_formats(void **state)
{
	(void)state;
	const struct {
		enum config_signature format;
		const char *value;
	} cases[] = {
		{ SIGNATURE_HEX, VECTOR_BODY_HEX },
		{ SIGNATURE_SHA256_HEX, "sha256=" VECTOR_BODY_HEX },
		{ SIGNATURE_BASE64, VECTOR_BODY_BASE64 },
	};
	struct signer_delivery delivery = vector();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct signer_options options = { "X-Tiktool", cases[i].format };
		assert_header(&options, &delivery, "X-Tiktool-Signature", cases[i].value);
	}
}

/* docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries */
static void the_body_signature_is_that_of_githubs_example(void **state)
{
	(void)state;
	struct signer_options options = { "X-Hub", SIGNATURE_SHA256_HEX };
	struct signer_delivery delivery = vector();
	delivery.secrets[0] = "It's a Secret to Everybody";
	delivery.body = "Hello, World!";
	delivery.body_length = strlen(delivery.body);
	assert_header(&options, &delivery, "X-Hub-Signature",
		      "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
}

static void a_rotation_signs_with_all_secrets_and_the_body_with_the_oldest(void **state)
{
	(void)state;
	struct signer_delivery delivery = vector();
	delivery.secrets[1] = NEWER_SECRET;
	delivery.secret_count = 2;
	assert_header(&usual, &delivery, "X-Tiktool-Signature", VECTOR_BODY_HEX);
	assert_header(&usual, &delivery, "webhook-signature", VECTOR_SIGNATURE " " NEWER_SIGNATURE);
}

static void as_many_secrets_sign_as_can_be_valid(void **state)
{
	(void)state;
	struct signer_delivery delivery = vector();
	for (unsigned i = 0; i < LIMIT_SECRETS_PER_WEBHOOK; i++)
		delivery.secrets[i] = NEWER_SECRET;
	delivery.secret_count = LIMIT_SECRETS_PER_WEBHOOK;
	assert_header(&usual, &delivery, "webhook-signature",
		      NEWER_SIGNATURE " " NEWER_SIGNATURE " " NEWER_SIGNATURE " " NEWER_SIGNATURE
				      " " NEWER_SIGNATURE);
}

/* Only what is whsec_ and base64 is a key of Standard Webhooks. */
static void a_secret_of_another_form_has_no_standard_signature(void **state)
{
	(void)state;
	struct signer_delivery delivery = vector();
	delivery.secrets[0] = "It's a Secret to Everybody";
	delivery.secrets[1] = NEWER_SECRET;
	delivery.secret_count = 2;
	assert_header(&usual, &delivery, "webhook-signature", NEWER_SIGNATURE);
}

static void the_prefix_is_the_operators(void **state)
{
	(void)state;
	struct signer_options options = { "X-Acme", SIGNATURE_HEX };
	struct signer_delivery delivery = vector();
	assert_header(&options, &delivery, "X-Acme-Event", "live.start");
	assert_header(&options, &delivery, "X-Tiktool-Event", NULL);
	assert_header(&options, &delivery, "webhook-id", VECTOR_ID);
}

static void a_replay_says_so(void **state)
{
	(void)state;
	struct signer_delivery delivery = vector();
	assert_header(&usual, &delivery, "X-Tiktool-Replay", NULL);
	delivery.is_replay = true;
	assert_header(&usual, &delivery, "X-Tiktool-Replay", "true");
}

static void a_bearer_token_and_extra_headers_are_sent(void **state)
{
	(void)state;
	struct signer_delivery delivery = vector();
	assert_header(&usual, &delivery, "Authorization", NULL);
	delivery.bearer_token = "opaque";
	delivery.extra_headers = "{\"X-Room\":\"7\",\"X-Empty\":\"\",\"X-Odd\":7}";
	assert_header(&usual, &delivery, "Authorization", "Bearer opaque");
	assert_header(&usual, &delivery, "X-Room", "7");
	assert_header(&usual, &delivery, "X-Empty", "");
	assert_header(&usual, &delivery, "X-Odd", NULL);
}

static void an_extra_header_replaces_none_of_ours(void **state)
{
	(void)state;
	struct signer_delivery delivery = vector();
	delivery.bearer_token = "opaque";
	delivery.extra_headers = "{\"x-tiktool-event\":\"other\",\"WEBHOOK-ID\":\"other\","
				 "\"authorization\":\"other\",\"content-type\":\"text/plain\"}";
	assert_header(&usual, &delivery, "X-Tiktool-Event", "live.start");
	assert_header(&usual, &delivery, "webhook-id", VECTOR_ID);
	assert_header(&usual, &delivery, "Authorization", "Bearer opaque");
	assert_header(&usual, &delivery, "Content-Type", "application/json");
}

static void extra_headers_that_cannot_be_read_are_left_out(void **state)
{
	(void)state;
	static const char *const unreadable[] = { "", "X-Room: 7", "{\"X-Room\":\"7\"",
						  "[\"X-Room\"]" };
	for (size_t i = 0; i < ARRAY_SIZE(unreadable); i++) {
		struct signer_delivery delivery = vector();
		delivery.extra_headers = unreadable[i];
		assert_header(&usual, &delivery, "X-Room", NULL);
		assert_header(&usual, &delivery, "X-Tiktool-Event", "live.start");
	}
}

static void of_two_extra_headers_of_one_name_the_first_is_sent(void **state)
{
	(void)state;
	struct signer_delivery delivery = vector();
	delivery.extra_headers = "{\"X-Empty\":\"\",\"X-Room\":\"7\",\"x-room\":\"8\"}";
	assert_header(&usual, &delivery, "X-Room", "7");
}

static void no_more_extra_headers_are_sent_than_may_be_registered(void **state)
{
	(void)state;
	char last[16];
	struct strbuf extra;
	strbuf_init(&extra, 4096);
	for (int i = 0; i <= LIMIT_EXTRA_HEADERS; i++)
		strbuf_addf(&extra, "%s\"X%02d\":\"v\"", i ? "," : "{", i);
	strbuf_add_text(&extra, "}");
	struct signer_delivery delivery = vector();
	delivery.extra_headers = extra.data;
	snprintf(last, sizeof(last), "X%02d", LIMIT_EXTRA_HEADERS - 1);
	assert_header(&usual, &delivery, last, "v");
	snprintf(last, sizeof(last), "X%02d", LIMIT_EXTRA_HEADERS);
	assert_header(&usual, &delivery, last, NULL);
	strbuf_finish(&extra);
}

static void the_largest_settings_fit(void **state)
{
	(void)state;
	static char token[LIMIT_BEARER_TOKEN_BYTES + 1];
	static char value[LIMIT_EXTRA_HEADER_BYTES - 3 + 1];
	memset(token, 't', sizeof(token) - 1);
	memset(value, 'v', sizeof(value) - 1);
	struct strbuf extra;
	strbuf_init(&extra, 1 << 20);
	for (int i = 0; i < LIMIT_EXTRA_HEADERS; i++)
		strbuf_addf(&extra, "%s\"X%02d\":\"%s\"", i ? "," : "{", i, value);
	strbuf_add_text(&extra, "}");

	struct signer_delivery delivery = vector();
	delivery.is_replay = true;
	delivery.bearer_token = token;
	delivery.extra_headers = extra.data;
	struct signer_headers headers;
	signer_headers_init(&headers, &usual, &delivery);
	assert_string_equal(find(&headers, "X00"), value);
	assert_string_equal(find(&headers, "X31"), value);
	assert_int_equal(strlen(find(&headers, "Authorization")),
			 strlen("Bearer ") + strlen(token));
	signer_headers_finish(&headers);
	assert_int_equal(headers.count, 0);
	strbuf_finish(&extra);
}

static void a_receiver_can_check_the_body_signature_in_every_format(void **state)
{
	(void)state;
	const size_t length = strlen(VECTOR_BODY);
	assert_true(signer_verify_body(VECTOR_SECRET, VECTOR_BODY, length, VECTOR_BODY_HEX));
	assert_true(
		signer_verify_body(VECTOR_SECRET, VECTOR_BODY, length, "sha256=" VECTOR_BODY_HEX));
	assert_true(signer_verify_body(VECTOR_SECRET, VECTOR_BODY, length, VECTOR_BODY_BASE64));
	assert_false(signer_verify_body(NEWER_SECRET, VECTOR_BODY, length, VECTOR_BODY_HEX));
	assert_false(signer_verify_body(VECTOR_SECRET, VECTOR_BODY, length - 1, VECTOR_BODY_HEX));
	assert_false(signer_verify_body(VECTOR_SECRET, VECTOR_BODY, length, ""));
	assert_false(signer_verify_body(VECTOR_SECRET, VECTOR_BODY, length, VECTOR_BODY_HEX "0"));
}

static int verify(const char *secret, const char *id, const char *timestamp, const char *signatures)
{
	return signer_verify_standard(secret, id, timestamp, VECTOR_BODY, strlen(VECTOR_BODY),
				      signatures);
}

static void a_receiver_can_check_the_standard_signature(void **state)
{
	(void)state;
	const struct {
		const char *secret, *id, *timestamp, *signatures;
		int result;
	} cases[] = {
		{ VECTOR_SECRET, VECTOR_ID, VECTOR_TIMESTAMP, VECTOR_SIGNATURE, 0 },
		{ VECTOR_SECRET, VECTOR_ID, VECTOR_TIMESTAMP,
		  "v1a,xx " NEWER_SIGNATURE "  " VECTOR_SIGNATURE, 0 },
		{ NEWER_SECRET, VECTOR_ID, VECTOR_TIMESTAMP, VECTOR_SIGNATURE " " NEWER_SIGNATURE,
		  0 },
		{ NEWER_SECRET, VECTOR_ID, VECTOR_TIMESTAMP, VECTOR_SIGNATURE, -EKEYREJECTED },
		{ VECTOR_SECRET, "msg_2", VECTOR_TIMESTAMP, VECTOR_SIGNATURE, -EKEYREJECTED },
		{ VECTOR_SECRET, VECTOR_ID, "1614265331", VECTOR_SIGNATURE, -EKEYREJECTED },
		{ VECTOR_SECRET, VECTOR_ID, VECTOR_TIMESTAMP, "", -EKEYREJECTED },
		{ VECTOR_SECRET, VECTOR_ID, VECTOR_TIMESTAMP, "v1,", -EKEYREJECTED },
		{ VECTOR_SECRET, VECTOR_ID, VECTOR_TIMESTAMP, VECTOR_SIGNATURE "x", -EKEYREJECTED },
		{ "secret", VECTOR_ID, VECTOR_TIMESTAMP, VECTOR_SIGNATURE, -EINVAL },
		{ "whsec_!", VECTOR_ID, VECTOR_TIMESTAMP, VECTOR_SIGNATURE, -EINVAL },
		{ VECTOR_SECRET, VECTOR_ID, VECTOR_TIMESTAMP,
		  "v1;g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", -EKEYREJECTED },
		{ VECTOR_SECRET, VECTOR_ID, VECTOR_TIMESTAMP, "v1", -EKEYREJECTED },
		/* Keys of 64 bytes and of 65. */
		{ "whsec_"
		  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7"
		  "PD0+Pw==",
		  VECTOR_ID, VECTOR_TIMESTAMP, VECTOR_SIGNATURE, -EKEYREJECTED },
		{ "whsec_"
		  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7"
		  "PD0+P0A=",
		  VECTOR_ID, VECTOR_TIMESTAMP, VECTOR_SIGNATURE, -EINVAL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int result = verify(cases[i].secret, cases[i].id, cases[i].timestamp,
				    cases[i].signatures);
		if (result != cases[i].result)
			fail_msg("case %zu: expected %d, got %d", i, cases[i].result, result);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_attempt_has_the_headers_of_the_contract),
		cmocka_unit_test(the_body_signature_comes_in_three_formats),
		cmocka_unit_test(the_body_signature_is_that_of_githubs_example),
		cmocka_unit_test(a_rotation_signs_with_all_secrets_and_the_body_with_the_oldest),
		cmocka_unit_test(as_many_secrets_sign_as_can_be_valid),
		cmocka_unit_test(a_secret_of_another_form_has_no_standard_signature),
		cmocka_unit_test(the_prefix_is_the_operators),
		cmocka_unit_test(a_replay_says_so),
		cmocka_unit_test(a_bearer_token_and_extra_headers_are_sent),
		cmocka_unit_test(an_extra_header_replaces_none_of_ours),
		cmocka_unit_test(extra_headers_that_cannot_be_read_are_left_out),
		cmocka_unit_test(of_two_extra_headers_of_one_name_the_first_is_sent),
		cmocka_unit_test(no_more_extra_headers_are_sent_than_may_be_registered),
		cmocka_unit_test(the_largest_settings_fit),
		cmocka_unit_test(a_receiver_can_check_the_body_signature_in_every_format),
		cmocka_unit_test(a_receiver_can_check_the_standard_signature),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
