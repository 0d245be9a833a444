/* csv - the creators that a table names, as spreadsheets write it.
 *
 *   in:   text
 *   out:  handles
 *   not:  reading files (file), sending them (watchlists)
 *
 * Cells are separated by comma, semicolon or tab, and may stand in double quotes. Where the first
 * line has a cell "unique_id", "username", "creator" or "handle", that column counts; else the
 * first. Empty lines, and those that begin with '#', do not.
 */
#ifndef GOLIVED_CTL_CSV_H
#define GOLIVED_CTL_CSV_H

#include "base/attrs.h"
#include "base/strbuf.h"
#include "domain/handle.h"

#include <stddef.h>

struct csv_creators {
	char (*handles)[HANDLE_SIZE]; /* owned */
	size_t count, capacity;
};

/* Normalized, in the order of the file. -EINVAL with "line N: …" in why, a line each mistake. */
int csv_read_creators(const char *text, struct strbuf *why,
		      struct csv_creators *ret_creators) MUST_CHECK;
void csv_creators_finish(struct csv_creators *creators);

#endif
