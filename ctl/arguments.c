#include "ctl/arguments.h"

#include "base/memory.h"

#include <errno.h>
#include <string.h>

static const struct option_spec *find_name(const struct option_spec *specs, const char *name,
					   size_t length)
{
	for (; specs->name != NULL; specs++)
		if (strlen(specs->name) == length && memcmp(specs->name, name, length) == 0)
			return specs;
	return NULL;
}

static const struct option_spec *find_letter(const struct option_spec *specs, char letter)
{
	for (; specs->name != NULL; specs++)
		if (specs->letter == letter)
			return specs;
	return NULL;
}

void arguments_finish(struct arguments *arguments)
{
	free(arguments->words);
	free(arguments->options);
	*arguments = (struct arguments){ 0 };
}

bool arguments_has(const struct arguments *arguments, const char *name)
{
	for (size_t i = 0; i < arguments->option_count; i++)
		if (strcmp(arguments->options[i].spec->name, name) == 0)
			return true;
	return false;
}

const char *arguments_next(const struct arguments *arguments, const char *name, size_t *at)
{
	while (*at < arguments->option_count) {
		const struct given_option *option = &arguments->options[(*at)++];
		if (strcmp(option->spec->name, name) == 0)
			return option->value;
	}
	return NULL;
}

const char *arguments_value(const struct arguments *arguments, const char *name)
{
	size_t at = 0;
	return arguments_next(arguments, name, &at);
}

/* Where the parser is in argv. */
struct reader {
	const struct option_spec *specs;
	int argc;
	char *const *argv;
	int at;
	struct strbuf *why;
};

/* The option that argv[at] names; *ret_attached is a value that stands in the same word, or NULL.
 */
static const struct option_spec *read_name(const struct reader *reader, const char **ret_attached)
{
	const char *word = reader->argv[reader->at];
	const struct option_spec *spec;
	const char *attached = NULL;

	if (word[1] == '-') {
		size_t length = strcspn(word + 2, "=");
		spec = find_name(reader->specs, word + 2, length);
		attached = word[2 + length] == '=' ? word + 2 + length + 1 : NULL;
	} else {
		spec = find_letter(reader->specs, word[1]);
		attached = word[2] != '\0' ? word + 2 : NULL;
	}
	*ret_attached = attached;
	if (spec == NULL)
		strbuf_addf(reader->why, "there is no option %s", word);
	return spec;
}

static int read_option(struct reader *reader, struct arguments *arguments)
{
	const char *attached;
	const struct option_spec *spec = read_name(reader, &attached);

	if (spec == NULL)
		return -EINVAL;
	if (spec->kind == OPTION_FLAG && attached != NULL) {
		strbuf_addf(reader->why, "--%s takes no value", spec->name);
		return -EINVAL;
	}
	if (spec->kind != OPTION_LIST && arguments_has(arguments, spec->name)) {
		strbuf_addf(reader->why, "--%s is given twice", spec->name);
		return -EINVAL;
	}
	if (spec->kind != OPTION_FLAG && attached == NULL) {
		if (reader->at + 1 >= reader->argc) {
			strbuf_addf(reader->why, "--%s needs a value: %s", spec->name,
				    spec->value_name);
			return -EINVAL;
		}
		attached = reader->argv[++reader->at];
	}
	arguments->options[arguments->option_count++] =
		(struct given_option){ .spec = spec, .value = attached };
	return 0;
}

int arguments_parse(const struct option_spec *specs, int argc, char *const *argv,
		    struct strbuf *why, struct arguments *ret_arguments)
{
	struct reader reader = { .specs = specs, .argc = argc, .argv = argv, .why = why };
	struct arguments arguments CLEANUP(arguments_finish) = { 0 };
	bool only_words = false;

	arguments.words = memory_zeroed((size_t)argc + 1, sizeof(*arguments.words));
	arguments.options = memory_zeroed((size_t)argc + 1, sizeof(*arguments.options));
	for (; reader.at < argc; reader.at++) {
		const char *word = argv[reader.at];
		/* A single "-" is a word: standard input. */
		if (only_words || word[0] != '-' || word[1] == '\0') {
			arguments.words[arguments.word_count++] = word;
		} else if (strcmp(word, "--") == 0) {
			only_words = true;
		} else {
			int result = read_option(&reader, &arguments);
			if (result < 0)
				return result;
		}
	}
	*ret_arguments = arguments;
	arguments = (struct arguments){ 0 };
	return 0;
}
