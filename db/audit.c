/* The audit trail: see db/api_keys.h. */
#include "db/api_keys.h"
#include "db/store_private.h"

static const char add_entry[] = "INSERT INTO audit (id, at_ms, actor, action, subject, detail)"
				" VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
static const char list_entries[] = "SELECT id, at_ms, actor, action, subject, detail FROM audit"
				   " WHERE ?1 = '' OR id < ?1 ORDER BY id DESC LIMIT ?2";

int store_audit_add(struct store *store, const char *actor, const char *action, const char *subject,
		    const char *detail, int64_t now_ms)
{
	char id[ID_TEXT_SIZE];
	store_new_id(store, "aud_", now_ms, id);
	return sql_execute(store->sql, add_entry, SQL_TEXT(id), SQL_INT(now_ms), SQL_TEXT(actor),
			   SQL_TEXT(action), SQL_TEXT(subject), SQL_TEXT(detail));
}

int store_audit_list(struct store *store, const char *after, unsigned limit, audit_visit_fn visit,
		     void *arg)
{
	struct sql_rows *rows =
		sql_query(store->sql, list_entries, SQL_TEXT(after), SQL_INT(limit));
	int r;
	while ((r = sql_next(rows)) > 0)
		visit(arg, &(struct audit_entry){
				   .id = sql_text(rows, 0),
				   .at_ms = sql_integer(rows, 1),
				   .actor = sql_text(rows, 2),
				   .action = sql_text(rows, 3),
				   .subject = sql_text(rows, 4),
				   .detail = sql_text(rows, 5),
			   });
	return r;
}
