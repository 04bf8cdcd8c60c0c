/* SPDX-License-Identifier: MIT
 * What a mailbox holds at one moment: immutable, ref-counted, shared by all sessions.  A list of
 * chunks of at most 4,096 messages with columns as plain arrays; a change copies the chunks it
 * touches, so unchanged chunks are pointer-equal between snapshots.  Any thread.
 */
#pragma once
#include <satchel/error.h>
#include <satchel/keywords.h>

G_BEGIN_DECLS

#define SATCHEL_CHUNK_MESSAGES 4096u
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
  guint64 highestmodseq;    /* >= 1 */
  guint32 first_recent_uid; /* UIDs from here on have been seen by no session */
  guint32 n_messages, n_unseen, n_deleted;
  guint64 size_bytes;    /* sum of known sizes */
  guint64 history_start; /* vanished UIDs are known for changes after this mod-sequence */
  guint32 n_undated;     /* of a snapshot: messages whose internal date is not known yet */
  guint32 n_unsized;     /* of a snapshot: messages whose size is not known yet, and not in size_bytes */
  SATCHEL_RESERVED (4);
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
  guint64 *keywords;     /* n * keyword_words; read by satchel_chunk_keywords and satchel_chunk_has_keyword */
  gint64 *internal_date; /* seconds since 1970, UTC; or SATCHEL_DATE_UNKNOWN */
  gint64 *save_date;     /* seconds; 0: unknown (RFC 8514) */
  guint64 *size;         /* RFC822.SIZE, bytes as sent to a client; or SATCHEL_SIZE_UNKNOWN */
  guint keyword_words;   /* words a message in `keywords`, as many as its messages need: 1 to
                            SATCHEL_KEYWORD_WORDS */
} SatchelChunk SATCHEL_MADE_BY_CORE;

/* The keywords of message @row: bit k is the snapshot's keyword k. */
static inline SatchelKeywordSet
satchel_chunk_keywords (const SatchelChunk *chunk, guint row)
{
  SatchelKeywordSet set = { { 0 } };
  for (guint i = 0; i < chunk->keyword_words; i++)
    set.words[i] = chunk->keywords[(gsize) row * chunk->keyword_words + i];
  return set;
}

static inline gboolean
satchel_chunk_has_keyword (const SatchelChunk *chunk, guint row, guint bit)
{
  return bit / 64 < chunk->keyword_words
         && (chunk->keywords[(gsize) row * chunk->keyword_words + bit / 64] >> bit % 64 & 1) != 0;
}

struct SatchelSnapshot
{
  gatomicrefcount refs;
  SatchelMailboxState state;
  guint n_chunks;
  SatchelChunk **chunks; /* none is empty */
  guint32 *first_index;  /* of each chunk: index of its first message, 0-based; sequence number = index + 1 */
  guint n_keywords;
  char **keywords; /* names as first given; NULL-ended */
} SATCHEL_MADE_BY_CORE;

SATCHEL_API SatchelSnapshot *satchel_snapshot_ref (SatchelSnapshot *snapshot);
SATCHEL_API void satchel_snapshot_unref (SatchelSnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelSnapshot, satchel_snapshot_unref)

/* A message by its 0-based index (< state.n_messages): chunk and row in it.  O(log chunks). */
SATCHEL_API const SatchelChunk *satchel_snapshot_at (const SatchelSnapshot *snapshot, guint32 index,
                                                     guint *ret_row);
/* Index of @uid, or of the first message with a greater UID (n_messages if none). TRUE if exact. */
SATCHEL_API gboolean satchel_snapshot_find (const SatchelSnapshot *snapshot, guint32 uid, guint32 *ret_index);
/* Bit of a keyword (compared without case, ASCII), or -1. */
SATCHEL_API int satchel_snapshot_keyword (const SatchelSnapshot *snapshot, const char *name);

/* A set of UIDs as ascending, disjoint, non-adjacent ranges.  Plain value, cheap to keep while idle; starts
 * zeroed, grown by these functions only (`ranges` has spare room), read freely. */
typedef struct SatchelRange
{
  guint32 first, last; /* inclusive */
} SatchelRange;
typedef struct SatchelUidSet
{
  SatchelRange *ranges;
  guint n_ranges;
} SatchelUidSet;
SATCHEL_API void satchel_uid_set_add (SatchelUidSet *set, guint32 first,
                                      guint32 last); /* appending in order is O(1) */
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
  SatchelUidSet vanished; /* in the old view, not in the new one */
  GArray *changed;        /* guint32 indexes in @after of messages in both whose modseq is above their old one
                             (compare_uids: above @modseq), ascending */
  guint32 first_new_index; /* messages in @after from here on were in no old view (UID >= old uidnext);
                              n_messages if none */
  SATCHEL_RESERVED (2);
} SatchelDifference;
SATCHEL_API void satchel_snapshot_compare (const SatchelSnapshot *before, const SatchelSnapshot *after,
                                           SatchelDifference *ret_difference);
/* The same from an idle session's memory: UIDs, the mod-sequence and UIDNEXT it knew. */
SATCHEL_API void satchel_snapshot_compare_uids (const SatchelUidSet *before, guint64 modseq, guint32 uidnext,
                                                const SatchelSnapshot *after,
                                                SatchelDifference *ret_difference);
SATCHEL_API void satchel_difference_clear (SatchelDifference *difference);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelDifference, satchel_difference_clear)

/* For drivers: a new snapshot from an old one (NULL: empty).  One thread. */
typedef struct SatchelSnapshotBuilder SatchelSnapshotBuilder;
typedef struct SatchelMessageRow
{
  guint32 uid, flags;
  guint64 modseq, size;
  gint64 internal_date, save_date;
  SatchelKeywordSet keywords;
  SATCHEL_RESERVED (2);
} SatchelMessageRow;
/* All of message @row. */
SATCHEL_API void satchel_chunk_get_row (const SatchelChunk *chunk, guint row, SatchelMessageRow *ret_row);
SATCHEL_API SatchelSnapshotBuilder *satchel_snapshot_builder_new (SatchelSnapshot *base);
/* @row->uid is above every UID so far (of base as well). */
SATCHEL_API void satchel_snapshot_builder_append (SatchelSnapshotBuilder *builder,
                                                  const SatchelMessageRow *row);
/* Any column but uid; @index counts the messages of base, then those appended, as if nothing was removed.
 * What was removed stays so. */
SATCHEL_API void satchel_snapshot_builder_get (SatchelSnapshotBuilder *builder, guint32 index,
                                               SatchelMessageRow *ret_row);
SATCHEL_API void satchel_snapshot_builder_set (SatchelSnapshotBuilder *builder, guint32 index,
                                               const SatchelMessageRow *row);
SATCHEL_API void satchel_snapshot_builder_remove (SatchelSnapshotBuilder *builder, guint32 index);
/* Bit of a keyword, added when new; where satchel_keywords_limit are there, in the place of one that no
 * message has.  -1: all are in use. */
SATCHEL_API int satchel_snapshot_builder_keyword (SatchelSnapshotBuilder *builder, const char *name);
/* For drivers that number keywords themselves: the names of bits 0 to @n - 1, at most SATCHEL_KEYWORDS_MAX
 * and all that messages have.  A bit gets another name only when no message has it.  Copied. */
SATCHEL_API void satchel_snapshot_builder_set_keywords (SatchelSnapshotBuilder *builder, char *const *names,
                                                        guint n);
/* How many keywords messages of a mailbox may have, at most SATCHEL_KEYWORDS_MAX: setting limits.keywords.
 * Mailboxes that have more keep them. */
SATCHEL_API guint satchel_keywords_limit (void);
/* Bits that any message has. */
SATCHEL_API SatchelKeywordSet satchel_snapshot_used_keywords (const SatchelSnapshot *snapshot);
/* Frees the builder.  Counters of @state (n_messages, n_unseen, n_deleted, n_undated, n_unsized, size_bytes)
 * are computed here, the rest is taken as given. */
SATCHEL_API SatchelSnapshot *satchel_snapshot_builder_finish (SatchelSnapshotBuilder *builder,
                                                              const SatchelMailboxState *state);
SATCHEL_API void satchel_snapshot_builder_free (SatchelSnapshotBuilder *builder); /* without a snapshot */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelSnapshotBuilder, satchel_snapshot_builder_free)

G_END_DECLS
