#include "db/api_keys.h"

#include "base/limits.h"
#include "db/store_private.h"

#include <errno.h>
#include <string.h>

static const char *const scope_names[] = { [API_SCOPE_READ] = "read", [API_SCOPE_ADMIN] = "admin" };

const char *api_scope_name(enum api_scope scope)
{
	return scope_names[scope];
}

bool api_scope_parse(const char *name, enum api_scope *ret_scope)
{
	for (size_t i = 0; i < ARRAY_SIZE(scope_names); i++) {
		if (strcmp(name, scope_names[i]) == 0) {
			*ret_scope = (enum api_scope)i;
			return true;
		}
	}
	return false;
}

static const char count_keys[] = "SELECT count(*) FROM api_keys";
static const char add_key[] = "INSERT INTO api_keys (id, name, scope, digest, created_at_ms)"
			      " VALUES (?1, ?2, ?3, ?4, ?5)";
static const char remove_key[] = "DELETE FROM api_keys WHERE id = ?1";
static const char list_keys[] =
	"SELECT id, name, scope, digest, created_at_ms, last_used_at_ms FROM api_keys"
	" WHERE ?1 = '' OR id < ?1 ORDER BY id DESC LIMIT ?2";
static const char use_key[] = "UPDATE api_keys SET last_used_at_ms = ?2 WHERE id = ?1";

int store_api_key_add(struct store *store, const char *name, enum api_scope scope,
		      const uint8_t digest[SHA256_BYTES], int64_t now_ms, char ret_id[ID_TEXT_SIZE])
{
	int64_t count;
	RETURN_IF_ERROR(sql_get_integer(store->sql, &count, count_keys));
	if (count >= LIMIT_API_KEYS)
		return -EDQUOT;
	char id[ID_TEXT_SIZE];
	store_new_id(store, "key_", now_ms, id);
	RETURN_IF_ERROR(sql_execute(store->sql, add_key, SQL_TEXT(id), SQL_TEXT(name),
				    SQL_INT(scope), SQL_BLOB(digest, SHA256_BYTES),
				    SQL_INT(now_ms)));
	memcpy(ret_id, id, sizeof(id));
	return 0;
}

int store_api_key_remove(struct store *store, const char *id)
{
	RETURN_IF_ERROR(sql_execute(store->sql, remove_key, SQL_TEXT(id)));
	return sql_changes(store->sql) > 0 ? 0 : -ENOENT;
}

int store_api_key_list(struct store *store, const char *after, unsigned limit,
		       api_key_visit_fn visit, void *arg)
{
	struct sql_rows *rows = sql_query(store->sql, list_keys, SQL_TEXT(after), SQL_INT(limit));
	int r;
	while ((r = sql_next(rows)) > 0) {
		struct api_key key = {
			.name = sql_text(rows, 1),
			.scope = (enum api_scope)sql_integer(rows, 2),
			.created_at_ms = sql_integer(rows, 4),
			.last_used_at_ms = sql_integer(rows, 5),
		};
		size_t length;
		const void *digest = sql_bytes(rows, 3, &length);
		if (length == sizeof(key.digest))
			memcpy(key.digest, digest, length);
		sql_copy_text(rows, 0, key.id, sizeof(key.id));
		visit(arg, &key);
	}
	return r;
}

int store_api_key_used(struct store *store, const char *id, int64_t now_ms)
{
	RETURN_IF_ERROR(sql_execute(store->sql, use_key, SQL_TEXT(id), SQL_INT(now_ms)));
	return sql_changes(store->sql) > 0 ? 0 : -ENOENT;
}
