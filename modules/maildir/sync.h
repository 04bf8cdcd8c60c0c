/* SPDX-License-Identifier: MIT
 * What sync.c and sync_uids.c share.
 */
#pragma once
#include "maildir.h"

typedef struct Arrival
{
  const char *name; /* into the scan */
  guint8 len, base_len, is_new;
  guint8 is_listed; /* its UID is kept in the list */
  guint32 uid;
  gint64 date;
  gint64 when; /* leading number of the name */
} Arrival;

typedef struct Sync
{
  MdMailbox *mb;
  MdScan scan;
  guint32 *entry_of;  /* by entry: 1 + index in found; 0: not seen */
  guint32 *buckets;   /* foreign entries by base name: 1 + entry */
  guint mask;
  GArray *arrivals;   /* Arrival */
  guint n_missing;
  MdUidlist *list, *courier; /* courier: NULL unless it was here */
  GHashTable *saved_ids;     /* of courier's POP3 server; or NULL */
  GString *lines;
  gboolean needs_list; /* the list lacks what it is to hold */
  SatchelSnapshotBuilder *builder;
  guint64 modseq; /* 0: not yet taken */
  gboolean is_partial; /* no room for the UIDs of new files */
} Sync;

/* Gives each arrival its UID and date; on a full disk those that need a new line are left out. */
gboolean md_sync_assign_uids (Sync *sync, GError **error);
