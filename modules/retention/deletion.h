/* SPDX-License-Identifier: MIT
 * The deletion of a mailbox has two steps: its messages go to the tree, then it is removed. It is noted
 * before the first one, so that a crash or an error between them leaves no empty mailbox: it is not shown,
 * and the next call removes it. Order of calls: begin, tried, end.
 */
#pragma once
#include "retention.h"

typedef struct RetentionDeletion
{
  char *stored;
  guint8 mailbox_id[16];
  gboolean is_tried; /* its messages were moved to the tree, or that failed, and may be done all the same */
} RetentionDeletion;

/* Notes that mailbox @stored, of which @snapshot is the newest one, is about to be emptied and removed.
 * [blocks] */
gboolean retention_deletion_begin (SatchelStorage *storage, const SatchelAccess *access, const char *stored,
                                   const SatchelSnapshot *snapshot, GError **error);
/* Notes that the messages of the mailbox were moved to the tree of kept mail, or may have been. From now on
 * the mailbox is hidden as long as it is empty. */
void retention_deletion_tried (SatchelStorage *storage, const char *stored);
/* Notes that the deletion was made, or given up. [blocks] */
void retention_deletion_end (SatchelStorage *storage, const SatchelAccess *access, const char *stored);
/* Says whether the mailbox @stored has been emptied and is to be removed still. [blocks] after an error */
gboolean retention_deletion_is_undone (SatchelStorage *storage, const SatchelAccess *access,
                                       const char *stored);
/* Reads what an earlier process has noted; in `open`. A mailbox that has messages was not emptied. */
gboolean retention_deletion_load (SatchelStorage *storage, const SatchelAccess *access, GError **error);
/* Removes what is to be removed still; what cannot be removed is tried again by the next call. [blocks] */
void retention_deletion_finish (SatchelStorage *storage, const SatchelAccess *access);
