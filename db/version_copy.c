#include "db/version_copy.h"

#include "base/log.h"
#include "base/memory.h"
#include "db/store_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { VERSION_WITH_READABLE_SECRETS = 1, BYTES_PER_MEGABYTE = 1000000 };

static char *path_of(const char *database_path, int64_t version, const char *suffix)
{
	size_t size = strlen(database_path) + strlen(suffix) + sizeof(".version-") + 20;
	char *path = memory_zeroed(1, size);
	snprintf(path, size, "%s.version-%" PRId64 "%s", database_path, version, suffix);
	return path;
}

static int refuse(struct strbuf *why, int error, struct store *store, const char *copy)
{
	int64_t database_bytes, wal_bytes;
	store_sizes(store, &database_bytes, &wal_bytes);
	strbuf_addf(why,
		    "%s is to be migrated and was left as it is, since it cannot be copied to %s "
		    "before: %s (it takes up to %" PRId64 " MB)",
		    store->path, copy, strerror(-error),
		    (database_bytes + wal_bytes) / BYTES_PER_MEGABYTE + 1);
	return error;
}

int version_copy_make(struct store *store, int64_t version, struct strbuf *why)
{
	CLEANUP(cleanup_free) char *copy = path_of(store->path, version, "");
	CLEANUP(cleanup_free) char *part = path_of(store->path, version, ".part");
	/* What a start that was killed left. */
	int r = unlink(part) < 0 && errno != ENOENT ? -errno : 0;
	if (r == 0)
		r = store_backup(store, part);
	if (r == 0 && rename(part, copy) < 0) {
		r = -errno;
		unlink(part);
	}
	if (r == 0)
		r = store_sync_directory_of(copy);
	if (r < 0)
		return refuse(why, r, store, copy);
	log_notice("the database was copied before it is migrated", LOG_TEXT("path", copy),
		   LOG_INT("version", version));
	return 0;
}

char *version_copy_find(const char *database_path, int64_t version)
{
	for (; version > 0; version--) {
		char *copy = path_of(database_path, version, "");
		if (access(copy, F_OK) == 0)
			return copy;
		free(copy);
	}
	return NULL;
}

void version_copy_warn_if_readable(const char *database_path)
{
	CLEANUP(cleanup_free)
	char *copy = version_copy_find(database_path, VERSION_WITH_READABLE_SECRETS);
	if (copy)
		log_warning("the copy made before the upgrade holds readable secrets",
			    LOG_TEXT("path", copy));
}
