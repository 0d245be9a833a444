/* golivesim - a stand-in for both ends of golived: the upstream service, and a webhook receiver. */
#include "sim/roles.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
	"golivesim - a stand-in for the service that golived polls, and a recording receiver\n\n"
	"usage: golivesim upstream [options]   the service: bulk live checks, limits, faults\n"
	"       golivesim receiver [options]   webhook endpoints: record what comes, misbehave\n"
	"       golivesim --help | --version\n\n"
	"golivesim upstream --help and golivesim receiver --help list their options.\n";

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} roles[] = {
	{ "upstream", sim_run_upstream },
	{ "receiver", sim_run_receiver },
};

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	if (strcmp(word, "--help") == 0) {
		fputs(help, stdout);
		return 0;
	}
	if (strcmp(word, "--version") == 0) {
		puts("golivesim " GOLIVED_VERSION);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		if (strcmp(word, roles[i].name) == 0)
			return roles[i].run(argc - 2, argv + 2);
	}
	fputs(help, stderr);
	return 2;
}
