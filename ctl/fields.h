/* fields - the options of a command made into the members of a request's body.
 *
 *   in:   options as they were given, a table of what they are called in the API
 *   out:  JSON
 *   not:  whether the values are acceptable (the daemon says so)
 */
#ifndef GOLIVED_CTL_FIELDS_H
#define GOLIVED_CTL_FIELDS_H

#include "base/attrs.h"
#include "base/json_writer.h"
#include "ctl/console.h"

enum field_kind {
	FIELD_TEXT,
	FIELD_TIME,     /* RFC 3339, or "2h": that long ago */
	FIELD_NUMBER,   /* as it is written */
	FIELD_TEXTS,    /* every value, each split at its commas */
	FIELD_TRUE,     /* a flag: true if it is given */
	FIELD_FALSE,    /* a flag: false if it is given */
	FIELD_HEADERS,  /* "Name: value", ...: an object */
	FIELD_FILE_TEXT /* the first line of that file */
};

struct field {
	const char *option, *name;
	enum field_kind kind;
};

/* Writes the members whose options were given into the object that is open. EXIT_STATUS_USAGE, and
 * said what is wrong. fields ends with a NULL option. */
int fields_put(struct console *console, const struct field *fields,
	       struct json_writer *writer) MUST_CHECK;

/* Writes comma-separated texts as items of the array that is open. */
void fields_put_split(struct json_writer *writer, const char *texts);

#endif
