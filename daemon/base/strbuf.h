/* strbuf - text that grows up to a maximum which its owner must name.
 *
 * What would pass the maximum is not appended, nor is anything after it, and the buffer remembers:
 * what is there is always a prefix, in whole pieces, of what was meant. Callers append freely and
 * ask once, at the end, with strbuf_is_full(). data is always NUL-terminated (and never NULL).
 */
#ifndef GOLIVED_BASE_STRBUF_H
#define GOLIVED_BASE_STRBUF_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stddef.h>

struct strbuf {
	char *data;    /* owned; points to a static empty string until something is appended */
	size_t length; /* bytes, the NUL not counted */
	size_t capacity;
	size_t max_bytes;
	bool full; /* something did not fit; stays true until strbuf_clear() */
};

void strbuf_init(struct strbuf *buffer, size_t max_bytes);
void strbuf_finish(struct strbuf *buffer);
void strbuf_clear(struct strbuf *buffer); /* empties, keeps the memory */

void strbuf_add(struct strbuf *buffer, const void *bytes, size_t length);
void strbuf_add_text(struct strbuf *buffer, const char *text);
void strbuf_add_char(struct strbuf *buffer, char byte);
void strbuf_addf(struct strbuf *buffer, const char *format, ...) PRINTF_LIKE(2, 3);

bool strbuf_is_full(const struct strbuf *buffer);

/* Gives the text to the caller, who free()s it; the buffer is empty afterwards. */
char *strbuf_steal(struct strbuf *buffer);

#endif
