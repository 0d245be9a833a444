/* openapi_document - docs/openapi.json as it was when the program was built (embed_openapi.sh). */
#ifndef GOLIVED_ADMIN_OPENAPI_DOCUMENT_H
#define GOLIVED_ADMIN_OPENAPI_DOCUMENT_H

#include <stddef.h>

extern const char openapi_document[];
extern const size_t openapi_document_length;

#endif
