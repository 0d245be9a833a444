#include "tests/unit/store_fixture.h"

#include "base/loop.h"
#include "db/api_keys.h"
#include "db/store_thread.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>

struct bench {
	char directory[64];
	char path[96];
	struct loop *loop;
	struct store_thread *thread;
	struct loop_timer *timer;
	int fatal_error;
};

static void on_fatal(void *arg, int error, const char *what)
{
	struct bench *bench = arg;
	assert_non_null(what);
	bench->fatal_error = error;
}

static void on_too_long(void *arg)
{
	(void)arg;
	fail_msg("the store did not call back within 20 s");
}

static void open_thread(struct bench *bench)
{
	struct strbuf why;
	strbuf_init(&why, 1024);
	int r = store_thread_create(bench->loop, bench->path, SYNCHRONOUS_FULL, on_fatal, bench,
				    &why, &bench->thread);
	if (r < 0)
		fail_msg("store_thread_create: %s", why.data);
	strbuf_finish(&why);
}

static int set_up_thread(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	snprintf(bench->directory, sizeof(bench->directory), "/tmp/golived-test-XXXXXX");
	if (!mkdtemp(bench->directory))
		return -1;
	snprintf(bench->path, sizeof(bench->path), "%s/golived.db", bench->directory);
	bench->loop = loop_create();
	bench->timer = loop_timer_create(bench->loop, on_too_long, NULL);
	loop_timer_set(bench->timer, 20000);
	open_thread(bench);
	*state = bench;
	return 0;
}

static int tear_down_thread(void **state)
{
	struct bench *bench = *state;
	store_thread_destroy(bench->thread);
	loop_timer_destroy(bench->timer);
	loop_destroy(bench->loop);
	char command[96];
	snprintf(command, sizeof(command), "rm -r %s", bench->directory);
	int r = system(command);
	free(bench);
	return r;
}

/* One job: sets a fact, and perhaps fails afterwards. */
struct step {
	struct bench *bench;
	const char *name;
	int64_t value;
	int fails_with;
	int result;
	int *order;   /* where it came in, if it is asked for */
	bool is_last; /* its callback stops the loop */
};

static int set_fact(struct store *store, void *arg)
{
	struct step *step = arg;
	int r = store_fact_set(store, step->name, step->value);
	return r < 0 ? r : step->fails_with;
}

static int get_fact(struct store *store, void *arg)
{
	struct step *step = arg;
	return store_fact_get(store, step->name, &step->value);
}

static void on_step(void *arg, int result)
{
	struct step *step = arg;
	step->result = result;
	if (step->order)
		step->value = (*step->order)++;
	if (step->is_last)
		loop_stop(step->bench->loop);
}

static int64_t fact(struct bench *bench, const char *name)
{
	struct step step = { .bench = bench, .name = name, .is_last = true };
	store_read(bench->thread, get_fact, on_step, &step);
	loop_run(bench->loop);
	return step.result == 0 ? step.value : step.result;
}

static void what_a_job_wrote_is_there_when_its_callback_runs(void **state)
{
	struct bench *bench = *state;
	struct step step = { .bench = bench, .name = "a", .value = 7, .is_last = true };
	store_write(bench->thread, set_fact, on_step, &step);
	assert_int_equal(store_thread_pending(bench->thread), 1);
	loop_run(bench->loop);
	assert_ok(step.result);
	assert_int_equal(store_thread_pending(bench->thread), 0);
	assert_true(store_thread_has_moved(bench->thread));
	assert_int_equal(fact(bench, "a"), 7);
}

static int wait_for_post(struct store *store, void *arg)
{
	(void)store;
	sem_wait(arg);
	return 0;
}

/* What the readers do meanwhile says nothing for the writer. */
static void a_writer_that_stands_still_is_noticed_though_others_go_on(void **state)
{
	struct bench *bench = *state;
	sem_t held;
	sem_init(&held, 0, 0);
	assert_true(store_thread_has_moved(bench->thread)); /* nothing to do */
	store_write(bench->thread, wait_for_post, NULL, &held);
	store_thread_has_moved(bench->thread);
	for (int i = 0; i < 3; i++) {
		fact(bench, "a");
		assert_false(store_thread_has_moved(bench->thread));
	}
	struct step step = { .bench = bench, .name = "a", .value = 7, .is_last = true };
	store_write(bench->thread, set_fact, on_step, &step);
	sem_post(&held);
	loop_run(bench->loop);
	assert_true(store_thread_has_moved(bench->thread));
	sem_destroy(&held);
}

static void a_job_that_fails_undoes_only_itself(void **state)
{
	struct bench *bench = *state;
	struct step steps[] = {
		{ .bench = bench, .name = "before", .value = 1 },
		{ .bench = bench, .name = "failed", .value = 2, .fails_with = -EPERM },
		{ .bench = bench, .name = "after", .value = 3, .is_last = true },
	};
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		store_write(bench->thread, set_fact, on_step, &steps[i]);
	loop_run(bench->loop);
	assert_ok(steps[0].result);
	assert_int_equal(steps[1].result, -EPERM);
	assert_ok(steps[2].result);
	assert_int_equal(fact(bench, "before"), 1);
	assert_int_equal(fact(bench, "failed"), -ENOENT);
	assert_int_equal(fact(bench, "after"), 3);
}

static void jobs_are_called_back_in_the_order_of_their_submission(void **state)
{
	enum { JOBS = 2000 };
	struct bench *bench = *state;
	static struct step steps[JOBS];
	int order = 0;
	for (int i = 0; i < JOBS; i++) {
		steps[i] = (struct step){ .bench = bench,
					  .name = "n",
					  .value = i,
					  .order = &order,
					  .is_last = i == JOBS - 1 };
		store_write(bench->thread, set_fact, on_step, &steps[i]);
	}
	loop_run(bench->loop);
	for (int i = 0; i < JOBS; i++)
		assert_int_equal(steps[i].value, i);
	assert_int_equal(fact(bench, "n"), JOBS - 1);
}

static int wait_for_go(struct store *store, void *arg)
{
	(void)store;
	return sem_wait(arg) == 0 ? 0 : -errno;
}

static void what_need_not_be_on_disk_does_not_wait_behind_what_must(void **state)
{
	struct bench *bench = *state;
	sem_t go;
	int order = 0;
	struct step must = { .bench = bench, .name = "n", .order = &order, .is_last = true };
	struct step need_not = { .bench = bench, .name = "m", .order = &order };
	assert_ok(sem_init(&go, 0, 0));
	store_write_unsynced(bench->thread, wait_for_go, NULL, &go);
	store_write(bench->thread, set_fact, on_step, &must);
	store_write_unsynced(bench->thread, set_fact, on_step, &need_not);
	sem_post(&go);
	loop_run(bench->loop);
	assert_ok(must.result);
	assert_ok(need_not.result);
	assert_int_equal(need_not.value, 0);
	assert_int_equal(must.value, 1);
	sem_destroy(&go);
}

static void a_look_waits_for_no_writer(void **state)
{
	struct bench *bench = *state;
	sem_t go;
	struct step set = { .bench = bench, .name = "a", .value = 7, .is_last = true };
	struct step look = { .bench = bench, .name = "a", .is_last = true };
	store_write(bench->thread, set_fact, on_step, &set);
	loop_run(bench->loop);
	assert_ok(sem_init(&go, 0, 0));
	store_write(bench->thread, wait_for_go, NULL, &go);
	store_look(bench->thread, get_fact, on_step, &look);
	loop_run(bench->loop);
	assert_int_equal(look.value, 7);
	sem_post(&go);
	store_thread_destroy(TAKE(bench->thread));
	sem_destroy(&go);
}

static void destroying_runs_what_was_submitted(void **state)
{
	struct bench *bench = *state;
	struct step steps[10];
	for (int i = 0; i < 10; i++) {
		steps[i] = (struct step){
			.bench = bench, .name = "last", .value = i, .result = -EINPROGRESS
		};
		store_write(bench->thread, set_fact, on_step, &steps[i]);
	}
	store_thread_destroy(TAKE(bench->thread));
	for (int i = 0; i < 10; i++)
		assert_ok(steps[i].result);
	open_thread(bench);
	assert_int_equal(fact(bench, "last"), 9);
}

static void on_submit_another(void *arg, int result)
{
	struct step *step = arg;
	step->result = result;
	store_write(step->bench->thread, set_fact, on_step, step + 1);
}

static void destroying_runs_what_callbacks_submit(void **state)
{
	struct bench *bench = *state;
	struct step steps[] = {
		{ .bench = bench, .name = "first", .value = 1 },
		{ .bench = bench, .name = "second", .value = 2, .result = -EINPROGRESS },
	};
	store_write(bench->thread, set_fact, on_submit_another, &steps[0]);
	store_thread_destroy(bench->thread);
	bench->thread = NULL;
	assert_ok(steps[1].result);
	open_thread(bench);
	assert_int_equal(fact(bench, "second"), 2);
}

static void a_job_without_a_callback_is_done_all_the_same(void **state)
{
	struct bench *bench = *state;
	struct step steps[] = {
		{ .bench = bench, .name = "quiet", .value = 5 },
		{ .bench = bench, .name = "b", .is_last = true },
	};
	store_write(bench->thread, set_fact, NULL, &steps[0]);
	store_write(bench->thread, set_fact, on_step, &steps[1]);
	loop_run(bench->loop);
	assert_int_equal(fact(bench, "quiet"), 5);
}

/* ---- a disk that is full: files may not grow beyond what they are ---- */

static struct rlimit limit_file_size(rlim_t bytes)
{
	struct rlimit old, new;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	new = old;
	new.rlim_cur = bytes;
	setrlimit(RLIMIT_FSIZE, &new);
	return old;
}

struct large_job {
	struct step step;
	char *body;
};

static int write_much(struct store *store, void *arg)
{
	struct large_job *job = arg;
	struct idempotent_answer answer = { .status = 200,
					    .body = job->body,
					    .body_length = 1 << 20 };
	return store_idempotency_add(store, "scope", job->step.name, &answer, T0);
}

static void on_poll_again(void *arg)
{
	struct bench *bench = arg;
	if (!store_thread_is_degraded(bench->thread))
		loop_stop(bench->loop);
}

/* Runs the loop until the store is writable again. */
static void wait_until_writable(struct bench *bench)
{
	struct loop_timer *timer = loop_timer_create(bench->loop, on_poll_again, bench);
	while (store_thread_is_degraded(bench->thread)) {
		struct step step = { .bench = bench, .name = "none", .is_last = true };
		loop_timer_set(timer, 50);
		store_read(bench->thread, get_fact, on_step, &step);
		loop_run(bench->loop);
	}
	loop_timer_destroy(timer);
}

static void a_full_disk_degrades_and_the_store_resumes_by_itself(void **state)
{
	struct bench *bench = *state;
	struct step before = { .bench = bench, .name = "before", .value = 1, .is_last = true };
	store_write(bench->thread, set_fact, on_step, &before);
	loop_run(bench->loop);

	CLEANUP(cleanup_free) char *body = calloc(1, 1 << 20);
	struct rlimit old = limit_file_size(600 << 10);
	struct step with = { .bench = bench, .name = "with", .value = 2 };
	struct large_job large = { { .bench = bench, .name = "large", .is_last = true }, body };
	struct step refused = { .bench = bench, .name = "refused", .value = 3, .is_last = true };
	store_write(bench->thread, set_fact, on_step, &with);
	store_write(bench->thread, write_much, on_step, &large);
	loop_run(bench->loop);
	assert_int_equal(large.step.result, -ENOSPC);
	assert_true(store_thread_is_degraded(bench->thread));
	store_write(bench->thread, set_fact, on_step, &refused);
	loop_run(bench->loop);
	assert_int_equal(refused.result, -ENOSPC);
	assert_int_equal(fact(bench, "before"), 1); /* reading goes on */

	setrlimit(RLIMIT_FSIZE, &old);
	wait_until_writable(bench);
	store_write(bench->thread, write_much, on_step, &large);
	loop_run(bench->loop);
	assert_ok(large.step.result);
	assert_int_equal(fact(bench, "refused"), -ENOENT);
	assert_int_equal(fact(bench, "with"), with.result == 0 ? 2 : -ENOENT);
	assert_int_equal(bench->fatal_error, 0);
}

/* ---- trouble that ends it ---- */

static int report_damage(struct store *store, void *arg)
{
	struct step *step = arg;
	int r = store_fact_set(store, step->name, 1);
	return r < 0 ? r : -EBADMSG;
}

static void damage_ends_all_writing(void **state)
{
	struct bench *bench = *state;
	struct step damaged = { .bench = bench, .name = "damaged" };
	struct step later = { .bench = bench, .name = "later", .is_last = true };
	store_write(bench->thread, report_damage, on_step, &damaged);
	store_write(bench->thread, set_fact, on_step, &later);
	loop_run(bench->loop);
	assert_int_equal(bench->fatal_error, -EBADMSG);
	assert_int_equal(damaged.result, -EBADMSG);
	assert_int_equal(later.result, -EBADMSG);
	assert_int_equal(fact(bench, "damaged"), -ENOENT);
}

static void a_second_thread_on_the_same_file_is_refused(void **state)
{
	struct bench *bench = *state;
	struct store_thread *second;
	struct strbuf why;
	strbuf_init(&why, 1024);
	assert_int_equal(store_thread_create(bench->loop, bench->path, SYNCHRONOUS_FULL, on_fatal,
					     bench, &why, &second),
			 -EBUSY);
	assert_non_null(strstr(why.data, "in use by another golived"));
	strbuf_finish(&why);
}

#define WITH_A_THREAD(test) cmocka_unit_test_setup_teardown(test, set_up_thread, tear_down_thread)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_THREAD(what_a_job_wrote_is_there_when_its_callback_runs),
		WITH_A_THREAD(a_writer_that_stands_still_is_noticed_though_others_go_on),
		WITH_A_THREAD(a_job_that_fails_undoes_only_itself),
		WITH_A_THREAD(jobs_are_called_back_in_the_order_of_their_submission),
		WITH_A_THREAD(what_need_not_be_on_disk_does_not_wait_behind_what_must),
		WITH_A_THREAD(a_look_waits_for_no_writer),
		WITH_A_THREAD(destroying_runs_what_was_submitted),
		WITH_A_THREAD(destroying_runs_what_callbacks_submit),
		WITH_A_THREAD(a_job_without_a_callback_is_done_all_the_same),
		WITH_A_THREAD(a_full_disk_degrades_and_the_store_resumes_by_itself),
		WITH_A_THREAD(damage_ends_all_writing),
		WITH_A_THREAD(a_second_thread_on_the_same_file_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
