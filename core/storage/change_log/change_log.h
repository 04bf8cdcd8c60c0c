/* SPDX-License-Identifier: MIT
 * Declares the change log of a store: two files beside the mail, which the driver keeps (decision 0044). It
 * is written under the store's write lock, and read by any thread.
 */
#pragma once
#include "core/storage/change_log/change.h"

typedef struct SatchelChangeLog
{
  struct SatchelStoreCore *store;
  guint64 max_bytes; /* most bytes of both files */
  gint64 max_age;    /* most seconds until a file is replaced */

  GMutex lock;               /* guards the next four members, which readers see */
  guint64 generation;        /* number of the file that is written, whose lowest bit names the file */
  guint64 oldest_generation; /* the present file, or the one before */
  guint64 offset;            /* where the present file ends */
  guint64 next_sequence;

  /* The store's write lock guards these: */
  gint64 began;              /* when the file was begun */
  GHashTable *rows;          /* name -> SatchelChangeRow */
  SatchelChangeSet *pending; /* intents whose outcome is not logged yet */
  gboolean is_fresh;         /* no changes were logged yet */
  gboolean has_gap;          /* changes are missing, so a RESYNC is due */
  gboolean is_told;          /* the failure has been logged */
  gboolean is_mending;
} SatchelChangeLog;

/* Says where a reader is. */
typedef struct SatchelChangePlace
{
  guint64 generation, offset;
  guint done; /* number of changes of that frame that were heard */
} SatchelChangePlace;

typedef enum
{
  SATCHEL_CHANGE_READ_OK,
  SATCHEL_CHANGE_READ_END,
  SATCHEL_CHANGE_READ_LOST, /* the place has been cut off from the log */
  SATCHEL_CHANGE_READ_FAILED
} SatchelChangeRead;

/* Reads the files.  NULL means that they cannot be read. */
SatchelChangeLog *satchel_change_log_open (struct SatchelStoreCore *store, guint64 max_bytes, gint64 max_age,
                                           GError **error);
void satchel_change_log_free (SatchelChangeLog *log);
/* Returns the row of @name, which is made if it is missing. */
SatchelChangeRow *satchel_change_log_row (SatchelChangeLog *log, const char *name);
/* Logs changes that are about to be made.  It is not synced, since it serves only the case that the process
 * ends. */
void satchel_change_log_intend (SatchelChangeLog *log, const SatchelChangeSet *set);
/* Logs changes that were made, and the @rows that they changed (borrowed).  What cannot be written leaves a
 * gap. */
void satchel_change_log_append (SatchelChangeLog *log, const SatchelChangeSet *set, const GPtrArray *rows,
                                gboolean sync);
void satchel_change_log_drop_pending (SatchelChangeLog *log);

/* Returns the place of the end, from which later changes are read.  Returns the number of the last change. */
guint64 satchel_change_log_end (SatchelChangeLog *log, SatchelChangePlace *ret_place);
/* Says whether there are no changes after @place.  It reads no file. */
gboolean satchel_change_log_is_at_end (SatchelChangeLog *log, const SatchelChangePlace *place);
/* Reads the next changes at or after @place, which is set to their frame; *ret_next: the place behind it. */
SatchelChangeRead satchel_change_log_read (SatchelChangeLog *log, SatchelChangePlace *place,
                                           SatchelChangeSet **ret_set, SatchelChangePlace *ret_next,
                                           GError **error);
