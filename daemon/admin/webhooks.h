/* webhooks - handlers of the admin API for registering, reading, changing, removing, testing,
 * rotating the secret. */
#ifndef GOLIVED_ADMIN_WEBHOOKS_H
#define GOLIVED_ADMIN_WEBHOOKS_H

#include "admin/routes.h"

void webhooks_list(struct store *store, const struct admin_request *request,
		   struct admin_reply *reply);
void webhooks_create(struct store *store, const struct admin_request *request,
		     struct admin_reply *reply);
void webhooks_show(struct store *store, const struct admin_request *request,
		   struct admin_reply *reply);
void webhooks_change(struct store *store, const struct admin_request *request,
		     struct admin_reply *reply);
void webhooks_remove(struct store *store, const struct admin_request *request,
		     struct admin_reply *reply);
void webhooks_test(struct store *store, const struct admin_request *request,
		   struct admin_reply *reply);
void webhooks_rotate_secret(struct store *store, const struct admin_request *request,
			    struct admin_reply *reply);

#endif
