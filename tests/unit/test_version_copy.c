/* Going from each earlier version to this one, and back. */
#include "tests/unit/store_fixture.h"

#include "db/migrate.h"
#include "db/seal.h"
#include "db/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static const char secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/* ---- a database as an earlier version left it ---- */

/* A row in each table that an upgrade must not lose. */
static const char rows_of_all_versions[] =
	"INSERT INTO creators (key, handle, is_watched, change) VALUES (1, 'ann', 1, 1);"
	"INSERT INTO sessions (key, creator_key, room, started_at_ms, started_source,"
	" observed_at_ms) VALUES (1, 1, 7, 1781784000000, 1, 1781784000000);"
	"INSERT INTO webhooks (key, id, target_url, event_types, watches_all, rate_limit,"
	" is_active, created_at_ms) VALUES (1, 'wh_old', 'https://example.com/hook', 3, 1, 0, 1, "
	"1);"
	"INSERT INTO webhook_health (webhook_key, pending) VALUES (1, 1);"
	"INSERT INTO events (key, id, type, creator, creator_key, session_key, occurred_at_ms,"
	" sequence, room, is_test, is_listed, body)"
	" VALUES (1, 'evt_old', 1, 'ann', 1, 1, 1781784000000, 1, 7, 0, 1, '{\"old\":true}');"
	"INSERT INTO deliveries (key, id, webhook_key, event_key, creator, kind, status, stage,"
	" is_unanswered, due_at_ms, created_at_ms)"
	" VALUES (1, 'del_old', 1, 1, 'ann', 0, 0, 0, 1, 1781784000000, 1781784000000);";

static void run(struct sql *sql, const char *text)
{
	if (sql_script(sql, text) < 0)
		fail_msg("%s: %.200s", sql_message(sql), text);
}

/* Leaves it all in the log, as a kill does, and twice: so the log is longer than a copy, and where
 * files may not grow beyond a length in between, it is the migration that cannot be written. */
static void fill(struct sql *sql, int64_t version)
{
	char script[512];
	run(sql, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
		 "PRAGMA secure_delete = OFF; BEGIN");
	for (int64_t i = 0; i < version; i++)
		run(sql, migrations[i].sql);
	run(sql, rows_of_all_versions);
	if (version == 1)
		snprintf(script, sizeof(script),
			 "INSERT INTO webhook_secrets (webhook_key, secret) VALUES (1, '%s')",
			 secret);
	else
		snprintf(script, sizeof(script),
			 "INSERT INTO webhook_secrets (webhook_key, sealed_secret)"
			 " VALUES (1, seal('%s', '1/secret'))",
			 secret);
	run(sql, script);
	snprintf(script, sizeof(script), "PRAGMA user_version = %lld; COMMIT", (long long)version);
	run(sql, script);
	run(sql, "VACUUM");
	if (version == 1) { /* and what was deleted is still there to be read */
		snprintf(script, sizeof(script),
			 "CREATE TABLE waste (text TEXT); WITH RECURSIVE n (i) AS"
			 " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
			 " INSERT INTO waste SELECT printf('%%3000s', '%s') FROM n;"
			 "DROP TABLE waste",
			 secret);
		run(sql, script);
	}
	sql_abandon(sql);
}

static void on_database(const char *path, void (*action)(struct sql *sql, int64_t argument),
			int64_t argument)
{
	struct sql *sql;
	struct seal seal = { 0 };
	CLEANUP(strbuf_finish) struct strbuf why;
	strbuf_init(&why, 1024);
	assert_ok(sql_open(path, true, &sql));
	assert_ok(seal_attach(&seal, sql));
	if (seal_find_key(&seal, sql, path, false, &why) < 0)
		fail_msg("%s", why.data);
	action(sql, argument);
	sql_close(sql);
}

static void remove_all(const struct fixture *fixture)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -f %s/*", fixture->directory);
	assert_ok(system(command));
}

static void make_database(const struct fixture *fixture, int64_t version)
{
	remove_all(fixture);
	int fd = open(fixture->path, O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	on_database(fixture->path, fill, version);
}

/* ---- what is there ---- */

static void copy_path(const struct fixture *fixture, int64_t version, char path[128])
{
	snprintf(path, 128, "%s.version-%lld", fixture->path, (long long)version);
}

static int64_t integer_of(struct sql *sql, const char *query)
{
	int64_t value = -1;
	if (sql_get_integer(sql, &value, query) < 0)
		fail_msg("%s: %s", query, sql_message(sql));
	return value;
}

static int64_t version_of(const char *path)
{
	static const char query[] = "PRAGMA user_version";
	struct sql *sql;
	assert_ok(sql_open(path, true, &sql));
	int64_t version = integer_of(sql, query);
	sql_close(sql);
	return version;
}

/* Every row, by SQL that each version understands. */
static void assert_rows_are_there(const char *path)
{
	static const char query[] =
		"SELECT count(*) FROM deliveries d JOIN events e ON e.key = d.event_key"
		" JOIN creators c ON c.key = e.creator_key JOIN webhooks w ON w.key = d.webhook_key"
		" JOIN webhook_secrets s ON s.webhook_key = w.key JOIN sessions l ON l.key = "
		"e.session_key"
		" WHERE d.id = 'del_old' AND e.body = '{\"old\":true}' AND w.id = 'wh_old'"
		" AND c.handle = 'ann'";
	struct sql *sql;
	assert_ok(sql_open(path, true, &sql));
	int64_t found = integer_of(sql, query);
	sql_close(sql);
	if (found != 1)
		fail_msg("%s: expected the one delivery with all it belongs to, got %lld", path,
			 (long long)found);
}

/* A copy is private, of its version, and has everything. */
static void assert_copy(const struct fixture *fixture, int64_t version)
{
	char copy[128], part[160];
	struct stat status;
	copy_path(fixture, version, copy);
	snprintf(part, sizeof(part), "%s.part", copy);
	if (stat(copy, &status) < 0)
		fail_msg("expected the copy %s, got: %s", copy, strerror(errno));
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(access(part, F_OK), -1);
	assert_int_equal(version_of(copy), version);
	assert_rows_are_there(copy);
}

/* What the dispatcher gets of it. */
static void assert_old_delivery_is_due(struct store *store)
{
	claimed_count = 0; /* nobody has claimed it for good */
	assert_ok(store_begin(store));
	struct claimed_lane lane = claim(store, "wh_old", 10, T0 + 60000);
	assert_int_equal(lane.claim_count, 1);
	assert_string_equal(lane.claims[0].delivery_id, "del_old");
	assert_int_equal(lane.endpoint.secret_count, 1);
	assert_string_equal(lane.endpoint.secrets[0], secret);
	store_claimed_lane_finish(&lane);
	store_rollback(store);
}

static int try_to_open(const struct fixture *fixture, struct strbuf *why)
{
	struct store *store;
	int r = store_open(fixture->path, STORE_WRITER, SYNCHRONOUS_NORMAL, why, &store);
	if (r == 0)
		store_close(store);
	return r;
}

static void expect_refusal(const struct fixture *fixture, int error, const char *phrase)
{
	CLEANUP(strbuf_finish) struct strbuf why;
	strbuf_init(&why, 1024);
	int r = try_to_open(fixture, &why);
	if (r != error || !strstr(why.data, phrase))
		fail_msg("expected %s with \"%s\", got %s: %s", strerror(-error), phrase,
			 strerror(-r), why.data);
}

static void upgrade(const struct fixture *fixture)
{
	struct store *store = open_store(fixture->path, STORE_WRITER);
	assert_old_delivery_is_due(store);
	store_close(store);
	assert_int_equal(version_of(fixture->path), migration_count);
	assert_rows_are_there(fixture->path);
}

/* ---- upgrades ---- */

static void each_earlier_version_keeps_its_rows_and_leaves_a_copy(void **state)
{
	struct fixture *fixture = *state;
	for (int64_t version = 1; version < migration_count; version++) {
		make_database(fixture, version);
		upgrade(fixture);
		assert_copy(fixture, version);
	}
}

static void a_new_or_current_database_is_not_copied(void **state)
{
	struct fixture *fixture = *state;
	char command[160];
	remove_all(fixture);
	for (int i = 0; i < 2; i++) {
		store_close(open_store(fixture->path, STORE_WRITER));
		snprintf(command, sizeof(command), "ls %s | grep -q version-", fixture->directory);
		assert_int_not_equal(system(command), 0);
	}
}

static void put_back(const struct fixture *fixture, int64_t version)
{
	char copy[128], command[512];
	copy_path(fixture, version, copy);
	snprintf(command, sizeof(command), "rm -f %s-wal %s-shm && cp %s %s", fixture->path,
		 fixture->path, copy, fixture->path);
	assert_ok(system(command));
}

static void put_newer_row(struct sql *sql, int64_t argument)
{
	(void)argument;
	run(sql, "INSERT INTO facts (name, value) VALUES ('since', 1)");
}

static void who_went_back_may_upgrade_again_and_the_copy_is_of_then(void **state)
{
	static const char count_since[] = "SELECT count(*) FROM facts WHERE name = 'since'";
	struct fixture *fixture = *state;
	struct sql *sql;
	char copy[128];
	int64_t version = migration_count - 1;
	make_database(fixture, version);
	upgrade(fixture);
	put_back(fixture, version);
	assert_int_equal(version_of(fixture->path), version);
	on_database(fixture->path, put_newer_row, 0);
	upgrade(fixture);
	assert_copy(fixture, version);
	copy_path(fixture, version, copy);
	assert_ok(sql_open(copy, true, &sql));
	assert_int_equal(integer_of(sql, count_since), 1);
	sql_close(sql);
}

/* ---- upgrades that fail ---- */

static void stand_in_the_way(struct sql *sql, int64_t argument)
{
	(void)argument;
	run(sql, "CREATE TABLE gaps (anything)");
}

static void step_aside(struct sql *sql, int64_t argument)
{
	(void)argument;
	run(sql, "DROP TABLE gaps");
}

static void a_migration_that_fails_leaves_the_database_as_it_was(void **state)
{
	struct fixture *fixture = *state;
	for (int64_t version = 1; version < 5; version++) {
		make_database(fixture, version);
		on_database(fixture->path, stand_in_the_way, 0);
		expect_refusal(fixture, -EINVAL, "0005_gaps.sql");
		assert_int_equal(version_of(fixture->path), version);
		assert_rows_are_there(fixture->path);
		assert_copy(fixture, version);
		on_database(fixture->path, step_aside, 0);
		upgrade(fixture);
	}
}

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;
	assert_ok(getrlimit(RLIMIT_FSIZE, &limit));
	limit.rlim_cur = bytes;
	assert_ok(setrlimit(RLIMIT_FSIZE, &limit));
}

static void without_room_for_the_copy_nothing_is_changed(void **state)
{
	struct fixture *fixture = *state;
	char copy[128], part[160];
	copy_path(fixture, 2, copy);
	snprintf(part, sizeof(part), "%s.part", copy);
	make_database(fixture, 2);
	(void)signal(SIGXFSZ, SIG_IGN);
	limit_files(64 << 10);
	CLEANUP(strbuf_finish) struct strbuf why;
	strbuf_init(&why, 1024);
	int r = try_to_open(fixture, &why);
	limit_files(RLIM_INFINITY);
	(void)signal(SIGXFSZ, SIG_DFL);
	if (r != -ENOSPC || !strstr(why.data, copy) || !strstr(why.data, "left as it is"))
		fail_msg("expected no room for %s, got %s: %s", copy, strerror(-r), why.data);
	assert_int_equal(access(copy, F_OK), -1);
	assert_int_equal(access(part, F_OK), -1);
	assert_int_equal(version_of(fixture->path), 2);
	assert_rows_are_there(fixture->path);
	upgrade(fixture);
	assert_copy(fixture, 2);
}

/* The kernel kills at the first write beyond the limit: in the copy, in the migration, in moving
 * its log. False: it came through. */
static bool is_killed_at(const struct fixture *fixture, rlim_t bytes)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		struct strbuf why;
		struct rlimit no_core = { 0, 0 };
		strbuf_init(&why, 1024);
		(void)setrlimit(RLIMIT_CORE, &no_core);
		limit_files(bytes);
		_exit(try_to_open(fixture, &why) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		fail_msg("with %llu bytes it failed instead of being killed",
			 (unsigned long long)bytes);
	return WIFSIGNALED(status);
}

static rlim_t log_bytes(const struct fixture *fixture)
{
	char path[128];
	struct stat status;
	snprintf(path, sizeof(path), "%s-wal", fixture->path);
	assert_ok(stat(path, &status));
	return (rlim_t)status.st_size;
}

struct kills {
	unsigned in_copy, in_migration, after_commit;
};

/* Looks at what a kill left, and goes on from there. */
static void after_kill(const struct fixture *fixture, int64_t version, struct kills *kills)
{
	char copy[128];
	copy_path(fixture, version, copy);
	bool has_copy = access(copy, F_OK) == 0;
	int64_t now = version_of(fixture->path);
	if (now != version && (now != migration_count || !has_copy))
		fail_msg("expected version %lld, or %u with a copy; got %lld, copy: %d",
			 (long long)version, migration_count, (long long)now, has_copy);
	kills->in_copy += !has_copy;
	kills->in_migration += has_copy && now == version;
	kills->after_commit += now != version;
	assert_rows_are_there(fixture->path);
	upgrade(fixture);
	assert_copy(fixture, version);
	if (file_holds(fixture->path, secret))
		fail_msg("%s still holds a secret of version %lld", fixture->path,
			 (long long)version);
}

static void killed_at_any_write_it_is_the_old_version_or_the_new_one(void **state)
{
	enum { COPY_STEP = 48 << 10, MIGRATION_STEP = 8 << 10, LATER_STEP = 128 << 10 };
	struct fixture *fixture = *state;
	for (int64_t version = 1; version < migration_count; version++) {
		struct kills kills = { 0 };
		rlim_t bytes = COPY_STEP, written;
		make_database(fixture, version);
		written = log_bytes(fixture);
		while (is_killed_at(fixture, bytes)) {
			after_kill(fixture, version, &kills);
			if (kills.in_migration == 0)
				bytes += COPY_STEP;
			else if (kills.after_commit == 0)
				bytes = (bytes < written ? written : bytes) + MIGRATION_STEP;
			else
				bytes += LATER_STEP;
			make_database(fixture, version);
		}
		print_message("from version %lld: %u kills in the copy, %u in the migration, "
			      "%u after its commit\n",
			      (long long)version, kills.in_copy, kills.in_migration,
			      kills.after_commit);
		assert_true(kills.in_copy > 0 && kills.in_migration > 1);
	}
}

/* ---- going back ---- */

static void seem_newer(struct sql *sql, int64_t version)
{
	char script[64];
	snprintf(script, sizeof(script), "PRAGMA user_version = %lld", (long long)version);
	run(sql, script);
}

static void a_newer_database_is_refused_with_the_newest_copy_that_can_be_read(void **state)
{
	struct fixture *fixture = *state;
	char phrase[256], copy[128], command[512];
	make_database(fixture, 2);
	upgrade(fixture);
	on_database(fixture->path, seem_newer, migration_count + 2);
	copy_path(fixture, 2, copy);
	snprintf(phrase, sizeof(phrase), "the copy made before the upgrade, %s", copy);
	expect_refusal(fixture, -EPROTO, phrase);

	/* One of a version that is newer as well is of no use here. */
	snprintf(command, sizeof(command), "cp %s %s.version-%u", copy, fixture->path,
		 migration_count + 1);
	assert_ok(system(command));
	expect_refusal(fixture, -EPROTO, phrase);

	put_back(fixture, 2);
	upgrade(fixture);

	on_database(fixture->path, seem_newer, migration_count + 2);
	assert_ok(unlink(copy));
	expect_refusal(fixture, -EPROTO, "a backup made before the upgrade");
}

static int set_up_directory(void **state)
{
	int r = set_up(state);
	struct fixture *fixture = *state;
	store_close(fixture->store); /* each test makes the database it needs */
	fixture->store = NULL;
	return r;
}

#define IN_A_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up_directory, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_DIRECTORY(each_earlier_version_keeps_its_rows_and_leaves_a_copy),
		IN_A_DIRECTORY(a_new_or_current_database_is_not_copied),
		IN_A_DIRECTORY(who_went_back_may_upgrade_again_and_the_copy_is_of_then),
		IN_A_DIRECTORY(a_migration_that_fails_leaves_the_database_as_it_was),
		IN_A_DIRECTORY(without_room_for_the_copy_nothing_is_changed),
		IN_A_DIRECTORY(killed_at_any_write_it_is_the_old_version_or_the_new_one),
		IN_A_DIRECTORY(a_newer_database_is_refused_with_the_newest_copy_that_can_be_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
