/* SPDX-License-Identifier: MIT
 * Changes to messages: built without locks, all or nothing, durable when commit returns.
 */
#pragma once
#include <satchel/access.h>
#include <satchel/snapshot.h>
#include <satchel/stream.h>

G_BEGIN_DECLS

/* Content on its way in, written to the store but in no mailbox yet. */
typedef struct SatchelStage SatchelStage;
/* May block (a file is made when content passes 64 KiB or at finish). @size_hint: bytes, 0: unknown. */
SATCHEL_API SatchelStage *satchel_stage_new (SatchelStore *store, guint64 size_hint, GError **error);
SATCHEL_API gboolean satchel_stage_write (SatchelStage *stage, const void *data, gsize len, GError **error);
/* Ends the content and computes its attributes. */
SATCHEL_API gboolean satchel_stage_finish (SatchelStage *stage, GError **error);
SATCHEL_API guint64 satchel_stage_size (const SatchelStage *stage);
SATCHEL_API GBytes *satchel_stage_attributes (const SatchelStage *stage); /* borrowed; after finish */
/* Unless a committed transaction took it, the content is thrown away. */
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

/* What an operation can have since there are these bits: a level says in SatchelStorageOps.fields which of it
 * it knows.  Where one is used that a driver, or a concerned layer with `plan` or `committed`, does not know,
 * the transaction is refused with CANNOT. */
enum
{
  SATCHEL_FIELD_ONLY_DELETED = 1 << 0, /* only_deleted of COPY and MOVE */
  SATCHEL_FIELD_COPY_FLAGS = 1 << 1,   /* flags, clear_flags, keywords and clear_keywords of COPY and MOVE */
  SATCHEL_FIELD_METADATA = 1 << 2,     /* metadata of APPEND, COPY and MOVE */
  SATCHEL_FIELD_IMPORT = 1 << 3,       /* uid, modseq, email_id and unique_id of APPEND */
  SATCHEL_FIELD_KEPT_FLAGS = 1 << 4,   /* kept_flags and keeps_keywords of FLAGS */
  SATCHEL_FIELDS_ALL = 0x1f            /* that this header knows */
};

#define SATCHEL_METADATA_BYTES 1024u /* a value; a key has 1 to 255 */
#define SATCHEL_UNIQUE_ID_BYTES 70u  /* RFC 1939 7 */
/* A mod-sequence that is imported is at most this, so that the store's own can go on from there. */
#define SATCHEL_IMPORT_MODSEQ_MAX (G_GUINT64_CONSTANT (1) << 62)

typedef struct SatchelMetadata
{
  char *key;
  GBytes *value; /* NULL: the key is taken away */
} SatchelMetadata SATCHEL_MADE_BY_CORE;

/* One operation; layers may read and change it in `plan`, drivers execute it and fill `ret_`.  A member that
 * its kind is not named for, and that is set all the same, has the transaction refused with CANNOT.
 *
 * A copy that COPY or MOVE makes keeps content, email id, size, internal date, flags and keywords (those that
 * fit) as they are in the commit, attributes and metadata.  It gets a new UID, the transaction's
 * mod-sequence, now as save date (RFC 8514), and a POP3 unique id of its own; then what the operation says
 * besides. */
typedef struct SatchelOperation
{
  SatchelOperationKind kind;
  SatchelStorageMailbox *mailbox;     /* APPEND: destination; others: source */
  SatchelStorageMailbox *destination; /* COPY, MOVE */
  SatchelUidSet uids;                 /* COPY MOVE FLAGS EXPUNGE; UIDs that are not there are skipped */
  /* APPEND, FLAGS; COPY, MOVE: those that each copy gets besides */
  guint32 flags;
  char **keywords; /* NULL-ended or NULL; owned (g_strdupv).  APPEND, COPY, MOVE: one that has no room is left
                      out */
  SatchelFlagsMode mode;
  guint64 unchanged_since; /* FLAGS: G_MAXUINT64: no condition (RFC 7162 3.1.3) */
  gboolean only_deleted;   /* EXPUNGE, COPY, MOVE: only those with \Deleted at commit time */
  /* APPEND */
  SatchelStage *stage;  /* owned */
  gint64 internal_date; /* seconds */
  gint64 save_date;     /* seconds; 0: now */
  /* Filled by commit. */
  guint32 ret_uidvalidity; /* of the destination */
  SatchelUidSet
      ret_source;   /* COPY, MOVE: those really copied; EXPUNGE: removed; FLAGS: changed or already so */
  GArray *ret_uids; /* guint32, APPEND COPY MOVE: the new UIDs in order of ret_source */
  SatchelUidSet ret_failed; /* FLAGS: modified since (RFC 7162 MODIFIED) */
  guint64 ret_modseq;       /* of what it changed; 0: nothing changed */
  /* FLAGS: what stays as it is whatever `flags`, `keywords` and `mode` say.  Set by the core, for want of
   * rights (rights.c). */
  guint32 kept_flags;
  gboolean keeps_keywords; /* all of them stay */
  /* COPY, MOVE: those that no copy has, unless `flags` has them.  The message itself is not changed. */
  guint32 clear_flags;
  /* APPEND, COPY, MOVE: written to each new message with it, durable with it; by
   * satchel_operation_set_metadata.  NULL: none. */
  GPtrArray *metadata; /* SatchelMetadata */
  /* APPEND: as they were in another store, so that clients notice nothing; each may be left out.  With
   * save_date, above.  What does not fit is CANNOT: a UID below UIDNEXT or that the driver cannot give, a
   * unique id that another message of the mailbox has, or that is none (RFC 1939 7), a mod-sequence above
   * SATCHEL_IMPORT_MODSEQ_MAX. */
  guint32 uid;    /* 0: the next; UIDNEXT is behind it then */
  guint64 modseq; /* 0: the transaction's.  The mailbox's highestmodseq is at least this then, and whatever
                     changes later has more */
  guint8 email_id[16];     /* all 0: a new one.  Others may have it too: copies */
  char *unique_id;         /* POP3's; NULL: what the protocol makes; owned */
  gboolean clear_keywords; /* COPY, MOVE: no copy has any, unless `keywords` has it */
} SatchelOperation SATCHEL_MADE_BY_CORE;

SATCHEL_API SatchelTransaction *satchel_transaction_new (SatchelStore *store);
/* Throws away what is not committed. */
SATCHEL_API void satchel_transaction_free (SatchelTransaction *transaction);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelTransaction, satchel_transaction_free)
/* Each returns the operation (owned by the transaction).  @stage is taken over, finished. Sets and
 * keywords are copied.  No I/O. */
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
/* Who does it: the access of the store handle it was made with.  Borrowed. */
SATCHEL_API const SatchelAccess *satchel_transaction_access (const SatchelTransaction *transaction);
/* For layers, in `plan`: another operation at the end, whose other members are the caller's to fill; @uids is
 * copied, or NULL;
 * @destination NULL where the kind has none. */
SATCHEL_API SatchelOperation *satchel_transaction_add (SatchelTransaction *transaction,
                                                       SatchelOperationKind kind,
                                                       SatchelStorageMailbox *mailbox,
                                                       const SatchelUidSet *uids,
                                                       SatchelStorageMailbox *destination);
/* Any thread, before the commit; for layers in `plan`.  @key and @value are kept until then; @value NULL
 * takes the key away from a copy.  A key set twice: the later counts.  Too long is LIMIT at commit. */
SATCHEL_API void satchel_operation_set_metadata (SatchelOperation *operation, const char *key, GBytes *value);
/* Checks preconditions, runs on the user's commit queue, merges with waiting commits into one sync.
 * Blocks; durable on TRUE; on FALSE nothing happened.  Once only.
 * Errors: NOPERM (rights), OVERQUOTA, LIMIT (keywords of a mailbox, metadata), INVALID (keyword that is no
 * atom), NONEXISTENT (mailbox gone), CANNOT (what does not fit; a kind or member of an operation that the
 * driver or a layer does not know), IO, CORRUPT. Results of an operation are valid until the transaction is
 * freed. */
SATCHEL_API gboolean satchel_transaction_commit (SatchelTransaction *transaction, GError **error);

G_END_DECLS
