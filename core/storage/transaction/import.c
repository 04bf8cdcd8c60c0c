/* SPDX-License-Identifier: MIT
 * This file checks imports of mailboxes from another store, for every driver, and says what an export
 * reads.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

#include <string.h>

static gboolean
refuse_import (GError **error, const char *why)
{
  return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "the mailbox cannot be imported: %s", why);
}

static gboolean
check_tombstones (const SatchelMailboxImport *import, guint64 history_start, GError **error)
{
  guint64 before = history_start + 1;
  for (guint i = 0; i < import->n_tombstones; i++)
    {
      const SatchelTombstone *tombstone = &import->tombstones[i];
      if (tombstone->first == 0 || tombstone->first > tombstone->last || tombstone->last >= import->uidnext)
        return refuse_import (error, "it lists a UID as removed that no message ever had");
      if (tombstone->modseq < before || tombstone->modseq > import->highestmodseq)
        return refuse_import (error, "it lists a UID as removed outside of the history that it has");
      before = tombstone->modseq;
    }
  return TRUE;
}

/* Checks that the numbers of an import fit each other. */
static gboolean
check_import (const SatchelMailboxImport *import, GError **error)
{
  static const guint8 none[sizeof (import->mailbox_id)];
  if (import->size < offsetof (SatchelMailboxImport, n_tombstones) + sizeof (import->n_tombstones))
    return refuse_import (error, "the module that imports it gave too short a description");
  if (memcmp (import->mailbox_id, none, sizeof none) == 0 || import->uidvalidity == 0 || import->uidnext == 0)
    return refuse_import (error, "it has no mailbox id, UIDVALIDITY or UIDNEXT");
  if (import->uidnext == G_MAXUINT32)
    return refuse_import (error, "its UIDNEXT leaves no UID for new messages");
  if (import->highestmodseq == 0 || import->highestmodseq > SATCHEL_IMPORT_MODSEQ_MAX)
    return refuse_import (error, "its highest mod-sequence is 0, or leaves no room for higher ones");
  if (import->first_recent_uid > import->uidnext || import->history_start > import->highestmodseq)
    return refuse_import (
        error, "its recent UID or its history lies beyond its UIDNEXT or its highest mod-sequence");
  return check_tombstones (import, import->history_start != 0 ? import->history_start : import->highestmodseq,
                           error);
}

gboolean
satchel_mailbox_import_fits (const SatchelMailboxImport *import, const SatchelSnapshot *current,
                             gboolean *ret_is_same, GError **error)
{
  const SatchelMailboxState *state = &current->state;
  gboolean has_id = memcmp (state->mailbox_id, import->mailbox_id, sizeof (import->mailbox_id)) == 0;
  gboolean is_same = has_id && state->uidvalidity == import->uidvalidity;
  if (!is_same && state->n_messages > 0)
    return refuse_import (error, "there is another mailbox of that name, and it has messages");
  /* With the same UIDVALIDITY and a lower UIDNEXT, clients would take new messages for those that they know.
   * */
  if (state->uidvalidity == import->uidvalidity && import->uidnext < state->uidnext)
    return refuse_import (error, "UIDNEXT of the mailbox would become lower");
  if (is_same && state->n_messages > 0 && import->highestmodseq < state->highestmodseq)
    return refuse_import (error, "the highest mod-sequence of the mailbox would become lower");
  for (guint i = 0; i < import->n_tombstones; i++)
    {
      guint32 index;
      guint row;
      satchel_snapshot_find (current, import->tombstones[i].first, &index);
      if (index < state->n_messages
          && satchel_snapshot_at (current, index, &row)->uid[row] <= import->tombstones[i].last)
        return refuse_import (error, "a message that it lists as removed is there");
    }
  *ret_is_same = is_same;
  return TRUE;
}

/* Checks a new name of an import, which needs room, and the right to make it. */
static gboolean
check_import_name (SatchelStore *store, const char *name, GError **error)
{
  g_autoptr (GPtrArray) infos = satchel_store_list_all (store, error);
  if (infos == NULL)
    return FALSE;
  const SatchelMailboxInfo *info = satchel_list_find (infos, name);
  if (info != NULL && info->is_selectable)
    return satchel_rights_check (store, name, SATCHEL_ACT_IMPORT, error);
  return satchel_rights_check_create (store, infos, name, error)
         && ((info != NULL && info->exists) || satchel_store_check_room (store, infos, error));
}

gboolean
satchel_store_import_mailbox (SatchelStore *store, const char *name, const SatchelMailboxImport *import,
                              GError **error)
{
  if (!satchel_store_check_name (name, error) || !check_import (import, error))
    return FALSE;
  satchel_store_begin_write (store->core);
  gboolean ok = check_import_name (store, name, error)
                && satchel_storage_import_mailbox (SATCHEL_STACK (store), name, import, error);
  if (ok)
    satchel_changes_record_import (store->core, store->access, name);
  satchel_store_end_write (store->core);
  return ok;
}

gboolean
satchel_mailbox_tombstones (SatchelMailbox *mailbox, GArray *tombstones, guint64 *ret_history_start,
                            GError **error)
{
  guint64 history_start = 0;
  if (!satchel_rights_check_mailbox (mailbox, SATCHEL_ACT_READ, error)
      || !satchel_storage_tombstones (SATCHEL_STACK (mailbox->store), &mailbox->core->handle, tombstones,
                                      &history_start, error))
    return FALSE;
  *ret_history_start = history_start;
  return TRUE;
}

gboolean
satchel_mailbox_list_metadata (SatchelMailbox *mailbox, const guint32 *uids, guint n,
                               SatchelMetadataFunc func, gpointer data, GError **error)
{
  return satchel_rights_check_mailbox (mailbox, SATCHEL_ACT_READ, error)
         && satchel_storage_list_metadata (SATCHEL_STACK (mailbox->store), &mailbox->core->handle, uids, n,
                                           func, data, error);
}
