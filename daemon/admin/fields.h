/* fields - the members of a request's body, by type: each is absent, null, right, or a 422.
 *
 *   in:   a request's body
 *   out:  values; or, for a value that is not acceptable, the problem in the reply
 *   not:  names that are not known (routes), what a value means
 *
 * FIELD_BAD: the reply holds the problem, with the field's name; the handler returns. What is
 * FIELD_ABSENT or FIELD_NULL leaves ret_x untouched.
 */
#ifndef GOLIVED_ADMIN_FIELDS_H
#define GOLIVED_ADMIN_FIELDS_H

#include "admin/reply.h"
#include "admin/request.h"
#include "domain/event.h"
#include "domain/handle.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_state { FIELD_ABSENT, FIELD_NULL, FIELD_GIVEN, FIELD_BAD };

/* Texts that a body names: in order, none twice. Owned; points into nothing else. */
struct text_list {
	const char **items; /* each owned */
	size_t count;
};
void text_list_finish(struct text_list *list);

/* A string of at most max_chars characters (of UTF-8, not bytes); *ret_text is borrowed from the
 * body. */
enum field_state field_text(const struct admin_request *request, const char *name, size_t max_chars,
			    struct admin_reply *reply, const char **ret_text);
enum field_state field_flag(const struct admin_request *request, const char *name,
			    struct admin_reply *reply, bool *ret_flag);
enum field_state field_integer(const struct admin_request *request, const char *name, int64_t min,
			       int64_t max, struct admin_reply *reply, int64_t *ret_number);
/* RFC 3339. */
enum field_state field_time(const struct admin_request *request, const char *name,
			    struct admin_reply *reply, int64_t *ret_unix_ms);
enum field_state field_event_type(const struct admin_request *request, const char *name,
				  struct admin_reply *reply, enum event_type *ret_type);
/* An array, not empty, of event types: a bit each. */
enum field_state field_event_types(const struct admin_request *request, const char *name,
				   struct admin_reply *reply, unsigned *ret_types);
/* A creator, in any spelling, normalized. */
enum field_state field_handle(const struct admin_request *request, const char *name,
			      struct admin_reply *reply, char ret_handle[HANDLE_SIZE]);
/* An array of creators, normalized, sorted, none twice. The caller finishes the list (init it with
 * {0}). */
enum field_state field_handles(const struct admin_request *request, const char *name,
			       struct admin_reply *reply, struct text_list *ret_handles);

/* An array of strings, as they are, sorted, none twice. */
enum field_state field_texts(const struct admin_request *request, const char *name,
			     struct admin_reply *reply, struct text_list *ret_texts);

/* True, and a 422 in the reply, if a field that must be given is absent or null. FIELD_BAD is true,
 * too. */
bool field_is_missing(enum field_state state, const char *name, struct admin_reply *reply);

#endif
