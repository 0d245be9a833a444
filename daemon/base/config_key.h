/* config_key - the parts of config that are tables: what keys there are, and what types of values.
 *
 * For config.c and config_*.c only; everybody else sees struct config. Defaults are text and go the
 * same way as what the operator writes.
 */
#ifndef GOLIVED_BASE_CONFIG_KEY_H
#define GOLIVED_BASE_CONFIG_KEY_H

#include "base/config.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_key;

struct config_type {
	/* Writes what text says into the key's place in config. False and a phrase that goes on
	 * behind the quoted text ("is not a duration (write ...)") in why, if it says nothing. A
	 * text that was there before is freed. */
	bool (*parse)(const struct config_key *key, const char *text, struct config *config,
		      struct strbuf *why);
	size_t size;  /* of the place in config; a list's array */
	bool is_text; /* the place is an owned char *; NULL: not set */
};

extern const struct config_type config_type_duration, config_type_integer,
	config_type_integer_or_auto, config_type_percent, config_type_choice, config_type_path,
	config_type_url, config_type_listen, config_type_token, config_type_schedule,
	config_type_cidrs;

/* The values of a choice, ended by a name of NULL. */
struct config_choice {
	const char *name;
	int value;
};

struct config_key {
	const char *section, *name;
	const struct config_type *type;
	size_t offset;       /* in struct config */
	size_t count_offset; /* of a list: where its length stands */
	int64_t min, max;    /* of a number; of a duration in ms */
	const struct config_choice *choices;
	const char *default_text;
	bool needs_restart;
	const char *sentence; /* for the reference; may have several lines */
};

/* In the order of the reference: the keys of a section stand together. */
extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* NULL if there is none of that name. */
const struct config_key *config_key_find(const char *section, const char *name);
bool config_section_is_known(const char *name);

/* Is the key with this index the first one of its section? */
bool config_key_begins_section(size_t index);

/* Ends a message about a key (or with section NULL, a section) that there is not: " (did you mean
 * ...?)" or all that there are, and the end of the line. */
void config_add_suggestion(struct strbuf *out, const char *section, const char *name);

/* The place of the key's value. */
void *config_key_place(const struct config_key *key, const struct config *config);

/* A duration as one would write it: "250ms", "30s", "2m". */
void config_add_duration(struct strbuf *out, int64_t duration_ms);

#endif
