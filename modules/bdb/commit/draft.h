/* SPDX-License-Identifier: MIT
 * Declares drafts: the state in which a transaction leaves mailboxes, which is in memory and, block by
 * block, in the database.
 */
#pragma once
#include "message/content.h"
#include "message/group.h"
#include "message/mailbox.h"

/* The transaction leaves a block of messages in this form. */
typedef struct BdbDraftBlock
{
  BdbBlock block;
  gboolean is_stored;  /* the table has a record of it */
  gboolean is_changed; /* it has to be written */
} BdbDraftBlock;

/* The transaction leaves a mailbox in this form. */
typedef struct BdbDraft
{
  BdbBox *box;
  SatchelSnapshot *snapshot; /* the messages after the operations so far */
  SatchelMailboxState state; /* the state after them, except counters, which the snapshot has */
  guint32 n_tombstones;
  SatchelUidSet removed;  /* UIDs that the transaction removed */
  guint64 removed_modseq; /* their mod-sequence; 0: that of the transaction */
  SatchelUidSet left;     /* those of them that were in groups */
  BdbGroup group;         /* the one that was read last */
  guint32 first_new;      /* UIDNEXT before the transaction: no block of later messages is stored */
  GHashTable *blocks;     /* number -> BdbDraftBlock, for the blocks that were read */
  GPtrArray *slabs;       /* memory of these, for several at a time */
  BdbDraftBlock *free;    /* the first of `n_free` in the last slab that are not used yet */
  guint n_free;
  BdbDraftBlock *block; /* the one of them that was used last; NULL: none was */
  gboolean is_changed;
  guint n_without; /* how many keywords there was no room for */
} BdbDraft;

/* The run of a transaction lasts until it is executed. */
typedef struct BdbRun
{
  BdbStore *store;
  BdbWrite *write;
  GPtrArray *drafts;
  BdbReferences references;
  GByteArray *buffer; /* for records */
  guint64 modseq;     /* mod-sequence of this transaction, if it changes anything */
  gint64 now;         /* seconds since 1970 */
} BdbRun;

void bdb_run_init (BdbRun *run, BdbStore *store);
void bdb_run_clear (BdbRun *run);
/* Returns the transaction's draft of a mailbox.  NULL means that it has none. */
BdbDraft *bdb_draft_of (BdbRun *run, BdbBox *box);
/* Adds a draft of a mailbox whose snapshot is @base. */
BdbDraft *bdb_draft_add (BdbRun *run, BdbBox *box, SatchelSnapshot *base, guint32 n_tombstones);
/* Takes the snapshot that @builder makes as the draft's; @builder is taken over. */
void bdb_draft_advance (BdbDraft *draft, SatchelSnapshotBuilder *builder);
/* Notes that the draft changed, with @modseq. */
void bdb_draft_touch (BdbDraft *draft, guint64 modseq);

/* Returns the row of a message, to be read or, with @changes, to be changed until the next call.  NULL means
 * that @error is set. */
BdbRow *bdb_draft_row (BdbRun *run, BdbDraft *draft, guint32 uid, gboolean changes, GError **error);
/* Returns a row for a new message, whose members and keywords the caller sets, all of them. */
BdbRow *bdb_draft_new_row (BdbRun *run, BdbDraft *draft, guint32 uid, GError **error);
/* Sets the keywords of the message whose row was asked for last. */
void bdb_draft_set_keywords (BdbDraft *draft, guint32 uid, const SatchelKeywordSet *keywords);
/* Removes a message with all that belongs to it alone, but not its content, whose number is *@ret_content.
 * The caller adds the UID to `removed`. */
gboolean bdb_draft_remove_row (BdbRun *run, BdbDraft *draft, guint32 uid, guint64 *ret_content,
                               GError **error);
/* Writes blocks, history and state of all drafts that changed. */
gboolean bdb_run_save (BdbRun *run, GError **error);
