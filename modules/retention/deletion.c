/* SPDX-License-Identifier: MIT
 * This file notes the deletions of mailboxes that are under way; see deletion.h.
 */
#include "deletion.h"
#include "blob.h"

#include <satchel/log.h>
#include <string.h>

#define BLOB "deleting" /* a line for each mailbox: its id in hexadecimal digits, a tab, its name */

static void
deletion_free (gpointer data)
{
  g_free (((RetentionDeletion *) data)->stored);
  g_free (data);
}

/* Finds the deletion of mailbox @stored among those that are not done yet.  NULL means that there is none.
 * The caller holds the lock. */
static RetentionDeletion *
find (Retention *self, const char *stored, guint *ret_index)
{
  for (guint i = 0; self->undone != NULL && i < self->undone->len; i++)
    {
      RetentionDeletion *one = self->undone->pdata[i];
      *ret_index = i;
      if (strcmp (one->stored, stored) == 0)
        return one;
    }
  return NULL;
}

static gboolean
save (SatchelStorage *storage, const SatchelAccess *access, GError **error)
{
  Retention *self = storage->self;
  g_autoptr (GString) text = g_string_new (NULL);
  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->undone->len; i++)
    {
      const RetentionDeletion *one = self->undone->pdata[i];
      for (guint k = 0; k < sizeof one->mailbox_id; k++)
        g_string_append_printf (text, "%02x", one->mailbox_id[k]);
      g_string_append_printf (text, "\t%s\n", one->stored);
    }
  g_mutex_unlock (&self->lock);
  g_autoptr (GError) local = NULL;
  if (retention_blob_put (storage, access, BLOB, text->len > 0 ? text->str : NULL, &local)
      || g_error_matches (local, SATCHEL_ERROR,
                          SATCHEL_ERROR_CANNOT)) /* no blobs: nothing survives a crash */
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static void
add (Retention *self, const char *stored, const guint8 *mailbox_id)
{
  RetentionDeletion *one = g_new0 (RetentionDeletion, 1);
  one->stored = g_strdup (stored);
  memcpy (one->mailbox_id, mailbox_id, sizeof one->mailbox_id);
  g_mutex_lock (&self->lock);
  if (self->undone == NULL)
    self->undone = g_ptr_array_new_with_free_func (deletion_free);
  g_ptr_array_add (self->undone, one);
  g_mutex_unlock (&self->lock);
}

static void
forget (Retention *self, const char *stored)
{
  guint index;
  g_mutex_lock (&self->lock);
  if (find (self, stored, &index) != NULL)
    g_ptr_array_remove_index (self->undone, index);
  g_mutex_unlock (&self->lock);
}

gboolean
retention_deletion_begin (SatchelStorage *storage, const SatchelAccess *access, const char *stored,
                          const SatchelSnapshot *snapshot, GError **error)
{
  Retention *self = storage->self;
  add (self, stored, snapshot->state.mailbox_id);
  if (save (storage, access, error))
    return TRUE;
  forget (self, stored);
  return FALSE;
}

void
retention_deletion_tried (SatchelStorage *storage, const char *stored)
{
  guint index;
  Retention *self = storage->self;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  RetentionDeletion *one = find (self, stored, &index);
  if (one != NULL)
    one->is_tried = TRUE;
  g_atomic_int_inc (&self->names_changed);
}

void
retention_deletion_end (SatchelStorage *storage, const SatchelAccess *access, const char *stored)
{
  g_autoptr (GError) error = NULL;
  forget (storage->self, stored);
  /* What stays noted is a mailbox that is gone, or has messages, which the next process sees. */
  if (!save (storage, access, &error) && satchel_error_is_news (error))
    satchel_log (SATCHEL_LOG_WARNING, "retention", "user=%s the note of a deletion stays: %s",
                 storage->identity->user, error->message);
}

gboolean
retention_deletion_is_undone (SatchelStorage *storage, const SatchelAccess *access, const char *stored)
{
  guint index;
  guint8 id[16];
  Retention *self = storage->self;
  SatchelMailboxState state = { 0 };
  g_mutex_lock (&self->lock);
  const RetentionDeletion *one = find (self, stored, &index);
  gboolean is_tried = one != NULL && one->is_tried;
  if (is_tried)
    memcpy (id, one->mailbox_id, sizeof id);
  g_mutex_unlock (&self->lock);
  return is_tried && satchel_storage_status (storage, access, stored, &state, NULL) && state.n_messages == 0
         && memcmp (state.mailbox_id, id, sizeof id) == 0;
}

/* ---- after a crash or an error ---- */

static gboolean
read_id (const char *text, guint8 *ret_id)
{
  for (guint i = 0; i < 16; i++)
    {
      int high = g_ascii_xdigit_value (text[2 * i]);
      int low = high >= 0 ? g_ascii_xdigit_value (text[2 * i + 1]) : -1;
      if (low < 0)
        return FALSE;
      ret_id[i] = (guint8) (high << 4 | low);
    }
  return text[32] == '\t' && text[33] != '\0';
}

gboolean
retention_deletion_load (SatchelStorage *storage, const SatchelAccess *access, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autofree char *text = retention_blob_get (storage, access, BLOB, &local);
  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  g_auto (GStrv) lines = g_strsplit (text != NULL ? text : "", "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      guint8 id[16];
      if (!read_id (*line, id))
        continue;
      add (storage->self, *line + 33, id);
      retention_deletion_tried (storage, *line + 33);
    }
  retention_deletion_finish (storage, access);
  return TRUE;
}

/* Opens it, which also takes in what an error has left unknown. */
static gboolean
remove_if_empty (SatchelStorage *storage, const SatchelAccess *access, const RetentionDeletion *one,
                 GError **error)
{
  g_autoptr (SatchelStorageMailbox) mailbox =
      satchel_storage_hold_mailbox (storage, access, one->stored, error);
  if (mailbox == NULL)
    return FALSE;
  g_autoptr (SatchelSnapshot) snapshot = satchel_storage_mailbox_snapshot (mailbox);
  return memcmp (snapshot->state.mailbox_id, one->mailbox_id, sizeof one->mailbox_id) != 0
         || snapshot->state.n_messages > 0 || satchel_storage_remove (storage, access, one->stored, error);
}

typedef struct Finishing
{
  const SatchelAccess *access;
  const RetentionDeletion *deletion;
} Finishing;

/* In one turn, so that no message comes in between. */
static gboolean
finish_one (SatchelStorage *storage, gpointer data, GError **error)
{
  const Finishing *finishing = data;
  return remove_if_empty (storage, finishing->access, finishing->deletion, error);
}

static RetentionDeletion *
copy_first (Retention *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  for (guint i = 0; self->undone != NULL && i < self->undone->len; i++)
    {
      const RetentionDeletion *one = self->undone->pdata[i];
      if (!one->is_tried)
        continue;
      RetentionDeletion *copy = g_memdup2 (one, sizeof *one);
      copy->stored = g_strdup (one->stored);
      return copy;
    }
  return NULL;
}

void
retention_deletion_finish (SatchelStorage *storage, const SatchelAccess *access)
{
  RetentionDeletion *one;
  while ((one = copy_first (storage->self)) != NULL)
    {
      g_autoptr (GError) error = NULL;
      Finishing finishing = { access, one };
      gboolean ok = satchel_storage_run_in_turn (storage, finish_one, &finishing, &error)
                    || g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
      if (ok)
        retention_deletion_end (storage, access, one->stored);
      deletion_free (one);
      if (!ok)
        return;
    }
}
