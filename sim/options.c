#include "sim/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct sim_option *find_option(const struct sim_option *options, size_t count,
					    const char *name, size_t name_length)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(options[i].name) == name_length &&
		    memcmp(options[i].name, name, name_length) == 0)
			return &options[i];
	}
	return NULL;
}

static bool write_number(const char *value, uint64_t *place)
{
	char *end;
	errno = 0;
	*place = strtoull(value, &end, 10);
	return errno == 0 && end != value && *end == '\0' && *value != '-';
}

static bool write_real(const char *value, double *place)
{
	char *end;
	*place = strtod(value, &end);
	return end != value && *end == '\0' && *place > 0;
}

static bool write_list(const char *value, struct sim_texts *place)
{
	if (place->count == SIM_TEXTS_MAX)
		return false;
	place->texts[place->count++] = value;
	return true;
}

/* value is NULL for a flag. */
static bool write_option(const struct sim_option *option, const char *value)
{
	switch (option->type) {
	case SIM_OPTION_FLAG:
		*(bool *)option->place = true;
		return true;
	case SIM_OPTION_TEXT:
		*(const char **)option->place = value;
		return true;
	case SIM_OPTION_NUMBER:
		return write_number(value, option->place);
	case SIM_OPTION_REAL:
		return write_real(value, option->place);
	case SIM_OPTION_LIST:
		return write_list(value, option->place);
	}
	return false;
}

int sim_options_read(const struct sim_option *options, size_t count, int argc, char **argv,
		     struct strbuf *why)
{
	for (int i = 0; i < argc; i++) {
		size_t name_length = strcspn(argv[i], "=");
		const char *value = argv[i][name_length] ? argv[i] + name_length + 1 : NULL;
		const struct sim_option *option = find_option(options, count, argv[i], name_length);
		if (!option) {
			strbuf_addf(why, "there is no option %s", argv[i]);
			return -EINVAL;
		}
		if (option->type != SIM_OPTION_FLAG && !value && i + 1 < argc)
			value = argv[++i];
		if ((option->type == SIM_OPTION_FLAG) != (value == NULL)) {
			strbuf_addf(why, "%s takes %s", option->name,
				    option->argument ? option->argument : "no value");
			return -EINVAL;
		}
		if (!write_option(option, value)) {
			strbuf_addf(why, "%s: \"%s\" is no %s", option->name, value,
				    option->argument);
			return -EINVAL;
		}
	}
	return 0;
}

void sim_options_describe(const struct sim_option *options, size_t count, struct strbuf *out)
{
	for (size_t i = 0; i < count; i++) {
		const struct sim_option *option = &options[i];
		int width = 26 - (int)strlen(option->name);
		strbuf_addf(out, "  %s %-*s %s\n", option->name, width > 0 ? width : 0,
			    option->argument ? option->argument : "", option->sentence);
	}
}
