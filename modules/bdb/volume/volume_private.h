/* SPDX-License-Identifier: MIT
 * Declares what the files of a volume share.
 */
#pragma once
#include "body/body_files.h"
#include "volume/access.h"
#include "volume/environment.h"
#include "volume/volume.h"

struct BdbVolume
{
  gatomicrefcount refs;
  char *home;
  int home_fd, lock_fd;
  guint64 reserve;
  BdbBodyFiles *bodies;
  BdbSettings settings; /* settings without their strings */

  GRWLock use_lock; /* read lock: a call uses the environment; write lock: it is opened or closed */
  BdbEnvironment environment;
  gint has_failed;     /* atomic */
  gint generation;     /* atomic */
  gint64 retry_us;     /* monotonic time of the next try to open it; changed under the write lock */
  GMutex writer;       /* allows one transaction at a time; not held during a sync */
  GMutex message_lock; /* guards `message` */
  char *message;       /* what the library reported last */

  gint is_full, is_tight; /* how full the disk was at the last look; atomic */
  GMutex space_lock;      /* guards the members below */
  guint64 reserve_bytes;  /* length of the file `reserve` */
  gboolean lacks_reserve; /* the file system cannot reserve blocks */

  GMutex upkeep_lock; /* guards the members below */
  GCond upkeep_cond;
  GThread *upkeep;
  gboolean is_ending, is_dirty, is_due, wants_room;
  gint n_written_kib; /* KiB written since the last checkpoint; atomic */

  /* The upkeep alone uses these. */
  guint reclaimed;         /* the generation in which leftovers of a crash were looked for in body files */
  BdbBodyPlace marked_end; /* where body files end according to the record */
};

/* Opens the environment, with recovery. */
gboolean bdb_volume_start (BdbVolume *volume, GError **error);
/* Lets the caller use the environment until bdb_volume_end_use.  FALSE means that the volume has failed. */
gboolean bdb_volume_begin_use (BdbVolume *volume, GError **error);
void bdb_volume_end_use (BdbVolume *volume);
/* Sets @error from a code of Berkeley DB with what the library said about it. */
gboolean bdb_volume_error (BdbVolume *volume, GError **error, int code, const char *what);
/* Sets @error from a code of Berkeley DB at writing; notes a deadlock, after which the transaction begins
 * again.  Returns FALSE. */
gboolean bdb_write_fail (BdbWrite *write, int code, GError **error);

void bdb_upkeep_start (BdbVolume *volume);
void bdb_upkeep_stop (BdbVolume *volume); /* returns when the thread has ended */
/* Writes pages of the environment to the tables and removes what the log does not need any more: a
 * checkpoint, with @always also if nothing was written.  The caller uses the volume.  A code of Berkeley DB.
 */
int bdb_upkeep_write_pages (BdbVolume *volume, gboolean always);
/* Says that @n_bytes were written. */
void bdb_upkeep_note (BdbVolume *volume, gsize n_bytes);
/* Frees some of the reserve for recovery on a full disk, and takes back afterwards what was not needed. */
void bdb_space_before_recovery (BdbVolume *volume);
void bdb_space_after_recovery (BdbVolume *volume);
/* Frees some of the reserve for pages of tables that grow. */
void bdb_space_before_checkpoint (BdbVolume *volume);
/* Says whether the log may be written.  NOSPACE: it needs another file, for which the disk has no room. */
gboolean bdb_space_check_log (BdbVolume *volume, GError **error);
