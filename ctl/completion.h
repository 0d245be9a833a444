/* completion - what a shell must know to complete golivectl's command line, written from the table
 * of commands.
 *
 *   in:   commands and options
 *   out:  a script for bash or zsh
 *   not:  names that only the daemon knows (ids, lists)
 */
#ifndef GOLIVED_CTL_COMPLETION_H
#define GOLIVED_CTL_COMPLETION_H

#include "ctl/arguments.h"
#include "ctl/commands.h"

#include <stddef.h>
#include <stdio.h>

/* What there is to complete. options_of_all: so many of the options, the first, every command
 * takes. */
struct completion {
	const struct command *commands;
	size_t command_count;
	const struct option_spec *options; /* ends with a NULL name */
	size_t options_of_all;
};

void completion_print_bash(const struct completion *completion, FILE *out);
void completion_print_zsh(const struct completion *completion, FILE *out);

#endif
