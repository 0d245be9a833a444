/* The wiring between libcurl's multi interface and the loop, and what libcurl is held to.
 *
 * The happy path: http_start() prepares an easy handle from the pool and queues it; the next turn
 * adds it to the multi handle and lets libcurl run; sockets report through their watches; once
 * per turn, after the sockets, the transfers that have ended are collected.
 *
 * A socket keeps one watch from OPENSOCKETFUNCTION to CLOSESOCKETFUNCTION. While libcurl keeps a
 * connection for later (CURL_POLL_REMOVE) the watch stays armed for reading, which is what the next
 * request will want first: no system call per request. It is disarmed only if it fires meanwhile
 * (the peer has closed).
 *
 * The exception: a socket that never got connected is closed by libcurl (7.88) without a word to
 * CLOSESOCKETFUNCTION, and only then reported as removed. Such a socket was waited for to become
 * writable; so one that is removed while waited for in any other way than for reading loses its
 * watch at once, before its number can belong to somebody else.
 */
#include "base/http.h"

#include "base/clock.h"
#include "base/http_head.h"
#include "base/memory.h"
#include "base/strbuf.h"

#include <assert.h>
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	/* TLS connections begun in one turn: a handshake costs 0.8 ms of the loop's time. */
	NEW_TLS_PER_TURN = 8,
	/* Calls kept for the next requests, and how large a buffer they keep. */
	IDLE_CALLS_MAX = 256,
	IDLE_BUFFER_BYTES = 16 << 10,
	RECEIVE_BUFFER_BYTES = 4 << 10,
	/* Unused connections are closed after this, so that changes of DNS take effect. */
	IDLE_CONNECTION_S = 60,
	/* How long libcurl remembers pinned addresses. They are given with each request, so this
	 * need only span the moment between being given and being used; but 0 and 1 could be over
	 * by then, as libcurl counts in whole seconds. */
	PINNED_ADDRESSES_S = 2,
};

#define DEBIAN_CA_FILE "/etc/ssl/certs/ca-certificates.crt"

enum http_call_state { CALL_IDLE, CALL_QUEUED, CALL_STARTED };

/* What has happened in a transfer so far, told by libcurl's callbacks. */
struct http_progress {
	bool is_judged; /* outcome and message are settled, whatever libcurl will say */
	enum http_outcome outcome;
	const char *message; /* static, or the call's error text */
	bool has_opened;     /* a socket was opened */
	bool has_new_socket; /* one was opened since the last request was sent */
	bool is_connected;   /* TCP is: libcurl waits to read, in TLS's handshake */
	bool is_ready;       /* a connection was usable */
	bool is_blocked;     /* admit refused an address */
	bool is_stale;       /* the reused connection must not be used for this request */
	bool has_sent;       /* a request was begun to be sent */
	int local_errno;     /* why we could not open the last socket */
	bool is_truncated;
	bool has_peer;
	struct http_address peer;
};

struct http_call {
	struct http_client *client; /* borrowed */
	TAILQ_ENTRY(http_call) link;
	enum http_call_state state;
	CURL *easy;
	struct loop_timer *answer_timer;
	http_done_fn done;
	void *arg;

	bool is_https;
	struct curl_slist *headers, *pins; /* owned */
	struct http_address *addresses;    /* owned; NULL: libcurl resolves */
	size_t address_count;
	int64_t timeout_ms, answer_timeout_ms;
	size_t body_max_bytes;

	int64_t created_us, started_us; /* monotonic */
	bool was_restarted;
	struct http_progress progress;
	struct http_head head;
	struct strbuf body;
	char error[CURL_ERROR_SIZE];
};

TAILQ_HEAD(http_calls, http_call);

struct http_socket {
	struct http_client *client; /* borrowed */
	int fd;                     /* libcurl's */
	bool is_connection; /* opened by on_open_socket(); else a pipe of libcurl's resolver */
	bool is_owned;      /* a transfer waits for it */
	unsigned events;    /* what for */
	struct loop_watch *watch;
};

struct http_client {
	CURLM *multi;
	struct loop *loop; /* borrowed */
	struct loop_turn *turn;
	struct loop_timer *timer;
	bool is_timer_due;
	char *ca_file, *user_agent;
	http_admit_fn admit;
	void *admit_arg;
	unsigned reserved_descriptors;
	struct http_socket **sockets; /* by descriptor */
	size_t socket_capacity;
	struct http_calls queued, started, idle;
	unsigned idle_count;
	unsigned new_tls; /* connections opened in this turn */
	unsigned holds; /* who is still at work and needs the memory after http_client_destroy() */
	bool is_destroyed;
};

static void initialise_libcurl(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();
}

static void must_be_initialised(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, initialise_libcurl);
}

/* Memory is out: as in memory.c. */
static void *must_have(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* An option that libcurl does not take, be it for want of memory, must not be missing silently. */
static void must_be_set(CURLcode code)
{
	if (code != CURLE_OK)
		abort();
}

#define set_option(easy, option, value) must_be_set(curl_easy_setopt(easy, option, value))

/* ---- Sockets ---- */

static struct http_socket *find_socket(const struct http_client *client, int fd)
{
	return (size_t)fd < client->socket_capacity ? client->sockets[fd] : NULL;
}

static void on_watch(void *arg, unsigned events, int status)
{
	struct http_socket *socket = arg;
	struct http_client *client = socket->client;
	int fd = socket->fd;
	/* CURL_CSELECT_ERR would end the transfer unread. libcurl shall find out by itself: it then
	 * takes what came before a reset, and starts again on a new connection where one that was
	 * reused turned out to be closed. */
	int flags = status < 0 ? CURL_CSELECT_IN | CURL_CSELECT_OUT : 0;
	int running;

	if (!socket->is_owned) {
		loop_watch_set(socket->watch, 0);
		return;
	}
	if (events & LOOP_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & LOOP_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	curl_multi_socket_action(client->multi, fd, flags, &running);

	/* An error has disarmed the watch; libcurl, if it has kept the socket, does not know. */
	if (status < 0 && find_socket(client, fd) == socket && socket->is_owned)
		loop_watch_set(socket->watch, socket->events);
}

static void drop_socket(struct http_socket *socket)
{
	loop_watch_destroy(socket->watch);
	socket->client->sockets[socket->fd] = NULL;
	free(socket);
}

/* NULL with errno if the kernel does not let us watch it. */
static struct http_socket *add_socket(struct http_client *client, int fd, bool is_connection)
{
	struct http_socket *socket = memory_zeroed(1, sizeof *socket);
	struct http_socket *closed = find_socket(client, fd);

	/* Closed without a word, and its number is given out again before libcurl has said that it
	 * waits no more: then it takes the new one for the old one and will not say that it waits.
	 */
	if (closed) {
		socket->is_owned = closed->is_owned;
		socket->events = closed->events;
		drop_socket(closed);
	}
	socket->client = client;
	socket->fd = fd;
	socket->is_connection = is_connection;
	socket->watch = loop_watch_create(client->loop, fd, on_watch, socket);
	if (!socket->watch) {
		free(socket);
		return NULL;
	}
	if ((size_t)fd >= client->socket_capacity) {
		size_t capacity = 2 * ((size_t)fd + 32);
		client->sockets =
			memory_resized(client->sockets, capacity, sizeof(struct http_socket *));
		memset(client->sockets + client->socket_capacity, 0,
		       (capacity - client->socket_capacity) * sizeof(struct http_socket *));
		client->socket_capacity = capacity;
	}
	client->sockets[fd] = socket;
	if (socket->is_owned)
		loop_watch_set(socket->watch, socket->events);
	return socket;
}

static void note_connected(CURL *easy)
{
	struct http_call *call = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call);
	if (call)
		call->progress.is_connected = true;
}

/* What libcurl waits for. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *client_arg, void *socket_arg)
{
	struct http_client *client = client_arg;
	struct http_socket *socket = find_socket(client, fd);

	(void)socket_arg;
	if (what == CURL_POLL_REMOVE) {
		if (socket && socket->is_connection && socket->events == LOOP_READABLE)
			socket->is_owned = false;
		else if (socket)
			drop_socket(socket);
		return 0;
	}
	/* A resolver's pipe. Without a watch libcurl still looks at it from time to time. */
	if (!socket)
		socket = add_socket(client, fd, false);
	if (!socket)
		return 0;
	if (what & CURL_POLL_IN)
		note_connected(easy);
	socket->is_owned = true;
	socket->events = (what & CURL_POLL_IN ? LOOP_READABLE : 0u) |
			 (what & CURL_POLL_OUT ? LOOP_WRITABLE : 0u);
	loop_watch_set(socket->watch, socket->events);
	return 0;
}

static bool is_pinned(const struct http_call *call, const struct http_address *address)
{
	for (size_t i = 0; i < call->address_count; i++) {
		if (http_address_is_equal(&call->addresses[i], address))
			return true;
	}
	return !call->addresses;
}

static bool is_admitted(const struct http_call *call, const struct http_address *address)
{
	const struct http_client *client = call->client;

	return is_pinned(call, address) &&
	       (!client->admit || client->admit(client->admit_arg, address));
}

static bool read_socket_address(const struct sockaddr *generic, struct http_address *ret_address)
{
	struct http_address address = { .family = generic->sa_family };

	if (generic->sa_family == AF_INET)
		address.v4 = ((const struct sockaddr_in *)(const void *)generic)->sin_addr;
	else if (generic->sa_family == AF_INET6)
		address.v6 = ((const struct sockaddr_in6 *)(const void *)generic)->sin6_addr;
	else
		return false;
	*ret_address = address;
	return true;
}

/* Is this failure of socket() ours, rather than that of an address family? */
static bool is_local_trouble(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
	       error == ENOSPC;
}

/* -1 with errno. The lowest number that is free is given out, so one near the limit is one of the
 * last. */
static int open_socket(const struct http_client *client, const struct curl_sockaddr *where)
{
	struct rlimit limit;
	int fd = socket(where->family, where->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
			where->protocol);
	if (fd < 0 || client->reserved_descriptors == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
	    (rlim_t)fd + client->reserved_descriptors < limit.rlim_cur)
		return fd;
	close(fd);
	errno = EMFILE;
	return -1;
}

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *where)
{
	struct http_call *call = arg;
	struct http_progress *progress = &call->progress;

	(void)purpose;
	if (!read_socket_address(&where->addr, &progress->peer))
		return CURL_SOCKET_BAD;
	progress->has_peer = true;
	progress->is_connected = false;
	progress->is_ready = false;
	if (!is_admitted(call, &progress->peer)) {
		progress->is_blocked = true;
		return CURL_SOCKET_BAD;
	}
	int fd = open_socket(call->client, where);
	if (fd < 0 || !add_socket(call->client, fd, true)) {
		if (is_local_trouble(errno))
			progress->local_errno = errno;
		if (fd >= 0)
			close(fd);
		return CURL_SOCKET_BAD;
	}
	progress->has_opened = true;
	progress->has_new_socket = true;
	progress->local_errno = 0;
	if (call->is_https)
		call->client->new_tls++;
	return fd;
}

static int on_close_socket(void *arg, curl_socket_t fd)
{
	struct http_socket *socket = find_socket(arg, fd);

	if (socket)
		drop_socket(socket);
	return close(fd);
}

/* ---- What libcurl tells of a transfer ---- */

static void judge(struct http_call *call, enum http_outcome outcome, const char *message)
{
	if (call->progress.is_judged)
		return;
	call->progress.is_judged = true;
	call->progress.outcome = outcome;
	call->progress.message = message;
}

/* A connection, new or reused, is usable; the request comes next. */
static int on_connection_ready(void *arg, char *peer, char *local, int peer_port, int local_port)
{
	struct http_call *call = arg;
	struct http_progress *progress = &call->progress;
	bool is_reused = !progress->has_new_socket;
	bool is_second = progress->has_sent;

	(void)local;
	(void)peer_port;
	(void)local_port;
	bool is_good =
		http_address_parse(peer, &progress->peer) && is_admitted(call, &progress->peer);
	progress->has_peer = true;
	progress->has_new_socket = false;

	/* A kept connection to an address that is not wanted any more; or another kept one after
	 * the first was found closed by the peer: libcurl would go through all it has. The
	 * transfer starts anew on a connection of its own. */
	if (is_reused && !call->was_restarted && (!is_good || is_second)) {
		progress->is_stale = true;
		return CURL_PREREQFUNC_ABORT;
	}
	if (!is_good) {
		progress->is_blocked = true;
		return CURL_PREREQFUNC_ABORT;
	}
	progress->is_ready = true;
	progress->has_sent = true;
	if (call->answer_timeout_ms > 0)
		loop_timer_set(call->answer_timer, call->answer_timeout_ms);
	return CURL_PREREQFUNC_OK;
}

static size_t on_head_line(char *line, size_t size, size_t count, void *arg)
{
	struct http_call *call = arg;
	size_t length = size * count;

	const char *fault = http_head_add_line(&call->head, line, length);
	if (fault) {
		judge(call, HTTP_PROTOCOL, fault);
		return 0;
	}
	return length;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct http_call *call = arg;
	size_t length = size * count;
	size_t room = call->body_max_bytes - call->body.length;

	strbuf_add(&call->body, bytes, length < room ? length : room);
	if (length <= room)
		return length;
	call->progress.is_truncated = true;
	judge(call, HTTP_OK, "as much of the answer as was wanted");
	return 0;
}

/* ---- Calls ---- */

static void call_free(struct http_call *call)
{
	curl_easy_cleanup(call->easy);
	loop_timer_destroy(call->answer_timer);
	curl_slist_free_all(call->headers);
	curl_slist_free_all(call->pins);
	free(call->addresses);
	http_head_finish(&call->head);
	strbuf_finish(&call->body);
	free(call);
}

static void set_timeout(struct http_call *call, CURLoption option, int64_t timeout_ms)
{
	const int64_t longest_ms = INT32_MAX;

	set_option(call->easy, option, (long)(timeout_ms < longest_ms ? timeout_ms : longest_ms));
}

/* What holds for every request. */
static void call_set_rules(struct http_call *call)
{
	static const struct {
		CURLoption option;
		long value;
	} rules[] = {
		{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
		{ CURLOPT_HTTP09_ALLOWED, 0 },
		{ CURLOPT_FOLLOWLOCATION, 0 },
		{ CURLOPT_UNRESTRICTED_AUTH, 0 },
		{ CURLOPT_NETRC, CURL_NETRC_IGNORED },
		{ CURLOPT_NOSIGNAL, 1 },
		{ CURLOPT_TCP_NODELAY, 1 },
		{ CURLOPT_SSL_VERIFYPEER, 1 },
		{ CURLOPT_SSL_VERIFYHOST, 2 },
		{ CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
		{ CURLOPT_MAXAGE_CONN, IDLE_CONNECTION_S },
		{ CURLOPT_QUICK_EXIT, 1 },
		/* libcurl takes this from the heap anew for each request. */
		{ CURLOPT_BUFFERSIZE, RECEIVE_BUFFER_BYTES },
	};
	struct http_client *client = call->client;
	CURL *easy = call->easy;

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		set_option(easy, rules[i].option, rules[i].value);
	set_option(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	set_option(easy, CURLOPT_PROXY, "");
	set_option(easy, CURLOPT_NOPROXY, "*");
	/* With a directory of certificates too, each new connection would parse them all again:
	 * 21 ms. */
	set_option(easy, CURLOPT_CAINFO, client->ca_file);
	set_option(easy, CURLOPT_CAPATH, NULL);
	set_option(easy, CURLOPT_USERAGENT, client->user_agent);
	set_option(easy, CURLOPT_ERRORBUFFER, call->error);
	set_option(easy, CURLOPT_PRIVATE, call);
	set_option(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	set_option(easy, CURLOPT_OPENSOCKETDATA, call);
	/* Called when the connection ends, perhaps long after the call. */
	set_option(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
	set_option(easy, CURLOPT_CLOSESOCKETDATA, client);
	set_option(easy, CURLOPT_PREREQFUNCTION, on_connection_ready);
	set_option(easy, CURLOPT_PREREQDATA, call);
	set_option(easy, CURLOPT_HEADERFUNCTION, on_head_line);
	set_option(easy, CURLOPT_HEADERDATA, call);
	set_option(easy, CURLOPT_WRITEFUNCTION, on_body);
	set_option(easy, CURLOPT_WRITEDATA, call);
}

static void on_answer_timeout(void *arg);

/* From the pool, or new. */
static struct http_call *call_take(struct http_client *client)
{
	struct http_call *call = TAILQ_FIRST(&client->idle);

	if (call) {
		TAILQ_REMOVE(&client->idle, call, link);
		client->idle_count--;
		return call;
	}
	call = memory_zeroed(1, sizeof *call);
	call->client = client;
	call->easy = must_have(curl_easy_init());
	call->answer_timer = loop_timer_create(client->loop, on_answer_timeout, call);
	http_head_init(&call->head);
	strbuf_init(&call->body, 0);
	call_set_rules(call);
	return call;
}

/* Back into the pool, with nothing of its request left in it. */
static void call_give_back(struct http_call *call)
{
	struct http_client *client = call->client;

	if (client->is_destroyed || client->idle_count >= IDLE_CALLS_MAX) {
		call_free(call);
		return;
	}
	set_option(call->easy, CURLOPT_COPYPOSTFIELDS, NULL);
	set_option(call->easy, CURLOPT_HTTPHEADER, NULL);
	set_option(call->easy, CURLOPT_RESOLVE, NULL);
	curl_slist_free_all(TAKE(call->headers));
	curl_slist_free_all(TAKE(call->pins));
	free(TAKE(call->addresses));
	call->address_count = 0;
	if (call->body.capacity > IDLE_BUFFER_BYTES)
		strbuf_finish(&call->body);
	if (call->head.text.capacity > IDLE_BUFFER_BYTES)
		strbuf_finish(&call->head.text);
	call->state = CALL_IDLE;
	TAILQ_INSERT_HEAD(&client->idle, call, link);
	client->idle_count++;
}

/* Takes the call out of libcurl's hands and out of the lists. */
static void call_detach(struct http_call *call)
{
	struct http_client *client = call->client;

	assert(call->state != CALL_IDLE);
	loop_timer_cancel(call->answer_timer);
	if (call->state == CALL_STARTED)
		curl_multi_remove_handle(client->multi, call->easy);
	TAILQ_REMOVE(call->state == CALL_STARTED ? &client->started : &client->queued, call, link);
}

static void call_queue(struct http_call *call, bool is_first)
{
	struct http_client *client = call->client;

	call->state = CALL_QUEUED;
	if (is_first)
		TAILQ_INSERT_HEAD(&client->queued, call, link);
	else
		TAILQ_INSERT_TAIL(&client->queued, call, link);
	loop_turn_request(client->turn);
}

static void append(struct curl_slist **list, const char *text)
{
	*list = must_have(curl_slist_append(*list, text));
}

static bool has_header(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++) {
		if (strcasecmp(request->headers[i].name, name) == 0)
			return true;
	}
	return false;
}

/* "Name: value" for libcurl, to which "Name:" would mean to leave the header out, and "Name;" means
 * an empty one. */
static void append_header(struct curl_slist **list, const struct http_header *header)
{
	bool is_blank = header->value[strspn(header->value, " \t")] == '\0';
	size_t name_length = strlen(header->name), value_length = strlen(header->value);
	CLEANUP(cleanup_free) char *line = memory_zeroed(name_length + value_length + 3, 1);

	memcpy(line, header->name, name_length);
	if (is_blank) {
		line[name_length] = ';';
	} else {
		memcpy(line + name_length, ": ", 2);
		memcpy(line + name_length + 2, header->value, value_length);
	}
	append(list, line);
}

static bool call_set_headers(struct http_call *call, const struct http_request *request)
{
	/* What libcurl would add by itself. */
	static const char *const defaults[] = { "Accept", "Content-Type", "Expect" };

	for (size_t i = 0; i < request->header_count; i++) {
		const struct http_header *header = &request->headers[i];
		if (!http_field_is_sendable(header->name, header->value))
			return false;
		append_header(&call->headers, header);
	}
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
		char line[32] = "";
		if (has_header(request, defaults[i]))
			continue;
		snprintf(line, sizeof(line), "%s:", defaults[i]);
		append(&call->headers, line);
	}
	set_option(call->easy, CURLOPT_HTTPHEADER, call->headers);
	return true;
}

static bool call_set_method(struct http_call *call, const struct http_request *request)
{
	if (strcmp(request->method, "GET") == 0 && !request->body) {
		set_option(call->easy, CURLOPT_HTTPGET, 1L);
		return true;
	}
	if (strcmp(request->method, "POST") != 0)
		return false;
	set_option(call->easy, CURLOPT_POST, 1L);
	set_option(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
	set_option(call->easy, CURLOPT_COPYPOSTFIELDS, request->body ? request->body : "");
	return true;
}

/* "+host:port:address,[address]": the entry replaces an older one for the same host and port. A
 * host that is an address itself needs none: on_open_socket() compares. */
static void call_set_pins(struct http_call *call, const struct http_request *request,
			  const struct http_url *url)
{
	struct http_address literal;

	set_option(call->easy, CURLOPT_DNS_CACHE_TIMEOUT,
		   request->addresses ? (long)PINNED_ADDRESSES_S : 60L);
	if (!request->addresses)
		return;
	call->address_count = request->address_count;
	call->addresses = memory_zeroed(request->address_count, sizeof *call->addresses);
	if (request->address_count > 0)
		memcpy(call->addresses, request->addresses,
		       request->address_count * sizeof *call->addresses);
	if (http_address_parse(url->host, &literal))
		return;

	struct strbuf line;
	strbuf_init(&line,
		    sizeof url->host + 16 + request->address_count * (HTTP_ADDRESS_TEXT_SIZE + 3));
	strbuf_addf(&line, "+%s:%u:", url->host, url->port);
	for (size_t i = 0; i < request->address_count; i++) {
		char text[HTTP_ADDRESS_TEXT_SIZE];
		http_address_format(&call->addresses[i], text);
		strbuf_addf(&line, call->addresses[i].family == AF_INET6 ? "%s[%s]" : "%s%s",
			    i > 0 ? "," : "", text);
	}
	append(&call->pins, line.data);
	strbuf_finish(&line);
}

static void call_prepare(struct http_call *call, const struct http_request *request)
{
	struct http_url url;

	call->progress = (struct http_progress){ 0 };
	call->was_restarted = false;
	call->error[0] = '\0';
	call->created_us = call->started_us = clock_mono_us();
	call->timeout_ms = request->timeout_ms;
	call->answer_timeout_ms = request->answer_timeout_ms;
	call->body_max_bytes = request->body_max_bytes;
	call->body.max_bytes = request->body_max_bytes;
	strbuf_clear(&call->body);
	http_head_clear(&call->head);
	set_option(call->easy, CURLOPT_FRESH_CONNECT, 0L);

	if (request->parsed_url) {
		url = *request->parsed_url;
	} else if (http_url_parse(request->url, &url) < 0) {
		judge(call, HTTP_INVALID, "the URL cannot be used");
		return;
	}
	call->is_https = url.is_https;
	set_option(call->easy, CURLOPT_URL, request->url);
	set_timeout(call, CURLOPT_CONNECTTIMEOUT_MS, request->connect_timeout_ms);
	if (!call_set_headers(call, request))
		judge(call, HTTP_INVALID, "a header has bytes that cannot be sent");
	if (!call_set_method(call, request))
		judge(call, HTTP_INVALID, "the method is neither GET without a body nor POST");
	if (request->addresses && request->address_count == 0)
		judge(call, HTTP_DNS, "the name has no address");
	call_set_pins(call, request, &url);
}

struct http_call *http_start(struct http_client *client, const struct http_request *request,
			     http_done_fn done, void *arg)
{
	struct http_call *call = call_take(client);

	call->done = done;
	call->arg = arg;
	call_prepare(call, request);
	call_queue(call, false);
	return call;
}

void http_cancel(struct http_call *call)
{
	call_detach(call);
	call_give_back(call);
}

/* ---- What came of a call ---- */

/* A failure that libcurl reports by its code alone. What is not listed happened before a connection
 * was usable (HTTP_CONNECT) or after (HTTP_PROTOCOL). */
static const struct {
	CURLcode code;
	enum http_outcome outcome;
} failures[] = {
	{ CURLE_URL_MALFORMAT, HTTP_INVALID },        { CURLE_COULDNT_RESOLVE_HOST, HTTP_DNS },
	{ CURLE_OPERATION_TIMEDOUT, HTTP_TIMEOUT },   { CURLE_SSL_CONNECT_ERROR, HTTP_TLS },
	{ CURLE_SSL_CERTPROBLEM, HTTP_TLS },          { CURLE_SSL_CIPHER, HTTP_TLS },
	{ CURLE_PEER_FAILED_VERIFICATION, HTTP_TLS }, { CURLE_SSL_ISSUER_ERROR, HTTP_TLS },
	{ CURLE_SSL_INVALIDCERTSTATUS, HTTP_TLS },    { CURLE_SSL_CLIENTCERT, HTTP_TLS },
	{ CURLE_SSL_CACERT_BADFILE, HTTP_LOCAL },     { CURLE_SSL_CRL_BADFILE, HTTP_LOCAL },
	{ CURLE_SSL_ENGINE_INITFAILED, HTTP_LOCAL },  { CURLE_FAILED_INIT, HTTP_LOCAL },
};

static enum http_outcome outcome_of_code(CURLcode code, bool is_ready)
{
	for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
		if (failures[i].code == code)
			return failures[i].outcome;
	}
	/* A header line of 5 MB is CURLE_OUT_OF_MEMORY too: the receiver's doing. */
	if (!is_ready && code == CURLE_OUT_OF_MEMORY)
		return HTTP_LOCAL;
	return is_ready ? HTTP_PROTOCOL : HTTP_CONNECT;
}

static int64_t read_time_us(struct http_call *call, CURLINFO which)
{
	curl_off_t time_us = 0;

	curl_easy_getinfo(call->easy, which, &time_us);
	return time_us;
}

/* How a transfer ended that never had a usable connection. */
static enum http_outcome outcome_before_request(struct http_call *call, CURLcode code)
{
	const struct http_progress *progress = &call->progress;
	enum http_outcome outcome = outcome_of_code(code, false);
	long os_errno = 0;

	if (progress->local_errno != 0)
		return HTTP_LOCAL;
	if (progress->is_blocked && !progress->has_opened)
		return HTTP_BLOCKED;
	if (outcome == HTTP_TIMEOUT && !progress->has_opened)
		return HTTP_DNS;
	if (outcome == HTTP_TIMEOUT && !progress->is_connected)
		return HTTP_CONNECT;
	curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &os_errno);
	if (code == CURLE_COULDNT_CONNECT && os_errno == ECONNREFUSED)
		return HTTP_REFUSED;
	return outcome;
}

static void judge_by_code(struct http_call *call, CURLcode code)
{
	const struct http_progress *progress = &call->progress;
	enum http_outcome outcome = HTTP_OK;
	const char *message = call->error[0] ? call->error : curl_easy_strerror(code);

	if (progress->is_judged)
		return;
	if (code == CURLE_OK)
		outcome = http_head_is_complete(&call->head) ? HTTP_OK : HTTP_PROTOCOL;
	else if (!progress->is_ready)
		outcome = outcome_before_request(call, code);
	else
		outcome = outcome_of_code(code, true);

	/* TLS 1.3 tells only after the handshake that it wants a client's certificate, say. */
	if (outcome == HTTP_PROTOCOL && call->is_https && call->head.total_bytes == 0 &&
	    strstr(message, " alert "))
		outcome = HTTP_TLS;
	if (outcome == HTTP_LOCAL && progress->local_errno != 0)
		message = strerrordesc_np(progress->local_errno);
	else if (outcome == HTTP_BLOCKED)
		message = "the address is not allowed";
	else if (outcome == HTTP_PROTOCOL && code == CURLE_OUT_OF_MEMORY)
		message = "a line of the answer's head is too long";
	judge(call, outcome, message);
}

static void read_times(struct http_call *call, struct http_result *result)
{
	int64_t before_us = call->started_us - call->created_us;
	int64_t dns_us = read_time_us(call, CURLINFO_NAMELOOKUP_TIME_T);
	int64_t connect_us = read_time_us(call, CURLINFO_CONNECT_TIME_T);
	int64_t tls_us = read_time_us(call, CURLINFO_APPCONNECT_TIME_T);
	int64_t first_byte_us = read_time_us(call, CURLINFO_STARTTRANSFER_TIME_T);
	bool is_reused = call->progress.is_ready && !call->progress.has_opened;

	result->total_us = clock_mono_us() - call->created_us;
	result->dns_us = is_reused ? 0 : dns_us > 0 ? before_us + dns_us : -1;
	result->connect_us = is_reused ? 0 : connect_us > 0 ? before_us + connect_us : -1;
	result->tls_us = !call->is_https ? -1
			 : is_reused     ? 0
			 : tls_us > 0    ? before_us + tls_us
					 : -1;
	result->first_byte_us = first_byte_us > 0 ? before_us + first_byte_us : -1;
}

static void release_hold(struct http_client *client)
{
	if (--client->holds > 0 || !client->is_destroyed)
		return;
	free(client->sockets);
	free(client->ca_file);
	free(client->user_agent);
	free(client);
}

/* Hands out the result of a call whose outcome is settled. */
static void call_complete(struct http_call *call)
{
	struct http_client *client = call->client;
	const struct http_progress *progress = &call->progress;
	bool has_head = http_head_is_complete(&call->head);
	struct http_result result = {
		.outcome = progress->outcome,
		.message = progress->message,
		.status = has_head ? call->head.status : 0,
		.head = has_head ? call->head.text.data : "",
		.body = call->body.data,
		.body_length = call->body.length,
		.truncated = progress->is_truncated,
		.has_peer = progress->has_peer,
		.peer = progress->peer,
		.dns_us = -1,
		.connect_us = -1,
		.tls_us = -1,
		.first_byte_us = -1,
	};

	if (call->state == CALL_STARTED)
		read_times(call, &result);
	else
		result.total_us = clock_mono_us() - call->created_us;
	call_detach(call);
	client->holds++;
	call->done(call->arg, &result);
	call_give_back(call);
	release_hold(client);
}

static void on_answer_timeout(void *arg)
{
	struct http_call *call = arg;

	judge(call, HTTP_TIMEOUT, "the answer took too long");
	call_complete(call);
}

/* ---- The turn ---- */

/* Gives the call to libcurl, or ends it if there is nothing to give. */
static void call_begin(struct http_call *call)
{
	struct http_client *client = call->client;

	call->started_us = clock_mono_us();
	int64_t rest_ms = call->timeout_ms - (call->started_us - call->created_us) / 1000;
	if (rest_ms <= 0 && call->timeout_ms > 0)
		judge(call, HTTP_TIMEOUT, "the time was over before the request could be sent");
	if (call->progress.is_judged) {
		call_complete(call);
		return;
	}
	set_timeout(call, CURLOPT_TIMEOUT_MS, call->timeout_ms > 0 ? rest_ms : 0);
	/* libcurl reads the list once per transfer, hence not in call_prepare(). */
	set_option(call->easy, CURLOPT_RESOLVE, call->pins);
	if (curl_multi_add_handle(client->multi, call->easy) != CURLM_OK) {
		judge(call, HTTP_LOCAL, "libcurl does not take the request");
		call_complete(call);
		return;
	}
	TAILQ_REMOVE(&client->queued, call, link);
	call->state = CALL_STARTED;
	TAILQ_INSERT_TAIL(&client->started, call, link);
}

/* Starts what is queued, as far as the turn's new TLS connections allow: a transfer may need one,
 * which shows only after libcurl has looked for a connection to reuse. */
static void begin_queued(struct http_client *client)
{
	struct http_call *call;
	unsigned perhaps_tls = client->new_tls;

	while (!client->is_destroyed && (call = TAILQ_FIRST(&client->queued))) {
		if (call->is_https && perhaps_tls++ >= NEW_TLS_PER_TURN)
			return;
		call_begin(call);
	}
}

static void serve_timer(struct http_client *client)
{
	int running;

	if (!client->is_timer_due || client->is_destroyed)
		return;
	client->is_timer_due = false;
	curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

static void restart(struct http_call *call)
{
	call_detach(call);
	call->was_restarted = true;
	call->progress = (struct http_progress){ 0 };
	set_option(call->easy, CURLOPT_FRESH_CONNECT, 1L);
	call_queue(call, true);
}

static void collect_ended(struct http_client *client)
{
	int left;
	CURLMsg *message;

	while (!client->is_destroyed && (message = curl_multi_info_read(client->multi, &left))) {
		struct http_call *call = NULL;
		CURLcode code = message->data.result;

		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
		if (call->progress.is_stale) {
			restart(call);
			continue;
		}
		judge_by_code(call, code);
		call_complete(call);
	}
}

static void on_turn(void *arg)
{
	struct http_client *client = arg;

	client->holds++;
	client->new_tls = 0;
	do {
		begin_queued(client);
		serve_timer(client);
	} while (!client->is_destroyed && !TAILQ_EMPTY(&client->queued) &&
		 client->new_tls < NEW_TLS_PER_TURN);
	collect_ended(client);
	if (!client->is_destroyed && !TAILQ_EMPTY(&client->queued))
		loop_turn_request(client->turn);
	release_hold(client);
}

static void on_timer(void *arg)
{
	struct http_client *client = arg;

	client->is_timer_due = true;
	loop_turn_request(client->turn);
}

/* When libcurl wants to be called though no socket is ready. */
static int on_timer_wanted(CURLM *multi, long delay_ms, void *arg)
{
	struct http_client *client = arg;

	(void)multi;
	client->is_timer_due = delay_ms == 0;
	if (delay_ms > 0)
		loop_timer_set(client->timer, delay_ms);
	else
		loop_timer_cancel(client->timer);
	if (delay_ms == 0)
		loop_turn_request(client->turn);
	return 0;
}

/* ---- Clients ---- */

struct http_client *http_client_create(struct loop *loop, const struct http_client_options *options)
{
	struct http_client *client = memory_zeroed(1, sizeof *client);

	must_be_initialised();
	client->loop = loop;
	client->multi = must_have(curl_multi_init());
	client->ca_file = memory_text(options->ca_file ? options->ca_file : DEBIAN_CA_FILE);
	client->user_agent = memory_text(options->user_agent);
	client->admit = options->admit;
	client->admit_arg = options->admit_arg;
	client->reserved_descriptors = options->reserved_descriptors;
	client->turn = loop_turn_create(loop, on_turn, client);
	client->timer = loop_timer_create(loop, on_timer, client);
	TAILQ_INIT(&client->queued);
	TAILQ_INIT(&client->started);
	TAILQ_INIT(&client->idle);
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)options->max_connections);
	return client;
}

static void free_all(struct http_calls *calls, bool is_detached)
{
	struct http_call *call;

	while ((call = TAILQ_FIRST(calls))) {
		if (is_detached)
			TAILQ_REMOVE(calls, call, link);
		else
			call_detach(call);
		call_free(call);
	}
}

void http_client_destroy(struct http_client *client)
{
	if (!client)
		return;
	assert(!client->is_destroyed);
	client->holds++;
	client->is_destroyed = true;
	free_all(&client->started, false);
	free_all(&client->queued, false);
	free_all(&client->idle, true);
	curl_multi_cleanup(client->multi); /* closes the connections that were kept */
	loop_turn_destroy(client->turn);
	loop_timer_destroy(client->timer);
	release_hold(client);
}

/* ---- Results and URLs ---- */

bool http_result_header(const struct http_result *result, const char *name, char *value,
			size_t size)
{
	size_t length;
	const char *found = http_head_field(result->head, name, &length);

	if (!found || length >= size)
		return false;
	memcpy(value, found, length);
	value[length] = '\0';
	return true;
}

static void cleanup_url(CURLU **url)
{
	curl_url_cleanup(*url);
}

static void cleanup_part(char **part)
{
	curl_free(*part);
}

static bool has_part(CURLU *url, CURLUPart which)
{
	CLEANUP(cleanup_part) char *part = NULL;

	return curl_url_get(url, which, &part, 0) == CURLUE_OK;
}

static int read_host(CURLU *parsed, struct http_url *url)
{
	CLEANUP(cleanup_part) char *part = NULL;

	if (curl_url_get(parsed, CURLUPART_HOST, &part, 0) != CURLUE_OK || part[0] == '\0')
		return -EINVAL;
	const char *host = part;
	size_t length = strlen(part);
	if (host[0] == '[' && length >= 2) {
		url->host_is_ipv6 = true;
		host++;
		length -= 2;
	}
	if (length >= sizeof url->host)
		return -EMSGSIZE;
	for (size_t i = 0; i < length; i++)
		url->host[i] = (char)tolower((unsigned char)host[i]);
	url->host[length] = '\0';
	return 0;
}

int http_url_parse(const char *text, struct http_url *ret_url)
{
	struct http_url url = { 0 };
	CLEANUP(cleanup_part) char *scheme = NULL, *port = NULL;

	must_be_initialised();
	CLEANUP(cleanup_url) CURLU *parsed = must_have(curl_url());
	if (curl_url_set(parsed, CURLUPART_URL, text, 0) != CURLUE_OK ||
	    curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
		return -EINVAL;
	url.is_https = strcmp(scheme, "https") == 0;
	if (!url.is_https && strcmp(scheme, "http") != 0)
		return -EINVAL;
	int result = read_host(parsed, &url);
	if (result < 0)
		return result;
	url.port = (uint16_t)strtoul(port, NULL, 10);
	url.has_userinfo = has_part(parsed, CURLUPART_USER) || has_part(parsed, CURLUPART_PASSWORD);
	url.has_zone = has_part(parsed, CURLUPART_ZONEID);
	url.has_fragment = strchr(text, '#') != NULL;
	*ret_url = url;
	return 0;
}
