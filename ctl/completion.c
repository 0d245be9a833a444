#include "ctl/completion.h"

#include <string.h>

/* The values of options that are words of the API; FILE, of those that are files. */
static const struct {
	const char *value_name, *words;
} value_words[] = {
	{ "STATUS", "pending delivered dead cancelled" },
	{ "TYPE", "live.start live.end" },
	{ "TYPES", "live.start live.end live.start,live.end" },
	{ "STATE", "live offline unknown" },
	{ "PRIORITY", "high normal low" },
	{ "SCOPE", "read admin" },
};

static size_t first_word(const char *name)
{
	return strcspn(name, " ");
}

/* Is it the first command that begins with its first word? */
static bool is_first_of_its_word(const struct completion *completion, size_t index)
{
	const char *name = completion->commands[index].name;
	size_t length = first_word(name);

	for (size_t i = 0; i < index; i++)
		if (first_word(completion->commands[i].name) == length &&
		    strncmp(completion->commands[i].name, name, length) == 0)
			return false;
	return true;
}

static void print_first_words(const struct completion *completion, FILE *out)
{
	for (size_t i = 0; i < completion->command_count; i++)
		if (is_first_of_its_word(completion, i))
			(void)fprintf(out, "%.*s ", (int)first_word(completion->commands[i].name),
				      completion->commands[i].name);
	(void)fputs("help", out);
}

/* `webhooks) choices="ls add …" ;;` for each first word that has a second. */
static void print_second_words(const struct completion *completion, FILE *out)
{
	for (size_t i = 0; i < completion->command_count; i++) {
		const char *name = completion->commands[i].name;
		size_t length = first_word(name);
		if (name[length] == '\0' || !is_first_of_its_word(completion, i))
			continue;
		(void)fprintf(out, "\t\t%.*s) choices=\"", (int)length, name);
		for (size_t j = i; j < completion->command_count; j++)
			if (strncmp(completion->commands[j].name, name, length + 1) == 0)
				(void)fprintf(out, "%s%s", j > i ? " " : "",
					      completion->commands[j].name + length + 1);
		(void)fputs("\" ;;\n", out);
	}
}

/* `"webhooks add") choices="--events …" ;;`; behind a command of one word stands anything. */
static void print_options_of_commands(const struct completion *completion, FILE *out)
{
	for (size_t i = 0; i < completion->command_count; i++) {
		const struct command *command = &completion->commands[i];
		bool is_one_word = command->name[first_word(command->name)] == '\0';
		if (*command->options == '\0')
			continue;
		(void)fprintf(out, "\t\t\"%s%s) choices=\"", command->name,
			      is_one_word ? " \"*" : "\"");
		for (const char *at = command->options; *at != '\0'; at += strspn(at, " ")) {
			size_t length = strcspn(at, " ");
			(void)fprintf(out, "--%.*s ", (int)length, at);
			at += length;
		}
		(void)fputs("$everywhere\" ;;\n", out);
	}
}

static const char *words_of_value(const char *value_name)
{
	for (size_t i = 0; i < ARRAY_SIZE(value_words); i++)
		if (strcmp(value_words[i].value_name, value_name) == 0)
			return value_words[i].words;
	return "";
}

/* `--state) choices="…" ;;`: what may stand behind an option that takes a value. */
static void print_values(const struct completion *completion, FILE *out)
{
	for (const struct option_spec *option = completion->options; option->name; option++) {
		if (option->value_name == NULL)
			continue;
		(void)fprintf(out, "\t--%s) ", option->name);
		if (strcmp(option->value_name, "FILE") == 0)
			(void)fputs("files=yes ;;\n", out);
		else
			(void)fprintf(out, "choices=\"%s\" ;;\n",
				      words_of_value(option->value_name));
	}
}

static void print_value_options(const struct completion *completion, FILE *out)
{
	(void)fputs("-c", out);
	for (const struct option_spec *option = completion->options; option->name; option++)
		if (option->value_name != NULL)
			(void)fprintf(out, "|--%s", option->name);
}

/* What both shells run: from `line`, the words in front of the current one, to $choices or $files.
 * A value of an option is none of the command's words. */
static void print_body(const struct completion *completion, FILE *out)
{
	(void)fputs("\tlocal choices=\"\" files=\"\" first=\"\" second=\"\" before=\"\" word\n"
		    "\tlocal everywhere=\"",
		    out);
	for (size_t i = 0; i < completion->options_of_all; i++)
		(void)fprintf(out, "%s--%s", i ? " " : "", completion->options[i].name);
	(void)fputs("\"\n\tfor word in \"${line[@]}\"; do\n\t\tcase $before in\n\t\t", out);
	print_value_options(completion, out);
	(void)fputs(") ;;\n"
		    "\t\t*) case $word in\n"
		    "\t\t-*) ;;\n"
		    "\t\t*) if [[ -z $first ]]; then first=$word; elif [[ -z $second ]]; then "
		    "second=$word; fi ;;\n"
		    "\t\tesac ;;\n\t\tesac\n\t\tbefore=$word\n\tdone\n"
		    "\tcase $before in\n",
		    out);
	print_values(completion, out);
	(void)fputs("\t*) case $current in\n\t-*) case \"$first $second\" in\n", out);
	print_options_of_commands(completion, out);
	(void)fputs("\t\t*) choices=$everywhere ;;\n\t\tesac ;;\n"
		    "\t*) if [[ -n $second ]]; then files=yes; else case $first in\n"
		    "\t\t\"\") choices=\"",
		    out);
	print_first_words(completion, out);
	(void)fputs("\" ;;\n", out);
	print_second_words(completion, out);
	(void)fputs("\t\t*) files=yes ;;\n\t\tesac; fi ;;\n\tesac ;;\n\tesac\n", out);
}

void completion_print_bash(const struct completion *completion, FILE *out)
{
	(void)fputs("# bash completion for golivectl: written by golivectl completion bash\n"
		    "_golivectl()\n{\n"
		    "\tlocal current=${COMP_WORDS[COMP_CWORD]}\n"
		    "\tlocal line=(\"${COMP_WORDS[@]:1:COMP_CWORD-1}\")\n",
		    out);
	print_body(completion, out);
	(void)fputs("\tif [[ -n $files ]]; then\n"
		    "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
		    "\telse\n"
		    "\t\tmapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$current\")\n"
		    "\tfi\n}\ncomplete -F _golivectl golivectl\n",
		    out);
}

void completion_print_zsh(const struct completion *completion, FILE *out)
{
	(void)fputs("#compdef golivectl\n"
		    "# zsh completion for golivectl: written by golivectl completion zsh\n"
		    "_golivectl()\n{\n"
		    "\tlocal current=${words[CURRENT]}\n"
		    "\tlocal -a line\n"
		    "\tline=(${words[2,CURRENT-1]})\n",
		    out);
	print_body(completion, out);
	(void)fputs("\tif [[ -n $files ]]; then\n\t\t_files\n\telse\n"
		    "\t\tcompadd -- ${=choices}\n\tfi\n}\n_golivectl \"$@\"\n",
		    out);
}
