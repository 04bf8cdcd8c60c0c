/* SPDX-License-Identifier: MIT
 * This header declares what the files of a volume share.
 */
#pragma once
#include "volume/environment.h"
#include "volume/volume.h"

struct BdbVolume
{
  gatomicrefcount refs;
  char *home;
  int home_fd, lock_fd;
  guint64 reserve;
  BdbSettings settings; /* without strings */

  GRWLock use_lock; /* read: a call is at work; write: the environment is opened or closed */
  BdbEnvironment environment;
  gint has_failed;     /* atomic */
  gint generation;     /* atomic */
  gint64 retry_us;     /* monotonic; under write */
  GMutex writer;       /* one transaction at a time; not held over a sync */
  GMutex message_lock; /* of `message` */
  char *message;       /* what the library said last */

  GMutex space_lock;      /* of what follows */
  gboolean has_reserve;   /* the file `reserve` has blocks */
  gboolean lacks_reserve; /* the file system cannot set blocks aside */

  GMutex upkeep_lock; /* of what follows */
  GCond upkeep_cond;
  GThread *upkeep;
  gboolean is_ending, is_dirty, is_due, wants_room;
  gint n_written_kib; /* atomic; since the last checkpoint */
};

/* Opens the environment, with recovery. */
gboolean bdb_volume_start (BdbVolume *volume, GError **error);
/* Lets the caller use the environment until bdb_volume_end_use.  FALSE: the volume has failed. */
gboolean bdb_volume_begin_use (BdbVolume *volume, GError **error);
void bdb_volume_end_use (BdbVolume *volume);
/* Sets @error from a code of Berkeley DB with what the library said about it. */
gboolean bdb_volume_error (BdbVolume *volume, GError **error, int code, const char *what);

void bdb_upkeep_start (BdbVolume *volume);
void bdb_upkeep_stop (BdbVolume *volume); /* returns when the thread has ended */
/* Says that @n_bytes were written. */
void bdb_upkeep_note (BdbVolume *volume, gsize n_bytes);
/* Looks at the disk before the environment is opened. */
void bdb_space_start (BdbVolume *volume);
