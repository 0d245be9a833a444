/* disk - the simulated disk below SQLite: files in memory that know what was written and what of it
 * was synchronised.
 *
 * A VFS of SQLite and its default one once disk_install() was called. A killed process leaves
 * everything it wrote (the kernel has it); a loss of power leaves what was synchronised, and of
 * every sector written since the old or the new bytes. One connection to a database at a time.
 */
#ifndef GOLIVED_TESTS_DISK_H
#define GOLIVED_TESTS_DISK_H

#include <stdbool.h>
#include <stddef.h>

void disk_install(void);
void disk_reset(void); /* no files, no faults */

/* ---- the end of the process that uses it ---- */

/* Nothing reaches the disk any more: at once, or after so many more writes and syncs. */
void disk_stop(void);
void disk_stop_after(unsigned operations);
bool disk_is_stopped(void);
/* A new process may write. */
void disk_start(void);

/* Half a write that the process did not live to see, at the end of the file if there is one. */
void disk_tear_end(const char *path, size_t bytes_max);
void disk_lose_power(void);
/* What a loss of power now would leave of the database at `path` and its log, as that at `to`;
 * nothing else changes. */
void disk_fork_without_power(const char *path, const char *to);
void disk_forget(const char *path); /* the database, with its log */

/* ---- faults ---- */

void disk_set_full(bool is_full); /* writes fail as on a full disk */
void disk_fail_next_sync(void);   /* with an I/O error, once */
void disk_heal(void);

/* Called before every write and sync that reaches the disk; what it does itself goes unseen. */
typedef void (*disk_watch_fn)(void *arg);
void disk_watch(disk_watch_fn fn, void *arg); /* NULL: nobody */

#endif
