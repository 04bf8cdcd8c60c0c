/* SPDX-License-Identifier: MIT
 * What the files of core/storage share: the store, its dispatch tables, mailbox handles.
 * Locks, in this order: write_lock, queue_lock; then any one of handles_lock, list_lock, a mailbox's lock.
 */
#pragma once
#include <satchel/message.h>

#include "core/storage/store_open.h"

/* Calls that go down the stack, SATCHEL_CALL_NAME each. */
typedef enum
{
#define STEP(...)
#define METHOD(result, name, ...) SATCHEL_CALL_##name,
#include "core/storage/methods.def"
  SATCHEL_N_CALLS,
  SATCHEL_CALL_none = SATCHEL_N_CALLS
} SatchelCall;

/* satchel_storage_NAME: the same for layers (storage.h has those that are theirs) and, with &store->client, for the core. */
#define STEP(...)
#define METHOD(result, name, level, classes, need, turn, guard, lacking, parameters, arguments)    \
  result satchel_storage_##name parameters;
#include "core/storage/methods.def"

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
  SatchelStorage client;  /* the core's place above all levels: satchel_storage_NAME from here goes through the whole stack */
  SatchelDispatch *below; /* calls from level i, at levels[i].private_dispatch */
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
/* Open of @target itself, also if it crashed for this message. */
SatchelStream *satchel_dispatch_open_at (SatchelStorage *target, SatchelMailbox *mailbox, guint32 uid, GError **error);
const char *satchel_dispatch_level_name (const SatchelStorage *level);
/* After @method failed: a module that sets no error gets one, since NULL would mean success to whoever looks at it only. */
void satchel_dispatch_check_error (const SatchelStorage *level, const char *method, GError **error);
/* The level that answers a call of the core, or NULL. */
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

/* operations.c */
/* Takes apart what a level is too old for and asks each layer's `prepare`.  CANNOT: nobody would carry an operation out. */
gboolean satchel_operation_prepare (SatchelTransaction *transaction, GError **error);
void satchel_operation_fill_composed (SatchelTransaction *transaction);
gboolean satchel_operation_has_effect (const SatchelOperation *operation);

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
