/* json_writer - JSON out, in the order in which it is written, straight into a strbuf.
 *
 * Commas and nesting are kept by the writer; what a caller gets wrong (a value without a key in an
 * object) is a bug and asserts. Strings must be UTF-8; bytes that are not are written as U+FFFD, so
 * that the result is JSON whatever came in. Nothing here fails: the strbuf remembers if its maximum
 * was reached.
 */
#ifndef GOLIVED_BASE_JSON_WRITER_H
#define GOLIVED_BASE_JSON_WRITER_H

#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

struct json_writer {
	struct strbuf *out; /* borrowed */
	unsigned depth;     /* containers that are open; 63 at most */
	uint64_t has_items; /* bit per level: a comma is due before the next item */
	uint64_t is_object; /* bit per level: items need a key */
};

void json_writer_init(struct json_writer *writer, struct strbuf *out);

/* key is NULL for an item of an array and for the outermost value. */
void json_begin_object(struct json_writer *writer, const char *key);
void json_end_object(struct json_writer *writer);
void json_begin_array(struct json_writer *writer, const char *key);
void json_end_array(struct json_writer *writer);

void json_put_string(struct json_writer *writer, const char *key,
		     const char *text); /* NULL is written as null */
void json_put_string_n(struct json_writer *writer, const char *key, const char *text,
		       size_t length);
void json_put_integer(struct json_writer *writer, const char *key, int64_t number);
void json_put_real(struct json_writer *writer, const char *key,
		   double number); /* shortest digits that read back; not finite: null */
void json_put_bool(struct json_writer *writer, const char *key, bool flag);
void json_put_null(struct json_writer *writer, const char *key);

/* A time as the API writes it (clock_format), null for 0. */
void json_put_time(struct json_writer *writer, const char *key, int64_t unix_ms);

/* Text that is JSON already (a stored event body). */
void json_put_raw(struct json_writer *writer, const char *key, const char *json, size_t length);

#endif
