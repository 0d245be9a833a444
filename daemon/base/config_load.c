#include "base/config.h"

#include "base/config_key.h"
#include "base/file.h"
#include "base/ini.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char default_path[] = "/etc/golived/golived.conf";
static const char environment_prefix[] = "GOLIVED_";

enum { KEYS_MAX = 64 };

/* Where the value of a key comes from: the environment, else a line of the file, else neither. */
struct origin {
	unsigned line;  /* 0: the file does not set it */
	char *variable; /* owned; NULL: the environment does not set it */
	bool is_wrong;
};

struct loader {
	struct config *config;   /* owned */
	const char *path;        /* borrowed */
	struct strbuf *mistakes; /* borrowed */
	bool has_mistake;        /* mistakes may be full */
	bool is_section_unknown; /* one mistake is enough for all its keys */
	struct origin origins[KEYS_MAX];
};

static struct origin *origin_of(struct loader *loader, const struct config_key *key)
{
	return &loader->origins[key - config_keys];
}

/* ---- mistakes ---- */

/* The buffer for the next mistake, after "FILE:12: " (line 0: "FILE: "). */
static struct strbuf *begin_mistake(struct loader *loader, unsigned line)
{
	loader->has_mistake = true;
	strbuf_add_text(loader->mistakes, loader->path);
	if (line > 0)
		strbuf_addf(loader->mistakes, ":%u", line);
	strbuf_add_text(loader->mistakes, ": ");
	return loader->mistakes;
}

/* As begin_mistake(), with the place where the key was set. */
static struct strbuf *begin_key_mistake(struct loader *loader, const struct config_key *key)
{
	struct origin *origin = origin_of(loader, key);
	origin->is_wrong = true;
	if (!origin->variable) {
		strbuf_addf(begin_mistake(loader, origin->line), "[%s] %s: ", key->section,
			    key->name);
		return loader->mistakes;
	}
	loader->has_mistake = true;
	strbuf_addf(loader->mistakes, "%s: ", origin->variable);
	return loader->mistakes;
}

/* ---- sources: the file, the environment, systemd ---- */

/* What is wrong with a value whatever its key, and which may not be repeated in a message as it is;
 * NULL if nothing. */
static const char *find_fault(const char *value)
{
	size_t length = strlen(value);
	if (length >= 2 && value[0] == '"' && value[length - 1] == '"')
		return "has quotes around it (write the value without them)";
	return ini_text_fault(value, length);
}

/* A value in quotes; of a long one the beginning, which is enough to find it. */
static void add_quoted(struct strbuf *out, const char *value)
{
	enum { SHOWN_BYTES = 100 };
	size_t shown = 0, length = strlen(value);
	while (shown < length && shown < SHOWN_BYTES)
		shown += utf8_sequence(value + shown, length - shown);
	strbuf_addf(out, "\"%.*s%s\" ", (int)shown, value, shown < length ? "..." : "");
}

/* Takes a value over; its origin has been noted. */
static void set_key(struct loader *loader, const struct config_key *key, const char *value)
{
	CLEANUP(strbuf_finish) struct strbuf why;
	strbuf_init(&why, 4096);
	const char *fault = find_fault(value);
	if (fault) {
		strbuf_addf(begin_key_mistake(loader, key), "the value %s\n", fault);
	} else if (!key->type->parse(key, value, loader->config, &why)) {
		add_quoted(begin_key_mistake(loader, key), value);
		strbuf_addf(loader->mistakes, "%s\n", why.data);
	}
}

static void on_section(struct loader *loader, const struct ini_line *line)
{
	loader->is_section_unknown = !config_section_is_known(line->section);
	if (loader->is_section_unknown) {
		strbuf_addf(begin_mistake(loader, line->number), "[%s] is no section",
			    line->section);
		config_add_suggestion(loader->mistakes, NULL, line->section);
	}
}

static void on_entry(struct loader *loader, const struct ini_line *line)
{
	if (loader->is_section_unknown || (line->section && *line->section == '\0'))
		return;
	if (!line->section) {
		strbuf_addf(begin_mistake(loader, line->number),
			    "%s: stands before any section (write a line [section] above it)\n",
			    line->key);
		return;
	}
	const struct config_key *key = config_key_find(line->section, line->key);
	if (!key) {
		strbuf_addf(begin_mistake(loader, line->number), "[%s] %s: unknown key",
			    line->section, line->key);
		config_add_suggestion(loader->mistakes, line->section, line->key);
		return;
	}
	struct origin *origin = origin_of(loader, key);
	if (origin->line > 0) {
		strbuf_addf(begin_mistake(loader, line->number),
			    "[%s] %s: was set on line %u already (remove one of them)\n",
			    key->section, key->name, origin->line);
		return;
	}
	origin->line = line->number;
	set_key(loader, key, line->value);
}

static void on_ini_line(void *arg, const struct ini_line *line)
{
	struct loader *loader = arg;
	switch (line->kind) {
	case INI_SECTION:
		on_section(loader, line);
		break;
	case INI_ENTRY:
		on_entry(loader, line);
		break;
	case INI_MISTAKE:
		strbuf_addf(begin_mistake(loader, line->number), "the line %s\n", line->mistake);
		break;
	}
}

static void load_file(struct loader *loader, const char *path)
{
	CLEANUP(cleanup_free) char *text = NULL;
	size_t length;
	loader->path = path ? path : default_path;
	int error = file_read(loader->path, LIMIT_CONFIG_BYTES, &text, &length);
	if (error == 0)
		ini_read(text, length, on_ini_line, loader);
	else if (error != -ENOENT || path)
		strbuf_addf(begin_mistake(loader, 0), "cannot be read: %s\n",
			    log_errno_text(error));
}

/* Does an upper-case text begin with the lower-case name and an underscore? */
static bool begins_with_section(const char *text, const char *section)
{
	for (; *section; section++, text++) {
		if (*text != toupper((unsigned char)*section))
			return false;
	}
	return *text == '_';
}

/* "GOLIVED_POLL_MIN_INTERVAL=60s": the section whose key it means, and where the key's name begins.
 * NULL for variables that are none of ours (GOLIVED_BUILD). */
static const char *section_of_variable(const char *variable, const char **ret_name)
{
	const size_t prefix_length = strlen(environment_prefix);
	if (strncmp(variable, environment_prefix, prefix_length) != 0)
		return NULL;
	for (size_t i = 0; i < config_key_count; i++) {
		const char *section = config_keys[i].section;
		if (begins_with_section(variable + prefix_length, section)) {
			*ret_name = variable + prefix_length + strlen(section) + 1;
			return section;
		}
	}
	return NULL;
}

static void load_variable(struct loader *loader, const char *variable, const char *equals)
{
	const char *name_start;
	const char *section = section_of_variable(variable, &name_start);
	if (!section || name_start > equals)
		return;
	const char *fault = ini_text_fault(variable, (size_t)(equals - variable));
	if (fault) {
		loader->has_mistake = true;
		strbuf_addf(loader->mistakes, "%.*s...: the name of this variable %s\n",
			    (int)(name_start - variable), variable, fault);
		return;
	}
	CLEANUP(cleanup_free) char *name = memory_text_n(name_start, (size_t)(equals - name_start));
	for (char *at = name; *at; at++) /* lower-case letters become what no key contains */
		*at = (char)(islower((unsigned char)*at) ? '?' : tolower((unsigned char)*at));

	if (strcmp(section, "upstream") == 0 && strcmp(name, "api_key") == 0) {
		free(loader->config->upstream.api_key);
		loader->config->upstream.api_key = equals[1] ? memory_text(equals + 1) : NULL;
		return;
	}
	const struct config_key *key = config_key_find(section, name);
	if (!key) {
		loader->has_mistake = true;
		strbuf_addf(loader->mistakes, "%.*s: [%s] has no such key",
			    (int)(equals - variable), variable, section);
		config_add_suggestion(loader->mistakes, section, name);
		return;
	}
	struct origin *origin = origin_of(loader, key);
	free(origin->variable);
	origin->variable = memory_text_n(variable, (size_t)(equals - variable));
	origin->is_wrong = false; /* what the file says does not count any more */
	set_key(loader, key, equals + 1);
}

static void load_environment(struct loader *loader)
{
	for (char **entry = environ; entry && *entry; entry++) {
		const char *equals = strchr(*entry, '=');
		if (equals)
			load_variable(loader, *entry, equals);
	}
}

static bool is_default(struct loader *loader, const struct config_key *key)
{
	const struct origin *origin = origin_of(loader, key);
	return origin->line == 0 && !origin->variable;
}

/* Where nobody said anything, systemd's folders give the default (systemd.exec(5)). */
static void load_systemd(struct loader *loader)
{
	static const struct {
		const char *variable, *file;
		const char *section, *name;
		bool must_exist;
	} folders[] = {
		{ "STATE_DIRECTORY", "golived.db", "store", "path", false },
		{ "CREDENTIALS_DIRECTORY", "upstream-api-key", "upstream", "api_key_file", true },
		{ "CREDENTIALS_DIRECTORY", "admin-api-keys", "admin", "api_key_file", true },
	};
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		const struct config_key *key = config_key_find(folders[i].section, folders[i].name);
		const char *folder = getenv(folders[i].variable);
		if (!folder || !*folder || !is_default(loader, key))
			continue;
		CLEANUP(strbuf_finish) struct strbuf path;
		strbuf_init(&path, 4096);
		/* StateDirectory= may name several, separated by colons: ours is the first. */
		strbuf_add(&path, folder, strcspn(folder, ":"));
		strbuf_addf(&path, "/%s", folders[i].file);
		if (!folders[i].must_exist || access(path.data, F_OK) == 0)
			set_key(loader, key, path.data);
	}
}

/* ---- rules between keys ---- */

static void check_intervals(struct loader *loader)
{
	const struct config_key *min = config_key_find("poll", "min_interval");
	const struct config_key *max = config_key_find("poll", "max_interval");
	const struct config *config = loader->config;
	if (origin_of(loader, min)->is_wrong || origin_of(loader, max)->is_wrong ||
	    config->poll.min_interval_ms <= config->poll.max_interval_ms)
		return;
	/* Told where somebody set it. */
	bool tell_min = !is_default(loader, min);
	struct strbuf *mistakes = begin_key_mistake(loader, tell_min ? min : max);
	strbuf_add_char(mistakes, '"');
	config_add_duration(mistakes,
			    tell_min ? config->poll.min_interval_ms : config->poll.max_interval_ms);
	strbuf_add_text(mistakes, tell_min ? "\" is longer than max_interval (write at most "
					   : "\" is shorter than min_interval (write at least ");
	config_add_duration(mistakes,
			    tell_min ? config->poll.max_interval_ms : config->poll.min_interval_ms);
	strbuf_add_text(mistakes, ")\n");
}

/* ---- the whole ---- */

static struct config *create_default(void)
{
	struct config *config = memory_zeroed(1, sizeof(*config));
	CLEANUP(strbuf_finish) struct strbuf why;
	strbuf_init(&why, 256);
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		bool is_good = key->type->parse(key, key->default_text, config, &why);
		assert(is_good);
		(void)is_good;
	}
	return config;
}

int config_load(const char *path, struct strbuf *mistakes, struct config **ret_config)
{
	assert(config_key_count <= KEYS_MAX);
	struct loader loader = { .config = create_default(), .mistakes = mistakes };
	load_file(&loader, path);
	load_environment(&loader);
	load_systemd(&loader);
	check_intervals(&loader);
	for (size_t i = 0; i < KEYS_MAX; i++)
		free(loader.origins[i].variable);
	if (loader.has_mistake) {
		config_destroy(loader.config);
		return -EINVAL;
	}
	*ret_config = loader.config;
	return 0;
}
