/* openapi - handlers of the admin API for the API's description of itself (OpenAPI 3.1). */
#ifndef GOLIVED_ADMIN_OPENAPI_H
#define GOLIVED_ADMIN_OPENAPI_H

#include "admin/routes.h"

void openapi_show(struct store *store, const struct admin_request *request,
		  struct admin_reply *reply);

#endif
