/* SPDX-License-Identifier: MIT
 * Declares the delta of a mailbox: what has changed since its changes were last logged, and which of these
 * changes clients have made. The caller holds the store's write lock.
 */
#pragma once
#include "core/storage/change_log/change_log.h"
#include "core/storage/store/store_private.h"

/* Says what has been logged of a message in this round, in place of its state in `base`. */
typedef struct SatchelToldMessage
{
  guint32 flags;
  const char *const *keywords;
  gboolean is_gone;
} SatchelToldMessage;

typedef struct SatchelChangeDelta
{
  SatchelMailboxCore *core; /* the mailbox, with a use of it */
  SatchelChangeRow *row;    /* its row in the log */
  SatchelSnapshot *base;    /* the state that was logged last; NULL: it is not in memory */
  SatchelSnapshot *now;
  SatchelUidSet vanished;
  GArray *changed;   /* guint32: indexes in `now` */
  guint32 first_new; /* index in `now` of the first message that is not in `base` */
  GHashTable *told;  /* uid -> SatchelToldMessage */
  gboolean is_lost;  /* nobody knows what has changed */
} SatchelChangeDelta;

/* The changes of a round are logged in one piece. */
typedef struct SatchelChangeRound
{
  SatchelChangeLog *log;
  SatchelChangeSet *set;
  GHashTable *deltas; /* SatchelMailboxCore -> SatchelChangeDelta */
  GPtrArray *order;   /* SatchelChangeDelta, borrowed */
  GPtrArray *rows;    /* SatchelChangeRow that changed, borrowed from the log, or from `gone` */
  GPtrArray *gone;    /* SatchelChangeRow that were removed from the log */
} SatchelChangeRound;

SatchelChangeRound *satchel_change_round_new (SatchelChangeLog *log);
void satchel_change_round_free (SatchelChangeRound *round);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelChangeRound, satchel_change_round_free)
/* Returns the delta of @mailbox up to its newest snapshot; NULL means that the mailbox is deleted. */
SatchelChangeDelta *satchel_change_round_delta (SatchelChangeRound *round, SatchelStorageMailbox *mailbox);
void satchel_change_round_touch (SatchelChangeRound *round, SatchelChangeRow *row);
/* Adds changes for everything that no client's change explains, before the changes from number @first on,
 * and makes the present state the logged one. */
void satchel_change_round_settle (SatchelChangeRound *round, guint first);
/* Writes the changes to the log. */
void satchel_change_round_end (SatchelChangeRound *round, gboolean sync);

/* Adds a change of @delta's mailbox.  @to is the destination of a copy or a move, or NULL. */
SatchelChangeNote *satchel_change_round_note (SatchelChangeRound *round, SatchelChangeKind kind,
                                              const SatchelAccess *access, const SatchelChangeDelta *delta,
                                              const SatchelChangeDelta *to, guint64 modseq);
/* Adds @message to *note, or to a new note of the same kind when *note is full. */
void satchel_change_round_add (SatchelChangeRound *round, SatchelChangeNote **note,
                               const SatchelChangedMessage *message);
/* Fills in name, id and special use of another mailbox. */
void satchel_change_describe (SatchelChangeSet *set, SatchelChangedMailbox *ret, const SatchelChangeRow *row);
void satchel_change_read_message (SatchelChangeSet *into, const SatchelSnapshot *snapshot, guint32 index,
                                  SatchelToldMessage *ret);
/* Finds the state of a message that was logged last.  FALSE means that it is not known, or that the message
 * is gone. */
gboolean satchel_change_delta_before (SatchelChangeRound *round, const SatchelChangeDelta *delta, guint32 uid,
                                      SatchelToldMessage *ret);
/* Finds the present state of a message.  FALSE means that the message is not there. */
gboolean satchel_change_delta_now (SatchelChangeRound *round, const SatchelChangeDelta *delta, guint32 uid,
                                   SatchelToldMessage *ret);
void satchel_change_delta_tell (SatchelChangeDelta *delta, guint32 uid, const SatchelToldMessage *told);
gboolean satchel_change_delta_is_told (const SatchelChangeDelta *delta, guint32 uid);
