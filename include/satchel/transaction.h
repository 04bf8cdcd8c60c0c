/* SPDX-License-Identifier: MIT
 * Transactions: changes to messages that are built without locks, are made all or none, and are durable when
 * commit returns.
 */
#pragma once
#include <satchel/access.h>
#include <satchel/snapshot.h>
#include <satchel/stream.h>

G_BEGIN_DECLS

/* A stage is content that has been written to the store, but is in no mailbox yet. */
typedef struct SatchelStage SatchelStage;
/* Makes a stage for a message's content.  @size_hint is the size in bytes; 0: unknown.  [blocks] (a file is
 * made once the content passes 64 KiB, or by finish) */
SATCHEL_API SatchelStage *satchel_stage_new (SatchelStore *store, guint64 size_hint, GError **error);
SATCHEL_API gboolean satchel_stage_write (SatchelStage *stage, const void *data, gsize len, GError **error);
/* Sets the date that `satchel_transaction_append` will name, in seconds since 1970 (UTC), if it is not that
 * of the finish. It is called before finish: a driver whose files have times stores it with the content, for
 * other programs. */
SATCHEL_API void satchel_stage_set_internal_date (SatchelStage *stage, gint64 internal_date);
/* Returns, after finish, the date that was set; otherwise the time of the finish, or that of a spooled file.
 * Who has no other date for the message gives this one to `satchel_transaction_append`. */
SATCHEL_API gint64 satchel_stage_internal_date (const SatchelStage *stage);
/* Ends the content and computes its attributes. */
SATCHEL_API gboolean satchel_stage_finish (SatchelStage *stage, GError **error);
SATCHEL_API guint64 satchel_stage_size (const SatchelStage *stage);
SATCHEL_API GBytes *satchel_stage_attributes (const SatchelStage *stage); /* borrowed; after finish */
/* Frees the stage, and throws the content away unless a committed transaction took it. */
SATCHEL_API void satchel_stage_free (SatchelStage *stage);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelStage, satchel_stage_free)

typedef enum
{
  SATCHEL_OPERATION_APPEND = 1,
  SATCHEL_OPERATION_COPY,
  SATCHEL_OPERATION_FLAGS,
  SATCHEL_OPERATION_EXPUNGE,
  /* Composed by the core (COPY, then EXPUNGE of the source) for a layer that does not know it. */
  SATCHEL_OPERATION_MOVE
} SatchelOperationKind;

typedef enum
{
  SATCHEL_FLAGS_REPLACE = 1,
  SATCHEL_FLAGS_ADD,
  SATCHEL_FLAGS_REMOVE
} SatchelFlagsMode;

/* Operations got these members later than their kind. A level says in SatchelStorageOps.fields which of them
 * it knows. A transaction that uses one which the driver, or a concerned layer with `plan` or `committed`,
 * does not know is refused with CANNOT. */
enum
{
  SATCHEL_FIELD_ONLY_DELETED = 1 << 0, /* only_deleted of COPY and MOVE */
  SATCHEL_FIELD_COPY_FLAGS = 1 << 1,   /* flags, clear_flags, keywords and clear_keywords of COPY and MOVE */
  SATCHEL_FIELD_METADATA = 1 << 2,     /* metadata of APPEND, COPY and MOVE */
  SATCHEL_FIELD_IMPORT = 1 << 3,       /* uid, modseq, email_id and unique_id of APPEND */
  SATCHEL_FIELD_KEPT_FLAGS = 1 << 4,   /* kept_flags and keeps_keywords of FLAGS */
  /* Modseq of FLAGS and EXPUNGE; save_date SATCHEL_DATE_UNKNOWN of APPEND. */
  SATCHEL_FIELD_IMPORT_CHANGES = 1 << 5,
  SATCHEL_FIELDS_ALL = 0x3f /* all that this header has */
};

#define SATCHEL_METADATA_BYTES 1024u /* a value; a key has 1 to 255 */
#define SATCHEL_UNIQUE_ID_BYTES 70u  /* RFC 1939 7 */
/* A mod-sequence that is imported is at most this, so that the store's own can go on from there. */
#define SATCHEL_IMPORT_MODSEQ_MAX (G_GUINT64_CONSTANT (1) << 62)

typedef struct SatchelMetadata
{
  char *key;
  GBytes *value; /* NULL: the key is removed */
} SatchelMetadata SATCHEL_MADE_BY_CORE;

/* Layers may read and change an operation in `plan`; drivers execute it and fill the members ret_*. A
 * transaction in which a member is set that is not meant for the operation's kind is refused with CANNOT.
 *
 * A copy that COPY or MOVE makes keeps content, email id, size, internal date, flags and keywords (as far
 * as there is room for them) as they are at commit, attributes and metadata.  It gets a new UID, the
 * transaction's mod-sequence, the current time as save date (RFC 8514), and a POP3 unique id of its own;
 * then the changes that the operation asks for are made. */
typedef struct SatchelOperation
{
  SatchelOperationKind kind;
  SatchelStorageMailbox *mailbox;     /* APPEND: destination; others: source */
  SatchelStorageMailbox *destination; /* COPY, MOVE */
  SatchelUidSet uids;                 /* COPY MOVE FLAGS EXPUNGE; UIDs that no message has are skipped */
  /* APPEND, FLAGS: the flags. COPY, MOVE: flags that each copy gets in addition. */
  guint32 flags;
  /* NULL-ended or NULL; owned (g_strdupv). APPEND, COPY, MOVE: keywords that there is no room for are left
   * out. */
  char **keywords;
  SatchelFlagsMode mode;
  guint64 unchanged_since; /* FLAGS: G_MAXUINT64: no condition (RFC 7162 3.1.3) */
  gboolean only_deleted;   /* EXPUNGE, COPY, MOVE: only those with \Deleted at commit time */
  /* APPEND has these. */
  SatchelStage *stage;  /* owned */
  gint64 internal_date; /* seconds */
  /* Seconds; 0: now; SATCHEL_DATE_UNKNOWN: it is not known, as in the store that the message comes from. */
  gint64 save_date;
  /* Commit fills these results. */
  guint32 ret_uidvalidity; /* UIDVALIDITY of the destination */
  /* COPY, MOVE: those really copied. EXPUNGE: those removed. FLAGS: those changed or already so. */
  SatchelUidSet ret_source;
  GArray *ret_uids;         /* guint32, APPEND COPY MOVE: the new UIDs in order of ret_source */
  SatchelUidSet ret_failed; /* FLAGS: modified since (RFC 7162 MODIFIED) */
  guint64 ret_modseq;       /* mod-sequence of what the operation changed; 0: nothing changed */
  /* FLAGS: the flags that stay as they are, whatever `flags`, `keywords` and `mode` say.  The core sets
   * them if the user lacks the rights. */
  guint32 kept_flags;
  gboolean keeps_keywords; /* all keywords stay as they are */
  /* COPY, MOVE: flags that copies do not get, unless `flags` has them.  The message itself is not changed. */
  guint32 clear_flags;
  /* APPEND, COPY, MOVE: metadata that is written to each new message and becomes durable with it;
   * satchel_operation_set_metadata adds to it. NULL means none. */
  GPtrArray *metadata; /* SatchelMetadata */
  /* APPEND: numbers and ids that the message had in another store, so that clients notice nothing; each may
   * be left out (see save_date as well).  Values that do not fit are refused with CANNOT: a UID below
   * UIDNEXT, or one that the driver cannot give; a unique id that another message of the mailbox has, or an
   * invalid one (RFC 1939 7); a mod-sequence above SATCHEL_IMPORT_MODSEQ_MAX. */
  guint32 uid; /* 0: the next one; UIDNEXT is above it afterwards */
  /* 0: the transaction's.  The mailbox's highestmodseq is at least this afterwards, and later changes have
   * more.  FLAGS: each message that is there gets exactly this, whether its flags change or not.  EXPUNGE:
   * what vanished has this.  Whoever follows another store so sees to it that the numbers rise. */
  guint64 modseq;
  guint8 email_id[16];     /* all 0: a new one.  Copies may have the same id */
  char *unique_id;         /* unique id of POP3; NULL: the one that the protocol makes; owned */
  gboolean clear_keywords; /* COPY, MOVE: copies get no keywords, except those in `keywords` */
} SatchelOperation SATCHEL_MADE_BY_CORE;

SATCHEL_API SatchelTransaction *satchel_transaction_new (SatchelStore *store);
/* Frees the transaction; what is not committed is thrown away. */
SATCHEL_API void satchel_transaction_free (SatchelTransaction *transaction);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelTransaction, satchel_transaction_free)
/* Each adds an operation, which the transaction owns, and returns it. @stage must be finished, and is taken
 * over. Sets and keywords are copied. There is no I/O. */
SATCHEL_API SatchelOperation *satchel_transaction_append (SatchelTransaction *transaction,
                                                          SatchelMailbox *mailbox, SatchelStage *stage,
                                                          guint32 flags, const char *const *keywords,
                                                          gint64 internal_date);
SATCHEL_API SatchelOperation *satchel_transaction_copy (SatchelTransaction *transaction,
                                                        SatchelMailbox *mailbox, const SatchelUidSet *uids,
                                                        SatchelMailbox *destination);
SATCHEL_API SatchelOperation *satchel_transaction_move (SatchelTransaction *transaction,
                                                        SatchelMailbox *mailbox, const SatchelUidSet *uids,
                                                        SatchelMailbox *destination);
SATCHEL_API SatchelOperation *satchel_transaction_flags (SatchelTransaction *transaction,
                                                         SatchelMailbox *mailbox, const SatchelUidSet *uids,
                                                         SatchelFlagsMode mode, guint32 flags,
                                                         const char *const *keywords,
                                                         guint64 unchanged_since);
SATCHEL_API SatchelOperation *satchel_transaction_expunge (SatchelTransaction *transaction,
                                                           SatchelMailbox *mailbox, const SatchelUidSet *uids,
                                                           gboolean only_deleted);
SATCHEL_API guint satchel_transaction_n_operations (const SatchelTransaction *transaction);
SATCHEL_API SatchelOperation *satchel_transaction_operation (const SatchelTransaction *transaction,
                                                             guint index);
/* Returns the access that acts: that of the store handle with which the transaction was made.  Borrowed. */
SATCHEL_API const SatchelAccess *satchel_transaction_access (const SatchelTransaction *transaction);
/* Adds, for layers in `plan`, an operation at the end, whose other members the caller fills.  @uids is
 * copied, or NULL; @destination is NULL for kinds without one. */
SATCHEL_API SatchelOperation *satchel_transaction_add (SatchelTransaction *transaction,
                                                       SatchelOperationKind kind,
                                                       SatchelStorageMailbox *mailbox,
                                                       const SatchelUidSet *uids,
                                                       SatchelStorageMailbox *destination);
/* Sets metadata of the new message; before the commit, or by layers in `plan`.  The operation keeps copies.
 * @value NULL removes the key from a copy.  If a key is set twice, the later value counts.  A value that is
 * too long is LIMIT at commit.  [any thread] */
SATCHEL_API void satchel_operation_set_metadata (SatchelOperation *operation, const char *key, GBytes *value);
/* Checks preconditions, runs on the user's commit queue, and shares a sync with other commits that wait.
 * TRUE: everything is durable.  FALSE means that nothing was changed; after an error of the machine (IO,
 * NOSPACE, UNAVAILABLE, ...) all of it may have been, which the next look shows.  Called once only.  Errors:
 * NOPERM (rights), OVERQUOTA, LIMIT (keywords of a mailbox, metadata), INVALID (a keyword that is no atom),
 * NONEXISTENT (the mailbox is gone), CANNOT (what does not fit; a kind or member of an operation that the
 * driver or a layer does not know), IO, CORRUPT.  Results of operations are valid until the transaction is
 * freed.  [blocks] */
SATCHEL_API gboolean satchel_transaction_commit (SatchelTransaction *transaction, GError **error);

G_END_DECLS
