/* exchange - one HTTP request and the answer to it, as plain values.
 *
 *   in:   what the server read
 *   out:  what the server shall send, and how: whole, slowly, cut off, never
 *   not:  sockets (server)
 *
 * A stand-in must be able to misbehave in every way that the real thing does, so an answer says not
 * only what but also how: a role fills an answer, the server plays it.
 */
#ifndef GOLIVED_SIM_EXCHANGE_H
#define GOLIVED_SIM_EXCHANGE_H

#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_header {
	char *name, *value; /* owned by the request or answer that they are in */
};

struct sim_request {
	char *method;
	char *target;               /* as it stood on the request line: path and query */
	char *path;                 /* the target up to its '?' */
	const char *query;          /* behind the '?', or "" */
	struct sim_header *headers; /* names in lower case, in the order they came in */
	size_t header_count;
	struct strbuf body;
	char *remote; /* "127.0.0.1:53214" */
	int64_t received_at_ms;
};

enum { SIM_REQUEST_BODY_BYTES = 8 << 20, SIM_ANSWER_BODY_BYTES = 256 << 20 };

struct sim_request *sim_request_create(const char *target);
void sim_request_destroy(struct sim_request *request);
void sim_request_add_header(struct sim_request *request, const char *name, const char *value);

/* The value of the first header of that (lower-case) name, else NULL. */
const char *sim_request_header(const struct sim_request *request, const char *name);

/* The first query parameter of that name, percent-decoded. False if there is none, or it does not
 * fit. */
bool sim_request_parameter(const struct sim_request *request, const char *name, char *value,
			   size_t size);

/* How the connection ends once everything was sent. */
enum sim_ending {
	SIM_ENDS_WELL,   /* as HTTP has it: kept alive if the client likes */
	SIM_ENDS_CLOSED, /* closed at once */
	SIM_ENDS_RESET,  /* a TCP reset */
	SIM_ENDS_OPEN,   /* nothing more is sent, until the client leaves */
};

enum { SIM_ANSWER_HEADERS = 32 };

struct sim_answer {
	int status;
	struct sim_header headers[SIM_ANSWER_HEADERS];
	size_t header_count;
	struct strbuf body;
	bool is_raw;      /* body is all that is sent, head included */
	int64_t delay_ms; /* before the first byte */
	/* After the first drip_after bytes (head included) only drip_bytes are sent every
	 * drip_every_ms; drip_bytes 0: everything at once. */
	size_t drip_after, drip_bytes;
	int64_t drip_every_ms;
	size_t cut_after; /* so many bytes, head included, and no more; 0: all of them */
	enum sim_ending ending;
};

/* Status 200, no headers, no body, sent at once. */
void sim_answer_init(struct sim_answer *answer);
void sim_answer_finish(struct sim_answer *answer);

/* Beyond SIM_ANSWER_HEADERS they are left out. */
void sim_answer_add_header(struct sim_answer *answer, const char *name, const char *value);
void sim_answer_add_number(struct sim_answer *answer, const char *name, int64_t number);

/* A status and {"error": text}, whatever was in the answer. */
void sim_answer_fail(struct sim_answer *answer, int status, const char *text);

/* True if the answer is plain HTTP that a server library can send by itself. */
bool sim_answer_is_plain(const struct sim_answer *answer);

/* The bytes that go over the wire for an answer that is not plain. */
void sim_answer_render(const struct sim_answer *answer, struct strbuf *bytes);

#endif
