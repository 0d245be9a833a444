/* attrs - the few compiler attributes and memory idioms that every file may use. */
#ifndef GOLIVED_BASE_ATTRS_H
#define GOLIVED_BASE_ATTRS_H

#include <stddef.h>
#include <stdlib.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_argument) \
	__attribute__((format(printf, format_index, first_argument)))

/* Runs fn(&variable) when the variable leaves its scope. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Yields the pointer and leaves NULL behind: ownership moves out of a CLEANUP variable. */
#define TAKE(pointer) \
	({ \
		__typeof__(pointer) taken_ = (pointer); \
		(pointer) = NULL; \
		taken_; \
	})

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* The struct of which `member` at `pointer` is a part. */
#define CONTAINER_OF(pointer, type, member) \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* For CLEANUP(cleanup_free) char *text: frees what the variable holds. */
static inline void cleanup_free(void *variable)
{
	free(*(void **)variable);
}

#endif
