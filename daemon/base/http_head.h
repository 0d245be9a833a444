/* http_head - the head of an answer, line by line: which block of lines is the final one, and its
 * status.
 *
 *   in:   the lines as they came, those of 1xx blocks and trailers included
 *   out:  the final head, once it is complete
 *   not:  the body; the connection (http)
 *
 * A head counts only when its blank line has come: a status line alone is no answer.
 */
#ifndef GOLIVED_BASE_HTTP_HEAD_H
#define GOLIVED_BASE_HTTP_HEAD_H

#include "base/attrs.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

enum http_head_state { HTTP_HEAD_START, HTTP_HEAD_FIELDS, HTTP_HEAD_COMPLETE };

struct http_head {
	enum http_head_state state;
	int status;         /* of the block that came last */
	size_t total_bytes; /* all lines together */
	struct strbuf text; /* the block that came last */
};

void http_head_init(struct http_head *head);
void http_head_finish(struct http_head *head);
void http_head_clear(struct http_head *head); /* for the next answer; keeps the memory */

/* Takes a line with its end of line. NULL; or, if what came cannot be taken for an HTTP/1.x answer
 * to a request of ours, why (static text): not a status line, a NUL, over
 * LIMIT_RESPONSE_HEAD_BYTES, 101 Switching Protocols, a transfer encoding other than chunked (RFC
 * 9112 7.4: only after a TE header, which we never send). */
const char *http_head_add_line(struct http_head *head, const char *line, size_t length) MUST_CHECK;

bool http_head_is_complete(const struct http_head *head);

/* The value of the first field of that name (any case) in a head's text, without the white space
 * around it. NULL if there is none. Points into text. */
const char *http_head_field(const char *text, const char *name, size_t *ret_length);

/* May this be sent as a field? A token (RFC 9110 5.6.2), and bytes 0x20 to 0x7e and tab. */
bool http_field_is_sendable(const char *name, const char *value);

#endif
