/* SPDX-License-Identifier: MIT
 * This file opens a mailbox and its copy, which it makes if it is missing.
 */
#include "config.h"

#include "core/storage/convert/convert_private.h"

#include <string.h>

void
satchel_convert_close_pair (SatchelConvertPair *pair)
{
  g_clear_pointer (&pair->wanted, satchel_snapshot_unref);
  g_clear_pointer (&pair->present, satchel_snapshot_unref);
  g_clear_pointer (&pair->to, satchel_mailbox_unref);
  if (pair->from != NULL)
    satchel_storage_mailbox_unref (&pair->from->handle);
  pair->from = NULL;
}

static gboolean
take_wanted (SatchelConvertPair *pair, GError **error)
{
  SatchelConversion *conversion = pair->conversion;
  SatchelStorageMailbox *handle = &pair->from->handle;
  if (!satchel_mailbox_sync_core (pair->from, conversion->access, error))
    return FALSE;
  pair->wanted = satchel_storage_mailbox_snapshot (handle);
  if (pair->wanted->state.n_undated == 0)
    return TRUE;
  g_clear_pointer (&pair->wanted, satchel_snapshot_unref);
  if (!satchel_storage_fill_dates (conversion->source, conversion->access, handle, error))
    return FALSE;
  pair->wanted = satchel_storage_mailbox_snapshot (handle);
  return TRUE;
}

gboolean
satchel_convert_make_mailbox (SatchelConvertPair *pair, GError **error)
{
  SatchelMailboxImport import = {
    .size = sizeof import, .uidvalidity = pair->wanted->state.uidvalidity, .uidnext = 1, .highestmodseq = 1
  };
  memcpy (import.mailbox_id, pair->wanted->state.mailbox_id, sizeof import.mailbox_id);
  pair->conversion->counts.n_changes++;
  if (!satchel_store_import_mailbox (pair->conversion->to, pair->name, &import, error))
    return FALSE;
  return satchel_convert_open_copy (pair, error);
}

gboolean
satchel_convert_open_copy (SatchelConvertPair *pair, GError **error)
{
  g_clear_pointer (&pair->present, satchel_snapshot_unref);
  g_clear_pointer (&pair->to, satchel_mailbox_unref);
  pair->to = satchel_store_open_mailbox (pair->conversion->to, pair->name, error);
  if (pair->to != NULL)
    pair->present = satchel_mailbox_snapshot (pair->to);
  return pair->to != NULL;
}

gboolean
satchel_convert_open_pair (SatchelConversion *conversion, const char *name, SatchelConvertPair *pair,
                           GError **error)
{
  SatchelMailboxState state;
  *pair = (SatchelConvertPair) { .conversion = conversion, .name = name };
  pair->from = satchel_store_open_core (conversion->source, conversion->access, name, error);
  if (pair->from == NULL || !take_wanted (pair, error))
    return FALSE;
  gboolean is_there =
      satchel_store_status (conversion->to, name, &state, NULL)
      && memcmp (state.mailbox_id, pair->wanted->state.mailbox_id, sizeof state.mailbox_id) == 0
      && state.uidvalidity == pair->wanted->state.uidvalidity;
  return is_there ? satchel_convert_open_copy (pair, error) : satchel_convert_make_mailbox (pair, error);
}
