/* utf8 - is this UTF-8, and where does a character end? */
#ifndef GOLIVED_BASE_UTF8_H
#define GOLIVED_BASE_UTF8_H

#include <stddef.h>

/* The number of bytes (1 to 4) of the character that begins at bytes, of which length are left; 0
 * if no valid one does (RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF). */
size_t utf8_sequence(const char *bytes, size_t length);

#endif
