#include "ctl/commands.h"

#include "ctl/completion.h"
#include "ctl/creators.h"
#include "ctl/deliveries.h"
#include "ctl/doctor.h"
#include "ctl/events.h"
#include "ctl/explain.h"
#include "ctl/keys.h"
#include "ctl/listen.h"
#include "ctl/service.h"
#include "ctl/tail.h"
#include "ctl/verify.h"
#include "ctl/watchlists.h"
#include "ctl/webhooks.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ANY_NUMBER SIZE_MAX
#define PAGES "limit cursor all"
#define SETTINGS \
	"events creator watchlist name description bearer-token-file header rate-limit " \
	"active inactive"

/* What every command takes; and in a second part, what some do. */
static const struct option_spec options[] = {
	{ "url", 0, OPTION_VALUE, "URL", "the daemon: http://…, https://… or unix:/path" },
	{ "key-file", 0, OPTION_VALUE, "FILE", "the API key; GOLIVECTL_KEY works, too" },
	{ "config", 'c', OPTION_VALUE, "FILE", "the daemon's configuration, to find both" },
	{ "json", 0, OPTION_FLAG, NULL, "print the API's answer as it is" },
	{ "help", 'h', OPTION_FLAG, NULL, "say what a command does" },
	{ "version", 'V', OPTION_FLAG, NULL, "print the version" },

	{ "limit", 0, OPTION_VALUE, "N", "at most so many a page (50; up to 500)" },
	{ "cursor", 0, OPTION_VALUE, "CURSOR", "go on behind an earlier page" },
	{ "all", 0, OPTION_FLAG, NULL, "page after page to the end" },
	{ "status", 0, OPTION_VALUE, "STATUS", "pending, delivered, dead or cancelled" },
	{ "webhook", 0, OPTION_VALUE, "WEBHOOK", "only of this webhook" },
	{ "event", 0, OPTION_VALUE, "EVENT", "only of this event" },
	{ "type", 0, OPTION_VALUE, "TYPE", "live.start or live.end" },
	{ "creator", 0, OPTION_LIST, "CREATORS", "creators, in any spelling, separated by commas" },
	{ "since", 0, OPTION_VALUE, "TIME",
	  "from then on: 2026-06-18T13:00:00Z, or 2h for two hours ago" },
	{ "until", 0, OPTION_VALUE, "TIME", "before then" },
	{ "after", 0, OPTION_VALUE, "EVENT", "begin behind this event, not now" },
	{ "count", 0, OPTION_VALUE, "N", "end after so many" },
	{ "state", 0, OPTION_VALUE, "STATE", "live, offline or unknown" },
	{ "watchlist", 0, OPTION_LIST, "NAMES", "watchlists, separated by commas" },
	{ "target", 0, OPTION_VALUE, "URL", "where deliveries go" },
	{ "events", 0, OPTION_LIST, "TYPES", "which events (new webhooks: live.start,live.end)" },
	{ "name", 0, OPTION_VALUE, "NAME", "a label" },
	{ "description", 0, OPTION_VALUE, "TEXT", "a note" },
	{ "bearer-token-file", 0, OPTION_VALUE, "FILE",
	  "holds what is sent as Authorization: Bearer" },
	{ "header", 0, OPTION_LIST, "\"NAME: VALUE\"", "a header; again for more" },
	{ "rate-limit", 0, OPTION_VALUE, "N", "attempts a second (0.5: one in two seconds)" },
	{ "active", 0, OPTION_FLAG, NULL, "deliver to it" },
	{ "inactive", 0, OPTION_FLAG, NULL, "do not deliver to it for now" },
	{ "clear", 0, OPTION_LIST, "SETTINGS",
	  "take these away: description, rate-limit, header, ..." },
	{ "overlap", 0, OPTION_VALUE, "SECONDS", "the old secret stays valid so long (a day)" },
	{ "missing", 0, OPTION_FLAG, NULL, "events it never had, as while it was inactive" },
	{ "dry-run", 0, OPTION_FLAG, NULL, "only count" },
	{ "priority", 0, OPTION_VALUE, "PRIORITY", "high, normal or low" },
	{ "append", 0, OPTION_FLAG, NULL, "to what is in the list, which must exist" },
	{ "scope", 0, OPTION_VALUE, "SCOPE", "read (default) or admin" },
	{ "port", 0, OPTION_VALUE, "N", "of this machine (9000; 0: a free one)" },
	{ "address", 0, OPTION_VALUE, "ADDRESS", "of this machine (127.0.0.1)" },
	{ "register", 0, OPTION_FLAG, NULL, "as a webhook, for as long as it runs" },
	{ "secret-file", 0, OPTION_VALUE, "FILE", "holds the webhook's secret, whsec_..." },
	{ "body", 0, OPTION_VALUE, "FILE", "the raw body that was received" },
	{ "captured", 0, OPTION_VALUE, "FILE",
	  "a line of JSON with headers and body, as golivesim writes" },
	{ NULL, 0, OPTION_FLAG, NULL, NULL },
};

enum { OPTIONS_OF_ALL = 6 };

static int print_completion(struct console *console);

/* clang-format off */
static const struct command commands[] = {
	{ "status", "", 0, 0, "", "how the daemon is doing",
	  "golivectl status", service_status },

	{ "webhooks ls", "", 0, 0, PAGES, "list the webhooks and how they fare",
	  "golivectl webhooks ls", webhooks_ls },
	{ "webhooks add", "TARGET_URL", 1, 1, SETTINGS, "register a webhook; its secret is shown this once",
	  "golivectl webhooks add https://your-app.example/hook --creator charlidamelio", webhooks_add },
	{ "webhooks show", "WEBHOOK", 1, 1, "", "show a webhook",
	  "golivectl webhooks show wh_01JY3V5S0T9Q4B8N2M7K6H5G4F", webhooks_show },
	{ "webhooks set", "WEBHOOK", 1, 1, "target clear " SETTINGS, "change a webhook's settings",
	  "golivectl webhooks set wh_01JY3V5S0T9Q4B8N2M7K6H5G4F --active", webhooks_set },
	{ "webhooks rm", "WEBHOOK", 1, 1, "", "delete a webhook; what is pending is cancelled",
	  "golivectl webhooks rm wh_01JY3V5S0T9Q4B8N2M7K6H5G4F", webhooks_rm },
	{ "webhooks test", "WEBHOOK", 1, 1, "type", "send a sample event now, once",
	  "golivectl webhooks test wh_01JY3V5S0T9Q4B8N2M7K6H5G4F", webhooks_test },
	{ "webhooks rotate", "WEBHOOK", 1, 1, "overlap", "give a webhook a new secret, shown this once",
	  "golivectl webhooks rotate wh_01JY3V5S0T9Q4B8N2M7K6H5G4F --overlap 3600", webhooks_rotate },

	{ "watchlists ls", "", 0, 0, PAGES, "list the watchlists",
	  "golivectl watchlists ls", watchlists_ls },
	{ "watchlists show", "NAME", 1, 1, "", "show a watchlist with its creators",
	  "golivectl watchlists show talents", watchlists_show },
	{ "watchlists put", "NAME [CREATOR…]", 1, ANY_NUMBER, "priority", "make a watchlist, or replace all of it",
	  "golivectl watchlists put talents charlidamelio khaby.lame --priority high", watchlists_put },
	{ "watchlists add", "NAME CREATOR…", 2, ANY_NUMBER, "priority", "add creators to a watchlist",
	  "golivectl watchlists add talents bellapoarch", watchlists_add },
	{ "watchlists drop", "NAME CREATOR…", 2, ANY_NUMBER, "priority", "take creators out of a watchlist",
	  "golivectl watchlists drop talents bellapoarch", watchlists_drop },
	{ "watchlists rm", "NAME", 1, 1, "", "delete a watchlist",
	  "golivectl watchlists rm talents", watchlists_rm },
	{ "watchlists import", "NAME FILE.csv", 2, 2, "priority append", "make a watchlist of a table's creators (- is standard input)",
	  "golivectl watchlists import talents talents.csv", watchlists_import },

	{ "creators ls", "", 0, 0, "state watchlist " PAGES, "list who is watched",
	  "golivectl creators ls --state live", creators_ls },
	{ "creators show", "CREATOR", 1, 1, "", "show a creator with the sessions seen",
	  "golivectl creators show charlidamelio", creators_show },
	{ "creators explain", "CREATOR", 1, 1, "", "show which answers led to a creator's last starts and ends",
	  "golivectl creators explain charlidamelio", explain_creator },

	{ "events ls", "", 0, 0, "type creator since until " PAGES, "list what was detected",
	  "golivectl events ls --creator charlidamelio --since 1d", events_ls },
	{ "events show", "EVENT", 1, 1, "", "show an event with what is sent",
	  "golivectl events show evt_01JY3V60Z1X2C3V4B5N6M7K8J9", events_show },
	{ "events tail", "", 0, 0, "type creator after count", "print events as they happen",
	  "golivectl events tail --type live.start", tail_events },
	{ "trigger", "TYPE CREATOR", 2, 2, "", "make a synthetic event, sent as a real one would be",
	  "golivectl trigger live.start charlidamelio", events_trigger },

	{ "deliveries ls", "", 0, 0, "status webhook event type creator since until " PAGES, "list what was sent",
	  "golivectl deliveries ls --status dead", deliveries_ls },
	{ "deliveries show", "DELIVERY", 1, 1, "", "show a delivery with every attempt",
	  "golivectl deliveries show del_01JY3V60Z4A5S6D7F8G9H0J1K2", deliveries_show },
	{ "deliveries replay", "DELIVERY", 1, 1, "", "send one delivery's event again",
	  "golivectl deliveries replay del_01JY3V60Z4A5S6D7F8G9H0J1K2", deliveries_replay },
	{ "replay", "WEBHOOK", 1, 1, "status type creator since until missing dry-run", "send a webhook's dead letters again, or what filters choose",
	  "golivectl replay wh_01JY3V5S0T9Q4B8N2M7K6H5G4F --since 2h --dry-run", deliveries_replay_many },
	{ "replays show", "REPLAY", 1, 1, "", "show how far a replay is",
	  "golivectl replays show rep_01JY3WA3E4R5T6Y7P8A9S0D1F2", replays_show },
	{ "replays cancel", "REPLAY", 1, 1, "", "queue no more of a replay",
	  "golivectl replays cancel rep_01JY3WA3E4R5T6Y7P8A9S0D1F2", replays_cancel },

	{ "keys ls", "", 0, 0, PAGES, "list the API keys that were made here",
	  "golivectl keys ls", keys_ls },
	{ "keys add", "NAME", 1, 1, "scope", "make an API key, shown this once",
	  "golivectl keys add dashboard --scope read", keys_add },
	{ "keys rm", "KEY_ID", 1, 1, "", "delete an API key",
	  "golivectl keys rm key_01JY3TZ2Q3W4E5R6T7Y8V9P0A1", keys_rm },
	{ "audit", "", 0, 0, PAGES, "who changed what, when",
	  "golivectl audit --limit 20", audit_ls },

	{ "backup", "FILE", 1, 1, "", "copy the database into a new file, while the daemon runs",
	  "golivectl backup /var/backups/golived.db", service_backup },
	{ "listen", "", 0, 0, "port address register target events creator watchlist secret-file count", "receive, verify and show deliveries",
	  "golivectl listen --register --creator charlidamelio", listen_for_deliveries },
	{ "verify", "", 0, 0, "secret-file body header captured", "check the signatures of a request that was captured",
	  "golivectl verify --secret-file secret --captured request.json", verify_request },
	{ "doctor", "", 0, 0, "", "look at everything that can be wrong, and say what to do",
	  "golivectl doctor", doctor_examine },
	{ "completion", "SHELL", 1, 1, "", "print what bash or zsh must know to complete commands",
	  "golivectl completion bash > /etc/bash_completion.d/golivectl", print_completion },
	{ "version", "", 0, 0, "", "print the version",
	  "golivectl version", service_version },
};
/* clang-format on */

static int print_completion(struct console *console)
{
	const struct completion completion = { .commands = commands,
					       .command_count = ARRAY_SIZE(commands),
					       .options = options,
					       .options_of_all = OPTIONS_OF_ALL };
	const char *shell = console_word(console, 0);

	if (strcmp(shell, "bash") == 0)
		completion_print_bash(&completion, console->out);
	else if (strcmp(shell, "zsh") == 0)
		completion_print_zsh(&completion, console->out);
	else
		return console_misused(console, "\"%s\" is neither bash nor zsh", shell);
	return EXIT_STATUS_OK;
}

const struct command *commands_find(const char *const *words, size_t count, size_t *ret_name_words)
{
	char both[64];

	for (size_t used = count < 2 ? count : 2; used > 0; used--) {
		snprintf(both, sizeof(both), "%s%s%s", words[0], used == 2 ? " " : "",
			 used == 2 ? words[1] : "");
		for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
			if (strcmp(commands[i].name, both) == 0) {
				*ret_name_words = used;
				return &commands[i];
			}
	}
	return NULL;
}

static bool takes_option(const struct command *command, const struct option_spec *option)
{
	size_t length = strlen(option->name);

	for (size_t i = 0; i < OPTIONS_OF_ALL; i++)
		if (&options[i] == option)
			return true;
	for (const char *at = command->options; *at != '\0'; at += strspn(at, " ")) {
		size_t word = strcspn(at, " ");
		if (word == length && strncmp(at, option->name, word) == 0)
			return true;
		at += word;
	}
	return false;
}

static void print_option(const struct option_spec *option, FILE *out)
{
	char left[64];

	snprintf(left, sizeof(left), "%s%s%s--%s%s%s", option->letter != 0 ? "-" : "",
		 option->letter != 0 ? (const char[]){ option->letter, 0 } : "",
		 option->letter != 0 ? ", " : "", option->name,
		 option->value_name != NULL ? " " : "",
		 option->value_name != NULL ? option->value_name : "");
	(void)fprintf(out, "  %-28s  %s\n", left, option->help);
}

static void print_command_help(const struct command *command, FILE *out)
{
	(void)fprintf(out, "%s: %s\n\nusage: golivectl %s%s%s%s\n", command->name, command->summary,
		      command->name, *command->words != '\0' ? " " : "", command->words,
		      *command->options != '\0' ? " [OPTION…]" : "");
	if (*command->options != '\0') {
		(void)fputc('\n', out);
		for (size_t i = OPTIONS_OF_ALL; options[i].name != NULL; i++)
			if (takes_option(command, &options[i]))
				print_option(&options[i], out);
	}
	(void)fprintf(out, "\nexample: %s\n", command->example);
}

static void print_help(FILE *out)
{
	(void)fputs("golivectl - the command line of golived\n\nusage: golivectl COMMAND "
		    "[ARGUMENT…] [OPTION…]\n\n",
		    out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(out, "  %-18s  %s\n", commands[i].name, commands[i].summary);
	(void)fputs("  help [COMMAND]      say what a command takes, with an example\n\n", out);
	for (size_t i = 0; i < OPTIONS_OF_ALL; i++)
		print_option(&options[i], out);
	(void)fputs("\nOn the daemon's machine it finds address and key by itself. "
		    "GOLIVECTL_URL and GOLIVECTL_KEY\nname them elsewhere.\n"
		    "Exit status: 0 done, 1 the daemon answered an error or a check failed, 2 "
		    "bad usage, 3 not\nreachable.\n",
		    out);
}

static bool is_of_group(const struct command *command, const char *group)
{
	size_t length = strlen(group);
	return strncmp(command->name, group, length) == 0 && command->name[length] == ' ';
}

/* "creators" alone: the commands that begin so. False: none does. */
static bool print_group_help(const char *group, FILE *out)
{
	bool is_group = false;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!is_of_group(&commands[i], group))
			continue;
		if (!is_group)
			(void)fprintf(out, "golivectl %s COMMAND:\n\n", group);
		(void)fprintf(out, "  %-18s  %s\n", commands[i].name, commands[i].summary);
		is_group = true;
	}
	return is_group;
}

static int refuse_unknown(const char *const *words, size_t count, FILE *errors)
{
	if (count == 1 && print_group_help(words[0], errors))
		return EXIT_STATUS_USAGE;
	(void)fprintf(errors, "golivectl: there is no command \"%s%s%s\"; see golivectl help\n",
		      words[0], count > 1 ? " " : "", count > 1 ? words[1] : "");
	return EXIT_STATUS_USAGE;
}

static int help_with(const struct arguments *arguments, size_t first, FILE *out, FILE *errors)
{
	size_t used;

	if (arguments->word_count == first) {
		print_help(out);
		return EXIT_STATUS_OK;
	}
	const struct command *command =
		commands_find(arguments->words + first, arguments->word_count - first, &used);
	if (command != NULL) {
		print_command_help(command, out);
		return EXIT_STATUS_OK;
	}
	if (arguments->word_count == first + 1 && print_group_help(arguments->words[first], out))
		return EXIT_STATUS_OK;
	return refuse_unknown(arguments->words + first, arguments->word_count - first, errors);
}

/* EXIT_STATUS_OK if the command takes what was given. */
static int check_usage(const struct command *command, const struct arguments *arguments,
		       struct console *console)
{
	if (arguments->word_count < command->words_min ||
	    arguments->word_count > command->words_max)
		return console_misused(console, "usage: golivectl %s %s", command->name,
				       command->words);
	for (size_t i = 0; i < arguments->option_count; i++)
		if (!takes_option(command, arguments->options[i].spec))
			return console_misused(console, "%s takes no --%s; see golivectl help %s",
					       command->name, arguments->options[i].spec->name,
					       command->name);
	return EXIT_STATUS_OK;
}

static int run_command(const struct command *command, struct arguments *arguments,
		       size_t name_words, FILE *out, FILE *errors)
{
	struct console console;
	struct arguments rest = *arguments;

	rest.words += name_words;
	rest.word_count -= name_words;
	console_init(&console, &rest, out, errors);
	int status = check_usage(command, &rest, &console);
	if (status == EXIT_STATUS_OK)
		status = command->run(&console);
	console_finish(&console);
	return status;
}

int commands_run(int argc, char **argv, FILE *out, FILE *errors)
{
	struct arguments arguments CLEANUP(arguments_finish) = { 0 };
	struct strbuf why CLEANUP(strbuf_finish);
	size_t name_words;

	strbuf_init(&why, 4096);
	if (arguments_parse(options, argc - 1, argv + 1, &why, &arguments) < 0) {
		(void)fprintf(errors, "golivectl: %s; see golivectl help\n", why.data);
		return EXIT_STATUS_USAGE;
	}
	if (arguments_has(&arguments, "help"))
		return help_with(&arguments, 0, out, errors);
	if (arguments_has(&arguments, "version")) {
		(void)fputs("golivectl " GOLIVED_VERSION "\n", out);
		return EXIT_STATUS_OK;
	}
	if (arguments.word_count > 0 && strcmp(arguments.words[0], "help") == 0)
		return help_with(&arguments, 1, out, errors);
	if (arguments.word_count == 0) {
		print_help(errors);
		return EXIT_STATUS_USAGE;
	}
	const struct command *command =
		commands_find(arguments.words, arguments.word_count, &name_words);
	if (command == NULL)
		return refuse_unknown(arguments.words, arguments.word_count, errors);
	return run_command(command, &arguments, name_words, out, errors);
}
