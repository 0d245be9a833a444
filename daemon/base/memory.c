#include "base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *memory_or_abort(void *memory)
{
	if (!memory) {
		/* Not through the log, which may need memory itself. */
		fputs("out of memory\n", stderr);
		abort();
	}
	return memory;
}

void *memory_zeroed(size_t count, size_t size)
{
	/* calloc(0) may answer NULL, which would not be a lack of memory. */
	return memory_or_abort(calloc(count ? count : 1, size ? size : 1));
}

void *memory_resized(void *old, size_t count, size_t size)
{
	return memory_or_abort(reallocarray(old, count ? count : 1, size ? size : 1));
}

char *memory_text(const char *text)
{
	return text ? memory_text_n(text, strlen(text)) : NULL;
}

char *memory_text_n(const char *text, size_t length)
{
	if (length == SIZE_MAX)
		memory_or_abort(NULL);
	char *copy = memory_or_abort(malloc(length + 1));
	if (length > 0)
		memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}
