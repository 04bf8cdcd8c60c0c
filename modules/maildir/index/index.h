/* SPDX-License-Identifier: MIT
 * Declares the index of a mailbox: a log of frames from which a mailbox is loaded without reading its
 * directories.
 */
#pragma once
#include "files/file_io.h"
#include "index/name_table.h"

#include <satchel/storage.h>

typedef struct MdMailbox MdMailbox;

#define MD_INDEX_FILE "satchel-index"

/* Messages FIRST to LAST were expunged at this mod-sequence. */
typedef struct MdTombstone
{
  guint32 first, last;
  guint64 modseq;
} MdTombstone;

/* Says how far the index is believed: not at all; for UIDs and mod-sequences, while the directories must
 * be read; in everything. */
typedef enum
{
  MD_INDEX_LOST = 0,
  MD_INDEX_STALE,
  MD_INDEX_EXACT
} MdIndexTrust;

/* Each frame ends with this on disk. */
typedef struct MdSummary
{
  guint8 boot_id[16];
  guint32 uidvalidity, uidnext, first_recent, n_messages, n_unseen, n_deleted;
  guint64 highestmodseq, size_bytes, history_start, cache_id;
  guint64 sequence; /* of the frame; a hint in the state file names the last one */
  MdStamp new_stamp, cur_stamp;
  guint32 is_suspect, listed_upto;
} MdSummary;

typedef struct MdIndex
{
  int fd;
  guint64 size, checkpoint_size, sequence; /* sizes in bytes */
  GByteArray *pending;                     /* items that are not written yet */
  gboolean is_broken;                      /* a write failed: the next write is a checkpoint */
  int failure;                             /* errno of the last checkpoint that failed */
  gboolean has_overflowed; /* pending items were dropped: only a checkpoint can say what they said */
  gboolean needs_sync;     /* some items say what names of files cannot hold */
  MdSummary last;          /* of the frame that was written or read last, with messages of unknown size */
  guint32 last_n_unsized;
  gboolean is_unnamed; /* the name of the file was not synced: after a crash it may be that of another file */
} MdIndex;

void md_index_init (MdIndex *index);
/* Fills table, keywords, metadata and tombstones of @mb. *ret_snapshot is NULL if the index is lost. FALSE:
 * it cannot be read just now, which is no reason to make another. */
gboolean md_index_load (MdMailbox *mb, MdIndexTrust *ret_trust, SatchelSnapshot **ret_snapshot,
                        MdSummary *ret_summary, GError **error);

/* These add an item in memory; md_index_flush writes it. */
void md_index_row (MdMailbox *mb, const SatchelMessageRow *row, const MdEntry *entry);
/* Adds flags and keywords only, and with them the end of the file's name. */
void md_index_flags (MdMailbox *mb, const SatchelMessageRow *row, const MdEntry *entry);
void md_index_expunged (MdMailbox *mb, guint32 uid, guint64 modseq);
void md_index_keyword (MdMailbox *mb, guint bit);
void md_index_metadata (MdMailbox *mb, guint32 uid, const char *key, GBytes *value);

/* Writes pending items and the summary, or a checkpoint if the log became long. FALSE only if @durable and
 * the items are not on disk. */
gboolean md_index_flush (MdMailbox *mb, gboolean durable, GError **error);
void md_index_checkpoint (MdMailbox *mb);
/* Makes the file say what is known, before a transaction is planned that adds messages to @mb, so that
 * md_index_write_ahead can follow. */
void md_index_prepare (MdMailbox *mb);
/* Appends the @index-th planned item to @out (md_item_planned). */
typedef void (*MdPlannedFunc) (guint index, GByteArray *out, gpointer data);
/* Writes @n planned items; they are durable if `needs_sync` is set.  FALSE: the transaction must not go on.
 */
gboolean md_index_write_ahead (MdMailbox *mb, guint n, MdPlannedFunc func, gpointer data, GError **error);
/* Reads the last summary alone. *ret_n_unsized: messages whose size is unknown; G_MAXUINT32 if the summary
 * does not say. FALSE means that there is no usable index. */
gboolean md_index_peek (int dirfd, MdSummary *ret, guint32 *ret_n_unsized);
void md_index_close (MdMailbox *mb);
/* Removes a file that is of no use to anyone. */
void md_index_discard (MdMailbox *mb);
/* Does so, and forgets all that was loaded from it but the snapshot. */
void md_index_forget (MdMailbox *mb);
/* Marks the file as not true now; it may still hold what nothing else does. */
void md_index_distrust (MdMailbox *mb);
