#include "admin/openapi.h"

#include "admin/openapi_document.h"

void openapi_show(struct store *store, const struct admin_request *request,
		  struct admin_reply *reply)
{
	(void)store;
	(void)request;
	reply_text(reply, 200, "application/json", openapi_document, openapi_document_length);
}
