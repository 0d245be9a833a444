#include "tests/simulation/disk.h"

#include "base/attrs.h"
#include "base/memory.h"
#include "tests/simulation/virtual.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR_BYTES = 512, PATH_SIZE = 256, SHM_REGIONS_MAX = 64 };

struct bytes {
	uint8_t *data;
	size_t size, capacity;
};

/* A write, or the cutting of a file to a size, that was not synchronised; with what was there. */
struct change {
	struct change *before; /* the one before it */
	bool is_truncation;
	size_t offset, length; /* of a truncation: the new size is offset */
	size_t old_size, kept; /* of the file; of what is here */
	uint8_t old[];
};

struct file {
	struct file *next;
	char path[PATH_SIZE];  /* "": nobody else can open it, and it goes with its handle */
	struct bytes written;  /* what a reader sees */
	struct change *latest; /* without these it is what is on the platter for certain */
	bool is_named;         /* the directory has its name for certain */
	bool is_deleted;
	unsigned handles;
	void *regions[SHM_REGIONS_MAX]; /* shared memory */
};

struct handle {
	sqlite3_file base; /* must be first */
	struct file *file;
};

static struct {
	struct file *files; /* list */
	bool is_stopped, is_full, fails_sync, is_watching;
	unsigned stops_after; /* 0: it does not */
	disk_watch_fn watch;
	void *watch_arg;
} disk;

/* ---- bytes ---- */

static void reserve(struct bytes *bytes, size_t size)
{
	if (size <= bytes->capacity)
		return;
	bytes->capacity = 2 * size;
	bytes->data = memory_resized(bytes->data, bytes->capacity, 1);
}

static void bytes_resize(struct bytes *bytes, size_t size)
{
	reserve(bytes, size);
	if (size > bytes->size)
		memset(bytes->data + bytes->size, 0, size - bytes->size);
	bytes->size = size;
}

static void bytes_put(struct bytes *bytes, size_t offset, const void *data, size_t length)
{
	if (offset > bytes->size)
		bytes_resize(bytes, offset);
	if (offset + length > bytes->size) {
		reserve(bytes, offset + length);
		bytes->size = offset + length;
	}
	memcpy(bytes->data + offset, data, length);
}

static void bytes_copy(struct bytes *to, const struct bytes *from)
{
	bytes_resize(to, 0);
	if (from->size > 0)
		bytes_put(to, 0, from->data, from->size);
}

/* ---- files ---- */

static struct file *find(const char *path)
{
	struct file *file = disk.files;
	while (file && (file->is_deleted || strcmp(file->path, path) != 0))
		file = file->next;
	return file;
}

static struct file *create(const char *path)
{
	struct file *file = memory_zeroed(1, sizeof(*file));
	snprintf(file->path, sizeof(file->path), "%s", path);
	file->next = disk.files;
	disk.files = file;
	return file;
}

static void forget_changes(struct file *file)
{
	while (file->latest) {
		struct change *change = file->latest;
		file->latest = change->before;
		free(change);
	}
}

static void unmap(struct file *file)
{
	for (size_t i = 0; i < SHM_REGIONS_MAX; i++) {
		free(file->regions[i]);
		file->regions[i] = NULL;
	}
}

static void destroy(struct file *file)
{
	struct file **link = &disk.files;
	assert(file->handles == 0);
	while (*link != file)
		link = &(*link)->next;
	*link = file->next;
	forget_changes(file);
	unmap(file);
	free(file->written.data);
	free(file);
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* To be called before it is made: what it overwrites or cuts off is kept. */
static void add_change(struct file *file, bool is_truncation, size_t offset, size_t length)
{
	const struct bytes *bytes = &file->written;
	size_t there = offset < bytes->size ? bytes->size - offset : 0;
	size_t kept = is_truncation ? there : smaller(there, length);
	struct change *change = memory_resized(NULL, 1, sizeof(*change) + kept);
	*change = (struct change){ .before = file->latest,
				   .is_truncation = is_truncation,
				   .offset = offset,
				   .length = length,
				   .old_size = bytes->size,
				   .kept = kept };
	if (kept > 0)
		memcpy(change->old, bytes->data + offset, kept);
	file->latest = change;
}

static void write_file(struct file *file, size_t offset, const void *data, size_t length)
{
	add_change(file, false, offset, length);
	bytes_put(&file->written, offset, data, length);
}

static void truncate_file(struct file *file, size_t size)
{
	add_change(file, true, size, 0);
	bytes_resize(&file->written, size);
}

static void take_back(struct bytes *bytes, const struct change *change)
{
	bytes_resize(bytes, change->old_size);
	if (change->kept > 0)
		memcpy(bytes->data + change->offset, change->old, change->kept);
}

/* A file's first fsync brings its name to the disk as well (SQLite syncs the directory then), and
 * with it what else became of that directory. */
static void sync_directory(void)
{
	struct file *next;
	for (struct file *file = disk.files; file; file = next) {
		next = file->next;
		file->is_named = !file->is_deleted;
		if (file->is_deleted && file->handles == 0)
			destroy(file);
	}
}

static void sync_file(struct file *file)
{
	forget_changes(file);
	if (!file->is_named)
		sync_directory();
}

/* ---- loss of power ---- */

/* How much of what was not synchronised had got there: none, nearly none, half, nearly all, all. */
static double chance_of_sector(void)
{
	static const double chances[] = { 0, 0.1, 0.5, 0.9, 1 };
	return chances[chance_between(0, ARRAY_SIZE(chances) - 1)];
}

/* A change that was taken back, to be made again in part. */
struct lost_change {
	const struct change *change;
	uint8_t *data; /* owned; of a write: what it wrote */
};

/* Takes all changes back, the last one first. The array has them from the first one on. */
static struct lost_change *take_all_back(struct bytes *bytes, const struct file *file,
					 size_t *ret_count)
{
	size_t count = 0;
	for (const struct change *change = file->latest; change; change = change->before)
		count++;
	struct lost_change *lost = memory_zeroed(count, sizeof(*lost));
	*ret_count = count;
	for (const struct change *change = file->latest; change; change = change->before) {
		struct lost_change *one = &lost[--count];
		one->change = change;
		one->data = memory_zeroed(1, change->length);
		if (change->length > 0)
			memcpy(one->data, bytes->data + change->offset, change->length);
		take_back(bytes, change);
	}
	return lost;
}

static void write_torn(struct bytes *bytes, const struct lost_change *lost, double probability)
{
	const struct change *change = lost->change;
	size_t end = change->offset + change->length;
	for (size_t at = change->offset; at < end;) {
		size_t next = smaller((at / SECTOR_BYTES + 1) * SECTOR_BYTES, end);
		if (chance_of(probability))
			bytes_put(bytes, at, lost->data + (at - change->offset), next - at);
		at = next;
	}
}

/* bytes: what was written to the file; what a loss of power leaves of it. */
static void survive(struct bytes *bytes, const struct file *file)
{
	double probability = chance_of_sector();
	size_t count;
	struct lost_change *lost = take_all_back(bytes, file, &count);
	for (size_t i = 0; i < count; i++) {
		if (!lost[i].change->is_truncation)
			write_torn(bytes, &lost[i], probability);
		else if (chance_of(probability))
			bytes_resize(bytes, lost[i].change->offset);
		free(lost[i].data);
	}
	free(lost);
}

/* A name that never was synchronised may be there or not, and so may one that was removed. */
static bool keeps_name(const struct file *file)
{
	if (file->is_deleted)
		return file->is_named && !find(file->path) && chance_of(0.5);
	return file->is_named || chance_of(0.5);
}

void disk_lose_power(void)
{
	struct file *next;
	for (struct file *file = disk.files; file; file = next) {
		next = file->next;
		if (!keeps_name(file)) {
			destroy(file);
			continue;
		}
		survive(&file->written, file);
		forget_changes(file);
		file->is_deleted = false;
		file->is_named = true;
	}
}

static void fork_file(const char *path, const char *to, const char *suffix)
{
	char from[PATH_SIZE], copy[PATH_SIZE];
	snprintf(from, sizeof(from), "%s%s", path, suffix);
	snprintf(copy, sizeof(copy), "%s%s", to, suffix);
	for (const struct file *file = disk.files; file; file = file->next) {
		if (strcmp(file->path, from) != 0 || !keeps_name(file))
			continue;
		struct file *left = create(copy);
		bytes_copy(&left->written, &file->written);
		survive(&left->written, file);
		left->is_named = true;
		return;
	}
}

static const char *const suffixes[] = { "", "-wal", "-journal" };

void disk_fork_without_power(const char *path, const char *to)
{
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		fork_file(path, to, suffixes[i]);
}

void disk_forget(const char *path)
{
	struct file *next;
	for (struct file *file = disk.files; file; file = next) {
		next = file->next;
		if (strncmp(file->path, path, strlen(path)) == 0)
			destroy(file);
	}
}

void disk_tear_end(const char *path, size_t bytes_max)
{
	struct file *file = find(path);
	if (!file)
		return;
	for (int64_t i = chance_between(0, (int64_t)bytes_max); i > 0; i--) {
		uint8_t byte = (uint8_t)chance_bits();
		write_file(file, file->written.size, &byte, 1);
	}
}

/* ---- faults ---- */

void disk_stop(void)
{
	disk.is_stopped = true;
}

void disk_stop_after(unsigned operations)
{
	disk.stops_after = operations + 1;
}

bool disk_is_stopped(void)
{
	return disk.is_stopped;
}

void disk_start(void)
{
	disk.is_stopped = false;
	disk.stops_after = 0;
}

void disk_set_full(bool is_full)
{
	disk.is_full = is_full;
}

void disk_fail_next_sync(void)
{
	disk.fails_sync = true;
}

void disk_heal(void)
{
	disk.is_full = disk.fails_sync = false;
}

void disk_watch(disk_watch_fn fn, void *arg)
{
	disk.watch = fn;
	disk.watch_arg = arg;
}

/* Whether the operation that comes now reaches the disk. */
static bool begin_operation(void)
{
	if (disk.is_watching)
		return true;
	if (disk.stops_after > 0 && --disk.stops_after == 0)
		disk.is_stopped = true;
	if (disk.is_stopped)
		return false;
	if (disk.watch) {
		disk.is_watching = true;
		disk.watch(disk.watch_arg);
		disk.is_watching = false;
	}
	return true;
}

/* ---- the methods of a file ---- */

static struct file *file_of(sqlite3_file *base)
{
	return ((struct handle *)base)->file;
}

static int on_close(sqlite3_file *base)
{
	struct file *file = file_of(base);
	file->handles--;
	if (file->path[0] == '\0')
		destroy(file);
	return SQLITE_OK;
}

static int on_read(sqlite3_file *base, void *data, int amount, sqlite3_int64 offset)
{
	const struct bytes *bytes = &file_of(base)->written;
	size_t wanted = (size_t)amount, at = (size_t)offset;
	size_t there = at < bytes->size ? bytes->size - at : 0;
	size_t length = there < wanted ? there : wanted;
	if (length > 0)
		memcpy(data, bytes->data + at, length);
	memset((uint8_t *)data + length, 0, wanted - length);
	return length == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int on_write(sqlite3_file *base, const void *data, int amount, sqlite3_int64 offset)
{
	if (!begin_operation())
		return SQLITE_IOERR_WRITE;
	if (disk.is_full && !disk.is_watching)
		return SQLITE_FULL;
	write_file(file_of(base), (size_t)offset, data, (size_t)amount);
	return SQLITE_OK;
}

static int on_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	struct file *file = file_of(base);
	if (!begin_operation())
		return SQLITE_IOERR_TRUNCATE;
	truncate_file(file, (size_t)size);
	return SQLITE_OK;
}

static int on_sync(sqlite3_file *base, int flags)
{
	(void)flags;
	if (!begin_operation())
		return SQLITE_IOERR_FSYNC;
	if (disk.fails_sync && !disk.is_watching) {
		disk.fails_sync = false;
		return SQLITE_IOERR_FSYNC;
	}
	sync_file(file_of(base));
	return SQLITE_OK;
}

static int on_file_size(sqlite3_file *base, sqlite3_int64 *ret_size)
{
	*ret_size = (sqlite3_int64)file_of(base)->written.size;
	return SQLITE_OK;
}

static int on_lock(sqlite3_file *base, int level)
{
	(void)base, (void)level;
	return SQLITE_OK;
}

static int on_check_reserved(sqlite3_file *base, int *ret_is_reserved)
{
	(void)base;
	*ret_is_reserved = 0;
	return SQLITE_OK;
}

static int on_file_control(sqlite3_file *base, int operation, void *arg)
{
	(void)base, (void)operation, (void)arg;
	return SQLITE_NOTFOUND;
}

static int on_sector_size(sqlite3_file *base)
{
	(void)base;
	return 4096; /* as SQLite says of Unix */
}

static int on_characteristics(sqlite3_file *base)
{
	(void)base;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int on_map(sqlite3_file *base, int region, int size, int extend, void volatile **ret_memory)
{
	struct file *file = file_of(base);
	assert(region < SHM_REGIONS_MAX);
	if (!file->regions[region] && extend)
		file->regions[region] = memory_zeroed(1, (size_t)size);
	*ret_memory = file->regions[region];
	return SQLITE_OK;
}

static int on_shared_lock(sqlite3_file *base, int offset, int count, int flags)
{
	(void)base, (void)offset, (void)count, (void)flags;
	return SQLITE_OK;
}

static void on_barrier(sqlite3_file *base)
{
	(void)base;
}

static int on_unmap(sqlite3_file *base, int is_deleting)
{
	(void)is_deleting;
	unmap(file_of(base));
	return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = on_close,
	.xRead = on_read,
	.xWrite = on_write,
	.xTruncate = on_truncate,
	.xSync = on_sync,
	.xFileSize = on_file_size,
	.xLock = on_lock,
	.xUnlock = on_lock,
	.xCheckReservedLock = on_check_reserved,
	.xFileControl = on_file_control,
	.xSectorSize = on_sector_size,
	.xDeviceCharacteristics = on_characteristics,
	.xShmMap = on_map,
	.xShmLock = on_shared_lock,
	.xShmBarrier = on_barrier,
	.xShmUnmap = on_unmap,
};

/* ---- the methods of the file system ---- */

static int on_open(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *base, int flags,
		   int *ret_flags)
{
	(void)vfs;
	struct file *file = path ? find(path) : NULL;
	struct handle *handle = (struct handle *)base;
	handle->base.pMethods = NULL;
	if (!file && !(flags & SQLITE_OPEN_CREATE) && !(flags & SQLITE_OPEN_MAIN_DB))
		return SQLITE_CANTOPEN;
	/* The database itself is there, empty: store_open() makes it. */
	handle->file = file ? file : create(path ? path : "");
	handle->file->handles++;
	handle->base.pMethods = &methods;
	if (ret_flags)
		*ret_flags = flags;
	return SQLITE_OK;
}

static int on_delete(sqlite3_vfs *vfs, const char *path, int syncs_directory)
{
	(void)vfs;
	struct file *file = find(path);
	if (!file)
		return SQLITE_IOERR_DELETE_NOENT;
	if (!begin_operation())
		return SQLITE_IOERR_DELETE;
	file->is_deleted = true;
	if (syncs_directory)
		sync_directory();
	return SQLITE_OK;
}

static int on_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret_is_there)
{
	(void)vfs, (void)flags;
	const struct file *file = find(path);
	*ret_is_there = file && (flags != SQLITE_ACCESS_EXISTS || file->written.size > 0);
	return SQLITE_OK;
}

static int on_full_path(sqlite3_vfs *vfs, const char *path, int size, char *full)
{
	(void)vfs;
	snprintf(full, (size_t)size, "%s", path);
	return SQLITE_OK;
}

static int on_randomness(sqlite3_vfs *vfs, int size, char *bytes)
{
	(void)vfs;
	for (int i = 0; i < size; i++)
		bytes[i] = (char)chance_bits();
	return size;
}

static int on_sleep(sqlite3_vfs *vfs, int microseconds)
{
	(void)vfs;
	return microseconds;
}

static int on_current_time(sqlite3_vfs *vfs, sqlite3_int64 *ret_julian_ms)
{
	(void)vfs;
	*ret_julian_ms = virtual_mono_ms() + INT64_C(210866760000000);
	return SQLITE_OK;
}

static sqlite3_vfs file_system = {
	.iVersion = 2,
	.szOsFile = sizeof(struct handle),
	.mxPathname = PATH_SIZE - 16,
	.zName = "simulated",
	.xOpen = on_open,
	.xDelete = on_delete,
	.xAccess = on_access,
	.xFullPathname = on_full_path,
	.xRandomness = on_randomness,
	.xSleep = on_sleep,
	.xCurrentTimeInt64 = on_current_time,
};

void disk_install(void)
{
	/* There is one thread, and nobody asks how much memory is in use. */
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	int code = sqlite3_vfs_register(&file_system, 1);
	assert(code == SQLITE_OK);
	(void)code;
}

void disk_reset(void)
{
	while (disk.files)
		destroy(disk.files);
	memset(&disk, 0, sizeof(disk));
	sqlite3_randomness(0, NULL); /* what it gives follows from the seed again */
}
