/* SPDX-License-Identifier: MIT
 * Mailbox listeners: told of what happened in a user's store once it is durable.  Role mail.  A listener
 * refuses nothing. There are two ways to listen, and a module may use both: changed  in the thread that
 * committed, at once; lost if the process ends before.  Must be quick. heard    from a durable log, in a
 * thread of the listener's own, in order, at least once whatever ends the process.
 */
#pragma once
#include <satchel/storage.h>

G_BEGIN_DECLS

typedef struct SatchelMailboxEvent
{
  size_t size;
  SatchelOperationKind kind; /* of what the client did, whatever layers made of it */
  const char *user;          /* whose mailbox */
  SatchelStorageMailbox *mailbox, *destination;
  const SatchelOperation *operation; /* as it was carried out, with its ret_ fields */
  const SatchelAccess *access;       /* who did it, and why */
} SatchelMailboxEvent;

/* ---------------------------------------------------------------- the log */

typedef enum
{
  /* What happened before was not, or not wholly, told: look at everything.  What comes after is told.  The
   * first thing that a listener hears of a user, and again when it is so far behind that its place in the log
   * was cut off.  With a mailbox: only of that. */
  SATCHEL_CHANGE_RESYNC = 1,
  SATCHEL_CHANGE_CREATE, /* mailbox */
  SATCHEL_CHANGE_RENAME, /* mailbox to destination, its children too; INBOX: its messages, with new UIDs */
  SATCHEL_CHANGE_DELETE, /* mailbox, with its messages */
  SATCHEL_CHANGE_SUBSCRIBE,
  SATCHEL_CHANGE_UNSUBSCRIBE,
  SATCHEL_CHANGE_SPECIAL_USE, /* of mailbox, now special_use; no other mailbox has these any more */
  SATCHEL_CHANGE_APPEND,
  SATCHEL_CHANGE_COPY,
  SATCHEL_CHANGE_MOVE,
  SATCHEL_CHANGE_FLAGS,
  SATCHEL_CHANGE_EXPUNGE
} SatchelChangeKind;
/* "APPEND", ...: for logs. */
SATCHEL_API const char *satchel_change_kind_name (SatchelChangeKind kind);

/* A message of a change.  Flags are SATCHEL_FLAG_*, keywords NULL-ended and sorted. */
typedef struct SatchelChangedMessage
{
  guint32 uid;         /* in mailbox */
  guint32 new_uid;     /* COPY, MOVE: in destination */
  gboolean has_before; /* FALSE: what it had before is not known (APPEND: it was not there) */
  guint32 flags_before, flags;
  const char *const *keywords_before, *const *keywords;
  SATCHEL_RESERVED (2);
} SatchelChangedMessage;

/* A mailbox of a change, as it was then. */
typedef struct SatchelChangedMailbox
{
  const char *name; /* "": none */
  guint8 id[16];
  guint32 uidvalidity;
  guint special_use; /* SATCHEL_USE_* */
  SATCHEL_RESERVED (2);
} SatchelChangedMailbox;

/* One thing that happened, as the client did it (a MOVE is a MOVE; a removal that a layer turned into
 * something else is an EXPUNGE).  What concerns many messages is told in several, one after the other.  For
 * the call only.  Members come at the end. */
typedef struct SatchelChange
{
  size_t size;
  SatchelChangeKind kind;
  guint64
      sequence; /* its place in the user's log: rises from change to change, the same when it is told again */
  guint64 modseq;        /* of the messages; 0: names */
  gint64 time;           /* seconds since 1970: when it was noticed */
  gboolean is_continued; /* more of the same operation follows */
  SatchelChangedMailbox mailbox, destination;
  const SatchelChangedMessage *messages;
  guint n_messages;
  /* Who did it, and why.  Without a key.  Another program: cause SATCHEL_CAUSE_OUTSIDE. */
  const SatchelAccess *access;
} SatchelChange;

typedef struct SatchelMailboxListenerOps
{
  size_t size;
  guint band;                                         /* order among listeners; lower first */
  void (*changed) (const SatchelMailboxEvent *event); /* may */
  /* May: upkeep (maintain.h), after that of the levels of the store.  @store: of the access that it says,
   * cause background. */
  SatchelMaintained (*maintain) (SatchelStore *store, const SatchelMaintenance *maintenance, GError **error);
  /* May: hears the log of each user.  @store: the user's, in the server's own name; messages may be gone by
   * now.  TRUE: done, the next one comes.  FALSE: the same one comes again later, after 1 s, then 2 s, 4 s
   * ... at most 5 min; @error is shown to the administrator.  It may take its time: only this listener falls
   * behind.  Called for one user at a time. */
  gboolean (*heard) (SatchelStore *store, const SatchelChange *change, GError **error);
} SatchelMailboxListenerOps;

G_END_DECLS
