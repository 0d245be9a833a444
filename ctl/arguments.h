/* arguments - a command line taken apart: words and options.
 *
 *   in:   argv, the options that exist
 *   out:  the words in order, the options with their values
 *   not:  which command takes what (commands)
 *
 * "--name VALUE", "--name=VALUE", "-n VALUE"; options may stand anywhere; behind "--" are words
 * only.
 */
#ifndef GOLIVED_CTL_ARGUMENTS_H
#define GOLIVED_CTL_ARGUMENTS_H

#include "base/attrs.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

enum option_kind {
	OPTION_FLAG,  /* takes no value */
	OPTION_VALUE, /* once */
	OPTION_LIST,  /* as often as wanted */
};

struct option_spec {
	const char *name;
	char letter; /* '\0': none */
	enum option_kind kind;
	const char *value_name; /* for the help; NULL for a flag */
	const char *help;
};

struct given_option {
	const struct option_spec *spec;
	const char *value; /* NULL for a flag */
};

/* Everything points into argv. */
struct arguments {
	const char **words; /* owned array */
	size_t word_count;
	struct given_option *options; /* owned array */
	size_t option_count;
};

/* specs ends with a NULL name. argv without the program's name. -EINVAL with a sentence in why. */
int arguments_parse(const struct option_spec *specs, int argc, char *const *argv,
		    struct strbuf *why, struct arguments *ret_arguments) MUST_CHECK;
void arguments_finish(struct arguments *arguments);

bool arguments_has(const struct arguments *arguments, const char *name);

/* The value of an option; NULL: not given. */
const char *arguments_value(const struct arguments *arguments, const char *name);

/* Walks the values of an option: begin with *at 0; NULL: no more. */
const char *arguments_next(const struct arguments *arguments, const char *name, size_t *at);

#endif
