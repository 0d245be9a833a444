#include "ctl/access.h"

#include "base/config.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { KEY_FILE_MAX_BYTES = 1 << 20, MISTAKES_MAX_BYTES = 64 << 10 };

static bool begins_with(const char *text, const char *beginning)
{
	return strncmp(text, beginning, strlen(beginning)) == 0;
}

void access_finish(struct access *access)
{
	if (access->key != NULL)
		crypto_wipe(access->key, strlen(access->key));
	free(access->key);
	free(access->url);
	*access = (struct access){ 0 };
}

char *access_url_of_listen(const char *listen)
{
	static const struct {
		const char *any, *local;
	} anywhere[] = { { "0.0.0.0:", "127.0.0.1:" },
			 { "[::]:", "[::1]:" },
			 { "*:", "127.0.0.1:" } };
	struct strbuf url;

	if (begins_with(listen, "unix:"))
		return memory_text(listen);
	strbuf_init(&url, 4096);
	strbuf_add_text(&url, "http://");
	for (size_t i = 0; i < ARRAY_SIZE(anywhere); i++)
		if (begins_with(listen, anywhere[i].any)) {
			strbuf_add_text(&url, anywhere[i].local);
			listen += strlen(anywhere[i].any);
			break;
		}
	strbuf_add_text(&url, listen);
	return strbuf_steal(&url);
}

bool access_is_local(const char *url)
{
	static const char *const hosts[] = { "127.0.0.1", "localhost", "[::1]" };

	if (begins_with(url, "unix:"))
		return true;
	if (!begins_with(url, "http://"))
		return false;
	const char *host = url + strlen("http://");
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		size_t length = strlen(hosts[i]);
		if (strncmp(host, hosts[i], length) == 0 && strcspn(host + length, ":/") == 0)
			return true;
	}
	return false;
}

/* A line's last word is the key; a word in front of it the scope. */
static char *key_of_line(const char *line, size_t length, bool *ret_is_admin)
{
	static const char blanks[] = " \t\r";
	size_t start = 0;

	while (start < length && strchr(blanks, line[start]) != NULL)
		start++;
	while (length > start && strchr(blanks, line[length - 1]) != NULL)
		length--;
	if (start == length || line[start] == '#')
		return NULL;
	size_t key = length;
	while (key > start && strchr(blanks, line[key - 1]) == NULL)
		key--;
	*ret_is_admin = key == start || begins_with(line + start, "admin");
	return memory_text_n(line + key, length - key);
}

char *access_pick_key(const char *text)
{
	char *best = NULL;

	while (*text != '\0') {
		size_t length = strcspn(text, "\n");
		bool is_admin = false;
		char *key = key_of_line(text, length, &is_admin);
		if (key != NULL && is_admin) {
			free(best);
			return key;
		}
		if (best == NULL)
			best = TAKE(key);
		free(key);
		text += length + (text[length] == '\n');
	}
	return best;
}

static int read_key(const char *path, struct strbuf *why, char **ret_key)
{
	char *text = NULL, *key = NULL;
	size_t length;
	int result = file_read(path, KEY_FILE_MAX_BYTES, &text, &length);

	if (result == 0) {
		key = access_pick_key(text);
		crypto_wipe(text, length);
		free(text);
	}
	if (key != NULL) {
		*ret_key = key;
		return 0;
	}
	strbuf_addf(why,
		    "no key: %s: %s; run it as root or as the daemon's user, or name a key "
		    "with --key-file FILE or in GOLIVECTL_KEY",
		    path, result < 0 ? strerror(-result) : "it holds none");
	return -EINVAL;
}

/* admin.key beside the database. Owned by the caller. */
static char *default_key_path(const char *store_path)
{
	const char *slash = strrchr(store_path, '/');
	struct strbuf path;

	strbuf_init(&path, 4096);
	if (slash != NULL)
		strbuf_add(&path, store_path, (size_t)(slash - store_path) + 1);
	strbuf_add_text(&path, "admin.key");
	return strbuf_steal(&path);
}

static int find_key(const struct config *config, struct strbuf *why, char **ret_key)
{
	char *beside CLEANUP(cleanup_free) = NULL;
	const char *path = config->admin.api_key_file;

	if (path == NULL || *path == '\0') {
		beside = default_key_path(config->store.path);
		path = beside;
	}
	return read_key(path, why, ret_key);
}

static int complete_from_config(const struct access_hints *hints, struct strbuf *why,
				struct access *access)
{
	struct config *config CLEANUP(config_cleanup) = NULL;
	struct strbuf mistakes CLEANUP(strbuf_finish);

	strbuf_init(&mistakes, MISTAKES_MAX_BYTES);
	if (config_load(hints->config_path, &mistakes, &config) < 0) {
		strbuf_addf(why,
			    "cannot use the daemon's configuration to find it; name it with --url "
			    "and --key-file:\n%s",
			    mistakes.data);
		return -EINVAL;
	}
	if (access->url == NULL)
		access->url = access_url_of_listen(config->admin.listen);
	return access->key == NULL ? find_key(config, why, &access->key) : 0;
}

static int take_hints(const struct access_hints *hints, struct strbuf *why, struct access *access)
{
	if (hints->url != NULL) {
		size_t length = strlen(hints->url);
		while (length > 0 && hints->url[length - 1] == '/')
			length--;
		access->url = memory_text_n(hints->url, length);
		if (!begins_with(hints->url, "http://") && !begins_with(hints->url, "https://") &&
		    !begins_with(hints->url, "unix:/")) {
			strbuf_addf(why, "\"%s\" is no URL: http://…, https://… or unix:/path",
				    hints->url);
			return -EINVAL;
		}
	}
	if (hints->key_file != NULL)
		return read_key(hints->key_file, why, &access->key);
	if (hints->key != NULL)
		access->key = memory_text(hints->key);
	return 0;
}

int access_find(const struct access_hints *hints, struct strbuf *why, struct access *ret_access)
{
	struct access access CLEANUP(access_finish) = { 0 };
	int result = take_hints(hints, why, &access);

	if (result == 0 && access.key == NULL && access.url != NULL &&
	    !access_is_local(access.url)) {
		strbuf_add_text(why, "name a key for that machine with --key-file FILE or in "
				     "GOLIVECTL_KEY; this machine's is not sent there");
		result = -EINVAL;
	}
	if (result == 0 && (access.url == NULL || access.key == NULL))
		result = complete_from_config(hints, why, &access);
	if (result < 0)
		return result;
	*ret_access = access;
	access = (struct access){ 0 };
	return 0;
}
