/* SPDX-License-Identifier: MIT
 * Declares a sync at work, and the files that it found and that have no UID yet.
 */
#pragma once
#include "mailbox/scan.h"
#include "foreign/uidlist.h"

#include <satchel/storage.h>

typedef struct MdMailbox MdMailbox;

/* All that a file's name says.  Names are read once, in the order of the scan, in which they lie in memory.
 * Later on arrivals are in the order of their UIDs, in which reading names would be slow. */
typedef struct Arrival
{
  const char *name; /* points into the scan */
  guint64 hash;     /* of the base name */
  guint64 wire;     /* size with CRLF; SATCHEL_SIZE_UNKNOWN: the name does not say it */
  gint64 date;      /* internal date; SATCHEL_DATE_UNKNOWN: the name does not say it */
  gint64 when;      /* leading number of the name */
  guint32 uid, flags, letters;
  guint32 named_uidvalidity, named_uid; /* 0: the name has none */
  guint8 len, base_len, is_new;
  guint8 is_listed; /* its UID is kept in the UID list */
} Arrival;

typedef struct Sync
{
  MdMailbox *mb;
  MdScan scan;
  guint32 *entry_of; /* by entry: 1 + its index in `found`; 0: not seen */
  guint32 *buckets;  /* foreign entries by base name: 1 + entry */
  guint mask;
  GArray *arrivals; /* Arrival */
  guint n_missing;
  MdUidlist *list;
  MdUidlist *courier;    /* NULL: Courier was not here */
  GHashTable *saved_ids; /* of Courier's POP3 server; NULL: none */
  GString *lines;
  gboolean needs_list; /* the UID list lacks lines that it is to have */
  SatchelSnapshotBuilder *builder;
  guint64 modseq;      /* 0: none taken yet */
  guint64 highest;     /* mod-sequence of arrivals */
  gboolean is_partial; /* the disk had no room for the UIDs of new files */
} Sync;

/* sync_look.c has these. */

/* Scans until a missing message is missing for sure: a file that is renamed while the directory is read
 * may not be seen at all. */
gboolean md_sync_look (Sync *sync, GError **error);
const char *md_sync_found_name (const Sync *sync, const MdFound *found);
/* Frees what the look found. */
void md_sync_clear_look (Sync *sync);

/* sync_uids.c has this. */

/* Gives each arrival its UID and date. On a full disk those that need a new line in the UID list are left
 * out. */
gboolean md_sync_assign_uids (Sync *sync, GError **error);
