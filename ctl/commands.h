/* commands - what golivectl can do: a table with one row per command, and how a row is found,
 * helped with and run.
 */
#ifndef GOLIVED_CTL_COMMANDS_H
#define GOLIVED_CTL_COMMANDS_H

#include "base/strbuf.h"
#include "ctl/arguments.h"
#include "ctl/console.h"

#include <stddef.h>
#include <stdio.h>

struct command {
	const char *name;  /* one word or two: "status", "webhooks ls" */
	const char *words; /* what stands behind it, for the help: "WEBHOOK" */
	size_t words_min, words_max;
	const char *options; /* the names of those it takes, separated by spaces */
	const char *summary;
	const char *example;
	int (*run)(struct console *console);
};

/* The command that the first words name; *ret_name_words: how many of them. NULL: none. */
const struct command *commands_find(const char *const *words, size_t count, size_t *ret_name_words);

/* Runs a command line (argv with the program's name) and returns the exit status. */
int commands_run(int argc, char **argv, FILE *out, FILE *errors);

#endif
