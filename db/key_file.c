#include "db/key_file.h"

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
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_FILE_MODE = 0600, KEY_DIGITS = 2 * CRYPTO_KEY_BYTES };

static char *join(const char *directory, const char *name)
{
	size_t size = strlen(directory) + strlen(name) + 2;
	char *path = memory_zeroed(1, size);
	snprintf(path, size, "%s/%s", directory, name);
	return path;
}

void key_files_init(struct key_files *files, const char *database_path)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	char *copy CLEANUP(cleanup_free) = memory_text(database_path);
	const char *directory = dirname(copy);
	*files = (struct key_files){
		.current = join(directory, "secret.key"),
		.coming = join(directory, "secret.key.new"),
		.former = join(directory, "secret.key.old"),
	};
	if (!credentials || !*credentials)
		return;
	files->credential = join(credentials, "store-key");
	if (access(files->credential, F_OK) == 0)
		return;
	free(files->credential);
	files->credential = NULL;
}

void key_files_finish(struct key_files *files)
{
	free(files->credential);
	free(files->current);
	free(files->coming);
	free(files->former);
	*files = (struct key_files){ 0 };
}

static int refuse_errno(struct strbuf *why, const char *path, const char *what)
{
	int error = -errno;
	strbuf_addf(why, "%s %s: %s (uid %u)", path, what, strerror(-error), (unsigned)geteuid());
	return error;
}

/* ---- reading ---- */

static int digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

static bool parse_key(const char *text, size_t length, uint8_t key[CRYPTO_KEY_BYTES])
{
	while (length > 0 && strchr(" \r\n", text[length - 1]))
		length--;
	if (length != KEY_DIGITS)
		return false;
	for (size_t i = 0; i < CRYPTO_KEY_BYTES; i++) {
		int high = digit_value(text[2 * i]), low = digit_value(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		key[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

int key_file_read(const char *path, struct strbuf *why, uint8_t key[CRYPTO_KEY_BYTES])
{
	char *text;
	size_t length;
	int r = file_read(path, LIMIT_KEY_FILE_BYTES, &text, &length);
	if (r == -ENOENT)
		return r;
	if (r < 0) {
		errno = -r;
		return refuse_errno(why, path, "cannot be read");
	}
	bool is_key = parse_key(text, length, key);
	crypto_wipe(text, length);
	free(text);
	if (!is_key) {
		strbuf_addf(why,
			    "%s holds no key: %d hexadecimal digits, as from openssl rand"
			    " -hex %d",
			    path, KEY_DIGITS, CRYPTO_KEY_BYTES);
		return -EINVAL;
	}
	return 0;
}

void key_file_warn_if_shared(const char *path)
{
	struct stat status;
	if (stat(path, &status) == 0 && status.st_mode & 077)
		log_warning("the key of the database can be read by others; chmod 600 it",
			    LOG_TEXT("path", path));
}

/* ---- writing ---- */

static int sync_directory_of(const char *path, struct strbuf *why)
{
	char *copy CLEANUP(cleanup_free) = memory_text(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 || fsync(fd) < 0 ? refuse_errno(why, path, "cannot be synchronised") : 0;
	if (fd >= 0)
		close(fd);
	return r;
}

static int write_key(const char *path, const uint8_t key[CRYPTO_KEY_BYTES], struct strbuf *why)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, KEY_FILE_MODE);
	if (fd < 0)
		return refuse_errno(why, path, "cannot be made");
	char text[KEY_DIGITS + 2];
	crypto_hex(key, CRYPTO_KEY_BYTES, text);
	memcpy(text + KEY_DIGITS, "\n", 2);
	errno = ENOSPC; /* of a write that is short */
	bool is_written = write(fd, text, KEY_DIGITS + 1) == KEY_DIGITS + 1 && fsync(fd) == 0;
	int r = is_written ? 0 : refuse_errno(why, path, "cannot be written");
	crypto_wipe(text, sizeof(text));
	close(fd);
	return r;
}

int key_file_move(const char *from, const char *to, struct strbuf *why)
{
	if (rename(from, to) < 0)
		return refuse_errno(why, from, "cannot be renamed");
	return sync_directory_of(to, why);
}

int key_file_make(const char *path, struct strbuf *why, uint8_t key[CRYPTO_KEY_BYTES])
{
	size_t size = strlen(path) + sizeof(".part");
	char *part CLEANUP(cleanup_free) = memory_zeroed(1, size);
	snprintf(part, size, "%s.part", path);
	crypto_random(key, CRYPTO_KEY_BYTES);
	int r = write_key(part, key, why);
	return r < 0 ? r : key_file_move(part, path, why);
}
