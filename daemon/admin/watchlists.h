/* watchlists - handlers of the admin API for named lists of creators with a priority. */
#ifndef GOLIVED_ADMIN_WATCHLISTS_H
#define GOLIVED_ADMIN_WATCHLISTS_H

#include "admin/routes.h"

void watchlists_list(struct store *store, const struct admin_request *request,
		     struct admin_reply *reply);
void watchlists_show(struct store *store, const struct admin_request *request,
		     struct admin_reply *reply);
void watchlists_put(struct store *store, const struct admin_request *request,
		    struct admin_reply *reply);
void watchlists_change(struct store *store, const struct admin_request *request,
		       struct admin_reply *reply);
void watchlists_remove(struct store *store, const struct admin_request *request,
		       struct admin_reply *reply);

#endif
