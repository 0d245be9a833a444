#include "domain/creator.h"

#include "base/attrs.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static const char *const status_names[] = {
	[CREATOR_UNKNOWN] = "unknown",
	[CREATOR_OFFLINE] = "offline",
	[CREATOR_LIVE] = "live",
};

static const char *const priority_names[] = {
	[PRIORITY_LOW] = "low",
	[PRIORITY_NORMAL] = "normal",
	[PRIORITY_HIGH] = "high",
};

/* The index of name, or -1. */
static int find_name(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0)
			return (int)i;
	}
	return -1;
}

const char *creator_status_name(enum creator_status status)
{
	assert((size_t)status < ARRAY_SIZE(status_names));
	return status_names[status];
}

bool creator_status_parse(const char *name, enum creator_status *ret_status)
{
	int index = find_name(status_names, ARRAY_SIZE(status_names), name);
	if (index < 0)
		return false;
	*ret_status = (enum creator_status)index;
	return true;
}

const char *creator_priority_name(enum creator_priority priority)
{
	assert((size_t)priority < ARRAY_SIZE(priority_names));
	return priority_names[priority];
}

bool creator_priority_parse(const char *name, enum creator_priority *ret_priority)
{
	int index = find_name(priority_names, ARRAY_SIZE(priority_names), name);
	if (index < 0)
		return false;
	*ret_priority = (enum creator_priority)index;
	return true;
}
