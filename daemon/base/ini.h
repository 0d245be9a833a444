/* ini - the lines of a configuration file: sections, entries, and what is wrong with the rest.
 *
 *     [section]
 *     key = value      # a comment
 *
 *   in:   the text of a file
 *   out:  one call per line that says something
 *   not:  what sections, keys and values mean (config)
 *
 * White space around names and values does not count. A comment begins with # or ; at the start of
 * a line or behind white space; so a value may contain both, but not behind a space. A line may end
 * with CR LF, and the text may begin with a byte order mark.
 *
 * Why not Debian's inih: it cuts lines at 200 bytes, goes on with the rest as if it were a line of
 * its own, and tells only the first mistake.
 */
#ifndef GOLIVED_BASE_INI_H
#define GOLIVED_BASE_INI_H

#include <stddef.h>

enum ini_kind {
	INI_SECTION, /* section */
	INI_ENTRY,   /* section (NULL before the first one, "" behind a broken one), key, value */
	INI_MISTAKE, /* section, mistake */
};

struct ini_line {
	enum ini_kind kind;
	unsigned number; /* from 1 */
	const char *section;
	const char *key;
	const char *value;
	const char *mistake; /* static: what is wrong with the line, a phrase as "is ..." */
};

/* The line and its texts are borrowed until the call returns. */
typedef void (*ini_on_line)(void *arg, const struct ini_line *line);

/* Reads length bytes, which are changed on the way, and behind which a NUL stands. */
void ini_read(char *text, size_t length, ini_on_line on_line, void *arg);

/* What no line and no value may contain, whatever it means (a phrase as above): control characters,
 * what is not UTF-8, more than LIMIT_CONFIG_LINE_BYTES. NULL if there is nothing of the kind. */
const char *ini_text_fault(const char *text, size_t length);

#endif
