/* status - handlers of the admin API for how the daemon is doing, for people, supervisors and
 * Prometheus. */
#ifndef GOLIVED_ADMIN_STATUS_H
#define GOLIVED_ADMIN_STATUS_H

#include "admin/routes.h"

void status_show(struct store *store, const struct admin_request *request,
		 struct admin_reply *reply);
void status_health(struct store *store, const struct admin_request *request,
		   struct admin_reply *reply);
void status_ready(struct store *store, const struct admin_request *request,
		  struct admin_reply *reply);
void status_metrics(struct store *store, const struct admin_request *request,
		    struct admin_reply *reply);

#endif
