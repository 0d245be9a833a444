/* options - the daemon's command line. */
#ifndef GOLIVED_OPTIONS_H
#define GOLIVED_OPTIONS_H

#include "base/attrs.h"

#include <stdio.h>

enum options_action {
	OPTIONS_RUN,
	OPTIONS_CHECK_CONFIG,
	OPTIONS_PRINT_CONFIG, /* the reference of every key */
	OPTIONS_REKEY,        /* seal the database with another key */
	OPTIONS_PRINT_VERSION,
	OPTIONS_PRINT_HELP,
};

struct options {
	enum options_action action;
	const char *config_path; /* borrowed from argv; NULL: the default, which may be absent */
};

/* -EINVAL with a line for the operator on `errors` if the arguments make no sense. */
int options_parse(int argc, char **argv, FILE *errors, struct options *ret_options) MUST_CHECK;

void options_print_help(FILE *out);

#endif
