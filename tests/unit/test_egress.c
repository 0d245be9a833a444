#include "deliver/egress.h"

#include "name_server.h"
#include "receiver.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#define BODY "{\"test\": 1}"

/* ---- a name server that knows a few names ---- */

/* The A records of a name; "": it does not exist; "-": no answer. */
static const struct {
	const char *label, *addresses[3];
} names[] = {
	{ "good", { "127.0.0.1" } },
	{ "inward", { "10.0.0.1", "192.168.0.1" } },
	{ "mixed", { "10.0.0.1", "127.0.0.1" } },
	{ "silent", { "-" } },
};

static size_t name_answer(uint8_t *message, size_t length)
{
	uint16_t type = (uint16_t)(message[length - 4] << 8 | message[length - 3]);
	uint8_t *end = message + length;
	message[2] = 0x81;
	message[3] = 0x83; /* no such name */
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t label_length = strlen(names[i].label);
		if (message[12] != label_length ||
		    strncasecmp((char *)message + 13, names[i].label, label_length) != 0)
			continue;
		if (names[i].addresses[0][0] == '-')
			return 0;
		message[3] = 0x80;
		for (int j = 0; type == 1 && j < 3 && names[i].addresses[j]; j++) {
			const uint8_t record[] = { 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4 };
			memcpy(end, record, sizeof(record));
			inet_pton(AF_INET, names[i].addresses[j], end + sizeof(record));
			end += sizeof(record) + 4;
			message[7]++;
		}
	}
	return (size_t)(end - message);
}

static void on_question(void *arg, int fd, const uint8_t *question, size_t length, unsigned type,
			const struct sockaddr_in *from)
{
	uint8_t message[1024];
	(void)arg, (void)type;
	memcpy(message, question, length);
	size_t answer = name_answer(message, length);
	if (answer > 0)
		sendto(fd, message, answer, 0, (const struct sockaddr *)from, sizeof(*from));
}

/* ---- the world of a test ---- */

struct world {
	struct loop *loop;
	struct dns *dns;
	struct egress *egress;
	struct config config;
	struct receiver *receiver;
	struct name_server name_server;
	struct loop_timer *watchdog;
	unsigned done;
	/* The last result, copied. */
	struct egress_result result;
	char error[32], detail[256], retry_after[64], peer[64], response[2048];
};

static char huge_head[80 << 10];
static char huge_body[200 << 10];

static const struct {
	const char *path, *answer;
} answers[] = {
	{ "/ok", RECEIVER_OK },
	{ "/created", "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n" },
	{ "/no-content", "HTTP/1.1 204 No Content\r\n\r\n" },
	{ "/continue", "HTTP/1.1 100 Continue\r\n\r\n" RECEIVER_OK },
	{ "/redirect",
	  "HTTP/1.1 301 Moved\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n" AFTER_CLOSE },
	{ "/see-other", "HTTP/1.1 307 See\r\nLocation: file:///etc/passwd\r\nContent-Length: "
			"0\r\n\r\n" },
	{ "/error", "HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\nhelp" },
	{ "/gone", "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n" },
	{ "/busy", "HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n" },
	{ "/short-body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort" AFTER_CLOSE },
	{ "/hung-body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort" },
	{ "/reset-body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort" AFTER_RESET },
	{ "/bad-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" AFTER_CLOSE },
	{ "/zipped", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1F"
		     "\x8Bz" },
	{ "/until-close", "HTTP/1.1 200 OK\r\n\r\nall" AFTER_CLOSE },
	{ "/empty", AFTER_CLOSE },
	{ "/reset", AFTER_RESET },
	{ "/garbage", "this is no HTTP\r\n\r\n" AFTER_CLOSE },
	{ "/half-head", "HTTP/1.1 200 OK\r\nContent-Le" AFTER_CLOSE },
	{ "/hung-head", "HTTP/1.1 200 OK\r\nContent-Le" },
	{ "/huge-head", huge_head },
	{ "/huge-body", huge_body },
};

static const char *script(const char *path, unsigned number)
{
	(void)number;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		if (strcmp(answers[i].path, path) == 0)
			return answers[i].answer;
	}
	return NULL;
}

static void on_watchdog(void *arg)
{
	(void)arg;
	fail_msg("nothing happened for 20 s");
}

static const char *keep(const char *text, char *place, size_t size)
{
	if (!text)
		return NULL;
	snprintf(place, size, "%s", text);
	return place;
}

static void on_done(void *arg, const struct egress_result *result)
{
	struct world *world = arg;
	world->done++;
	world->result = *result;
	world->result.error = keep(result->error, world->error, sizeof(world->error));
	world->result.detail = keep(result->detail, world->detail, sizeof(world->detail));
	world->result.retry_after =
		keep(result->retry_after, world->retry_after, sizeof(world->retry_after));
	world->result.peer_address = keep(result->peer_address, world->peer, sizeof(world->peer));
	assert_true(result->response_length < sizeof(world->response));
	if (result->response_length > 0)
		memcpy(world->response, result->response, result->response_length);
	world->response[result->response_length] = '\0';
	loop_stop(world->loop);
}

static int set_up(void **state)
{
	struct world *world = memory_zeroed(1, sizeof(*world));
	char servers[32];
	name_server_start(&world->name_server, on_question, NULL);
	snprintf(servers, sizeof(servers), "127.0.0.1:%u", world->name_server.port);
	const struct dns_options options = {
		.timeout_ms = 10000,
		.cache_entries = 16,
		.ttl_max_s = 60,
		.negative_ttl_s = 1,
		.servers = servers,
	};
	world->config.delivery.connect_timeout_ms = 5000;
	world->config.delivery.timeout_ms = 5000;
	world->config.delivery.concurrency = 8;
	world->config.delivery.allow_target_count = 1;
	assert_int_equal(
		config_parse_cidr("127.0.0.1/32", &world->config.delivery.allow_targets[0]), 0);
	world->loop = loop_create();
	world->dns = dns_create(world->loop, &options);
	world->egress = egress_create(world->loop, world->dns, &world->config);
	world->watchdog = loop_timer_create(world->loop, on_watchdog, NULL);
	loop_timer_set(world->watchdog, 20000);
	world->receiver = receiver_start(script);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	receiver_stop(world->receiver);
	egress_destroy(world->egress);
	dns_destroy(world->dns);
	loop_timer_destroy(world->watchdog);
	loop_destroy(world->loop);
	name_server_stop(&world->name_server);
	free(world);
	return 0;
}

static struct egress_call *start_url(struct world *world, const char *url)
{
	static const struct http_header headers[] = {
		{ "Content-Type", "application/json" },
		{ "X-Tiktool-Event", "live.start" },
	};
	const struct egress_request request = {
		.url = url,
		.headers = headers,
		.header_count = ARRAY_SIZE(headers),
		.body = BODY,
		.body_length = strlen(BODY),
	};
	return egress_start(world->egress, &request, on_done, world);
}

static const struct egress_result *post_url(struct world *world, const char *url)
{
	unsigned done = world->done;
	start_url(world, url);
	assert_int_equal(world->done, done); /* never from there */
	loop_run(world->loop);
	assert_int_equal(world->done, done + 1);
	return &world->result;
}

static const struct egress_result *post(struct world *world, const char *host, const char *path)
{
	char url[256];
	snprintf(url, sizeof(url), "http://%s:%u%s", host, world->receiver->port, path);
	return post_url(world, url);
}

/* ---- tests ---- */

static void a_delivery_arrives_as_it_was_given(void **state)
{
	struct world *world = *state;
	char value[512];
	const struct egress_result *result = post(world, "127.0.0.1", "/ok");
	assert_true(result->was_made);
	assert_int_equal(result->status, 200);
	assert_null(result->error);
	assert_null(result->detail);
	assert_string_equal(result->peer_address, "127.0.0.1");
	assert_string_equal(world->response, "ok");

	const struct receiver_request *request = receiver_find(world->receiver, "/ok", 1);
	assert_non_null(request);
	assert_string_equal(request->body, BODY);
	assert_int_equal(strncmp(request->head, "POST /ok HTTP/1.1\r\n", 19), 0);
	assert_string_equal(receiver_header(request, "Content-Type", value), "application/json");
	assert_string_equal(receiver_header(request, "X-Tiktool-Event", value), "live.start");
	assert_string_equal(receiver_header(request, "User-Agent", value),
			    "golived/" GOLIVED_VERSION);
	assert_string_equal(receiver_header(request, "Expect", value), "");
	assert_string_equal(receiver_header(request, "Accept-Encoding", value), "");
}

static void the_steps_are_timed_one_by_one(void **state)
{
	struct world *world = *state;
	const struct egress_result *result = post(world, "good.example", "/ok");
	assert_true(result->dns_ms >= 0 && result->connect_ms >= 0 && result->first_byte_ms >= 0);
	assert_int_equal(result->tls_ms, -1); /* there was none */
	assert_true(result->dns_ms + result->connect_ms + result->first_byte_ms <=
		    result->duration_ms);
}

static void every_answer_has_its_class(void **state)
{
	struct world *world = *state;
	static const struct {
		const char *path, *error;
		int status;
	} cases[] = {
		{ "/ok", NULL, 200 },
		{ "/created", NULL, 201 },
		{ "/no-content", NULL, 204 },
		{ "/continue", NULL, 200 },
		/* A complete head decides, whatever the body then does. */
		{ "/short-body", NULL, 200 },
		{ "/hung-body", NULL, 200 },
		{ "/reset-body", NULL, 200 },
		{ "/bad-chunk", NULL, 200 },
		{ "/zipped", NULL, 200 },
		{ "/until-close", NULL, 200 },
		{ "/huge-body", NULL, 200 },
		{ "/redirect", "http", 301 },
		{ "/see-other", "http", 307 },
		{ "/error", "http", 500 },
		{ "/gone", "http", 410 },
		{ "/busy", "http", 503 },
		{ "/empty", "protocol", 0 },
		{ "/reset", "protocol", 0 },
		{ "/garbage", "protocol", 0 },
		{ "/half-head", "protocol", 0 },
		{ "/huge-head", "protocol", 0 },
		{ "/hung-head", "timeout", 0 },
		{ "/silence", "timeout", 0 },
	};
	world->config.delivery.timeout_ms = 300;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct egress_result *result = post(world, "127.0.0.1", cases[i].path);
		const char *error = result->error ? result->error : "success";
		if (strcmp(error, cases[i].error ? cases[i].error : "success") != 0 ||
		    result->status != cases[i].status)
			fail_msg("%s: expected %s %d, got %s %d (%s)", cases[i].path,
				 cases[i].error ? cases[i].error : "success", cases[i].status,
				 error, result->status, result->detail ? result->detail : "-");
		assert_true(result->was_made);
		assert_string_equal(result->peer_address, "127.0.0.1");
	}
	assert_int_equal(receiver_count(world->receiver, "/ok"), 1); /* no redirect was followed */
}

static void a_zipped_answer_is_kept_as_it_came(void **state)
{
	struct world *world = *state;
	assert_int_equal(post(world, "127.0.0.1", "/zipped")->response_length, 3);
	assert_memory_equal(world->response, "\x1F\x8Bz", 3);
}

static void the_first_kilobyte_of_an_answer_is_kept(void **state)
{
	struct world *world = *state;
	const struct egress_result *result = post(world, "127.0.0.1", "/huge-body");
	assert_int_equal(result->response_length, LIMIT_RESPONSE_KEPT_BYTES);
	assert_int_equal(world->response[LIMIT_RESPONSE_KEPT_BYTES - 1], 'x');
}

static void retry_after_is_handed_on(void **state)
{
	struct world *world = *state;
	assert_string_equal(post(world, "127.0.0.1", "/busy")->retry_after, "120");
	assert_null(post(world, "127.0.0.1", "/error")->retry_after);
	assert_string_equal(world->response, "help");
}

static void a_closed_port_is_refused(void **state)
{
	struct world *world = *state;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* bound, not listening */
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	char url[64];
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", ntohs(address.sin_port));
	const struct egress_result *result = post_url(world, url);
	assert_string_equal(result->error, "refused");
	assert_true(result->was_made);
	assert_int_equal(result->status, 0);
	close(fd);
}

static void plain_http_where_tls_is_expected_is_a_failure_of_tls(void **state)
{
	struct world *world = *state;
	char url[64];
	world->config.delivery.connect_timeout_ms = 500;
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/ok", world->receiver->port);
	const struct egress_result *result = post_url(world, url);
	assert_true(strcmp(result->error, "tls") == 0 || strcmp(result->error, "timeout") == 0);
	assert_int_equal(receiver_count(world->receiver, "/ok"), 0);
}

static void a_name_is_resolved_and_each_address_judged(void **state)
{
	struct world *world = *state;
	static const struct {
		const char *host, *error, *peer;
	} cases[] = {
		{ "good.example", NULL, "127.0.0.1" },
		{ "mixed.example", NULL, "127.0.0.1" },
		{ "inward.example", "blocked", "10.0.0.1" },
		{ "nowhere.example", "dns", NULL },
		{ "10.0.0.1", "blocked", "10.0.0.1" },
		{ "127.0.0.2", "blocked", "127.0.0.2" },
		{ "[::1]", "blocked", "::1" },
		{ "169.254.169.254", "blocked", "169.254.169.254" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct egress_result *result = post(world, cases[i].host, "/ok");
		assert_true(result->was_made);
		if (cases[i].error)
			assert_string_equal(result->error, cases[i].error);
		else
			assert_null(result->error);
		if (cases[i].peer)
			assert_string_equal(result->peer_address, cases[i].peer);
		else
			assert_null(result->peer_address);
		assert_int_equal(result->status, cases[i].error ? 0 : 200);
		assert_true((result->detail == NULL) == (cases[i].error == NULL));
	}
	assert_int_equal(receiver_count(world->receiver, "/ok"), 2);
}

static void an_exemption_that_is_taken_back_holds_for_the_next_attempt(void **state)
{
	struct world *world = *state;
	assert_null(post(world, "127.0.0.1", "/ok")->error);
	world->config.delivery.allow_target_count = 0;
	assert_string_equal(post(world, "127.0.0.1", "/ok")->error, "blocked");
	assert_int_equal(receiver_count(world->receiver, "/ok"), 1);
}

static void a_lookup_has_no_more_time_than_a_connection(void **state)
{
	struct world *world = *state;
	world->config.delivery.connect_timeout_ms = 200;
	const struct egress_result *result = post(world, "silent.example", "/ok");
	assert_string_equal(result->error, "dns");
	assert_true(result->was_made);
	assert_true(result->duration_ms >= 200 && result->duration_ms < 5000);
	assert_int_equal(result->dns_ms, -1);
}

static void a_url_that_cannot_be_read_is_a_failure(void **state)
{
	struct world *world = *state;
	const struct egress_result *result = post_url(world, "nonsense");
	assert_string_equal(result->error, "protocol");
	assert_true(result->was_made);
}

static void without_descriptors_no_attempt_is_made(void **state)
{
	struct world *world = *state;
	struct rlimit before, none;
	assert_null(post(world, "127.0.0.1", "/ok")->error); /* all that opens once is open */

	struct receiver *other = receiver_start(script);
	char url[64];
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/ok", other->port);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	const struct egress_result *result = post_url(world, url);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_false(result->was_made);
	assert_null(result->error);
	assert_non_null(result->detail);
	assert_null(post_url(world, url)->error);
	receiver_stop(other);
}

static void on_pause(void *arg)
{
	loop_stop(arg);
}

static void a_cancelled_attempt_has_no_callback(void **state)
{
	struct world *world = *state;
	char url[64];
	struct loop_timer *pause = loop_timer_create(world->loop, on_pause, world->loop);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/silence", world->receiver->port);
	struct egress_call *at_lookup = start_url(world, "http://silent.example/");
	struct egress_call *at_answer = start_url(world, url);
	struct egress_call *at_once = start_url(world, url);
	egress_cancel(at_once);
	loop_timer_set(pause, 100);
	loop_run(world->loop);
	egress_cancel(at_lookup);
	egress_cancel(at_answer);
	loop_timer_set(pause, 50);
	loop_run(world->loop);
	assert_int_equal(world->done, 0);
	loop_timer_destroy(pause);
}

static void fill_huge(void)
{
	size_t length = (size_t)snprintf(huge_head, sizeof(huge_head), "HTTP/1.1 200 OK\r\nX: ");
	memset(huge_head + length, 'x', sizeof(huge_head) - length - 6);
	memcpy(huge_head + sizeof(huge_head) - 6, "\r\n\r\n" AFTER_CLOSE, 6);
	length = (size_t)snprintf(huge_body, sizeof(huge_body),
				  "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
	memset(huge_body + length, 'x', sizeof(huge_body) - length - 1);
}

#define EGRESS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EGRESS_TEST(a_delivery_arrives_as_it_was_given),
		EGRESS_TEST(the_steps_are_timed_one_by_one),
		EGRESS_TEST(every_answer_has_its_class),
		EGRESS_TEST(a_zipped_answer_is_kept_as_it_came),
		EGRESS_TEST(the_first_kilobyte_of_an_answer_is_kept),
		EGRESS_TEST(retry_after_is_handed_on),
		EGRESS_TEST(a_closed_port_is_refused),
		EGRESS_TEST(plain_http_where_tls_is_expected_is_a_failure_of_tls),
		EGRESS_TEST(a_name_is_resolved_and_each_address_judged),
		EGRESS_TEST(an_exemption_that_is_taken_back_holds_for_the_next_attempt),
		EGRESS_TEST(a_lookup_has_no_more_time_than_a_connection),
		EGRESS_TEST(a_url_that_cannot_be_read_is_a_failure),
		EGRESS_TEST(without_descriptors_no_attempt_is_made),
		EGRESS_TEST(a_cancelled_attempt_has_no_callback),
	};
	fill_huge();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
