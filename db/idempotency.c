/* What requests with an Idempotency-Key were answered: see db/api_keys.h. */
#include "db/api_keys.h"

#include "base/memory.h"
#include "db/store_private.h"

#include <errno.h>
#include <string.h>

static const char find_answer[] =
	"SELECT request_digest, status, unseal(sealed_body, scope || '/' || name || '/body')"
	" FROM idempotency WHERE scope = ?1 AND name = ?2";
static const char add_answer[] =
	"INSERT INTO idempotency (scope, name, request_digest, status, sealed_body, created_at_ms)"
	" VALUES (?1, ?2, ?3, ?4, " SEALED("?5", "?1 || '/' || ?2", "body") ", ?6)";

int store_idempotency_find(struct store *store, const char *scope, const char *key,
			   struct idempotent_answer *ret_answer)
{
	struct sql_rows *rows = sql_query(store->sql, find_answer, SQL_TEXT(scope), SQL_TEXT(key));
	int r = sql_next(rows);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	struct idempotent_answer answer = { .status = (int)sql_integer(rows, 1) };
	size_t length;
	const void *digest = sql_bytes(rows, 0, &length);
	if (length == sizeof(answer.request_digest))
		memcpy(answer.request_digest, digest, length);
	const char *body = sql_bytes(rows, 2, &answer.body_length);
	answer.body = memory_text_n(body, answer.body_length);
	sql_end(rows);
	*ret_answer = answer;
	return 0;
}

int store_idempotency_add(struct store *store, const char *scope, const char *key,
			  const struct idempotent_answer *answer, int64_t now_ms)
{
	/* An empty body is one, too. */
	return sql_execute(store->sql, add_answer, SQL_TEXT(scope), SQL_TEXT(key),
			   SQL_BLOB(answer->request_digest, SHA256_BYTES), SQL_INT(answer->status),
			   SQL_BLOB(answer->body_length ? answer->body : "", answer->body_length),
			   SQL_INT(now_ms));
}
