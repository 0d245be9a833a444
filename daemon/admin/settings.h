/* settings - what of the configuration handlers go by: a snapshot that does not change under them.
 *
 * A reload makes a new one; requests that began before keep theirs, on whatever thread they are.
 * References are counted on the loop's thread only.
 */
#ifndef GOLIVED_ADMIN_SETTINGS_H
#define GOLIVED_ADMIN_SETTINGS_H

#include "base/config.h"
#include "domain/target.h"

struct admin_settings {
	int64_t max_webhooks, max_creators_per_webhook; /* 0: no limit */
	int64_t attempt_timeout_ms; /* the longest that one attempt of a delivery can take */
	char *header_prefix;        /* owned; of the daemon's own headers: "X-Tiktool" */
	struct config_cidr cidrs[LIMIT_ALLOW_TARGETS];
	struct target_exemptions exemptions; /* points to cidrs */
	unsigned references;
};

struct admin_settings *settings_create(const struct config *config);
struct admin_settings *settings_ref(struct admin_settings *settings);
void settings_unref(struct admin_settings *settings); /* NULL: no-op */

#endif
