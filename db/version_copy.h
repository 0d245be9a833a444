/* version_copy - the database as it was before a newer program migrated it, for going back.
 *
 *   in:   the database, its version
 *   out:  a file beside it, PATH.version-N (0600), N being the version that it has
 *   not:  when (db/store: before every migration); getting rid of it (the operator)
 *
 * For db/ only.
 */
#ifndef GOLIVED_DB_VERSION_COPY_H
#define GOLIVED_DB_VERSION_COPY_H

#include "db/store.h"

/* Makes the copy, on disk when this returns; one of an earlier upgrade from the same version is
 * replaced, and only by a whole one. On failure nothing has changed, and *why says what to do. */
int version_copy_make(struct store *store, int64_t version, struct strbuf *why) MUST_CHECK;

/* The newest copy beside the database that a program of that version can read: its path, for the
 * caller to free. NULL: there is none. */
char *version_copy_find(const char *database_path, int64_t version);

/* Version 1 did not seal its secrets, so its copy must not be forgotten: says so while it is there.
 */
void version_copy_warn_if_readable(const char *database_path);

#endif
