/* seal - keeps what is secret in the database unreadable without its key. For db/ only.
 *
 *   in:   a key (db/key_file)
 *   out:  two functions of SQL on the connection: seal(value, context), unseal(value, context)
 *   not:  the cipher (base/crypto)
 *
 * A sealed value belongs to its context, "OWNER/COLUMN": moved to another row or column it cannot
 * be opened. NULL stays NULL. The table `seal` holds a proof, sealed with the key that everything
 * here was sealed with, so that a wrong key is told at the start. A value that cannot be opened
 * with the right key was damaged: -EBADMSG. Without a key (a reader that only copies) both give
 * -EACCES.
 */
#ifndef GOLIVED_DB_SEAL_H
#define GOLIVED_DB_SEAL_H

#include "db/key_file.h"
#include "db/sql.h"

#include <stdbool.h>

struct seal {
	bool has_key;
	uint8_t opening_key[CRYPTO_KEY_BYTES];
	uint8_t sealing_key[CRYPTO_KEY_BYTES]; /* another one only while keys are changed */
};

/* In SQL: a column of text that is sealed; owner is an expression. */
#define UNSEALED_TEXT(sealed, owner, column) \
	"CAST(unseal(" sealed ", " owner " || '/" column "') AS TEXT)"
#define SEALED(value, owner, column) "seal(" value ", " owner " || '/" column "')"

/* Defines the functions; seal is borrowed until the connection is closed. */
int seal_attach(struct seal *seal, struct sql *sql) MUST_CHECK;

/* Finds the key: the one of the database or, where nothing is sealed yet, one made now.
 * is_changing: seal_change_key() follows, so a credential may be the coming key already. -ENOKEY:
 * it is not there; -EKEYREJECTED: the database has another; *why says what to do. */
int seal_find_key(struct seal *seal, struct sql *sql, const char *database_path, bool is_changing,
		  struct strbuf *why) MUST_CHECK;

/* For a reader: takes the key if it is there and right. */
void seal_find_key_if_any(struct seal *seal, struct sql *sql, const char *database_path);

void seal_wipe(struct seal *seal);

/* Seals everything anew, in a transaction of its own, with the credential if that is not the key
 * yet, else with a key made now in secret.key; the old one is kept in secret.key.old. */
int seal_change_key(struct seal *seal, struct sql *sql, const char *database_path,
		    struct strbuf *why) MUST_CHECK;

#endif
