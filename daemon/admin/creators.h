/* creators - handlers of the admin API for who is watched, their state and their sessions. */
#ifndef GOLIVED_ADMIN_CREATORS_H
#define GOLIVED_ADMIN_CREATORS_H

#include "admin/routes.h"
#include "db/creators.h"

void creators_list(struct store *store, const struct admin_request *request,
		   struct admin_reply *reply);
void creators_show(struct store *store, const struct admin_request *request,
		   struct admin_reply *reply);

/* The members that every answer about a creator begins with. */
void creator_put(struct json_writer *writer, const struct creator *creator);

#endif
