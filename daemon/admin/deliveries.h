/* deliveries - handlers of the admin API for what was sent, every attempt at it, and sending it
 * again. */
#ifndef GOLIVED_ADMIN_DELIVERIES_H
#define GOLIVED_ADMIN_DELIVERIES_H

#include "admin/routes.h"

void deliveries_list(struct store *store, const struct admin_request *request,
		     struct admin_reply *reply);
void deliveries_list_of_webhook(struct store *store, const struct admin_request *request,
				struct admin_reply *reply);
void deliveries_show(struct store *store, const struct admin_request *request,
		     struct admin_reply *reply);
void deliveries_replay(struct store *store, const struct admin_request *request,
		       struct admin_reply *reply);

#endif
