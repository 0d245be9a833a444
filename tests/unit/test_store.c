#include "tests/unit/store_fixture.h"

#include "db/api_keys.h"
#include "db/replays.h"
#include "db/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

/* ---- what is kept ---- */

static void a_fact_outlives_a_restart(void **state)
{
	struct fixture *fixture = *state;
	int64_t value;
	assert_int_equal(store_fact_get(fixture->store, "batch_size", &value), -ENOENT);
	assert_ok(store_fact_set(fixture->store, "batch_size", 50));
	assert_ok(store_fact_set(fixture->store, "batch_size", 25));
	reopen(fixture);
	assert_ok(store_fact_get(fixture->store, "batch_size", &value));
	assert_int_equal(value, 25);
}

static void ids_rise_over_restarts_whatever_the_clock_says(void **state)
{
	struct fixture *fixture = *state;
	watch(fixture->store, "ann");
	struct text_id before = add_start(fixture->store, "ann", T0 + 86400000);
	reopen(fixture);
	struct text_id after;
	store_new_id(fixture->store, "evt_", T0, after.text);
	assert_true(strcmp(before.text, after.text) < 0);
}

static void what_is_rolled_back_never_was(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	int64_t value;
	assert_ok(store_fact_set(store, "a", 1));
	assert_ok(store_savepoint(store));
	assert_ok(store_fact_set(store, "a", 2));
	assert_ok(store_fact_set(store, "b", 2));
	store_undo(store);
	assert_ok(store_fact_get(store, "a", &value));
	assert_int_equal(value, 1);
	assert_int_equal(store_fact_get(store, "b", &value), -ENOENT);
	store_rollback(store);
	assert_ok(store_begin(store));
	assert_int_equal(store_fact_get(store, "a", &value), -ENOENT);
}

static void copy_file(const char *from, const char *to)
{
	char command[512];
	snprintf(command, sizeof(command), "cp %s %s", from, to);
	assert_ok(system(command));
}

static void a_crash_keeps_what_was_committed_and_nothing_else(void **state)
{
	struct fixture *fixture = *state;
	char copy[128], from[160], to[160];
	assert_ok(store_fact_set(fixture->store, "committed", 1));
	assert_ok(store_commit(fixture->store));
	assert_ok(store_begin(fixture->store));
	assert_ok(store_fact_set(fixture->store, "not_committed", 1));
	/* The files as they are now are what a killed process leaves behind. */
	snprintf(copy, sizeof(copy), "%s/copy.db", fixture->directory);
	copy_file(fixture->path, copy);
	snprintf(from, sizeof(from), "%s-wal", fixture->path);
	snprintf(to, sizeof(to), "%s-wal", copy);
	copy_file(from, to);

	struct store *store = open_store(copy, STORE_WRITER);
	int64_t value;
	assert_ok(store_begin(store));
	assert_ok(store_fact_get(store, "committed", &value));
	assert_int_equal(store_fact_get(store, "not_committed", &value), -ENOENT);
	store_close(store);
}

static void a_reader_sees_what_was_committed(void **state)
{
	struct fixture *fixture = *state;
	int64_t value;
	assert_ok(store_fact_set(fixture->store, "a", 1));
	assert_ok(store_commit(fixture->store));
	struct store *reader = open_store(fixture->path, STORE_READER);
	assert_ok(store_begin(fixture->store));
	assert_ok(store_fact_set(fixture->store, "a", 2));
	assert_ok(store_begin(reader));
	assert_ok(store_fact_get(reader, "a", &value));
	assert_int_equal(value, 1);
	store_rollback(reader);
	store_close(reader);
}

static void a_backup_is_whole_and_private(void **state)
{
	struct fixture *fixture = *state;
	char path[128];
	struct stat status;
	snprintf(path, sizeof(path), "%s/backup.db", fixture->directory);
	assert_ok(store_fact_set(fixture->store, "a", 7));
	assert_ok(store_commit(fixture->store));
	assert_ok(store_backup(fixture->store, path));
	assert_int_equal(store_backup(fixture->store, path), -EEXIST);
	assert_ok(stat(path, &status));
	assert_int_equal(status.st_mode & 0777, 0600);
	struct store *copy = open_store(path, STORE_WRITER);
	int64_t value;
	assert_ok(store_begin(copy));
	assert_ok(store_fact_get(copy, "a", &value));
	assert_int_equal(value, 7);
	store_close(copy);
	assert_ok(store_begin(fixture->store));
}

static void all_files_are_private(void **state)
{
	struct fixture *fixture = *state;
	assert_ok(store_fact_set(fixture->store, "a", 1));
	assert_ok(store_commit(fixture->store));
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		char path[128];
		struct stat status;
		snprintf(path, sizeof(path), "%s%s", fixture->path, suffixes[i]);
		assert_ok(stat(path, &status));
		assert_int_equal(status.st_mode & 0777, 0600);
	}
	assert_ok(store_begin(fixture->store));
}

/* Each commit adds a page at least; what was moved into the database is written over. */
static void the_wal_stays_bounded_while_others_read(void **state)
{
	enum { COMMITS = 10000, PAGE_BYTES = 4096, BOUND_BYTES = 24 << 20 };
	struct fixture *fixture = *state;
	struct store *reader = open_store(fixture->path, STORE_READER);
	int64_t database_bytes, wal_bytes, most_bytes = 0, value;
	for (int i = 0; i < COMMITS; i++) {
		assert_ok(store_fact_set(fixture->store, "busy", i));
		assert_ok(store_commit(fixture->store));
		if (i % 100 == 0) {
			assert_ok(store_begin(reader));
			assert_ok(store_fact_get(reader, "busy", &value));
			assert_ok(store_commit(reader));
			store_sizes(fixture->store, &database_bytes, &wal_bytes);
			most_bytes = wal_bytes > most_bytes ? wal_bytes : most_bytes;
		}
		assert_ok(store_begin(fixture->store));
	}
	store_close(reader);
	if (most_bytes > BOUND_BYTES)
		fail_msg("the WAL grew to %lld bytes", (long long)most_bytes);
	assert_true((int64_t)COMMITS * PAGE_BYTES > BOUND_BYTES); /* else it proves nothing */
}

static void a_clean_stop_leaves_no_wal(void **state)
{
	struct fixture *fixture = *state;
	char wal[128];
	snprintf(wal, sizeof(wal), "%s-wal", fixture->path);
	assert_ok(store_fact_set(fixture->store, "a", 1));
	assert_ok(store_commit(fixture->store));
	int64_t database_bytes, wal_bytes;
	store_sizes(fixture->store, &database_bytes, &wal_bytes);
	assert_true(wal_bytes > 0);
	assert_ok(store_checkpoint(fixture->store));
	store_sizes(fixture->store, &database_bytes, &wal_bytes);
	assert_int_equal(wal_bytes, 0);
	assert_true(database_bytes > 0);
	store_close(fixture->store);
	assert_int_equal(access(wal, F_OK), -1);
	fixture->store = open_store(fixture->path, STORE_WRITER);
	assert_ok(store_begin(fixture->store));
}

/* ---- what is refused ---- */

static void expect_refusal(const char *path, enum store_mode mode, int error, const char *phrase)
{
	struct store *store;
	struct strbuf why;
	strbuf_init(&why, 1024);
	int r = store_open(path, mode, SYNCHRONOUS_NORMAL, &why, &store);
	if (r != error)
		fail_msg("%s: expected %s, got %s: %s", path, strerror(-error), strerror(-r),
			 why.data);
	if (!strstr(why.data, path) || !strstr(why.data, phrase))
		fail_msg("expected the path and \"%s\" in: %s", phrase, why.data);
	strbuf_finish(&why);
}

static void close_for_good(struct fixture *fixture)
{
	assert_ok(store_commit(fixture->store));
	store_close(fixture->store);
	fixture->store = NULL;
}

static void open_again(struct fixture *fixture)
{
	fixture->store = open_store(fixture->path, STORE_WRITER);
	assert_ok(store_begin(fixture->store));
}

static void a_second_writer_is_told_the_pid_of_the_first(void **state)
{
	struct fixture *fixture = *state;
	char phrase[64];
	snprintf(phrase, sizeof(phrase), "in use by another golived (pid %ld)", (long)getpid());
	expect_refusal(fixture->path, STORE_WRITER, -EBUSY, phrase);
}

static void run_sql(const char *path, const char *sql)
{
	struct sql *connection;
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	close(fd);
	assert_ok(sql_open(path, true, &connection));
	assert_ok(sql_script(connection, sql));
	sql_close(connection);
}

static void a_newer_database_is_refused(void **state)
{
	struct fixture *fixture = *state;
	close_for_good(fixture);
	run_sql(fixture->path, "PRAGMA user_version = 99");
	expect_refusal(fixture->path, STORE_WRITER, -EPROTO, "newer golived");
	run_sql(fixture->path, "PRAGMA user_version = 6");
	open_again(fixture);
}

static void the_database_of_another_program_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char path[128];
	snprintf(path, sizeof(path), "%s/other.db", fixture->directory);
	run_sql(path, "CREATE TABLE t (a); INSERT INTO t VALUES (1)");
	expect_refusal(path, STORE_WRITER, -EBADMSG, "another program");
}

static void write_at(const char *path, off_t offset, const void *bytes, size_t length)
{
	int fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, length, offset), (ssize_t)length);
	close(fd);
}

static void a_file_that_is_no_database_is_refused_and_kept(void **state)
{
	struct fixture *fixture = *state;
	char path[128], text[8192];
	struct stat status;
	snprintf(path, sizeof(path), "%s/text.db", fixture->directory);
	memset(text, 'x', sizeof(text));
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	close(fd);
	write_at(path, 0, text, sizeof(text));
	expect_refusal(path, STORE_WRITER, -EBADMSG, "restore");
	assert_ok(stat(path, &status));
	assert_int_equal(status.st_size, sizeof(text));
}

static void damage_to_any_page_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct stat status;
	for (int i = 0; i < 200; i++) {
		char handle[16];
		snprintf(handle, sizeof(handle), "user%03d", i);
		watch(fixture->store, handle);
	}
	close_for_good(fixture);
	char good[128];
	snprintf(good, sizeof(good), "%s/good.db", fixture->directory);
	copy_file(fixture->path, good);
	assert_ok(stat(good, &status));
	char noise[100];
	memset(noise, 0xA5, sizeof(noise));
	/* At the head of each, where its kind and its cells are. */
	for (off_t page = 0; page * 4096 < status.st_size; page++) {
		char bad[128];
		snprintf(bad, sizeof(bad), "%s/bad.db", fixture->directory);
		copy_file(good, bad);
		write_at(bad, page * 4096 + (page == 0 ? 16 : 0), noise, sizeof(noise));
		expect_refusal(bad, STORE_WRITER, -EBADMSG, "restore");
	}
	open_again(fixture);
}

static void a_directory_that_is_not_there_is_named(void **state)
{
	(void)state;
	expect_refusal("/nonexistent/golived.db", STORE_WRITER, -ENOENT, "cannot be opened");
}

static void a_reader_needs_a_writer_to_have_been_there(void **state)
{
	struct fixture *fixture = *state;
	char path[128];
	snprintf(path, sizeof(path), "%s/none.db", fixture->directory);
	expect_refusal(path, STORE_READER, -ENOENT, "cannot be opened");
}

/* ---- the lock goes with its process ---- */

static void a_killed_process_holds_nothing(void **state)
{
	struct fixture *fixture = *state;
	close_for_good(fixture);
	pid_t child = fork();
	if (child == 0) {
		struct store *store = open_store(fixture->path, STORE_WRITER);
		if (store_begin(store) < 0 || store_fact_set(store, "a", 1) < 0)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	int status;
	waitpid(child, &status, 0);
	assert_true(WIFSIGNALED(status));
	open_again(fixture);
	int64_t value;
	assert_int_equal(store_fact_get(fixture->store, "a", &value), -ENOENT);
}

/* ---- retention ---- */

static const struct store_retention retention = {
	.delivered_ms = 7000, .dead_ms = 30000, .events_ms = 30000, .sessions_ms = 400000
};

static unsigned prune(struct store *store, int64_t now_ms, unsigned max_rows)
{
	unsigned deleted;
	assert_ok(store_prune(store, &retention, now_ms, max_rows, &deleted));
	return deleted;
}

static void settle(struct store *store, const char *webhook_id, enum attempt_verdict verdict,
		   int64_t now_ms, char ret_id[ID_TEXT_SIZE])
{
	struct claimed_lane lane = claim(store, webhook_id, 1, now_ms);
	assert_int_equal(lane.claim_count, 1);
	memcpy(ret_id, lane.claims[0].delivery_id, ID_TEXT_SIZE);
	finish(store, &lane.claims[0], verdict, 0, now_ms);
	store_claimed_lane_finish(&lane);
}

static void ignore_delivery(void *arg, const struct delivery *delivery)
{
	(void)arg;
	(void)delivery;
}

static bool is_there(struct store *store, const char *delivery_id)
{
	return store_delivery_show(store, delivery_id, ignore_delivery, NULL) == 0;
}

static void each_kind_is_kept_for_its_time(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id webhook = add_webhook(store, "ann"), delivered, dead;
	enqueue(store, add_start(store, "ann", T0).text, T0);
	settle(store, webhook.text, ATTEMPT_DELIVERED, T0, delivered.text);
	enqueue(store, add_end(store, "ann", T0).text, T0);
	settle(store, webhook.text, ATTEMPT_DEAD, T0, dead.text);
	enqueue(store, add_start(store, "ann", T0 + 1).text, T0 + 1);

	assert_int_equal(prune(store, T0 + 7000, 100), 0);
	assert_int_equal(prune(store, T0 + 7001, 100), 1);
	assert_false(is_there(store, delivered.text));
	assert_int_equal(prune(store, T0 + 30000, 100), 0);
	assert_true(is_there(store, dead.text));
	assert_int_equal(show_webhook(store, webhook.text, T0).dead, 1);
	/* The dead one, its event, and the event of the one that was delivered. */
	assert_int_equal(prune(store, T0 + 30001, 100), 3);
	assert_int_equal(show_webhook(store, webhook.text, T0).dead, 0);
	/* The session that ended; what is pending stays for ever, and so does its event. */
	assert_int_equal(prune(store, T0 + 100000000, 100), 1);
	assert_int_equal(show_webhook(store, webhook.text, T0).pending, 1);
	struct claimed_lane lane = claim(store, webhook.text, 1, T0 + 100000000);
	assert_int_equal(lane.claim_count, 1);
	store_claimed_lane_finish(&lane);
}

static void pruning_goes_in_slices(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id webhook = add_webhook(store, "ann"), id;
	for (int i = 0; i < 10; i++) {
		struct text_id event =
			i % 2 ? add_end(store, "ann", T0 + i) : add_start(store, "ann", T0 + i);
		enqueue(store, event.text, T0 + i);
		settle(store, webhook.text, ATTEMPT_DELIVERED, T0 + i, id.text);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(prune(store, T0 + 20000, 3), 3);
	assert_int_equal(prune(store, T0 + 20000, 3), 1);
	assert_int_equal(prune(store, T0 + 20000, 3), 0);
}

static void zero_keeps_for_ever(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id webhook = add_webhook(store, "ann"), id;
	enqueue(store, add_start(store, "ann", T0).text, T0);
	settle(store, webhook.text, ATTEMPT_DELIVERED, T0, id.text);
	unsigned deleted;
	assert_ok(store_prune(store, &(struct store_retention){ 0 }, T0 + (INT64_C(1) << 40), 100,
			      &deleted));
	assert_int_equal(deleted, 0);
}

static void a_webhook_that_was_deleted_goes_with_its_last_delivery(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id webhook = add_webhook(store, "ann"), id;
	enqueue(store, add_start(store, "ann", T0).text, T0);
	settle(store, webhook.text, ATTEMPT_DELIVERED, T0, id.text);
	assert_ok(store_webhook_remove(store, webhook.text, T0));
	assert_int_equal(prune(store, T0 + 5000, 100), 0);
	assert_string_equal(show_delivery(store, id.text).id.text, id.text);
	/* The delivery and the webhook; the event and its session are younger than their time. */
	assert_int_equal(prune(store, T0 + 7001, 100), 2);
}

static void what_was_pruned_is_not_missing(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct text_id webhook = add_webhook(store, "ann"), id;
	enqueue(store, add_start(store, "ann", T0).text, T0);
	settle(store, webhook.text, ATTEMPT_DELIVERED, T0, id.text);
	add_end(store, "ann", T0 + 1);
	assert_int_equal(prune(store, T0 + 7001, 100), 1);
	int64_t matched;
	struct replay_filter missing = { .missing = true };
	assert_ok(store_replay_count(store, webhook.text, &missing, &matched));
	assert_int_equal(matched, 1);
}

static void answers_to_idempotency_keys_are_kept_for_a_day(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	char body[] = "{}";
	struct idempotent_answer answer = { .status = 201, .body = body, .body_length = 2 };
	assert_ok(store_idempotency_add(store, "key_1", "a", &answer, T0));
	assert_int_equal(prune(store, T0 + 86400000, 100), 0);
	assert_int_equal(prune(store, T0 + 86400001, 100), 1);
	assert_int_equal(store_idempotency_find(store, "key_1", "a", &answer), -ENOENT);
}

#define IN_A_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_STORE(a_fact_outlives_a_restart),
		IN_A_STORE(ids_rise_over_restarts_whatever_the_clock_says),
		IN_A_STORE(what_is_rolled_back_never_was),
		IN_A_STORE(a_crash_keeps_what_was_committed_and_nothing_else),
		IN_A_STORE(a_reader_sees_what_was_committed),
		IN_A_STORE(a_backup_is_whole_and_private),
		IN_A_STORE(all_files_are_private),
		IN_A_STORE(the_wal_stays_bounded_while_others_read),
		IN_A_STORE(a_clean_stop_leaves_no_wal),
		IN_A_STORE(a_second_writer_is_told_the_pid_of_the_first),
		IN_A_STORE(a_newer_database_is_refused),
		IN_A_STORE(the_database_of_another_program_is_refused),
		IN_A_STORE(a_file_that_is_no_database_is_refused_and_kept),
		IN_A_STORE(damage_to_any_page_is_refused),
		cmocka_unit_test(a_directory_that_is_not_there_is_named),
		IN_A_STORE(a_reader_needs_a_writer_to_have_been_there),
		IN_A_STORE(a_killed_process_holds_nothing),
		IN_A_STORE(each_kind_is_kept_for_its_time),
		IN_A_STORE(pruning_goes_in_slices),
		IN_A_STORE(zero_keeps_for_ever),
		IN_A_STORE(a_webhook_that_was_deleted_goes_with_its_last_delivery),
		IN_A_STORE(what_was_pruned_is_not_missing),
		IN_A_STORE(answers_to_idempotency_keys_are_kept_for_a_day),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
