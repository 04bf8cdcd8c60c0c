/* SPDX-License-Identifier: MIT
 * What the files of core/storage share: the store, its dispatch tables, mailbox handles.
 * Locks, in this order: write_lock, queue_lock; then any one of handles_lock, list_lock, a mailbox's lock.
 */
#pragma once
#include <satchel/message.h>

#include "core/storage/store_open.h"

/* Operations that go down the stack; the table in dispatch.c gives class and method. */
typedef enum
{
  SATCHEL_CALL_STAGE,
  SATCHEL_CALL_STAGE_SPOOLED,
  SATCHEL_CALL_STAGE_DROP,
  SATCHEL_CALL_OPEN_MESSAGE,
  SATCHEL_CALL_EMAIL_ID,
  SATCHEL_CALL_LIST,
  SATCHEL_CALL_LIST_IS_CURRENT,
  SATCHEL_CALL_CREATE,
  SATCHEL_CALL_REMOVE,
  SATCHEL_CALL_RENAME,
  SATCHEL_CALL_SUBSCRIBE,
  SATCHEL_CALL_SET_SPECIAL_USE,
  SATCHEL_CALL_STATUS,
  SATCHEL_CALL_OPEN_MAILBOX,
  SATCHEL_CALL_CLOSE_MAILBOX,
  SATCHEL_CALL_GET_ATTRIBUTES,
  SATCHEL_CALL_PUT_ATTRIBUTES,
  SATCHEL_CALL_SYNC,
  SATCHEL_CALL_IS_CURRENT,
  SATCHEL_CALL_WATCH,
  SATCHEL_CALL_CLAIM_RECENT,
  SATCHEL_CALL_VANISHED,
  SATCHEL_CALL_GET_METADATA,
  SATCHEL_CALL_PUT_METADATA,
  SATCHEL_CALL_COMMIT,
  SATCHEL_CALL_UNIQUE_IDS,
  SATCHEL_CALL_PEEK_MESSAGE,
  SATCHEL_CALL_FILL_DATES,
  SATCHEL_CALL_HOLD_SYNCS,
  SATCHEL_N_CALLS
} SatchelCall;

/* For each call the level that answers it; NULL: none does (a "may" method). */
typedef struct SatchelDispatch
{
  SatchelStorage *target[SATCHEL_N_CALLS];
} SatchelDispatch;

struct SatchelStore
{
  gint users;           /* references; under the lock of store_cache.c */
  gboolean is_cached;   /* closed by the cache, not by the last unref */
  gint64 idle_since_ms; /* since when users is 0 */
  char *user, *path;
  SatchelStorageIdentity identity;
  SatchelStorage *levels; /* [0] nearest to the client */
  char **level_names;
  guint n_levels;
  SatchelDispatch top;    /* calls from the core */
  SatchelDispatch *below; /* calls from level i, at levels[i].private_dispatch */
  gboolean can_link;      /* no layer intercepts CONTENT_IN */
  guint max_mailboxes;

  GRecMutex write_lock; /* held over every writing call; recursive, since layers call down */
  gpointer writer;      /* GThread that holds it; atomic */
  guint write_depth;    /* of the holder */
  GMutex queue_lock;
  GCond queue_changed;
  GQueue queue; /* SatchelCommitRequest, on the stacks of those who wait */
  gboolean has_leader;

  GMutex handles_lock;
  GHashTable *handles; /* name -> SatchelMailbox */
  GPtrArray *orphans;  /* SatchelMailbox: deleted, but somebody holds them */

  GMutex list_lock;
  GPtrArray *list; /* the last list, immutable, or NULL */
  guint list_generation;
};

/* The core's part of a mailbox handle. */
typedef struct SatchelMailboxCore
{
  SatchelMailbox handle; /* first: the handle is this */
  SatchelStore *store;   /* a reference is held while users > 0 */
  guint users;           /* under store->handles_lock, as are name, is_deleted and idle_since_ms */
  char *name;
  gboolean is_deleted;
  gint64 idle_since_ms;

  GMutex lock; /* for all below */
  SatchelSnapshot *snapshot;
  GPtrArray *watches;  /* SatchelMailboxWatch */
  gboolean is_notified; /* a call of the watchers is on its way */
  gboolean is_watching; /* what the driver was told */
  gboolean sync_queued;
  gconstpointer owner; /* of the POP3 lock */
  struct SatchelKeyCache *keys; /* NULL until the first is asked for */
  SatchelUidSet checked; /* whose stored attributes had the right checksum; drivers have checksums of their own */
} SatchelMailboxCore;

/* dispatch.c */
gboolean satchel_dispatch_build (SatchelStore *store, GError **error);
gboolean satchel_dispatch_may_pass (const SatchelStorageOps *ops);
/* @target, or what is below it if it brought a process down twice for the message of this thread's breadcrumb; NULL: that it does not
 * let be read. */
SatchelStorage *satchel_dispatch_pass_by (SatchelStorage *target, GError **error);
/* The level that answers @call of the core. */
#define SATCHEL_TOP(store, call) ((store)->top.target[SATCHEL_CALL_##call])

/* names.c */
gboolean satchel_store_check_name (const char *name, GError **error);
void satchel_store_forget_list (SatchelStore *store);
SatchelMailboxInfo *satchel_list_find (GPtrArray *infos, const char *name);

/* special_use.c: adopts or makes the mailboxes of group `mailboxes`.  Failures are logged only. */
void satchel_store_ensure_special_use (SatchelStore *store, const SatchelConfig *mailboxes);

/* keys.c */
typedef struct SatchelKeyCache SatchelKeyCache;
void satchel_key_cache_free (SatchelKeyCache *cache);

/* mailbox.c */
SatchelMailboxCore *satchel_mailbox_core (SatchelMailbox *mailbox);
void satchel_store_close_handles (SatchelStore *store);

/* watch.c */
void satchel_mailbox_notify (SatchelMailboxCore *core);

/* commit.c */
typedef struct SatchelCommitRequest
{
  SatchelTransaction *transaction;
  GError *error;
  gboolean is_done;
} SatchelCommitRequest;

/* transaction.c */
typedef struct SatchelComposed /* a MOVE that was taken apart for an old layer */
{
  SatchelOperation *move, *copy, *expunge;
} SatchelComposed;
struct SatchelTransaction
{
  SatchelStore *store; /* a reference */
  GPtrArray *operations; /* SatchelOperation */
  GArray *composed;      /* SatchelComposed; `move` is owned here */
  gboolean is_spent;
  GError *error; /* a mistake made while building: told at commit */
};
guint satchel_operation_classes (SatchelOperationKind kind);
/* Takes apart what layers are too old for and asks each layer's `prepare`. */
gboolean satchel_transaction_prepare (SatchelTransaction *transaction, GError **error);
void satchel_transaction_fill_composed (SatchelTransaction *transaction);

/* stage.c */
gboolean satchel_stage_is_finished (const SatchelStage *stage);
/* After a commit: whatever the driver has not taken is thrown away with the stage. */
SatchelStore *satchel_stage_store (const SatchelStage *stage);

/* store.c */
void satchel_store_free (SatchelStore *store);
void satchel_store_begin_write (SatchelStore *store);
void satchel_store_end_write (SatchelStore *store);
gboolean satchel_store_is_writer (SatchelStore *store); /* this thread holds write_lock */

/* store_cache.c */
gint64 satchel_store_clock_ms (void);
