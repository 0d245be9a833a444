#include "ctl/service.h"

#include "base/config.h"
#include "db/store.h"

#include <string.h>

enum { WHY_MAX_BYTES = 64 << 10 };

int service_status(struct console *console)
{
	return console_show(console, "GET", "/api/status", NULL);
}

static int backup_store(struct console *console, const char *store_path, const char *copy)
{
	struct strbuf why CLEANUP(strbuf_finish);
	struct store *store;

	strbuf_init(&why, WHY_MAX_BYTES);
	if (store_open(store_path, STORE_READER, SYNCHRONOUS_FULL, &why, &store) < 0) {
		(void)console_misused(console, "%s", why.data);
		return EXIT_STATUS_FAILED;
	}
	int result = store_backup(store, copy);
	store_close(store);
	if (result < 0) {
		(void)console_misused(console, "%s: %s", copy, strerror(-result));
		return EXIT_STATUS_FAILED;
	}
	console_say(console, "backed up %s to %s", store_path, copy);
	console_say(console, "keep its key with it: secret.key beside the database, or the "
			     "credential store-key");
	return EXIT_STATUS_OK;
}

/* Reads the database beside the daemon, which may go on; only the configuration is needed. */
int service_backup(struct console *console)
{
	struct config *config CLEANUP(config_cleanup) = NULL;
	struct strbuf mistakes CLEANUP(strbuf_finish);

	strbuf_init(&mistakes, WHY_MAX_BYTES);
	if (config_load(arguments_value(console->arguments, "config"), &mistakes, &config) < 0)
		return console_misused(console, "the configuration has mistakes:\n%s",
				       mistakes.data);
	return backup_store(console, config->store.path, console_word(console, 0));
}

int service_version(struct console *console)
{
	(void)fputs("golivectl " GOLIVED_VERSION "\n", console->out);
	return EXIT_STATUS_OK;
}
