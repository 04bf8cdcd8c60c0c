/* SPDX-License-Identifier: MIT
 * A record of what the driver does to the file system, and the states in which a power cut may leave the
 * disk: what was synced is there; of what was not, names and content, each may be there, missing, torn or
 * zero, in any combination.
 */
#pragma once
#include "modules/maildir/tests/faults.h"

/* The directory @root_fd is empty and becomes the root of the record.  Syncs are recorded and not done. */
void crashfs_start (int root_fd);
void crashfs_stop (void); /* the record stays, until the next start */
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
  gboolean is_kill; /* only the process died: all is there, and the machine is the same */
} CrashState;
/* Makes each state from the first mark on below the directory @path, which is empty each time, and calls
 * @func until it says FALSE.  @n_random: more combinations at each place; 0: the most telling ones only. */
typedef gboolean (*CrashFunc) (const CrashState *state, const char *path, gpointer data);
void crashfs_each (const char *path, guint n_random, guint32 seed, CrashFunc func, gpointer data);
guint crashfs_n_operations (void);
char *crashfs_describe (guint first, guint last); /* operations, one a line */
