/* SPDX-License-Identifier: MIT
 * This header declares drafts: mailboxes as a transaction leaves them, in memory and, block by block, in the
 * database.
 */
#pragma once
#include "message/content.h"
#include "message/mailbox.h"

/* A mailbox as the transaction leaves it. */
typedef struct BdbDraft
{
  BdbBox *box;
  SatchelSnapshot *snapshot; /* with the operations so far */
  SatchelMailboxState state; /* likewise; counters are those of the snapshot */
  guint32 n_tombstones;
  SatchelUidSet removed;  /* by the transaction */
  guint64 removed_modseq; /* 0: the transaction's */
  GHashTable *blocks;     /* number -> BdbBlock, those that were looked at */
  GHashTable *dirty;      /* numbers of those that changed */
  gboolean is_changed;
} BdbDraft;

/* A transaction that is executed. */
typedef struct BdbRun
{
  BdbStore *store;
  BdbWrite *write;
  GPtrArray *drafts;
  BdbReferences references;
  guint64 modseq; /* of this transaction, if it changes anything */
  gint64 now;     /* seconds */
} BdbRun;

void bdb_run_init (BdbRun *run, BdbStore *store);
void bdb_run_clear (BdbRun *run);
/* @bases: BdbBox -> SatchelSnapshot, as earlier transactions of the batch leave mailboxes; or NULL. */
BdbDraft *bdb_draft_of (BdbRun *run, BdbBox *box);
/* Adds a draft of a mailbox whose snapshot is @base. */
BdbDraft *bdb_draft_add (BdbRun *run, BdbBox *box, SatchelSnapshot *base, guint32 n_tombstones);
/* Makes what @builder (taken over) built the draft's snapshot. */
void bdb_draft_advance (BdbDraft *draft, SatchelSnapshotBuilder *builder);
/* The draft changed, with @modseq. */
void bdb_draft_touch (BdbDraft *draft, guint64 modseq);

/* The row of a message, to read, or to change until the next call (@changes).  NULL: @error. */
BdbRow *bdb_draft_row (BdbRun *run, BdbDraft *draft, guint32 uid, gboolean changes, GError **error);
/* A row for a new message, to be filled. */
BdbRow *bdb_draft_new_row (BdbRun *run, BdbDraft *draft, guint32 uid, GError **error);
/* Removes a message with all that belongs to it alone, but not its content. */
gboolean bdb_draft_remove_row (BdbRun *run, BdbDraft *draft, guint32 uid, GError **error);
/* Writes blocks, history and state of all drafts that changed. */
gboolean bdb_run_save (BdbRun *run, GError **error);
