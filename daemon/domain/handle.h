/* handle - a creator's name as people write it, made into the one form that is stored:
 * `[a-z0-9._-]`, 2 to 64 characters. */
#ifndef GOLIVED_DOMAIN_HANDLE_H
#define GOLIVED_DOMAIN_HANDLE_H

#include "base/attrs.h"
#include "base/limits.h"

#include <stdbool.h>

enum { HANDLE_SIZE = LIMIT_HANDLE_MAX + 1 };

/* Takes "name", "@name", "https://www.tiktok.com/@name", ".../@name/live" (http too, with or
 * without www., query ignored), any case, spaces around it. -EINVAL for anything that is no handle
 * then. */
int handle_normalize(const char *text, char ret_handle[HANDLE_SIZE]) MUST_CHECK;

#endif
