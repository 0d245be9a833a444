/* http: what comes of a request, against scripted servers on loopback. */
#include "base/clock.h"
#include "base/http.h"
#include "base/limits.h"
#include "base/loop.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { CONNECTIONS_MAX = 128, TEXT_SIZE = 256 << 10 };

/* ---- A server that does what a script says with each connection. ---- */

struct server;

struct connection {
	struct server *server;
	int fd, number;
	pthread_t thread;
};

struct server {
	int listener;
	uint16_t port;
	pthread_t thread;
	void (*script)(struct server *server, int fd, int number);
	const char *answer; /* for the scripts that send one */
	struct connection connections[CONNECTIONS_MAX];
	int connection_count;
	pthread_mutex_t lock; /* guards what follows connections too */
	char requests[4096];  /* the first bytes of what came, to be read after server_stop() */
	int request_count;
};

static void send_text(int fd, const char *text)
{
	for (size_t left = strlen(text); left > 0;) {
		ssize_t sent = send(fd, text, left, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		text += sent;
		left -= (size_t)sent;
	}
}

static size_t body_length_of(const char *head)
{
	const char *field = strcasestr(head, "content-length:");

	return field ? strtoul(field + strlen("content-length:"), NULL, 10) : 0;
}

/* Reads a whole request; false if the connection ended before. */
static bool read_request(struct server *server, int fd)
{
	char text[TEXT_SIZE];
	size_t length = 0;

	for (;;) {
		ssize_t got = recv(fd, text + length, sizeof text - 1 - length, 0);
		if (got <= 0)
			return false;
		length += (size_t)got;
		text[length] = '\0';
		const char *end = strstr(text, "\r\n\r\n");
		if (end && length >= (size_t)(end + 4 - text) + body_length_of(text))
			break;
	}
	pthread_mutex_lock(&server->lock);
	snprintf(server->requests + strlen(server->requests),
		 sizeof server->requests - strlen(server->requests), "%.*s", (int)length, text);
	server->request_count++;
	pthread_mutex_unlock(&server->lock);
	return true;
}

static void reset_connection(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	/* The number stays taken until server_stop(), so that it is not closed twice. */
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	dup3(nothing, fd, O_CLOEXEC);
	close(nothing);
}

static void *run_script(void *arg)
{
	struct connection *connection = arg;

	connection->server->script(connection->server, connection->fd, connection->number);
	return NULL;
}

static void *serve(void *arg)
{
	struct server *server = arg;

	for (;;) {
		int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return NULL;
		pthread_mutex_lock(&server->lock);
		int number = server->connection_count++;
		struct connection *connection = &server->connections[number];
		*connection = (struct connection){ .server = server, .fd = fd, .number = number };
		pthread_create(&connection->thread, NULL, run_script, connection);
		pthread_mutex_unlock(&server->lock);
	}
}

static void listen_on_loopback(struct server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;

	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(server->listener >= 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &length), 0);
	server->port = ntohs(address.sin_port);
}

static void server_start(struct server *server, void (*script)(struct server *, int, int),
			 const char *answer)
{
	*server = (struct server){ .script = script, .answer = answer };
	pthread_mutex_init(&server->lock, NULL);
	listen_on_loopback(server);
	assert_int_equal(listen(server->listener, 64), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

/* Also wakes a script that waits for its connection. */
static void server_stop(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	shutdown(server->listener, SHUT_RDWR);
	pthread_mutex_unlock(&server->lock);
	pthread_join(server->thread, NULL);
	for (int i = 0; i < server->connection_count; i++)
		shutdown(server->connections[i].fd, SHUT_RDWR);
	for (int i = 0; i < server->connection_count; i++) {
		pthread_join(server->connections[i].thread, NULL);
		close(server->connections[i].fd);
	}
	close(server->listener);
	pthread_mutex_destroy(&server->lock);
}

/* Scripts. */

static void answer_every_request(struct server *server, int fd, int number)
{
	(void)number;
	while (read_request(server, fd))
		send_text(fd, server->answer);
}

static void answer_and_close(struct server *server, int fd, int number)
{
	(void)number;
	if (read_request(server, fd))
		send_text(fd, server->answer);
	shutdown(fd, SHUT_RDWR);
}

static void answer_and_hold(struct server *server, int fd, int number)
{
	(void)number;
	if (read_request(server, fd))
		send_text(fd, server->answer);
}

static void hold(struct server *server, int fd, int number)
{
	(void)server;
	(void)fd;
	(void)number;
}

static void read_and_reset(struct server *server, int fd, int number)
{
	(void)number;
	read_request(server, fd);
	reset_connection(fd);
}

/* Answers once; at the second request hangs up without a byte. Later connections work. */
static void die_at_the_second_request(struct server *server, int fd, int number)
{
	if (!read_request(server, fd))
		return;
	send_text(fd, server->answer);
	if (number > 0)
		return;
	read_request(server, fd);
	shutdown(fd, SHUT_RDWR);
}

/* Answers once, and then takes no more: neither here nor on a new connection. */
static void answer_once_and_stop_listening(struct server *server, int fd, int number)
{
	(void)number;
	if (!read_request(server, fd))
		return;
	pthread_mutex_lock(&server->lock);
	shutdown(server->listener, SHUT_RDWR);
	pthread_mutex_unlock(&server->lock);
	send_text(fd, server->answer);
	read_request(server, fd);
	shutdown(fd, SHUT_RDWR);
}

static void send_a_header_line_of_5_MB(struct server *server, int fd, int number)
{
	char piece[1025];

	(void)number;
	if (!read_request(server, fd))
		return;
	send_text(fd, "HTTP/1.1 200 OK\r\nX-Long: ");
	memset(piece, 'x', sizeof piece - 1);
	piece[sizeof piece - 1] = '\0';
	for (int i = 0; i < 5 << 10; i++)
		send_text(fd, piece);
	shutdown(fd, SHUT_RDWR);
}

static void flood_with(struct server *server, int fd, const char *start, const char *piece,
		       const char *end)
{
	if (!read_request(server, fd))
		return;
	send_text(fd, start);
	for (size_t sent = 0; sent < 2 * LIMIT_RESPONSE_HEAD_BYTES; sent += strlen(piece))
		send_text(fd, piece);
	send_text(fd, end);
	shutdown(fd, SHUT_RDWR);
}

static void flood_with_headers(struct server *server, int fd, int number)
{
	(void)number;
	flood_with(server, fd, "HTTP/1.1 200 OK\r\n", "X-Some: header\r\n", "\r\n");
}

static void flood_with_1xx(struct server *server, int fd, int number)
{
	(void)number;
	flood_with(server, fd, "", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
		   "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

static void flood_with_trailers(struct server *server, int fd, int number)
{
	(void)number;
	flood_with(server, fd,
		   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n",
		   "X-Some: trailer\r\n", "\r\n");
}

/* ---- The scene: a loop, a client, and what came of the last call. ---- */

struct scene {
	int descriptors;
	struct loop *loop;
	struct http_client *client;
	struct http_call *call;
	bool (*verdict)(const struct http_address *address);
	int asked;
	int waiting; /* for so many calls */
	int done;
	enum http_outcome outcome;
	int status;
	char message[512], body[64 << 10], head[512], header[64];
	size_t body_length;
	bool truncated, has_peer;
	struct http_address peer;
	int64_t dns_us, connect_us, tls_us, first_byte_us, total_us;
};

static int count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static bool admit(void *arg, const struct http_address *address)
{
	struct scene *scene = arg;

	scene->asked++;
	return !scene->verdict || scene->verdict(address);
}

static void open_client(struct scene *scene, const char *ca_file)
{
	scene->client = http_client_create(scene->loop, &(struct http_client_options){
								.max_connections = 64,
								.ca_file = ca_file,
								.user_agent = "golived/test",
								.admit = admit,
								.admit_arg = scene,
							});
}

static int set_up(void **state)
{
	struct http_url url;
	struct scene *scene = calloc(1, sizeof *scene);

	/* What libuv, libcurl and OpenSSL open once and for ever is no leak. */
	loop_destroy(loop_create());
	assert_int_equal(http_url_parse("http://a/", &url), 0);
	scene->descriptors = count_descriptors();
	scene->loop = loop_create();
	assert_non_null(scene->loop);
	open_client(scene, NULL);
	*state = scene;
	return 0;
}

/* libcurl's resolver is a thread, which may close its end of a socket pair a moment later. */
static bool descriptors_are_back(const struct scene *scene)
{
	for (int tries = 0; tries < 5000 && count_descriptors() != scene->descriptors; tries++)
		(void)poll(NULL, 0, 1);
	return count_descriptors() == scene->descriptors;
}

/* Every test ends with as many descriptors as it began with. */
static int tear_down(void **state)
{
	struct scene *scene = *state;

	http_client_destroy(scene->client);
	loop_destroy(scene->loop);
	if (!descriptors_are_back(scene))
		fail_msg("%d descriptors, and %d at the beginning", count_descriptors(),
			 scene->descriptors);
	free(scene);
	return 0;
}

static void on_done(void *arg, const struct http_result *result)
{
	struct scene *scene = arg;

	scene->outcome = result->outcome;
	scene->status = result->status;
	snprintf(scene->message, sizeof scene->message, "%s", result->message);
	snprintf(scene->head, sizeof scene->head, "%s", result->head);
	assert_true(result->body_length < sizeof scene->body);
	memcpy(scene->body, result->body, result->body_length + 1);
	scene->body_length = result->body_length;
	if (!http_result_header(result, "x-answer", scene->header, sizeof scene->header))
		scene->header[0] = '\0';
	scene->truncated = result->truncated;
	scene->has_peer = result->has_peer;
	scene->peer = result->peer;
	scene->dns_us = result->dns_us;
	scene->connect_us = result->connect_us;
	scene->tls_us = result->tls_us;
	scene->first_byte_us = result->first_byte_us;
	scene->total_us = result->total_us;
	if (++scene->done >= scene->waiting)
		loop_stop(scene->loop);
}

static struct http_address address_of(const char *text)
{
	struct http_address address;

	assert_true(http_address_parse(text, &address));
	return address;
}

static struct http_request post_to(const char *url)
{
	static const struct http_header headers[] = { { "Content-Type", "application/json" },
						      { "X-Test", "one" } };

	return (struct http_request){ .method = "POST",
				      .url = url,
				      .headers = headers,
				      .header_count = ARRAY_SIZE(headers),
				      .body = "{\"a\":1}",
				      .body_length = 7,
				      .connect_timeout_ms = 5000,
				      .timeout_ms = 20000,
				      .body_max_bytes = 1000 };
}

static void run_request(struct scene *scene, const struct http_request *request)
{
	scene->done = 0;
	scene->waiting = 1;
	scene->call = http_start(scene->client, request, on_done, scene);
	loop_run(scene->loop);
	assert_int_equal(scene->done, 1);
}

static char *url_of(const struct server *server, const char *rest)
{
	static char url[128];

	snprintf(url, sizeof url, "http://127.0.0.1:%u%s", server->port, rest);
	return url;
}

static void run_post(struct scene *scene, const struct server *server)
{
	struct http_request request = post_to(url_of(server, "/hook?x=1"));

	run_request(scene, &request);
}

static const char *const outcome_names[] = { "OK",  "DNS",     "CONNECT",  "REFUSED", "TIMEOUT",
					     "TLS", "BLOCKED", "PROTOCOL", "INVALID", "LOCAL" };

static void expect(const struct scene *scene, enum http_outcome outcome, int status)
{
	if (scene->outcome != outcome || scene->status != status)
		fail_msg("expected %s with status %d, got %s with status %d: %s",
			 outcome_names[outcome], status, outcome_names[scene->outcome],
			 scene->status, scene->message);
}

/* ---- Requests and answers ---- */

#define SMALL_ANSWER "HTTP/1.1 200 OK\r\nX-Answer:  yes \r\nContent-Length: 2\r\n\r\nok"

static void a_post_arrives_as_it_was_asked_for_and_nothing_else(void **state)
{
	struct scene *scene = *state;
	struct server server;
	char expected[512];

	server_start(&server, answer_every_request, SMALL_ANSWER);
	run_post(scene, &server);
	server_stop(&server);
	expect(scene, HTTP_OK, 200);
	snprintf(expected, sizeof expected,
		 "POST /hook?x=1 HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: golived/test\r\n"
		 "Content-Type: application/json\r\nX-Test: one\r\nContent-Length: 7\r\n\r\n"
		 "{\"a\":1}",
		 server.port);
	assert_string_equal(server.requests, expected);
}

static void an_answer_comes_back_with_all_that_belongs_to_it(void **state)
{
	struct scene *scene = *state;
	struct server server;

	server_start(&server, answer_every_request, SMALL_ANSWER);
	run_post(scene, &server);
	server_stop(&server);
	assert_string_equal(scene->body, "ok");
	assert_int_equal(scene->body_length, 2);
	assert_false(scene->truncated);
	assert_string_equal(scene->header, "yes");
	assert_string_equal(scene->head,
			    "HTTP/1.1 200 OK\r\nX-Answer:  yes \r\nContent-Length: 2\r\n\r\n");
	assert_true(scene->has_peer);
	struct http_address loopback = address_of("127.0.0.1");
	assert_true(http_address_is_equal(&scene->peer, &loopback));
	assert_true(scene->connect_us >= 0 && scene->connect_us <= scene->first_byte_us);
	assert_true(scene->first_byte_us <= scene->total_us);
	assert_int_equal(scene->tls_us, -1);
}

static void a_get_has_no_body_and_a_post_may_be_empty(void **state)
{
	struct scene *scene = *state;
	struct server server;
	char expected[512];

	server_start(&server, answer_every_request, SMALL_ANSWER);
	struct http_request request = post_to(url_of(&server, "/"));
	request.header_count = 0;
	request.body = NULL;
	request.body_length = 0;
	run_request(scene, &request);
	request.method = "GET";
	run_request(scene, &request);
	expect(scene, HTTP_OK, 200);
	server_stop(&server);
	snprintf(expected, sizeof expected,
		 "POST / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: golived/test\r\n"
		 "Content-Length: 0\r\n\r\n"
		 "GET / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: golived/test\r\n\r\n",
		 server.port, server.port);
	assert_string_equal(server.requests, expected);
}

static void everything_of_a_request_is_copied(void **state)
{
	struct scene *scene = *state;
	struct server server;
	char url[128], name[] = "X-Copy", value[] = "kept", body[] = "body";

	server_start(&server, answer_every_request, SMALL_ANSWER);
	strcpy(url, url_of(&server, "/kept"));
	struct http_header header = { name, value };
	struct http_request request = post_to(url);
	request.headers = &header;
	request.header_count = 1;
	request.body = body;
	request.body_length = 4;
	scene->waiting = 1;
	http_start(scene->client, &request, on_done, scene);
	memset(url, 'x', sizeof url);
	memset(name, 'x', sizeof name);
	memset(value, 'x', sizeof value);
	memset(body, 'x', sizeof body);
	memset(&header, 0, sizeof header);
	memset(&request, 0, sizeof request);
	loop_run(scene->loop);
	server_stop(&server);
	expect(scene, HTTP_OK, 200);
	assert_non_null(strstr(server.requests, "POST /kept HTTP/1.1"));
	assert_non_null(strstr(server.requests, "X-Copy: kept\r\n"));
	assert_non_null(strstr(server.requests, "\r\n\r\nbody"));
}

static void a_large_body_arrives_whole_and_without_expect(void **state)
{
	struct scene *scene = *state;
	struct server server;
	enum { LARGE = 200 << 10 };
	char *body = calloc(1, LARGE + 1);

	memset(body, 'b', LARGE);
	server_start(&server, answer_every_request, SMALL_ANSWER);
	struct http_request request = post_to(url_of(&server, "/"));
	request.body = body;
	request.body_length = LARGE;
	run_request(scene, &request);
	server_stop(&server);
	expect(scene, HTTP_OK, 200);
	assert_int_equal(server.request_count, 1);
	assert_null(strcasestr(server.requests, "expect"));
	free(body);
}

static void a_blank_header_is_sent_blank(void **state)
{
	struct scene *scene = *state;
	struct server server;
	struct http_header header = { "X-Blank", "" };

	server_start(&server, answer_every_request, SMALL_ANSWER);
	struct http_request request = post_to(url_of(&server, "/"));
	request.headers = &header;
	request.header_count = 1;
	run_request(scene, &request);
	server_stop(&server);
	assert_non_null(strstr(server.requests, "\r\nX-Blank:\r\n"));
}

static void what_cannot_be_a_header_is_not_sent(void **state)
{
	static const struct http_header bad[] = {
		{ "X-A", "one\r\nX-B: two" },
		{ "X-A", "one\n" },
		{ "X-A", "one\rtwo" },
		{ "X-A", "\x7f" },
		{ "X-A", "caf\xc3\xa9" },
		{ "X-A", "\x01" },
		{ "X A", "one" },
		{ "X-A:", "one" },
		{ "", "one" },
		{ "X-A\r\nX-B", "one" },
	};
	struct scene *scene = *state;
	struct server server;

	server_start(&server, answer_every_request, SMALL_ANSWER);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct http_request request = post_to(url_of(&server, "/"));
		request.headers = &bad[i];
		request.header_count = 1;
		run_request(scene, &request);
		expect(scene, HTTP_INVALID, 0);
	}
	server_stop(&server);
	assert_int_equal(server.connection_count, 0);
}

static void what_is_no_http_url_is_not_sent(void **state)
{
	static const char *const bad[] = {
		"file:///etc/passwd", "ftp://127.0.0.1/",   "", "http://", "127.0.0.1/",
		"http://a b/",        "gopher://127.0.0.1/"
	};
	struct scene *scene = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct http_request request = post_to(bad[i]);
		run_request(scene, &request);
		expect(scene, HTTP_INVALID, 0);
	}
	struct http_request request = post_to("http://127.0.0.1/");
	request.method = "DELETE";
	run_request(scene, &request);
	expect(scene, HTTP_INVALID, 0);
}

static void an_answer_never_comes_before_the_call_returns(void **state)
{
	struct scene *scene = *state;
	struct http_request request = post_to("nonsense");

	scene->waiting = 1;
	assert_non_null(http_start(scene->client, &request, on_done, scene));
	assert_int_equal(scene->done, 0);
	loop_run(scene->loop);
	expect(scene, HTTP_INVALID, 0);
}

static void the_environment_names_no_proxy(void **state)
{
	struct scene *scene = *state;
	struct server server;

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	server_start(&server, answer_every_request, SMALL_ANSWER);
	run_post(scene, &server);
	server_stop(&server);
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	expect(scene, HTTP_OK, 200);
}

static void a_redirect_is_an_answer_like_any_other(void **state)
{
	struct scene *scene = *state;
	struct server server;

	server_start(&server, answer_every_request,
		     "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n");
	run_post(scene, &server);
	server_stop(&server);
	expect(scene, HTTP_OK, 302);
	assert_int_equal(server.request_count, 1);
}

/* ---- What receivers do wrong: one row each ---- */

static void every_answer_is_classified_by_its_final_head(void **state)
{
	static const struct {
		const char *what, *answer;
		enum http_outcome outcome;
		int status;
	} rows[] = {
		{ "no body", "HTTP/1.1 204 No Content\r\n\r\n", HTTP_OK, 204 },
		{ "HTTP/1.0, until the end", "HTTP/1.0 200 OK\r\n\r\nhello", HTTP_OK, 200 },
		{ "no reason", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", HTTP_OK, 200 },
		{ "bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", HTTP_OK, 200 },
		{ "a 1xx first",
		  "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\nHTTP/1.1 201 Created\r\n"
		  "Content-Length: 0\r\n\r\n",
		  HTTP_OK, 201 },
		{ "an error", "HTTP/1.1 503 Busy\r\nContent-Length: 1\r\n\r\nx", HTTP_OK, 503 },
		{ "an odd status", "HTTP/1.1 799 What\r\nContent-Length: 0\r\n\r\n", HTTP_OK, 799 },
		{ "body cut off", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", HTTP_PROTOCOL,
		  200 },
		{ "a bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		  HTTP_PROTOCOL, 200 },
		{ "encoded though not asked for",
		  "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		  HTTP_PROTOCOL, 200 },
		{ "only a 1xx", "HTTP/1.1 100 Continue\r\n\r\n", HTTP_PROTOCOL, 0 },
		{ "101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", HTTP_PROTOCOL,
		  0 },
		{ "head cut off", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", HTTP_PROTOCOL, 0 },
		{ "status line cut off", "HTTP/1.1 200 OK", HTTP_PROTOCOL, 0 },
		{ "nothing", "", HTTP_PROTOCOL, 0 },
		{ "garbage", "\x16\x03\x01 garbage\r\n\r\n", HTTP_PROTOCOL, 0 },
		{ "HTTP/0.9", "<html>hello</html>", HTTP_PROTOCOL, 0 },
		{ "no number", "HTTP/1.1 OK\r\n\r\n", HTTP_PROTOCOL, 0 },
		{ "a status below 100", "HTTP/1.1 099 What\r\n\r\n", HTTP_PROTOCOL, 0 },
		{ "another HTTP", "HTTP/2 200\r\nContent-Length: 0\r\n\r\n", HTTP_PROTOCOL, 0 },
		{ "a bad length", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", HTTP_PROTOCOL,
		  0 },
	};
	struct scene *scene = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct server server;
		server_start(&server, answer_and_close, rows[i].answer);
		run_post(scene, &server);
		server_stop(&server);
		if (scene->outcome != rows[i].outcome || scene->status != rows[i].status)
			fail_msg("%s: expected %s with status %d, got %s with %d: %s", rows[i].what,
				 outcome_names[rows[i].outcome], rows[i].status,
				 outcome_names[scene->outcome], scene->status, scene->message);
	}
}

static void endless_heads_are_cut_off(void **state)
{
	static void (*const scripts[])(struct server *, int, int) = { flood_with_headers,
								      flood_with_1xx,
								      send_a_header_line_of_5_MB };
	struct scene *scene = *state;

	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		struct server server;
		server_start(&server, scripts[i], NULL);
		run_post(scene, &server);
		server_stop(&server);
		expect(scene, HTTP_PROTOCOL, 0);
	}
	struct server server;
	server_start(&server, flood_with_trailers, NULL);
	run_post(scene, &server);
	server_stop(&server);
	expect(scene, HTTP_PROTOCOL, 200);
}

static void a_reset_before_the_answer_is_a_protocol_failure(void **state)
{
	struct scene *scene = *state;
	struct server server;

	server_start(&server, read_and_reset, NULL);
	run_post(scene, &server);
	server_stop(&server);
	expect(scene, HTTP_PROTOCOL, 0);
	assert_int_equal(server.request_count, 1);
}

static void of_a_long_body_only_as_much_is_read_as_was_wanted(void **state)
{
	struct scene *scene = *state;
	struct server server;

	/* Promises more than ever comes: reading must have stopped before. */
	server_start(&server, answer_and_hold,
		     "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n0123456789");
	struct http_request request = post_to(url_of(&server, "/"));
	request.body_max_bytes = 4;
	run_request(scene, &request);
	server_stop(&server);
	expect(scene, HTTP_OK, 200);
	assert_string_equal(scene->body, "0123");
	assert_true(scene->truncated);
}

static void a_body_of_just_the_maximum_is_not_truncated(void **state)
{
	struct scene *scene = *state;
	struct server server;

	server_start(&server, answer_every_request, SMALL_ANSWER);
	struct http_request request = post_to(url_of(&server, "/"));
	request.body_max_bytes = 2;
	run_request(scene, &request);
	expect(scene, HTTP_OK, 200);
	assert_string_equal(scene->body, "ok");
	assert_false(scene->truncated);
	request.body_max_bytes = 0;
	run_request(scene, &request);
	server_stop(&server);
	expect(scene, HTTP_OK, 200);
	assert_string_equal(scene->body, "");
	assert_true(scene->truncated);
}

/* ---- Time ---- */

static void an_answer_that_does_not_come_is_a_timeout(void **state)
{
	struct scene *scene = *state;
	struct server server;

	server_start(&server, answer_and_hold, "HTTP/1.1 200 OK\r\nX-");
	struct http_request request = post_to(url_of(&server, "/"));
	request.timeout_ms = 50;
	run_request(scene, &request);
	expect(scene, HTTP_TIMEOUT, 0);
	assert_true(scene->total_us >= 50000 && scene->total_us < 5000000);
	request.timeout_ms = 20000;
	request.answer_timeout_ms = 30;
	run_request(scene, &request);
	expect(scene, HTTP_TIMEOUT, 0);
	assert_true(scene->total_us >= 30000 && scene->total_us < 5000000);
	server_stop(&server);
}

static void a_head_that_came_counts_though_the_body_never_ends(void **state)
{
	struct scene *scene = *state;
	struct server server;

	server_start(&server, answer_and_hold,
		     "HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\npart");
	struct http_request request = post_to(url_of(&server, "/"));
	request.answer_timeout_ms = 30;
	run_request(scene, &request);
	expect(scene, HTTP_TIMEOUT, 202);
	assert_string_equal(scene->body, "part");
	request.answer_timeout_ms = 0;
	request.timeout_ms = 30;
	run_request(scene, &request);
	expect(scene, HTTP_TIMEOUT, 202);
	server_stop(&server);
}

static void connecting_has_a_time_of_its_own(void **state)
{
	struct scene *scene = *state;
	struct server server = { 0 };
	int others[8];

	/* A queue of one place that nobody empties: further connections hang. */
	listen_on_loopback(&server);
	assert_int_equal(listen(server.listener, 0), 0);
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(server.port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		others[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(others[i], (struct sockaddr *)&address, sizeof address);
	}
	struct http_request request = post_to(url_of(&server, "/"));
	request.connect_timeout_ms = 50;
	run_request(scene, &request);
	expect(scene, HTTP_CONNECT, 0);
	assert_true(scene->total_us >= 50000 && scene->total_us < 5000000);
	assert_int_equal(scene->connect_us, -1);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		close(others[i]);
	close(server.listener);
}

static void nobody_listening_is_refused(void **state)
{
	struct scene *scene = *state;
	struct server server = { 0 };

	listen_on_loopback(&server);
	run_post(scene, &server);
	expect(scene, HTTP_REFUSED, 0);
	assert_int_equal(scene->first_byte_us, -1);
	close(server.listener);
}

/* ---- Connections that are kept ---- */

static void a_connection_is_used_again(void **state)
{
	struct scene *scene = *state;
	struct server server;

	server_start(&server, answer_every_request, SMALL_ANSWER);
	for (int i = 0; i < 5; i++) {
		run_post(scene, &server);
		expect(scene, HTTP_OK, 200);
	}
	assert_int_equal(scene->connect_us, 0);
	assert_true(scene->first_byte_us > 0);
	server_stop(&server);
	assert_int_equal(server.connection_count, 1);
	assert_int_equal(server.request_count, 5);
}

static void a_kept_connection_that_died_is_replaced_once(void **state)
{
	struct scene *scene = *state;
	struct server server;

	server_start(&server, die_at_the_second_request, SMALL_ANSWER);
	run_post(scene, &server);
	expect(scene, HTTP_OK, 200);
	run_post(scene, &server);
	expect(scene, HTTP_OK, 200);
	server_stop(&server);
	assert_int_equal(server.connection_count, 2);
	assert_int_equal(server.request_count, 3);
}

static void a_replacement_that_is_refused_is_refused(void **state)
{
	struct scene *scene = *state;
	struct server server;

	server_start(&server, answer_once_and_stop_listening, SMALL_ANSWER);
	run_post(scene, &server);
	expect(scene, HTTP_OK, 200);
	run_post(scene, &server);
	expect(scene, HTTP_REFUSED, 0);
	server_stop(&server);
}

/* Has two kept connections, of which the one that is used hangs up; a third works. */
static void hold_two_then_die(struct server *server, int fd, int number)
{
	/* The lower number is there before the higher. */
	int first = server->connections[0].fd;

	if (number == 0)
		return;
	if (number == 1) {
		/* Both answers only after both requests: so there are two connections. */
		if (!read_request(server, first) || !read_request(server, fd))
			return;
		send_text(first, server->answer);
		send_text(fd, server->answer);
		/* Whichever is used for the third request hangs up. */
		struct pollfd either[] = { { .fd = first, .events = POLLIN },
					   { .fd = fd, .events = POLLIN } };
		poll(either, ARRAY_SIZE(either), 10000);
		shutdown(either[0].revents ? first : fd, SHUT_RDWR);
		return;
	}
	if (read_request(server, fd))
		send_text(fd, server->answer);
}

static void a_second_kept_connection_is_not_tried(void **state)
{
	struct scene *scene = *state;
	struct server server;

	server_start(&server, hold_two_then_die, SMALL_ANSWER);
	struct http_request request = post_to(url_of(&server, "/"));
	scene->waiting = 2;
	http_start(scene->client, &request, on_done, scene);
	http_start(scene->client, &request, on_done, scene);
	loop_run(scene->loop);
	expect(scene, HTTP_OK, 200);
	run_post(scene, &server);
	expect(scene, HTTP_OK, 200);
	server_stop(&server);
	assert_int_equal(server.connection_count, 3);
}

static void a_peer_that_closes_a_kept_connection_costs_nothing(void **state)
{
	struct scene *scene = *state;
	struct server server;

	server_start(&server, answer_and_close, SMALL_ANSWER);
	for (int i = 0; i < 5; i++) {
		run_post(scene, &server);
		expect(scene, HTTP_OK, 200);
	}
	server_stop(&server);
	assert_int_equal(server.request_count, 5);
}

/* ---- Addresses ---- */

static bool refuse_all(const struct http_address *address)
{
	(void)address;
	return false;
}

static bool refuse_127_0_0_1(const struct http_address *address)
{
	struct http_address refused = address_of("127.0.0.1");

	return !http_address_is_equal(address, &refused);
}

static void an_address_that_is_not_admitted_is_blocked(void **state)
{
	struct scene *scene = *state;
	struct server server;

	server_start(&server, answer_every_request, SMALL_ANSWER);
	scene->verdict = refuse_all;
	run_post(scene, &server);
	expect(scene, HTTP_BLOCKED, 0);
	server_stop(&server);
	assert_int_equal(server.connection_count, 0);
}

static void a_kept_connection_is_asked_about_too(void **state)
{
	struct scene *scene = *state;
	struct server server;

	server_start(&server, answer_every_request, SMALL_ANSWER);
	run_post(scene, &server);
	expect(scene, HTTP_OK, 200);
	scene->verdict = refuse_all;
	run_post(scene, &server);
	expect(scene, HTTP_BLOCKED, 0);
	server_stop(&server);
	assert_int_equal(server.request_count, 1);
}

static void run_pinned(struct scene *scene, const char *host, uint16_t port, const char *one,
		       const char *other)
{
	char url[128];
	struct http_address addresses[2] = { address_of(one) };

	snprintf(url, sizeof url, "http://%s:%u/", host, port);
	struct http_request request = post_to(url);
	if (other)
		addresses[1] = address_of(other);
	request.addresses = addresses;
	request.address_count = other ? 2 : 1;
	run_request(scene, &request);
}

static void expect_peer(const struct scene *scene, const char *text)
{
	char peer[HTTP_ADDRESS_TEXT_SIZE];

	assert_true(scene->has_peer);
	assert_string_equal(http_address_format(&scene->peer, peer), text);
}

/* A second server on the same port of another address, so that only addresses differ. */
static void server_start_beside(struct server *server, const struct server *other,
				const char *address_text, const char *answer)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(other->port) };

	*server = (struct server){ .script = answer_every_request,
				   .answer = answer,
				   .port = other->port };
	pthread_mutex_init(&server->lock, NULL);
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, address_text, &address.sin_addr);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(server->listener, 64), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void a_name_goes_to_the_addresses_that_came_with_it(void **state)
{
	static const char *const spellings[] = { "hook.example", "HOOK.Example", "hook.example.",
						 "%68ook.example" };
	struct scene *scene = *state;
	struct server server;

	server_start(&server, answer_every_request, SMALL_ANSWER);
	for (size_t i = 0; i < ARRAY_SIZE(spellings); i++) {
		run_pinned(scene, spellings[i], server.port, "127.0.0.1", NULL);
		expect(scene, HTTP_OK, 200);
		expect_peer(scene, "127.0.0.1");
	}
	server_stop(&server);
}

static void other_addresses_for_the_same_name_count_at_once(void **state)
{
	struct scene *scene = *state;
	struct server first, second;

	/* The first keeps its connection open: it must not be used for the second request. */
	server_start(&first, answer_and_hold, SMALL_ANSWER);
	server_start_beside(&second, &first, "127.0.0.2",
			    "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
	run_pinned(scene, "hook.example", first.port, "127.0.0.1", NULL);
	expect(scene, HTTP_OK, 200);
	run_pinned(scene, "hook.example", first.port, "127.0.0.2", NULL);
	expect(scene, HTTP_OK, 202);
	expect_peer(scene, "127.0.0.2");
	run_pinned(scene, "hook.example", first.port, "127.0.0.2", NULL);
	expect(scene, HTTP_OK, 202);
	assert_int_equal(scene->connect_us, 0);
	server_stop(&first);
	server_stop(&second);
	assert_int_equal(first.request_count, 1);
	assert_int_equal(second.connection_count, 1);
}

static void a_kept_connection_to_an_address_now_refused_gives_way_to_a_good_one(void **state)
{
	struct scene *scene = *state;
	struct server first, second;

	server_start(&first, answer_and_hold, SMALL_ANSWER);
	server_start_beside(&second, &first, "127.0.0.2",
			    "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
	run_pinned(scene, "hook.example", first.port, "127.0.0.1", NULL);
	scene->verdict = refuse_127_0_0_1;
	run_pinned(scene, "hook.example", first.port, "127.0.0.1", "127.0.0.2");
	expect(scene, HTTP_OK, 202);
	server_stop(&first);
	server_stop(&second);
}

static void of_mixed_addresses_only_the_admitted_are_tried(void **state)
{
	struct scene *scene = *state;
	struct server first, second;

	server_start(&first, answer_every_request, SMALL_ANSWER);
	server_start_beside(&second, &first, "127.0.0.2",
			    "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
	scene->verdict = refuse_127_0_0_1;
	run_pinned(scene, "hook.example", first.port, "127.0.0.1", "127.0.0.2");
	expect(scene, HTTP_OK, 202);
	server_stop(&first);
	server_stop(&second);
	assert_int_equal(first.connection_count, 0);
}

static void an_address_where_nobody_listens_gives_way_to_the_next(void **state)
{
	struct scene *scene = *state;
	struct server server;

	server_start(&server, answer_every_request, SMALL_ANSWER);
	run_pinned(scene, "hook.example", server.port, "127.0.0.9", "127.0.0.1");
	expect(scene, HTTP_OK, 200);
	expect_peer(scene, "127.0.0.1");

	server_stop(&server);
}

static void an_ipv6_address_can_be_pinned(void **state)
{
	struct scene *scene = *state;
	struct sockaddr_in6 address = { .sin6_family = AF_INET6,
					.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	socklen_t length = sizeof address;
	struct server server = { .script = answer_every_request, .answer = SMALL_ANSWER };

	pthread_mutex_init(&server.lock, NULL);
	server.listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server.listener < 0 ||
	    bind(server.listener, (struct sockaddr *)&address, length) != 0) {
		close(server.listener);
		skip();
	}
	getsockname(server.listener, (struct sockaddr *)&address, &length);
	server.port = ntohs(address.sin6_port);
	assert_int_equal(listen(server.listener, 64), 0);
	assert_int_equal(pthread_create(&server.thread, NULL, serve, &server), 0);
	run_pinned(scene, "hook.example", server.port, "::1", NULL);
	expect(scene, HTTP_OK, 200);
	expect_peer(scene, "::1");
	run_pinned(scene, "[::1]", server.port, "::1", NULL);
	expect(scene, HTTP_OK, 200);
	run_pinned(scene, "both.example", server.port, "127.0.0.1", "::1");
	expect(scene, HTTP_OK, 200);
	server_stop(&server);
}

static void a_literal_that_was_not_vetted_is_blocked(void **state)
{
	struct scene *scene = *state;
	struct server server;

	server_start(&server, answer_every_request, SMALL_ANSWER);
	run_pinned(scene, "127.0.0.1", server.port, "192.0.2.1", NULL);
	expect(scene, HTTP_BLOCKED, 0);
	run_pinned(scene, "2130706433", server.port, "127.0.0.1", NULL);
	expect(scene, HTTP_OK, 200);
	server_stop(&server);
}

static void no_addresses_at_all_is_a_failure_of_the_name(void **state)
{
	struct scene *scene = *state;
	struct http_address none;
	struct http_request request = post_to("http://hook.example/");

	request.addresses = &none;
	request.address_count = 0;
	run_request(scene, &request);
	expect(scene, HTTP_DNS, 0);
}

static void libcurl_resolves_where_no_addresses_are_given(void **state)
{
	struct scene *scene = *state;
	struct server server;
	char url[64];

	server_start(&server, answer_every_request, SMALL_ANSWER);
	snprintf(url, sizeof url, "http://localhost:%u/", server.port);
	struct http_request request = post_to(url);
	run_request(scene, &request);
	expect(scene, HTTP_OK, 200);
	server_stop(&server);
}

/* ---- Our own trouble ---- */

static void running_out_of_descriptors_is_our_own_trouble(void **state)
{
	struct scene *scene = *state;
	struct server server = { 0 };
	struct rlimit before, none;

	listen_on_loopback(&server);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)server.listener;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	run_post(scene, &server);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	expect(scene, HTTP_LOCAL, 0);
	assert_string_equal(scene->message, "Too many open files");
	run_post(scene, &server);
	expect(scene, HTTP_REFUSED, 0);
	close(server.listener);
}

static void the_last_descriptors_are_left_to_others(void **state)
{
	struct scene *scene = *state;
	struct server server = { 0 };
	struct rlimit before, few;

	listen_on_loopback(&server);
	http_client_destroy(scene->client);
	scene->client = http_client_create(
		scene->loop, &(struct http_client_options){ .max_connections = 4,
							    .user_agent = "test",
							    .reserved_descriptors = 32 });
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)server.listener + 20;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	run_post(scene, &server);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	expect(scene, HTTP_LOCAL, 0);
	assert_string_equal(scene->message, "Too many open files");
	close(server.listener);
}

/* ---- Ending early ---- */

static void must_not_be_called(void *arg, const struct http_result *result)
{
	(void)arg;
	fail_msg("called back though it was cancelled: %s", result->message);
}

static void stop_the_loop(void *arg)
{
	struct scene *scene = arg;

	loop_stop(scene->loop);
}

static void run_for(struct scene *scene, int64_t delay_ms)
{
	struct loop_timer *timer = loop_timer_create(scene->loop, stop_the_loop, scene);

	loop_timer_set(timer, delay_ms);
	loop_run(scene->loop);
	loop_timer_destroy(timer);
}

static void a_call_can_be_cancelled_at_every_stage(void **state)
{
	struct scene *scene = *state;
	struct server holding, answering;

	server_start(&holding, hold, NULL);
	server_start(&answering, answer_and_hold,
		     "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
	struct http_request request = post_to(url_of(&holding, "/"));
	http_cancel(http_start(scene->client, &request, must_not_be_called, NULL));
	for (int64_t delay_ms = 0; delay_ms < 8; delay_ms += 2) {
		struct http_call *call =
			http_start(scene->client, &request, must_not_be_called, NULL);
		request = post_to(url_of(&answering, "/"));
		struct http_call *other =
			http_start(scene->client, &request, must_not_be_called, NULL);
		run_for(scene, delay_ms);
		http_cancel(call);
		http_cancel(other);
		request = post_to(url_of(&holding, "/"));
	}
	server_stop(&holding);
	server_stop(&answering);
}

static void a_client_can_be_destroyed_with_calls_at_every_stage(void **state)
{
	struct scene *scene = *state;
	struct server holding, answering;

	server_start(&holding, hold, NULL);
	server_start(&answering, answer_every_request, SMALL_ANSWER);
	for (int64_t delay_ms = 0; delay_ms < 8; delay_ms += 2) {
		run_post(scene, &answering); /* a kept connection */
		struct http_request request = post_to(url_of(&holding, "/"));
		request.answer_timeout_ms = 10000;
		http_start(scene->client, &request, must_not_be_called, NULL);
		/* Its resolver may be through by then, or not. */
		request = post_to("http://name-without-an-address.invalid/");
		http_start(scene->client, &request, on_done, scene);
		run_for(scene, delay_ms);
		http_start(scene->client, &request, must_not_be_called, NULL);
		http_client_destroy(scene->client);
		open_client(scene, NULL);
	}
	server_stop(&holding);
	server_stop(&answering);
}

static void destroy_the_client(void *arg, const struct http_result *result)
{
	struct scene *scene = arg;

	assert_string_equal(result->body, "ok");
	http_client_destroy(scene->client);
	scene->client = NULL;
	assert_string_equal(result->body, "ok");
	loop_stop(scene->loop);
}

static void a_client_may_be_destroyed_by_its_own_callback(void **state)
{
	struct scene *scene = *state;
	struct server server;

	server_start(&server, answer_every_request, SMALL_ANSWER);
	struct http_request request = post_to(url_of(&server, "/"));
	http_start(scene->client, &request, destroy_the_client, scene);
	http_start(scene->client, &request, destroy_the_client, scene);
	loop_run(scene->loop);
	assert_null(scene->client);
	server_stop(&server);
}

static void start_the_next(void *arg, const struct http_result *result)
{
	struct scene *scene = arg;

	on_done(arg, result);
	if (scene->done < scene->waiting) {
		struct http_request request = post_to("http://127.0.0.1:1/");
		http_start(scene->client, &request, start_the_next, scene);
	}
}

static void a_callback_may_start_the_next_call(void **state)
{
	struct scene *scene = *state;
	struct http_request request = post_to("http://127.0.0.1:1/");

	scene->waiting = 20;
	http_start(scene->client, &request, start_the_next, scene);
	loop_run(scene->loop);
	assert_int_equal(scene->done, 20);
	expect(scene, HTTP_REFUSED, 0);
}

static void many_calls_at_once_all_end(void **state)
{
	struct scene *scene = *state;
	struct server server;

	server_start(&server, answer_and_close, SMALL_ANSWER);
	struct http_request request = post_to(url_of(&server, "/"));
	scene->waiting = 100;
	for (int i = 0; i < scene->waiting; i++)
		http_start(scene->client, &request, on_done, scene);
	loop_run(scene->loop);
	assert_int_equal(scene->done, 100);
	expect(scene, HTTP_OK, 200);
	server_stop(&server);
	assert_int_equal(server.request_count, 100);
}

static void the_last_of_many_timeouts_is_not_lost(void **state)
{
	struct scene *scene = *state;
	struct server server;

	server_start(&server, hold, NULL);
	struct http_request request = post_to(url_of(&server, "/"));
	scene->waiting = 10;
	for (int i = 0; i < scene->waiting; i++) {
		request.timeout_ms = 20 + i;
		http_start(scene->client, &request, on_done, scene);
	}
	loop_run(scene->loop);
	expect(scene, HTTP_TIMEOUT, 0);
	server_stop(&server);
}

/* ---- TLS ---- */

/* An `openssl s_server` on loopback, with a certificate of its own for hook.example. */
struct tls_server {
	pid_t pid;
	FILE *output;
	uint16_t port;
	char folder[32], key[64], certificate[64];
};

static void run_openssl(const char *const arguments[])
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int nothing = open("/dev/null", O_RDWR);
		dup2(nothing, STDERR_FILENO);
		execvp("openssl", (char *const *)(uintptr_t)arguments);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void tls_server_start(struct tls_server *server, const char *option, const char *value)
{
	int ends[2];
	char line[128];

	strcpy(server->folder, "/tmp/golived-tls-XXXXXX");
	assert_non_null(mkdtemp(server->folder));
	snprintf(server->key, sizeof server->key, "%s/key.pem", server->folder);
	snprintf(server->certificate, sizeof server->certificate, "%s/cert.pem", server->folder);
	run_openssl((const char *const[]){ "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
					   "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
					   "-subj", "/CN=hook.example", "-addext",
					   "subjectAltName=DNS:hook.example", "-keyout",
					   server->key, "-out", server->certificate, NULL });
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	server->pid = fork();
	if (server->pid == 0) {
		int nothing = open("/dev/null", O_RDWR);
		dup2(nothing, STDIN_FILENO);
		dup2(nothing, STDERR_FILENO);
		dup2(ends[1], STDOUT_FILENO);
		execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-key",
		       server->key, "-cert", server->certificate, option, value, NULL);
		_exit(127);
	}
	close(ends[1]);
	server->output = fdopen(ends[0], "r");
	while (fgets(line, sizeof line, server->output)) {
		unsigned port;
		if (sscanf(line, "ACCEPT 127.0.0.1:%u", &port) == 1) {
			server->port = (uint16_t)port;
			return;
		}
	}
	fail_msg("openssl s_server did not start");
}

static void tls_server_stop(struct tls_server *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	fclose(server->output);
	unlink(server->key);
	unlink(server->certificate);
	rmdir(server->folder);
}

static void run_tls(struct scene *scene, const struct tls_server *server, const char *host)
{
	char url[128];
	struct http_address loopback = address_of("127.0.0.1");

	snprintf(url, sizeof url, "https://%s:%u/", host, server->port);
	struct http_request request = { .method = "GET",
					.url = url,
					.addresses = &loopback,
					.address_count = 1,
					.connect_timeout_ms = 5000,
					.timeout_ms = 20000,
					.body_max_bytes = 32 << 10 };
	run_request(scene, &request);
}

static void certificates_are_verified(void **state)
{
	struct scene *scene = *state;
	struct tls_server server;

	tls_server_start(&server, "-tls1_3", NULL);
	run_tls(scene, &server, "hook.example");
	expect(scene, HTTP_TLS, 0);

	http_client_destroy(scene->client);
	open_client(scene, server.certificate);
	run_tls(scene, &server, "other.example");
	expect(scene, HTTP_TLS, 0);
	run_tls(scene, &server, "hook.example");
	expect(scene, HTTP_OK, 200);
	assert_true(scene->tls_us >= scene->connect_us && scene->tls_us <= scene->first_byte_us);
	tls_server_stop(&server);
}

static void old_tls_is_refused(void **state)
{
	struct scene *scene = *state;
	struct tls_server server;

	tls_server_start(&server, "-tls1_1", NULL);
	http_client_destroy(scene->client);
	open_client(scene, server.certificate);
	run_tls(scene, &server, "hook.example");
	expect(scene, HTTP_TLS, 0);
	tls_server_stop(&server);
}

static void a_certificate_that_the_server_wants_of_us_is_a_failure_of_tls(void **state)
{
	struct scene *scene = *state;
	struct tls_server server;

	tls_server_start(&server, "-Verify", "1");
	http_client_destroy(scene->client);
	open_client(scene, server.certificate);
	run_tls(scene, &server, "hook.example");
	expect(scene, HTTP_TLS, 0);
	tls_server_stop(&server);
}

static void a_handshake_that_stalls_is_a_timeout(void **state)
{
	struct scene *scene = *state;
	struct server server;
	char url[64];

	server_start(&server, hold, NULL);
	snprintf(url, sizeof url, "https://127.0.0.1:%u/", server.port);
	struct http_request request = post_to(url);
	request.connect_timeout_ms = 50;
	run_request(scene, &request);
	expect(scene, HTTP_TIMEOUT, 0);
	assert_true(scene->total_us < 5000000);
	server_stop(&server);
}

static void more_tls_connections_than_a_turn_begins_all_get_their_turn(void **state)
{
	struct scene *scene = *state;
	struct tls_server server;
	char url[64];
	struct http_address loopback = address_of("127.0.0.1");

	tls_server_start(&server, "-tls1_2", NULL);
	http_client_destroy(scene->client);
	open_client(scene, server.certificate);
	snprintf(url, sizeof url, "https://hook.example:%u/", server.port);
	struct http_request request = { .method = "GET",
					.url = url,
					.addresses = &loopback,
					.address_count = 1,
					.connect_timeout_ms = 20000,
					.timeout_ms = 20000,
					.body_max_bytes = 32 << 10 };
	scene->waiting = 20;
	for (int i = 0; i < scene->waiting; i++)
		http_start(scene->client, &request, on_done, scene);
	loop_run(scene->loop);
	assert_int_equal(scene->done, 20);
	expect(scene, HTTP_OK, 200);
	tls_server_stop(&server);
}

/* ---- URLs and addresses ---- */

static void urls_are_read_as_libcurl_reads_them(void **state)
{
	static const struct {
		const char *url, *host;
		uint16_t port;
		bool is_https, is_ipv6, has_userinfo, has_fragment, has_zone;
	} rows[] = {
		{ .url = "http://example.com/a", .host = "example.com", .port = 80 },
		{ .url = "https://example.com",
		  .host = "example.com",
		  .port = 443,
		  .is_https = true },
		{ .url = "HTTPS://Example.COM:8443/",
		  .host = "example.com",
		  .port = 8443,
		  .is_https = true },
		{ .url = "http://127.1/", .host = "127.0.0.1", .port = 80 },
		{ .url = "http://2130706433:81/", .host = "127.0.0.1", .port = 81 },
		{ .url = "http://0x7f.0.0.1/", .host = "127.0.0.1", .port = 80 },
		{ .url = "http://0177.0.0.01/", .host = "127.0.0.1", .port = 80 },
		{ .url = "http://%31%32%37.0.0.1/", .host = "127.0.0.1", .port = 80 },
		{ .url = "http://[::1]:8080/", .host = "::1", .port = 8080, .is_ipv6 = true },
		{ .url = "http://[fe80::1%25eth0]/",
		  .host = "fe80::1",
		  .port = 80,
		  .is_ipv6 = true,
		  .has_zone = true },
		{ .url = "http://u@example.com/",
		  .host = "example.com",
		  .port = 80,
		  .has_userinfo = true },
		{ .url = "http://u:p@example.com/",
		  .host = "example.com",
		  .port = 80,
		  .has_userinfo = true },
		{ .url = "http://example.com/#x",
		  .host = "example.com",
		  .port = 80,
		  .has_fragment = true },
		{ .url = "http://example.com#@evil.test/",
		  .host = "example.com",
		  .port = 80,
		  .has_fragment = true },
		{ .url = "http://example.com?@evil.test/", .host = "example.com", .port = 80 },
		{ .url = "http://example.com./", .host = "example.com.", .port = 80 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_url url;
		int result = http_url_parse(rows[i].url, &url);
		if (result != 0)
			fail_msg("%s: %d", rows[i].url, result);
		if (strcmp(url.host, rows[i].host) != 0 || url.port != rows[i].port)
			fail_msg("%s: got %s port %u", rows[i].url, url.host, url.port);
		if (url.is_https != rows[i].is_https || url.host_is_ipv6 != rows[i].is_ipv6 ||
		    url.has_userinfo != rows[i].has_userinfo ||
		    url.has_fragment != rows[i].has_fragment || url.has_zone != rows[i].has_zone)
			fail_msg("%s: https %d ipv6 %d userinfo %d fragment %d zone %d",
				 rows[i].url, url.is_https, url.host_is_ipv6, url.has_userinfo,
				 url.has_fragment, url.has_zone);
	}
}

static void what_libcurl_does_not_take_is_no_url(void **state)
{
	static const char *const bad[] = { "",
					   "example.com",
					   "//example.com/",
					   "ftp://example.com/",
					   "file:///etc/passwd",
					   "http://",
					   "http://exa mple.com/",
					   "http://example.com:99999/",
					   "http://example.com:x/",
					   "http://[::1/",
					   "http://[zz]/",
					   "http://a\nb/",
					   "javascript:alert(1)" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct http_url url;
		int result = http_url_parse(bad[i], &url);
		if (result != -EINVAL)
			fail_msg("%s: %d", bad[i], result);
	}
}

static void a_host_that_does_not_fit_says_so(void **state)
{
	char text[512] = "http://";
	struct http_url url;

	(void)state;
	memset(text + 7, 'a', 300);
	assert_int_equal(http_url_parse(text, &url), -EMSGSIZE);
}

static void addresses_are_written_and_read(void **state)
{
	static const char *const good[] = { "127.0.0.1", "::1", "2001:db8::1", "::ffff:1.2.3.4" };
	static const char *const bad[] = { "", "127.1", "1.2.3.4.5", "::g", "[::1]", "fe80::1%lo" };
	char text[HTTP_ADDRESS_TEXT_SIZE];
	struct http_address address;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(http_address_parse(good[i], &address));
		assert_string_equal(http_address_format(&address, text), good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(http_address_parse(bad[i], &address));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_post_arrives_as_it_was_asked_for_and_nothing_else),
		TEST(an_answer_comes_back_with_all_that_belongs_to_it),
		TEST(a_get_has_no_body_and_a_post_may_be_empty),
		TEST(everything_of_a_request_is_copied),
		TEST(a_large_body_arrives_whole_and_without_expect),
		TEST(a_blank_header_is_sent_blank),
		TEST(what_cannot_be_a_header_is_not_sent),
		TEST(what_is_no_http_url_is_not_sent),
		TEST(an_answer_never_comes_before_the_call_returns),
		TEST(the_environment_names_no_proxy),
		TEST(a_redirect_is_an_answer_like_any_other),
		TEST(every_answer_is_classified_by_its_final_head),
		TEST(endless_heads_are_cut_off),
		TEST(a_reset_before_the_answer_is_a_protocol_failure),
		TEST(of_a_long_body_only_as_much_is_read_as_was_wanted),
		TEST(a_body_of_just_the_maximum_is_not_truncated),
		TEST(an_answer_that_does_not_come_is_a_timeout),
		TEST(a_head_that_came_counts_though_the_body_never_ends),
		TEST(connecting_has_a_time_of_its_own),
		TEST(nobody_listening_is_refused),
		TEST(a_connection_is_used_again),
		TEST(a_kept_connection_that_died_is_replaced_once),
		TEST(a_replacement_that_is_refused_is_refused),
		TEST(a_second_kept_connection_is_not_tried),
		TEST(a_peer_that_closes_a_kept_connection_costs_nothing),
		TEST(an_address_that_is_not_admitted_is_blocked),
		TEST(a_kept_connection_is_asked_about_too),
		TEST(a_name_goes_to_the_addresses_that_came_with_it),
		TEST(other_addresses_for_the_same_name_count_at_once),
		TEST(a_kept_connection_to_an_address_now_refused_gives_way_to_a_good_one),
		TEST(of_mixed_addresses_only_the_admitted_are_tried),
		TEST(an_address_where_nobody_listens_gives_way_to_the_next),
		TEST(an_ipv6_address_can_be_pinned),
		TEST(a_literal_that_was_not_vetted_is_blocked),
		TEST(no_addresses_at_all_is_a_failure_of_the_name),
		TEST(libcurl_resolves_where_no_addresses_are_given),
		TEST(running_out_of_descriptors_is_our_own_trouble),
		TEST(the_last_descriptors_are_left_to_others),
		TEST(a_call_can_be_cancelled_at_every_stage),
		TEST(a_client_can_be_destroyed_with_calls_at_every_stage),
		TEST(a_client_may_be_destroyed_by_its_own_callback),
		TEST(a_callback_may_start_the_next_call),
		TEST(many_calls_at_once_all_end),
		TEST(the_last_of_many_timeouts_is_not_lost),
		TEST(certificates_are_verified),
		TEST(old_tls_is_refused),
		TEST(a_certificate_that_the_server_wants_of_us_is_a_failure_of_tls),
		TEST(a_handshake_that_stalls_is_a_timeout),
		TEST(more_tls_connections_than_a_turn_begins_all_get_their_turn),
		cmocka_unit_test(urls_are_read_as_libcurl_reads_them),
		cmocka_unit_test(what_libcurl_does_not_take_is_no_url),
		cmocka_unit_test(a_host_that_does_not_fit_says_so),
		cmocka_unit_test(addresses_are_written_and_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
