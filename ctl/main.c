/* main - golivectl: the operator's command line over the admin API. */
#include "ctl/commands.h"

#include <locale.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	/* What the API says is UTF-8, whatever the terminal; so that columns line up. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	int status = commands_run(argc, argv, stdout, stderr);

	if (fflush(stdout) != 0 && status == EXIT_STATUS_OK)
		status = EXIT_STATUS_FAILED;
	return status;
}
