/* memory - allocation for our own small structures, which aborts when memory is out.
 *
 * What is accepted is on disk before anybody is told so, and the service is restarted: an abort
 * loses nothing, and the code has no untested half-built states. Memory whose size somebody outside
 * decides has a limit of its own (limits.h).
 */
#ifndef GOLIVED_BASE_MEMORY_H
#define GOLIVED_BASE_MEMORY_H

#include <stddef.h>

/* Zeroed memory for count items of size bytes; aborts when there is none, or on overflow. Never
 * NULL; free() it. */
void *memory_zeroed(size_t count, size_t size);

/* As realloc() for count items, but aborts when there is no memory. */
void *memory_resized(void *old, size_t count, size_t size);

/* A copy of text (NULL gives NULL), and of the first length bytes of text with a NUL behind. free()
 * it. */
char *memory_text(const char *text);
char *memory_text_n(const char *text, size_t length);

#endif
