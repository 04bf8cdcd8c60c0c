/* SPDX-License-Identifier: MIT
 * Implements a conversion as a whole, and its passes.
 */
#include "config.h"

#include "core/storage/convert/convert_private.h"
#include "core/storage/taken/taken.h"

#include <satchel/hash.h>

/* so many mailboxes of the copy stay open, since each takes descriptors */
#define OPEN_MAX 256u

SatchelConversion *
satchel_conversion_new (SatchelStore *from, SatchelStore *to, gboolean is_bare, guint64 bytes_per_s,
                        SatchelConvertStepFunc step, gpointer data)
{
  SatchelStoreCore *core = from->core;
  SatchelConversion *conversion = g_new0 (SatchelConversion, 1);
  conversion->from = satchel_store_ref (from);
  conversion->to = satchel_store_ref (to);
  /* Calls from the last layer go to the driver. */
  conversion->source = is_bare && core->n_levels > 1 ? &core->levels[core->n_levels - 2] : &core->client;
  conversion->access = core->background;
  conversion->is_bare = is_bare;
  conversion->bytes_per_s = bytes_per_s;
  conversion->step = step;
  conversion->data = data;
  conversion->done = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  conversion->anew = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  return conversion;
}

void
satchel_conversion_free (SatchelConversion *conversion)
{
  satchel_conversion_close_copy (conversion);
  g_hash_table_unref (conversion->done);
  g_hash_table_unref (conversion->anew);
  satchel_store_unref (conversion->from);
  g_free (conversion);
}

void
satchel_conversion_close_copy (SatchelConversion *conversion)
{
  g_clear_pointer (&conversion->to, satchel_store_unref);
}

const SatchelConvertCounts *
satchel_conversion_counts (const SatchelConversion *conversion)
{
  return &conversion->counts;
}

void
satchel_conversion_hold (SatchelConversion *conversion)
{
  satchel_store_begin_write (conversion->from->core);
  conversion->is_held = TRUE;
}

void
satchel_conversion_unhold (SatchelConversion *conversion)
{
  conversion->is_held = FALSE;
  satchel_store_end_write (conversion->from->core);
}

/* Counts the messages, for reports of progress. */
static gboolean
count_messages (SatchelConversion *conversion, const GPtrArray *infos, GError **error)
{
  conversion->counts = (SatchelConvertCounts) { .n_bytes = conversion->counts.n_bytes };
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      SatchelMailboxState state;
      if (!info->is_selectable)
        continue;
      if (!satchel_storage_status (conversion->source, conversion->access, info->name, &state, error))
        return FALSE;
      conversion->counts.n_messages += state.n_messages;
    }
  return TRUE;
}

gboolean
satchel_conversion_pass (SatchelConversion *conversion, guint64 *ret_n_changes, GError **error)
{
  g_autoptr (GPtrArray) infos = satchel_convert_list_source (conversion, error);
  if (infos == NULL || !count_messages (conversion, infos, error)
      || !satchel_convert_names (conversion, infos, error))
    return FALSE;
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (info->is_selectable && !satchel_convert_mailbox (conversion, info->name, error))
        return FALSE;
      if (satchel_store_n_handles (conversion->to) > OPEN_MAX)
        satchel_store_sweep (conversion->to, 0);
    }
  if (!satchel_convert_uses (conversion, infos, error) || !satchel_convert_blobs (conversion, FALSE, error))
    return FALSE;
  /* The record changes only with messages, so the last pass copies its final state. */
  if (!satchel_taken_copy (conversion->from, conversion->to, error))
    return FALSE;
  *ret_n_changes = conversion->counts.n_changes;
  return TRUE;
}
