#include "base/strbuf.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What an empty buffer points to. Nobody writes to it: a buffer without capacity grows first. */
static char no_text[1];

void strbuf_init(struct strbuf *buffer, size_t max_bytes)
{
	*buffer = (struct strbuf){ .data = no_text, .max_bytes = max_bytes };
}

void strbuf_finish(struct strbuf *buffer)
{
	if (buffer->capacity > 0)
		free(buffer->data);
	strbuf_init(buffer, buffer->max_bytes);
}

void strbuf_clear(struct strbuf *buffer)
{
	if (buffer->capacity > 0)
		buffer->data[0] = '\0';
	buffer->length = 0;
	buffer->full = false;
}

/* Makes room for `more` bytes and the NUL; false, and full from now on, if the maximum forbids. */
static bool strbuf_reserve(struct strbuf *buffer, size_t more)
{
	if (buffer->full || more > buffer->max_bytes - buffer->length) {
		buffer->full = true;
		return false;
	}
	size_t needed = buffer->length + more + 1;
	if (needed <= buffer->capacity)
		return true;
	size_t capacity = buffer->capacity ? buffer->capacity : 64;
	while (capacity < needed)
		capacity = capacity > buffer->max_bytes / 2 ? needed : capacity * 2;
	buffer->data = memory_resized(buffer->capacity ? buffer->data : NULL, capacity, 1);
	buffer->capacity = capacity;
	return true;
}

void strbuf_add(struct strbuf *buffer, const void *bytes, size_t length)
{
	if (length == 0 || !strbuf_reserve(buffer, length))
		return;
	memcpy(buffer->data + buffer->length, bytes, length);
	buffer->length += length;
	buffer->data[buffer->length] = '\0';
}

void strbuf_add_text(struct strbuf *buffer, const char *text)
{
	strbuf_add(buffer, text, strlen(text));
}

void strbuf_add_char(struct strbuf *buffer, char byte)
{
	strbuf_add(buffer, &byte, 1);
}

void strbuf_addf(struct strbuf *buffer, const char *format, ...)
{
	char piece[256];
	va_list arguments;
	va_start(arguments, format);
	int printed = vsnprintf(piece, sizeof(piece), format, arguments);
	va_end(arguments);
	size_t length = printed > 0 ? (size_t)printed : 0;
	if (length < sizeof(piece)) {
		strbuf_add(buffer, piece, length);
		return;
	}
	if (!strbuf_reserve(buffer, length))
		return;
	va_start(arguments, format);
	vsnprintf(buffer->data + buffer->length, length + 1, format, arguments);
	va_end(arguments);
	buffer->length += length;
}

bool strbuf_is_full(const struct strbuf *buffer)
{
	return buffer->full;
}

char *strbuf_steal(struct strbuf *buffer)
{
	char *text = buffer->capacity > 0 ? buffer->data : memory_text("");
	strbuf_init(buffer, buffer->max_bytes);
	return text;
}
