/* main - golivectl: the operator's command line over the admin API. */
#include "ctl/commands.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	int status = commands_run(argc, argv, stdout, stderr);

	if (fflush(stdout) != 0 && status == EXIT_STATUS_OK)
		status = EXIT_STATUS_FAILED;
	return status;
}
