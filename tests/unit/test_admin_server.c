/* admin/server, calls, feed: the API on real sockets, with the server's loop on a thread of its own
 * and a client that blocks. */
#include "admin/server.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/memory.h"
#include "db/deliveries.h"
#include "db/events.h"
#include "db/store_thread.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { ANSWER_SIZE = 256 * 1024, REQUEST_SIZE = 8192 };

#define ADMIN "x-api-key: the-admin-key\r\n"
#define READ "x-api-key: the-read-key\r\n"
#define JSON "Content-Type: application/json\r\n"
#define NEW_WEBHOOK \
	"{\"target_url\":\"https://receiver.example/\",\"event_types\":[\"live.start\"]}"

struct scene {
	char folder[64];
	struct config config;
	struct loop *loop;
	struct store_thread *store;
	struct admin_server *server;
	pthread_t thread;
	_Atomic int watched, endpoints, enqueued; /* hooks called */
	char answer[ANSWER_SIZE];
};

static struct scene scene;

/* ---- the daemon around it ---- */

static void give_status(void *arg, struct service_status *ret_status)
{
	(void)arg;
	*ret_status = (struct service_status){ .poll.policy = "learned" };
}

static void on_watched(void *arg)
{
	(void)arg;
	scene.watched++;
}

static void on_endpoints(void *arg)
{
	(void)arg;
	scene.endpoints++;
}

/* A dispatcher that delivers every test at once. */
static int deliver_job(struct store *store, void *arg)
{
	struct claimed_lane lane;
	struct outcome_effect effect;

	(void)arg;
	int result = store_claim_test(store, clock_now_ms(), NULL, &lane);
	if (result)
		return result;
	if (lane.claim_count) {
		const struct attempt_outcome outcome = { .delivery_key =
								 lane.claims[0].delivery_key,
							 .attempt = lane.claims[0].attempt,
							 .verdict = ATTEMPT_DELIVERED,
							 .status_code = 204 };
		result = store_attempt_finish(store, &outcome, clock_now_ms(), &effect);
	}
	store_claimed_lane_finish(&lane);
	return result;
}

static void on_delivered(void *arg, int result)
{
	(void)arg;
	assert_int_equal(result, 0);
	admin_server_poke(scene.server);
}

static void on_enqueued(void *arg)
{
	(void)arg;
	scene.enqueued++;
	store_write(scene.store, deliver_job, on_delivered, NULL);
	admin_server_poke(scene.server);
}

static void on_fatal(void *arg, int error, const char *what)
{
	(void)arg;
	(void)error;
	fail_msg("%s", what);
}

static void *run_loop(void *arg)
{
	loop_run(arg);
	return NULL;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static char *in_folder(const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", scene.folder, name) > 0);
	return path;
}

static int set_up_on(const char *listen_on)
{
	struct strbuf why;

	memset(&scene, 0, sizeof(scene));
	strcpy(scene.folder, "/tmp/test_admin_server.XXXXXX");
	assert_non_null(mkdtemp(scene.folder));
	scene.config.store.path = in_folder("golived.db");
	scene.config.admin.api_key_file = in_folder("keys");
	scene.config.admin.listen = memory_text(listen_on);
	scene.config.delivery.header_prefix = memory_text("X-Tiktool");
	scene.config.delivery.timeout_ms = 1000;
	scene.config.limits.creators_per_webhook = 10000;
	write_file(scene.config.admin.api_key_file, "admin the-admin-key\nread the-read-key\n");

	strbuf_init(&why, 4096);
	scene.loop = loop_create();
	if (store_thread_create(scene.loop, scene.config.store.path, SYNCHRONOUS_NORMAL, on_fatal,
				NULL, &why, &scene.store) < 0)
		fail_msg("%s", why.data);
	const struct admin_hooks hooks = { .status = give_status,
					   .on_watched_changed = on_watched,
					   .on_endpoints_changed = on_endpoints,
					   .on_enqueued = on_enqueued };
	if (admin_server_create(scene.loop, scene.store, &scene.config, &hooks, &why,
				&scene.server) < 0)
		fail_msg("%s", why.data);
	strbuf_finish(&why);
	return pthread_create(&scene.thread, NULL, run_loop, scene.loop);
}

static int set_up(void **state)
{
	(void)state;
	return set_up_on("127.0.0.1:0");
}

static void stop_loop(void *arg)
{
	loop_stop(arg);
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	loop_post(scene.loop, stop_loop, scene.loop);
	pthread_join(scene.thread, NULL);
	admin_server_stop(scene.server);
	store_thread_destroy(scene.store);
	admin_server_destroy(scene.server);
	loop_destroy(scene.loop);
	free(scene.config.store.path);
	free(scene.config.admin.api_key_file);
	free(scene.config.admin.listen);
	free(scene.config.delivery.header_prefix);
	snprintf(command, sizeof(command), "rm -r %s", scene.folder);
	return system(command);
}

/* ---- the client ---- */

static int dial(void)
{
	unsigned port;
	const struct timeval patience = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(sscanf(admin_server_address(scene.server), "http://127.0.0.1:%u", &port),
			 1);
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Reads until the answer holds `until`, or, without it, until the connection closes. */
static const char *hear(int fd, const char *until)
{
	size_t length = 0;

	for (;;) {
		ssize_t got = recv(fd, scene.answer + length, ANSWER_SIZE - 1 - length, 0);
		if (got < 0 && errno == EAGAIN)
			fail_msg("nothing came for too long after \"%.*s\"", (int)length,
				 scene.answer);
		if (got > 0)
			length += (size_t)got;
		scene.answer[length] = '\0';
		if (got <= 0 || (until && strstr(scene.answer, until)))
			return scene.answer;
	}
}

static int status_of(const char *answer)
{
	int status = 0;

	(void)sscanf(answer, "HTTP/1.1 %d", &status);
	return status;
}

/* One request on a connection of its own. */
static int ask(const char *method, const char *target, const char *headers, const char *body)
{
	char request[REQUEST_SIZE];
	int fd = dial();

	snprintf(request, sizeof(request),
		 "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: "
		 "%zu\r\n%s\r\n%s",
		 method, target, strlen(body), headers, body);
	say(fd, request);
	hear(fd, NULL);
	close(fd);
	return status_of(scene.answer);
}

static void expect(int status, const char *method, const char *target, const char *headers,
		   const char *body)
{
	int got = ask(method, target, headers, body);

	if (got != status)
		fail_msg("%s %s: expected %d, got %.1000s", method, target, status, scene.answer);
}

static void expect_in_answer(const char *text)
{
	if (!strcasestr(scene.answer, text))
		fail_msg("expected \"%s\" in \"%.2000s\"", text, scene.answer);
}

/* A value of a member of text in the answer. */
static char *answer_text(const char *member, char text[256])
{
	char pattern[64];

	snprintf(pattern, sizeof(pattern), "\"%s\":\"", member);
	const char *at = strstr(scene.answer, pattern);
	if (!at)
		fail_msg("no %s in %.1000s", member, scene.answer);
	assert_int_equal(sscanf(at + strlen(pattern), "%255[^\"]", text), 1);
	return text;
}

/* ---- keys ---- */

static void what_needs_no_key_is_answered_without(void **state)
{
	static const char *const targets[] = { "/healthz", "/readyz", "/metrics", "/openapi.json" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		expect(200, "GET", targets[i], "", "");
	expect(404, "GET", "/nothing", "", "");
}

static void everything_under_api_needs_a_key_whether_it_exists_or_not(void **state)
{
	(void)state;
	expect(401, "GET", "/api/webhooks", "", "");
	expect_in_answer("WWW-Authenticate: Bearer");
	expect_in_answer("Content-Type: application/problem+json");
	expect(401, "GET", "/api/nothing", "", "");
	expect(401, "PUT", "/api/webhooks", "", "");
	expect(401, "GET", "/api/webhooks", "x-api-key: wrong\r\n", "");
	expect(200, "GET", "/api/webhooks", ADMIN, "");
	expect(200, "GET", "/api/webhooks", "Authorization: Bearer the-read-key\r\n", "");
	expect(404, "GET", "/api/nothing", ADMIN, "");
	expect(405, "PUT", "/api/webhooks", ADMIN, "");
	expect_in_answer("Allow: GET, HEAD, POST");
}

static void a_read_key_may_only_get(void **state)
{
	(void)state;
	expect(200, "GET", "/api/status", READ, "");
	expect(200, "HEAD", "/api/status", READ, "");
	expect(403, "POST", "/api/webhooks", READ JSON, NEW_WEBHOOK);
}

static void a_key_made_through_the_api_works_at_once_and_until_it_is_removed(void **state)
{
	char key[256], id[256], header[300], target[300];

	(void)state;
	expect(201, "POST", "/api/keys", ADMIN JSON, "{\"name\":\"ci\",\"scope\":\"read\"}");
	answer_text("id", id);
	snprintf(header, sizeof(header), "x-api-key: %s\r\n", answer_text("key", key));
	expect(200, "GET", "/api/webhooks", header, "");
	expect(403, "POST", "/api/webhooks", header, "");
	snprintf(target, sizeof(target), "/api/keys/%s", id);
	expect(204, "DELETE", target, ADMIN, "");
	expect(401, "GET", "/api/webhooks", header, "");
}

static void too_many_wrong_keys_must_wait_and_a_good_one_need_not(void **state)
{
	(void)state;
	for (int i = 0; i < LIMIT_BAD_KEYS_PER_MINUTE; i++)
		expect(401, "GET", "/api/webhooks", "x-api-key: wrong\r\n", "");
	expect(429, "GET", "/api/webhooks", "x-api-key: wrong\r\n", "");
	expect_in_answer("Retry-After: ");
	expect(200, "GET", "/api/webhooks", ADMIN, "");
}

struct reload {
	int result;
	sem_t done;
};

static void reload_on_loop(void *arg)
{
	struct reload *reload = arg;
	struct strbuf why;

	strbuf_init(&why, 1024);
	reload->result = admin_server_reload(scene.server, &why);
	strbuf_finish(&why);
	sem_post(&reload->done);
}

static int reload(void)
{
	struct reload reload;

	sem_init(&reload.done, 0, 0);
	loop_post(scene.loop, reload_on_loop, &reload);
	sem_wait(&reload.done);
	sem_destroy(&reload.done);
	return reload.result;
}

static void a_reload_takes_new_keys_and_keeps_the_old_ones_after_a_mistake(void **state)
{
	(void)state;
	write_file(scene.config.admin.api_key_file, "admin another\n");
	assert_int_equal(reload(), 0);
	expect(401, "GET", "/api/status", ADMIN, "");
	expect(200, "GET", "/api/status", "x-api-key: another\r\n", "");
	write_file(scene.config.admin.api_key_file, "nonsense\n");
	assert_int_equal(reload(), -EINVAL);
	expect(200, "GET", "/api/status", "x-api-key: another\r\n", "");
}

/* ---- requests ---- */

static void answers_are_not_stored_nor_sniffed_nor_shared_with_other_origins(void **state)
{
	(void)state;
	expect(200, "GET", "/healthz", "Origin: https://evil.example\r\n", "");
	expect_in_answer("Cache-Control: no-store");
	expect_in_answer("X-Content-Type-Options: nosniff");
	assert_null(strcasestr(scene.answer, "Access-Control"));
}

static void a_change_is_stored_and_told_to_the_others(void **state)
{
	char id[256], target[300];

	(void)state;
	expect(201, "POST", "/api/webhooks", ADMIN JSON, NEW_WEBHOOK);
	expect_in_answer("\"secret\":\"whsec_");
	assert_int_equal(scene.watched, 1);
	assert_int_equal(scene.endpoints, 1);
	snprintf(target, sizeof(target), "/api/webhooks/%s", answer_text("id", id));
	expect(200, "GET", target, READ, "");
	expect(204, "DELETE", target, ADMIN, "");
	expect(404, "GET", target, READ, "");
}

static void the_same_idempotency_key_makes_one_webhook(void **state)
{
	char first[256], second[256];

	(void)state;
	expect(201, "POST", "/api/webhooks", ADMIN JSON "Idempotency-Key: a\r\n", NEW_WEBHOOK);
	answer_text("secret", first);
	expect(201, "POST", "/api/webhooks", ADMIN JSON "Idempotency-Key: a\r\n", NEW_WEBHOOK);
	assert_string_equal(answer_text("secret", second), first);
	expect(422, "POST", "/api/webhooks", ADMIN JSON "Idempotency-Key: a\r\n", "{}");
}

static void a_body_must_be_json(void **state)
{
	(void)state;
	expect(415, "POST", "/api/webhooks", ADMIN, NEW_WEBHOOK);
	expect(400, "POST", "/api/webhooks", ADMIN JSON, "{");
	expect(400, "POST", "/api/webhooks", ADMIN JSON, "{\"x\":1}");
	expect(422, "POST", "/api/webhooks", ADMIN JSON, "{}");
	expect_in_answer("\"field\":\"target_url\"");
}

static void a_query_is_decoded_once(void **state)
{
	(void)state;
	expect(422, "GET", "/api/events?since=a%2526b%3D", ADMIN, "");
	expect_in_answer("a%26b=");
	expect(400, "GET", "/api/events%00", ADMIN, "");
	expect(400, "GET", "/api/events?since=%zz", ADMIN, "");
}

/* Sends a body of that size, in pieces, whatever the server says meanwhile. */
static int ask_with_large_body(const char *headers, size_t size, bool is_chunked)
{
	char head[512], block[4096];
	int fd = dial();

	memset(block, ' ', sizeof(block));
	snprintf(head, sizeof(head),
		 "POST /api/webhooks HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s",
		 headers);
	say(fd, head);
	snprintf(head, sizeof(head),
		 is_chunked ? "Transfer-Encoding: chunked\r\n\r\n%zx\r\n"
			    : "Content-Length: %zu\r\n\r\n",
		 size);
	say(fd, head);
	for (size_t left = size; left;) {
		size_t piece = left < sizeof(block) ? left : sizeof(block);
		assert_int_equal(send(fd, block, piece, MSG_NOSIGNAL), (ssize_t)piece);
		left -= piece;
	}
	if (is_chunked)
		say(fd, "\r\n0\r\n\r\n");
	hear(fd, NULL);
	close(fd);
	return status_of(scene.answer);
}

static void a_body_over_1_mib_is_read_dropped_and_refused(void **state)
{
	(void)state;
	assert_int_equal(ask_with_large_body(ADMIN JSON, LIMIT_ADMIN_BODY_BYTES, false), 400);
	assert_int_equal(ask_with_large_body(ADMIN JSON, LIMIT_ADMIN_BODY_BYTES + 1, false), 413);
	expect_in_answer("application/problem+json");
	assert_int_equal(ask_with_large_body(ADMIN JSON, LIMIT_ADMIN_BODY_BYTES + 1, true), 413);
	assert_int_equal(ask_with_large_body(ADMIN JSON, 4 << 20, false), 413);
	assert_int_equal(ask_with_large_body("", 4 << 20, false), 401);
}

static void a_client_that_asks_first_is_told_before_it_sends_a_body(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "POST /api/webhooks HTTP/1.1\r\nHost: localhost\r\n" ADMIN JSON
		"Expect: 100-continue\r\nContent-Length: 999999999\r\n\r\n");
	assert_int_equal(status_of(hear(fd, NULL)), 413);
	close(fd);
}

static void requests_that_can_be_read_in_two_ways_are_refused(void **state)
{
	static const char *const heads[] = {
		"POST /api/webhooks HTTP/1.1\r\nHost: localhost\r\n" ADMIN
		"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST /api/webhooks HTTP/1.1\r\nHost: localhost\r\n" ADMIN
		"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
		"POST /api/webhooks HTTP/1.1\r\nHost: localhost\r\n" ADMIN
		"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
		"GET /api/webhooks HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n" ADMIN "\r\n",
		"GET /api/webhooks HTTP/1.1\r\n" ADMIN "\r\n",
		"GET http://localhost/api/webhooks HTTP/1.1\r\nHost: localhost\r\n" ADMIN
		"Connection: close\r\n\r\n",
		"POST /api/webhooks HTTP/1.1\r\nHost: localhost\r\n" ADMIN
		"Transfer-Encoding: gzip\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		int fd = dial();
		say(fd, heads[i]);
		int status = status_of(hear(fd, NULL));
		if (status != 400)
			fail_msg("case %zu: %s", i, scene.answer);
		close(fd);
	}
}

static void a_page_under_another_name_gets_nothing_without_a_key(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
	assert_int_equal(status_of(hear(fd, NULL)), 421);
	close(fd);
	fd = dial();
	say(fd,
	    "GET /metrics HTTP/1.1\r\nHost: golived.example\r\nConnection: close\r\n" READ "\r\n");
	assert_int_equal(status_of(hear(fd, NULL)), 200);
	close(fd);
}

static void a_connection_carries_many_requests(void **state)
{
	static const char request[] = "GET /api/status HTTP/1.1\r\nHost: localhost\r\n" READ "\r\n";
	int fd = dial();

	(void)state;
	for (int i = 0; i < 20; i++) {
		say(fd, request);
		assert_int_equal(status_of(hear(fd, "\"gaps\":[]}")), 200);
	}
	/* Refused requests with a body, too. */
	say(fd, "POST /api/webhooks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}");
	assert_int_equal(status_of(hear(fd, "\"code\":\"key_missing\"}")), 401);
	say(fd, request);
	assert_int_equal(status_of(hear(fd, "\"gaps\":[]}")), 200);
	close(fd);
}

static void more_connections_than_the_limit_are_told_so(void **state)
{
	int fds[LIMIT_ADMIN_CONNECTIONS];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = dial();
		say(fds[i], "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
		assert_int_equal(status_of(hear(fds[i], "\"ok\"}")), 200);
	}
	expect(503, "GET", "/healthz", "", "");
	expect_in_answer("Retry-After: 1");
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

/* Sends a byte every 100 ms until the server hangs up; gives the time that took. */
static int64_t drip(int fd, const char *piece)
{
	const struct timeval step = { .tv_usec = 100 * 1000 };
	int64_t began_mono_ms = clock_mono_ms();
	char byte;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &step, sizeof(step));
	for (int i = 0; i < 150; i++)
		if (send(fd, piece, strlen(piece), MSG_NOSIGNAL) < 0 || recv(fd, &byte, 1, 0) == 0)
			break;
	return clock_mono_ms() - began_mono_ms;
}

static void a_head_that_drips_in_is_cut_off_after_5_seconds(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n");
	int64_t took_ms = drip(fd, "X-A: b\r\n");
	if (took_ms < 4500 || took_ms > 8000)
		fail_msg("cut off after %lld ms", (long long)took_ms);
	close(fd);
	expect(200, "GET", "/healthz", "", "");
}

static void a_body_that_drips_in_is_cut_off_after_10_seconds(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "POST /api/webhooks HTTP/1.1\r\nHost: localhost\r\n" ADMIN JSON
		"Content-Length: 1000\r\n\r\n");
	int64_t took_ms = drip(fd, " ");
	if (took_ms < 9500 || took_ms > 13000)
		fail_msg("cut off after %lld ms", (long long)took_ms);
	close(fd);
}

static int set_up_unix(void **state)
{
	(void)state;
	return set_up_on("unix:/tmp/test_admin_server.socket");
}

static void a_unix_socket_serves_whatever_the_host_is_called(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX,
				       .sun_path = "/tmp/test_admin_server.socket" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_string_equal(admin_server_address(scene.server),
			    "unix:/tmp/test_admin_server.socket");
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	say(fd, "GET /metrics HTTP/1.1\r\nHost: golived\r\nConnection: close\r\n\r\n");
	assert_int_equal(status_of(hear(fd, NULL)), 200);
	expect_in_answer("golived_admin_requests_total");
	close(fd);
}

static void a_port_in_use_is_told(void **state)
{
	struct config config = scene.config;
	struct admin_server *second;
	const struct admin_hooks hooks = { 0 };
	struct strbuf why;

	(void)state;
	config.admin.listen = (char *)admin_server_address(scene.server) + strlen("http://");
	strbuf_init(&why, 1024);
	assert_int_equal(
		admin_server_create(scene.loop, scene.store, &config, &hooks, &why, &second),
		-EADDRINUSE);
	assert_non_null(strstr(why.data, "another program"));
	strbuf_finish(&why);
}

/* ---- what waits ---- */

static void a_test_is_answered_when_its_attempt_has_been_made(void **state)
{
	char id[256], target[300];

	(void)state;
	expect(201, "POST", "/api/webhooks", ADMIN JSON, NEW_WEBHOOK);
	snprintf(target, sizeof(target), "/api/webhooks/%s/test", answer_text("id", id));
	expect(200, "POST", target, ADMIN, "");
	expect_in_answer("{\"delivered\":true,\"status_code\":204,\"error\":null,\"delivery_id\":"
			 "\"del_");
	assert_int_equal(scene.enqueued, 1);
}

static void stream_of_events(int fd, const char *headers)
{
	char request[512];

	snprintf(request, sizeof(request),
		 "GET /api/events/stream HTTP/1.1\r\nHost: localhost\r\n" READ "%s\r\n", headers);
	say(fd, request);
	assert_int_equal(status_of(hear(fd, "\r\n\r\n")), 200);
	expect_in_answer("Content-Type: text/event-stream");
}

static void the_stream_carries_new_events_and_resumes_behind_the_last_one(void **state)
{
	char id[256], header[300];
	int fd = dial();

	(void)state;
	expect(201, "PUT", "/api/watchlists/all", ADMIN JSON,
	       "{\"priority\":\"normal\",\"creators\":[\"anna\"]}");
	expect(202, "POST", "/api/events", ADMIN JSON,
	       "{\"event_type\":\"live.start\",\"creator\":\"anna\"}");
	stream_of_events(fd, "");
	expect(202, "POST", "/api/events", ADMIN JSON,
	       "{\"event_type\":\"live.end\",\"creator\":\"anna\"}");
	hear(fd, "\n\n\r\n");
	expect_in_answer("event: live.end\ndata: {\"event_id\":\"evt_");
	assert_null(strstr(scene.answer, "live.start"));
	answer_text("event_id", id);
	close(fd);

	expect(202, "POST", "/api/events", ADMIN JSON,
	       "{\"event_type\":\"live.start\",\"creator\":\"anna\"}");
	fd = dial();
	snprintf(header, sizeof(header), "Last-Event-ID: %s\r\n", id);
	stream_of_events(fd, header);
	if (!strstr(scene.answer, "event: "))
		hear(fd, "\n\n\r\n");
	expect_in_answer("event: live.start\n");
	assert_null(strstr(scene.answer, "live.end"));
	close(fd);
	expect(422, "GET", "/api/events/stream", READ "Last-Event-ID: x\r\n", "");
}

static void a_stop_ends_streams_and_what_waits(void **state)
{
	int fd = dial();

	stream_of_events(fd, "");
	tear_down(state);
	hear(fd, NULL);
	close(fd);
	set_up(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(what_needs_no_key_is_answered_without),
		TEST(everything_under_api_needs_a_key_whether_it_exists_or_not),
		TEST(a_read_key_may_only_get),
		TEST(a_key_made_through_the_api_works_at_once_and_until_it_is_removed),
		TEST(too_many_wrong_keys_must_wait_and_a_good_one_need_not),
		TEST(a_reload_takes_new_keys_and_keeps_the_old_ones_after_a_mistake),
		TEST(answers_are_not_stored_nor_sniffed_nor_shared_with_other_origins),
		TEST(a_change_is_stored_and_told_to_the_others),
		TEST(the_same_idempotency_key_makes_one_webhook),
		TEST(a_body_must_be_json),
		TEST(a_query_is_decoded_once),
		TEST(a_body_over_1_mib_is_read_dropped_and_refused),
		TEST(a_client_that_asks_first_is_told_before_it_sends_a_body),
		TEST(requests_that_can_be_read_in_two_ways_are_refused),
		TEST(a_page_under_another_name_gets_nothing_without_a_key),
		TEST(a_connection_carries_many_requests),
		TEST(more_connections_than_the_limit_are_told_so),
		TEST(a_head_that_drips_in_is_cut_off_after_5_seconds),
		TEST(a_body_that_drips_in_is_cut_off_after_10_seconds),
		TEST(a_port_in_use_is_told),
		cmocka_unit_test_setup_teardown(a_unix_socket_serves_whatever_the_host_is_called,
						set_up_unix, tear_down),
		TEST(a_test_is_answered_when_its_attempt_has_been_made),
		TEST(the_stream_carries_new_events_and_resumes_behind_the_last_one),
		TEST(a_stop_ends_streams_and_what_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
