/* file - a small file read whole. */
#ifndef GOLIVED_BASE_FILE_H
#define GOLIVED_BASE_FILE_H

#include "base/attrs.h"

#include <stddef.h>

/* The bytes of a file of at most max_bytes, with a NUL behind (which *ret_length does not count).
 * -errno if it cannot be read, -EFBIG if there are more. The caller frees them. */
int file_read(const char *path, size_t max_bytes, char **ret_bytes, size_t *ret_length) MUST_CHECK;

#endif
