/* The happy path is: the key is read, opens the proof, and from then on values are sealed and
 * opened within SQL statements.
 *
 * What can fail is the key being absent or another one (refused at the start), and a process that
 * ends while keys are changed: then secret.key.new opens the proof, and takes its place.
 */
#include "db/seal.h"

#include "base/log.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char proof_context[] = "seal/proof"; /* as in 0002_seal.sql */

/* ---- the functions of SQL ---- */

static int seal_value(void *arg, const void *value, size_t length, const char *context,
		      void **ret_bytes, size_t *ret_length)
{
	const struct seal *seal = arg;
	if (!seal->has_key)
		return -EACCES;
	*ret_length = length + CRYPTO_SEAL_EXTRA_BYTES;
	*ret_bytes = memory_zeroed(1, *ret_length);
	crypto_seal(seal->sealing_key, context, value, length, *ret_bytes);
	return 0;
}

static int open_value(void *arg, const void *value, size_t length, const char *context,
		      void **ret_bytes, size_t *ret_length)
{
	const struct seal *seal = arg;
	if (!seal->has_key)
		return -EACCES;
	void *bytes = memory_zeroed(1, length + 1);
	if (crypto_open(seal->opening_key, context, value, length, bytes, ret_length) < 0) {
		free(bytes);
		return -EBADMSG;
	}
	*ret_bytes = bytes;
	return 0;
}

int seal_attach(struct seal *seal, struct sql *sql)
{
	int r = sql_define(sql, "seal", seal_value, seal);
	return r < 0 ? r : sql_define(sql, "unseal", open_value, seal);
}

void seal_wipe(struct seal *seal)
{
	crypto_wipe(seal, sizeof(*seal));
}

static void set_keys(struct seal *seal, const uint8_t key[CRYPTO_KEY_BYTES])
{
	memcpy(seal->opening_key, key, CRYPTO_KEY_BYTES);
	memcpy(seal->sealing_key, key, CRYPTO_KEY_BYTES);
	seal->has_key = true;
}

/* ---- finding the key ---- */

static const char count_proof_tables[] =
	"SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'seal'";
static const char get_proof[] = "SELECT proof FROM seal WHERE key = 1";

/* Is anything sealed yet? */
static int has_proof(struct sql *sql, bool *ret_has)
{
	int64_t tables;
	int r = sql_get_integer(sql, &tables, count_proof_tables);
	if (r == 0)
		*ret_has = tables > 0;
	return r;
}

/* -EKEYREJECTED: not with this key. */
static int check_proof(struct sql *sql, const uint8_t key[CRYPTO_KEY_BYTES])
{
	struct sql_rows *rows = sql_query(sql, get_proof);
	int r = sql_next(rows);
	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	size_t length, opened;
	const void *proof = sql_bytes(rows, 0, &length);
	void *text = memory_zeroed(1, length + 1);
	r = crypto_open(key, proof_context, proof, length, text, &opened);
	free(text);
	sql_end(rows);
	return r == -EINVAL ? -EBADMSG : r;
}

/* A key file whose key opens the proof becomes the key. -ENOENT, -EKEYREJECTED: another may. */
static int try_key(struct seal *seal, struct sql *sql, const char *path, struct strbuf *why)
{
	uint8_t key[CRYPTO_KEY_BYTES];
	int r = key_file_read(path, why, key);
	if (r == 0)
		r = check_proof(sql, key);
	if (r == 0)
		set_keys(seal, key);
	crypto_wipe(key, sizeof(key));
	return r;
}

/* What an interrupted change of keys left: the database has the new key, its file the old name. */
static int finish_change(struct seal *seal, struct sql *sql, const struct key_files *files,
			 struct strbuf *why)
{
	int r = try_key(seal, sql, files->coming, why);
	if (r < 0)
		return r;
	log_notice("a change of keys that was interrupted is finished",
		   LOG_TEXT("path", files->current));
	return key_file_move(files->coming, files->current, why);
}

static int refuse(struct strbuf *why, int error, const char *database_path,
		  const struct key_files *files)
{
	if (strbuf_is_full(why) || why->length > 0)
		return error; /* said already */
	if (error == -ENOENT) {
		strbuf_addf(
			why,
			"%s is sealed with a key that is not there: put back its %s (it belongs "
			"to every backup), or the systemd credential store-key",
			database_path, files->current);
		return -ENOKEY;
	}
	if (error == -EKEYREJECTED)
		strbuf_addf(why,
			    "%s is sealed with another key than that in %s: put back the one that "
			    "belongs to it, or if it is to have this one, see golived --rekey",
			    database_path, files->credential ? files->credential : files->current);
	else
		strbuf_addf(why, "%s: its seal cannot be read: %s", database_path,
			    strerror(-error));
	return error;
}

static int find_proven_key(struct seal *seal, struct sql *sql, const struct key_files *files,
			   bool is_changing, struct strbuf *why)
{
	int r = -ENOENT;
	if (files->credential)
		r = try_key(seal, sql, files->credential, why);
	/* While keys are changed the credential is the coming one. */
	if (!files->credential || (is_changing && r == -EKEYREJECTED)) {
		r = try_key(seal, sql, files->current, why);
		if (r == 0)
			key_file_warn_if_shared(files->current);
	}
	if (!files->credential && (r == -ENOENT || r == -EKEYREJECTED)) {
		int finished = finish_change(seal, sql, files, why);
		if (finished != -ENOENT && finished != -EKEYREJECTED)
			r = finished;
	}
	return r;
}

/* Nothing is sealed yet: any key is right. */
static int take_first_key(struct seal *seal, const struct key_files *files, struct strbuf *why)
{
	uint8_t key[CRYPTO_KEY_BYTES];
	const char *path = files->credential ? files->credential : files->current;
	int r = key_file_read(path, why, key);
	if (r == -ENOENT) {
		r = key_file_make(files->current, why, key);
		if (r == 0)
			log_notice("a key for the secrets in the database was made; it belongs to "
				   "every backup",
				   LOG_TEXT("path", files->current));
	}
	if (r == 0)
		set_keys(seal, key);
	crypto_wipe(key, sizeof(key));
	return r;
}

int seal_find_key(struct seal *seal, struct sql *sql, const char *database_path, bool is_changing,
		  struct strbuf *why)
{
	CLEANUP(key_files_finish) struct key_files files;
	bool is_sealed;
	key_files_init(&files, database_path);
	int r = has_proof(sql, &is_sealed);
	if (r == 0)
		r = is_sealed ? find_proven_key(seal, sql, &files, is_changing, why)
			      : take_first_key(seal, &files, why);
	return r < 0 ? refuse(why, r, database_path, &files) : 0;
}

void seal_find_key_if_any(struct seal *seal, struct sql *sql, const char *database_path)
{
	CLEANUP(key_files_finish) struct key_files files;
	CLEANUP(strbuf_finish) struct strbuf why;
	key_files_init(&files, database_path);
	strbuf_init(&why, 1024);
	const char *path = files.credential ? files.credential : files.current;
	if (try_key(seal, sql, path, &why) < 0)
		seal->has_key = false; /* it may copy, but not read what is secret */
}

/* ---- changing the key ---- */

#define ANEW(sealed, owner, column) \
	sealed " = " SEALED("unseal(" sealed ", " owner " || '/" column "')", owner, column)

static const char seal_anew[] =
	"UPDATE webhooks SET " ANEW("sealed_bearer_token", "id", "bearer_token") ", " ANEW(
		"sealed_extra_headers", "id",
		"extra_headers") ";"
				 "UPDATE webhook_secrets SET " ANEW(
					 "sealed_secret", "webhook_key",
					 "secret") ";"
						   "UPDATE idempotency SET " ANEW(
							   "sealed_body", "scope || '/' || name",
							   "body") ";"
								   "UPDATE seal SET proof = "
								   "seal('golived', 'seal/proof');";

static int begin_change(struct seal *seal, const struct key_files *files, struct strbuf *why)
{
	if (!files->credential)
		return key_file_make(files->coming, why, seal->sealing_key);
	int r = key_file_read(files->credential, why, seal->sealing_key);
	if (r < 0 || !crypto_equal(seal->sealing_key, seal->opening_key, CRYPTO_KEY_BYTES))
		return r;
	strbuf_addf(
		why,
		"the database is sealed with %s already: to change it, keep the key that it has in "
		"%s, put the new one into the credential, and run this again",
		files->credential, files->current);
	return -EINVAL;
}

static int seal_all_anew(struct sql *sql, const char *database_path, struct strbuf *why)
{
	int r = sql_script(sql, "BEGIN IMMEDIATE");
	if (r == 0)
		r = sql_script(sql, seal_anew);
	if (r == 0)
		r = sql_script(sql, "COMMIT");
	if (r == 0)
		return 0;
	strbuf_addf(why, "%s cannot be sealed anew: %s", database_path, sql_message(sql));
	if (sql_is_in_transaction(sql) && sql_script(sql, "ROLLBACK") < 0)
		strbuf_add_text(why, "; nor could that be undone, which the next start will");
	return r;
}

/* The old key stays for the backups that were made before. */
static int finish_files(const struct key_files *files, struct strbuf *why)
{
	int r = key_file_move(files->current, files->former, why);
	if (r == 0 && !files->credential)
		r = key_file_move(files->coming, files->current, why);
	return r;
}

int seal_change_key(struct seal *seal, struct sql *sql, const char *database_path,
		    struct strbuf *why)
{
	CLEANUP(key_files_finish) struct key_files files;
	key_files_init(&files, database_path);
	int r = begin_change(seal, &files, why);
	if (r == 0)
		r = seal_all_anew(sql, database_path, why);
	if (r < 0)
		return r;
	memcpy(seal->opening_key, seal->sealing_key, CRYPTO_KEY_BYTES);
	return finish_files(&files, why);
}
