#include "sim/server.h"

#include "base/clock.h"
#include "base/memory.h"
#include "sim/listener.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CONNECTION_LIMIT = 20000,
	HEAD_MAX_BYTES = 64 << 10,
	LOOK_EVERY_MS = 50, /* at clients that may have left while nothing is sent to them */
};

/* One request on its way, from its first line until its connection is done with it. */
struct exchange {
	struct sim_server *server; /* borrowed */
	struct MHD_Connection *connection;
	struct sim_request *request; /* owned */
	struct sim_answer answer;
	struct strbuf bytes; /* what is sent by hand when the answer is not plain */
	size_t sent;
	int64_t due_at_mono_ms;
	bool has_begun;    /* the handler of libmicrohttpd has seen it once */
	bool has_answer;   /* the role was asked */
	bool is_suspended; /* in the server's list, untouched by libmicrohttpd */
	bool is_over;      /* nothing more is to be sent: close */
	struct exchange *next;
};

struct sim_server {
	struct MHD_Daemon *daemon; /* owned */
	sim_handler_fn handler;
	void *arg;
	struct exchange *suspended; /* list of exchanges that libmicrohttpd leaves alone */
	int64_t look_at_mono_ms;    /* when the next of them is due */
	char url[SIM_URL_SIZE];
};

/* --- reading a request -------------------------------------------------------------------- */

static char *remote_address(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *address = info->client_addr;
	char host[INET6_ADDRSTRLEN] = "", text[INET6_ADDRSTRLEN + 16];
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)address;
		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
		snprintf(text, sizeof(text), "%s:%u", host, ntohs(v4->sin_port));
	} else {
		const struct sockaddr_in6 *v6 = (const void *)address;
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		snprintf(text, sizeof(text), "[%s]:%u", host, ntohs(v6->sin6_port));
	}
	return memory_text(text);
}

/* Called with the request line as it came, before libmicrohttpd decodes anything in it. */
static void *on_request_line(void *arg, const char *target, struct MHD_Connection *connection)
{
	struct exchange *exchange = memory_zeroed(1, sizeof(*exchange));
	exchange->server = arg;
	exchange->connection = connection;
	exchange->request = sim_request_create(target);
	exchange->request->remote = remote_address(connection);
	sim_answer_init(&exchange->answer);
	strbuf_init(&exchange->bytes, SIM_ANSWER_BODY_BYTES);
	return exchange;
}

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *name,
				 const char *value)
{
	(void)kind;
	sim_request_add_header(arg, name, value ? value : "");
	return MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **request_state,
			 enum MHD_RequestTerminationCode code)
{
	(void)arg;
	(void)connection;
	(void)code;
	struct exchange *exchange = *request_state;
	if (!exchange)
		return;
	*request_state = NULL;
	assert(!exchange->is_suspended);
	sim_request_destroy(exchange->request);
	sim_answer_finish(&exchange->answer);
	strbuf_finish(&exchange->bytes);
	free(exchange);
}

/* --- playing an answer by hand ------------------------------------------------------------ */

static int exchange_socket(const struct exchange *exchange)
{
	return MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
		->connect_fd;
}

static void exchange_suspend(struct exchange *exchange, int64_t due_at_mono_ms)
{
	struct sim_server *server = exchange->server;
	exchange->due_at_mono_ms = due_at_mono_ms;
	exchange->is_suspended = true;
	exchange->next = server->suspended;
	server->suspended = exchange;
	if (due_at_mono_ms < server->look_at_mono_ms)
		server->look_at_mono_ms = due_at_mono_ms;
	MHD_suspend_connection(exchange->connection);
}

/* libmicrohttpd comes back to on_request() with it, in one of its next runs. */
static void exchange_resume(struct exchange *exchange)
{
	exchange->is_suspended = false;
	MHD_resume_connection(exchange->connection);
}

static bool client_has_left(const struct exchange *exchange)
{
	char byte;
	ssize_t got = recv(exchange_socket(exchange), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

/* Linux sends a reset when a connected TCP socket is disconnected. */
static void reset_connection(const struct exchange *exchange)
{
	const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	(void)!connect(exchange_socket(exchange), &nowhere, sizeof(nowhere));
}

/* How much of the rest may go out now. */
static size_t next_piece(const struct exchange *exchange)
{
	const struct sim_answer *answer = &exchange->answer;
	size_t rest = exchange->bytes.length - exchange->sent;
	size_t piece = answer->drip_bytes == 0               ? rest
		       : exchange->sent < answer->drip_after ? answer->drip_after - exchange->sent
							     : answer->drip_bytes;
	return piece < rest ? piece : rest;
}

/* Sends what is due. is_over once the connection can be closed. */
static void exchange_send(struct exchange *exchange, int64_t now_mono_ms)
{
	const struct sim_answer *answer = &exchange->answer;
	size_t piece = next_piece(exchange);
	ssize_t sent = send(exchange_socket(exchange), exchange->bytes.data + exchange->sent, piece,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		exchange->is_over = true;
		return;
	}
	exchange->sent += sent > 0 ? (size_t)sent : 0;
	bool is_dripping = answer->drip_bytes > 0 && exchange->sent >= answer->drip_after;
	exchange->due_at_mono_ms = now_mono_ms + (is_dripping ? answer->drip_every_ms : 2);
	if (exchange->sent < exchange->bytes.length || answer->ending == SIM_ENDS_OPEN)
		return;
	if (answer->ending == SIM_ENDS_RESET)
		reset_connection(exchange);
	exchange->is_over = true;
}

/* One look at an exchange whose time has come. True if it goes back to libmicrohttpd. */
static bool exchange_proceed(struct exchange *exchange, int64_t now_mono_ms)
{
	if (sim_answer_is_plain(&exchange->answer))
		return true;
	if (client_has_left(exchange)) {
		exchange->is_over = true;
		return true;
	}
	if (exchange->bytes.length == 0)
		sim_answer_render(&exchange->answer, &exchange->bytes);
	exchange_send(exchange, now_mono_ms);
	if (exchange->sent == exchange->bytes.length)
		exchange->due_at_mono_ms = now_mono_ms + LOOK_EVERY_MS;
	return exchange->is_over;
}

static void server_tend_suspended(struct sim_server *server)
{
	int64_t now_mono_ms = clock_mono_ms();
	if (now_mono_ms < server->look_at_mono_ms)
		return;
	int64_t next_at_mono_ms = INT64_MAX;
	for (struct exchange **at = &server->suspended; *at;) {
		struct exchange *exchange = *at;
		bool is_ready = exchange->due_at_mono_ms <= now_mono_ms &&
				exchange_proceed(exchange, now_mono_ms);
		if (is_ready) {
			*at = exchange->next;
			exchange_resume(exchange);
			continue;
		}
		if (exchange->due_at_mono_ms < next_at_mono_ms)
			next_at_mono_ms = exchange->due_at_mono_ms;
		at = &exchange->next;
	}
	server->look_at_mono_ms = next_at_mono_ms;
}

/* --- the happy path ----------------------------------------------------------------------- */

static enum MHD_Result send_plain(struct exchange *exchange)
{
	struct sim_answer *answer = &exchange->answer;
	size_t length = answer->body.length;
	struct MHD_Response *response = MHD_create_response_from_buffer(
		length, strbuf_steal(&answer->body), MHD_RESPMEM_MUST_FREE);
	if (!response)
		return MHD_NO;
	for (size_t i = 0; i < answer->header_count; i++)
		(void)MHD_add_response_header(response, answer->headers[i].name,
					      answer->headers[i].value);
	enum MHD_Result result =
		MHD_queue_response(exchange->connection, (unsigned)answer->status, response);
	MHD_destroy_response(response);
	return result;
}

static void ask_role(struct exchange *exchange, const char *method)
{
	struct sim_request *request = exchange->request;
	request->method = memory_text(method);
	request->received_at_ms = clock_now_ms();
	MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, on_header, request);
	exchange->has_answer = true;
	if (strbuf_is_full(&request->body)) {
		sim_answer_fail(&exchange->answer, 413, "the body is too large");
		return;
	}
	exchange->server->handler(exchange->server->arg, request, &exchange->answer);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_length, void **request_state)
{
	(void)arg;
	(void)connection;
	(void)url;
	(void)version;
	struct exchange *exchange = *request_state;
	if (!exchange->has_begun) {
		exchange->has_begun = true;
		return MHD_YES;
	}
	if (*upload_length > 0) {
		strbuf_add(&exchange->request->body, upload, *upload_length);
		*upload_length = 0;
		return MHD_YES;
	}
	if (exchange->is_over)
		return MHD_NO;
	if (exchange->has_answer)
		return send_plain(exchange);
	ask_role(exchange, method);
	if (sim_answer_is_plain(&exchange->answer) && exchange->answer.delay_ms == 0)
		return send_plain(exchange);
	exchange_suspend(exchange, clock_mono_ms() + exchange->answer.delay_ms);
	return MHD_YES;
}

/* --- its life ---------------------------------------------------------------------------- */

/* Thousands of hanging clients are among the things to try. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int sim_server_create(const char *listen, sim_handler_fn handler, void *arg,
		      struct sim_server **ret_server)
{
	int listener = -1;
	char url[SIM_URL_SIZE];
	int error = sim_listener_open(listen, url, &listener);
	if (error < 0)
		return error;
	raise_descriptor_limit();
	struct sim_server *server = memory_zeroed(1, sizeof(*server));
	server->handler = handler;
	server->arg = arg;
	server->look_at_mono_ms = INT64_MAX;
	memcpy(server->url, url, sizeof(url));
	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, server,
		MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_URI_LOG_CALLBACK, on_request_line,
		server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTION_LIMIT,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_MAX_BYTES, MHD_OPTION_END);
	if (!server->daemon) {
		free(server);
		close(listener);
		return -ENOMEM;
	}
	*ret_server = server;
	return 0;
}

void sim_server_destroy(struct sim_server *server)
{
	if (!server)
		return;
	while (server->suspended) {
		struct exchange *exchange = server->suspended;
		server->suspended = exchange->next;
		exchange->is_over = true;
		exchange_resume(exchange);
	}
	MHD_stop_daemon(server->daemon);
	free(server);
}

const char *sim_server_url(const struct sim_server *server)
{
	return server->url;
}

/* --- running ------------------------------------------------------------------------------ */

static int open_signals(int *ret_signals)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return -errno;
	*ret_signals = signals;
	return 0;
}

static int server_timeout_ms(const struct sim_server *server)
{
	MHD_UNSIGNED_LONG_LONG library_ms;
	int64_t timeout_ms = 60000;
	if (MHD_get_timeout(server->daemon, &library_ms) == MHD_YES && library_ms < 60000)
		timeout_ms = (int64_t)library_ms;
	int64_t wait_ms = server->look_at_mono_ms == INT64_MAX
				  ? timeout_ms
				  : server->look_at_mono_ms - clock_mono_ms();
	if (wait_ms < timeout_ms)
		timeout_ms = wait_ms > 0 ? wait_ms : 0;
	return (int)timeout_ms;
}

int sim_server_run(struct sim_server *server)
{
	int signals = -1;
	int error = open_signals(&signals);
	if (error < 0)
		return error;
	struct pollfd ready[] = {
		{ .fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
		  .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
	};
	while (error == 0 && !(ready[1].revents & POLLIN)) {
		if (poll(ready, ARRAY_SIZE(ready), server_timeout_ms(server)) < 0 && errno != EINTR)
			error = -errno;
		server_tend_suspended(server); /* first: what it resumes, MHD_run() takes up */
		MHD_run(server->daemon);
	}
	close(signals);
	return error;
}
