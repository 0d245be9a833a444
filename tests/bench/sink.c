#include "sink.h"

#include "base/clock.h"
#include "base/memory.h"
#include "sink_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUEST_MAX_BYTES = 16 << 10, EVENTS_AT_ONCE = 256 };

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
static const char last_answer[] =
	"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";

struct connection {
	int fd;
	struct sink_session *session; /* owned; NULL: in the clear */
	enum sink_kind kind;
	bool is_listener, is_last;    /* is_last: nothing more is wanted of it */
	struct connection *next_slow; /* answers that wait, in the order of their time */
	int64_t answer_at_ms;
	size_t length;
	char text[REQUEST_MAX_BYTES];
};

struct server {
	int epoll;
	struct sink_tls *tls; /* borrowed */
	struct sink_shared *shared;
	struct connection *slow_first, **slow_last;
};

static void must(bool is_done, const char *what)
{
	if (is_done)
		return;
	perror(what);
	exit(1);
}

/* ---- the child ---- */

static bool is_tls(enum sink_kind kind)
{
	return kind == SINK_TLS || kind == SINK_TLS_ONCE;
}

static ssize_t take_bytes(struct connection *connection, void *data, size_t size)
{
	if (connection->session)
		return sink_session_recv(connection->session, data, size);
	return recv(connection->fd, data, size, 0);
}

static void give_bytes(struct connection *connection, const char *data, size_t size)
{
	ssize_t given = connection->session ? sink_session_send(connection->session, data, size)
					    : send(connection->fd, data, size, MSG_NOSIGNAL);
	must(given >= 0 || errno == EPIPE || errno == ECONNRESET, "send");
}

static void watch(struct server *server, int fd, enum sink_kind kind, bool is_listener)
{
	struct connection *connection = memory_zeroed(1, sizeof(*connection));
	connection->fd = fd;
	connection->kind = kind;
	connection->is_listener = is_listener;
	if (is_tls(kind) && !is_listener)
		connection->session = sink_session_create(server->tls, fd);
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };
	must(epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

static void accept_all(struct server *server, const struct connection *listener)
{
	int fd;
	while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK)) >= 0)
		watch(server, fd, listener->kind, false);
}

static void sample(struct sink_shared *shared, const char *body, size_t length)
{
	static const char key[] = "\"sequence\":";
	const char *found = memmem(body, length, key, sizeof(key) - 1);
	unsigned long sequence = found ? strtoul(found + sizeof(key) - 1, NULL, 10) : 0;
	int64_t committed_us = sequence < SINK_SAMPLES_MAX ? shared->committed_us[sequence] : 0;
	unsigned count = shared->sample_count;
	if (committed_us == 0 || count == SINK_SAMPLES_MAX)
		return;
	int64_t took_us = clock_mono_us() - committed_us;
	shared->samples_us[count] = took_us > 0 ? (uint32_t)took_us : 0;
	shared->sample_count = count + 1;
}

static void respond(struct server *server, struct connection *connection)
{
	switch (connection->kind) {
	case SINK_FAST:
	case SINK_UNMEASURED:
	case SINK_TLS:
		give_bytes(connection, answer, sizeof(answer) - 1);
		return;
	case SINK_TLS_ONCE:
		give_bytes(connection, last_answer, sizeof(last_answer) - 1);
		connection->is_last = true;
		return;
	case SINK_SLOW:
		connection->answer_at_ms = clock_mono_ms() + SINK_SLOW_MS;
		connection->next_slow = NULL;
		*server->slow_last = connection;
		server->slow_last = &connection->next_slow;
		return;
	case SINK_SILENT:
	case SINK_KINDS:
		return;
	}
}

/* Takes the first request out of what came. False: it is not complete. */
static bool take_request(struct server *server, struct connection *connection)
{
	static const char length_field[] = "Content-Length: ";
	connection->text[connection->length] = '\0';
	char *end = strstr(connection->text, "\r\n\r\n");
	char *field = end ? strcasestr(connection->text, length_field) : NULL;
	size_t body_length = field ? strtoul(field + sizeof(length_field) - 1, NULL, 10) : 0;
	size_t total = end ? (size_t)(end + 4 - connection->text) + body_length : SIZE_MAX;
	if (total > connection->length)
		return false;
	if (connection->kind == SINK_FAST) {
		sample(server->shared, end + 4, body_length);
		if (server->shared->first_arrival_us == 0)
			server->shared->first_arrival_us = clock_mono_us();
	}
	server->shared->received[connection->kind]++;
	memmove(connection->text, connection->text + total, connection->length - total);
	connection->length -= total;
	return true;
}

/* A slow answer may still be waiting: then the connection is only closed once that is over. */
static void drop(struct server *server, struct connection *connection)
{
	epoll_ctl(server->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
	sink_session_destroy(TAKE(connection->session));
	close(connection->fd);
	connection->fd = -1;
	if (connection->answer_at_ms == 0)
		free(connection);
}

/* One reading. True: there may be more that epoll does not tell of, as TLS has read ahead. */
static bool serve(struct server *server, struct connection *connection)
{
	size_t room = sizeof(connection->text) - 1 - connection->length;
	ssize_t got = take_bytes(connection, connection->text + connection->length, room);
	if (got < 0 && errno == EAGAIN)
		return false;
	if (got > 0) {
		connection->length += (size_t)got;
		while (take_request(server, connection))
			respond(server, connection);
	}
	if (got <= 0 || connection->is_last) {
		drop(server, connection);
		return false;
	}
	return connection->session != NULL;
}

/* Returns how long to wait for the next one; -1: for ever. */
static int answer_slow(struct server *server)
{
	struct connection *connection;
	while ((connection = server->slow_first)) {
		int64_t wait_ms = connection->answer_at_ms - clock_mono_ms();
		if (wait_ms > 0)
			return (int)wait_ms;
		server->slow_first = connection->next_slow;
		if (!server->slow_first)
			server->slow_last = &server->slow_first;
		connection->answer_at_ms = 0;
		if (connection->fd < 0)
			free(connection);
		else
			(void)!send(connection->fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
	}
	return -1;
}

static void run(struct sink *sink, const int listeners[SINK_KINDS])
{
	struct server server = { .epoll = epoll_create1(0),
				 .tls = sink->tls,
				 .shared = sink->shared };
	struct epoll_event events[EVENTS_AT_ONCE];
	server.slow_last = &server.slow_first;
	for (int kind = 0; kind < SINK_KINDS; kind++) {
		if (server.tls || !is_tls((enum sink_kind)kind))
			watch(&server, listeners[kind], (enum sink_kind)kind, true);
	}
	for (;;) {
		int count = epoll_wait(server.epoll, events, EVENTS_AT_ONCE, answer_slow(&server));
		must(count >= 0 || errno == EINTR, "epoll_wait");
		for (int i = 0; i < count; i++) {
			struct connection *connection = events[i].data.ptr;
			if (connection->is_listener)
				accept_all(&server, connection);
			else
				while (serve(&server, connection))
					;
		}
	}
}

/* ---- the parent ---- */

static int open_listener(uint16_t *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	must(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 4096) == 0 &&
		     getsockname(fd, (struct sockaddr *)&address, &size) == 0,
	     "a port for the receiver");
	*ret_port = ntohs(address.sin_port);
	return fd;
}

void sink_start(struct sink *sink)
{
	sink_start_tls(sink, NULL);
}

void sink_start_tls(struct sink *sink, struct sink_tls *tls)
{
	int listeners[SINK_KINDS];
	pid_t parent = getpid();
	sink->tls = tls;
	sink->shared = mmap(NULL, sizeof(*sink->shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(sink->shared != MAP_FAILED, "mmap");
	for (int kind = 0; kind < SINK_KINDS; kind++)
		listeners[kind] = open_listener(&sink->ports[kind]);
	sink->pid = fork();
	must(sink->pid >= 0, "fork");
	if (sink->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "sink");
		if (getppid() == parent)
			run(sink, listeners);
		_exit(1);
	}
	for (int kind = 0; kind < SINK_KINDS; kind++)
		close(listeners[kind]);
}

void sink_stop(struct sink *sink)
{
	kill(sink->pid, SIGKILL);
	waitpid(sink->pid, NULL, 0);
	munmap(sink->shared, sizeof(*sink->shared));
}

void sink_reset(struct sink *sink)
{
	sink->shared->sample_count = 0;
	sink->shared->first_arrival_us = 0;
}

static int compare(const void *a, const void *b)
{
	uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
	return (one > other) - (one < other);
}

double sink_quantile_ms(struct sink *sink, double q)
{
	unsigned count = sink->shared->sample_count;
	if (count == 0)
		return -1;
	qsort(sink->shared->samples_us, count, sizeof(uint32_t), compare);
	unsigned index = (unsigned)(q * count);
	return sink->shared->samples_us[index < count ? index : count - 1] / 1000.0;
}
