/* replays - handlers of the admin API for sending many events of one webhook again, paced. */
#ifndef GOLIVED_ADMIN_REPLAYS_H
#define GOLIVED_ADMIN_REPLAYS_H

#include "admin/routes.h"

void replays_create(struct store *store, const struct admin_request *request,
		    struct admin_reply *reply);
void replays_show(struct store *store, const struct admin_request *request,
		  struct admin_reply *reply);
void replays_cancel(struct store *store, const struct admin_request *request,
		    struct admin_reply *reply);

#endif
