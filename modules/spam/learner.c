/* SPDX-License-Identifier: MIT
 * Learns a part of a queue: the messages are found, the scanner is asked about several at a time, and then
 * what came of it is stored in one step.  If the process ends in between, the scanner hears of them once
 * more, and says that it has learnt them before.
 */
#include "learner.h"

#include "alarm.h"
#include "breaker.h"
#include "known.h"
#include "names.h"
#include "mailboxes.h"
#include "queue.h"
#include "settings.h"
#include "teach.h"
#include "wish.h"

#include <satchel/attributes.h>
#include <satchel/counter.h>
#include <string.h>

#define PART 64u               /* messages of one step that the scanner is asked about */
#define PART_ITEMS 512u        /* all of one step, since those that have gone cost little */
#define AT_A_TIME 4u           /* questions to the scanner */
#define KEEP_S (7 * 24 * 3600) /* a message that could not be learnt for so long is given up */

SATCHEL_COUNTER (learnt, "satchel_spam_learnt_total", "Messages of queues that are dealt with", "verdict",
                 "result");

static SpamBreaker breaker;

typedef struct Lesson
{
  SpamItem item;
  gboolean has_key, is_asked;
  gboolean is_answered; /* by the scanner */
  SpamKey key;
  SpamCount outcome;  /* once it is decided */
  gboolean is_failed; /* the scanner could not be asked; it stays in the queue */
  SatchelMailbox *mailbox;
  GError *error;
} Lesson;

typedef struct Part
{
  SatchelStore *store;
  SpamSettings *settings;
  SpamQueue *queue;
  SpamKnown *known;
  SpamMailboxes *mailboxes;
  Lesson *lessons; /* PART_ITEMS */
  guint n;
} Part;

static void
part_clear (Part *part)
{
  for (guint i = 0; i < part->n; i++)
    g_clear_error (&part->lessons[i].error);
  g_free (part->lessons);
  g_clear_pointer (&part->mailboxes, spam_mailboxes_free);
  g_clear_pointer (&part->known, spam_known_free);
  g_clear_pointer (&part->queue, spam_queue_free);
  g_clear_pointer (&part->settings, spam_settings_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Part, part_clear)

/* Says whether the message has got the keyword that says the contrary meanwhile, so that this later word
 * counts.  One that it had before does not: a message that was marked as junk may be moved out of the spam
 * folder as it is. */
static gboolean
is_superseded (SatchelSnapshot *snapshot, guint32 index, const SpamItem *item)
{
  guint row;
  const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &row);
  int junk = satchel_snapshot_keyword (snapshot, "$Junk"),
      not_junk = satchel_snapshot_keyword (snapshot, "$NotJunk");
  gboolean has_junk = junk >= 0 && satchel_chunk_has_keyword (chunk, row, (guint) junk),
           has_not_junk = not_junk >= 0 && satchel_chunk_has_keyword (chunk, row, (guint) not_junk);
  return !item->had_contrary && spam_is_contrary (item->is_spam, has_junk, has_not_junk);
}

/* Finds the message of a lesson.  FALSE means that it has gone, or that it is not to be learnt any more. */
static gboolean
find_message (Part *part, Lesson *lesson)
{
  guint32 index;
  lesson->mailbox = spam_mailboxes_find (part->mailboxes, lesson->item.mailbox_id);
  g_autoptr (SatchelSnapshot) snapshot =
      lesson->mailbox != NULL ? satchel_mailbox_snapshot (lesson->mailbox) : NULL;
  if (snapshot == NULL || snapshot->state.uidvalidity != lesson->item.uidvalidity
      || !satchel_snapshot_find (snapshot, lesson->item.uid, &index)
      || is_superseded (snapshot, index, &lesson->item))
    return FALSE;
  GBytes *attributes = NULL;
  if (satchel_mailbox_attributes (lesson->mailbox, &lesson->item.uid, 1, &attributes, NULL, NULL)
      && attributes != NULL)
    lesson->has_key = spam_key_of (attributes, &lesson->key);
  g_clear_pointer (&attributes, g_bytes_unref);
  return TRUE;
}

static SpamKnownAs
verdict_of (const Lesson *lesson)
{
  return lesson->item.is_spam ? SPAM_KNOWN_SPAM : SPAM_KNOWN_HAM;
}

/* Says whether a message of this part before @n is the same one. */
static gboolean
is_in_part (const Part *part, guint n, const Lesson *lesson)
{
  for (guint i = 0; lesson->has_key && i < n; i++)
    if (part->lessons[i].is_asked && part->lessons[i].has_key
        && memcmp (&part->lessons[i].key, &lesson->key, sizeof lesson->key) == 0)
      return TRUE;
  return FALSE;
}

/* Prepares as many messages as may be asked about at the same time; one that comes again is left for the next
 * part. */
static gboolean
prepare (Part *part, GError **error)
{
  guint n_asked = 0;
  for (part->n = 0; part->n < PART_ITEMS && n_asked < PART; part->n++)
    {
      Lesson *lesson = &part->lessons[part->n];
      SpamKnownAs as = SPAM_KNOWN_NOT;
      *lesson = (Lesson) { .outcome = SPAM_COUNT_GONE };
      if (!spam_queue_item (part->queue, part->n, &lesson->item))
        break;
      if (!find_message (part, lesson))
        continue;
      if (is_in_part (part, part->n, lesson))
        break;
      if (lesson->has_key && !spam_known_find (part->known, part->store, &lesson->key, &as, error))
        return FALSE;
      lesson->is_asked = as != verdict_of (lesson);
      lesson->outcome = SPAM_COUNT_BEFORE;
      n_asked += lesson->is_asked;
    }
  return TRUE;
}

static void
fail_without_scanner (Lesson *lesson)
{
  lesson->is_failed = TRUE;
  satchel_error_set (&lesson->error, SATCHEL_ERROR_FAILED, "the scanner did not answer lately");
}

static void
ask (const Part *part, Lesson *lesson, GBytes *content)
{
  SpamLearnt result = SPAM_NOT_LEARNT;
  if (!spam_breaker_may_call (&breaker, g_get_monotonic_time ()))
    {
      fail_without_scanner (lesson);
      return;
    }
  lesson->is_failed = !spam_teach (part->settings, satchel_store_user (part->store), content,
                                   lesson->item.is_spam, &result, &lesson->error);
  lesson->outcome = result == SPAM_NOT_LEARNT      ? SPAM_COUNT_DECLINED
                    : result == SPAM_LEARNT_BEFORE ? SPAM_COUNT_BEFORE
                    : lesson->item.is_spam         ? SPAM_COUNT_SPAM
                                                   : SPAM_COUNT_HAM;
  lesson->is_answered = !lesson->is_failed;
  spam_breaker_note (&breaker, lesson->is_answered, g_get_monotonic_time ());
}

/* Runs in a thread of the part.  The breaker counts what the scanner did and lets one call try it again, so
 * that a message which cannot be read may neither count as a failure of the scanner nor take that call. */
static void
teach (gpointer data, gpointer user_data)
{
  Lesson *lesson = data;
  const Part *part = user_data;
  g_autoptr (GBytes) content = NULL;
  if (spam_breaker_is_open (&breaker, g_get_monotonic_time ()))
    {
      fail_without_scanner (lesson);
      return;
    }
  switch (spam_teach_read (part->settings, lesson->mailbox, lesson->item.uid, &content, &lesson->error))
    {
    case SPAM_READ:
      ask (part, lesson, content);
      break;
    case SPAM_READ_UNWANTED:
      lesson->outcome = SPAM_COUNT_DECLINED;
      break;
    case SPAM_READ_GONE:
      lesson->outcome = SPAM_COUNT_GONE;
      break;
    case SPAM_READ_FAILED:
      lesson->is_failed = TRUE;
      break;
    }
}

static void
teach_all (Part *part)
{
  GThreadPool *pool = g_thread_pool_new (teach, part, AT_A_TIME, FALSE, NULL);
  for (guint i = 0; i < part->n; i++)
    if (part->lessons[i].is_asked)
      g_thread_pool_push (pool, &part->lessons[i], NULL);
  g_thread_pool_free (pool, FALSE, TRUE);
}

static void
count (Part *part, const Lesson *lesson, gint64 now_s)
{
  spam_queue_count (part->queue, lesson->outcome, 1, now_s);
  satchel_counter_add (&learnt, 1, lesson->item.is_spam ? "spam" : "ham",
                       lesson->outcome <= SPAM_COUNT_HAM ? "learnt" : spam_count_names[lesson->outcome]);
}

/* Takes the part out of the queue, but for what could not be learnt, which goes to its end. */
static gboolean
store_part (Part *part, GError **error)
{
  const gint64 now_s = g_get_real_time () / G_USEC_PER_SEC;
  g_autoptr (GArray) changes = g_array_new (FALSE, FALSE, sizeof (SatchelBlob));
  spam_queue_remove_first (part->queue, part->n);
  for (guint i = 0; i < part->n; i++)
    {
      Lesson *lesson = &part->lessons[i];
      if (lesson->is_failed && lesson->item.queued_s + KEEP_S > now_s
          && spam_queue_add (part->queue, &lesson->item))
        continue;
      if (lesson->is_failed)
        lesson->outcome = SPAM_COUNT_FAILED;
      else if (lesson->is_asked && lesson->has_key && lesson->outcome != SPAM_COUNT_GONE)
        spam_known_set (part->known, &lesson->key, verdict_of (lesson));
      count (part, lesson, now_s);
    }
  spam_known_add_changes (part->known, changes);
  spam_queue_add_changes (part->queue, changes);
  return satchel_store_put_blobs (part->store, SPAM_SPACE, (const SatchelBlob *) changes->data, changes->len,
                                  error);
}

/* Returns the first failure, if nothing could be learnt. */
static const GError *
failure_of (const Part *part)
{
  const GError *failure = NULL;
  for (guint i = 0; i < part->n; i++)
    {
      const Lesson *lesson = &part->lessons[i];
      if (lesson->is_asked && !lesson->is_failed)
        return NULL;
      if (failure == NULL)
        failure = lesson->error;
    }
  return failure;
}

static void
note_answers (const Part *part)
{
  guint n_taken = 0, n_declined = 0;
  for (guint i = 0; i < part->n; i++)
    if (part->lessons[i].is_answered && part->lessons[i].outcome == SPAM_COUNT_DECLINED)
      n_declined++;
    else if (part->lessons[i].is_answered)
      n_taken++;
  spam_alarm_note_answers (n_taken, n_declined, part->settings->alarm_ms);
}

static SatchelMaintained
finish (Part *part, GError **error)
{
  const GError *failure = failure_of (part);
  note_answers (part);
  if (failure != NULL && !spam_queue_need (part->queue, G_MAXUINT, error))
    return SATCHEL_MAINTAIN_FAILED;
  guint n_left = spam_queue_n_items (part->queue);
  spam_alarm_note (failure, n_left, part->settings->alarm_ms);
  if (failure == NULL)
    return spam_queue_is_empty (part->queue) ? SATCHEL_MAINTAIN_DONE : SATCHEL_MAINTAIN_MORE;
  /* Another code would say something of the store. */
  satchel_error_set (error, SATCHEL_ERROR_FAILED, "%u messages wait to be learnt: %s", n_left,
                     failure->message);
  return SATCHEL_MAINTAIN_FAILED;
}

SatchelMaintained
spam_learner_work (SatchelStore *store, GError **error)
{
  g_auto (Part) part = { .store = store, .settings = spam_settings_current () };
  if (part.settings == NULL || !part.settings->learns)
    return SATCHEL_MAINTAIN_DONE;
  part.queue = spam_queue_load (store, error);
  if (part.queue == NULL)
    return SATCHEL_MAINTAIN_FAILED;
  if (spam_queue_is_empty (part.queue))
    return SATCHEL_MAINTAIN_DONE;
  if (!spam_queue_need (part.queue, PART_ITEMS, error))
    return SATCHEL_MAINTAIN_FAILED;
  part.lessons = g_new0 (Lesson, PART_ITEMS);
  part.known = spam_known_new ();
  part.mailboxes = spam_mailboxes_new (store);
  if (!prepare (&part, error))
    return SATCHEL_MAINTAIN_FAILED;
  teach_all (&part);
  return store_part (&part, error) ? finish (&part, error) : SATCHEL_MAINTAIN_FAILED;
}
