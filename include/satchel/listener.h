/* SPDX-License-Identifier: MIT
 * Declares mailbox listeners: modules that hear of changes in a user's store once they are durable. Role
 * mail. A listener cannot refuse a change. There are two ways to listen, and a module may use both:
 * - `changed` is called at once in the thread that committed.  It is lost if the process ends before, and
 * must be quick.
 * - `heard` is called from a durable log, in a thread of the listener's own, in order, at least once for each
 *   change whatever ends the process; `work` follows it, for what the listener has put aside.
 */
#pragma once
#include <satchel/storage.h>

G_BEGIN_DECLS

typedef struct SatchelMailboxEvent
{
  size_t size;
  SatchelOperationKind kind; /* the client's operation, whatever layers made of it */
  const char *user;          /* owner of the mailbox */
  SatchelStorageMailbox *mailbox, *destination;
  const SatchelOperation *operation; /* as it was carried out, with its results in ret_ */
  const SatchelAccess *access;       /* the user that acted, and the reason */
} SatchelMailboxEvent;

typedef enum
{
  /* Earlier changes were not reported, or not all of them: the listener should look at everything.  Later
   * changes are reported.  This is the first change that a listener hears of a user, and comes again when
   * the listener is so far behind that its place in the log was cut off.  With a mailbox: this applies to
   * that mailbox only. */
  SATCHEL_CHANGE_RESYNC = 1,
  SATCHEL_CHANGE_CREATE, /* mailbox */
  /* Mailbox was renamed to destination, its children too, with their subscriptions; INBOX: its messages
   * moved, and have new UIDs. */
  SATCHEL_CHANGE_RENAME,
  SATCHEL_CHANGE_DELETE, /* mailbox, with its messages */
  SATCHEL_CHANGE_SUBSCRIBE,
  SATCHEL_CHANGE_UNSUBSCRIBE,
  SATCHEL_CHANGE_SPECIAL_USE, /* mailbox has special_use now; no other mailbox has these uses any more */
  SATCHEL_CHANGE_APPEND,
  SATCHEL_CHANGE_COPY,
  SATCHEL_CHANGE_MOVE,
  SATCHEL_CHANGE_FLAGS,
  SATCHEL_CHANGE_EXPUNGE
} SatchelChangeKind;
/* Returns the word for logs: "APPEND", ... */
SATCHEL_API const char *satchel_change_kind_name (SatchelChangeKind kind);

/* Of a message, flags are SATCHEL_FLAG_*, keywords NULL-ended and sorted. */
typedef struct SatchelChangedMessage
{
  guint32 uid;                 /* its UID in mailbox */
  guint32 new_uid;             /* COPY, MOVE: its UID in destination */
  gboolean has_before;         /* FALSE: its former flags are not known (APPEND: there were none) */
  guint32 flags_before, flags; /* as they are stored, whatever the mailbox shows (storage.h) */
  const char *const *keywords_before, *const *keywords;
  SATCHEL_RESERVED (2);
} SatchelChangedMessage;

/* The mailbox of a change is named as it was at that time. */
typedef struct SatchelChangedMailbox
{
  const char *name; /* "": none */
  guint8 id[16];
  guint32 uidvalidity;
  guint special_use; /* SATCHEL_USE_* */
  SATCHEL_RESERVED (2);
} SatchelChangedMailbox;

/* A change is told as the client made it (a MOVE is a MOVE; a removal that a layer turned into something else
 * is an EXPUNGE). A change of many messages is reported in several calls, one after the other. Valid for the
 * call only; members are added at the end. */
typedef struct SatchelChange
{
  size_t size;
  SatchelChangeKind kind;
  /* Its place in the user's log: it grows from change to change, and is the same when a change is reported
   * again. */
  guint64 sequence;
  guint64 modseq;        /* the mod-sequence of the messages; 0: a change of names */
  gint64 time;           /* seconds since 1970: when the server noticed it */
  gboolean is_continued; /* the next change continues the same operation */
  SatchelChangedMailbox mailbox, destination;
  const SatchelChangedMessage *messages;
  guint n_messages;
  /* Says which user acted, and why; it has no key. Changes by another program have
   * SATCHEL_CAUSE_OUTSIDE. */
  const SatchelAccess *access;
} SatchelChange;

typedef struct SatchelMailboxListenerOps
{
  size_t size;
  guint band;                                         /* order among listeners; lower first */
  void (*changed) (const SatchelMailboxEvent *event); /* may */
  /* May: upkeep (maintain.h), after that of the levels of the store.  @store has an access of cause
   * background. */
  SatchelMaintained (*maintain) (SatchelStore *store, const SatchelMaintenance *maintenance, GError **error);
  /* May: hears the log of each user.  @store is the user's, with an access of the server itself; messages of
   * the change may be gone already.  TRUE means that the change is dealt with, and the next one comes.
   * FALSE: the same change comes again after 1 s, then 2 s, 4 s ... at most 5 min, and the administrator is
   * shown @error.  The call may take long: only this listener falls behind.  It is called for one user at a
   * time. */
  gboolean (*heard) (SatchelStore *store, const SatchelChange *change, GError **error);
  /* May, with `heard`: work that the listener keeps for a user, such as a queue in blobs.  It is called in
   * the same thread, when the user has no change that the listener has not heard: after changes, and after
   * the store was opened, so that what the end of a process cut short goes on.  MORE: it is called again
   * soon, after other users.  FAILED: again after 1 s, 2 s, 4 s ... at most 5 min, as with `heard`; the error
   * UNAVAILABLE means that the store is another process's now.  A step takes seconds at most, since other
   * users wait. */
  SatchelMaintained (*work) (SatchelStore *store, GError **error);
} SatchelMailboxListenerOps;

G_END_DECLS
