/* SPDX-License-Identifier: MIT
 * Removals become moves into the tree, in the same transaction, so that a message is always in one mailbox.
 * The copy in the tree has the flags and keywords that are stored, without \Deleted, and a record of its
 * removal.
 */
#include "removal.h"
#include "caps.h"
#include "clock.h"
#include "deletion.h"
#include "drafts.h"
#include "record.h"
#include "tree.h"

#include <satchel/counter.h>
#include <string.h>

SATCHEL_COUNTER (kept, "satchel_retention_kept_total", "Messages that were kept when they were removed",
                 "cause");

/* The name of what @stored is below the layer, as the layer shows it. */
static char *
shown_below (SatchelStorage *storage, const SatchelAccess *access, const char *stored)
{
  char *shown = satchel_storage_shown_name (storage, access, stored);
  return shown != NULL ? shown : g_strdup (stored);
}

/* Makes of @operation a move into the tree. @name: of its mailbox. */
static gboolean
keep (SatchelStorage *storage, const SatchelAccess *access, SatchelOperation *operation, const char *name,
      GError **error)
{
  gboolean has_name;
  operation->destination = retention_tree_hold (storage, access, name, &has_name, error);
  if (operation->destination == NULL)
    return FALSE;
  operation->kind = SATCHEL_OPERATION_MOVE;
  operation->modseq = 0; /* a MOVE cannot have it */
  operation->clear_flags = SATCHEL_FLAG_DELETED;
  g_autoptr (GBytes) record = retention_record_new (retention_clock_now (storage, access), access);
  g_autoptr (GBytes) long_name = has_name ? NULL : g_bytes_new (name, strlen (name));
  satchel_operation_set_metadata (operation, RETENTION_RECORD, record);
  if (!has_name)
    satchel_operation_set_metadata (operation, RETENTION_RECORD_MAILBOX, long_name);
  return TRUE;
}

/* What comes out of the tree has no record any more. */
static void
give_back (SatchelOperation *operation)
{
  satchel_operation_set_metadata (operation, RETENTION_RECORD, NULL);
  satchel_operation_set_metadata (operation, RETENTION_RECORD_MAILBOX, NULL);
}

static gboolean
plan_removal (SatchelStorage *storage, const SatchelAccess *access, const RetentionSettings *settings,
              SatchelOperation *operation, guint64 *ref_bytes, GError **error)
{
  SatchelUsage usage = { 0 };
  g_autofree char *stored = satchel_storage_mailbox_name (operation->mailbox);
  if (retention_is_kept (stored))
    return satchel_error_set (error, SATCHEL_ERROR_NOPERM, "what is kept is removed by its age only");
  if (operation->uids.n_ranges == 0
      || retention_drafts_are_exempt (storage, access, operation, stored,
                                      retention_settings_draft_s (settings)))
    return TRUE;
  if (!satchel_storage_usage (storage, access, operation->mailbox, &operation->uids, &usage, error))
    return FALSE;
  *ref_bytes += usage.bytes;
  g_autofree char *name = shown_below (storage, access, stored);
  return keep (storage, access, operation, name, error);
}

gboolean
retention_plan (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  guint64 bytes = 0;
  const SatchelAccess *access = satchel_transaction_access (transaction);
  g_autoptr (RetentionSettings) settings = retention_settings_current (error);
  if (settings == NULL)
    return FALSE;
  for (guint i = 0, n = satchel_transaction_n_operations (transaction); i < n; i++)
    {
      SatchelOperation *operation = satchel_transaction_operation (transaction, i);
      g_autofree char *stored = satchel_storage_mailbox_name (operation->mailbox);
      if (operation->kind == SATCHEL_OPERATION_MOVE && retention_is_kept (stored))
        give_back (operation);
      if (operation->kind == SATCHEL_OPERATION_EXPUNGE
          && !plan_removal (storage, access, settings, operation, &bytes, error))
        return FALSE;
    }
  return bytes == 0 || retention_caps_check (storage, access, bytes, error);
}

static void
note_change (SatchelStorage *storage, SatchelStorageMailbox *mailbox)
{
  Retention *self = storage->self;
  g_autofree char *stored = satchel_storage_mailbox_name (mailbox);
  if (retention_is_kept (stored))
    retention_books_changed (&self->books, stored);
}

/* A change that failed may be there all the same, now or later. */
static void
fail (Retention *self)
{
  retention_books_failed (&self->books);
  g_atomic_int_inc (&self->names_changed);
}

void
retention_committed (SatchelStorage *storage, SatchelTransaction *transaction, const GError *error)
{
  Retention *self = storage->self;
  const SatchelAccess *access = satchel_transaction_access (transaction);
  if (error != NULL)
    fail (self);
  for (guint i = 0, n = satchel_transaction_n_operations (transaction); i < n; i++)
    {
      const SatchelOperation *operation = satchel_transaction_operation (transaction, i);
      if (operation->kind != SATCHEL_OPERATION_MOVE)
        continue;
      note_change (storage, operation->mailbox);
      note_change (storage, operation->destination);
      if (error == NULL && operation->ret_uids != NULL
          && (operation->clear_flags & SATCHEL_FLAG_DELETED) != 0)
        satchel_counter_add (&kept, operation->ret_uids->len, satchel_cause_name (access->cause));
    }
}

/* ---- a mailbox ---- */

/* Moves all messages of a mailbox to the tree. */
static gboolean
keep_all (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
          const SatchelUidSet *uids, const char *name, GError **error)
{
  SatchelUsage usage = { 0 };
  g_autoptr (SatchelTransaction) transaction = satchel_storage_new_transaction (storage, access);
  if (!satchel_storage_usage (storage, access, mailbox, uids, &usage, error)
      || !retention_caps_check (storage, access, usage.bytes, error))
    return FALSE;
  SatchelOperation *operation =
      satchel_transaction_add (transaction, SATCHEL_OPERATION_EXPUNGE, mailbox, uids, NULL);
  gboolean ok = keep (storage, access, operation, name, error)
                && satchel_storage_commit_transaction (storage, transaction, error);
  if (!ok)
    fail (storage->self);
  else
    satchel_counter_add (&kept, (gint64) satchel_uid_set_count (uids), satchel_cause_name (access->cause));
  note_change (storage, operation->destination != NULL ? operation->destination : mailbox);
  return ok;
}

/* Removes the emptied mailbox; tried twice, since the first half of the deletion is made. The first error
 * counts: that the second try finds no mailbox does not make the removal durable. */
static gboolean
end_removal (SatchelStorage *storage, const SatchelAccess *access, const char *stored, GError **error)
{
  g_autoptr (GError) local = NULL;
  if (satchel_storage_remove (storage, access, stored, &local)
      || satchel_storage_remove (storage, access, stored, NULL))
    {
      retention_deletion_end (storage, access, stored);
      return TRUE;
    }
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

gboolean
retention_remove (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  g_autofree char *stored = retention_to_stored (storage, name, error);
  if (stored == NULL)
    return FALSE;
  retention_deletion_finish (storage, access);
  g_autoptr (SatchelStorageMailbox) mailbox = satchel_storage_hold_mailbox (storage, access, stored, &local);
  if (mailbox == NULL && !g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  g_clear_error (&local);
  g_autoptr (SatchelSnapshot) snapshot = mailbox != NULL ? satchel_storage_mailbox_snapshot (mailbox) : NULL;
  if (snapshot != NULL)
    satchel_snapshot_uids (snapshot, &uids);
  /* What is not there, or cannot be selected, has nothing to keep: the level below says what becomes of it.
   */
  if (uids.n_ranges == 0)
    return satchel_storage_remove (storage, access, stored, error);
  if (!retention_deletion_begin (storage, access, stored, snapshot, error))
    return FALSE;
  gboolean ok = keep_all (storage, access, mailbox, &uids, stored, &local);
  if (ok || satchel_error_is_of_machine (local)) /* which may have done it all the same */
    retention_deletion_tried (storage, stored);
  else
    retention_deletion_end (storage, access, stored);
  if (ok)
    return end_removal (storage, access, stored, error);
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}
