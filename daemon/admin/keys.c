#include "admin/keys.h"

#include "admin/fields.h"
#include "admin/page.h"
#include "base/crypto.h"
#include "base/limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define KEY_PREFIX "glk_"

enum { KEY_BYTES = 32, KEY_TEXT_SIZE = sizeof(KEY_PREFIX) + 2 * KEY_BYTES };

static void on_listed(void *arg, const struct api_key *key)
{
	struct page *page = arg;
	struct json_writer *writer = page_row(page, key->id);

	if (!writer)
		return;
	json_put_string(writer, "id", key->id);
	json_put_string(writer, "name", key->name);
	json_put_string(writer, "scope", api_scope_name(key->scope));
	json_put_time(writer, "created_at", key->created_at_ms);
	json_put_time(writer, "last_used_at", key->last_used_at_ms);
	page_row_end(page);
}

void keys_list(struct store *store, const struct admin_request *request, struct admin_reply *reply)
{
	struct page page;

	if (page_begin(&page, request, "keys", reply) < 0)
		return;
	page_end(&page, store_api_key_list(store, page.after, page_fetch(&page), on_listed, &page));
}

static int read_new_key(const struct admin_request *request, struct admin_reply *reply,
			const char **ret_name, enum api_scope *ret_scope)
{
	const char *scope = NULL;

	if (field_is_missing(field_text(request, "name", LIMIT_NAME_CHARS, reply, ret_name), "name",
			     reply) ||
	    field_is_missing(field_text(request, "scope", LIMIT_NAME_CHARS, reply, &scope), "scope",
			     reply))
		return -EINVAL;
	if (**ret_name == '\0') {
		reply_problem(reply, 422, "bad_value", "name",
			      "name says who or what the key is for.");
		return -EINVAL;
	}
	if (!api_scope_parse(scope, ret_scope)) {
		reply_problem(reply, 422, "bad_value", "scope", "scope is read or admin.");
		return -EINVAL;
	}
	return 0;
}

static void make_key(char key[KEY_TEXT_SIZE])
{
	uint8_t secret[KEY_BYTES];

	crypto_random(secret, sizeof(secret));
	memcpy(key, KEY_PREFIX, strlen(KEY_PREFIX));
	crypto_hex(secret, sizeof(secret), key + strlen(KEY_PREFIX));
	crypto_wipe(secret, sizeof(secret));
}

static int record(const struct admin_request *request, struct store *store, const char *id,
		  const char *name, enum api_scope scope, struct admin_reply *reply)
{
	struct strbuf detail CLEANUP(strbuf_finish);
	struct json_writer writer;

	strbuf_init(&detail, 8192);
	json_writer_init(&writer, &detail);
	json_begin_object(&writer, NULL);
	json_put_string(&writer, "name", name);
	json_put_string(&writer, "scope", api_scope_name(scope));
	json_end_object(&writer);
	return request_audit(request, store, "key.create", id, detail.data, reply);
}

static void answer_created(struct admin_reply *reply, const char *id, const char *name,
			   enum api_scope scope, const char *key)
{
	struct json_writer *writer = reply_json(reply, 201);

	reply->effects |= EFFECT_KEYS_CHANGED;
	json_put_string(writer, "id", id);
	json_put_string(writer, "name", name);
	json_put_string(writer, "scope", api_scope_name(scope));
	json_put_string(writer, "key", key);
	reply_end(reply);
}

void keys_create(struct store *store, const struct admin_request *request,
		 struct admin_reply *reply)
{
	const char *name = NULL;
	enum api_scope scope;
	char key[KEY_TEXT_SIZE], id[ID_TEXT_SIZE];
	uint8_t digest[SHA256_BYTES];

	if (read_new_key(request, reply, &name, &scope) < 0)
		return;
	make_key(key);
	crypto_sha256(key, strlen(key), digest);
	int result = store_api_key_add(store, name, scope, digest, request->now_ms, id);
	if (result == -EDQUOT)
		reply_problem(reply, 409, "limit_reached", NULL,
			      "There are %d keys already: delete one that is not used.",
			      LIMIT_API_KEYS);
	else if (result)
		reply_store_error(reply, result);
	else if (record(request, store, id, name, scope, reply) == 0)
		answer_created(reply, id, name, scope, key);
	crypto_wipe(key, sizeof(key));
}

void keys_remove(struct store *store, const struct admin_request *request,
		 struct admin_reply *reply)
{
	int result = store_api_key_remove(store, request->parameter);

	if (result == -ENOENT) {
		reply_not_found(reply, "key", request->parameter);
	} else if (result) {
		reply_store_error(reply, result);
	} else if (request_audit(request, store, "key.delete", request->parameter, NULL, reply) ==
		   0) {
		reply->effects |= EFFECT_KEYS_CHANGED;
		reply_no_content(reply);
	}
}
