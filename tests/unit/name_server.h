/* name_server - a DNS server on loopback, on a thread of its own, whose replies are the test's.
 *
 * For tests only; one header, as each test is one file.
 */
#ifndef GOLIVED_TESTS_NAME_SERVER_H
#define GOLIVED_TESTS_NAME_SERVER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { QUESTION_AT = 12, QUESTION_MAX = 512 };

/* On the server's thread: a question for records of a type (1: A, 28: AAAA), without the EDNS
 * record that may have stood behind it. A reply, if there is one, goes out by fd. */
typedef void (*name_question_fn)(void *arg, int fd, const uint8_t *question, size_t length,
				 unsigned type, const struct sockaddr_in *from);

struct name_server {
	int fd;
	uint16_t port;
	pthread_t thread;
	name_question_fn on_question;
	void *arg;
};

static void *name_server_main(void *arg)
{
	struct name_server *server = arg;
	for (;;) {
		uint8_t question[QUESTION_MAX];
		struct sockaddr_in from;
		socklen_t from_length = sizeof(from);
		ssize_t got = recvfrom(server->fd, question, sizeof(question), 0,
				       (struct sockaddr *)&from, &from_length);
		if (got <= QUESTION_AT + 5) /* name_server_stop() */
			return NULL;
		size_t end = QUESTION_AT;
		while (question[end] != 0)
			end += question[end] + 1u;
		question[10] = question[11] = 0; /* no further records */
		server->on_question(server->arg, server->fd, question, end + 5, question[end + 2],
				    &from);
	}
}

static inline int bind_to_loopback(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	*address = (struct sockaddr_in){ .sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(fd, (struct sockaddr *)address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)address, &length), 0);
	return fd;
}

static inline void name_server_start(struct name_server *server, name_question_fn on_question,
				     void *arg)
{
	struct sockaddr_in address;
	*server = (struct name_server){ .on_question = on_question, .arg = arg };
	server->fd = bind_to_loopback(&address);
	server->port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&server->thread, NULL, name_server_main, server), 0);
}

static inline void name_server_stop(struct name_server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(server->port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	sendto(server->fd, "", 1, 0, (struct sockaddr *)&address, sizeof(address));
	pthread_join(server->thread, NULL);
	close(server->fd);
}

#endif
