/* SPDX-License-Identifier: MIT
 * This file notes which drafts a client has just stored; see drafts.h.
 */
#include "drafts.h"

#include <satchel/hash.h>
#include <string.h>

#define NOTES_MAX 10000u                /* of a process; what goes beyond is kept like other mail */
#define REMOVED_AT_ONCE 16u             /* drafts; a client replaces one */
#define NOTE_S G_GINT64_CONSTANT (3600) /* the upper bound of the setting retention.drafts */

typedef struct Note
{
  guint8 mailbox_id[16];
  guint32 uid;
  gint64 time_us; /* CLOCK_MONOTONIC */
} Note;
#define KEY_BYTES (G_STRUCT_OFFSET (Note, uid) + sizeof (guint32))

static GMutex lock;
static GHashTable *notes; /* Note, of itself */

static guint
hash_note (gconstpointer note)
{
  return (guint) satchel_keyed_hash (note, KEY_BYTES);
}

static gboolean
is_same_note (gconstpointer one, gconstpointer other)
{
  return memcmp (one, other, KEY_BYTES) == 0;
}

static gboolean
is_old (gpointer key, gpointer value, gpointer data)
{
  return ((Note *) key)->time_us < *(gint64 *) data;
}

/* Notes a draft.  If there are NOTES_MAX notes, those that are too old are forgotten; if that makes no
 * room, the draft is not noted.  The caller holds the lock. */
static void
add_note (const guint8 *mailbox_id, guint32 uid)
{
  gint64 now_us = g_get_monotonic_time (), oldest_us = now_us - NOTE_S * G_USEC_PER_SEC;
  if (notes == NULL)
    notes = g_hash_table_new_full (hash_note, is_same_note, g_free, NULL);
  if (g_hash_table_size (notes) >= NOTES_MAX)
    g_hash_table_foreach_remove (notes, is_old, &oldest_us);
  if (g_hash_table_size (notes) >= NOTES_MAX)
    return;
  Note *note = g_new0 (Note, 1);
  memcpy (note->mailbox_id, mailbox_id, sizeof note->mailbox_id);
  note->uid = uid;
  note->time_us = now_us;
  g_hash_table_add (notes, note);
}

void
retention_drafts_changed (const SatchelMailboxEvent *event)
{
  const SatchelOperation *operation = event->operation;
  if (event->kind != SATCHEL_OPERATION_APPEND || event->access->cause != SATCHEL_CAUSE_SESSION
      || (operation->flags & SATCHEL_FLAG_DRAFT) == 0 || operation->ret_uids == NULL)
    return;
  g_autoptr (SatchelSnapshot) snapshot = satchel_storage_mailbox_snapshot (event->mailbox);
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);
  for (guint i = 0; i < operation->ret_uids->len; i++)
    add_note (snapshot->state.mailbox_id, g_array_index (operation->ret_uids, guint32, i));
}

static gboolean
is_noted (const guint8 *mailbox_id, guint32 uid, gint64 age_s)
{
  Note key = { .uid = uid };
  memcpy (key.mailbox_id, mailbox_id, sizeof key.mailbox_id);
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);
  const Note *note = notes != NULL ? g_hash_table_lookup (notes, &key) : NULL;
  return note != NULL && note->time_us + age_s * G_USEC_PER_SEC >= g_get_monotonic_time ();
}

static gboolean
are_noted (const SatchelOperation *operation, gint64 age_s)
{
  if (satchel_uid_set_count (&operation->uids) > REMOVED_AT_ONCE)
    return FALSE;
  g_autoptr (SatchelSnapshot) snapshot = satchel_storage_mailbox_snapshot (operation->mailbox);
  for (guint i = 0; i < operation->uids.n_ranges; i++)
    for (guint32 uid = operation->uids.ranges[i].first; uid <= operation->uids.ranges[i].last; uid++)
      if (!is_noted (snapshot->state.mailbox_id, uid, age_s))
        return FALSE;
  return TRUE;
}

static gboolean
is_for_drafts (SatchelStorage *storage, const SatchelAccess *access, const char *stored)
{
  g_autoptr (GPtrArray) infos = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_mailbox_info_free);
  if (!satchel_storage_list (storage, access, infos, NULL))
    return FALSE;
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if ((info->special_use & SATCHEL_USE_DRAFTS) != 0)
        return strcmp (info->name, stored) == 0;
    }
  return FALSE;
}

gboolean
retention_drafts_are_exempt (SatchelStorage *storage, const SatchelAccess *access,
                             const SatchelOperation *operation, const char *stored, gint64 age_s)
{
  return age_s > 0 && access->cause == SATCHEL_CAUSE_SESSION && are_noted (operation, age_s)
         && is_for_drafts (storage, access, stored);
}

void
retention_drafts_forget (void)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);
  g_clear_pointer (&notes, g_hash_table_unref);
}
