#include "admin/settings.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct admin_settings *settings_create(const struct config *config)
{
	struct admin_settings *settings = memory_zeroed(1, sizeof(*settings));

	settings->max_webhooks = config->limits.webhooks;
	settings->max_creators_per_webhook = config->limits.creators_per_webhook;
	settings->attempt_timeout_ms =
		config->delivery.connect_timeout_ms + config->delivery.timeout_ms;
	settings->header_prefix = memory_text(config->delivery.header_prefix);
	memcpy(settings->cidrs, config->delivery.allow_targets, sizeof(settings->cidrs));
	settings->exemptions.cidrs = settings->cidrs;
	settings->exemptions.count = config->delivery.allow_target_count;
	settings->references = 1;
	return settings;
}

struct admin_settings *settings_ref(struct admin_settings *settings)
{
	settings->references++;
	return settings;
}

void settings_unref(struct admin_settings *settings)
{
	if (!settings || --settings->references)
		return;
	free(settings->header_prefix);
	free(settings);
}
