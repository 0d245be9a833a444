#include "db/migrate.h"

#include "base/memory.h"
#include "db/version_copy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* Set by 0001_init.sql: "golv". */
static const int64_t our_application_id = 1735355510;

static const char get_version[] = "PRAGMA user_version";
static const char get_application_id[] = "PRAGMA application_id";
static const char count_tables[] = "SELECT count(*) FROM sqlite_schema";

static int refuse(struct strbuf *why, int error, const char *path, const char *what)
{
	strbuf_addf(why, "%s %s", path, what);
	return error;
}

static int explain_unreadable(struct sql *sql, int error, const char *path, struct strbuf *why)
{
	if (error == -EBADMSG)
		return refuse(why, error, path,
			      "is damaged or no SQLite database: restore it from a backup");
	strbuf_addf(why, "%s cannot be read: %s", path, sql_message(sql));
	return error;
}

static int refuse_newer(struct strbuf *why, const char *path)
{
	CLEANUP(cleanup_free) char *copy = version_copy_find(path, migration_count);
	strbuf_addf(why, "%s was written by a newer golived: install that version, or put ", path);
	if (copy)
		strbuf_addf(why, "back the copy made before the upgrade, %s", copy);
	else
		strbuf_add_text(why, "a backup made before the upgrade in its place");
	return -EPROTO;
}

int migrate_check(struct sql *sql, const char *path, struct strbuf *why)
{
	int64_t version = 0, application_id = 0, tables = 0;
	int r = sql_get_integer(sql, &tables, count_tables);
	if (r == 0)
		r = sql_get_integer(sql, &version, get_version);
	if (r == 0)
		r = sql_get_integer(sql, &application_id, get_application_id);
	if (r < 0)
		return explain_unreadable(sql, r, path, why);

	if (tables == 0 && version == 0)
		return -EAGAIN;
	if (application_id != our_application_id || version < 1)
		return refuse(why, -EBADMSG, path,
			      "is a database of another program: point [store] path elsewhere, "
			      "or restore it from a backup");
	if (version > migration_count)
		return refuse_newer(why, path);
	return version == migration_count ? 0 : -EAGAIN;
}

static int run_missing(struct sql *sql, int64_t version, const char **ret_failed)
{
	for (unsigned i = (unsigned)version; i < migration_count; i++) {
		int r = sql_script(sql, migrations[i].sql);
		if (r < 0) {
			*ret_failed = migrations[i].name;
			return r;
		}
	}
	/* A pragma takes no parameters. */
	char set_version[64];
	snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %u", migration_count);
	return sql_script(sql, set_version);
}

int migrate_run(struct sql *sql, const char *path, struct strbuf *why)
{
	const char *failed = "the commit";
	int64_t version = 0;
	int r = sql_script(sql, "BEGIN IMMEDIATE");
	if (r == 0)
		r = sql_get_integer(sql, &version, get_version);
	if (r == 0)
		r = run_missing(sql, version, &failed);
	if (r == 0)
		r = sql_script(sql, "COMMIT");
	if (r < 0) {
		strbuf_addf(why, "%s cannot be migrated (%s): %s", path, failed, sql_message(sql));
		if (sql_is_in_transaction(sql) && sql_script(sql, "ROLLBACK") < 0)
			strbuf_add_text(why,
					"; nor could that be undone, which the next start will");
	}
	return r;
}
