/* audit - handlers of the admin API for the audit trail: who changed what, when. */
#ifndef GOLIVED_ADMIN_AUDIT_H
#define GOLIVED_ADMIN_AUDIT_H

#include "admin/routes.h"

void audit_list(struct store *store, const struct admin_request *request,
		struct admin_reply *reply);

#endif
