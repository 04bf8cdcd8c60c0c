/* SPDX-License-Identifier: MIT
 * A record of what a driver does to the file system, and the states in which a power cut may leave the
 * disk: what was synced is there; of what was not, names and content, each may be there, missing, torn or
 * zero, in any combination.
 */
#pragma once
#include <glib.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* The directory @root_fd becomes the root of the record; what is in it is durable. */
void crashfs_start (int root_fd);
/* Calls that do and record what those of the system do below the root; syncs are recorded and not done. */
int crashfs_openat (int dirfd, const char *path, int flags, mode_t mode);
int crashfs_mkdirat (int dirfd, const char *path, mode_t mode);
ssize_t crashfs_pwrite (int fd, const void *buffer, size_t len, off_t offset);
ssize_t crashfs_pwritev (int fd, const struct iovec *parts, int n, off_t offset);
ssize_t crashfs_write (int fd, const void *buffer, size_t len);
int crashfs_ftruncate (int fd, off_t len);
int crashfs_fallocate (int fd, int mode, off_t offset, off_t len); /* longer files, and holes */
int crashfs_linkat (int olddirfd, const char *oldpath, int newdirfd, const char *newpath, int flags);
int crashfs_unlinkat (int dirfd, const char *path, int flags);
int crashfs_renameat (int olddirfd, const char *oldpath, int newdirfd, const char *newpath);
int crashfs_fsync (int fd);
/* In files whose names end so, each write is on the disk whole or not at all, in any order: pages of tables.
 * NULL: none. */
void crashfs_use_pages (const char *suffix);
/* From here on the @nth call that changes something, or syncs, fails with @errnum (0: it writes half);
 * @for_good: all behind it that could take space as well.  @nth 0: none. */
void crashfs_fail (guint nth, int errnum, gboolean for_good);
guint crashfs_n_calls (void); /* since then */
/* Syncs of files and directories that were last called @name are left out; NULL: none. */
void crashfs_leave_out (const char *name);
guint crashfs_n_left_out (void);
/* Something was acknowledged; comes back as its number with the states. */
void crashfs_mark (guint number);

typedef struct CrashState
{
  guint at, mark; /* operations done; the last mark among them */
  const char *kind;
  gboolean is_kill;       /* only the process died: all is there, and the machine is the same */
  gboolean has_torn_page; /* half of a write to a file of pages is there */
} CrashState;
/* Makes each state from the first mark on below the directory @path, which is empty each time, and calls
 * @func until it says FALSE.  @n_random: more combinations at each place; 0: the most telling ones only.
 * Under a sanitizer a part of the states is made, unless the run is the long one. */
typedef gboolean (*CrashFunc) (const CrashState *state, const char *path, gpointer data);
void crashfs_each (const char *path, guint n_random, guint32 seed, CrashFunc func, gpointer data);
guint crashfs_n_operations (void);
char *crashfs_describe (guint first, guint last); /* operations, one a line */
