/* fields - the members of a JSON object into a struct, by a table: for the control APIs.
 *
 * A member that the table does not name is a mistake (a misspelt fault would look like a fault that
 * never comes), and so is a value of another type. null stands for "not given".
 */
#ifndef GOLIVED_SIM_FIELDS_H
#define GOLIVED_SIM_FIELDS_H

#include "base/attrs.h"
#include "base/json.h"
#include "base/strbuf.h"

#include <stddef.h>

enum sim_field_type {
	SIM_FIELD_BOOL,    /* bool */
	SIM_FIELD_INTEGER, /* int64_t */
	SIM_FIELD_REAL,    /* double; an integer will do */
	SIM_FIELD_TEXT,    /* const char *, which lives as long as the document */
	SIM_FIELD_ARRAY,   /* const struct json_value *, likewise */
	SIM_FIELD_OBJECT,  /* const struct json_value *, likewise */
};

struct sim_field {
	const char *name;
	enum sim_field_type type;
	size_t offset; /* in the struct */
};

#define SIM_FIELD(type, structure, member) \
	{ \
#member, type, offsetof(structure, member) \
	}

/* Writes the members that are there, leaves the others as they are. -EINVAL with why in one phrase
 * for the first mistake. */
int sim_fields_read(const struct json_value *object, const struct sim_field *fields, size_t count,
		    void *target, struct strbuf *why) MUST_CHECK;

/* Parses a body (an empty one stands for {}) and reads it. The document is the caller's to destroy,
 * also after -EINVAL. */
int sim_fields_parse(const struct strbuf *body, const struct sim_field *fields, size_t count,
		     void *target, struct json_document **ret_document,
		     struct strbuf *why) MUST_CHECK;

#endif
