#include "base/ini.h"

#include "base/limits.h"
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

/* The text without white space around it, cut off in place. */
static char *trimmed(char *text)
{
	while (is_blank(*text))
		text++;
	size_t length = strlen(text);
	while (length > 0 && is_blank(text[length - 1]))
		length--;
	text[length] = '\0';
	return text;
}

static void cut_comment(char *text)
{
	for (char *at = text; *at; at++) {
		if ((*at == '#' || *at == ';') && (at == text || is_blank(at[-1]))) {
			*at = '\0';
			return;
		}
	}
}

const char *ini_text_fault(const char *text, size_t length)
{
	if (length > LIMIT_CONFIG_LINE_BYTES)
		return "is longer than 16 KiB";
	for (size_t at = 0; at < length;) {
		size_t bytes = utf8_sequence(text + at, length - at);
		if (bytes == 0)
			return "is not UTF-8 text";
		if (((unsigned char)text[at] < ' ' && text[at] != '\t') || text[at] == 0x7f)
			return "holds a control character (remove it)";
		at += bytes;
	}
	return NULL;
}

static void read_section(char *text, struct ini_line *line)
{
	size_t length = strlen(text);
	if (text[length - 1] != ']') {
		line->section = "";
		line->mistake = "opens a section and does not close it (write [name])";
		return;
	}
	text[length - 1] = '\0';
	line->kind = INI_SECTION;
	line->section = trimmed(text + 1);
}

static void read_entry(char *text, struct ini_line *line)
{
	char *equals = strchr(text, '=');
	if (!equals) {
		line->mistake = "has no = (write key = value, or # before a comment)";
		return;
	}
	*equals = '\0';
	line->key = trimmed(text);
	line->value = trimmed(equals + 1);
	if (*line->key == '\0')
		line->mistake = "has no key before the =";
	else
		line->kind = INI_ENTRY;
}

/* One line without its end. False if it says nothing. */
static bool read_line(char *text, size_t length, struct ini_line *line)
{
	line->kind = INI_MISTAKE;
	line->mistake = ini_text_fault(text, length);
	if (line->mistake)
		return true;
	cut_comment(text);
	text = trimmed(text);
	if (*text == '\0')
		return false;
	if (*text == '[')
		read_section(text, line);
	else
		read_entry(text, line);
	return true;
}

void ini_read(char *text, size_t length, ini_on_line on_line, void *arg)
{
	char *end = text + length;
	const char *section = NULL;
	if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
		text += 3;
	for (unsigned number = 1; text < end; number++) {
		char *line_end = memchr(text, '\n', (size_t)(end - text));
		char *next = line_end ? line_end + 1 : end;
		if (!line_end)
			line_end = end;
		if (line_end > text && line_end[-1] == '\r')
			line_end--;
		*line_end = '\0';

		struct ini_line line = { .number = number, .section = section };
		if (read_line(text, (size_t)(line_end - text), &line)) {
			on_line(arg, &line);
			section = line.section;
		}
		text = next;
	}
}
