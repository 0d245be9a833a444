#include "base/config.h"

#include "base/config_key.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

void config_destroy(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config_key_count; i++) {
		if (config_keys[i].type->is_text)
			free(*(char **)config_key_place(&config_keys[i], config));
	}
	if (config->upstream.api_key)
		crypto_wipe(config->upstream.api_key, strlen(config->upstream.api_key));
	free(config->upstream.api_key);
	free(config);
}

void config_cleanup(struct config **config)
{
	config_destroy(*config);
}

/* The key within a text, without the white space around it. */
static int extract_key(const char *text, size_t length, char **ret_key)
{
	while (length > 0 && isspace((unsigned char)text[length - 1]))
		length--;
	while (length > 0 && isspace((unsigned char)*text)) {
		text++;
		length--;
	}
	for (size_t i = 0; i < length; i++) {
		if (iscntrl((unsigned char)text[i]))
			return -EINVAL;
	}
	if (length == 0)
		return -EINVAL;
	*ret_key = memory_text_n(text, length);
	return 0;
}

int config_read_upstream_key(const struct config *config, char **ret_key)
{
	if (config->upstream.api_key)
		return extract_key(config->upstream.api_key, strlen(config->upstream.api_key),
				   ret_key);
	if (!config->upstream.api_key_file)
		return -ENOENT;
	char *text;
	size_t length;
	int error = file_read(config->upstream.api_key_file, LIMIT_KEY_FILE_BYTES, &text, &length);
	if (error < 0)
		return error;
	error = extract_key(text, length, ret_key);
	crypto_wipe(text, length);
	free(text);
	return error;
}

/* ---- reload ---- */

static bool is_same_value(const struct config_key *key, const struct config *a,
			  const struct config *b)
{
	if (key->type->is_text) {
		const char *left = *(char **)config_key_place(key, a);
		const char *right = *(char **)config_key_place(key, b);
		return left && right ? strcmp(left, right) == 0 : left == right;
	}
	if (key->count_offset && memcmp((const char *)a + key->count_offset,
					(const char *)b + key->count_offset, sizeof(unsigned)) != 0)
		return false;
	return memcmp(config_key_place(key, a), config_key_place(key, b), key->type->size) == 0;
}

static void swap_bytes(char *a, char *b, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		char byte = a[i];
		a[i] = b[i];
		b[i] = byte;
	}
}

void config_apply_reload(struct config *running, struct config *fresh, struct strbuf *needs_restart)
{
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		if (is_same_value(key, running, fresh))
			continue;
		if (key->needs_restart) {
			strbuf_addf(needs_restart, "%s%s.%s", needs_restart->length ? ", " : "",
				    key->section, key->name);
			continue;
		}
		/* Swapped, so that texts keep one owner each: what is old goes with fresh. */
		swap_bytes(config_key_place(key, running), config_key_place(key, fresh),
			   key->type->size);
		if (key->count_offset)
			swap_bytes((char *)running + key->count_offset,
				   (char *)fresh + key->count_offset, sizeof(unsigned));
	}
}

/* ---- the reference ---- */

static const char reference_head[] =
	"# golived.conf: every key with its default.\n"
	"#\n"
	"# A comment begins with # or ; at the start of a line or behind a space. Durations are\n"
	"# written 0s, 250ms, 30s, 2m, 1h or 1d. The environment overrides a key as\n"
	"# GOLIVED_<SECTION>_<KEY>. SIGHUP reloads all but the keys that say they need a restart;\n"
	"# `golived --check-config` tells every mistake without starting anything.\n";

static void print_sentence(FILE *out, const char *sentence)
{
	while (*sentence) {
		size_t length = strcspn(sentence, "\n");
		fprintf(out, "# %.*s\n", (int)length, sentence);
		sentence += length + (sentence[length] == '\n');
	}
}

void config_print_reference(FILE *out)
{
	fputs(reference_head, out);
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		if (config_key_begins_section(i))
			fprintf(out, "\n[%s]\n", key->section);
		else
			fputc('\n', out);
		print_sentence(out, key->sentence);
		if (key->needs_restart)
			fputs("# Needs a restart.\n", out);
		fprintf(out, "#%s =%s%s\n", key->name, *key->default_text ? " " : "",
			key->default_text);
	}
}
