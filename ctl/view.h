/* view - answers of the API made readable: lists as tables, single things as lines.
 *
 *   in:   JSON
 *   out:  text
 *   not:  printing it (console)
 */
#ifndef GOLIVED_CTL_VIEW_H
#define GOLIVED_CTL_VIEW_H

#include "base/json.h"
#include "base/strbuf.h"

#include <stdbool.h>

enum view_kind {
	VIEW_TEXT,
	VIEW_NUMBER, /* to the right */
	VIEW_TIME,   /* without its milliseconds */
	VIEW_STATE,  /* in the colour of what it says */
};

struct view_column {
	const char *heading;
	const char *path; /* of members: "deliveries.dead" */
	enum view_kind kind;
};

enum { VIEW_COLUMNS_MAX = 12 };

/* The member at the end of a path; NULL: there is none. */
const struct json_value *view_find(const struct json_value *object, const char *path);

/* Appends a table of the objects in an array. columns ends with a NULL heading. */
void view_list(const struct json_value *array, const struct view_column *columns, bool with_colours,
	       struct strbuf *out);

/* Appends an event's body as one line: when, what, who, in which order, its id, the title. */
void view_event(const struct json_value *event, bool with_colours, struct strbuf *out);

/* Appends an object, a line for each member, and for each of an object of objects, as
 * `payload.event`; lists of objects in it as tables below. */
void view_object(const struct json_value *object, bool with_colours, struct strbuf *out);

#endif
