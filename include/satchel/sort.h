/* SPDX-License-Identifier: MIT
 * Declares sorting and threading of messages (RFC 5256; THREAD=REFS of draft-ietf-morg-inthread): a sorter
 * for several keys, and conversations. Pure: callers bring the keys (store.h: satchel_mailbox_keys). The
 * time is n log n, without recursion, whatever headers say.
 */
#pragma once
#include <satchel/types.h>

G_BEGIN_DECLS

/* Sorts items 0 to n_items-1, each with @n_keys keys (at most 32), of which the first counts most; bit k of
 * @reversed: key k descends.  A key that was not set is below all others.  It takes 12 bytes for each key
 * and item, and the texts. */
typedef struct SatchelSorter SatchelSorter;
SATCHEL_API SatchelSorter *satchel_sorter_new (guint32 n_items, guint n_keys, guint32 reversed);
SATCHEL_API void satchel_sorter_free (SatchelSorter *sorter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelSorter, satchel_sorter_free)
/* Sets a key of an item, once, by one of these functions. */
SATCHEL_API void satchel_sorter_set_number (SatchelSorter *sorter, guint32 item, guint key, gint64 number);
/* Sets a text, which is compared by bytes; it has no NUL; at most 65,535 bytes count. */
SATCHEL_API void satchel_sorter_set_text (SatchelSorter *sorter, guint32 item, guint key, const void *text,
                                          gsize len);
/* Returns the items in order, equal ones by number.  Yours. */
SATCHEL_API guint32 *satchel_sorter_finish (SatchelSorter *sorter);

typedef enum
{
  SATCHEL_THREAD_ORDEREDSUBJECT = 0,
  SATCHEL_THREAD_REFERENCES,
  SATCHEL_THREAD_REFS /* REFERENCES without subjects; threads by their latest arrival */
} SatchelThreadAlgorithm;

/* Ids and subjects are hashes, equal where the texts are; they are keyed, so that no sender can make two
 * equal. */
typedef struct SatchelThreadMessage
{
  guint64 message_id;        /* 0: none */
  const guint64 *references; /* oldest first; those of RFC 5256 3 */
  guint n_references;
  gint64 sent, arrived; /* seconds */
  guint64 base_subject; /* 0: empty */
  gboolean is_reply;
} SatchelThreadMessage;

#define SATCHEL_THREAD_NONE G_MAXUINT32
/* Nodes below n_messages are messages in the order in which they were added; the others are dummies, at the
 * top only, with at least two children. */
typedef struct SatchelThreadNode
{
  guint32 parent, first_child, next; /* SATCHEL_THREAD_NONE: none */
} SatchelThreadNode;
typedef struct SatchelThreads
{
  guint32 n_messages, first; /* the first thread */
  SatchelThreadNode *nodes;
} SatchelThreads SATCHEL_MADE_BY_CORE;
SATCHEL_API void satchel_threads_free (SatchelThreads *threads);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelThreads, satchel_threads_free)

/* Takes some 100 bytes for each message, and 32 for each id that is only referred to; at most 4 of those
 * for each message (and 65,536) are followed. */
typedef struct SatchelThreader SatchelThreader;
SATCHEL_API SatchelThreader *satchel_threader_new (SatchelThreadAlgorithm algorithm, guint32 n_messages);
SATCHEL_API void satchel_threader_free (SatchelThreader *threader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelThreader, satchel_threader_free)
/* Adds a message, in the order of the mailbox, at most n_messages times. */
SATCHEL_API void satchel_threader_add (SatchelThreader *threader, const SatchelThreadMessage *message);
/* Ends it; called once.  Yours. */
SATCHEL_API SatchelThreads *satchel_threader_finish (SatchelThreader *threader);

G_END_DECLS
