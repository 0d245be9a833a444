/* keys - handlers of the admin API for keys of this API that are made through it. */
#ifndef GOLIVED_ADMIN_KEYS_H
#define GOLIVED_ADMIN_KEYS_H

#include "admin/routes.h"

void keys_list(struct store *store, const struct admin_request *request, struct admin_reply *reply);
void keys_create(struct store *store, const struct admin_request *request,
		 struct admin_reply *reply);
void keys_remove(struct store *store, const struct admin_request *request,
		 struct admin_reply *reply);

#endif
