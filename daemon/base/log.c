#include "base/log.h"

#include "base/clock.h"
#include "base/journal.h"
#include "base/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	/* A pipe with any room takes this much at once, so a line is written whole or not at all.
	 */
	LINE_BYTES = PIPE_BUF,
	LINE_TAIL_BYTES = 32, /* kept for the mark of a cut line, and its end */
	VALUE_BYTES = 1024,   /* of one value; the rest is cut off */
};

enum output { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_JOURNAL };

static const struct {
	const char *name;
	int journal_priority; /* syslog(3) */
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", 3 },   [LOG_LEVEL_WARNING] = { "warning", 4 },
	[LOG_LEVEL_NOTICE] = { "notice", 5 }, [LOG_LEVEL_INFO] = { "info", 6 },
	[LOG_LEVEL_DEBUG] = { "debug", 7 },
};

static atomic_int current_level = LOG_LEVEL_INFO;
static atomic_int current_output = OUTPUT_TEXT;
static const char *_Atomic journal_path; /* NULL: the journal is reached through stderr only */
static atomic_uint_fast64_t dropped;     /* since the start */
static atomic_uint_fast64_t dropped_unreported; /* since the last line that said so */

/* systemd tells which device and inode the journal's stream has; stderr may be another by now. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat status;
	if (!stream || fstat(STDERR_FILENO, &status) < 0)
		return false;
	char *end;
	uintmax_t device = strtoumax(stream, &end, 10);
	return *end == ':' && device == status.st_dev &&
	       strtoumax(end + 1, NULL, 10) == status.st_ino;
}

void log_set_journal(const char *socket_path)
{
	atomic_store(&journal_path, socket_path);
}

void log_configure(enum log_level level, enum log_format format)
{
	enum output output = OUTPUT_TEXT;
	if (format == LOG_FORMAT_JSON)
		output = OUTPUT_JSON;
	else if (format == LOG_FORMAT_AUTO && stderr_is_journal())
		output = OUTPUT_JOURNAL;
	atomic_store(&current_level, level);
	atomic_store(&current_output, output);
}

bool log_is_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&current_level, memory_order_relaxed);
}

/* A line being written. What does not fit is left out and leaves its mark. */
struct line {
	char text[LINE_BYTES];
	size_t length;
	size_t limit;
	bool overflowed;
};

static void line_add(struct line *line, const char *bytes, size_t length)
{
	if (length > line->limit - line->length) {
		line->overflowed = true;
		return;
	}
	memcpy(line->text + line->length, bytes, length);
	line->length += length;
}

static void line_add_text(struct line *line, const char *text)
{
	line_add(line, text, strlen(text));
}

/* C0 and C1 controls and DEL: what a terminal might obey. */
static bool is_control(const char *at, size_t bytes)
{
	unsigned char byte = (unsigned char)*at;
	return byte < 0x20 || byte == 0x7f ||
	       (bytes == 2 && byte == 0xC2 && (unsigned char)at[1] < 0xA0);
}

/* Text, escaped as JSON does it (in every format, for the sake of one rule); also what is in
 * `special` gets a backslash. */
static void line_add_escaped(struct line *line, const char *text, const char *special)
{
	size_t length = strlen(text), at = 0;
	while (at < length && at < VALUE_BYTES) {
		size_t bytes = utf8_sequence(text + at, length - at);
		if (bytes == 0) {
			line_add_text(line, "\xEF\xBF\xBD"); /* U+FFFD */
			bytes = 1;
		} else if (is_control(text + at, bytes)) {
			char escape[8];
			snprintf(escape, sizeof(escape), "\\u%04x",
				 (unsigned char)text[at + bytes - 1]);
			line_add_text(line, text[at] == '\n' ? "\\n" : escape);
		} else {
			if (strchr(special, text[at]))
				line_add(line, "\\", 1);
			line_add(line, text + at, bytes);
		}
		at += bytes;
	}
	if (at < length)
		line_add_text(line, "\u2026");
}

static void line_add_quoted(struct line *line, const char *text)
{
	line_add(line, "\"", 1);
	line_add_escaped(line, text, "\"\\");
	line_add(line, "\"", 1);
}

/* Can a value stand in key=value as it is? */
static bool is_plain(const char *text)
{
	if (*text == '\0')
		return false;
	for (const char *at = text; *at; at++) {
		unsigned char byte = (unsigned char)*at;
		if (byte <= ' ' || byte >= 0x7f || strchr("\"=\\", *at))
			return false;
	}
	return true;
}

static void line_add_number(struct line *line, int64_t number)
{
	char text[24];
	int length = snprintf(text, sizeof(text), "%" PRId64, number);
	line_add(line, text, (size_t)length);
}

static void line_add_field(struct line *line, bool is_json, const struct log_field *field)
{
	if (is_json) {
		line_add_text(line, ",\"");
		line_add_text(line, field->key);
		line_add_text(line, "\":");
	} else {
		line_add_text(line, " ");
		line_add_text(line, field->key);
		line_add_text(line, "=");
	}
	if (!field->text)
		line_add_number(line, field->number);
	else if (is_json || !is_plain(field->text) || strlen(field->text) > VALUE_BYTES)
		line_add_quoted(line, field->text);
	else
		line_add_text(line, field->text);
}

/* A field that does not fit is left out as a whole, so that a JSON line stays JSON. */
static void line_add_fields(struct line *line, bool is_json, const struct log_field *fields,
			    size_t count)
{
	bool is_cut = false;
	for (size_t i = 0; i < count; i++) {
		if (!fields[i].key)
			continue;
		size_t before = line->length;
		line_add_field(line, is_json, &fields[i]);
		if (line->overflowed) {
			line->length = before;
			line->overflowed = false;
			is_cut = true;
		}
	}
	line->limit = LINE_BYTES;
	if (is_cut)
		line_add_field(line, is_json, &(struct log_field){ .key = "cut", .number = 1 });
}

static void line_begin(struct line *line, enum output output, enum log_level level,
		       const char *message)
{
	char time[CLOCK_TEXT_SIZE], prefix[64];
	switch (output) {
	case OUTPUT_JSON:
		snprintf(prefix, sizeof(prefix), "{\"time\":\"%s\",\"level\":\"%s\",\"message\":",
			 clock_format(clock_now_ms(), time), levels[level].name);
		line_add_text(line, prefix);
		line_add_quoted(line, message);
		return;
	case OUTPUT_JOURNAL: /* sd-daemon(3); the journal has its own clock */
		snprintf(prefix, sizeof(prefix), "<%d>", levels[level].journal_priority);
		break;
	case OUTPUT_TEXT:
		snprintf(prefix, sizeof(prefix), "%s %s ", clock_format(clock_now_ms(), time),
			 levels[level].name);
		break;
	}
	line_add_text(line, prefix);
	line_add_escaped(line, message, "");
}

/* Writes to stderr if that does not block. The descriptor may be shared with other processes, so it
 * is not made non-blocking: a socket can be asked per call, and a pipe that polls as writable takes
 * PIPE_BUF bytes. Between poll and write nobody else of this process may write, hence the lock. */
static bool stderr_write(const char *bytes, size_t length)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	ssize_t written;

	pthread_mutex_lock(&lock);
	do {
		written = send(STDERR_FILENO, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (written < 0 && errno == ENOTSOCK) {
			struct pollfd writable = { .fd = STDERR_FILENO, .events = POLLOUT };
			errno = EAGAIN;
			if (poll(&writable, 1, 0) == 1 && writable.revents == POLLOUT)
				written = write(STDERR_FILENO, bytes, length);
		}
	} while (written < 0 && errno == EINTR);
	pthread_mutex_unlock(&lock);
	return written == (ssize_t)length;
}

static bool emit(enum log_level level, const char *message, const struct log_field *fields,
		 size_t count)
{
	struct line line;
	line.length = 0;
	line.limit = LINE_BYTES - LINE_TAIL_BYTES;
	line.overflowed = false;
	enum output output = (enum output)atomic_load(&current_output);
	line_begin(&line, output, level, message);
	line_add_fields(&line, output == OUTPUT_JSON, fields, count);
	line_add_text(&line, output == OUTPUT_JSON ? "}\n" : "\n");
	const char *journal = atomic_load(&journal_path);
	if (output == OUTPUT_JOURNAL && journal) {
		/* Behind "<4>", before the end of the line. */
		line.text[line.length - 1] = '\0';
		int result = journal_write(journal, levels[level].journal_priority, message,
					   line.text + strlen("<4>"), fields, count);
		if (result == 0 || result == -EAGAIN)
			return result == 0;
		line.text[line.length - 1] = '\n';
	}
	return stderr_write(line.text, line.length);
}

static void report_dropped(void)
{
	uint64_t count = atomic_exchange(&dropped_unreported, 0);
	const struct log_field field = LOG_INT("count", count);
	if (count > 0 && !emit(LOG_LEVEL_WARNING, "log lines dropped", &field, 1))
		atomic_fetch_add(&dropped_unreported, count);
}

void log_write(enum log_level level, const char *message, const struct log_field *fields,
	       size_t count)
{
	if (!log_is_enabled(level))
		return;
	int errno_before = errno;
	report_dropped();
	if (!emit(level, message, fields, count)) {
		atomic_fetch_add(&dropped, 1);
		atomic_fetch_add(&dropped_unreported, 1);
	}
	errno = errno_before;
}

const char *log_errno_text(int negative_errno)
{
	const char *text = strerrordesc_np(-negative_errno);
	return text ? text : "unknown error";
}

const char *log_level_name(enum log_level level)
{
	return levels[level].name;
}

bool log_level_parse(const char *name, enum log_level *ret_level)
{
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strcmp(levels[i].name, name) == 0) {
			*ret_level = (enum log_level)i;
			return true;
		}
	}
	return false;
}

uint64_t log_dropped(void)
{
	return atomic_load(&dropped);
}
