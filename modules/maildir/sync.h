/* SPDX-License-Identifier: MIT
 * What sync.c and sync_uids.c share.
 */
#pragma once
#include "maildir.h"

/* With all that its name says, read once while the scan is in its own order: later it comes in the order of
 * UIDs, where each look at a name is one at another place of memory. */
typedef struct Arrival
{
  const char *name; /* into the scan */
  guint64 hash;     /* of the base name */
  guint64 wire;     /* or SATCHEL_SIZE_UNKNOWN */
  gint64 date;      /* or SATCHEL_DATE_UNKNOWN */
  gint64 when;      /* leading number of the name */
  guint32 uid, flags, letters;
  guint32 named_uidvalidity, named_uid; /* 0: none */
  guint8 len, base_len, is_new;
  guint8 is_listed; /* its UID is kept in the list */
} Arrival;

typedef struct Sync
{
  MdMailbox *mb;
  MdScan scan;
  guint32 *entry_of; /* by entry: 1 + index in found; 0: not seen */
  guint32 *buckets;  /* foreign entries by base name: 1 + entry */
  guint mask;
  GArray *arrivals; /* Arrival */
  guint n_missing;
  MdUidlist *list, *courier; /* courier: NULL unless it was here */
  GHashTable *saved_ids;     /* of courier's POP3 server; or NULL */
  GString *lines;
  gboolean needs_list; /* the list lacks what it is to hold */
  SatchelSnapshotBuilder *builder;
  guint64 modseq;      /* 0: not yet taken */
  gboolean is_partial; /* no room for the UIDs of new files */
} Sync;

/* Gives each arrival its UID and date; on a full disk those that need a new line are left out. */
gboolean md_sync_assign_uids (Sync *sync, GError **error);
