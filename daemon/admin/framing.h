/* framing - where one request ends and the next begins must not be a matter of opinion.
 *
 *   in:   the header fields of a request, one by one, and its version
 *   out:  whether it is refused, and what its framing says
 *   not:  reading (server)
 *
 * libmicrohttpd takes a Content-Length beside a Transfer-Encoding, and either of them twice. A
 * proxy in front may read such a request another way (RFC 9112, 6.3 and 11.2): it is refused. So is
 * one that does not say once whom it is for (RFC 9112, 3.2).
 */
#ifndef GOLIVED_ADMIN_FRAMING_H
#define GOLIVED_ADMIN_FRAMING_H

#include <stdbool.h>
#include <stdint.h>

struct framing {
	unsigned hosts, content_lengths, transfer_encodings;
	bool has_bad_length;    /* not a number */
	bool has_bad_encoding;  /* something else than chunked */
	int64_t content_length; /* INT64_MAX: more than that */
	bool expects_continue;
};

/* Looks at one header field. Begin with {0}. */
void framing_note(struct framing *framing, const char *name, const char *value);

/* NULL, or a sentence that says why the request is refused. version: "HTTP/1.1". */
const char *framing_refusal(const struct framing *framing, const char *version);

#endif
