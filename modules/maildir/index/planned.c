/* SPDX-License-Identifier: MIT
 * This file keeps what is known of messages that a transaction was about to add; see planned.h.
 */
#include "config.h"

#include "index/planned.h"
#include "mailbox/mailbox.h"

#include <satchel/hash.h>

static void
free_planned (gpointer data)
{
  MdPlanned *planned = data;
  g_clear_pointer (&planned->metadata, g_hash_table_unref);
  g_free (planned);
}

MdPlanned *
md_planned_add (MdMailbox *mb, const char *name, guint base_len, const SatchelMessageRow *row)
{
  if (mb->planned == NULL)
    mb->planned = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, free_planned);
  MdPlanned *planned = g_new (MdPlanned, 1);
  *planned = (MdPlanned) { .row = *row };
  g_hash_table_replace (mb->planned, g_strndup (name, base_len), planned);
  return planned;
}

void
md_planned_set_metadata (MdPlanned *planned, const char *key, GBytes *value)
{
  if (planned->metadata == NULL)
    planned->metadata =
        g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
  if (value != NULL)
    g_hash_table_replace (planned->metadata, g_strdup (key), g_bytes_ref (value));
  else
    g_hash_table_remove (planned->metadata, key);
}

MdPlanned *
md_planned_find (const MdMailbox *mb, const char *name, guint base_len)
{
  if (mb->planned == NULL)
    return NULL;
  g_autofree char *base = g_strndup (name, base_len);
  return g_hash_table_lookup (mb->planned, base);
}

void
md_planned_remove (MdMailbox *mb, const char *name, guint base_len)
{
  if (mb->planned == NULL)
    return;
  g_autofree char *base = g_strndup (name, base_len);
  g_hash_table_remove (mb->planned, base);
}

void
md_planned_clear (MdMailbox *mb)
{
  g_clear_pointer (&mb->planned, g_hash_table_unref);
}
