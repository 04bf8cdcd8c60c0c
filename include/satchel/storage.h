/* SPDX-License-Identifier: MIT
 * Defines what a storage driver must implement and a layer may intercept, and what both call.  store.h has
 * what protocols and deliveries call, which a driver answers; its rules for names hold here.
 */
#pragma once
#include <satchel/maintain.h>
#include <satchel/store.h>

G_BEGIN_DECLS

/* A layer declares the classes that it intercepts.  Each class has methods of SatchelStorageOps (in small
 * letters) and operations of transactions (in capitals); some are in two classes. */
typedef enum
{
  /* Sees content that comes: stage; APPEND. The driver's stage_spooled is not called if a layer intercepts
   * `stage`. */
  SATCHEL_CLASS_CONTENT_IN = 1 << 0,
  /* Sees content that is read: open_message, peek_message, email_id; COPY, MOVE. */
  SATCHEL_CLASS_CONTENT_OUT = 1 << 1,
  /* Sees what is removed: remove, rename (of INBOX it moves messages); EXPUNGE, MOVE. */
  SATCHEL_CLASS_REMOVE = 1 << 2,
  /* Sees changes of flags: FLAGS. */
  SATCHEL_CLASS_FLAGS = 1 << 3,
  /* Sees mailboxes and their names: list, list_is_current, create, remove, rename, subscribe,
   * set_special_use, rights, shown_name, shown_flags, import_mailbox, open_mailbox, status, usage, limits. */
  SATCHEL_CLASS_LIST = 1 << 4,
  /* Sees attributes and blobs: get_attributes, put_attributes, get_blob, list_blobs, put_blobs. */
  SATCHEL_CLASS_ATTRIBUTES = 1 << 5
} SatchelOperationClass;

typedef struct SatchelStorageIdentity
{
  const char *user;    /* local@domain, normalised */
  const char *path;    /* below the mail root: "DOMAIN/LOCAL"; without "..", and without a leading '/' */
  int root_fd;         /* directory of the mail root */
  const char *profile; /* the name of the stack in storage.profiles, or "default" */
  const char *volume;  /* the volume, if the driver has several (has_volume); "": the only one */
  guint slot; /* number of this mail process; it stays the same for a user for as long as the store is open */
  /* Grows whenever the user gets another owner; what an older owner still writes must not count. */
  guint64 epoch;
} SatchelStorageIdentity SATCHEL_MADE_BY_CORE;

/* An open stack has a level for each layer and one for the driver. Layers and drivers see their own level; a
 * driver has nothing below it (NULL). */
typedef struct SatchelStorageOps SatchelStorageOps;
typedef struct SatchelStorage
{
  const SatchelStorageOps *ops;
  struct SatchelStorage *below;
  struct SatchelStoreCore *store; /* of the core: what all handles of the store share */
  const SatchelStorageIdentity *identity;
  gpointer self;             /* set by open */
  gpointer private_dispatch; /* the core's */
} SatchelStorage SATCHEL_MADE_BY_CORE;

/* Layers and drivers see an open mailbox in this form: one for each mailbox of a store, which the handles
 * (SatchelMailbox) of all accesses share. The driver's open_mailbox makes it with
 * satchel_storage_mailbox_new; layers keep their own data in tables by mailbox_id. */
struct SatchelStorageMailbox
{
  gpointer driver; /* of the driver, whose close_mailbox frees it */
  gpointer core;   /* the core's */
} SATCHEL_MADE_BY_CORE;

/* A driver has staged this content. `driver` is the driver's own; stage_drop frees it unless it was
 * committed. */
typedef struct SatchelStaged
{
  gpointer driver;
  /* The size as clients see it (RFC822.SIZE); it must be as durable as the message, even if an index is
   * lost. */
  guint64 size;
  /* The core sets them before commit; NULL: there are none.  In the finish of its writer, before that of the
   * level below, a layer may put in their place what is to be stored (it owns the reference); who staged the
   * content still sees the others, and `get_attributes` of the layer gives them back. */
  GBytes *attributes;
  /* The internal date that the message will have, in seconds since 1970 (UTC).  It is set when the driver's
   * finish is called; stage_spooled sets it to the time of the file. */
  gint64 internal_date;
} SatchelStaged SATCHEL_MADE_BY_CORE;

/* Says what `examine` finds: a mailbox that another server left, or facts about the user (name NULL).
 * Borrowed for the call. */
typedef struct SatchelExamined
{
  const char *name;    /* NULL: about the user, not a mailbox */
  const char *origin;  /* the program whose files they are, in one word; NULL: unknown */
  guint32 uidvalidity; /* the UIDVALIDITY that stays; 0: the mailbox gets a new one */
  guint32 n_messages;
  guint32 n_uids;       /* number of messages whose UID stays */
  guint32 n_unique_ids; /* number of messages with a unique id of their own (satchel_mailbox_unique_ids) */
  guint32 n_keywords;
  guint32 n_subscriptions; /* number of the user's subscriptions */
  const char *problem;     /* what cannot be taken over as it is, and what to do about it; NULL: nothing */
  SATCHEL_RESERVED (4);
} SatchelExamined;
typedef void (*SatchelExamineFunc) (const SatchelExamined *found, gpointer data);

/* Ways for write_file to write. */
typedef enum
{
  SATCHEL_FILE_WRITE = 0, /* a crash of the machine may lose it, a crash of the process does not */
  SATCHEL_FILE_SYNC,      /* durable on return */
  /* Replaces the whole file: a crash of the process leaves the old content or the new one, whole; offset
   * 0. */
  SATCHEL_FILE_REPLACE,
  SATCHEL_FILE_REPLACE_SYNC /* the same for a crash of the machine; durable on return */
} SatchelFileWrite;

/* A driver or a layer is a table of these methods.
 *
 * A method that a layer leaves NULL, or whose classes it does not declare, passes straight to the level
 * below.  Methods without a class (sync, is_current, watch, claim_recent, vanished, tombstones,
 * close_mailbox, stage_drop, stage_spooled, metadata, unique_ids, fill_dates, hold_syncs, read_file,
 * write_file, list_spaces, exchange, commit) are the driver's alone.  A driver must have every method that is
 * not marked "may".
 *
 * The word at the end of each method's comment says when it is called.  [alone]: the calls of all these
 * methods come one at a time for a store, in whatever thread.  [beside]: they come at any time, from any
 * thread, also while others run, an [alone] one among them; unless a comment says more, that also holds for
 * two calls of the same method.  The writers of `stage` are as free as it is.  A layer calls the level below
 * by the satchel_storage_NAME functions, which keep to one change at a time also when `plan` calls them.
 *
 * @access is the access that acts (access.h).  It is borrowed: a level that keeps it takes a reference.  A
 * layer passes it on as it is.  `commit` has none, since each transaction has its own
 * (satchel_transaction_access).  A method that fails must set @error; the core reports a failure without
 * @error as IO, with the module's name.
 *
 * The core has checked before it asks a driver: names are valid; INBOX is never created, removed or the
 * target of a rename; the source of a rename is listed and exists, its target does not exist and is not
 * below the source, and the names of children fit; limits.mailboxes; mailboxes of operations belong to this
 * store and are not deleted; stages are finished; keywords are atoms of at most 128 bytes; metadata, unique
 * ids and mod-sequences of operations are within their bounds; the numbers of an import agree with each
 * other.
 *
 * Rules that each driver keeps, and that the conformance suite checks:
 * - A mailbox id is never used twice.  UIDVALIDITY stays over a rename, and differs for a name that was
 *   removed and made again, within one second too.  A UID that a caller has seen is durable and never used
 *   again.
 * - A message that is added gets uidnext of its mailbox, in the order of operations, and uidnext is one more
 *   then.  So UIDs have gaps only where messages were removed, where a commit failed or an import gave other
 *   numbers, and where another program added mail with UIDs of its own.
 * - A store has one counter of mod-sequences.  A commit that changes anything takes one new value for each
 *   transaction, greater than all before in any mailbox, also after a crash; every message that it changes
 *   or adds gets it, and so does highestmodseq of each mailbox that it touches.  A message that is imported
 *   with a mod-sequence has that one instead; the mailbox's highestmodseq is raised to it at most, and the
 *   counter is above it.
 * - create makes a name that cannot be selected selectable (with a new mailbox id); ALREADYEXISTS only if
 *   it is selectable.
 * - remove takes special use and history with it, and keeps the subscription (RFC 3501 6.3.6) and the
 *   children.  NONEXISTENT if the name is no mailbox; CANNOT for a name that cannot be selected and has
 *   children.
 * - rename keeps mailbox ids, UIDs, UIDVALIDITY and special use of the mailbox and all its children, moves
 *   no subscription (the core does that), and works for a name that cannot be selected but has children.
 *   INBOX: all its messages move to a new mailbox, special use and children stay, and INBOX is left empty
 *   with its UIDVALIDITY, its UIDs going on.
 * - set_special_use of a mailbox that cannot be selected: NONEXISTENT.  The uses that it had are replaced,
 *   and other mailboxes lose the new ones, all durably at once.  create with special_use does the same. */
struct SatchelStorageOps
{
  size_t size;
  guint band; /* layers: 1 to 999; higher ones are nearer to the client, equal ones go by name.  Drivers: 0 */
  guint classes; /* layers: the classes that it intercepts (SatchelOperationClass).  Drivers: 0 */
  /* The newest SatchelOperationKind that this level knows.  The core makes newer ones (for a layer: those
   * of its classes) out of kinds that it knows; if that is not possible, the transaction is refused with
   * CANNOT. */
  guint newest_operation;
  /* These (SATCHEL_FIELD_*) are the members of operations that this level knows beyond those that their kinds
   * had at first; SATCHEL_FIELDS_ALL means all in this header. Layers without `plan` and `committed` see no
   * operations, and need not set it. */
  guint fields;
  /* CONTENT_OUT layers say what a reader gets of a message on which this layer crashed or hung twice. FALSE
   * means an error, since content that a layer hides must stay hidden; TRUE means the content of the level
   * below. */
  gboolean passes_by;

  /* Opens the user's place, and makes it if it is missing.  A crash is recovered from without help.
   * @section: for this call only.  [alone] */
  gboolean (*open) (SatchelStorage *storage, const SatchelConfig *section, GError **error);
  /* Closes the store; the last call of this level.  [alone] */
  void (*close) (SatchelStorage *storage);
  /* Drivers, may: is there anything at the place of @identity?  It takes a look or two and changes nothing.
   * TRUE if it cannot tell.  [beside] */
  gboolean (*exists) (const SatchelStorageIdentity *identity, const SatchelConfig *section);
  /* Drivers, may, but must if they keep mail in several volumes: is @volume one of them?  Any process.
   * [beside] */
  gboolean (*has_volume) (const char *volume, const SatchelConfig *section);
  /* May: reports what `open` would take over at the place of @identity, first of the user, then of each
   * mailbox.  Changes nothing.  FALSE means that there is nothing, or nothing that could be opened; @error
   * says what to do.  [beside] */
  gboolean (*examine) (const SatchelStorageIdentity *identity, const SatchelConfig *section,
                       SatchelExamineFunc func, gpointer data, GError **error);
  /* May.  attach is called with the first access that has a certain key, detach with the last one (which
   * may be another access with the same key).  One call at a time for a store, in any thread, the main
   * thread too: they must not block long, nor change anything.  attach begins with the driver, and detach
   * ends with it.  [beside] */
  void (*attach) (SatchelStorage *storage, const SatchelAccess *access);
  /* May. Hears of the last access of a key (attach). [beside] */
  void (*detach) (SatchelStorage *storage, const SatchelAccess *access);
  /* May: upkeep (maintain.h), with an access of cause background and without a key.  It runs in a job,
   * while sessions go on, and has no turn of its own: changes of mail are transactions
   * (satchel_storage_commit_transaction), and the rules for readers hold for everything else.  Levels are
   * called from the client down, one after the other, and never two at a time for a user.  [beside] */
  SatchelMaintained (*maintain) (SatchelStorage *storage, const SatchelAccess *access,
                                 const SatchelMaintenance *maintenance, GError **error);

  /* LIST.  Fills @infos (SatchelMailboxInfo, in any order) with mailboxes, with names that only have
   * children (existing, not selectable), and with subscriptions without a mailbox (neither).  INBOX always
   * exists.  [beside] */
  gboolean (*list) (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *infos, GError **error);
  /* May.  TRUE: the last `list` is still right, as a few stats at most can tell.  Without this method
   * `list` is called each time.  [beside] */
  gboolean (*list_is_current) (SatchelStorage *storage, const SatchelAccess *access);
  /* LIST. Creates a mailbox, as satchel_store_create says, within the rules above. [alone] */
  gboolean (*create) (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                      guint special_use, GError **error);
  /* LIST. Deletes a mailbox, as satchel_store_delete says. [alone] */
  gboolean (*remove) (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error);
  /* LIST. Renames a mailbox and its children, as satchel_store_rename says. [alone] */
  gboolean (*rename) (SatchelStorage *storage, const SatchelAccess *access, const char *from, const char *to,
                      GError **error);
  /* LIST. Subscribes to a name or ends a subscription, as satchel_store_subscribe says. [alone] */
  gboolean (*subscribe) (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                         gboolean subscribe, GError **error);
  /* LIST. Sets the special uses of a mailbox, as satchel_store_set_special_use says. [alone] */
  gboolean (*set_special_use) (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                               guint special_use, GError **error);
  /* May; LIST: satchel_store_import_mailbox, whose comment says what is asked and refused; for an importer,
   * in its job.  Durable on return; on FALSE nothing is changed that a client could
   * see.  satchel_mailbox_import_fits compares it with the present mailbox; the driver checks that no other
   * mailbox of the store has the id.  A mailbox that becomes another is reported as deleted by
   * satchel_storage_mailbox_renamed.  Counters of the store are raised, so that later mailboxes differ from
   * it.  A layer with `create` and without this method hides it.  [alone] */
  gboolean (*import_mailbox) (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                              const SatchelMailboxImport *import, GError **error);
  /* May.  After a call with @hold TRUE, changes by create, subscribe and set_special_use in the calling
   * thread, and contents that it stages, need not be durable; the call with FALSE makes all of them durable,
   * and comes before these contents are committed.  [alone] */
  gboolean (*hold_syncs) (SatchelStorage *storage, const SatchelAccess *access, gboolean hold,
                          GError **error);
  /* May; LIST: removes from @rights, which begin with all, the rights that @access does not have on @name.
   * In memory only; at any time, in any thread.  A layer first asks the level below, with the name that it
   * has there.  [beside] */
  void (*rights) (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                  SatchelMailboxRights *rights);
  /* Layers, must if they show mailboxes under other names than the level below; LIST: the name under which
   * the layer shows the mailbox called @name below it.  Yours; NULL means that it is @name.  For a mailbox
   * that is not shown at all, a name that clients cannot know.  In memory only.  [beside] */
  char *(*shown_name) (SatchelStorage *storage, const SatchelAccess *access, const char *name);

  /* open_mailbox makes a handle (satchel_storage_mailbox_new) and publishes its first snapshot, with
   * outside changes taken in; it may publish what it knew without them before, so that listeners hear which
   * flags a message had.  The core calls it while no handle of that name exists.  close_mailbox frees
   * `driver`; streams that were opened from the mailbox stay readable.  [alone] */
  SatchelStorageMailbox *(*open_mailbox) (SatchelStorage *storage, const SatchelAccess *access,
                                          const char *name, GError **error);
  /* Frees the `driver` of a handle (open_mailbox). [alone] */
  void (*close_mailbox) (SatchelStorage *storage, const SatchelAccess *access,
                         SatchelStorageMailbox *mailbox);
  /* LIST. Tells the numbers of a mailbox, which need not be open, as satchel_store_status says. [beside] */
  gboolean (*status) (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                      SatchelMailboxState *ret_state, GError **error);
  /* Takes in outside changes and publishes them.  Cheap when there are none.  [alone] */
  gboolean (*sync) (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                    GError **error);
  /* May.  TRUE: sync would find nothing, as a few stats at most can tell.  It must not block in any other
   * way.  [beside] */
  gboolean (*is_current) (SatchelStorage *storage, const SatchelAccess *access,
                          SatchelStorageMailbox *mailbox);
  /* May.  While @watch is TRUE, the driver notices outside changes (inotify) and calls
   * satchel_storage_mailbox_changed_outside.  Main thread; called with FALSE before the handle is closed.
   * [beside] */
  void (*watch) (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                 gboolean watch);
  /* May, but must if the driver ever publishes SATCHEL_DATE_UNKNOWN: finds all missing internal dates and
   * publishes them, without a new mod-sequence.  A message that has gone meanwhile may stay without. [alone]
   */
  gboolean (*fill_dates) (SatchelStorage *storage, const SatchelAccess *access,
                          SatchelStorageMailbox *mailbox, GError **error);
  /* Claims \Recent messages for one session, as satchel_mailbox_claim_recent says. [alone] */
  gboolean (*claim_recent) (SatchelStorage *storage, const SatchelAccess *access,
                            SatchelStorageMailbox *mailbox, guint32 upto_uid, guint32 *ret_first,
                            GError **error);
  /* Adds the UIDs that vanished, as satchel_mailbox_vanished says. [beside] */
  gboolean (*vanished) (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                        guint64 modseq, SatchelUidSet *ret_uids, gboolean *ret_is_complete, GError **error);
  /* May: appends what the driver knows of vanished UIDs to @tombstones (SatchelTombstone, empty), as
   * satchel_mailbox_tombstones says; for an exporter, in a job.  The answers of `vanished` follow from it.
   * Changes nothing.  [beside] */
  gboolean (*tombstones) (SatchelStorage *storage, const SatchelAccess *access,
                          SatchelStorageMailbox *mailbox, GArray *tombstones, guint64 *ret_history_start,
                          GError **error);

  /* May; LIST: the space that messages take up, for satchel_store_usage (@mailbox and @uids NULL) and
   * satchel_mailbox_usage.  It must be exact for what is committed in `plan`, too, and cheap, since a layer
   * may ask for each message that comes in.  [beside] */
  gboolean (*usage) (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                     const SatchelUidSet *uids, SatchelUsage *ret_usage, GError **error);
  /* May; LIST: satchel_store_quota.  Fills @ret_limits as far as its `size` says.  FALSE means that there are
   * no limits.  Never blocks.  [beside] */
  gboolean (*limits) (SatchelStorage *storage, const SatchelAccess *access, SatchelQuota *ret_limits);

  /* CONTENT_IN.  A layer wraps the writer of the level below.  @staged lives until stage_drop or commit.
   * When the driver's finish is called, staged->size (the bytes that were written at the top: RFC822.SIZE),
   * staged->attributes and staged->internal_date are set; the driver itself may have got more or fewer
   * bytes.  [beside] */
  SatchelWriter *(*stage) (SatchelStorage *storage, const SatchelAccess *access, guint64 size_hint,
                           SatchelStaged *staged, GError **error);
  /* May.  Stages the file "spool/..." below the mail root by a hard link, and sets staged->internal_date if
   * the file has a time of its own.  Used only if no layer answers `stage`.  @is_lf: the file has LF where
   * the content has CRLF (all lines had CRLF).  CANNOT: the core copies the file instead.  [beside] */
  gboolean (*stage_spooled) (SatchelStorage *storage, const SatchelAccess *access, const char *path,
                             gboolean is_lf, SatchelStaged *staged, GError **error);
  /* Frees `driver` of @staged, which is not NULL, and throws the content away.  [beside] */
  void (*stage_drop) (SatchelStorage *storage, const SatchelAccess *access, SatchelStaged *staged);

  /* Layers, may: looks at a transaction with operations of its classes before its commit: what
   * was committed before it is visible, and no other call of those that come alone is made until its own
   * commit.  Its sets of UIDs have only messages that are there (with only_deleted: those with \Deleted),
   * unless an earlier operation of the transaction concerns the same mailbox.  It may add operations
   * (satchel_transaction_add), change them, and commit others below itself
   * (satchel_storage_commit_transaction).  FALSE refuses the transaction.  Layers are asked from the client
   * down.  [alone] */
  gboolean (*plan) (SatchelStorage *storage, SatchelTransaction *transaction, GError **error);
  /* Layers, may: reports the result of a transaction with operations of its classes, before any other
   * such call, from the driver up.  @error NULL: it is durable, and its operations have their results.
   * Otherwise nothing of it was done (a layer below refused it, or the driver failed).  It is called whether
   * the layer has `plan` or not, but not if the layer itself, or one above it, refused.  [alone] */
  void (*committed) (SatchelStorage *storage, SatchelTransaction *transaction, const GError *error);
  /* Drivers: executes each transaction, all of it or nothing, its operations in order (each sees those
   * before it), with one sync for all transactions if possible, then publishes the new snapshots.
   * results[i]: NULL on success, else an error that the core frees.  What succeeded is durable on return.
   * `driver` of a stage that was stored is set to NULL; the core passes the others to stage_drop.  COPY to
   * the mailbox itself is allowed; MOVE to itself gives new UIDs.  EXPUNGE of nothing, and FLAGS that
   * change nothing, succeed without a new mod-sequence.  [alone] */
  void (*commit) (SatchelStorage *storage, SatchelTransaction *const *transactions, guint n,
                  GError **results);

  /* CONTENT_OUT. Opens the content of a message. [beside] */
  SatchelStream *(*open_message) (SatchelStorage *storage, const SatchelAccess *access,
                                  SatchelStorageMailbox *mailbox, guint32 uid, GError **error);
  /* May; CONTENT_OUT: satchel_mailbox_peek_message.  Never waits for a disk: returns NULL if it would have
   * to.  A layer with open_message and without this method hides it.  [beside] */
  SatchelStream *(*peek_message) (SatchelStorage *storage, const SatchelAccess *access,
                                  SatchelStorageMailbox *mailbox, guint32 uid);
  /* CONTENT_OUT. Returns the email id of a message (RFC 8474), which copies share. [beside] */
  gboolean (*email_id) (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                        guint32 uid, guint8 ret_id[16], GError **error);
  /* May: satchel_mailbox_unique_ids.  @ret starts as NULLs.  An id that the driver gives for a message
   * never changes, and no other message of the mailbox gets it.  [beside] */
  gboolean (*unique_ids) (SatchelStorage *storage, const SatchelAccess *access,
                          SatchelStorageMailbox *mailbox, const guint32 *uids, guint n, char **ret,
                          GError **error);

  /* ATTRIBUTES.  ret[i] NULL: none are stored, and the core makes them from the content, unless
   * ret_codes[i], which starts as 0, gives a reason against that (LOCKED, ...).  put_attributes also fills
   * in sizes that were unknown: sizes[i].  It need not be durable.  [beside] */
  gboolean (*get_attributes) (SatchelStorage *storage, const SatchelAccess *access,
                              SatchelStorageMailbox *mailbox, const guint32 *uids, guint n, GBytes **ret,
                              SatchelErrorCode *ret_codes, GError **error);
  /* Stores attributes (get_attributes). [alone] */
  gboolean (*put_attributes) (SatchelStorage *storage, const SatchelAccess *access,
                              SatchelStorageMailbox *mailbox, const guint32 *uids, guint n,
                              GBytes *const *attributes, const guint64 *sizes, GError **error);
  /* May.  Metadata that layers keep with a message, at most 1 KiB for each key.  It is durable with the
   * next commit, or at once as `metadata` of the operation that makes the message.  Copies have it too.
   * put_metadata with @value NULL removes the key.  [beside] */
  gboolean (*get_metadata) (SatchelStorage *storage, const SatchelAccess *access,
                            SatchelStorageMailbox *mailbox, guint32 uid, const char *key, GBytes **ret,
                            GError **error);
  /* Sets or removes metadata (get_metadata). [alone] */
  gboolean (*put_metadata) (SatchelStorage *storage, const SatchelAccess *access,
                            SatchelStorageMailbox *mailbox, guint32 uid, const char *key, GBytes *value,
                            GError **error);
  /* May: satchel_mailbox_list_metadata, for an exporter, and for layers, in a job.  The driver holds no
   * lock while it calls @func.  Changes nothing.  [beside] */
  gboolean (*list_metadata) (SatchelStorage *storage, const SatchelAccess *access,
                             SatchelStorageMailbox *mailbox, const guint32 *uids, guint n,
                             SatchelMetadataFunc func, gpointer data, GError **error);

  /* May, all three or none; ATTRIBUTES: satchel_store_get_blob and its like.  The core has checked names,
   * spaces and the size of each blob.  list_blobs adds names (g_free) in any order.  put_blobs checks the
   * bounds of a space itself (LIMIT).  [beside] */
  GBytes *(*get_blob) (SatchelStorage *storage, const SatchelAccess *access, const char *space,
                       const char *name, GError **error);
  /* Lists the names of a space (get_blob). [beside] */
  gboolean (*list_blobs) (SatchelStorage *storage, const SatchelAccess *access, const char *space,
                          GPtrArray *names, GError **error);
  /* Sets and removes blobs of a space, all or none (get_blob). [alone] */
  gboolean (*put_blobs) (SatchelStorage *storage, const SatchelAccess *access, const char *space,
                         const SatchelBlob *changes, guint n, GError **error);

  /* May: files of the core beside the user's mail, some MiB each: the log of changes, and how far listeners
   * have read it.  Without these methods no listener's `heard` is called (listener.h).  @name: of a-z, 0-9
   * and '-'.  Any thread, one call for a file at a time; they concern no mail, so layers do not see them.
   * read_file appends at most @max bytes from @offset on to @data; a missing file is empty.  write_file
   * puts @data at @offset, where the file then ends, or in place of the whole file.  [beside] */
  gboolean (*read_file) (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                         guint64 offset, gsize max, GByteArray *data, GError **error);
  /* Writes a file (read_file). [beside] */
  gboolean (*write_file) (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                          guint64 offset, GBytes *data, SatchelFileWrite how, GError **error);

  /* May; LIST: changes in @shown, which begins with nothing hidden or added, what mailbox @name shows to
   * @access in place of its stored flags and of \Recent.  A layer first asks the level below, with the name
   * that it has there, and then says what it does itself (satchel_shown_flags_add).  In memory only; at any
   * time, in any thread.  The answer for a name and an access must not change while the store is open: a
   * client that has the mailbox selected would not hear of it.
   *
   * Only handles (SatchelMailbox) show these flags, in snapshots and counters.  Levels above and below see
   * stored flags in snapshots, in `status` and in operations, and so do listeners.  Through a handle, FLAGS
   * leaves what is hidden or added as it is stored, and APPEND stores none of it; EXPUNGE, and COPY and MOVE
   * with only_deleted, take only messages that have \Deleted both as stored and as shown; copies have the
   * stored flags.  [beside] */
  void (*shown_flags) (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                       SatchelShownFlags *shown);

  /* May, but should if there are blobs: adds the spaces that have a blob (g_free) to @spaces, in any order;
   * for an exporter.  Changes nothing.  [beside] */
  gboolean (*list_spaces) (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *spaces,
                           GError **error);
  /* Drivers, may: removes all that is stored at the place of @identity, which nobody has open.  Nothing
   * there is no error.  Between pieces of work that take milliseconds, and with nothing held that other users
   * wait for, it calls satchel_destroy_step, and fails if that does.  After a failure or a crash a part may
   * be left, which `exists` still tells, and which the next call removes.  Without this method a store is
   * never removed.  [beside] */
  gboolean (*destroy) (const SatchelStorageIdentity *identity, const SatchelConfig *section, GError **error);
  /* Drivers, may: saves what can be read of the place of @identity, whose store `open` may refuse (CORRUPT),
   * and of what lies in the same volume, into a new place, which nobody uses by itself.  What is damaged
   * stays as it is.  @said gets sentences for the administrator: what was saved, where it is, and how to use
   * it. [beside] */
  gboolean (*salvage) (const SatchelStorageIdentity *identity, const SatchelConfig *section, GString *said,
                       GError **error);
  /* Drivers, may: can a volume be open in one process only?  Then all its users are in one mail process, as
   * `slot_by` of the stack says unless it is set, and another value is refused.  Any process.  [beside] */
  gboolean (*is_of_one_process) (const SatchelConfig *section);
  /* Layers: content may not lie in clear outside of them, so the core seals what it spools. */
  gboolean hides_content;
  /* Drivers, may: puts staged contents, each with its attributes (NULL: none), in the places of those of
   * messages, which keep all else: UID, flags, dates, mod-sequence, ids, metadata, and the size as clients
   * see it, which is the same.  Copies of such a message
   * keep what they have, and streams that are open give what they had.  A crash leaves each message with the
   * old content or the new one, whole, and attributes that are not those of the other one.  A message that is
   * gone is passed over.  Otherwise as commit, for one transaction.  With @n 0 nothing is exchanged, and the
   * driver gets rid of what it still has of contents and attributes that no message has any more.  [alone] */
  gboolean (*exchange) (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                        const guint32 *uids, SatchelStaged *const *staged, guint n, GError **error);
};

/* For `destroy`, in its thread: @n_removed things (messages, files) were removed since the call before.  It
 * may rest for as long as the work since then took, so that others get on.  FALSE, with CANCELLED: the
 * removal is to stop, and a later one goes on.  It may be called at any rate. */
SATCHEL_API gboolean satchel_destroy_step (guint n_removed, GError **error);

/* A layer calls the level below @storage by these; levels that do not intercept the method are skipped. */
SATCHEL_API SatchelWriter *satchel_storage_stage (SatchelStorage *storage, const SatchelAccess *access,
                                                  guint64 size_hint, SatchelStaged *staged, GError **error);
SATCHEL_API SatchelStream *satchel_storage_open_message (SatchelStorage *storage, const SatchelAccess *access,
                                                         SatchelStorageMailbox *mailbox, guint32 uid,
                                                         GError **error);
/* NULL also if the level below has no peek_message. */
SATCHEL_API SatchelStream *satchel_storage_peek_message (SatchelStorage *storage, const SatchelAccess *access,
                                                         SatchelStorageMailbox *mailbox, guint32 uid);
SATCHEL_API gboolean satchel_storage_list (SatchelStorage *storage, const SatchelAccess *access,
                                           GPtrArray *infos, GError **error);
SATCHEL_API gboolean satchel_storage_create (SatchelStorage *storage, const SatchelAccess *access,
                                             const char *name, guint special_use, GError **error);
SATCHEL_API gboolean satchel_storage_remove (SatchelStorage *storage, const SatchelAccess *access,
                                             const char *name, GError **error);
SATCHEL_API gboolean satchel_storage_rename (SatchelStorage *storage, const SatchelAccess *access,
                                             const char *from, const char *to, GError **error);
SATCHEL_API gboolean satchel_storage_subscribe (SatchelStorage *storage, const SatchelAccess *access,
                                                const char *name, gboolean subscribe, GError **error);
SATCHEL_API gboolean satchel_storage_set_special_use (SatchelStorage *storage, const SatchelAccess *access,
                                                      const char *name, guint special_use, GError **error);
SATCHEL_API gboolean satchel_storage_status (SatchelStorage *storage, const SatchelAccess *access,
                                             const char *name, SatchelMailboxState *ret_state,
                                             GError **error);
SATCHEL_API gboolean satchel_storage_get_attributes (SatchelStorage *storage, const SatchelAccess *access,
                                                     SatchelStorageMailbox *mailbox, const guint32 *uids,
                                                     guint n, GBytes **ret, SatchelErrorCode *ret_codes,
                                                     GError **error);
SATCHEL_API gboolean satchel_storage_put_attributes (SatchelStorage *storage, const SatchelAccess *access,
                                                     SatchelStorageMailbox *mailbox, const guint32 *uids,
                                                     guint n, GBytes *const *attributes, const guint64 *sizes,
                                                     GError **error);
SATCHEL_API gboolean satchel_storage_usage (SatchelStorage *storage, const SatchelAccess *access,
                                            SatchelStorageMailbox *mailbox, const SatchelUidSet *uids,
                                            SatchelUsage *ret_usage, GError **error);
SATCHEL_API gboolean satchel_storage_limits (SatchelStorage *storage, const SatchelAccess *access,
                                             SatchelQuota *ret_limits);
SATCHEL_API GBytes *satchel_storage_get_blob (SatchelStorage *storage, const SatchelAccess *access,
                                              const char *space, const char *name, GError **error);
SATCHEL_API gboolean satchel_storage_list_blobs (SatchelStorage *storage, const SatchelAccess *access,
                                                 const char *space, GPtrArray *names, GError **error);
SATCHEL_API gboolean satchel_storage_put_blobs (SatchelStorage *storage, const SatchelAccess *access,
                                                const char *space, const SatchelBlob *changes, guint n,
                                                GError **error);
SATCHEL_API gboolean satchel_storage_list_is_current (
    SatchelStorage *storage, const SatchelAccess *access); /* FALSE also if the driver cannot tell */
/* A mailbox that is open already is returned as it is. */
SATCHEL_API SatchelStorageMailbox *satchel_storage_open_mailbox (SatchelStorage *storage,
                                                                 const SatchelAccess *access,
                                                                 const char *name, GError **error);
SATCHEL_API gboolean satchel_storage_email_id (SatchelStorage *storage, const SatchelAccess *access,
                                               SatchelStorageMailbox *mailbox, guint32 uid, guint8 ret_id[16],
                                               GError **error);
/* Reads metadata of a message.  CANNOT means that the driver keeps none. */
SATCHEL_API gboolean satchel_storage_get_metadata (SatchelStorage *storage, const SatchelAccess *access,
                                                   SatchelStorageMailbox *mailbox, guint32 uid,
                                                   const char *key, GBytes **ret, GError **error);
SATCHEL_API gboolean satchel_storage_put_metadata (SatchelStorage *storage, const SatchelAccess *access,
                                                   SatchelStorageMailbox *mailbox, guint32 uid,
                                                   const char *key, GBytes *value, GError **error);

/* Stages, for layers, @content anew, as if it came to this level now: through the layer's own `stage`, and
 * what is below it.  @attributes are those of the message as the layer gives them up, or NULL.  Yours, and
 * finished.  [blocks] */
SATCHEL_API SatchelStage *satchel_storage_stage_anew (SatchelStorage *storage, const SatchelAccess *access,
                                                      SatchelStream *content, GBytes *attributes,
                                                      gint64 internal_date, GError **error);
/* Calls @func, for layers, in their `stage`, once the content is stored or thrown away.  [any thread] */
SATCHEL_API void satchel_staged_add_notify (SatchelStaged *staged, GDestroyNotify func, gpointer data);
/* Exchanges contents below @storage (satchel_stage_staged).  CANNOT: the driver does not exchange any.
 * [blocks] */
SATCHEL_API gboolean satchel_storage_exchange (SatchelStorage *storage, const SatchelAccess *access,
                                               SatchelStorageMailbox *mailbox, const guint32 *uids,
                                               SatchelStaged *const *staged, guint n, GError **error);
/* Begins, and with @hold FALSE ends, that the calling thread's stages wait for their syncs (hold_syncs). */
SATCHEL_API gboolean satchel_storage_hold_syncs (SatchelStorage *storage, const SatchelAccess *access,
                                                 gboolean hold, GError **error);

/* Makes @name (valid) and all names below it a namespace of this level, with at most @rights. It may be
 * called in `open` only. The layer must hide mailboxes that levels below have there. */
SATCHEL_API void satchel_storage_add_namespace (SatchelStorage *storage, SatchelNamespaceKind kind,
                                                const char *name, guint rights);
/* Returns, for layers, in `open`, a free name. It is @wanted if no level below has a mailbox or subscription
 * of that name or below it; else "@wanted 2" and so on, with a line in the log, so that nothing of the user's
 * is hidden. The caller frees it. NULL means that the list cannot be read. [blocks] */
SATCHEL_API char *satchel_storage_free_name (SatchelStorage *storage, const char *wanted, GError **error);
/* Returns what the userdbs say of the store's user under @name ("quota.storage"; auth.h has the bounds);
 * yours, or NULL. For layers and drivers, also in `open`; any thread, never blocks.  A changed value is seen
 * from the user's next login or delivery on, in a store that is open too.  It is what an administrator wrote:
 * check it. */
SATCHEL_API char *satchel_storage_user_attribute (SatchelStorage *storage, const char *name);
/* Says whether anything is known of what the userdbs say; if not, an attribute that is missing says nothing:
 * nobody who brings them, as logins and deliveries do, has had the store open yet. */
SATCHEL_API gboolean satchel_storage_knows_attributes (SatchelStorage *storage);
/* Asks for upkeep of the user soon, beside the rounds (maintain.h); nothing where there is none
 * (`janitor.interval`).  [any thread] */
SATCHEL_API void satchel_storage_ask_upkeep (SatchelStorage *storage);
/* Tells the keyring of the same module, in auth, something about the user (keyring.h, told).  It may get
 * lost, and come twice: tell it again until it shows.  [any thread] */
SATCHEL_API void satchel_storage_tell_keyring (SatchelStorage *storage, const char *text);
SATCHEL_API void satchel_storage_rights (SatchelStorage *storage, const SatchelAccess *access,
                                         const char *name, SatchelMailboxRights *rights);
SATCHEL_API char *satchel_storage_shown_name (SatchelStorage *storage, const SatchelAccess *access,
                                              const char *name);
SATCHEL_API void satchel_storage_shown_flags (SatchelStorage *storage, const SatchelAccess *access,
                                              const char *name, SatchelShownFlags *shown);
SATCHEL_API gboolean satchel_storage_list_metadata (SatchelStorage *storage, const SatchelAccess *access,
                                                    SatchelStorageMailbox *mailbox, const guint32 *uids,
                                                    guint n, SatchelMetadataFunc func, gpointer data,
                                                    GError **error);
/* Imports a mailbox.  CANNOT means that the driver has no import. */
SATCHEL_API gboolean satchel_storage_import_mailbox (SatchelStorage *storage, const SatchelAccess *access,
                                                     const char *name, const SatchelMailboxImport *import,
                                                     GError **error);

/* Layers, drivers and listeners read an open mailbox by these. */
SATCHEL_API SatchelStorageMailbox *satchel_storage_mailbox_ref (SatchelStorageMailbox *mailbox);
SATCHEL_API void satchel_storage_mailbox_unref (SatchelStorageMailbox *mailbox);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelStorageMailbox, satchel_storage_mailbox_unref)
SATCHEL_API char *
satchel_storage_mailbox_name (SatchelStorageMailbox *mailbox); /* yours; it can change by rename */
SATCHEL_API gboolean satchel_storage_mailbox_is_deleted (SatchelStorageMailbox *mailbox);
/* Returns the newest snapshot, with stored flags; a reference of yours. */
SATCHEL_API SatchelSnapshot *satchel_storage_mailbox_snapshot (SatchelStorageMailbox *mailbox);
/* Returns, for layers, the mailbox of a name, which the level below opens if it is not open.  Yours, a
 * reference, to be dropped before `close`.  Errors as of satchel_store_open_mailbox.  [blocks] */
SATCHEL_API SatchelStorageMailbox *satchel_storage_hold_mailbox (SatchelStorage *storage,
                                                                 const SatchelAccess *access,
                                                                 const char *name, GError **error);
/* Commits @transaction below @storage's level, which is not asked itself: in a turn of its own, or at once
 * if the caller is in an [alone] call.  Listeners do not hear of it; otherwise it is committed as by
 * satchel_transaction_commit.  [blocks] */
SATCHEL_API gboolean satchel_storage_commit_transaction (SatchelStorage *storage,
                                                         SatchelTransaction *transaction, GError **error);
/* Calls @func, which gets @storage and @data, in a turn of its own, or at once if the caller is in an [alone]
 * call: no [alone] call but those that @func makes below @storage comes in between, so that what it finds is
 * so until it has acted on it.  For layers and drivers, in `maintain` and in commands; sessions wait
 * meanwhile, so @func should take milliseconds.  Returns what @func does; FALSE with UNAVAILABLE, without a
 * call, if the user has another owner by now.  [blocks] */
typedef gboolean (*SatchelStorageTurnFunc) (SatchelStorage *storage, gpointer data, GError **error);
SATCHEL_API gboolean satchel_storage_run_in_turn (SatchelStorage *storage, SatchelStorageTurnFunc func,
                                                  gpointer data, GError **error);
/* Makes, for layers, a transaction of @access; satchel_transaction_add adds its operations.  Yours. */
SATCHEL_API SatchelTransaction *satchel_storage_new_transaction (SatchelStorage *storage,
                                                                 const SatchelAccess *access);

/* Makes, for drivers, a handle; the driver sets its `driver`, and publishes before it returns it. */
SATCHEL_API SatchelStorageMailbox *satchel_storage_mailbox_new (SatchelStorage *storage, const char *name);
/* Makes, for drivers, @snapshot (taken over) the newest, and calls watchers.  In [alone] calls only, once the
 * changes are durable. */
SATCHEL_API void satchel_storage_mailbox_publish (SatchelStorageMailbox *mailbox, SatchelSnapshot *snapshot);
/* Gives an open handle its new name, or marks it as deleted (NULL). Drivers call it in remove and rename for
 * each handle concerned (children as well), and in sync if another program removed the mailbox. */
SATCHEL_API void satchel_storage_mailbox_renamed (SatchelStorageMailbox *mailbox, const char *name);
/* Drivers that `watch` say so when something changed outside; the core calls sync in a job.  [any thread] */
SATCHEL_API void satchel_storage_mailbox_changed_outside (SatchelStorageMailbox *mailbox);
/* Returns, for drivers, the open mailbox of a name, borrowed, or NULL.  In [alone] calls only. */
SATCHEL_API SatchelStorageMailbox *satchel_storage_find_mailbox (SatchelStorage *storage, const char *name);
/* For drivers, in `commit`, and for layers, for `exchange`. */
SATCHEL_API SatchelStaged *satchel_stage_staged (SatchelStage *stage);
/* Tells drivers, in import_mailbox: may the mailbox whose newest snapshot is @current become as @import says?
 * FALSE with CANNOT.  *ret_is_same: it has its id and UIDVALIDITY already. */
SATCHEL_API gboolean satchel_mailbox_import_fits (const SatchelMailboxImport *import,
                                                  const SatchelSnapshot *current, gboolean *ret_is_same,
                                                  GError **error);
/* Says whether @operation gives an email id. */
SATCHEL_API gboolean satchel_operation_has_email_id (const SatchelOperation *operation);
/* Says whether the user has another owner by now. The core then refuses all that changes something; `close`
 * must leave alone what the other owner may have written. */
SATCHEL_API gboolean satchel_storage_is_fenced (const SatchelStorage *storage);

G_END_DECLS
