#include "admin/server.h"

#include "admin/calls.h"
#include "admin/feed.h"
#include "admin/framing.h"
#include "admin/listener.h"
#include "admin/peer.h"
#include "admin/share.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	CONNECTIONS_PER_ADDRESS = 16,
	/* Beyond LIMIT_ADMIN_CONNECTIONS: those that are told so (503) instead of left to wait. */
	CONNECTIONS_REFUSED_MAX = 16,
	STREAMS_MAX = 16,
	/* Of a body that is refused: read and dropped, as a client that still sends when the
	 * connection closes never sees why. */
	SWALLOWED_MAX_BYTES = 8 << 20,
	CONNECTION_MEMORY_BYTES = 2 * LIMIT_ADMIN_HEAD_BYTES,
	STREAM_BLOCK_BYTES = 16 << 10,
	FLUSH_ROUNDS = 4,
	/* Its share of the loop and of the store's threads, both of which deliveries need. */
	LOOP_ONE_IN = 50,
	LOOP_BURST_US = 50 * 1000,
	STORE_ONE_IN = 10,
	STORE_BURST_US = 500 * 1000,
};

/* Where a connection is, and how long it may stay there: absolute, as libmicrohttpd's own timeout
 * begins anew with every byte. */
enum phase {
	PHASE_HEAD,    /* a head is coming in */
	PHASE_BODY,    /* a body is */
	PHASE_WORKING, /* the request is complete; it is our turn */
	PHASE_SENDING, /* the reply is going out */
	PHASE_QUIET,   /* a stream on which there is nothing to send */
	PHASE_IDLE,    /* between requests */
};

static const int64_t phase_limits_ms[] = {
	[PHASE_HEAD] = 5 * 1000,     [PHASE_BODY] = 10 * 1000, [PHASE_WORKING] = INT64_MAX,
	[PHASE_SENDING] = 15 * 1000, /* of a stream: without taking anything */
	[PHASE_QUIET] = INT64_MAX,   [PHASE_IDLE] = 30 * 1000,
};

struct connection {
	struct admin_server *server;
	struct MHD_Connection *mhd;   /* borrowed */
	int fd;                       /* borrowed */
	char address[PEER_TEXT_SIZE]; /* the client's; of IPv6 the /64 */
	enum phase phase;
	int64_t deadline_mono_ms;
	bool is_suspended;
	/* The request under way. */
	char *target;      /* owned, as it came */
	struct call *call; /* owned */
	size_t swallowed_bytes;
	bool is_last;      /* close when it is answered */
	struct feed *feed; /* owned; of a stream */
	bool is_stream, is_stream_over;
	struct connection *previous, *next;
};

struct admin_server {
	struct loop *loop;
	struct store_thread *store;
	struct calls *calls;
	struct listener listener;
	struct MHD_Daemon *mhd;
	struct loop_watch *watch;
	struct loop_timer *timer;
	struct share loop_share, store_share;
	int64_t rest_until_mono_ms;
	struct connection *connections; /* a list */
	unsigned connection_count, stream_count;
	bool has_resumed; /* connections that libmicrohttpd must look at, although no socket says
			     so */
	bool is_stopped;
};

static void enter(struct connection *connection, enum phase phase)
{
	int64_t limit_ms = phase_limits_ms[phase];

	connection->phase = phase;
	connection->deadline_mono_ms =
		limit_ms == INT64_MAX ? INT64_MAX : clock_mono_ms() + limit_ms;
}

/* ---- connections ---- */

static enum MHD_Result on_accept(void *arg, const struct sockaddr *peer, socklen_t length)
{
	const struct admin_server *server = arg;
	char address[PEER_TEXT_SIZE];
	unsigned count = 0;

	(void)length;
	peer_format(peer, address);
	if (peer_is_local(address))
		return MHD_YES;
	for (const struct connection *at = server->connections; at; at = at->next)
		count += strcmp(at->address, address) == 0;
	return count < CONNECTIONS_PER_ADDRESS ? MHD_YES : MHD_NO;
}

static void open_connection(struct admin_server *server, struct MHD_Connection *mhd,
			    void **ret_context)
{
	struct connection *connection = memory_zeroed(1, sizeof(*connection));

	connection->server = server;
	connection->mhd = mhd;
	connection->fd =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	peer_format(MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
		    connection->address);
	enter(connection, PHASE_HEAD);
	connection->next = server->connections;
	if (connection->next)
		connection->next->previous = connection;
	server->connections = connection;
	server->connection_count++;
	*ret_context = connection;
}

/* What belongs to the request that was under way. */
static void end_request(struct connection *connection)
{
	if (connection->is_stream)
		connection->server->stream_count--;
	connection->is_stream = connection->is_stream_over = false;
	feed_destroy(TAKE(connection->feed));
	call_end(TAKE(connection->call));
	free(TAKE(connection->target));
	connection->swallowed_bytes = 0;
}

static void close_connection(struct connection *connection)
{
	struct admin_server *server = connection->server;

	end_request(connection);
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		server->connections = connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
	server->connection_count--;
	free(connection);
}

static void on_connection(void *arg, struct MHD_Connection *mhd, void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		open_connection(arg, mhd, context);
	else if (*context)
		close_connection(*context);
}

static void suspend(struct connection *connection, enum phase phase)
{
	assert(!connection->is_suspended);
	connection->is_suspended = true;
	MHD_suspend_connection(connection->mhd);
	enter(connection, phase);
}

static void resume(struct connection *connection)
{
	if (!connection->is_suspended)
		return;
	connection->is_suspended = false;
	enter(connection, PHASE_SENDING);
	MHD_resume_connection(connection->mhd);
	connection->server->has_resumed = true;
	loop_timer_set(connection->server->timer, 0);
}

/* ---- replies ---- */

static void on_stream_data(void *arg)
{
	resume(arg);
}

static ssize_t read_stream(void *arg, uint64_t position, char *bytes, size_t size)
{
	struct connection *connection = arg;

	(void)position;
	if (connection->is_stream_over)
		return MHD_CONTENT_READER_END_OF_STREAM;
	long count = feed_take(connection->feed, bytes, size);
	if (count < 0)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (count == 0)
		suspend(connection, PHASE_QUIET);
	else
		enter(connection, PHASE_SENDING);
	return count;
}

static struct MHD_Response *make_stream(struct connection *connection, const char *after)
{
	struct admin_server *server = connection->server;

	connection->is_stream = true;
	server->stream_count++;
	connection->feed =
		feed_create(server->loop, server->store, after, on_stream_data, connection);
	return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, read_stream,
						 connection, NULL);
}

static struct MHD_Response *make_response(struct connection *connection, struct admin_reply *reply)
{
	if (reply->is_stream &&
	    (connection->server->stream_count >= STREAMS_MAX || connection->server->is_stopped)) {
		reply_problem(reply, 503, "too_many_streams", NULL,
			      "There are %d streams open already.", STREAMS_MAX);
		reply_header(reply, "Retry-After", "30");
	}
	if (reply->is_stream)
		return make_stream(connection, reply->subject);
	size_t length = reply->body.length;
	if (!length)
		return MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
	return MHD_create_response_from_buffer_with_free_callback(length,
								  strbuf_steal(&reply->body), free);
}

static enum MHD_Result send_reply(struct connection *connection)
{
	struct admin_reply *reply = call_reply(connection->call);
	struct MHD_Response *response = make_response(connection, reply);

	if (!response)
		return MHD_NO;
	if (reply->content_type)
		MHD_add_response_header(response, "Content-Type", reply->content_type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	for (size_t i = 0; i < reply->header_count; i++)
		MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
	if (connection->is_last)
		MHD_add_response_header(response, "Connection", "close");
	enter(connection, PHASE_SENDING);
	enum MHD_Result result =
		MHD_queue_response(connection->mhd, (unsigned)reply->status, response);
	MHD_destroy_response(response);
	return result;
}

/* ---- requests ---- */

/* The request line has come: the target is kept as it is, since libmicrohttpd's decoding cuts it at
 * an escaped NUL. */
static void *on_target(void *arg, const char *target, struct MHD_Connection *mhd)
{
	struct connection *connection =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

	(void)arg;
	end_request(connection);
	connection->target = memory_text(target);
	if (connection->phase != PHASE_HEAD)
		enter(connection, PHASE_HEAD);
	return connection;
}

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *name,
				 const char *value)
{
	(void)kind;
	framing_note(arg, name, value);
	return MHD_YES;
}

static const char *header(struct connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection->mhd, MHD_HEADER_KIND, name);
}

static void on_call_ready(void *arg)
{
	resume(arg);
}

/* The head is complete. A request that is refused is answered when its body has been read and
 * dropped, unless the body would be too large for that, is not coming yet, or has no certain end.
 */
static enum MHD_Result begin(struct connection *connection, const char *method, const char *version)
{
	struct admin_server *server = connection->server;
	struct framing framing = { 0 };
	const char *host = header(connection, "Host");

	MHD_get_connection_values(connection->mhd, MHD_HEADER_KIND, on_header, &framing);
	const struct call_head head = {
		.refusal = framing_refusal(&framing, version),
		.is_too_much = server->connection_count > LIMIT_ADMIN_CONNECTIONS,
		.method = method,
		.target = connection->target,
		.address = connection->address,
		.is_named = !host || listener_is_named(&server->listener, host),
		.x_api_key = header(connection, "x-api-key"),
		.authorization = header(connection, "Authorization"),
		.content_type = header(connection, "Content-Type"),
		.idempotency_key = header(connection, "Idempotency-Key"),
		.last_event_id = header(connection, "Last-Event-ID"),
	};
	connection->call = call_begin(server->calls, &head, on_call_ready, connection);
	if (framing.content_length > LIMIT_ADMIN_BODY_BYTES)
		call_refuse_body(connection->call);
	connection->is_last = head.refusal || head.is_too_much;
	enter(connection, PHASE_BODY);
	bool at_once = head.refusal || framing.content_length > SWALLOWED_MAX_BYTES ||
		       framing.expects_continue;
	if (!at_once || !call_is_answered(connection->call))
		return MHD_YES;
	connection->is_last = true;
	(void)call_run(connection->call);
	return send_reply(connection);
}

static enum MHD_Result take_body(struct connection *connection, const char *bytes, size_t *length)
{
	if (call_is_answered(connection->call))
		connection->swallowed_bytes += *length;
	call_add_body(connection->call, bytes, *length);
	*length = 0;
	return connection->swallowed_bytes > SWALLOWED_MAX_BYTES ? MHD_NO : MHD_YES;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *url,
				  const char *method, const char *version, const char *bytes,
				  size_t *length, void **context)
{
	struct connection *connection = *context;

	(void)arg;
	(void)mhd;
	(void)url;
	if (!connection->call)
		return begin(connection, method, version);
	if (*length)
		return take_body(connection, bytes, length);
	if (connection->phase == PHASE_BODY && !call_run(connection->call)) {
		suspend(connection, PHASE_WORKING);
		return MHD_YES;
	}
	return send_reply(connection);
}

static void on_completed(void *arg, struct MHD_Connection *mhd, void **context,
			 enum MHD_RequestTerminationCode why)
{
	struct connection *connection = *context;

	(void)arg;
	(void)mhd;
	(void)why;
	if (!connection)
		return;
	end_request(connection);
	enter(connection, PHASE_IDLE);
}

/* ---- on the loop ---- */

/* Closing the socket is libmicrohttpd's business: it is shut down, which ends what was going on. */
static int64_t enforce_deadlines(struct admin_server *server, int64_t now_mono_ms)
{
	int64_t next_mono_ms = INT64_MAX;

	for (struct connection *at = server->connections; at; at = at->next) {
		if (at->deadline_mono_ms <= now_mono_ms) {
			log_debug("admin connection timed out", LOG_TEXT("address", at->address));
			shutdown(at->fd, SHUT_RDWR);
			enter(at, PHASE_IDLE);
		}
		if (at->deadline_mono_ms < next_mono_ms)
			next_mono_ms = at->deadline_mono_ms;
	}
	return next_mono_ms;
}

static int64_t longer(int64_t one_ms, int64_t other_ms)
{
	return one_ms > other_ms ? one_ms : other_ms;
}

/* Requests are served; a flood of them only within the API's shares. */
static void serve(struct admin_server *server)
{
	int64_t began_us = clock_mono_us();

	server->has_resumed = false;
	MHD_run(server->mhd);
	int64_t now_us = clock_mono_us();
	int64_t store_us = calls_take_store_us(server->calls);
	int64_t rest_ms = longer(share_spend(&server->loop_share, now_us - began_us, now_us),
				 share_spend(&server->store_share, store_us, now_us));
	if (rest_ms > 0 && server->watch && !server->is_stopped) {
		server->rest_until_mono_ms = began_us / 1000 + rest_ms;
		loop_watch_set(server->watch, 0);
	}
}

/* True while it rests: what comes waits in the sockets. */
static bool is_resting(struct admin_server *server, int64_t now_mono_ms)
{
	if (server->rest_until_mono_ms > now_mono_ms) {
		loop_timer_set(server->timer, server->rest_until_mono_ms - now_mono_ms);
		return true;
	}
	if (server->rest_until_mono_ms > 0 && server->watch)
		loop_watch_set(server->watch, LOOP_READABLE);
	server->rest_until_mono_ms = 0;
	return false;
}

static void run(struct admin_server *server)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;
	int64_t now_mono_ms = clock_mono_ms();

	if (!server->is_stopped && is_resting(server, now_mono_ms))
		return;
	int64_t next_mono_ms = enforce_deadlines(server, now_mono_ms);
	serve(server);
	if (!server->is_stopped && is_resting(server, now_mono_ms))
		return;
	/* Connections that have just been opened have deadlines, too. */
	for (const struct connection *at = server->connections; at; at = at->next)
		if (at->deadline_mono_ms < next_mono_ms)
			next_mono_ms = at->deadline_mono_ms;
	int64_t delay_ms = next_mono_ms == INT64_MAX ? INT64_MAX : next_mono_ms - now_mono_ms;
	if (MHD_get_timeout(server->mhd, &timeout_ms) == MHD_YES && (int64_t)timeout_ms < delay_ms)
		delay_ms = (int64_t)timeout_ms;
	if (server->has_resumed)
		delay_ms = 0;
	if (delay_ms == INT64_MAX)
		loop_timer_cancel(server->timer);
	else
		loop_timer_set(server->timer, delay_ms > 0 ? delay_ms : 0);
}

static void on_timer(void *arg)
{
	run(arg);
}

static void on_events(void *arg, unsigned events, int status)
{
	(void)events;
	(void)status;
	run(arg);
}

/* The keys are known: requests may come. */
static void on_calls_started(void *arg)
{
	struct admin_server *server = arg;
	int fd = MHD_get_daemon_info(server->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;

	if (server->is_stopped)
		return;
	server->watch = loop_watch_create(server->loop, fd, on_events, server);
	loop_watch_set(server->watch, LOOP_READABLE);
	run(server);
}

/* ---- life ---- */

/* Targets are decoded by request_parse_target(): libmicrohttpd leaves them as they are. */
static size_t decode_nothing(void *arg, struct MHD_Connection *mhd, char *text)
{
	(void)arg;
	(void)mhd;
	return strlen(text);
}

static struct MHD_Daemon *start_mhd(struct admin_server *server)
{
	return MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, on_accept, server, on_request, server,
		MHD_OPTION_LISTEN_SOCKET, server->listener.fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)(LIMIT_ADMIN_CONNECTIONS + CONNECTIONS_REFUSED_MAX),
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
		MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
		server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
		MHD_OPTION_URI_LOG_CALLBACK, on_target, server, MHD_OPTION_UNESCAPE_CALLBACK,
		decode_nothing, NULL, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
}

int admin_server_create(struct loop *loop, struct store_thread *store, const struct config *config,
			const struct admin_hooks *hooks, struct strbuf *why,
			struct admin_server **ret_server)
{
	struct admin_server *server = memory_zeroed(1, sizeof(*server));

	server->loop = loop;
	server->store = store;
	server->listener.fd = -1;
	share_init(&server->loop_share, LOOP_ONE_IN, LOOP_BURST_US, clock_mono_us());
	share_init(&server->store_share, STORE_ONE_IN, STORE_BURST_US, clock_mono_us());
	int result = listener_open(config->admin.listen, why, &server->listener);
	if (!result)
		result = calls_create(loop, store, config, hooks, on_calls_started, server, why,
				      &server->calls);
	if (!result) {
		server->timer = loop_timer_create(loop, on_timer, server);
		server->mhd = start_mhd(server);
		if (!server->mhd) {
			strbuf_add_text(why, "cannot start the HTTP server");
			result = -ENOMEM;
		}
	}
	if (result) {
		admin_server_destroy(server);
		return result;
	}
	*ret_server = server;
	return 0;
}

void admin_server_stop(struct admin_server *server)
{
	if (server->is_stopped)
		return;
	server->is_stopped = true;
	/* What is under way is answered without a rest. */
	if (server->watch)
		loop_watch_set(server->watch, LOOP_READABLE);
	server->listener.fd = MHD_quiesce_daemon(server->mhd);
	listener_close(&server->listener);
	calls_stop(server->calls);
	for (struct connection *at = server->connections; at; at = at->next) {
		if (!at->is_stream)
			continue;
		feed_destroy(TAKE(at->feed));
		at->is_stream_over = true;
		resume(at);
	}
	run(server);
}

void admin_server_destroy(struct admin_server *server)
{
	if (!server)
		return;
	if (server->mhd) {
		admin_server_stop(server);
		/* What has been answered goes out, as far as it does without waiting. */
		for (int round = 0; round < FLUSH_ROUNDS; round++)
			MHD_run(server->mhd);
		for (struct connection *at = server->connections; at; at = at->next)
			resume(at);
		loop_watch_destroy(server->watch);
		MHD_stop_daemon(server->mhd);
	}
	loop_timer_destroy(server->timer);
	calls_destroy(server->calls);
	listener_close(&server->listener);
	free(server);
}

int admin_server_reload(struct admin_server *server, struct strbuf *why)
{
	return calls_reload(server->calls, why);
}

void admin_server_poke(struct admin_server *server)
{
	if (!server || server->is_stopped)
		return;
	calls_poke(server->calls);
	for (struct connection *at = server->connections; at; at = at->next)
		if (at->feed)
			feed_poke(at->feed);
}

const char *admin_server_address(const struct admin_server *server)
{
	return server->listener.address;
}
