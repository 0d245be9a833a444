/* log - one line per fact: a short verb phrase and its fields.
 *
 *     log_warning("attempt failed", LOG_TEXT("delivery", id), LOG_INT("status", 503));
 *
 * text:
 *     2026-06-18T13:00:00.000Z warning attempt failed delivery=del_01J... status=503
 * json:
 *     {"time":"...","level":"warning","message":"attempt failed","delivery":"...","status":503}
 * journal (auto, when stderr is the journal's): natively with fields, see base/journal.h, and
 * where its socket does not answer
 *     <4>attempt failed delivery=del_01J... status=503
 *
 * Safe from any thread. A log that cannot be written (a full pipe) never blocks: lines are dropped
 * and counted, and the count is logged once there is room. Never log a secret, a body, or a URL
 * beyond scheme://host:port. Control bytes in a value are escaped as in JSON, and in text a value
 * with a space, a quote, '=' or anything beyond ASCII is quoted. A value is cut at 1 KiB; a line
 * is 4 KiB at most: fields that do not fit are left out, and `cut=1` says so.
 */
#ifndef GOLIVED_BASE_LOG_H
#define GOLIVED_BASE_LOG_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_field {
	const char *key;  /* NULL: no field */
	const char *text; /* NULL: number counts */
	int64_t number;
};

/* NULL is logged as an empty text. */
static inline struct log_field log_text_field(const char *name, const char *value)
{
	return (struct log_field){ .key = name, .text = value ? value : "" };
}

#define LOG_TEXT(name, value) log_text_field(name, value)
#define LOG_INT(name, value) ((struct log_field){ .key = (name), .number = (int64_t)(value) })
/* strerror of a negative errno, as `error=`. */
#define LOG_ERRNO(negative_errno) LOG_TEXT("error", log_errno_text(negative_errno))

#define LOG_LINE(level, message, ...) \
	log_write(level, message, (const struct log_field[]){ { 0 }, ##__VA_ARGS__ }, \
		  ARRAY_SIZE(((const struct log_field[]){ { 0 }, ##__VA_ARGS__ })))
#define log_error(message, ...) LOG_LINE(LOG_LEVEL_ERROR, message, ##__VA_ARGS__)
#define log_warning(message, ...) LOG_LINE(LOG_LEVEL_WARNING, message, ##__VA_ARGS__)
#define log_notice(message, ...) LOG_LINE(LOG_LEVEL_NOTICE, message, ##__VA_ARGS__)
#define log_info(message, ...) LOG_LINE(LOG_LEVEL_INFO, message, ##__VA_ARGS__)
#define log_debug(message, ...) LOG_LINE(LOG_LEVEL_DEBUG, message, ##__VA_ARGS__)

/* May be called again (reload). Before the first call: text, info. */
void log_configure(enum log_level level, enum log_format format);

/* The socket of the journal's native protocol, for good; without it the journal gets lines. */
void log_set_journal(const char *socket_path);

bool log_is_enabled(enum log_level level);
void log_write(enum log_level level, const char *message, const struct log_field *fields,
	       size_t count);

const char *log_errno_text(int negative_errno);

/* "error", "warning", … and back; false for a name that is none. */
const char *log_level_name(enum log_level level);
bool log_level_parse(const char *name, enum log_level *ret_level);

/* Lines that could not be written since the start. */
uint64_t log_dropped(void);

#endif
