/* options - the command line of a role: a table of options, read and explained. */
#ifndef GOLIVED_SIM_OPTIONS_H
#define GOLIVED_SIM_OPTIONS_H

#include "base/attrs.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sim_option_type {
	SIM_OPTION_FLAG,   /* bool */
	SIM_OPTION_TEXT,   /* const char *, borrowed from argv */
	SIM_OPTION_NUMBER, /* uint64_t */
	SIM_OPTION_REAL,   /* double, above 0 */
	SIM_OPTION_LIST,   /* struct sim_texts: may be given several times */
};

enum { SIM_TEXTS_MAX = 16 };

struct sim_texts {
	const char *texts[SIM_TEXTS_MAX]; /* borrowed from argv */
	size_t count;
};

struct sim_option {
	const char *name; /* "--listen" */
	enum sim_option_type type;
	void *place;
	const char *argument; /* "ADDRESS:PORT"; NULL for a flag */
	const char *sentence;
};

/* Reads argv[0] … argv[argc - 1], all of them options. -EINVAL with why in one phrase. */
int sim_options_read(const struct sim_option *options, size_t count, int argc, char **argv,
		     struct strbuf *why) MUST_CHECK;

/* One line for each option. */
void sim_options_describe(const struct sim_option *options, size_t count, struct strbuf *out);

#endif
