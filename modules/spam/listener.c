/* SPDX-License-Identifier: MIT
 * Hears changes.  What is to be learnt is in the queue, durably, before the listener's place in the log moves
 * on; a change that is told again is taken in once.
 */
#include "listener.h"

#include "known.h"
#include "learner.h"
#include "names.h"
#include "queue.h"
#include "settings.h"
#include "wish.h"

#include <satchel/attributes.h>
#include <satchel/counter.h>
#include <satchel/log.h>
#include <string.h>

#define RESYNC_MESSAGES 4096u /* of the spam folder, the newest, that are known when the module begins */

SATCHEL_COUNTER (queued, "satchel_spam_queued_total", "Messages that were queued to be learnt", "verdict");

/* A change is on its way into the queue. */
typedef struct Intake
{
  SatchelStore *store;
  const SatchelChange *change;
  SpamQueue *queue;
  SpamKnown *known;
  guint n_left; /* messages for which the queue had no room */
} Intake;

static const SatchelChangedMailbox *
place_of (const SatchelChange *change)
{
  return change->kind == SATCHEL_CHANGE_COPY || change->kind == SATCHEL_CHANGE_MOVE ? &change->destination
                                                                                    : &change->mailbox;
}

static guint32
uid_of (const SatchelChange *change, guint index)
{
  const SatchelChangedMessage *message = &change->messages[index];
  return place_of (change) == &change->destination ? message->new_uid : message->uid;
}

static gint64
now_s (void)
{
  return g_get_real_time () / G_USEC_PER_SEC;
}

static void
add_item (Intake *intake, guint index, gboolean is_spam)
{
  const SatchelChangedMailbox *place = place_of (intake->change);
  const char *const *keywords = intake->change->messages[index].keywords;
  SpamItem item = { .is_spam = is_spam,
                    .had_contrary = spam_is_contrary (is_spam, spam_has_keyword (keywords, "$Junk"),
                                                      spam_has_keyword (keywords, "$NotJunk")),
                    .uidvalidity = place->uidvalidity,
                    .uid = uid_of (intake->change, index),
                    .queued_s = now_s () };
  memcpy (item.mailbox_id, place->id, sizeof item.mailbox_id);
  if (spam_queue_add (intake->queue, &item))
    satchel_counter_add (&queued, 1, is_spam ? "spam" : "ham");
  else
    intake->n_left++;
}

/* Opens the mailbox of the change, if it is still there under its name. */
static SatchelMailbox *
open_place (SatchelStore *store, const SatchelChangedMailbox *place)
{
  g_autoptr (SatchelMailbox) mailbox = satchel_store_open_mailbox (store, place->name, NULL);
  g_autoptr (SatchelSnapshot) snapshot = mailbox != NULL ? satchel_mailbox_snapshot (mailbox) : NULL;
  if (snapshot == NULL || memcmp (snapshot->state.mailbox_id, place->id, sizeof place->id) != 0)
    return NULL;
  return g_steal_pointer (&mailbox);
}

/* Finds the key of a message.  FALSE means that it has none, or has gone. */
static gboolean
find_key (SatchelMailbox *mailbox, guint32 uid, SpamKey *ret_key)
{
  GBytes *attributes = NULL;
  gboolean ok = satchel_mailbox_attributes (mailbox, &uid, 1, &attributes, NULL, NULL) && attributes != NULL
                && spam_key_of (attributes, ret_key);
  g_clear_pointer (&attributes, g_bytes_unref);
  return ok;
}

/* Notes that a message is in the spam folder, unless more is known of it. */
static gboolean
note_filed (Intake *intake, const SpamKey *key, SpamKnownAs *ret_before, GError **error)
{
  if (!spam_known_find (intake->known, intake->store, key, ret_before, error))
    return FALSE;
  if (*ret_before == SPAM_KNOWN_NOT)
    spam_known_set (intake->known, key, SPAM_KNOWN_FILED);
  return TRUE;
}

/* Takes in a message.  What is known of it matters for one that a client uploads: it may be a copy of one
 * that was, or waits to be learnt, in the spam folder. */
static gboolean
take_message (Intake *intake, SatchelMailbox *mailbox, guint index, SpamWish wish, GError **error)
{
  SpamKey key;
  SpamKnownAs as = SPAM_KNOWN_NOT;
  gboolean has_key =
      wish != SPAM_WISH_HAM && mailbox != NULL && find_key (mailbox, uid_of (intake->change, index), &key);
  if (wish == SPAM_WISH_SPAM || wish == SPAM_WISH_HAM)
    add_item (intake, index, wish == SPAM_WISH_SPAM);
  if (!has_key)
    return TRUE;
  if (wish != SPAM_WISH_HAM_IF_KNOWN)
    return note_filed (intake, &key, &as, error);
  if (!spam_known_find (intake->known, intake->store, &key, &as, error))
    return FALSE;
  if (as == SPAM_KNOWN_FILED || as == SPAM_KNOWN_SPAM)
    add_item (intake, index, FALSE);
  return TRUE;
}

static gboolean
take_messages (Intake *intake, GError **error)
{
  const SatchelChange *change = intake->change;
  g_autoptr (SatchelMailbox) mailbox = open_place (intake->store, place_of (change));
  for (guint i = 0; i < change->n_messages; i++)
    {
      SpamWish wish = spam_wish_of (change, i);
      if (wish != SPAM_WISH_NONE && !take_message (intake, mailbox, i, wish, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
store_intake (Intake *intake, GError **error)
{
  g_autoptr (GArray) changes = g_array_new (FALSE, FALSE, sizeof (SatchelBlob));
  if (intake->n_left > 0)
    {
      satchel_log (SATCHEL_LOG_ERROR, "spam",
                   "user=%s the queue is full: %u messages are not learnt; see that the scanner answers",
                   satchel_store_user (intake->store), intake->n_left);
      spam_queue_count (intake->queue, SPAM_COUNT_FAILED, intake->n_left, now_s ());
    }
  spam_known_add_changes (intake->known, changes);
  spam_queue_add_changes (intake->queue, changes);
  return satchel_store_put_blobs (intake->store, SPAM_SPACE, (const SatchelBlob *) changes->data,
                                  changes->len, error);
}

static gboolean
concerns_us (const SatchelChange *change)
{
  for (guint i = 0; i < change->n_messages; i++)
    if (spam_wish_of (change, i) != SPAM_WISH_NONE)
      return TRUE;
  return FALSE;
}

/* Takes in what is in the spam folder already, so that a copy of it elsewhere is recognised. */
static gboolean
take_junk (Intake *intake, GError **error)
{
  g_autofree char *name = satchel_store_find_special_use (intake->store, SATCHEL_USE_JUNK, NULL);
  g_autoptr (SatchelMailbox) mailbox =
      name != NULL ? satchel_store_open_mailbox (intake->store, name, NULL) : NULL;
  g_autoptr (SatchelSnapshot) snapshot = mailbox != NULL ? satchel_mailbox_snapshot (mailbox) : NULL;
  guint32 n = snapshot != NULL ? snapshot->state.n_messages : 0;
  for (guint32 i = n > RESYNC_MESSAGES ? n - RESYNC_MESSAGES : 0; i < n; i++)
    {
      guint row;
      SpamKey key;
      SpamKnownAs as;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, i, &row);
      if (!find_key (mailbox, chunk->uid[row], &key))
        continue;
      if (!note_filed (intake, &key, &as, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
take_change (Intake *intake, GError **error)
{
  if (intake->change->kind == SATCHEL_CHANGE_RESYNC)
    {
      /* Later changes may have lower numbers than those before. */
      spam_queue_set_sequence (intake->queue, 0);
      return take_junk (intake, error) && store_intake (intake, error);
    }
  if (intake->change->sequence <= spam_queue_sequence (intake->queue))
    return TRUE; /* it was told before */
  spam_queue_set_sequence (intake->queue, intake->change->sequence);
  return take_messages (intake, error) && store_intake (intake, error);
}

static gboolean
heard (SatchelStore *store, const SatchelChange *change, GError **error)
{
  g_autoptr (SpamSettings) settings = spam_settings_current ();
  if (settings == NULL || !settings->learns
      || (change->kind != SATCHEL_CHANGE_RESYNC && !concerns_us (change)))
    return TRUE;
  g_autoptr (SpamQueue) queue = spam_queue_load (store, error);
  g_autoptr (SpamKnown) known = spam_known_new ();
  Intake intake = { .store = store, .change = change, .queue = queue, .known = known };
  return queue != NULL && spam_queue_need (queue, 0, error) && take_change (&intake, error);
}

const SatchelMailboxListenerOps spam_listener = {
  .size = sizeof spam_listener, .band = 500, .heard = heard, .work = spam_learner_work
};
