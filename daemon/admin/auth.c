#include "admin/auth.h"

#include "base/crypto.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	KEY_BYTES = 32,
	KEY_MAX_BYTES = 512,
	OFFENDERS_MAX = 512,
	ADDRESS_SIZE = 64,
	MINUTE_MS = 60 * 1000,
};

struct auth_key {
	uint8_t digest[SHA256_BYTES];
	struct admin_caller caller;
	int64_t use_noted_at_ms; /* of a stored one */
};

struct key_list {
	struct auth_key *keys; /* owned */
	size_t count;
};

/* An address that presented wrong keys; free while bad is 0. */
struct offender {
	char address[ADDRESS_SIZE];
	unsigned bad;
	int64_t minute_ends_at_ms;
};

struct auth {
	struct key_list own;    /* the operator's */
	struct key_list stored; /* made through the API */
	struct offender offenders[OFFENDERS_MAX];
};

struct auth_stored {
	struct key_list list;
};

static void key_list_finish(struct key_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->keys[i].caller.name);
	free(list->keys);
	*list = (struct key_list){ 0 };
}

static struct auth_key *key_list_add(struct key_list *list)
{
	list->keys = memory_resized(list->keys, list->count + 1, sizeof(*list->keys));
	struct auth_key *key = &list->keys[list->count++];
	*key = (struct auth_key){ 0 };
	return key;
}

struct auth *auth_create(void)
{
	return memory_zeroed(1, sizeof(struct auth));
}

void auth_destroy(struct auth *auth)
{
	if (!auth)
		return;
	key_list_finish(&auth->own);
	key_list_finish(&auth->stored);
	free(auth);
}

/* ---- the operator's keys ---- */

static void add_own_key(struct key_list *list, const char *id, enum api_scope scope,
			const char *text)
{
	struct auth_key *key = key_list_add(list);

	crypto_sha256(text, strlen(text), key->digest);
	snprintf(key->caller.id, sizeof(key->caller.id), "%s", id);
	key->caller.name = memory_text(id);
	key->caller.scope = scope;
}

static bool is_key_text(const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if (text[i] < 0x21 || text[i] > 0x7e)
			return false;
	return length >= 1 && length <= KEY_MAX_BYTES;
}

static void wipe_and_free(char **text)
{
	if (*text)
		crypto_wipe(*text, strlen(*text));
	free(*text);
}

/* The whole of a small text file; wiped and freed by the caller. */
static int read_text_file(const char *path, struct strbuf *why, char **ret_text, size_t *ret_length)
{
	char *text CLEANUP(wipe_and_free) = NULL;
	size_t length = 0;
	int error = file_read(path, LIMIT_KEY_FILE_BYTES, &text, &length);

	if (error < 0 && error != -EFBIG) {
		strbuf_addf(why, "cannot read %s: %s", path, strerror(-error));
		return error;
	}
	if (error == -EFBIG || memchr(text, '\0', length)) {
		strbuf_addf(why, "%s is no file of keys: it is too large or not text", path);
		return -EINVAL;
	}
	*ret_text = TAKE(text);
	*ret_length = length;
	return 0;
}

/* One line `SCOPE KEY`. A mistake is told by its line number, never by what stands there. */
static int read_key_line(struct key_list *list, char *line, unsigned number, const char *path,
			 struct strbuf *why)
{
	static const char space[] = " \t\r";
	char *rest = NULL;
	char *scope_name = strtok_r(line, space, &rest);
	char *text = strtok_r(NULL, space, &rest);
	enum api_scope scope;
	char id[ID_TEXT_SIZE];

	if (!scope_name || *scope_name == '#')
		return 0;
	if (!text || strtok_r(NULL, space, &rest) || !is_key_text(text) ||
	    !api_scope_parse(scope_name, &scope)) {
		strbuf_addf(why,
			    "%s:%u: a line is a scope (admin or read), a space and a key of "
			    "printable ASCII",
			    path, number);
		return -EINVAL;
	}
	snprintf(id, sizeof(id), "api_key_file:%u", number);
	add_own_key(list, id, scope, text);
	return 0;
}

int auth_load_file(struct auth *auth, const char *path, struct strbuf *why)
{
	char *text CLEANUP(wipe_and_free) = NULL;
	struct key_list list CLEANUP(key_list_finish) = { 0 };
	size_t length = 0;
	int result = read_text_file(path, why, &text, &length);
	unsigned number = 0;

	for (char *line = text, *next; !result && line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		result = read_key_line(&list, line, ++number, path, why);
	}
	if (text)
		crypto_wipe(text, length);
	if (result)
		return result;
	if (!list.count) {
		strbuf_addf(why, "%s holds no key", path);
		return -EINVAL;
	}
	key_list_finish(&auth->own);
	auth->own = list;
	list = (struct key_list){ 0 };
	return 0;
}

/* ---- admin.key ---- */

/* Written aside and renamed, so that a crash leaves a whole key or none. */
static int write_key_file(const char *path, const char *line)
{
	char *aside CLEANUP(cleanup_free) = NULL;

	if (asprintf(&aside, "%s.new", path) < 0)
		return -ENOMEM;
	(void)unlink(aside);
	int fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	ssize_t written = write(fd, line, strlen(line));
	int error = written < 0 ? -errno : written != (ssize_t)strlen(line) ? -ENOSPC : 0;
	if (!error && fsync(fd) < 0)
		error = -errno;
	if (close(fd) < 0 && !error)
		error = -errno;
	if (!error && rename(aside, path) < 0)
		error = -errno;
	if (error)
		(void)unlink(aside);
	return error;
}

static int make_key_file(const char *path, struct strbuf *why)
{
	uint8_t bytes[KEY_BYTES];
	char line[2 * KEY_BYTES + 2];

	crypto_random(bytes, sizeof(bytes));
	crypto_hex(bytes, sizeof(bytes), line);
	line[2 * KEY_BYTES] = '\n';
	line[2 * KEY_BYTES + 1] = '\0';
	int result = write_key_file(path, line);
	crypto_wipe(bytes, sizeof(bytes));
	crypto_wipe(line, sizeof(line));
	if (result)
		strbuf_addf(why, "cannot make %s: %s", path, strerror(-result));
	else
		log_notice("an admin key was made", LOG_TEXT("path", path));
	return result;
}

static void warn_if_readable_by_others(const char *path)
{
	struct stat status;

	if (stat(path, &status) == 0 && (status.st_mode & 077))
		log_warning("the admin key can be read by others; chmod 600 it",
			    LOG_TEXT("path", path));
}

int auth_load_own(struct auth *auth, const char *database_path, struct strbuf *why)
{
	char *database CLEANUP(cleanup_free) = memory_text(database_path);
	char *path CLEANUP(cleanup_free) = NULL;
	char *text CLEANUP(wipe_and_free) = NULL;

	if (asprintf(&path, "%s/admin.key", dirname(database)) < 0)
		return -ENOMEM;
	if (access(path, F_OK) < 0 && errno == ENOENT) {
		int result = make_key_file(path, why);
		if (result)
			return result;
	}
	size_t length = 0;
	int result = read_text_file(path, why, &text, &length);
	if (result)
		return result;
	warn_if_readable_by_others(path);
	text[strcspn(text, "\r\n")] = '\0';
	bool good = is_key_text(text);
	if (good) {
		key_list_finish(&auth->own);
		add_own_key(&auth->own, "admin.key", API_SCOPE_ADMIN, text);
	} else {
		strbuf_addf(why, "%s holds no key on its first line; remove it for a new one",
			    path);
	}
	crypto_wipe(text, length);
	return good ? 0 : -EINVAL;
}

/* ---- keys in the store ---- */

static void on_stored_key(void *arg, const struct api_key *row)
{
	struct auth_key *key = key_list_add(arg);

	memcpy(key->digest, row->digest, sizeof(key->digest));
	memcpy(key->caller.id, row->id, sizeof(key->caller.id));
	key->caller.name = memory_text(row->name ? row->name : row->id);
	key->caller.scope = row->scope;
	key->use_noted_at_ms = row->last_used_at_ms;
}

int auth_read_stored(struct store *store, struct auth_stored **ret_stored)
{
	struct auth_stored *stored = memory_zeroed(1, sizeof(*stored));
	int result = store_api_key_list(store, "", LIMIT_API_KEYS, on_stored_key, &stored->list);

	if (result) {
		auth_stored_destroy(stored);
		return result;
	}
	*ret_stored = stored;
	return 0;
}

void auth_stored_destroy(struct auth_stored *stored)
{
	if (!stored)
		return;
	key_list_finish(&stored->list);
	free(stored);
}

void auth_take_stored(struct auth *auth, struct auth_stored *stored)
{
	key_list_finish(&auth->stored);
	auth->stored = stored->list;
	free(stored);
}

/* ---- judging ---- */

/* Looks at every key, however early one fits: how long it takes tells nothing. */
static struct auth_key *find_key(struct key_list *list, const uint8_t digest[SHA256_BYTES],
				 struct auth_key *found)
{
	for (size_t i = 0; i < list->count; i++)
		if (crypto_equal(list->keys[i].digest, digest, SHA256_BYTES))
			found = &list->keys[i];
	return found;
}

/* The key of "Bearer KEY"; NULL for another scheme. */
static const char *bearer_key(const char *authorization)
{
	static const char scheme[] = "Bearer ";

	if (!authorization || strncasecmp(authorization, scheme, strlen(scheme)) != 0)
		return NULL;
	authorization += strlen(scheme);
	return authorization + strspn(authorization, " ");
}

/* The address's own place, else a free one, else that of whose minute ends first. */
static struct offender *find_offender(struct auth *auth, const char *address, int64_t now_ms)
{
	struct offender *place = &auth->offenders[0];

	for (size_t i = 0; i < OFFENDERS_MAX; i++) {
		struct offender *offender = &auth->offenders[i];
		if (offender->minute_ends_at_ms <= now_ms)
			*offender = (struct offender){ 0 };
		if (offender->bad && strcmp(offender->address, address) == 0)
			return offender;
		if (offender->minute_ends_at_ms < place->minute_ends_at_ms)
			place = offender;
	}
	*place = (struct offender){ .minute_ends_at_ms = now_ms + MINUTE_MS };
	snprintf(place->address, sizeof(place->address), "%s", address);
	return place;
}

static enum auth_verdict note_bad_key(struct auth *auth, const char *address, int64_t now_ms,
				      int64_t *ret_wait_s)
{
	struct offender *offender = find_offender(auth, address, now_ms);

	if (++offender->bad <= LIMIT_BAD_KEYS_PER_MINUTE)
		return AUTH_BAD;
	if (offender->bad == LIMIT_BAD_KEYS_PER_MINUTE + 1)
		log_warning("too many wrong keys", LOG_TEXT("address", address));
	*ret_wait_s = (offender->minute_ends_at_ms - now_ms + 999) / 1000;
	return AUTH_TOO_MANY;
}

enum auth_verdict auth_check(struct auth *auth, const char *address, const char *x_api_key,
			     const char *authorization, int64_t now_ms,
			     const struct admin_caller **ret_caller, int64_t *ret_wait_s)
{
	const char *text = x_api_key ? x_api_key : bearer_key(authorization);
	uint8_t digest[SHA256_BYTES];

	if (!text)
		return AUTH_MISSING;
	crypto_sha256(text, strlen(text), digest);
	struct auth_key *key = find_key(&auth->stored, digest, NULL);
	key = find_key(&auth->own, digest, key);
	if (!key)
		return note_bad_key(auth, address, now_ms, ret_wait_s);
	*ret_caller = &key->caller;
	return AUTH_GOOD;
}

bool auth_use_is_due(struct auth *auth, const struct admin_caller *caller, int64_t now_ms)
{
	for (size_t i = 0; i < auth->stored.count; i++) {
		struct auth_key *key = &auth->stored.keys[i];
		if (&key->caller != caller)
			continue;
		if (now_ms - key->use_noted_at_ms < MINUTE_MS)
			return false;
		key->use_noted_at_ms = now_ms;
		return true;
	}
	return false;
}
