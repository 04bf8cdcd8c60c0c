/* SPDX-License-Identifier: MIT
 * The storage contract.  First half: what protocols and deliveries call (SatchelStore,
 * SatchelMailbox).  Second half: what a driver must give and a layer may intercept.
 * "[blocks]": may block, call from a job.  Everything else is memory only.  All may be called from any
 * thread.
 *
 * Names of mailboxes are UTF-8 in NFC with '/' between levels, no empty level, no "." or "..", no control
 * characters, at most 1,024 bytes in all; "INBOX" in upper case.  Other cases of inbox are not names.
 */
#pragma once
#include <satchel/access.h>
#include <satchel/config.h>
#include <satchel/keys.h>
#include <satchel/maintain.h>
#include <satchel/snapshot.h>
#include <satchel/stream.h>
#include <satchel/transaction.h>

G_BEGIN_DECLS

/* Special-use attributes (RFC 6154).  At most one mailbox an attribute. */
enum
{
  SATCHEL_USE_ALL = 1 << 0,
  SATCHEL_USE_ARCHIVE = 1 << 1,
  SATCHEL_USE_DRAFTS = 1 << 2,
  SATCHEL_USE_FLAGGED = 1 << 3,
  SATCHEL_USE_JUNK = 1 << 4,
  SATCHEL_USE_SENT = 1 << 5,
  SATCHEL_USE_TRASH = 1 << 6
};

typedef struct SatchelMailboxInfo
{
  char *name;
  guint special_use; /* SATCHEL_USE_* */
  gboolean is_subscribed;
  gboolean is_selectable; /* FALSE: a name with children only, or a subscription whose mailbox is gone */
  gboolean exists;        /* FALSE: only subscribed */
  SATCHEL_RESERVED (4);
} SatchelMailboxInfo;
SATCHEL_API void satchel_mailbox_info_free (SatchelMailboxInfo *info);

/* UIDs that vanished with one change. */
typedef struct SatchelTombstone
{
  guint32 first, last; /* inclusive */
  guint64 modseq;
} SatchelTombstone;

/* What a mailbox was in another store (satchel_store_import_mailbox).  Borrowed for the call. */
typedef struct SatchelMailboxImport
{
  size_t size;              /* of this struct */
  guint8 mailbox_id[16];    /* not all 0 */
  guint32 uidvalidity;      /* not 0 */
  guint32 uidnext;          /* 1 and more; a driver may refuse what leaves no room for its own */
  guint32 first_recent_uid; /* 0 is 1; at most uidnext */
  guint64 highestmodseq;    /* 1 to SATCHEL_IMPORT_MODSEQ_MAX */
  guint64 history_start;    /* what vanished after it is in @tombstones; 0: highestmodseq, so nothing of it is
                               known */
  const SatchelTombstone *tombstones; /* ascending by modseq, which is above history_start and at most
                                         highestmodseq; UIDs below uidnext */
  guint n_tombstones; /* a driver that keeps fewer drops the oldest, and says so in history_start */
} SatchelMailboxImport;

/* ---------------------------------------------------------------- for protocols and deliveries */

/* What a mailbox lets be done to it, and which flags it keeps.  The core begins with all; each level, the
 * namespace and the access take away (decision 0045). */
typedef struct SatchelMailboxRights
{
  size_t size;
  guint rights;            /* SATCHEL_RIGHT_* (access.h) */
  guint32 permanent_flags; /* SATCHEL_FLAG_*: others are not changed, and no error (RFC 3501 7.1
                              PERMANENTFLAGS) */
  gboolean keeps_keywords; /* FALSE: the same of keywords */
} SatchelMailboxRights SATCHEL_MADE_BY_CORE;

/* RFC 2342 5.  What no namespace of a level claims is the user's own: personal, and counted by
 * limits.mailboxes. */
typedef enum
{
  SATCHEL_NAMESPACE_PERSONAL = 0,
  SATCHEL_NAMESPACE_OTHERS,
  SATCHEL_NAMESPACE_SHARED
} SatchelNamespaceKind;
typedef struct SatchelStoreNamespace
{
  SatchelNamespaceKind kind;
  char *name;   /* as storage knows names, without a '/' at its end: it, and all below it */
  guint rights; /* SATCHEL_RIGHT_*: at most these for all of it */
} SatchelStoreNamespace SATCHEL_MADE_BY_CORE;

/* A handle of one user's stack of layers over a driver, which is open once a process, with the access
 * (access.h) of whoever holds it: what is called through it, and through mailboxes, transactions and stages
 * made of it, is done in that name.  Ref-counted; cheap to have and to make. */
SATCHEL_API SatchelStore *satchel_store_ref (SatchelStore *store);
SATCHEL_API void satchel_store_unref (SatchelStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelStore, satchel_store_unref)
SATCHEL_API const char *satchel_store_user (SatchelStore *store);            /* its owner */
SATCHEL_API const SatchelAccess *satchel_store_access (SatchelStore *store); /* borrowed */
/* For modules: the level of the store whose table is @ops, which a module knows of its own levels alone;
 * NULL: the store has none. Valid while the handle is. */
struct SatchelStorageOps;
struct SatchelStorage;
SATCHEL_API struct SatchelStorage *satchel_store_level (SatchelStore *store,
                                                        const struct SatchelStorageOps *ops);
/* Two handles of one and the same store?  NULL is no handle. */
SATCHEL_API gboolean satchel_store_is_same (const SatchelStore *one, const SatchelStore *other);

/* Namespaces of levels, beside the user's own: SatchelStoreNamespace; the same for the life of the store. */
SATCHEL_API const GPtrArray *satchel_store_namespaces (SatchelStore *store);
/* The names of these, NULL-ended: SatchelNamespace.others. */
SATCHEL_API const char *const *satchel_store_namespace_names (SatchelStore *store);
/* SATCHEL_RIGHT_* that this handle's access has on @name, whether that exists or not.  Without LOOKUP it is
 * not listed, and told as NONEXISTENT.  The core refuses with NOPERM what would need others
 * (core/storage/rights.c); asking first is for what a protocol says of a mailbox. */
SATCHEL_API guint satchel_store_rights (SatchelStore *store, const char *name);

/* All names that may be seen (LOOKUP), sorted by bytes with INBOX first; element type SatchelMailboxInfo,
 * freed with the array, which others share: read-only, g_ptr_array_unref. [blocks] */
SATCHEL_API GPtrArray *satchel_store_list (SatchelStore *store, GError **error);
/* The same, only if it is in memory and nothing changed outside; NULL: ask the blocking one. */
SATCHEL_API GPtrArray *satchel_store_list_cached (SatchelStore *store);
/* Missing parents become names that cannot be selected or mailboxes, as the driver wants.  Errors: INVALID
 * (no name), ALREADYEXISTS, CANNOT, LIMIT.  [blocks]; durable on return, as are the five below. */
SATCHEL_API gboolean satchel_store_create (SatchelStore *store, const char *name, guint special_use,
                                           GError **error);
/* With children left it becomes a name that cannot be selected (RFC 3501 6.3.4).  INBOX: CANNOT. */
SATCHEL_API gboolean satchel_store_delete (SatchelStore *store, const char *name, GError **error);
/* Children move along; INBOX: its messages move, INBOX stays (RFC 3501 6.3.5). */
SATCHEL_API gboolean satchel_store_rename (SatchelStore *store, const char *from, const char *to,
                                           GError **error);
/* Subscribing a name that does not exist is allowed by RFC 3501 6.3.6 and by us. */
SATCHEL_API gboolean satchel_store_subscribe (SatchelStore *store, const char *name, gboolean subscribe,
                                              GError **error);
/* For rebuilding a store elsewhere with no client noticing: makes the mailbox @name, or sets one that is
 * there, as @import says.  Then messages come with APPENDs that say UIDs and mod-sequences, and a last import
 * with the uidnext that it had.
 *  - There is none of this name: it is made.
 *  - One with this id and UIDVALIDITY: the rest is set; uidnext must not go back, nor highestmodseq if it has
 * messages.
 *  - Any other, if it has no messages (INBOX): it becomes this one, and whoever has it open sees it as
 * deleted. CANNOT: it does not fit so, another mailbox of the store has the id, a vanished UID is there,
 * numbers contradict each other, or the driver, or a layer that answers `create`, knows no import; nothing is
 * changed then.  Else as satchel_store_create.  [blocks] */
SATCHEL_API gboolean satchel_store_import_mailbox (SatchelStore *store, const char *name,
                                                   const SatchelMailboxImport *import, GError **error);
/* Replaces the attributes of @name; an attribute is taken from the mailbox that had it. */
SATCHEL_API gboolean satchel_store_set_special_use (SatchelStore *store, const char *name, guint special_use,
                                                    GError **error);
/* Name of the mailbox with this attribute, if mail may be put there; yours.  NULL with NONEXISTENT if none
 * has it.  [blocks] */
SATCHEL_API char *satchel_store_find_special_use (SatchelStore *store, guint special_use, GError **error);

/* What a user has, and what he may have (RFC 9208); see usage and limits in SatchelStorageOps. */
typedef struct SatchelUsage
{
  guint64
      bytes; /* the sum of RFC822.SIZE; of a message whose size is not known yet, what its storage takes */
  guint64 messages;
} SatchelUsage;
#define SATCHEL_UNLIMITED G_MAXUINT64
typedef struct SatchelQuota
{
  size_t size;
  const char *root;   /* the name of the quota root (RFC 9208 3.2), for ever; borrowed from a module */
  SatchelUsage limit; /* SATCHEL_UNLIMITED: none */
} SatchelQuota;
/* TRUE: the stack has a quota.  @ret_limits: NULL, or to be filled as far as its `size` says. */
SATCHEL_API gboolean satchel_store_quota (SatchelStore *store, SatchelQuota *ret_limits);
/* Of all mailboxes, exactly, outside changes taken in.  CANNOT: this storage does not count.  [blocks] */
SATCHEL_API gboolean satchel_store_usage (SatchelStore *store, SatchelUsage *ret_usage, GError **error);
/* Of those messages of @uids that are there; NULL: of all.  [blocks] */
SATCHEL_API gboolean satchel_mailbox_usage (SatchelMailbox *mailbox, const SatchelUidSet *uids,
                                            SatchelUsage *ret_usage, GError **error);

/* What modules keep with a user beside mail (scripts, lists, keys): blobs by name, in the space of a module,
 * whose name it has. Names: UTF-8 of at most SATCHEL_BLOB_NAME bytes, without control characters.  Spaces: as
 * names of modules. Errors of all: INVALID (name), CANNOT (this storage keeps none), CORRUPT, IO.  [blocks]
 */
#define SATCHEL_BLOB_NAME 255u
#define SATCHEL_BLOB_BYTES (1024u * 1024u)       /* of one */
#define SATCHEL_BLOBS_BYTES (8u * 1024u * 1024u) /* of a space of one user */
#define SATCHEL_BLOBS_MAX 256u                   /* likewise */
typedef struct SatchelBlob
{
  const char *name;
  GBytes *value; /* NULL: it is to be removed; if it is not there, that is no error */
} SatchelBlob;
/* NONEXISTENT.  A reference of yours. */
SATCHEL_API GBytes *satchel_store_get_blob (SatchelStore *store, const char *space, const char *name,
                                            GError **error);
/* Names, sorted by bytes; yours, g_strfreev.  None: an empty list. */
SATCHEL_API char **satchel_store_list_blobs (SatchelStore *store, const char *space, GError **error);
/* Puts and removes @n blobs, in order, all or none; durable on return.  LIMIT: one of the bounds above. After
 * IO all or none are there. */
SATCHEL_API gboolean satchel_store_put_blobs (SatchelStore *store, const char *space,
                                              const SatchelBlob *changes, guint n, GError **error);

/* One handle a mailbox and store handle; what they show is one and the same for all.  Outside changes are
 * taken in.  A mailbox that nobody holds is closed limits.store_idle later.  Errors: INVALID, NONEXISTENT
 * (also: cannot be selected), CORRUPT, IO.  [blocks] */
SATCHEL_API SatchelMailbox *satchel_store_open_mailbox (SatchelStore *store, const char *name,
                                                        GError **error);
/* The handle if the mailbox is open, in memory and nothing changed outside (what a stat or two can tell),
 * else NULL: open it.  A reference of yours. */
SATCHEL_API SatchelMailbox *satchel_store_peek_mailbox (SatchelStore *store, const char *name);
/* Counters without opening or touching messages (outside changes are looked for).  [blocks] */
SATCHEL_API gboolean satchel_store_status (SatchelStore *store, const char *name,
                                           SatchelMailboxState *ret_state, GError **error);

SATCHEL_API SatchelMailbox *satchel_mailbox_ref (SatchelMailbox *mailbox);
SATCHEL_API void satchel_mailbox_unref (SatchelMailbox *mailbox);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelMailbox, satchel_mailbox_unref)
SATCHEL_API char *satchel_mailbox_name (SatchelMailbox *mailbox); /* yours; it can change by rename */
SATCHEL_API gboolean satchel_mailbox_is_deleted (SatchelMailbox *mailbox);
SATCHEL_API SatchelStore *satchel_mailbox_store (SatchelMailbox *mailbox); /* borrowed */
/* satchel_store_rights of the mailbox as it is called now. */
SATCHEL_API guint satchel_mailbox_rights (SatchelMailbox *mailbox);
/* SATCHEL_FLAG_* that a change of flags will keep, by rights and permanent flags; *ret_keeps_keywords: and
 * keywords. */
SATCHEL_API guint32 satchel_mailbox_permanent_flags (SatchelMailbox *mailbox, gboolean *ret_keeps_keywords);
/* NOPERM unless all of @rights are there: for what only a protocol knows that it does, e.g. SELECT (READ). */
SATCHEL_API gboolean satchel_mailbox_check_rights (SatchelMailbox *mailbox, guint rights, GError **error);
/* The newest snapshot, a reference of yours. */
SATCHEL_API SatchelSnapshot *satchel_mailbox_snapshot (SatchelMailbox *mailbox);
/* The same with all internal dates: a Maildir that another program filled is opened without them.  [blocks]
 * if state.n_undated of the newest one is not 0. */
SATCHEL_API SatchelSnapshot *satchel_mailbox_dated_snapshot (SatchelMailbox *mailbox, GError **error);
/* Looks for changes by other programs and takes them in.  [blocks]; cheap when there are none. */
SATCHEL_API gboolean satchel_mailbox_sync (SatchelMailbox *mailbox, GError **error);
/* Gives UIDs from the returned one up to @upto_uid (exclusive; at most uidnext) to the caller as \Recent,
 * once: no other caller gets them again, also after a restart.  *ret_first == upto_uid: none.  [blocks] */
SATCHEL_API gboolean satchel_mailbox_claim_recent (SatchelMailbox *mailbox, guint32 upto_uid,
                                                   guint32 *ret_first, GError **error);
/* Calls @func in the main thread after changes (one call may stand for many), outside changes included.
 * Remove in the main thread. */
typedef void (*SatchelMailboxWatchFunc) (SatchelMailbox *mailbox, gpointer data);
typedef struct SatchelMailboxWatch SatchelMailboxWatch;
SATCHEL_API SatchelMailboxWatch *satchel_mailbox_watch (SatchelMailbox *mailbox, SatchelMailboxWatchFunc func,
                                                        gpointer data);
SATCHEL_API void satchel_mailbox_unwatch (SatchelMailboxWatch *watch);
/* Exclusive use by one POP3 session (RFC 1939 8); does not keep IMAP out.  FALSE: taken. */
SATCHEL_API gboolean satchel_mailbox_try_lock (SatchelMailbox *mailbox, gconstpointer owner);
SATCHEL_API void satchel_mailbox_unlock (SatchelMailbox *mailbox, gconstpointer owner);

/* Content as a client sees it: every line ends in CRLF if it was delivered so.  Errors: GONE, LOCKED, IO.
 * [blocks] */
SATCHEL_API SatchelStream *satchel_mailbox_open_message (SatchelMailbox *mailbox, guint32 uid,
                                                         GError **error);
/* The same if it is short and in memory already, so that reading it will not block either, else NULL: open
 * it. */
SATCHEL_API SatchelStream *satchel_mailbox_peek_message (SatchelMailbox *mailbox, guint32 uid);
/* Attributes (message.h) of @n messages; computed and stored where missing.  @ret: n places, each a reference
 * or NULL where the message is gone, or cannot be read.  FALSE: one that is there cannot be read, which
 * @error names first; @ret holds the others all the same.  @ret_codes: NULL, or n places that say why @ret
 * has none: GONE, LOCKED (this access lacks the key), or any other for what is there and cannot be read.
 * [blocks] */
SATCHEL_API gboolean satchel_mailbox_attributes (SatchelMailbox *mailbox, const guint32 *uids, guint n,
                                                 GBytes **ret, SatchelErrorCode *ret_codes, GError **error);
/* Keys (keys.h) of @n messages, ascending.  @func is called for each that is there, in any order, with its
 * index and key, which is borrowed; it may not call storage.  NULL: they are only made ready for peek.  Kept
 * in memory within bounds, so that asking again costs nanoseconds; what was read with an access's key is for
 * those with the same key only.  FALSE only when nothing could be read at all, for another reason than LOCKED
 * and NOPERM.  @ret_codes: NULL, or n places: 0 where @func was called, else as above.  [blocks] */
typedef void (*SatchelKeyFunc) (guint index, const void *key, gsize len, gpointer data);
SATCHEL_API gboolean satchel_mailbox_keys (SatchelMailbox *mailbox, SatchelKeyKind kind, const guint32 *uids,
                                           guint n, SatchelKeyFunc func, gpointer data,
                                           SatchelErrorCode *ret_codes, GError **error);
/* Calls @func, with index 0, if the key is in memory; FALSE: it is not. */
SATCHEL_API gboolean satchel_mailbox_peek_key (SatchelMailbox *mailbox, SatchelKeyKind kind, guint32 uid,
                                               SatchelKeyFunc func, gpointer data);
/* Email id (RFC 8474), 16 bytes, stable through copies by MOVE and COPY. [blocks] */
SATCHEL_API gboolean satchel_mailbox_email_id (SatchelMailbox *mailbox, guint32 uid, guint8 ret_id[16],
                                               GError **error);
/* POP3 unique ids (RFC 1939 7) that differ from what the protocol makes of UID and UIDVALIDITY, e.g. those
 * that a server told from which the mailbox was taken over.  @ret: n places, each a string of yours, 1 to 255
 * of 0x21..0x7E, or NULL: the protocol's own.  [blocks] */
SATCHEL_API gboolean satchel_mailbox_unique_ids (SatchelMailbox *mailbox, const guint32 *uids, guint n,
                                                 char **ret, GError **error);
/* UIDs removed by changes after @modseq; *ret_is_complete FALSE: older than history, answer in full. [blocks]
 */
SATCHEL_API gboolean satchel_mailbox_vanished (SatchelMailbox *mailbox, guint64 modseq,
                                               SatchelUidSet *ret_uids, gboolean *ret_is_complete,
                                               GError **error);

/* All that is known of what vanished, for export: appended to @tombstones (of SatchelTombstone), ascending by
 * mod-sequence, from *ret_history_start on.  CANNOT: the driver cannot tell.  [blocks] */
SATCHEL_API gboolean satchel_mailbox_tombstones (SatchelMailbox *mailbox, GArray *tombstones,
                                                 guint64 *ret_history_start, GError **error);
/* The metadata that layers keep with @n messages, for export: @func is called for each message and key that
 * is there, in order of
 * @uids and of keys by bytes; it may not call storage, and what it is given is borrowed.  CANNOT: the driver
 * cannot tell.  [blocks] */
typedef void (*SatchelMetadataFunc) (guint32 uid, const char *key, GBytes *value, gpointer data);
SATCHEL_API gboolean satchel_mailbox_list_metadata (SatchelMailbox *mailbox, const guint32 *uids, guint n,
                                                    SatchelMetadataFunc func, gpointer data, GError **error);

/* ---------------------------------------------------------------- for drivers and layers */

typedef enum
{
  SATCHEL_CLASS_CONTENT_IN = 1 << 0,  /* stage, stage_spooled; APPEND */
  SATCHEL_CLASS_CONTENT_OUT = 1 << 1, /* open_message; COPY, MOVE */
  SATCHEL_CLASS_REMOVE = 1 << 2,      /* EXPUNGE, MOVE, delete, rename of INBOX */
  SATCHEL_CLASS_FLAGS = 1 << 3,       /* FLAGS */
  SATCHEL_CLASS_LIST =
      1 << 4, /* list, create, import, delete, rename, subscribe, special use, status, open, usage, limits */
  SATCHEL_CLASS_ATTRIBUTES = 1 << 5 /* get_attributes, put_attributes; blobs */
} SatchelOperationClass;

typedef struct SatchelStorageIdentity
{
  const char *user;    /* local@domain, normalised */
  const char *path;    /* below the mail root: "DOMAIN/LOCAL"; validated: no "..", no leading '/' */
  int root_fd;         /* directory of the mail root */
  const char *profile; /* the stack, of storage.profiles, or "default" */
  const char *volume;  /* where the driver has several (has_volume); "": the only one */
  guint slot; /* number of this mail process; a user's stays the same for as long as the store is open */
  guint64
      epoch; /* grows whenever the user gets another owner: what an older one still writes must not count */
} SatchelStorageIdentity SATCHEL_MADE_BY_CORE;

/* One level of an open stack.  Layers and drivers see their own level; `below` is NULL for a driver. */
typedef struct SatchelStorageOps SatchelStorageOps;
typedef struct SatchelStorage
{
  const SatchelStorageOps *ops;
  struct SatchelStorage *below;
  struct SatchelStoreCore *store; /* the core's: what all handles of the store share */
  const SatchelStorageIdentity *identity;
  gpointer self;             /* set by open */
  gpointer private_dispatch; /* the core's */
} SatchelStorage SATCHEL_MADE_BY_CORE;

/* An open mailbox as layers and drivers see it: one a mailbox and store, under all SatchelMailbox handles of
 * all accesses.  Made by the driver's open_mailbox via satchel_storage_mailbox_new; layers keep what they
 * need in tables of their own, by mailbox_id. */
struct SatchelStorageMailbox
{
  gpointer driver; /* the driver's, freed by its close_mailbox */
  gpointer core;   /* the core's */
} SATCHEL_MADE_BY_CORE;

/* Content that a driver has staged; `driver` is its own, thrown away by stage_drop unless committed. */
typedef struct SatchelStaged
{
  gpointer driver;
  guint64 size;       /* logical bytes: RFC822.SIZE.  Durable with the message even if an index is lost */
  GBytes *attributes; /* set by the core before commit; NULL: none */
} SatchelStaged SATCHEL_MADE_BY_CORE;

/* What `examine` finds of one mailbox that another server left, or of the user (name NULL).  Borrowed, for
 * the call. */
typedef struct SatchelExamined
{
  const char *name;    /* NULL: not of one mailbox */
  const char *origin;  /* whose files they are, one word; NULL: nobody's */
  guint32 uidvalidity; /* that stays; 0: it gets a new one */
  guint32 n_messages;
  guint32 n_uids;       /* of them, those whose UID stays */
  guint32 n_unique_ids; /* of them, those with an id of their own (satchel_mailbox_unique_ids) */
  guint32 n_keywords;
  guint32 n_subscriptions; /* of the user */
  const char *problem;     /* what cannot be taken over as it is, and what to do; NULL */
  SATCHEL_RESERVED (4);
} SatchelExamined;
typedef void (*SatchelExamineFunc) (const SatchelExamined *found, gpointer data);

/* How write_file writes. */
typedef enum
{
  SATCHEL_FILE_WRITE = 0,   /* it may be lost with the machine, not with the process */
  SATCHEL_FILE_SYNC,        /* durable on return */
  SATCHEL_FILE_REPLACE,     /* the whole file: all of it or what was there before, whatever ends the process;
                               offset 0 */
  SATCHEL_FILE_REPLACE_SYNC /* the same, whatever ends the machine; durable on return */
} SatchelFileWrite;

/* Methods that a layer leaves NULL, or whose classes it does not declare, pass straight through to the level
 * below; what has no class (sync, is_current, watch, claim_recent, vanished, tombstones, close_mailbox,
 * stage_drop, stage_spooled, metadata, unique_ids, read_file, write_file, commit) is the driver's alone.  For
 * a driver every method is "must" but those marked "may".  Calls that change anything (open, create ..
 * set_special_use, import_mailbox, open_mailbox, close_mailbox, commit, put_attributes, put_blobs,
 * put_metadata, claim_recent, sync, fill_dates, hold_syncs) come one at a time for a store; readers (list,
 * status, usage, limits, open_message, email_id, get_attributes, get_blob, list_blobs, get_metadata,
 * list_metadata, vanished, tombstones, unique_ids, stage and its writers, stage_drop) come at any time, also
 * meanwhile, from any thread. A layer calls the level below by the satchel_storage_NAME functions, which
 * serialise what changes something also when `plan` calls them.
 * @access says who acts (access.h); a layer passes it on as it is.  It is borrowed: what outlives the call
 * takes a reference. `commit` has none, since each transaction has its own (satchel_transaction_access).
 * Whatever can fail sets @error when it does: a failure without one is told as IO, with the module's name.
 *
 * What the core has checked before a driver is asked: names are valid; INBOX is never created, removed or
 * renamed to; a rename's source is listed and exists, its target does not exist, is not below the source, and
 * names of children fit; limits.mailboxes. Mailboxes of operations are this store's and not deleted; stages
 * are finished; keywords are atoms of at most 128 bytes; metadata, unique ids and mod-sequences of operations
 * are within their bounds; of an import the numbers agree with each other.
 *
 * Rules that each driver keeps (the conformance suite checks them):
 *  - mailbox ids are never used twice; UIDVALIDITY is kept over rename, and differs for a name that was
 * removed and made again, within one second too; a UID that was told is durable and never used again;
 *  - one mod-sequence counter a store.  A commit that changes anything takes one new value for each
 * transaction, greater than all before in any mailbox, also after a crash; every message that it changes or
 * adds, and the state's highestmodseq of each mailbox it touches, get it.  A message that is imported with a
 * mod-sequence has that one instead, the mailbox's highestmodseq is raised to it at most, and the counter is
 * above it;
 *  - create makes a name that cannot be selected selectable (with a new mailbox id); ALREADYEXISTS only if it
 * is selectable;
 *  - remove takes special use and history with it, keeps the subscription (RFC 3501 6.3.6) and the children;
 * NONEXISTENT if the name is not a mailbox; of a name that cannot be selected and has children: CANNOT;
 *  - rename keeps mailbox ids, UIDs, UIDVALIDITY, special use of the mailbox and all its children, moves no
 *    subscription (the core does), and works for a name that cannot be selected but has children.  INBOX: all
 * its messages move to a new mailbox, special use and children stay, INBOX is left empty with its UIDVALIDITY
 * and UIDs going on;
 *  - set_special_use of a mailbox that cannot be selected: NONEXISTENT; what it had is replaced, what others
 * had of the new ones is taken from them, all durably at once.  create with special_use does the same. */
struct SatchelStorageOps
{
  size_t size;
  guint band;    /* layers: 1..999, the higher the nearer to the client; equal bands go by name. Drivers: 0 */
  guint classes; /* layers: what it intercepts.  Drivers: 0 */
  /* The newest SatchelOperationKind it knows.  Newer ones (for a layer: of its classes) are composed of those
   * it knows; where that is not possible, the transaction is refused with CANNOT. */
  guint newest_operation;

  /* Opens the user's place, making it where missing.  Recovers after a crash without help.  @section: for
   * this call only. */
  gboolean (*open) (SatchelStorage *storage, const SatchelConfig *section, GError **error);
  void (*close) (SatchelStorage *storage);

  /* LIST.  Fills @infos (SatchelMailboxInfo, any order): mailboxes, names with children only (exists, not
   * selectable), and subscriptions without mailbox (neither); INBOX always exists. */
  gboolean (*list) (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *infos, GError **error);
  /* May: TRUE if the last `list` still holds, by a few stats at most. Without it list is called each time. */
  gboolean (*list_is_current) (SatchelStorage *storage, const SatchelAccess *access);
  gboolean (*create) (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                      guint special_use, GError **error);
  gboolean (*remove) (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error);
  gboolean (*rename) (SatchelStorage *storage, const SatchelAccess *access, const char *from, const char *to,
                      GError **error);
  gboolean (*subscribe) (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                         gboolean subscribe, GError **error);
  gboolean (*set_special_use) (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                               guint special_use, GError **error);

  /* Makes a handle (satchel_storage_mailbox_new) and publishes its first snapshot, outside changes taken in;
   * what it knew without them may be published before, so that listeners hear what a message was like.  The
   * core calls it while there is no handle of that name.  close_mailbox frees `driver`; streams that came
   * from it stay readable.  */
  SatchelStorageMailbox *(*open_mailbox) (SatchelStorage *storage, const SatchelAccess *access,
                                          const char *name, GError **error);
  void (*close_mailbox) (SatchelStorage *storage, const SatchelAccess *access,
                         SatchelStorageMailbox *mailbox);
  gboolean (*status) (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                      SatchelMailboxState *ret_state, GError **error);
  /* Takes in outside changes and publishes.  Cheap when there are none. */
  gboolean (*sync) (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                    GError **error);
  /* May: TRUE if sync would find nothing, by a few stats at most; never blocks otherwise. */
  gboolean (*is_current) (SatchelStorage *storage, const SatchelAccess *access,
                          SatchelStorageMailbox *mailbox);
  /* May: outside changes are to be noticed (inotify) while @watch; then
   * satchel_storage_mailbox_changed_outside. Main thread; told FALSE before the handle is closed. */
  void (*watch) (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                 gboolean watch);
  gboolean (*claim_recent) (SatchelStorage *storage, const SatchelAccess *access,
                            SatchelStorageMailbox *mailbox, guint32 upto_uid, guint32 *ret_first,
                            GError **error);
  gboolean (*vanished) (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                        guint64 modseq, SatchelUidSet *ret_uids, gboolean *ret_is_complete, GError **error);

  /* CONTENT_IN.  A layer wraps the writer of the level below.  @staged lives until stage_drop or commit. When
   * the driver's finish is called, staged->size (bytes written at the top: RFC822.SIZE) and
   * staged->attributes are set; what the driver itself gets may be longer or shorter. */
  SatchelWriter *(*stage) (SatchelStorage *storage, const SatchelAccess *access, guint64 size_hint,
                           SatchelStaged *staged, GError **error);
  /* May: stages by hard link from "spool/..." below the mail root; only used if no layer answers `stage`.
   * @is_lf: the file has LF where the content has CRLF (all lines had).  Errors: CANNOT: copy instead. */
  gboolean (*stage_spooled) (SatchelStorage *storage, const SatchelAccess *access, const char *path,
                             gboolean is_lf, SatchelStaged *staged, GError **error);
  /* Throws `driver` of @staged away (it is not NULL). */
  void (*stage_drop) (SatchelStorage *storage, const SatchelAccess *access, SatchelStaged *staged);

  /* Layers, may: looks at a transaction with operations of its classes in its turn, under the store's write
   * lock: what was committed before it is there, and nothing else happens until its own commit.  Its sets of
   * UIDs hold only messages that are there, with only_deleted those with \Deleted, unless an operation before
   * it in the transaction concerns the mailbox. It may add operations (satchel_transaction_add), change them,
   * and commit others below itself (satchel_storage_commit_transaction).  FALSE refuses the transaction.
   * Layers are asked from the client down. */
  gboolean (*plan) (SatchelStorage *storage, SatchelTransaction *transaction, GError **error);
  /* Layers, may: what became of a transaction with operations of its classes, in the same turn, from the
   * driver up.  @error NULL: it is durable, and its operations have their results; else nothing of it
   * happened (a layer below refused it, or the driver failed).  Called whether the layer has `plan` or not,
   * but not where it or a layer above refused. */
  void (*committed) (SatchelStorage *storage, SatchelTransaction *transaction, const GError *error);
  /* Drivers: executes each transaction all-or-nothing, its operations in order (each sees those before it),
   * with one sync for all transactions where possible, then publishes the new snapshots.  results[i]: NULL on
   * success, else an error the core frees.  What succeeded is durable on return.  The `driver` of stages that
   * were stored is set to NULL; what is left in the others the core gives to stage_drop.  COPY to the mailbox
   * itself is allowed; MOVE to itself gives new UIDs. EXPUNGE of nothing, FLAGS that change nothing: success
   * without a new mod-sequence. */
  void (*commit) (SatchelStorage *storage, SatchelTransaction *const *transactions, guint n,
                  GError **results);

  /* CONTENT_OUT. */
  SatchelStream *(*open_message) (SatchelStorage *storage, const SatchelAccess *access,
                                  SatchelStorageMailbox *mailbox, guint32 uid, GError **error);
  gboolean (*email_id) (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                        guint32 uid, guint8 ret_id[16], GError **error);
  /* ATTRIBUTES.  ret[i] NULL: none stored, and the content is asked; unless ret_codes[i], which starts as 0,
   * says why it is not to be (LOCKED, ...).  put also fills in sizes that were unknown: sizes[i]. Not
   * durable. */
  gboolean (*get_attributes) (SatchelStorage *storage, const SatchelAccess *access,
                              SatchelStorageMailbox *mailbox, const guint32 *uids, guint n, GBytes **ret,
                              SatchelErrorCode *ret_codes, GError **error);
  gboolean (*put_attributes) (SatchelStorage *storage, const SatchelAccess *access,
                              SatchelStorageMailbox *mailbox, const guint32 *uids, guint n,
                              GBytes *const *attributes, const guint64 *sizes, GError **error);
  /* Private per-message metadata of layers, at most 1 KiB a key; durable with the next commit, or at once as
   * `metadata` of the operation that makes the message.  Copies have it too.  put with @value NULL takes the
   * key away.  May. */
  gboolean (*get_metadata) (SatchelStorage *storage, const SatchelAccess *access,
                            SatchelStorageMailbox *mailbox, guint32 uid, const char *key, GBytes **ret,
                            GError **error);
  gboolean (*put_metadata) (SatchelStorage *storage, const SatchelAccess *access,
                            SatchelStorageMailbox *mailbox, guint32 uid, const char *key, GBytes *value,
                            GError **error);
  /* May: satchel_mailbox_unique_ids.  @ret starts as NULLs; what the driver says of a message it says for
   * ever, and never of another one of the mailbox.  The driver's alone. */
  gboolean (*unique_ids) (SatchelStorage *storage, const SatchelAccess *access,
                          SatchelStorageMailbox *mailbox, const guint32 *uids, guint n, char **ret,
                          GError **error);
  /* May; CONTENT_OUT: satchel_mailbox_peek_message.  Never waits for a disk; NULL whenever it would.  A layer
   * that has open_message but not this one hides it. */
  SatchelStream *(*peek_message) (SatchelStorage *storage, const SatchelAccess *access,
                                  SatchelStorageMailbox *mailbox, guint32 uid);

  /* CONTENT_OUT layers: what is read of a message on which this layer crashed, or hung, twice.  FALSE: an
   * error, since what a layer hides must stay hidden.  TRUE: what the level below has. */
  gboolean passes_by;
  /* May, and must if it ever publishes SATCHEL_DATE_UNKNOWN: finds all missing internal dates and publishes
   * them, with no new mod-sequence.  A message that has gone meanwhile may stay without.  The driver's alone.
   */
  gboolean (*fill_dates) (SatchelStorage *storage, const SatchelAccess *access,
                          SatchelStorageMailbox *mailbox, GError **error);
  /* May: with @hold, what the calling thread changes by create, subscribe and set_special_use need not be
   * durable before the call without, which makes all of it durable.  The driver's alone. */
  gboolean (*hold_syncs) (SatchelStorage *storage, const SatchelAccess *access, gboolean hold,
                          GError **error);
  /* May: tells what `open` would take over at the place of @identity, first of the user, then of each
   * mailbox.  Changes nothing.  FALSE: there is nothing, or nothing that could be opened; @error says what to
   * do. */
  gboolean (*examine) (const SatchelStorageIdentity *identity, const SatchelConfig *section,
                       SatchelExamineFunc func, gpointer data, GError **error);
  /* May: keys of the user come and go: attach with the first access that has this key, detach with the last
   * one (its access may be another).  One at a time for a store, any thread, the main one too: they must not
   * block long, nor change anything.  The driver is told first, and last of an end. */
  void (*attach) (SatchelStorage *storage, const SatchelAccess *access);
  void (*detach) (SatchelStorage *storage, const SatchelAccess *access);
  /* May; LIST: what messages take up, as satchel_store_usage (@mailbox NULL, and @uids) and
   * satchel_mailbox_usage say.  Exact in `plan`, too, for what is committed: cheap, since a layer may ask it
   * there for each message that comes. */
  gboolean (*usage) (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                     const SatchelUidSet *uids, SatchelUsage *ret_usage, GError **error);
  /* May; LIST: satchel_store_quota.  Fills as much of @ret_limits as its `size` says.  FALSE: there is none.
   * Never blocks. */
  gboolean (*limits) (SatchelStorage *storage, const SatchelAccess *access, SatchelQuota *ret_limits);
  /* May; LIST: takes away from @rights, which begin with all, what it does not let @access do to @name.  In
   * memory only, at any time, any thread.  A layer asks below first, with the name below. */
  void (*rights) (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                  SatchelMailboxRights *rights);
  /* Layers that show mailboxes under other names than those below, must then; LIST: what they show the
   * mailbox as that is called @name below, yours; NULL: as @name.  For a mailbox that is not shown at all:
   * any name that clients cannot know.  In memory only. */
  char *(*shown_name) (SatchelStorage *storage, const SatchelAccess *access, const char *name);
  /* May; LIST: satchel_store_import_mailbox, which says what is asked and refused; for an importer, in its
   * job, under the write lock. Durable on return; on FALSE nothing is changed that a client could see.
   * satchel_mailbox_import_fits checks it against what is there; that no other mailbox of the store has the
   * id is the driver's to check.  One that becomes another is told by satchel_storage_mailbox_renamed as
   * deleted.  Counters of the store are raised, so that what is made later differs from it.  A layer that has
   * `create` and not this hides it. */
  gboolean (*import_mailbox) (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                              const SatchelMailboxImport *import, GError **error);
  /* May; of layers' metadata: satchel_mailbox_list_metadata, for an exporter, and for layers, in a job. @func
   * is called without a lock of the driver's.  Changes nothing. */
  gboolean (*list_metadata) (SatchelStorage *storage, const SatchelAccess *access,
                             SatchelStorageMailbox *mailbox, const guint32 *uids, guint n,
                             SatchelMetadataFunc func, gpointer data, GError **error);
  /* May: appends what it knows of vanished UIDs to @tombstones (SatchelTombstone, empty), as
   * satchel_mailbox_tombstones; for an exporter, in a job.  What `vanished` says follows from it.  Changes
   * nothing.  The driver's alone. */
  gboolean (*tombstones) (SatchelStorage *storage, const SatchelAccess *access,
                          SatchelStorageMailbox *mailbox, GArray *tombstones, guint64 *ret_history_start,
                          GError **error);
  /* SATCHEL_FIELD_*: what it knows of operations beyond what their kinds had at first.  SATCHEL_FIELDS_ALL
   * says: all that this header has.  Layers without `plan` and `committed` see no operations, and need not
   * say anything. */
  guint fields;
  /* May: upkeep (maintain.h), cause background, no key.  In a job, beside sessions and not in their turn:
   * what changes mail is a transaction (satchel_storage_commit_transaction), and a reader's rules hold for
   * all else.  Levels from the client down, one after the other; never two at a time of a user. */
  SatchelMaintained (*maintain) (SatchelStorage *storage, const SatchelAccess *access,
                                 const SatchelMaintenance *maintenance, GError **error);
  /* May: files of the core beside the user's mail, some MiB each: the log of changes and how far listeners
   * have read it.  Without them nobody is told by `heard` (listener.h).  @name: of a-z, 0-9 and '-'.  Any
   * thread, one call a file at a time; not of the user's mail, so no layer sees them. read_file appends at
   * most @max bytes from @offset on to @data; of a file that is not there none.  write_file puts @data at
   * @offset, where the file ends then, or in place of the whole file. */
  gboolean (*read_file) (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                         guint64 offset, gsize max, GByteArray *data, GError **error);
  gboolean (*write_file) (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                          guint64 offset, GBytes *data, SatchelFileWrite how, GError **error);
  /* May, all three or none; ATTRIBUTES: satchel_store_get_blob and so on.  Names, spaces and sizes of single
   * ones were checked; list_blobs adds names (g_free) in any order; LIMIT of a space is put_blobs' to find.
   */
  GBytes *(*get_blob) (SatchelStorage *storage, const SatchelAccess *access, const char *space,
                       const char *name, GError **error);
  gboolean (*list_blobs) (SatchelStorage *storage, const SatchelAccess *access, const char *space,
                          GPtrArray *names, GError **error);
  gboolean (*put_blobs) (SatchelStorage *storage, const SatchelAccess *access, const char *space,
                         const SatchelBlob *changes, guint n, GError **error);
  /* Drivers, may: is there anything at the place of @identity?  A look or two; changes nothing.  Where it is
   * not known: TRUE. */
  gboolean (*exists) (const SatchelStorageIdentity *identity, const SatchelConfig *section);
  /* Drivers, may, and must if they keep mail in several volumes: is @volume one of them?  Any process. */
  gboolean (*has_volume) (const char *volume, const SatchelConfig *section);
};

/* The level below @storage (for layers), resolved past levels that do not intercept. */
SATCHEL_API SatchelWriter *satchel_storage_stage (SatchelStorage *storage, const SatchelAccess *access,
                                                  guint64 size_hint, SatchelStaged *staged, GError **error);
SATCHEL_API SatchelStream *satchel_storage_open_message (SatchelStorage *storage, const SatchelAccess *access,
                                                         SatchelStorageMailbox *mailbox, guint32 uid,
                                                         GError **error);
/* NULL also if the level below knows no fast way. */
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
/* One that is open already is given as it is. */
SATCHEL_API SatchelStorageMailbox *satchel_storage_open_mailbox (SatchelStorage *storage,
                                                                 const SatchelAccess *access,
                                                                 const char *name, GError **error);
SATCHEL_API gboolean satchel_storage_email_id (SatchelStorage *storage, const SatchelAccess *access,
                                               SatchelStorageMailbox *mailbox, guint32 uid, guint8 ret_id[16],
                                               GError **error);
/* CANNOT if the driver keeps none. */
SATCHEL_API gboolean satchel_storage_get_metadata (SatchelStorage *storage, const SatchelAccess *access,
                                                   SatchelStorageMailbox *mailbox, guint32 uid,
                                                   const char *key, GBytes **ret, GError **error);
SATCHEL_API gboolean satchel_storage_put_metadata (SatchelStorage *storage, const SatchelAccess *access,
                                                   SatchelStorageMailbox *mailbox, guint32 uid,
                                                   const char *key, GBytes *value, GError **error);

/* In `open` only: all names from @name down are a namespace of this level's, with at most @rights.  What the
 * levels below have there is theirs to hide.  @name: valid. */
SATCHEL_API void satchel_storage_add_namespace (SatchelStorage *storage, SatchelNamespaceKind kind,
                                                const char *name, guint rights);
/* For layers, in `open`: @wanted if no level below has that name, or one below it, mailbox or subscription;
 * else "@wanted 2" and so on, and a line in the log, so that nothing of the user's is hidden.  Yours; NULL:
 * the list cannot be had.  [blocks] */
SATCHEL_API char *satchel_storage_free_name (SatchelStorage *storage, const char *wanted, GError **error);
/* What the userdbs say of the store's user under @name ("quota.storage"; auth.h has the bounds); yours, or
 * NULL. For layers and drivers, also in `open`; any thread, never blocks.  A changed value is seen from the
 * user's next login or delivery on, in a store that is open too.  It is what an administrator wrote: check
 * it. */
SATCHEL_API char *satchel_storage_user_attribute (SatchelStorage *storage, const char *name);
SATCHEL_API void satchel_storage_rights (SatchelStorage *storage, const SatchelAccess *access,
                                         const char *name, SatchelMailboxRights *rights);
SATCHEL_API char *satchel_storage_shown_name (SatchelStorage *storage, const SatchelAccess *access,
                                              const char *name);
SATCHEL_API gboolean satchel_storage_list_metadata (SatchelStorage *storage, const SatchelAccess *access,
                                                    SatchelStorageMailbox *mailbox, const guint32 *uids,
                                                    guint n, SatchelMetadataFunc func, gpointer data,
                                                    GError **error);
/* CANNOT if the driver knows no import. */
SATCHEL_API gboolean satchel_storage_import_mailbox (SatchelStorage *storage, const SatchelAccess *access,
                                                     const char *name, const SatchelMailboxImport *import,
                                                     GError **error);

/* An open mailbox, for layers, drivers and listeners. */
SATCHEL_API SatchelStorageMailbox *satchel_storage_mailbox_ref (SatchelStorageMailbox *mailbox);
SATCHEL_API void satchel_storage_mailbox_unref (SatchelStorageMailbox *mailbox);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelStorageMailbox, satchel_storage_mailbox_unref)
SATCHEL_API char *
satchel_storage_mailbox_name (SatchelStorageMailbox *mailbox); /* yours; it can change by rename */
SATCHEL_API gboolean satchel_storage_mailbox_is_deleted (SatchelStorageMailbox *mailbox);
/* The newest snapshot, a reference of yours. */
SATCHEL_API SatchelSnapshot *satchel_storage_mailbox_snapshot (SatchelStorageMailbox *mailbox);
/* For layers: the mailbox of a name, opened by the level below if it is not open; a reference of yours, to be
 * dropped before `close`.  Errors as of satchel_store_open_mailbox.  [blocks] */
SATCHEL_API SatchelStorageMailbox *satchel_storage_hold_mailbox (SatchelStorage *storage,
                                                                 const SatchelAccess *access,
                                                                 const char *name, GError **error);
/* Commits @transaction below @storage's level, which is not asked itself: in its own turn, or at once where
 * the caller has the turn (in `plan`, `committed` or a method that changes something).  Listeners are not
 * told; otherwise as satchel_transaction_commit.  [blocks] */
SATCHEL_API gboolean satchel_storage_commit_transaction (SatchelStorage *storage,
                                                         SatchelTransaction *transaction, GError **error);
/* For layers: a transaction of @access, whose operations satchel_transaction_add adds.  Yours. */
SATCHEL_API SatchelTransaction *satchel_storage_new_transaction (SatchelStorage *storage,
                                                                 const SatchelAccess *access);

/* For drivers. */
/* A handle; the driver sets `driver`, and publishes before it returns it. */
SATCHEL_API SatchelStorageMailbox *satchel_storage_mailbox_new (SatchelStorage *storage, const char *name);
/* Makes @snapshot (taken over) the newest and tells watchers.  In writing calls only, once its changes are
 * durable. */
SATCHEL_API void satchel_storage_mailbox_publish (SatchelStorageMailbox *mailbox, SatchelSnapshot *snapshot);
/* In remove and rename, for each open handle concerned (children as well): it changes its name, or is deleted
 * (NULL).  Also in sync, when the mailbox was removed by another program. */
SATCHEL_API void satchel_storage_mailbox_renamed (SatchelStorageMailbox *mailbox, const char *name);
/* From `watch`: something changed outside; the core calls sync in a job. Any thread. */
SATCHEL_API void satchel_storage_mailbox_changed_outside (SatchelStorageMailbox *mailbox);
/* The open mailbox of a name, borrowed, or NULL.  In writing calls only. */
SATCHEL_API SatchelStorageMailbox *satchel_storage_find_mailbox (SatchelStorage *storage, const char *name);
SATCHEL_API SatchelStaged *satchel_stage_staged (SatchelStage *stage); /* for `commit` */
/* In import_mailbox: may the mailbox whose newest snapshot is @current become what @import says?  FALSE with
 * CANNOT. *ret_is_same: it has its id and UIDVALIDITY already. */
SATCHEL_API gboolean satchel_mailbox_import_fits (const SatchelMailboxImport *import,
                                                  const SatchelSnapshot *current, gboolean *ret_is_same,
                                                  GError **error);
/* Does @operation say an email id? */
SATCHEL_API gboolean satchel_operation_has_email_id (const SatchelOperation *operation);
/* Has the user another owner meanwhile?  The core refuses all that changes something then; `close` must leave
 * alone what the other may have written. */
SATCHEL_API gboolean satchel_storage_is_fenced (const SatchelStorage *storage);

G_END_DECLS
