/* json - strict JSON in: a text is taken whole and right, or not at all.
 *
 *   in:   bytes
 *   out:  a tree of read-only values
 *   not:  writing JSON (json_writer)
 *
 * Strict means: valid UTF-8, no byte order mark, no lone surrogate, no \u0000, no duplicate key,
 * nothing behind the value, nothing nested deeper than LIMIT_JSON_DEPTH. Keys are compared exactly.
 * Integers keep every digit, however many: json_number_text() is the token as it stood in the
 * input.
 *
 * Values belong to the document they came from and live as long as it does. Every accessor takes
 * NULL for "there is no such value" and answers as for a value of the wrong type.
 */
#ifndef GOLIVED_BASE_JSON_H
#define GOLIVED_BASE_JSON_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_document;
struct json_value;

enum json_type {
	JSON_ABSENT, /* the type of NULL */
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

/* Why a text was refused: a phrase for a person, and the byte offset at which it went wrong. */
struct json_error {
	const char *reason; /* static text */
	size_t offset;
};

/* Parses length bytes. -EINVAL with *ret_error filled (when given) for what is not strict JSON. The
 * caller destroys the document. */
int json_parse(const char *text, size_t length, struct json_document **ret_document,
	       struct json_error *ret_error) MUST_CHECK;
void json_destroy(struct json_document *document);
void json_cleanup(struct json_document **document); /* for CLEANUP() */

const struct json_value *json_root(const struct json_document *document);

enum json_type json_type(const struct json_value *value);

/* The member of that exact name, or NULL. */
const struct json_value *json_member(const struct json_value *object, const char *key);

/* Walks the items of an array or the members of an object:
 *     for (v = json_first(array); v; v = json_next(v)) …
 * json_key() is the name of a member, NULL for an item of an array. json_count() is their number.
 */
const struct json_value *json_first(const struct json_value *container);
const struct json_value *json_next(const struct json_value *item);
const char *json_key(const struct json_value *member);
size_t json_count(const struct json_value *container);

/* The text of a string, else NULL. */
const char *json_string(const struct json_value *value);

/* The digits of a number as they stood in the input ("7000000000000000000", "1e3"), else NULL. */
const char *json_number_text(const struct json_value *value);

/* True, and *ret_x written, if the value is of that type and (for the integer) is written without
 * fraction or exponent and fits. */
bool json_bool(const struct json_value *value, bool *ret_flag);
bool json_integer(const struct json_value *value, int64_t *ret_number);
bool json_real(const struct json_value *value, double *ret_number);

#endif
