#include "sim/verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The vector of Standard Webhooks 1.0; the hex signature was made with Python's hmac. */
static const char secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
static const char standard[] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
static const char hex[] = "80ec8a89ce3cd22133a1066caecb4d04fea7467657c8514d717ec42c38a5c94c";

static struct sim_request *delivery(const char *tiktool_signature, const char *webhook_signature)
{
	struct sim_request *request = sim_request_create("/hook");
	strbuf_add_text(&request->body, "{\"test\": 2432232314}");
	request->received_at_ms = INT64_C(1614265330) * 1000 + 999;
	sim_request_add_header(request, "X-Tiktool-Timestamp", "1614265330");
	sim_request_add_header(request, "X-Tiktool-Signature", tiktool_signature);
	sim_request_add_header(request, "webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek");
	sim_request_add_header(request, "webhook-timestamp", "1614265330");
	sim_request_add_header(request, "webhook-signature", webhook_signature);
	return request;
}

/* With the secret above behind another one. */
static const char *verdict_on(struct sim_request *request)
{
	struct sim_secrets secrets = { .count = 0 };
	char lines[200];
	snprintf(lines, sizeof(lines), "# secrets\nwhsec_AAAA\n%s\n", secret);
	sim_secrets_parse(&secrets, lines);
	assert_int_equal(secrets.count, 2);
	const char *reason = sim_verify(request, &secrets, "x-tiktool");
	sim_secrets_finish(&secrets);
	return reason;
}

static void the_published_vector_is_right(void **state)
{
	(void)state;
	struct sim_request *request = delivery(hex, standard);
	assert_null(verdict_on(request));
	sim_request_destroy(request);
}

static void the_prefixed_form_is_right_too(void **state)
{
	(void)state;
	char prefixed[100];
	snprintf(prefixed, sizeof(prefixed), "sha256=%s", hex);
	struct sim_request *request = delivery(prefixed, standard);
	assert_null(verdict_on(request));
	sim_request_destroy(request);
}

static void one_right_signature_among_several_is_enough(void **state)
{
	(void)state;
	char several[200];
	snprintf(several, sizeof(several), "v1,AAAA %s v1a,BBBB", standard);
	struct sim_request *request = delivery(hex, several);
	assert_null(verdict_on(request));
	sim_request_destroy(request);
}

static void a_changed_byte_of_the_body_is_found(void **state)
{
	(void)state;
	struct sim_request *request = delivery(hex, standard);
	request->body.data[3] = 'T';
	assert_string_equal(verdict_on(request), "the signature of the body is wrong");
	sim_request_destroy(request);
}

static void a_changed_id_is_found(void **state)
{
	(void)state;
	struct sim_request *request = delivery(hex, standard);
	request->headers[2].value[0] = 'M';
	assert_string_equal(verdict_on(request), "webhook-signature is wrong");
	sim_request_destroy(request);
}

static void an_upper_case_signature_is_wrong(void **state)
{
	(void)state;
	char upper[sizeof(hex)];
	for (size_t i = 0; i < sizeof(hex); i++)
		upper[i] = (char)(hex[i] >= 'a' ? hex[i] - 32 : hex[i]);
	struct sim_request *request = delivery(upper, standard);
	assert_string_equal(verdict_on(request), "the signature of the body is wrong");
	sim_request_destroy(request);
}

static void an_old_timestamp_is_found(void **state)
{
	(void)state;
	struct sim_request *request = delivery(hex, standard);
	request->received_at_ms += 301000;
	assert_string_equal(verdict_on(request), "the timestamp is more than five minutes off");
	sim_request_destroy(request);
}

static void a_missing_header_is_found(void **state)
{
	(void)state;
	struct sim_request *request = delivery(hex, standard);
	request->headers[4].name[0] = 'x';
	assert_string_equal(verdict_on(request),
			    "no webhook-id, webhook-timestamp or webhook-signature");
	sim_request_destroy(request);
}

static void without_secrets_nothing_is_right(void **state)
{
	(void)state;
	struct sim_secrets none = { .count = 0 };
	struct sim_request *request = delivery(hex, standard);
	assert_string_equal(sim_verify(request, &none, "x-tiktool"), "no secret to verify with");
	sim_request_destroy(request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_vector_is_right),
		cmocka_unit_test(the_prefixed_form_is_right_too),
		cmocka_unit_test(one_right_signature_among_several_is_enough),
		cmocka_unit_test(a_changed_byte_of_the_body_is_found),
		cmocka_unit_test(a_changed_id_is_found),
		cmocka_unit_test(an_upper_case_signature_is_wrong),
		cmocka_unit_test(an_old_timestamp_is_found),
		cmocka_unit_test(a_missing_header_is_found),
		cmocka_unit_test(without_secrets_nothing_is_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
