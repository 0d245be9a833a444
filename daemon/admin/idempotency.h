/* idempotency - a POST that is sent again with its Idempotency-Key does its work once.
 *
 *   in:   a request with a key, and the handler it is for
 *   out:  the handler's reply, or the one it gave before
 *   not:  forgetting old keys (store_prune, after a day)
 *
 * Only answers that stand for something done are kept, in the transaction that did it: after an
 * error the same key may be tried again. Keys of different callers do not meet. An answer that
 * shows a secret once is kept with it for that day, as the retry must show it, and sealed (db/seal)
 * as the webhooks' secrets are.
 */
#ifndef GOLIVED_ADMIN_IDEMPOTENCY_H
#define GOLIVED_ADMIN_IDEMPOTENCY_H

#include "admin/routes.h"

void idempotency_run(route_handler_fn handler, struct store *store,
		     const struct admin_request *request, struct admin_reply *reply);

#endif
