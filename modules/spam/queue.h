/* SPDX-License-Identifier: MIT
 * The queue of messages that a user's scanner has still to learn, and how it went: kept in blobs beside the
 * mail, so that whatever ends the process, what was moved is learnt.  Bounded.  One thread; the caller stores
 * what changed in one step.
 */
#pragma once
#include <satchel/storage.h>

#define SPAM_SEGMENT_ITEMS 512u
#define SPAM_SEGMENTS_MAX 64u /* 32,768 messages */
#define SPAM_DAYS 8u          /* for which counts are kept: today, and a week before */

/* A message that is to be learnt. */
typedef struct SpamItem
{
  gboolean is_spam;
  gboolean had_contrary; /* the message had the keyword that says the contrary by then */
  guint8 mailbox_id[16];
  guint32 uidvalidity, uid;
  gint64 queued_s; /* seconds since 1970 */
} SpamItem;

typedef enum
{
  SPAM_COUNT_SPAM = 0, /* learnt as spam */
  SPAM_COUNT_HAM,      /* learnt as ham */
  SPAM_COUNT_BEFORE,   /* known as such before, or learnt before by the scanner's own word */
  SPAM_COUNT_DECLINED, /* the scanner did not want it */
  SPAM_COUNT_GONE,     /* the message had gone */
  SPAM_COUNT_FAILED,   /* given up, or no room in the queue */
  SPAM_N_COUNTS
} SpamCount;
extern const char *const spam_count_names[SPAM_N_COUNTS];

typedef struct SpamQueue SpamQueue;

/* Opens a user's queue, without its items; @store lives as long.  Yours; NULL with @error.  [blocks] */
SpamQueue *spam_queue_load (SatchelStore *store, GError **error);
void spam_queue_free (SpamQueue *queue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SpamQueue, spam_queue_free)

guint64 spam_queue_sequence (const SpamQueue *queue); /* of the last change that was taken in; 0: none */
void spam_queue_set_sequence (SpamQueue *queue, guint64 sequence);
gboolean spam_queue_is_empty (const SpamQueue *queue);
/* Reads the first @n items or more of them, and the end, unless they have been read.  What follows is about
 * items that have.  A damaged part counts as empty, and the log says so.  [blocks] */
gboolean spam_queue_need (SpamQueue *queue, guint n, GError **error);
guint spam_queue_n_items (const SpamQueue *queue);
/* Returns the item @index; those that came first stand first.  FALSE: there is none. */
gboolean spam_queue_item (const SpamQueue *queue, guint index, SpamItem *ret_item);
/* Adds an item at the end.  FALSE means that the queue is full. */
gboolean spam_queue_add (SpamQueue *queue, const SpamItem *item);
/* Removes the first @n items. */
void spam_queue_remove_first (SpamQueue *queue, guint n);
/* Counts @n on the day of @now_s. */
void spam_queue_count (SpamQueue *queue, SpamCount what, guint n, gint64 now_s);
/* Returns the sum of the last @n_days days, today included. */
guint64 spam_queue_sum (const SpamQueue *queue, SpamCount what, guint n_days, gint64 now_s);
/* Adds the blobs that changed to @changes (SatchelBlob), whose names and values live as long as @queue. */
void spam_queue_add_changes (SpamQueue *queue, GArray *changes);
