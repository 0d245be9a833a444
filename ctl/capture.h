/* capture - a request as a receiver got it: headers and body, from options or from the line of JSON
 * that golivesim writes.
 *
 *   in:   {"headers":{"name":"value"},"body":"…"}, or headers and a body one by one
 *   out:  headers by name, the body
 *   not:  judging the signatures (verify)
 */
#ifndef GOLIVED_CTL_CAPTURE_H
#define GOLIVED_CTL_CAPTURE_H

#include "base/attrs.h"
#include "base/strbuf.h"

#include <stddef.h>

struct capture_header {
	char *name, *value; /* owned */
};

struct capture {
	struct capture_header *headers; /* owned */
	size_t header_count;
	char *body; /* owned; NULL: none was given */
	size_t body_length;
};

void capture_finish(struct capture *capture);

/* "Name: value". -EINVAL: there is no colon. */
int capture_add_header(struct capture *capture, const char *line) MUST_CHECK;

void capture_set_body(struct capture *capture, const char *body, size_t length);

/* The first line of text. -EINVAL with a sentence in why. */
int capture_read_json(struct capture *capture, const char *text, struct strbuf *why) MUST_CHECK;

/* By name, in any case; NULL: there is none. */
const char *capture_header(const struct capture *capture, const char *name);

/* The value of the first header whose name ends so ("-signature" of X-Tiktool-Signature, whatever
 * the prefix), but for one that begins with `not`. */
const char *capture_header_ending(const struct capture *capture, const char *ending,
				  const char * not );

#endif
