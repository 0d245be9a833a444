/* explain - GET /api/creators/{unique_id}/explain: which answers made a creator's state
 * what it is. */
#ifndef GOLIVED_ADMIN_EXPLAIN_H
#define GOLIVED_ADMIN_EXPLAIN_H

#include "admin/routes.h"

void creators_explain(struct store *store, const struct admin_request *request,
		      struct admin_reply *reply);

#endif
