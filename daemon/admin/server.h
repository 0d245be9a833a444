/* server - the admin API on the wire: connections, framing, limits, deadlines. The only file that
 * knows libmicrohttpd.
 *
 *   in:   HTTP requests
 *   out:  the replies of the handlers in the route table (routes), which run as jobs of the store
 *   not:  what a route does (webhooks, deliveries, …), who may call it (auth)
 *
 * A handler is a function from a request and the store to a reply. Requests that read run on the
 * store's reader thread, those that change something on the writer; nothing blocks the loop.
 */
#ifndef GOLIVED_ADMIN_SERVER_H
#define GOLIVED_ADMIN_SERVER_H

#include "base/attrs.h"
#include "base/config.h"
#include "base/loop.h"
#include "base/strbuf.h"
#include "db/store_thread.h"
#include "domain/status.h"

struct admin_server;

struct admin_hooks {
	void (*status)(void *arg, struct service_status *ret_status); /* as of now */
	void (*on_watched_changed)(void *arg);   /* webhooks' creators or watchlists changed */
	void (*on_endpoints_changed)(void *arg); /* webhooks changed */
	void (*on_enqueued)(void *arg);          /* deliveries were added */
	void *arg;
};

/* Binds and listens (a socket passed by systemd wins over admin.listen), and reads the keys:
 * admin.api_key_file, else admin.key beside the database, which is made at the first start. config
 * is borrowed and may change in place before admin_server_reload(). -errno with *why in one
 * sentence. -EINVAL: a restart will not cure it. */
int admin_server_create(struct loop *loop, struct store_thread *store, const struct config *config,
			const struct admin_hooks *hooks, struct strbuf *why,
			struct admin_server **ret_server) MUST_CHECK;
void admin_server_destroy(struct admin_server *server);

/* No new connections; requests under way are answered, streams are ended. */
void admin_server_stop(struct admin_server *server);
/* Keys and limits anew. A key file that cannot be read keeps the old keys: -errno with *why. */
int admin_server_reload(struct admin_server *server, struct strbuf *why) MUST_CHECK;

/* Events or outcomes were committed: requests that wait for one (a webhook's test, the event
 * stream) look again. */
void admin_server_poke(struct admin_server *server);

/* Where it listens, for the log: "http://127.0.0.1:8787" (with the real port) or "unix:/path".
 * Borrowed. */
const char *admin_server_address(const struct admin_server *server);

#endif
