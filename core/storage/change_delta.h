/* SPDX-License-Identifier: MIT
 * What became of a mailbox since it was logged last, and how much of it is explained by what clients did.
 * Under the store's write lock.
 */
#pragma once
#include "core/storage/change_log.h"
#include "core/storage/store_private.h"

/* What was told of a message, in place of what is in `base`. */
typedef struct SatchelToldMessage
{
  guint32 flags;
  const char *const *keywords;
  gboolean is_gone;
} SatchelToldMessage;

typedef struct SatchelChangeDelta
{
  SatchelMailboxCore *core; /* a use */
  SatchelChangeRow *row;    /* the log's */
  SatchelSnapshot *base;    /* what is logged; NULL: not in memory */
  SatchelSnapshot *now;
  SatchelUidSet vanished;
  GArray *changed;   /* guint32: indexes in `now` */
  guint32 first_new; /* index in `now` */
  GHashTable *told;  /* uid -> SatchelToldMessage */
  gboolean is_lost;  /* nobody knows what happened */
} SatchelChangeDelta;

/* What is to be logged in one piece. */
typedef struct SatchelChangeRound
{
  SatchelChangeLog *log;
  SatchelChangeSet *set;
  GHashTable *deltas; /* SatchelMailboxCore -> SatchelChangeDelta */
  GPtrArray *order;   /* SatchelChangeDelta, borrowed */
  GPtrArray *rows;    /* SatchelChangeRow that are others now, borrowed from the log, or from `gone` */
  GPtrArray *gone;    /* SatchelChangeRow that the log has no more */
} SatchelChangeRound;

SatchelChangeRound *satchel_change_round_new (SatchelChangeLog *log);
void satchel_change_round_free (SatchelChangeRound *round);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelChangeRound, satchel_change_round_free)
/* The delta of @mailbox up to its newest snapshot; NULL: it is deleted. */
SatchelChangeDelta *satchel_change_round_delta (SatchelChangeRound *round, SatchelStorageMailbox *mailbox);
void satchel_change_round_touch (SatchelChangeRound *round, SatchelChangeRow *row);
/* Tells of all that nothing explains, before the changes from number @first on, and makes what is now what is
 * logged. */
void satchel_change_round_settle (SatchelChangeRound *round, guint first);
/* Writes it. */
void satchel_change_round_end (SatchelChangeRound *round, gboolean sync);

/* A change of @delta's mailbox; @to or NULL: the destination. */
SatchelChangeNote *satchel_change_round_note (SatchelChangeRound *round, SatchelChangeKind kind,
                                              const SatchelAccess *access, const SatchelChangeDelta *delta,
                                              const SatchelChangeDelta *to, guint64 modseq);
/* Adds @message to *note, or to a new one like it when it is full. */
void satchel_change_round_add (SatchelChangeRound *round, SatchelChangeNote **note,
                               const SatchelChangedMessage *message);
/* Another mailbox's name, id and use. */
void satchel_change_describe (SatchelChangeSet *set, SatchelChangedMailbox *ret, const SatchelChangeRow *row);
void satchel_change_read_message (SatchelChangeSet *into, const SatchelSnapshot *snapshot, guint32 index,
                                  SatchelToldMessage *ret);
/* What was told of it last: FALSE if it is not known, or gone. */
gboolean satchel_change_delta_before (SatchelChangeRound *round, const SatchelChangeDelta *delta, guint32 uid,
                                      SatchelToldMessage *ret);
/* What it is now; FALSE: it is not there. */
gboolean satchel_change_delta_now (SatchelChangeRound *round, const SatchelChangeDelta *delta, guint32 uid,
                                   SatchelToldMessage *ret);
void satchel_change_delta_tell (SatchelChangeDelta *delta, guint32 uid, const SatchelToldMessage *told);
gboolean satchel_change_delta_is_told (const SatchelChangeDelta *delta, guint32 uid);
