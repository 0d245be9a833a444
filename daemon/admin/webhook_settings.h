/* webhook_settings - what a client may set on a webhook: read from a body, and judged.
 *
 *   in:   the fields of POST or PATCH /api/webhooks
 *   out:  a struct webhook with what was given, and a bit for each field; or the problem in the
 * reply
 *   not:  storing it (webhooks)
 */
#ifndef GOLIVED_ADMIN_WEBHOOK_SETTINGS_H
#define GOLIVED_ADMIN_WEBHOOK_SETTINGS_H

#include "admin/fields.h"
#include "db/webhooks.h"

struct webhook_settings {
	struct webhook values; /* points into the lists and headers below, and into the body */
	unsigned given;        /* enum webhook_fields */
	struct text_list creators, watchlists;
	struct strbuf headers;  /* extra_headers as they are stored: a JSON object */
	bool has_authorization; /* among them */
};

void webhook_settings_init(struct webhook_settings *settings);
void webhook_settings_finish(struct webhook_settings *settings);

/* is_new: what a new webhook must have has to be there, and a null is as if it were not. Otherwise
 * a null clears what may be cleared. -EINVAL with a 422 (or 409 for a limit) in reply. */
int webhook_settings_read(struct webhook_settings *settings, const struct admin_request *request,
			  bool is_new, struct admin_reply *reply) MUST_CHECK;

/* Is "Authorization" (any case) a member of stored extra headers? NULL: no. */
bool webhook_headers_have_authorization(const char *extra_headers);

/* The 422 of a bearer token and an Authorization header that would both be sent. */
void webhook_settings_refuse_two_authorizations(struct admin_reply *reply);

#endif
