/* creators - handlers of the admin API for who is watched, their state and their sessions. */
#ifndef GOLIVED_ADMIN_CREATORS_H
#define GOLIVED_ADMIN_CREATORS_H

#include "admin/routes.h"

void creators_list(struct store *store, const struct admin_request *request,
		   struct admin_reply *reply);
void creators_show(struct store *store, const struct admin_request *request,
		   struct admin_reply *reply);

#endif
