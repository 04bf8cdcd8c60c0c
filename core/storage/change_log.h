/* SPDX-License-Identifier: MIT
 * The change log of a store: two files beside it, which the driver keeps.  Written under the store's write
 * lock, read by any thread.  Decision 0044.
 */
#pragma once
#include "core/storage/change.h"

typedef struct SatchelChangeLog
{
  struct SatchelStoreCore *store;
  guint64 max_bytes; /* of both files */
  gint64 max_age;    /* seconds */

  GMutex lock;               /* for the next four, which readers see */
  guint64 generation;        /* of the file that is written; its number is the lowest bit */
  guint64 oldest_generation; /* this one or the one before */
  guint64 offset;            /* its end */
  guint64 next_sequence;

  /* Under the store's write lock. */
  gint64 began;              /* when the file was begun */
  GHashTable *rows;          /* name -> SatchelChangeRow */
  SatchelChangeSet *pending; /* intents that nothing was said of since */
  gboolean is_fresh;         /* nothing is known yet */
  gboolean has_gap;          /* something is missing: RESYNC is due */
  gboolean is_told;          /* trouble was logged */
  gboolean is_mending;
} SatchelChangeLog;

/* Where a reader is. */
typedef struct SatchelChangePlace
{
  guint64 generation, offset;
  guint done; /* changes of the frame there that are done */
} SatchelChangePlace;

typedef enum
{
  SATCHEL_CHANGE_READ_OK,
  SATCHEL_CHANGE_READ_END,
  SATCHEL_CHANGE_READ_LOST, /* the place is not in the log any more */
  SATCHEL_CHANGE_READ_FAILED
} SatchelChangeRead;

/* Reads what is there.  NULL: the files cannot be read. */
SatchelChangeLog *satchel_change_log_open (struct SatchelStoreCore *store, guint64 max_bytes, gint64 max_age,
                                           GError **error);
void satchel_change_log_free (SatchelChangeLog *log);
/* The row of @name, made if it is missing. */
SatchelChangeRow *satchel_change_log_row (SatchelChangeLog *log, const char *name);
SatchelChangeRow *satchel_change_log_row_of_id (SatchelChangeLog *log, const guint8 id[16]);
/* What is about to be tried.  Not synced: it is for the case that the process ends. */
void satchel_change_log_intend (SatchelChangeLog *log, const SatchelChangeSet *set);
/* What happened, and @rows that are others now (borrowed).  What cannot be written is a gap. */
void satchel_change_log_append (SatchelChangeLog *log, const SatchelChangeSet *set, const GPtrArray *rows,
                                gboolean sync);
void satchel_change_log_drop_pending (SatchelChangeLog *log);

/* The end: what comes later is read from there.  Returns the number of the last change. */
guint64 satchel_change_log_end (SatchelChangeLog *log, SatchelChangePlace *ret_place);
/* Is there anything after @place?  Memory only. */
gboolean satchel_change_log_is_at_end (SatchelChangeLog *log, const SatchelChangePlace *place);
/* The next changes at or after @place, which is set to their frame; *ret_next: the place behind it. */
SatchelChangeRead satchel_change_log_read (SatchelChangeLog *log, SatchelChangePlace *place,
                                           SatchelChangeSet **ret_set, SatchelChangePlace *ret_next,
                                           GError **error);
