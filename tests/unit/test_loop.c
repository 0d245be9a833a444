/* loop: what everybody above relies on about timers, watches, turns and posts. */
#include "base/clock.h"
#include "base/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* What the callbacks of a test write down, and the loop that they stop. */
struct scene {
	struct loop *loop;
	struct loop_timer *timer;
	struct loop_watch *watch;
	struct loop_turn *turn;
	char log[64];
	int calls;
	int64_t fired_at_ms;
	unsigned events;
	int status;
};

static void note(struct scene *scene, char letter)
{
	scene->log[strlen(scene->log)] = letter;
}

static int set_up(void **state)
{
	static struct scene scene;

	scene = (struct scene){ .loop = loop_create() };
	assert_non_null(scene.loop);
	*state = &scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	loop_destroy(scene->loop);
	return 0;
}

static void stop_the_loop(void *arg)
{
	struct scene *scene = arg;

	scene->fired_at_ms = clock_mono_ms();
	loop_stop(scene->loop);
}

static void note_a(void *arg)
{
	note(arg, 'a');
}

static void note_b(void *arg)
{
	note(arg, 'b');
}

static void a_timer_fires_not_before_its_delay_has_passed(void **state)
{
	struct scene *scene = *state;
	struct loop_timer *timer = loop_timer_create(scene->loop, stop_the_loop, scene);

	for (int64_t delay_ms = 0; delay_ms < 20; delay_ms += 3) {
		int64_t started_at_ms = clock_mono_ms();
		loop_timer_set(timer, delay_ms);
		loop_run(scene->loop);
		assert_true(scene->fired_at_ms - started_at_ms >= delay_ms);
	}
	loop_timer_destroy(timer);
}

static void setting_a_timer_again_replaces_the_old_time(void **state)
{
	struct scene *scene = *state;
	struct loop_timer *early = loop_timer_create(scene->loop, note_a, scene);
	struct loop_timer *middle = loop_timer_create(scene->loop, note_b, scene);
	struct loop_timer *last = loop_timer_create(scene->loop, stop_the_loop, scene);

	loop_timer_set(early, 1);
	loop_timer_set(middle, 5);
	loop_timer_set(last, 15);
	loop_timer_set(early, 10);
	loop_run(scene->loop);
	assert_string_equal(scene->log, "ba");
	loop_timer_destroy(early);
	loop_timer_destroy(middle);
	loop_timer_destroy(last);
}

static void a_cancelled_timer_does_not_fire(void **state)
{
	struct scene *scene = *state;
	struct loop_timer *cancelled = loop_timer_create(scene->loop, note_a, scene);
	struct loop_timer *last = loop_timer_create(scene->loop, stop_the_loop, scene);

	loop_timer_set(cancelled, 1);
	loop_timer_set(last, 5);
	loop_timer_cancel(cancelled);
	loop_timer_cancel(cancelled);
	loop_run(scene->loop);
	assert_string_equal(scene->log, "");
	loop_timer_destroy(cancelled);
	loop_timer_destroy(last);
}

static void destroy_the_timer_and_stop(void *arg)
{
	struct scene *scene = arg;

	loop_timer_destroy(scene->timer);
	scene->timer = NULL;
	loop_stop(scene->loop);
}

static void a_timer_may_be_destroyed_by_its_own_callback(void **state)
{
	struct scene *scene = *state;

	scene->timer = loop_timer_create(scene->loop, destroy_the_timer_and_stop, scene);
	loop_timer_set(scene->timer, 0);
	loop_run(scene->loop);
	assert_null(scene->timer);
}

static void nothing_is_called_after_its_destruction(void **state)
{
	struct scene *scene = *state;
	struct loop_timer *timer = loop_timer_create(scene->loop, note_a, scene);
	struct loop_turn *turn = loop_turn_create(scene->loop, note_b, scene);
	struct loop_timer *last = loop_timer_create(scene->loop, stop_the_loop, scene);

	loop_timer_set(timer, 0);
	loop_turn_request(turn);
	loop_timer_set(last, 2);
	loop_timer_destroy(timer);
	loop_turn_destroy(turn);
	loop_run(scene->loop);
	assert_string_equal(scene->log, "");
	loop_timer_destroy(last);
}

static void on_watch(void *arg, unsigned events, int status)
{
	struct scene *scene = arg;

	scene->calls++;
	scene->events = events;
	scene->status = status;
	loop_stop(scene->loop);
}

static void a_watch_tells_what_a_descriptor_is_ready_for(void **state)
{
	struct scene *scene = *state;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	struct loop_watch *watch = loop_watch_create(scene->loop, ends[0], on_watch, scene);
	assert_non_null(watch);

	loop_watch_set(watch, LOOP_READABLE | LOOP_WRITABLE);
	loop_run(scene->loop);
	assert_int_equal(scene->events, LOOP_WRITABLE);

	loop_watch_set(watch, LOOP_READABLE);
	assert_int_equal(write(ends[1], "x", 1), 1);
	loop_run(scene->loop);
	assert_int_equal(scene->events, LOOP_READABLE);
	assert_int_equal(scene->status, 0);

	loop_watch_destroy(watch);
	close(ends[0]);
	close(ends[1]);
}

static void a_watch_set_to_nothing_is_silent_until_it_is_set_again(void **state)
{
	struct scene *scene = *state;
	struct loop_timer *last = loop_timer_create(scene->loop, stop_the_loop, scene);
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	struct loop_watch *watch = loop_watch_create(scene->loop, ends[0], on_watch, scene);
	loop_watch_set(watch, LOOP_READABLE);
	loop_watch_set(watch, 0);
	loop_timer_set(last, 3);
	loop_run(scene->loop);
	assert_int_equal(scene->calls, 0);

	loop_watch_set(watch, LOOP_READABLE);
	loop_run(scene->loop);
	assert_int_equal(scene->calls, 1);

	loop_watch_destroy(watch);
	loop_timer_destroy(last);
	close(ends[0]);
	close(ends[1]);
}

static void a_descriptor_number_can_be_watched_again_at_once(void **state)
{
	struct scene *scene = *state;
	int first[2], second[2];

	assert_int_equal(pipe(first), 0);
	struct loop_watch *watch = loop_watch_create(scene->loop, first[0], on_watch, scene);
	loop_watch_set(watch, LOOP_READABLE);
	loop_watch_destroy(watch);
	close(first[0]);
	close(first[1]);

	assert_int_equal(pipe(second), 0);
	assert_int_equal(second[0], first[0]);
	watch = loop_watch_create(scene->loop, second[0], on_watch, scene);
	assert_non_null(watch);
	loop_watch_set(watch, LOOP_READABLE);
	assert_int_equal(write(second[1], "x", 1), 1);
	loop_run(scene->loop);
	assert_int_equal(scene->events, LOOP_READABLE);
	loop_watch_destroy(watch);
	close(second[0]);
	close(second[1]);
}

static void an_error_disarms_a_watch_until_it_is_set_again(void **state)
{
	struct scene *scene = *state;
	int ends[2];

	/* The writing end of a pipe without a reader is in error. */
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	struct loop_watch *watch = loop_watch_create(scene->loop, ends[1], on_watch, scene);
	for (int round = 1; round <= 2; round++) {
		loop_watch_set(watch, LOOP_WRITABLE);
		loop_run(scene->loop);
		assert_int_equal(scene->calls, round);
		assert_int_equal(scene->status, -EBADF);
	}
	loop_watch_destroy(watch);
	close(ends[1]);
}

static void a_regular_file_cannot_be_watched(void **state)
{
	struct scene *scene = *state;
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_true(file >= 0);
	assert_null(loop_watch_create(scene->loop, file, on_watch, scene));
	assert_int_equal(errno, EPERM);
	close(file);
}

static void on_turn(void *arg)
{
	struct scene *scene = arg;

	if (++scene->calls == 5)
		loop_stop(scene->loop);
	else
		loop_turn_request(scene->turn);
}

static void a_requested_turn_comes_though_nothing_else_happens(void **state)
{
	struct scene *scene = *state;

	scene->turn = loop_turn_create(scene->loop, on_turn, scene);
	loop_turn_request(scene->turn);
	loop_run(scene->loop);
	assert_int_equal(scene->calls, 5);
	loop_turn_destroy(scene->turn);
}

static void note_the_watch(void *arg, unsigned events, int status)
{
	(void)events;
	(void)status;
	note(arg, 'w');
}

static void note_the_turn_and_stop(void *arg)
{
	struct scene *scene = arg;

	note(scene, 't');
	loop_stop(scene->loop);
}

static void a_turn_is_taken_once_after_the_sockets(void **state)
{
	struct scene *scene = *state;
	struct loop_watch *watches[2];
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	for (int i = 0; i < 2; i++) {
		watches[i] = loop_watch_create(scene->loop, ends[i], note_the_watch, scene);
		loop_watch_set(watches[i], LOOP_WRITABLE);
	}
	scene->turn = loop_turn_create(scene->loop, note_the_turn_and_stop, scene);
	loop_run(scene->loop);
	assert_string_equal(scene->log, "wwt");
	loop_turn_destroy(scene->turn);
	for (int i = 0; i < 2; i++) {
		loop_watch_destroy(watches[i]);
		close(ends[i]);
	}
}

enum { POSTS = 1000 };

static void count_and_stop(void *arg)
{
	struct scene *scene = arg;

	if (++scene->calls == POSTS)
		loop_stop(scene->loop);
}

static void *post_many(void *arg)
{
	struct scene *scene = arg;

	for (int i = 0; i < POSTS; i++)
		loop_post(scene->loop, count_and_stop, scene);
	return NULL;
}

static void every_post_of_another_thread_is_called_once(void **state)
{
	struct scene *scene = *state;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, post_many, scene), 0);
	loop_run(scene->loop);
	pthread_join(thread, NULL);
	assert_int_equal(scene->calls, POSTS);
}

static void post_more(void *arg)
{
	struct scene *scene = arg;

	note(scene, 'p');
	loop_post(scene->loop, note_b, scene);
	loop_post(scene->loop, stop_the_loop, scene);
}

static void posts_are_called_in_their_order(void **state)
{
	struct scene *scene = *state;

	loop_post(scene->loop, post_more, scene);
	loop_post(scene->loop, note_a, scene);
	assert_string_equal(scene->log, "");
	loop_run(scene->loop);
	assert_string_equal(scene->log, "pab");
}

static void what_is_still_posted_at_the_end_is_not_called(void **state)
{
	struct scene *scene = *state;
	struct scene other = { .loop = loop_create() };

	loop_post(other.loop, note_a, scene);
	loop_destroy(other.loop);
	assert_string_equal(scene->log, "");
}

static void a_signal_arrives_on_the_loop(void **state)
{
	struct scene *scene = *state;
	struct loop_signal *hangup = loop_signal_create(scene->loop, SIGHUP, stop_the_loop, scene);

	assert_int_equal(raise(SIGHUP), 0);
	loop_run(scene->loop);
	assert_true(scene->fired_at_ms > 0);
	loop_signal_destroy(hangup);
}

static void a_write_to_a_closed_connection_does_not_kill(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	close(ends[0]);
	assert_int_equal(write(ends[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	close(ends[1]);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_timer_fires_not_before_its_delay_has_passed),
		TEST(setting_a_timer_again_replaces_the_old_time),
		TEST(a_cancelled_timer_does_not_fire),
		TEST(a_timer_may_be_destroyed_by_its_own_callback),
		TEST(nothing_is_called_after_its_destruction),
		TEST(a_watch_tells_what_a_descriptor_is_ready_for),
		TEST(a_watch_set_to_nothing_is_silent_until_it_is_set_again),
		TEST(a_descriptor_number_can_be_watched_again_at_once),
		TEST(an_error_disarms_a_watch_until_it_is_set_again),
		TEST(a_regular_file_cannot_be_watched),
		TEST(a_requested_turn_comes_though_nothing_else_happens),
		TEST(a_turn_is_taken_once_after_the_sockets),
		TEST(every_post_of_another_thread_is_called_once),
		TEST(posts_are_called_in_their_order),
		TEST(what_is_still_posted_at_the_end_is_not_called),
		TEST(a_signal_arrives_on_the_loop),
		TEST(a_write_to_a_closed_connection_does_not_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
