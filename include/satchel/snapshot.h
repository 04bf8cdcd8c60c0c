/* SPDX-License-Identifier: MIT
 * Snapshots: what a mailbox holds at one moment, immutable, ref-counted and shared by all sessions.  A
 * snapshot is a list of chunks of at most 4,096 messages with columns as plain arrays.  A change copies the
 * chunks that it touches, so unchanged chunks are pointer-equal between snapshots.  Any thread.
 */
#pragma once
#include <satchel/error.h>
#include <satchel/keywords.h>

G_BEGIN_DECLS

#define SATCHEL_CHUNK_MESSAGES 4096u
#define SATCHEL_SIZE_UNKNOWN G_MAXUINT64
/* the date is unknown until satchel_mailbox_dated_snapshot is called */
#define SATCHEL_DATE_UNKNOWN G_MININT64

/* Messages have these system flags (RFC 3501 2.3.2). \Recent is no column: see first_recent_uid. */
enum
{
  SATCHEL_FLAG_SEEN = 1 << 0,
  SATCHEL_FLAG_ANSWERED = 1 << 1,
  SATCHEL_FLAG_FLAGGED = 1 << 2,
  SATCHEL_FLAG_DELETED = 1 << 3,
  SATCHEL_FLAG_DRAFT = 1 << 4,
  SATCHEL_FLAGS_ALL = 0x1f,
  /* The store keeps this for itself, and never shows it as a flag. */
  SATCHEL_FLAG_UNPARSED = 1 << 7 /* its content crashed a parser twice; it is served as text/plain */
};

typedef struct SatchelMailboxState
{
  guint8 mailbox_id[16]; /* stable over rename; RFC 8474 */
  guint32 uidvalidity;   /* never 0 */
  guint32 uidnext;
  guint64 highestmodseq;    /* >= 1 */
  guint32 first_recent_uid; /* no session has seen the UIDs from here on */
  guint32 n_messages, n_unseen, n_deleted;
  guint64 size_bytes;    /* sum of known sizes */
  guint64 history_start; /* vanished UIDs are known for changes with a mod-sequence above this */
  guint32 n_undated;     /* in a snapshot: the messages whose internal date is not known yet */
  guint32 n_unsized; /* in a snapshot: the messages whose size is not known yet, and not part of size_bytes */
  SATCHEL_RESERVED (4);
} SatchelMailboxState;

/* A chunk has columns, all of `n` entries, ascending by uid. Read-only. */
typedef struct SatchelChunk
{
  gatomicrefcount refs;
  guint n;
  /* None of these messages has a higher mod-sequence; a reader skips the chunk if it has seen this one. */
  guint64 highest_modseq;
  guint32 *uid;
  guint64 *modseq;
  guint32 *flags;        /* SATCHEL_FLAG_* */
  guint64 *keywords;     /* n * keyword_words; read by satchel_chunk_keywords and satchel_chunk_has_keyword */
  gint64 *internal_date; /* seconds since 1970, UTC; or SATCHEL_DATE_UNKNOWN */
  gint64 *save_date;     /* seconds; 0: unknown (RFC 8514) */
  guint64 *size;         /* RFC822.SIZE, bytes as sent to a client; or SATCHEL_SIZE_UNKNOWN */
  /* Words for a message in `keywords`, as many as its messages need: 1 to SATCHEL_KEYWORD_WORDS. */
  guint keyword_words;
} SatchelChunk SATCHEL_MADE_BY_CORE;

/* Returns the keywords of message @row: bit k is the snapshot's keyword k. */
static inline SatchelKeywordSet
satchel_chunk_keywords (const SatchelChunk *chunk, guint row)
{
  SatchelKeywordSet set = { { 0 } };
  for (guint i = 0; i < chunk->keyword_words; i++)
    set.words[i] = chunk->keywords[(gsize) row * chunk->keyword_words + i];
  return set;
}

/* Says whether the keywords of message @row are those of @set. */
static inline gboolean
satchel_chunk_keywords_are (const SatchelChunk *chunk, guint row, const SatchelKeywordSet *set)
{
  for (guint i = 0; i < chunk->keyword_words; i++)
    if (set->words[i] != chunk->keywords[(gsize) row * chunk->keyword_words + i])
      return FALSE;
  return satchel_keyword_set_n_words (set) <= chunk->keyword_words;
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
  SatchelChunk **chunks; /* chunks, none of which is empty */
  guint32 *first_index;  /* of each chunk: index of its first message, 0-based; sequence number = index + 1 */
  guint n_keywords;
  char **keywords; /* names as first given; NULL-ended */
} SATCHEL_MADE_BY_CORE;

SATCHEL_API SatchelSnapshot *satchel_snapshot_ref (SatchelSnapshot *snapshot);
SATCHEL_API void satchel_snapshot_unref (SatchelSnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelSnapshot, satchel_snapshot_unref)

/* Returns the chunk, and the row in it, of a message by its 0-based index (< state.n_messages).  O(log
 * chunks). */
SATCHEL_API const SatchelChunk *satchel_snapshot_at (const SatchelSnapshot *snapshot, guint32 index,
                                                     guint *ret_row);
/* Finds the index of @uid, or of the first message with a greater UID (n_messages if there is none). TRUE
 * means that @uid is there. */
SATCHEL_API gboolean satchel_snapshot_find (const SatchelSnapshot *snapshot, guint32 uid, guint32 *ret_index);
/* Returns the bit of a keyword (compared without case in ASCII), or -1. */
SATCHEL_API int satchel_snapshot_keyword (const SatchelSnapshot *snapshot, const char *name);

/* A set of UIDs has ascending, disjoint, non-adjacent ranges: a plain value, cheap to keep while idle. It
 * starts zeroed, only these functions grow it (`ranges` has spare room), and anybody may read it. */
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
/* These write and read text such as "1:3,7", the form of a sequence-set (RFC 3501 9). Parsing accepts no '*';
 * 3:1 is 1:3. */
SATCHEL_API void satchel_uid_set_format (const SatchelUidSet *set, GString *out);
SATCHEL_API gboolean satchel_uid_set_parse (const char *text, gsize len, SatchelUidSet *ret_set);
/* Adds all UIDs of the snapshot. */
SATCHEL_API void satchel_snapshot_uids (const SatchelSnapshot *snapshot, SatchelUidSet *set);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelUidSet, satchel_uid_set_clear)

/* Says what changed between a view and a newer snapshot of the same mailbox (with equal UIDVALIDITY).
 * Pointer-equal chunks cost O(1). */
typedef struct SatchelDifference
{
  SatchelUidSet vanished; /* UIDs of the old view that the new one lacks */
  /* Guint32 indexes in @after of messages in both whose modseq is above their old one (compare_uids: above
   * @modseq), ascending. */
  GArray *changed;
  /* Messages in @after from here on are in no older view (their UID is at least the old uidnext); n_messages
   * if there are none. */
  guint32 first_new_index;
  SATCHEL_RESERVED (2);
} SatchelDifference;
SATCHEL_API void satchel_snapshot_compare (const SatchelSnapshot *before, const SatchelSnapshot *after,
                                           SatchelDifference *ret_difference);
/* Does the same, with the memory of an idle session as the view: UIDs, mod-sequence and UIDNEXT. */
SATCHEL_API void satchel_snapshot_compare_uids (const SatchelUidSet *before, guint64 modseq, guint32 uidnext,
                                                const SatchelSnapshot *after,
                                                SatchelDifference *ret_difference);
SATCHEL_API void satchel_difference_clear (SatchelDifference *difference);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelDifference, satchel_difference_clear)

/* Makes, for drivers, a new snapshot from an old one (NULL: from an empty one).  One thread. */
typedef struct SatchelSnapshotBuilder SatchelSnapshotBuilder;
typedef struct SatchelMessageRow
{
  guint32 uid, flags;
  guint64 modseq, size;
  gint64 internal_date, save_date;
  SatchelKeywordSet keywords;
  SATCHEL_RESERVED (2);
} SatchelMessageRow;
/* Copies all columns of the message in row @row. */
SATCHEL_API void satchel_chunk_get_row (const SatchelChunk *chunk, guint row, SatchelMessageRow *ret_row);
SATCHEL_API SatchelSnapshotBuilder *satchel_snapshot_builder_new (SatchelSnapshot *base);
/* Appends a message, whose UID must be above all others, those of the base included. */
SATCHEL_API void satchel_snapshot_builder_append (SatchelSnapshotBuilder *builder,
                                                  const SatchelMessageRow *row);
/* Appends @n copies of the messages from row @row on in @chunk, which another snapshot may have.  Their sizes
 * and internal dates are those of the originals, and so are their flags, but for @clear_flags, and with those
 * of
 * @like in addition.  UIDs begin with that of @like; mod-sequence, save date and keywords of each are those
 * of
 * @like. */
SATCHEL_API void satchel_snapshot_builder_append_copies (SatchelSnapshotBuilder *builder,
                                                         const SatchelChunk *chunk, guint row, guint n,
                                                         guint32 clear_flags, const SatchelMessageRow *like);
/* Reads and changes any column but uid.  @index counts the messages of the base, then those that were
 * appended, as if none had been removed.  What was removed stays removed. */
SATCHEL_API void satchel_snapshot_builder_get (SatchelSnapshotBuilder *builder, guint32 index,
                                               SatchelMessageRow *ret_row);
SATCHEL_API void satchel_snapshot_builder_set (SatchelSnapshotBuilder *builder, guint32 index,
                                               const SatchelMessageRow *row);
SATCHEL_API void satchel_snapshot_builder_remove (SatchelSnapshotBuilder *builder, guint32 index);
/* Returns the bit of a keyword, which is added if it is new; if there are satchel_keywords_limit keywords
 * already, it takes the place of one that no message has.  -1: all are in use. */
SATCHEL_API int satchel_snapshot_builder_keyword (SatchelSnapshotBuilder *builder, const char *name);
/* Sets, for drivers that number keywords themselves, the names of bits 0 to @n - 1 (at most
 * SATCHEL_KEYWORDS_MAX), among them all that messages have.  A bit may get another name only if no message
 * has it.  The names are copied. */
SATCHEL_API void satchel_snapshot_builder_set_keywords (SatchelSnapshotBuilder *builder, char *const *names,
                                                        guint n);
/* Returns the number of different keywords that messages of a mailbox may have (limits.keywords), at most
 * SATCHEL_KEYWORDS_MAX. Mailboxes that have more keep them. */
SATCHEL_API guint satchel_keywords_limit (void);
/* Returns the bits that at least one message has. */
SATCHEL_API SatchelKeywordSet satchel_snapshot_used_keywords (const SatchelSnapshot *snapshot);
/* Makes the snapshot and frees the builder.  The counters of @state (n_messages, n_unseen, n_deleted,
 * n_undated, n_unsized, size_bytes) are computed here; the rest is taken as it is. */
SATCHEL_API SatchelSnapshot *satchel_snapshot_builder_finish (SatchelSnapshotBuilder *builder,
                                                              const SatchelMailboxState *state);
SATCHEL_API void
satchel_snapshot_builder_free (SatchelSnapshotBuilder *builder); /* frees it without making a snapshot */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelSnapshotBuilder, satchel_snapshot_builder_free)

G_END_DECLS
