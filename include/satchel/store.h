/* SPDX-License-Identifier: MIT
 * Declares what protocols, deliveries and commands do with a user's store (SatchelStore) and its mailboxes
 * (SatchelMailbox). Functions not marked [blocks] only touch memory. All may be called from any thread.
 *
 * Names of mailboxes are UTF-8 in NFC with '/' between levels, without empty levels, "." and "..", and
 * without control characters, at most 1,024 bytes in all.  INBOX is in upper case; it is no name in any other
 * case.
 */
#pragma once
#include <satchel/access.h>
#include <satchel/config.h>
#include <satchel/keys.h>
#include <satchel/snapshot.h>
#include <satchel/stream.h>
#include <satchel/transaction.h>

G_BEGIN_DECLS

/* A special-use attribute (RFC 6154) belongs to one mailbox at most. */
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
  gboolean is_selectable; /* FALSE: a name that only has children, or a subscription whose mailbox is gone */
  gboolean exists;        /* FALSE: the name is only subscribed */
  SATCHEL_RESERVED (4);
} SatchelMailboxInfo;
SATCHEL_API void satchel_mailbox_info_free (SatchelMailboxInfo *info);

/* The UIDs of this range vanished with one change. */
typedef struct SatchelTombstone
{
  guint32 first, last; /* inclusive */
  guint64 modseq;
} SatchelTombstone;

/* A mailbox comes from another store in this state (satchel_store_import_mailbox). Borrowed for the call. */
typedef struct SatchelMailboxImport
{
  size_t size;              /* of this struct */
  guint8 mailbox_id[16];    /* not all 0 */
  guint32 uidvalidity;      /* not 0 */
  guint32 uidnext;          /* at least 1; a driver may refuse a value that leaves no room for its own UIDs */
  guint32 first_recent_uid; /* 0 is 1; at most uidnext */
  guint64 highestmodseq;    /* 1 to SATCHEL_IMPORT_MODSEQ_MAX */
  /* @tombstones has what vanished after it; 0: highestmodseq, so that nothing is known of vanished UIDs. */
  guint64 history_start;
  /* Ascending by modseq, which is above history_start and at most highestmodseq; UIDs below uidnext. */
  const SatchelTombstone *tombstones;
  guint n_tombstones; /* a driver that keeps fewer drops the oldest, and adjusts history_start */
} SatchelMailboxImport;

/* An access has rights on a mailbox, which keeps some flags of it. The core begins with all of them; each
 * level, the namespace and the access remove some (decision 0045). */
typedef struct SatchelMailboxRights
{
  size_t size;
  guint rights; /* SATCHEL_RIGHT_* (access.h) */
  /* SATCHEL_FLAG_*: other flags stay unchanged, which is no error (RFC 3501 7.1 PERMANENTFLAGS). */
  guint32 permanent_flags;
  gboolean keeps_keywords; /* FALSE: keywords stay unchanged */
} SatchelMailboxRights SATCHEL_MADE_BY_CORE;

/* Flags that a mailbox shows to an access in place of the stored ones: shown = (stored & ~hidden) | added.
 * The core begins with nothing hidden or added; each level changes that from the driver up (decision 0056).
 * Whatever is hidden or added is no permanent flag. */
typedef struct SatchelShownFlags
{
  size_t size;
  guint32 hidden;          /* SATCHEL_FLAG_*: of SATCHEL_FLAGS_ALL; other bits are ignored, also in `added` */
  guint32 added;           /* SATCHEL_FLAG_*: every message shows them, whether they are hidden or not */
  gboolean hides_keywords; /* no message shows a keyword */
  gboolean hides_recent;   /* no message is shown as \Recent */
} SatchelShownFlags SATCHEL_MADE_BY_CORE;
/* Makes @shown say, for levels in `shown_flags`, what it says when seen through a level that hides @hidden
 * and then adds @added. */
static inline void
satchel_shown_flags_add (SatchelShownFlags *shown, guint32 hidden, guint32 added)
{
  shown->hidden |= hidden;
  shown->added = (shown->added & ~hidden) | added;
}

/* Namespaces are of one of these kinds (RFC 2342 5). Names outside the namespaces of levels are the user's
 * own: they are personal, and limits.mailboxes counts them. */
typedef enum
{
  SATCHEL_NAMESPACE_PERSONAL = 0,
  SATCHEL_NAMESPACE_OTHERS,
  SATCHEL_NAMESPACE_SHARED
} SatchelNamespaceKind;
typedef struct SatchelStoreNamespace
{
  SatchelNamespaceKind kind;
  /* A name in storage's form, without a '/' at its end: the namespace is this name and all below it. */
  char *name;
  guint rights; /* SATCHEL_RIGHT_*: upper bound for the whole namespace */
} SatchelStoreNamespace SATCHEL_MADE_BY_CORE;

/* Returns a store: a handle of one user's stack of layers over a driver, which a process opens once, with the
 * access (access.h) of the handle's owner.  Calls through it, and through mailboxes, transactions and stages
 * made from it, are done with that access.  Ref-counted; cheap to make and to keep. */
SATCHEL_API SatchelStore *satchel_store_ref (SatchelStore *store);
SATCHEL_API void satchel_store_unref (SatchelStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelStore, satchel_store_unref)
SATCHEL_API const char *satchel_store_user (SatchelStore *store);            /* the user whose store it is */
SATCHEL_API const SatchelAccess *satchel_store_access (SatchelStore *store); /* borrowed */
/* Returns, for modules, the level of the store whose table is @ops; a module only knows the tables of its own
 * levels.  NULL means that the store has no such level.  Valid while the handle is. */
struct SatchelStorageOps;
struct SatchelStorage;
SATCHEL_API struct SatchelStorage *satchel_store_level (SatchelStore *store,
                                                        const struct SatchelStorageOps *ops);
/* Returns what the userdbs say of the store's user under @name, as satchel_storage_user_attribute does for
 * levels; yours, or NULL. */
SATCHEL_API char *satchel_store_user_attribute (SatchelStore *store, const char *name);
/* Says whether these are two handles of the same store. NULL is no handle. */
SATCHEL_API gboolean satchel_store_is_same (const SatchelStore *one, const SatchelStore *other);

/* Returns the namespaces of levels, beside the user's own: SatchelStoreNamespace.  They stay the same for the
 * life of the store. */
SATCHEL_API const GPtrArray *satchel_store_namespaces (SatchelStore *store);
/* Returns their names, NULL-ended, for SatchelNamespace.others. */
SATCHEL_API const char *const *satchel_store_namespace_names (SatchelStore *store);
/* Returns the rights (SATCHEL_RIGHT_*) that this handle's access has on @name, whether a mailbox of that name
 * exists or not.  A mailbox without LOOKUP is not listed, and is NONEXISTENT to every call.  The core refuses
 * calls that lack a right with NOPERM (core/storage/names/rights.c); protocols ask here only to show rights
 * to clients. */
SATCHEL_API guint satchel_store_rights (SatchelStore *store, const char *name);

/* Returns all names that the access may see (LOOKUP), sorted by bytes with INBOX first: SatchelMailboxInfo,
 * freed with the array.  Others share the array: it is read-only, and yours to free with g_ptr_array_unref.
 * [blocks] */
SATCHEL_API GPtrArray *satchel_store_list (SatchelStore *store, GError **error);
/* Does the same if the list is in memory and nothing changed outside; NULL: call satchel_store_list. */
SATCHEL_API GPtrArray *satchel_store_list_cached (SatchelStore *store);
/* Creates a mailbox.  Missing parents become mailboxes, or names that cannot be selected, as the driver
 * prefers.  Errors: INVALID (bad name), ALREADYEXISTS, CANNOT, LIMIT.  This call and the five below are
 * durable on return.  After an error of the machine (IO, NOSPACE, ...) or a crash, all of the change is there
 * or nothing; but a mailbox may be there without its special use, and a new one for the messages of INBOX may
 * be there without them.  [blocks] */
SATCHEL_API gboolean satchel_store_create (SatchelStore *store, const char *name, guint special_use,
                                           GError **error);
/* Deletes a mailbox.  If it has children, it becomes a name that cannot be selected (RFC 3501 6.3.4).
 * INBOX: CANNOT. */
SATCHEL_API gboolean satchel_store_delete (SatchelStore *store, const char *name, GError **error);
/* Renames a mailbox with its children.  INBOX: its messages move, and INBOX stays (RFC 3501 6.3.5). */
SATCHEL_API gboolean satchel_store_rename (SatchelStore *store, const char *from, const char *to,
                                           GError **error);
/* Subscribes or unsubscribes a name, which need not exist (RFC 3501 6.3.6). */
SATCHEL_API gboolean satchel_store_subscribe (SatchelStore *store, const char *name, gboolean subscribe,
                                              GError **error);
/* For rebuilding a store elsewhere so that no client notices: makes the mailbox @name, or sets an existing
 * one, as @import says.  Then messages come with APPENDs that give UIDs and mod-sequences, and a last
 * import with the uidnext that the mailbox had.
 * - If no mailbox has this name, it is made.
 * - If the mailbox has this id and UIDVALIDITY, the rest is set; uidnext must not go back, nor
 *   highestmodseq if it has messages.
 * - Any other mailbox without messages (such as INBOX) becomes this one, and those who have it open see it
 *   as deleted.
 * CANNOT: none of these applies, another mailbox of the store has the id, a message has a UID that is to
 * have vanished, numbers contradict each other, or the driver, or a layer that answers `create`, has no
 * import; nothing is changed then.  Other errors as of satchel_store_create.  [blocks] */
SATCHEL_API gboolean satchel_store_import_mailbox (SatchelStore *store, const char *name,
                                                   const SatchelMailboxImport *import, GError **error);
/* Replaces the special uses of @name; each is taken from the mailbox that had it. */
SATCHEL_API gboolean satchel_store_set_special_use (SatchelStore *store, const char *name, guint special_use,
                                                    GError **error);
/* Returns the name of the mailbox with this special use, if the access may put mail there.  Yours; NULL with
 * NONEXISTENT if no mailbox has it.  [blocks] */
SATCHEL_API char *satchel_store_find_special_use (SatchelStore *store, guint special_use, GError **error);

/* Says what a user's mail takes up, and how much is allowed (RFC 9208); see usage and limits in
 * SatchelStorageOps. */
typedef struct SatchelUsage
{
  /* The sum of RFC822.SIZE; a message whose size is not known yet counts with what it takes in storage. */
  guint64 bytes;
  guint64 messages;
} SatchelUsage;
#define SATCHEL_UNLIMITED G_MAXUINT64
typedef struct SatchelQuota
{
  size_t size;
  /* The name of the quota root (RFC 9208 3.2) never changes; it is borrowed from a module. */
  const char *root;
  SatchelUsage limit; /* SATCHEL_UNLIMITED: none */
} SatchelQuota;
/* Says whether the stack has a quota.  @ret_limits is NULL, or a structure that is filled as far as its
 * `size` says. */
SATCHEL_API gboolean satchel_store_quota (SatchelStore *store, SatchelQuota *ret_limits);
/* Returns the usage of all mailboxes, exact, with outside changes taken in. CANNOT means that this storage
 * does not count. [blocks] */
SATCHEL_API gboolean satchel_store_usage (SatchelStore *store, SatchelUsage *ret_usage, GError **error);
/* Returns the usage of those messages in @uids that are there; NULL means of all messages. [blocks] */
SATCHEL_API gboolean satchel_mailbox_usage (SatchelMailbox *mailbox, const SatchelUidSet *uids,
                                            SatchelUsage *ret_usage, GError **error);

/* Blobs are data that modules keep with a user beside mail (scripts, lists, keys), by name, in a space that
 * has the name of the module.  Names are UTF-8 of at most SATCHEL_BLOB_NAME bytes without control characters;
 * spaces have the form of names of modules.  Errors of all calls: INVALID (name), CANNOT (this storage keeps
 * no blobs), CORRUPT, IO.  [blocks] */
#define SATCHEL_BLOB_NAME 255u
#define SATCHEL_BLOB_BYTES (1024u * 1024u)       /* of one blob */
#define SATCHEL_BLOBS_BYTES (8u * 1024u * 1024u) /* of all blobs of a user in one space */
#define SATCHEL_BLOBS_MAX 256u                   /* the number of blobs of a user in one space */
typedef struct SatchelBlob
{
  const char *name;
  GBytes *value; /* NULL: the blob is removed; if there is none, that is no error */
} SatchelBlob;
/* Returns the value of a blob; yours, a reference.  Errors: NONEXISTENT as well. */
SATCHEL_API GBytes *satchel_store_get_blob (SatchelStore *store, const char *space, const char *name,
                                            GError **error);
/* Returns the names, sorted by bytes; an empty list if there are none.  Yours (g_strfreev). */
SATCHEL_API char **satchel_store_list_blobs (SatchelStore *store, const char *space, GError **error);
/* Puts and removes @n blobs in order, all or none; durable on return.  LIMIT: one of the bounds above.
 * After IO either all changes were made or none. */
SATCHEL_API gboolean satchel_store_put_blobs (SatchelStore *store, const char *space,
                                              const SatchelBlob *changes, guint n, GError **error);

/* Opens a mailbox.  There is one handle for each mailbox and store handle, and all of them show the same.
 * Outside changes are taken in.  A mailbox without references is closed after limits.store_idle.  Errors:
 * INVALID, NONEXISTENT (also if it cannot be selected), CORRUPT, IO.  [blocks] */
SATCHEL_API SatchelMailbox *satchel_store_open_mailbox (SatchelStore *store, const char *name,
                                                        GError **error);
/* Returns the handle if the mailbox is open in memory and nothing changed outside (as far as a stat or two
 * can tell), else NULL: open it.  Yours, a reference. */
SATCHEL_API SatchelMailbox *satchel_store_peek_mailbox (SatchelStore *store, const char *name);
/* Finds the counters of a mailbox by shown flags, without opening it or touching messages; outside changes
 * are looked for.  [blocks] */
SATCHEL_API gboolean satchel_store_status (SatchelStore *store, const char *name,
                                           SatchelMailboxState *ret_state, GError **error);

SATCHEL_API SatchelMailbox *satchel_mailbox_ref (SatchelMailbox *mailbox);
SATCHEL_API void satchel_mailbox_unref (SatchelMailbox *mailbox);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelMailbox, satchel_mailbox_unref)
SATCHEL_API char *satchel_mailbox_name (SatchelMailbox *mailbox); /* yours; it can change by rename */
SATCHEL_API gboolean satchel_mailbox_is_deleted (SatchelMailbox *mailbox);
SATCHEL_API SatchelStore *satchel_mailbox_store (SatchelMailbox *mailbox); /* borrowed */
/* Returns satchel_store_rights of the mailbox under its present name. */
SATCHEL_API guint satchel_mailbox_rights (SatchelMailbox *mailbox);
/* Returns the flags (SATCHEL_FLAG_*) that a change of flags will keep, by rights, permanent flags and shown
 * flags; *ret_keeps_keywords: whether it will keep keywords. */
SATCHEL_API guint32 satchel_mailbox_permanent_flags (SatchelMailbox *mailbox, gboolean *ret_keeps_keywords);
/* NOPERM unless the access has all of @rights: for acts that only the protocol knows, such as SELECT
 * (READ). */
SATCHEL_API gboolean satchel_mailbox_check_rights (SatchelMailbox *mailbox, guint rights, GError **error);
/* Returns the newest snapshot, with the flags and keywords that the mailbox shows to the handle's access
 * (SatchelShownFlags); a reference of yours. */
SATCHEL_API SatchelSnapshot *satchel_mailbox_snapshot (SatchelMailbox *mailbox);
/* Returns the newest snapshot, with all internal dates: a Maildir that another program filled is opened
 * without them.  [blocks] if state.n_undated of the newest snapshot is not 0. */
SATCHEL_API SatchelSnapshot *satchel_mailbox_dated_snapshot (SatchelMailbox *mailbox, GError **error);
/* Looks for changes by other programs and takes them in; cheap when there are none.  [blocks] */
SATCHEL_API gboolean satchel_mailbox_sync (SatchelMailbox *mailbox, GError **error);
/* Gives the UIDs from *ret_first to @upto_uid (exclusive; at most uidnext) to the caller as \Recent: no
 * other caller gets them again, also after a restart, unless nothing could be written until then.  *ret_first
 * == @upto_uid: there are none.  [blocks] */
SATCHEL_API gboolean satchel_mailbox_claim_recent (SatchelMailbox *mailbox, guint32 upto_uid,
                                                   guint32 *ret_first, GError **error);
/* Calls @func in the main thread after changes, outside changes included; one call may stand for many
 * changes.  A watch is removed in the main thread. */
typedef void (*SatchelMailboxWatchFunc) (SatchelMailbox *mailbox, gpointer data);
typedef struct SatchelMailboxWatch SatchelMailboxWatch;
SATCHEL_API SatchelMailboxWatch *satchel_mailbox_watch (SatchelMailbox *mailbox, SatchelMailboxWatchFunc func,
                                                        gpointer data);
SATCHEL_API void satchel_mailbox_unwatch (SatchelMailboxWatch *watch);
/* Reserves the mailbox for one POP3 session (RFC 1939 8); IMAP sessions are not kept out. FALSE means that
 * another session has it. */
SATCHEL_API gboolean satchel_mailbox_try_lock (SatchelMailbox *mailbox, gconstpointer owner);
SATCHEL_API void satchel_mailbox_unlock (SatchelMailbox *mailbox, gconstpointer owner);

/* Returns the content of a message as clients see it: every line ends in CRLF if it was delivered so.
 * Errors: GONE, LOCKED, IO.  Yours.  [blocks] */
SATCHEL_API SatchelStream *satchel_mailbox_open_message (SatchelMailbox *mailbox, guint32 uid,
                                                         GError **error);
/* Does the same if the message is short and in memory already, so that reading it will not block either; else
 * NULL: open it. */
SATCHEL_API SatchelStream *satchel_mailbox_peek_message (SatchelMailbox *mailbox, guint32 uid);
/* Finds the attributes (message.h) of @n messages; they are computed and stored where they are missing.
 * @ret: n places; each gets a reference, or NULL if the message is gone or cannot be read.  FALSE: a message
 * that is there cannot be read; @error says why for the first one, and @ret has the others all the same.
 * @ret_codes: NULL, or n places, which say why @ret has no attributes: GONE, LOCKED (this access lacks the
 * key), or any other code for a message that is there and cannot be read.  [blocks] */
SATCHEL_API gboolean satchel_mailbox_attributes (SatchelMailbox *mailbox, const guint32 *uids, guint n,
                                                 GBytes **ret, SatchelErrorCode *ret_codes, GError **error);
/* Finds keys (keys.h) of @n messages, in ascending order of UIDs.  @func is called for each message that is
 * there, in any order, with its index and its key, which is borrowed; it must not call storage.  @func NULL:
 * keys are only loaded for satchel_mailbox_peek_key.  Keys are kept in memory within bounds, so that asking
 * again costs nanoseconds; a key that was made with the secret of an access is only for accesses with the
 * same secret.  FALSE only if nothing at all could be read, for another reason than LOCKED and NOPERM.
 * @ret_codes: NULL, or n places: 0 if @func was called, else as above.  [blocks] */
typedef void (*SatchelKeyFunc) (guint index, const void *key, gsize len, gpointer data);
SATCHEL_API gboolean satchel_mailbox_keys (SatchelMailbox *mailbox, SatchelKeyKind kind, const guint32 *uids,
                                           guint n, SatchelKeyFunc func, gpointer data,
                                           SatchelErrorCode *ret_codes, GError **error);
/* Calls @func, with index 0, if the key is in memory.  FALSE means that it is not. */
SATCHEL_API gboolean satchel_mailbox_peek_key (SatchelMailbox *mailbox, SatchelKeyKind kind, guint32 uid,
                                               SatchelKeyFunc func, gpointer data);
/* Returns the email id of a message (RFC 8474), 16 bytes, which its copies by COPY and MOVE share.
 * [blocks] */
SATCHEL_API gboolean satchel_mailbox_email_id (SatchelMailbox *mailbox, guint32 uid, guint8 ret_id[16],
                                               GError **error);
/* POP3 unique ids (RFC 1939 7) that differ from those that the protocol makes of UID and UIDVALIDITY, e.g.
 * ids that clients have from the server that the mailbox was taken over from.  @ret: n places; each gets a
 * string of yours, 1 to 255 bytes of 0x21..0x7E, or NULL: the protocol makes the id.  [blocks] */
SATCHEL_API gboolean satchel_mailbox_unique_ids (SatchelMailbox *mailbox, const guint32 *uids, guint n,
                                                 char **ret, GError **error);
/* Returns the UIDs that changes after @modseq removed. *ret_is_complete FALSE means that @modseq is older
 * than the history, so that the answer must not be relied on. [blocks] */
SATCHEL_API gboolean satchel_mailbox_vanished (SatchelMailbox *mailbox, guint64 modseq,
                                               SatchelUidSet *ret_uids, gboolean *ret_is_complete,
                                               GError **error);

/* Appends, for export, all that is known of vanished UIDs to @tombstones (SatchelTombstone), ascending by
 * mod-sequence, from *ret_history_start on.  CANNOT: the driver does not know.  [blocks] */
SATCHEL_API gboolean satchel_mailbox_tombstones (SatchelMailbox *mailbox, GArray *tombstones,
                                                 guint64 *ret_history_start, GError **error);
/* Finds, for export, the metadata that layers keep with @n messages.  @func is called for each message and
 * key in order of @uids and of keys by bytes; its arguments are borrowed, and it must not call storage.
 * CANNOT: the driver does not know.  [blocks] */
typedef void (*SatchelMetadataFunc) (guint32 uid, const char *key, GBytes *value, gpointer data);
SATCHEL_API gboolean satchel_mailbox_list_metadata (SatchelMailbox *mailbox, const guint32 *uids, guint n,
                                                    SatchelMetadataFunc func, gpointer data, GError **error);

G_END_DECLS
