/* SPDX-License-Identifier: MIT
 * Says what the files of core/storage share: the store, its dispatch tables, handles of mailboxes. Locks are
 * taken in this order: keys_lock; write_lock, queue_lock; then list_lock or handles_lock, then a mailbox's
 * lock.
 */
#pragma once
#include <satchel/message.h>

#include "core/storage/store/stacks.h"
#include "core/storage/store/store_open.h"

/* Calls that go down the stack, SATCHEL_CALL_NAME each. */
typedef enum
{
#define STEP(...)
#define METHOD(result, name, ...) SATCHEL_CALL_##name,
#include "core/runtime/loader/storage_methods.def"
  SATCHEL_N_CALLS,
  SATCHEL_CALL_none = SATCHEL_N_CALLS
} SatchelCall;

/* satchel_storage_NAME are calls of the level below, for layers (storage.h declares those that layers may
 * use); with &store->client, calls of the core into the whole stack. */
#define STEP(...)
#define METHOD(result, name, level, classes, need, turn, guard, lacking, parameters, arguments)              \
  result satchel_storage_##name parameters;
#include "core/runtime/loader/storage_methods.def"

/* For each call, this has the number of the level that answers it, counted from 1; 0 means that none does (a
 * "may" method). Numbers are bytes, since every open store has a table for each level, and one more. */
typedef struct SatchelDispatch
{
  guint8 target[SATCHEL_N_CALLS];
} SatchelDispatch;

/* A keeper decides what becomes of a store that nobody uses, and how it is found again. */
typedef struct SatchelStoreCore SatchelStoreCore;
struct SatchelStoreKeeper
{
  /* Is called under satchel_store_uses_lock when the last use has ended; the keeper closes the store some
   * time later.  NULL: `close` is called at once. */
  void (*keep) (SatchelStoreCore *store);
  void (*close) (SatchelStoreCore *store);
  /* Returns a handle of the store of @access's owner for the thread of a listener, as satchel_store_acquire
   * does. NULL means that no such thread reads the log of this store. */
  SatchelStore *(*acquire) (const SatchelAccess *access, const SatchelPlace *place, GError **error);
};

/* Says whether a layer answers calls about mail itself, so that what is above it may differ from what is
 * stored; what it may add to a transaction does not count. */
gboolean satchel_ops_present_mail (const SatchelStorageOps *ops);

/* All handles of a user's store share this. */
struct SatchelStoreCore
{
  gint users;                       /* number of references; guarded by satchel_store_uses_lock */
  gint is_fenced;                   /* the user has another owner; atomic */
  const SatchelStoreKeeper *keeper; /* never NULL */
  gint64 idle_since_ms;             /* since when users is 0 */
  char *user, *path, *profile, *volume;
  SatchelAccess *background; /* the access of calls that are made without a handle */
  SatchelStorageIdentity identity;
  SatchelStorage *levels; /* levels[0] is the one nearest to the client */
  char **level_names;
  guint n_levels;
  SatchelDispatch top; /* numbers of levels for calls of the core */
  /* the place of the core above all levels: satchel_storage_NAME called with it goes through the whole stack
   */
  SatchelStorage client;
  SatchelDispatch *below; /* numbers for calls of level i, which levels[i].private_dispatch points to */
  guint max_mailboxes;
  /* A level or a namespace can hide a name, refuse an act or keep a flag; not changed once the store is
   * open. */
  gboolean limits_rights;
  /* SatchelStoreNamespace; not changed once the store is open; without any, the same empty ones for all
   * stores. */
  GPtrArray *namespaces;
  GPtrArray *namespace_names; /* their names, borrowed, with a NULL at the end */

  GRecMutex write_lock; /* held over every writing call; recursive, since layers call down */
  gpointer writer;      /* GThread that holds it; atomic */
  guint write_depth;    /* how often the holder has taken it */
  GMutex queue_lock;
  GCond queue_changed;
  GQueue queue; /* SatchelCommitRequest, each on the stack of a thread that waits */
  gboolean has_leader;

  GMutex handles_lock;
  GHashTable *handles; /* name -> SatchelMailboxCore */
  GPtrArray *orphans;  /* SatchelMailboxCore that are deleted, but in use */

  GMutex list_lock;
  /* the names that were listed last, immutable, or NULL; they are for all accesses, unless a layer answers
   * `list` */
  GPtrArray *list;
  guint list_generation;

  /* For durable listeners; NULL: none. Under write_lock, but for readers. */
  struct SatchelChangeLog *changes;

  GMutex attributes_lock;
  char *user_attributes; /* attributes in the form of SatchelPlace; NULL: none are known */

  GMutex keys_lock;    /* held during calls of attach and detach */
  GPtrArray *key_uses; /* SatchelKeyUse */
  guint last_key_id;
};

/* Sets the user's attributes, in the form of SatchelPlace; NULL changes nothing.  Any thread may call it. */
void satchel_store_set_user_attributes (SatchelStoreCore *store, const char *attributes);
char *satchel_store_user_attributes (SatchelStoreCore *store); /* yours; NULL: unknown */

/* Accesses of the store have this key at present. */
typedef struct SatchelKeyUse
{
  GBytes *key;
  guint n_handles;
  guint id; /* number of the key, which is never used again for another one of the store */
} SatchelKeyUse;

/* The handles of the public headers, SatchelMailbox and SatchelStore, are these structs. */
struct SatchelStore
{
  gatomicrefcount refs;
  SatchelStoreCore *core; /* the store, with a use of it */
  SatchelAccess *access;
  guint key_id;              /* id of the SatchelKeyUse; 0: the access has no key */
  SatchelMailbox *mailboxes; /* borrowed: the open mailboxes of this handle; guarded by core->handles_lock */
  GPtrArray *list;           /* as core->list, for this access; guarded by core->list_lock */
  guint list_generation;
  gboolean had_mailbox; /* a mailbox was opened; guarded by core->handles_lock */
};
struct SatchelMailbox
{
  guint refs;                      /* guarded by core->store->handles_lock */
  struct SatchelMailboxCore *core; /* the mailbox, with a use of it */
  SatchelStore *store;             /* a reference */
  SatchelMailbox *previous, *next; /* links in store->mailboxes */
};
/* A handle's calls begin with these arguments: the stack, and the access. */
#define SATCHEL_STACK(store) (&(store)->core->client), (store)->access

/* The core has this part of an open mailbox. */
typedef struct SatchelMailboxCore
{
  SatchelStorageMailbox handle; /* It is the first member, since the handle is this struct. */
  SatchelStoreCore *store;      /* a use of it is held while users > 0 */
  guint users; /* guarded by store->handles_lock, as are name, is_deleted and idle_since_ms */
  char *name;
  gboolean is_deleted;
  gint64 idle_since_ms;

  GMutex lock; /* guards everything below */
  SatchelSnapshot *snapshot;
  GPtrArray *watches;   /* SatchelMailboxWatch */
  gboolean is_notified; /* a call of the watchers is due */
  gboolean is_watching; /* whether the driver was told to watch */
  gboolean sync_queued;
  gconstpointer owner; /* the holder of the POP3 lock */
  GPtrArray *shown;    /* snapshots with other flags than the stored ones (shown_flags.c); NULL: none */
  /* SatchelKeyCache, one for each key of an access (key_cache.c); NULL until the first is asked for. */
  GPtrArray *keys;
  struct SatchelKeyCache *keyless_keys; /* that of `keys` for accesses without a key, or NULL; atomic */
  /* The snapshot whose changes are logged, or the first one; NULL: there is no log. */
  SatchelSnapshot *logged;
  gint is_logged; /* the change log knows the mailbox; atomic */
  /* Messages whose stored attributes had the right checksum; drivers have checksums of their own. */
  SatchelUidSet checked;
} SatchelMailboxCore;

/* write_lock.c has these. */
void satchel_store_begin_write (SatchelStoreCore *store);
void satchel_store_end_write (SatchelStoreCore *store);
gboolean satchel_store_is_writer (SatchelStoreCore *store); /* says whether this thread holds write_lock */
/* Fails with UNAVAILABLE once the store is fenced off. */
gboolean satchel_store_check_fence (SatchelStoreCore *store, GError **error);

/* mailbox_read.c has these. */
SatchelMailboxCore *satchel_mailbox_core (SatchelStorageMailbox *mailbox);

/* mailbox_use.c has these. */
/* Returns a use of the open mailbox of @name, or NULL. */
SatchelMailboxCore *satchel_store_look_up (SatchelStoreCore *store, const char *name);
/* Takes a use; under handles_lock. */
SatchelMailboxCore *satchel_mailbox_use_locked (SatchelMailboxCore *core);

/* name_list.c has these. */
gboolean satchel_store_check_name (const char *name, GError **error);
void satchel_store_forget_list (SatchelStoreCore *store);
SatchelMailboxInfo *satchel_list_find (GPtrArray *infos, const char *name);

/* keywords.c has these. */
/* Checks keywords.  INVALID: one is no atom; LIMIT: one is too long, or there are too many. */
gboolean satchel_keywords_check (const char *const *keywords, GError **error);

/* dispatch.c has these. */
gboolean satchel_dispatch_build (SatchelStoreCore *store, GError **error);
gboolean satchel_dispatch_may_pass (const SatchelStorageOps *ops);
/* Opens a message at @target itself, also if the level crashed on this message. */
SatchelStream *satchel_dispatch_open_at (SatchelStorage *target, const SatchelAccess *access,
                                         SatchelStorageMailbox *mailbox, guint32 uid, GError **error);
const char *satchel_dispatch_level_name (const SatchelStorage *level);
/* returns 0 for the level nearest to the client */
guint satchel_dispatch_level_index (const SatchelStorage *level);
/* Sets an error after @method failed, if the module did not set one, since a caller would take NULL for
 * success. */
void satchel_dispatch_check_error (const SatchelStorage *level, const char *method, GError **error);
static inline SatchelStorage *
satchel_dispatch_target (const SatchelStoreCore *store, const SatchelDispatch *dispatch, SatchelCall call)
{
  guint8 level = dispatch->target[call];
  return level == 0 ? NULL : &store->levels[level - 1];
}
/* Gives the level that answers a call of the core, or NULL. */
#define SATCHEL_TOP(store, call) satchel_dispatch_target (store, &(store)->top, SATCHEL_CALL_##call)

/* names.c has these. */
/* Says whether there is room for another name beside @infos; if not, @error is LIMIT. */
gboolean satchel_store_check_room (SatchelStore *store, GPtrArray *infos, GError **error);

/* Returns all names, also those that the access may not see. */
GPtrArray *satchel_store_list_all (SatchelStore *store, GError **error);

/* namespaces.c has these. */
void satchel_namespaces_init (SatchelStoreCore *store);
void satchel_namespaces_clear (SatchelStoreCore *store);
/* Finds the namespace of a name; NULL: the user's own. */
const SatchelStoreNamespace *satchel_namespaces_find (SatchelStoreCore *store, const char *name);
/* Returns how many of @infos are the user's own. */
guint satchel_namespaces_count_own (SatchelStoreCore *store, const GPtrArray *infos);

/* rights.c knows what each act on names and messages needs. */
typedef enum
{
  SATCHEL_ACT_SEE, /* this needs no right but LOOKUP */
  SATCHEL_ACT_OPEN,
  SATCHEL_ACT_READ,
  SATCHEL_ACT_STATUS,
  SATCHEL_ACT_CREATE_BELOW,
  SATCHEL_ACT_DELETE,
  SATCHEL_ACT_RENAME,
  SATCHEL_ACT_RENAME_INBOX,
  SATCHEL_ACT_SET_USE,
  SATCHEL_ACT_IMPORT,
  SATCHEL_ACT_INSERT,
  SATCHEL_ACT_COPY,
  SATCHEL_ACT_MOVE,
  SATCHEL_ACT_EXPUNGE,
  SATCHEL_ACT_REMOVE
} SatchelAct;
/* The errors are NOPERM; NONEXISTENT if the access may not see the mailbox. */
gboolean satchel_rights_check (SatchelStore *store, const char *name, SatchelAct act, GError **error);
gboolean satchel_rights_check_mailbox (SatchelMailbox *mailbox, SatchelAct act, GError **error);
/* Checks the rights of the nearest mailbox above @name, and of its namespace.  @infos: all names. */
gboolean satchel_rights_check_create (SatchelStore *store, GPtrArray *infos, const char *name,
                                      GError **error);
/* Refuses @transaction, or removes flags from it that the access may not change. */
gboolean satchel_rights_check_transaction (SatchelTransaction *transaction, GError **error);
/* Says whether any name can be hidden, any act refused or any flag kept.  If not, single names need not be
 * checked. */
static inline gboolean
satchel_rights_are_limited (const SatchelStore *store)
{
  return store->core->limits_rights || (store->access->rights & SATCHEL_RIGHTS_ALL) != SATCHEL_RIGHTS_ALL;
}
/* Returns @infos, or a copy with the names that the access may see; yours.  Takes @infos over. */
GPtrArray *satchel_rights_filter_list (SatchelStore *store, GPtrArray *infos);

/* shown_flags.c has these. */
/* Finds what the access is shown of the mailbox @name in place of its stored flags; `hidden` also has flags
 * that are added.  FALSE means that it is shown what is stored, and @ret_shown says so. */
gboolean satchel_shown_flags_find (SatchelStore *store, const char *name, SatchelShownFlags *ret_shown);
/* Changes the counters of stored flags in @state into those of shown ones. */
void satchel_shown_flags_count (const SatchelShownFlags *shown, SatchelMailboxState *state);

/* Returns the newest snapshot as @shown has it, a reference of the caller's. */
SatchelSnapshot *satchel_shown_flags_snapshot (SatchelMailboxCore *core, const SatchelShownFlags *shown);

/* special_use.c adopts or makes the mailboxes of group `mailboxes`. Failures are logged only. */
void satchel_store_ensure_special_use (SatchelStore *store, const SatchelConfig *mailboxes);

/* mailbox_sync.c has these. */
gboolean satchel_mailbox_is_current (SatchelMailboxCore *core, const SatchelAccess *access);
gboolean satchel_mailbox_sync_core (SatchelMailboxCore *core, const SatchelAccess *access, GError **error);

/* mailbox_open.c has these. */
/* Does what satchel_store_look_up does, for a level that knows the mailbox by that name: a layer may show it
 * under another one, or not at all. */
SatchelMailboxCore *satchel_store_look_up_shown (SatchelStorage *storage, const SatchelAccess *access,
                                                 const char *name);
void satchel_store_close_handles (SatchelStoreCore *store);
void satchel_store_sweep_core (SatchelStoreCore *store, gint64 idle_ms);
/* Returns a use of the mailbox of @name, which is opened from @storage down if it is not open. */
SatchelMailboxCore *satchel_store_open_core (SatchelStorage *storage, const SatchelAccess *access,
                                             const char *name, GError **error);

/* handle.c has these. */
/* Takes the use of @core over. */
SatchelStore *satchel_store_handle_new (SatchelStoreCore *core, const SatchelAccess *access);
/* Returns the handle of an open mailbox; takes the use of @core over. */
SatchelMailbox *satchel_mailbox_handle_new (SatchelStore *store, SatchelMailboxCore *core);

/* watch.c has these. */
void satchel_mailbox_notify (SatchelMailboxCore *core);

/* commit.c has these. */
/* The client asked for this operation, before layers changed it. */
typedef struct SatchelAsked
{
  /* the operation that gets the results at the end, also of a MOVE that was taken apart */
  SatchelOperation *operation;
  SatchelOperationKind kind;
  SatchelStorageMailbox *destination; /* a reference, or NULL */
} SatchelAsked;
typedef struct SatchelCommitRequest
{
  SatchelTransaction *transaction;
  const GArray *asked; /* SatchelAsked; NULL: a layer's own transaction */
  guint from; /* the first level that is asked: 0, or the one below the layer that commits the transaction */
  GArray *told; /* guint: levels that are told of the outcome, the one nearest to the client first; or NULL */
  GError *error;
  gboolean is_done;
} SatchelCommitRequest;

/* round.c has these. */
/* So many requests at most go through the queue together. */
#define SATCHEL_ROUND_MAX 256u
typedef struct SatchelCommitRound
{
  guint n;
  SatchelCommitRequest *requests[SATCHEL_ROUND_MAX]; /* borrowed from the threads that wait */
} SatchelCommitRound;
/* Plans the requests of @round, has the driver commit them, and tells their layers the outcome; each request
 * then has its error, if any.  Under write_lock. */
void satchel_store_run_round (SatchelStoreCore *store, const SatchelCommitRound *round);

/* changes.c, change_look.c, change_commit.c and change_names.c log changes for durable listeners
 * (listener.h), and do nothing where there are none. The caller holds write_lock. */
/* Opens the log once all levels are open, and compares it with the store. */
void satchel_changes_open (SatchelStoreCore *store);
void satchel_changes_close (SatchelStoreCore *store);
/* Logs the changes of a mailbox that was opened or synced.  A mailbox that the log does not know is ignored:
 * a layer may keep it for itself. */
void satchel_changes_look (SatchelMailboxCore *core);
gboolean satchel_changes_know_mailbox (SatchelStorageMailbox *mailbox);
/* Returns the name that its owner sees; yours. */
char *satchel_changes_name_of (SatchelStorageMailbox *mailbox);
/* Notes that the mailbox of @name has @state; it is opened if some of its changes are not logged.  Takes
 * write_lock. */
void satchel_changes_look_at (SatchelStoreCore *store, const char *name, const SatchelMailboxState *state);
/* Says whether the log has the names of @infos, as they are there, and no others. */
gboolean satchel_changes_know_names (SatchelStoreCore *store, const GPtrArray *infos);
/* Finds out what other programs changed in names, and in mailboxes that are not open. */
void satchel_changes_mend (SatchelStoreCore *store);
/* Logs @commits before the driver executes them, and with their results. */
void satchel_changes_intend (SatchelStoreCore *store, const SatchelCommitRound *commits);
void satchel_changes_record (SatchelStoreCore *store, const SatchelCommitRound *commits);
/* Log a change of names before it is made, and after it. */
typedef struct SatchelNameChange
{
  SatchelChangeKind kind;
  const SatchelAccess *access;
  const char *name, *to;
  guint special_use;
} SatchelNameChange;
void satchel_changes_intend_name (SatchelStoreCore *store, const SatchelNameChange *change);
void satchel_changes_record_name (SatchelStoreCore *store, const SatchelNameChange *change, gboolean is_done);
/* Logs that an import made the mailbox, or turned it into another one. */
void satchel_changes_record_import (SatchelStoreCore *store, const SatchelAccess *access, const char *name);

/* transaction.c has these. */
typedef struct SatchelComposed /* a MOVE that was taken apart for an old layer */
{
  SatchelOperation *move, *copy, *expunge;
} SatchelComposed;
struct SatchelTransaction
{
  SatchelStore *handle; /* a reference; NULL: a layer's own transaction */
  SatchelStoreCore *store;
  SatchelAccess *access;
  GPtrArray *operations; /* SatchelOperation */
  GArray *composed;      /* SatchelComposed; `move` is owned here.  NULL: none */
  gboolean is_spent;
  GError *error; /* a mistake while the transaction was built, which commit reports */
};

/* operations.c has these. */
/* Takes operations apart that @level is too old for.  CANNOT: no level would carry an operation out. */
gboolean satchel_operation_suit_level (SatchelTransaction *transaction, const SatchelStorage *level,
                                       gboolean *ret_is_concerned, GError **error);
/* Removes UIDs of messages that are not there, and with only_deleted of messages without \Deleted. */
void satchel_operation_resolve (SatchelTransaction *transaction);
void satchel_operation_fill_composed (SatchelTransaction *transaction);
gboolean satchel_operation_has_effect (const SatchelOperation *operation);

/* operation_fields.c has these. */
/* Checks the members of an operation.  CANNOT: the operation has a member that its kind never has, or that
 * @level does not know. */
gboolean satchel_operation_suit_fields (const SatchelOperation *operation, const char *kind_name,
                                        const SatchelStorage *level, GError **error);
/* Checks values, so that drivers need not.  Removes bits that are no flags. */
gboolean satchel_operation_check_values (SatchelOperation *operation, GError **error);
#define SATCHEL_METADATA_KEY_BYTES 255u

/* stage.c has these. */
gboolean satchel_stage_is_finished (const SatchelStage *stage);
/* Makes a stage for content as another driver has it below its layers: with the size that clients see
 * (SATCHEL_SIZE_UNKNOWN: that of the content) and the attributes that are stored there (or NULL). */
SatchelStage *satchel_stage_new_raw (SatchelStore *store, guint64 size, GBytes *attributes, GError **error);
/* Returns the store that the stage belongs to. */
SatchelStoreCore *satchel_stage_store (const SatchelStage *stage);

/* store.c has these. */
SatchelStoreCore *satchel_store_core_open (const SatchelStoreOpenOptions *options, GError **error);
void satchel_store_free (SatchelStoreCore *store);

/* store_setup.c has this, which counts references, since an opening may outlive a reload. */
SatchelStoreSetup *satchel_store_setup_ref (SatchelStoreSetup *setup);
SatchelStoreCore *satchel_store_setup_open (SatchelStoreSetup *setup, const char *user,
                                            const SatchelPlace *place, const SatchelStoreKeeper *keeper,
                                            GError **error);
SatchelLook satchel_store_setup_look (SatchelStoreSetup *setup, const char *user, const SatchelPlace *place,
                                      const SatchelPlace *target, char **ret_what);
const GPtrArray *satchel_store_setup_stacks (const SatchelStoreSetup *setup);
/* Returns the options that are the same for each store; profile and levels are to be filled in. */
SatchelStoreOpenOptions satchel_store_setup_options (const SatchelStoreSetup *with, const char *user,
                                                     const SatchelPlace *place);
/* store_cache.c returns a reference of the caller's, or NULL. */
SatchelStoreSetup *satchel_stores_setup (void);
void satchel_stores_tell_turned (const char *user, guint64 epoch);
/* Says whether a level of any stack has upkeep. */
gboolean satchel_store_setup_has_upkeep (const SatchelStoreSetup *setup);
gboolean satchel_store_setup_hides_content (const SatchelStoreSetup *setup);
void satchel_stores_tell_outdated (const char *user, guint64 epoch);

/* commit.c makes a copy, to be freed by g_free. */
SatchelStoreListener *satchel_store_get_listeners (guint *ret_n);

/* store_use.c has these. */
extern GMutex satchel_store_uses_lock; /* for `users` of every store; the cache has its tables under it too */
SatchelStoreCore *satchel_store_core_ref (SatchelStoreCore *store);
void satchel_store_core_unref (SatchelStoreCore *store);
gint64 satchel_store_clock_ms (void);
