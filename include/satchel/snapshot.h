/* SPDX-License-Identifier: MIT
 * What a mailbox holds at one moment: immutable, ref-counted, shared by all sessions.  A list of
 * chunks of at most 4,096 messages with columns as plain arrays; a change copies the chunks it
 * touches, so unchanged chunks are pointer-equal between snapshots.  Any thread.
 */
#pragma once
#include <satchel/error.h>

G_BEGIN_DECLS

#define SATCHEL_CHUNK_MESSAGES 4096u
#define SATCHEL_KEYWORD_BYTES 128u /* a keyword; longer: LIMIT, they would bloat every snapshot and FLAGS response */
#define SATCHEL_KEYWORDS_MAX 64u /* in use by messages of a mailbox at one time; what no message has makes room */
#define SATCHEL_SIZE_UNKNOWN G_MAXUINT64
#define SATCHEL_DATE_UNKNOWN G_MININT64 /* until satchel_mailbox_dated_snapshot is asked */

/* System flags (RFC 3501 2.3.2).  \Recent is no column: see first_recent_uid. */
enum
{
  SATCHEL_FLAG_SEEN = 1 << 0,
  SATCHEL_FLAG_ANSWERED = 1 << 1,
  SATCHEL_FLAG_FLAGGED = 1 << 2,
  SATCHEL_FLAG_DELETED = 1 << 3,
  SATCHEL_FLAG_DRAFT = 1 << 4,
  SATCHEL_FLAGS_ALL = 0x1f,
  /* Private to the store, never shown as a flag: */
  SATCHEL_FLAG_UNPARSED = 1 << 7 /* its content crashed a parser twice; served as text/plain */
};

typedef struct SatchelMailboxState
{
  guint8 mailbox_id[16]; /* stable over rename; RFC 8474 */
  guint32 uidvalidity;   /* never 0 */
  guint32 uidnext;
  guint64 highestmodseq;   /* >= 1 */
  guint32 first_recent_uid; /* UIDs from here on have been seen by no session */
  guint32 n_messages, n_unseen, n_deleted;
  guint64 size_bytes;      /* sum of known sizes */
  guint64 history_start;   /* vanished UIDs are known for changes after this mod-sequence */
  guint32 n_undated;       /* of a snapshot: messages whose internal date is not known yet */
} SatchelMailboxState;

/* Columns, all of `n` entries, ascending by uid.  Read-only. */
typedef struct SatchelChunk
{
  gatomicrefcount refs;
  guint n;
  guint64 highest_modseq; /* of these messages: skip the chunk when nothing changed since */
  guint32 *uid;
  guint64 *modseq;
  guint32 *flags;        /* SATCHEL_FLAG_* */
  guint64 *keywords;     /* bit k: the snapshot's keyword k */
  gint64 *internal_date; /* seconds since 1970, UTC; or SATCHEL_DATE_UNKNOWN */
  gint64 *save_date;     /* seconds; 0: unknown (RFC 8514) */
  guint64 *size;         /* RFC822.SIZE, bytes as sent to a client; or SATCHEL_SIZE_UNKNOWN */
} SatchelChunk;

struct SatchelSnapshot
{
  gatomicrefcount refs;
  SatchelMailboxState state;
  guint n_chunks;
  SatchelChunk **chunks;    /* none is empty */
  guint32 *first_index;     /* of each chunk: index of its first message, 0-based; sequence number = index + 1 */
  guint n_keywords;
  char **keywords;          /* names as first given; NULL-ended */
};

SATCHEL_API SatchelSnapshot *satchel_snapshot_ref (SatchelSnapshot *snapshot);
SATCHEL_API void satchel_snapshot_unref (SatchelSnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelSnapshot, satchel_snapshot_unref)

/* A message by its 0-based index (< state.n_messages): chunk and row in it.  O(log chunks). */
SATCHEL_API const SatchelChunk *satchel_snapshot_at (const SatchelSnapshot *snapshot, guint32 index, guint *ret_row);
/* Index of @uid, or of the first message with a greater UID (n_messages if none). TRUE if exact. */
SATCHEL_API gboolean satchel_snapshot_find (const SatchelSnapshot *snapshot, guint32 uid, guint32 *ret_index);
/* Bit of a keyword (compared without case, ASCII), or -1. */
SATCHEL_API int satchel_snapshot_keyword (const SatchelSnapshot *snapshot, const char *name);

/* A set of UIDs as ascending, disjoint, non-adjacent ranges.  Plain value, cheap to keep while idle; starts zeroed,
 * grown by these functions only (`ranges` has spare room), read freely. */
typedef struct SatchelRange
{
  guint32 first, last; /* inclusive */
} SatchelRange;
typedef struct SatchelUidSet
{
  SatchelRange *ranges;
  guint n_ranges;
} SatchelUidSet;
SATCHEL_API void satchel_uid_set_add (SatchelUidSet *set, guint32 first, guint32 last); /* appending in order is O(1) */
SATCHEL_API gboolean satchel_uid_set_contains (const SatchelUidSet *set, guint32 uid);
SATCHEL_API guint64 satchel_uid_set_count (const SatchelUidSet *set);
SATCHEL_API void satchel_uid_set_clear (SatchelUidSet *set);
SATCHEL_API void satchel_uid_set_copy (const SatchelUidSet *source, SatchelUidSet *ret_copy);
/* "1:3,7": the form of RFC 3501 sequence-set.  Parse accepts no '*'; 3:1 is 1:3. */
SATCHEL_API void satchel_uid_set_format (const SatchelUidSet *set, GString *out);
SATCHEL_API gboolean satchel_uid_set_parse (const char *text, gsize len, SatchelUidSet *ret_set);
/* Adds all UIDs of the snapshot. */
SATCHEL_API void satchel_snapshot_uids (const SatchelSnapshot *snapshot, SatchelUidSet *set);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelUidSet, satchel_uid_set_clear)

/* What happened between a view and a newer snapshot of the same mailbox (equal UIDVALIDITY).
 * Pointer-equal chunks cost O(1). */
typedef struct SatchelDifference
{
  SatchelUidSet vanished;   /* in the old view, not in the new one */
  GArray *changed;          /* guint32 indexes in @after of messages in both whose modseq is above their old one
                               (compare_uids: above @modseq), ascending */
  guint32 first_new_index;  /* messages in @after from here on were in no old view (UID >= old uidnext);
                               n_messages if none */
} SatchelDifference;
SATCHEL_API void satchel_snapshot_compare (const SatchelSnapshot *before, const SatchelSnapshot *after,
                                           SatchelDifference *ret_difference);
/* The same from an idle session's memory: UIDs, the mod-sequence and UIDNEXT it knew. */
SATCHEL_API void satchel_snapshot_compare_uids (const SatchelUidSet *before, guint64 modseq, guint32 uidnext,
                                                const SatchelSnapshot *after, SatchelDifference *ret_difference);
SATCHEL_API void satchel_difference_clear (SatchelDifference *difference);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelDifference, satchel_difference_clear)

/* For drivers: a new snapshot from an old one (NULL: empty).  One thread. */
typedef struct SatchelSnapshotBuilder SatchelSnapshotBuilder;
typedef struct SatchelMessageRow
{
  guint32 uid, flags;
  guint64 modseq, keywords, size;
  gint64 internal_date, save_date;
} SatchelMessageRow;
SATCHEL_API SatchelSnapshotBuilder *satchel_snapshot_builder_new (SatchelSnapshot *base);
/* @row->uid is above every UID so far (of base as well). */
SATCHEL_API void satchel_snapshot_builder_append (SatchelSnapshotBuilder *builder, const SatchelMessageRow *row);
/* Any column but uid; @index counts the messages of base, then those appended, as if nothing was removed.  What was
 * removed stays so. */
SATCHEL_API void satchel_snapshot_builder_get (SatchelSnapshotBuilder *builder, guint32 index, SatchelMessageRow *ret_row);
SATCHEL_API void satchel_snapshot_builder_set (SatchelSnapshotBuilder *builder, guint32 index, const SatchelMessageRow *row);
SATCHEL_API void satchel_snapshot_builder_remove (SatchelSnapshotBuilder *builder, guint32 index);
/* Bit of a keyword, added when new; where 64 are there, in the place of one that no message has.  -1: all are in use. */
SATCHEL_API int satchel_snapshot_builder_keyword (SatchelSnapshotBuilder *builder, const char *name);
/* Another name for a bit that no message has. */
SATCHEL_API void satchel_snapshot_builder_rename_keyword (SatchelSnapshotBuilder *builder, guint bit, const char *name);
/* Bits that any message has. */
SATCHEL_API guint64 satchel_snapshot_used_keywords (const SatchelSnapshot *snapshot);
/* Frees the builder.  Counters of @state (n_messages, n_unseen, n_deleted, n_undated, size_bytes) are computed here, the
 * rest is taken as given. */
SATCHEL_API SatchelSnapshot *satchel_snapshot_builder_finish (SatchelSnapshotBuilder *builder,
                                                              const SatchelMailboxState *state);
SATCHEL_API void satchel_snapshot_builder_free (SatchelSnapshotBuilder *builder); /* without a snapshot */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelSnapshotBuilder, satchel_snapshot_builder_free)

G_END_DECLS
