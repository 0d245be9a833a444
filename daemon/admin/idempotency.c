#include "admin/idempotency.h"

#include "base/crypto.h"
#include "base/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What makes two requests the same: method, path and body. */
static void digest_request(const struct admin_request *request, uint8_t digest[SHA256_BYTES])
{
	struct strbuf text;

	strbuf_init(&text, LIMIT_ADMIN_BODY_BYTES + LIMIT_ADMIN_HEAD_BYTES);
	strbuf_addf(&text, "%s %s\n", request->method, request->path);
	strbuf_add(&text, request->body_text, request->body_length);
	crypto_sha256(text.data, text.length, digest);
	strbuf_finish(&text);
}

static bool check_key(const char *key, struct admin_reply *reply)
{
	size_t length = strlen(key);
	bool good = length >= 1 && length <= LIMIT_IDEMPOTENCY_KEY_BYTES;

	for (size_t i = 0; good && i < length; i++)
		good = key[i] >= 0x20 && key[i] <= 0x7e;
	if (!good)
		reply_problem(reply, 422, "bad_idempotency_key", "Idempotency-Key",
			      "An Idempotency-Key has 1 to %d printable ASCII characters.",
			      LIMIT_IDEMPOTENCY_KEY_BYTES);
	return good;
}

static void answer_again(const struct idempotent_answer *before, const uint8_t digest[SHA256_BYTES],
			 struct admin_reply *reply)
{
	if (!crypto_equal(before->request_digest, digest, SHA256_BYTES)) {
		reply_problem(reply, 422, "idempotency_key_reused", "Idempotency-Key",
			      "This Idempotency-Key was used for another request.");
		return;
	}
	reply_text(reply, before->status, "application/json", before->body, before->body_length);
	reply_header(reply, "Idempotency-Replayed", "true");
}

void idempotency_run(route_handler_fn handler, struct store *store,
		     const struct admin_request *request, struct admin_reply *reply)
{
	const char *scope = request->caller ? request->caller->id : "";
	struct idempotent_answer answer = { 0 };
	uint8_t digest[SHA256_BYTES];

	if (!check_key(request->idempotency_key, reply))
		return;
	digest_request(request, digest);
	int result = store_idempotency_find(store, scope, request->idempotency_key, &answer);
	if (!result) {
		answer_again(&answer, digest, reply);
		free(answer.body);
		return;
	}
	if (result != -ENOENT) {
		reply_store_error(reply, result);
		return;
	}
	handler(store, request, reply);
	if (reply->status < 200 || reply->status > 299)
		return;
	answer = (struct idempotent_answer){ .status = reply->status,
					     .body = reply->body.data,
					     .body_length = reply->body.length };
	memcpy(answer.request_digest, digest, sizeof(digest));
	result = store_idempotency_add(store, scope, request->idempotency_key, &answer,
				       request->now_ms);
	if (result)
		reply_store_error(reply, result);
}
