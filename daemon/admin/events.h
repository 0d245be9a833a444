/* events - handlers of the admin API for what was detected, and synthetic ones; the stream of new
 * ones. */
#ifndef GOLIVED_ADMIN_EVENTS_H
#define GOLIVED_ADMIN_EVENTS_H

#include "admin/routes.h"

void events_list(struct store *store, const struct admin_request *request,
		 struct admin_reply *reply);
void events_show(struct store *store, const struct admin_request *request,
		 struct admin_reply *reply);
void events_create(struct store *store, const struct admin_request *request,
		   struct admin_reply *reply);

#endif
