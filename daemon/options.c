#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "check-config", no_argument, NULL, 'k' },
	{ "print-config", no_argument, NULL, 'p' },
	{ "rekey", no_argument, NULL, 'r' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

int options_parse(int argc, char **argv, FILE *errors, struct options *ret_options)
{
	struct options options = { .action = OPTIONS_RUN };
	opterr = 0;
	optind = 1;
	int option;
	while ((option = getopt_long(argc, argv, ":c:h", long_options, NULL)) != -1) {
		switch (option) {
		case 'c':
			options.config_path = optarg;
			break;
		case 'k':
			options.action = OPTIONS_CHECK_CONFIG;
			break;
		case 'p':
			options.action = OPTIONS_PRINT_CONFIG;
			break;
		case 'r':
			options.action = OPTIONS_REKEY;
			break;
		case 'V':
			options.action = OPTIONS_PRINT_VERSION;
			break;
		case 'h':
			options.action = OPTIONS_PRINT_HELP;
			break;
		case ':':
			(void)fprintf(errors, "golived: %s needs an argument; see golived --help\n",
				      argv[optind - 1]);
			return -EINVAL;
		default:
			(void)fprintf(errors, "golived: unknown option %s; see golived --help\n",
				      argv[optind - 1]);
			return -EINVAL;
		}
	}
	if (optind < argc) {
		(void)fprintf(errors, "golived: unexpected argument \"%s\"; see golived --help\n",
			      argv[optind]);
		return -EINVAL;
	}
	*ret_options = options;
	return 0;
}

void options_print_help(FILE *out)
{
	(void)fputs(
		"golived - tells your backend when a TikTok creator goes live\n"
		"\n"
		"usage: golived [-c FILE] [--check-config] [--print-config] [--rekey]"
		" [--version] [--help]\n"
		"\n"
		"  -c, --config FILE   configuration (default: /etc/golived/golived.conf, if it is "
		"there)\n"
		"      --check-config  report every mistake in the configuration, and exit\n"
		"      --print-config  print every key with its meaning and default, and exit\n"
		"      --rekey         seal the secrets in the database with a new key, and exit;"
		" the daemon\n"
		"                      must not run\n"
		"      --version       print the version, and exit\n"
		"  -h, --help          print this, and exit\n"
		"\n"
		"It stays in the foreground and logs to stderr. SIGTERM drains and stops, SIGHUP "
		"reloads.\n"
		"Exit status: 0 stopped as asked, 1 a failure that a restart may cure, 2 one that "
		"it cannot\n"
		"(arguments, configuration, a database that is damaged, newer, in use, or without "
		"its key).\n",
		out);
}
