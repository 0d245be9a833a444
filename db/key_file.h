/* key_file - the file with the key that seals what is secret in the database.
 *
 *   in:   the path of the database; $CREDENTIALS_DIRECTORY, as systemd sets it
 *   out:  a key
 *   not:  sealing (db/seal), which key a database was sealed with
 *
 * The systemd credential store-key wins. Without it the key lies beside the database in secret.key,
 * 0600. Both hold 64 hexadecimal digits (`openssl rand -hex 32`). A change of keys goes through
 * secret.key.new, and leaves what was replaced in secret.key.old, for the backups made before it.
 */
#ifndef GOLIVED_DB_KEY_FILE_H
#define GOLIVED_DB_KEY_FILE_H

#include "base/attrs.h"
#include "base/crypto.h"
#include "base/strbuf.h"

struct key_files {
	char *credential;                /* NULL: there is none */
	char *current, *coming, *former; /* beside the database */
};

void key_files_init(struct key_files *files, const char *database_path);
void key_files_finish(struct key_files *files);

/* -ENOENT: no such file, which *why does not speak of. -EINVAL: it holds no key. Another -errno: it
 * cannot be read. */
int key_file_read(const char *path, struct strbuf *why, uint8_t key[CRYPTO_KEY_BYTES]) MUST_CHECK;

/* Logs that others than its owner may read it, if so. */
void key_file_warn_if_shared(const char *path);

/* Makes a key and its file (0600), whole or not at all, in the place of one that is there. */
int key_file_make(const char *path, struct strbuf *why, uint8_t key[CRYPTO_KEY_BYTES]) MUST_CHECK;

/* Renames, and puts that on disk. */
int key_file_move(const char *from, const char *to, struct strbuf *why) MUST_CHECK;

#endif
