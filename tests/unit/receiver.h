/* receiver - a webhook receiver on loopback that does what a script says, on a thread of its own.
 *
 * Answers are raw bytes, chosen by the script for each request from its path and its number there.
 * A connection stays open after an answer unless the answer says otherwise (see AFTER_…). For tests
 * only; one header, as each test is one file.
 */
#ifndef GOLIVED_TESTS_RECEIVER_H
#define GOLIVED_TESTS_RECEIVER_H

#include "base/clock.h"
#include "base/memory.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* An answer that ends with one of these bytes is not the end of the connection's story. */
#define AFTER_CLOSE "\001"
#define AFTER_RESET "\002"

#define RECEIVER_OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

enum { RECEIVER_CONNECTIONS = 512, RECEIVER_REQUESTS = 4096, RECEIVER_TEXT = 64 << 10 };

struct receiver_request {
	char path[64];
	char *head, *body; /* owned */
	int64_t at_mono_ms;
	unsigned number; /* at its path, from 1 */
};

/* Returns the answer; NULL: none, ever. */
typedef const char *(*receiver_script_fn)(const char *path, unsigned number);

struct receiver_connection {
	int fd;
	char *text; /* what came and is no request yet */
	size_t length;
	const char *held; /* an answer that waits for receiver_release() */
	char path[64];
};

struct receiver {
	uint16_t port;
	int listener, wake;
	pthread_t thread;
	receiver_script_fn script;

	pthread_mutex_t lock; /* guards all that follows */
	bool is_stopping;
	char holding[64]; /* answers to this path are held; "": none */
	struct receiver_connection connections[RECEIVER_CONNECTIONS];
	unsigned connection_count, connections_seen;
	struct receiver_request requests[RECEIVER_REQUESTS];
	unsigned request_count;
};

static inline void receiver_close(struct receiver *receiver, unsigned index, bool is_reset)
{
	struct receiver_connection *connection = &receiver->connections[index];
	struct linger linger = { .l_onoff = 1 };
	if (is_reset)
		setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(connection->fd);
	free(connection->text);
	*connection = receiver->connections[--receiver->connection_count];
}

/* False: the connection is gone. */
static inline bool receiver_answer(struct receiver *receiver, unsigned index, const char *answer)
{
	int fd = receiver->connections[index].fd;
	size_t length = answer ? strlen(answer) : 0;
	char after = length ? answer[length - 1] : 0;
	if (after == AFTER_CLOSE[0] || after == AFTER_RESET[0])
		length--;
	for (size_t sent = 0; sent < length;) {
		ssize_t part = send(fd, answer + sent, length - sent, MSG_NOSIGNAL);
		if (part <= 0)
			break;
		sent += (size_t)part;
	}
	if (after != AFTER_CLOSE[0] && after != AFTER_RESET[0])
		return true;
	receiver_close(receiver, index, after == AFTER_RESET[0]);
	return false;
}

static inline unsigned receiver_count_locked(const struct receiver *receiver, const char *path)
{
	unsigned count = 0;
	for (unsigned i = 0; i < receiver->request_count; i++)
		count += strcmp(receiver->requests[i].path, path) == 0;
	return count;
}

/* Takes one whole request out of what came; false: there is none. */
static inline bool receiver_take_request(struct receiver *receiver, unsigned index)
{
	struct receiver_connection *connection = &receiver->connections[index];
	char *end = strstr(connection->text, "\r\n\r\n");
	if (!end || receiver->request_count == RECEIVER_REQUESTS)
		return false;
	size_t head_length = (size_t)(end + 4 - connection->text);
	const char *field = strcasestr(connection->text, "\r\ncontent-length:");
	size_t body_length = field && field < end ? strtoul(field + 17, NULL, 10) : 0;
	if (connection->length < head_length + body_length)
		return false;

	struct receiver_request *request = &receiver->requests[receiver->request_count];
	*request = (struct receiver_request){ .at_mono_ms = clock_mono_ms() };
	sscanf(connection->text, "%*s %63s", request->path);
	request->head = memory_text_n(connection->text, head_length);
	request->body = memory_text_n(connection->text + head_length, body_length);
	request->number = receiver_count_locked(receiver, request->path) + 1;
	receiver->request_count++;
	connection->length -= head_length + body_length;
	memmove(connection->text, connection->text + head_length + body_length,
		connection->length + 1);
	memcpy(connection->path, request->path, sizeof(connection->path));
	connection->held = receiver->script(request->path, request->number);
	return true;
}

static inline void receiver_read(struct receiver *receiver, unsigned index)
{
	struct receiver_connection *connection = &receiver->connections[index];
	ssize_t got = recv(connection->fd, connection->text + connection->length,
			   RECEIVER_TEXT - 1 - connection->length, 0);
	if (got <= 0) {
		receiver_close(receiver, index, false);
		return;
	}
	connection->length += (size_t)got;
	connection->text[connection->length] = '\0';
	if (!connection->held && receiver_take_request(receiver, index) && connection->held &&
	    strcmp(connection->path, receiver->holding) != 0)
		receiver_answer(receiver, index, TAKE(connection->held));
}

static inline void receiver_answer_held(struct receiver *receiver)
{
	for (unsigned i = receiver->connection_count; i-- > 0;) {
		struct receiver_connection *connection = &receiver->connections[i];
		if (connection->held && strcmp(connection->path, receiver->holding) != 0)
			receiver_answer(receiver, i, TAKE(connection->held));
	}
}

static inline void receiver_accept(struct receiver *receiver)
{
	int fd = accept4(receiver->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (receiver->connection_count == RECEIVER_CONNECTIONS) {
		close(fd);
		return;
	}
	receiver->connections_seen++;
	receiver->connections[receiver->connection_count++] =
		(struct receiver_connection){ .fd = fd, .text = memory_zeroed(1, RECEIVER_TEXT) };
}

static inline void *receiver_run(void *arg)
{
	struct receiver *receiver = arg;
	for (;;) {
		struct pollfd fds[RECEIVER_CONNECTIONS + 2];
		pthread_mutex_lock(&receiver->lock);
		unsigned count = receiver->connection_count;
		bool is_stopping = receiver->is_stopping;
		for (unsigned i = 0; i < count; i++)
			fds[i] = (struct pollfd){ receiver->connections[i].fd, POLLIN, 0 };
		pthread_mutex_unlock(&receiver->lock);
		if (is_stopping)
			return NULL;
		fds[count] = (struct pollfd){ receiver->listener, POLLIN, 0 };
		fds[count + 1] = (struct pollfd){ receiver->wake, POLLIN, 0 };
		poll(fds, count + 2, -1);

		pthread_mutex_lock(&receiver->lock);
		for (unsigned i = count; i-- > 0;) { /* backwards: closing moves the last one */
			if (fds[i].revents)
				receiver_read(receiver, i);
		}
		if (fds[count].revents)
			receiver_accept(receiver);
		uint64_t ignored;
		if (fds[count + 1].revents && read(receiver->wake, &ignored, sizeof(ignored)) > 0)
			receiver_answer_held(receiver);
		pthread_mutex_unlock(&receiver->lock);
	}
}

static inline struct receiver *receiver_start(receiver_script_fn script)
{
	struct receiver *receiver = memory_zeroed(1, sizeof(*receiver));
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	receiver->script = script;
	receiver->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	receiver->wake = eventfd(0, EFD_CLOEXEC);
	if (bind(receiver->listener, (struct sockaddr *)&address, length) != 0 ||
	    listen(receiver->listener, 512) != 0 ||
	    getsockname(receiver->listener, (struct sockaddr *)&address, &length) != 0)
		abort();
	receiver->port = ntohs(address.sin_port);
	pthread_mutex_init(&receiver->lock, NULL);
	pthread_create(&receiver->thread, NULL, receiver_run, receiver);
	return receiver;
}

static inline void receiver_wake(struct receiver *receiver)
{
	uint64_t one = 1;
	if (write(receiver->wake, &one, sizeof(one)) < 0)
		abort();
}

static inline void receiver_stop(struct receiver *receiver)
{
	pthread_mutex_lock(&receiver->lock);
	receiver->is_stopping = true;
	pthread_mutex_unlock(&receiver->lock);
	receiver_wake(receiver);
	pthread_join(receiver->thread, NULL);
	while (receiver->connection_count > 0)
		receiver_close(receiver, 0, false);
	for (unsigned i = 0; i < receiver->request_count; i++) {
		free(receiver->requests[i].head);
		free(receiver->requests[i].body);
	}
	close(receiver->listener);
	close(receiver->wake);
	free(receiver);
}

/* From now on answers to this path wait for receiver_release(). */
static inline void receiver_hold(struct receiver *receiver, const char *path)
{
	pthread_mutex_lock(&receiver->lock);
	snprintf(receiver->holding, sizeof(receiver->holding), "%s", path);
	pthread_mutex_unlock(&receiver->lock);
}

static inline void receiver_release(struct receiver *receiver)
{
	receiver_hold(receiver, "");
	receiver_wake(receiver);
}

static inline unsigned receiver_count(struct receiver *receiver, const char *path)
{
	pthread_mutex_lock(&receiver->lock);
	unsigned count = receiver_count_locked(receiver, path);
	pthread_mutex_unlock(&receiver->lock);
	return count;
}

/* The n-th request (from 1) to the path; NULL: there is none. It stays until receiver_stop(). */
static inline const struct receiver_request *receiver_find(struct receiver *receiver,
							   const char *path, unsigned number)
{
	const struct receiver_request *found = NULL;
	pthread_mutex_lock(&receiver->lock);
	for (unsigned i = 0; i < receiver->request_count; i++) {
		if (receiver->requests[i].number == number &&
		    strcmp(receiver->requests[i].path, path) == 0)
			found = &receiver->requests[i];
	}
	pthread_mutex_unlock(&receiver->lock);
	return found;
}

/* Copies the value of a header; "" if it is not there. */
static inline const char *receiver_header(const struct receiver_request *request, const char *name,
					  char value[512])
{
	value[0] = '\0';
	for (const char *line = strstr(request->head, "\r\n"); line; line = strstr(line, "\r\n")) {
		line += 2;
		size_t length = strlen(name);
		if (strncasecmp(line, name, length) == 0 && line[length] == ':')
			sscanf(line + length + 1, " %511[^\r]", value);
	}
	return value;
}

#endif
