/* SPDX-License-Identifier: MIT
 * Implements names of files by UID: sorted entries that point into one arena. Removed entries stay, with a
 * mark, until a compaction.
 */
#include "config.h"

#include "index/name_table.h"

#include <string.h>

/* A table with less garbage than this is not worth a compaction. */
#define GARBAGE_BYTES_MIN 65536u

void
md_table_init (MdTable *table)
{
  *table =
      (MdTable) { .entries = g_array_new (FALSE, FALSE, sizeof (MdEntry)), .arena = g_byte_array_new () };
}

void
md_table_clear (MdTable *table)
{
  g_clear_pointer (&table->entries, g_array_unref);
  g_clear_pointer (&table->arena, g_byte_array_unref);
}

MdEntry *
md_table_find_even_dead (MdTable *table, guint32 uid)
{
  MdEntry *entries = (MdEntry *) (void *) table->entries->data;
  guint low = 0, high = table->entries->len;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (entries[middle].uid < uid)
        low = middle + 1;
      else
        high = middle;
    }
  return low < table->entries->len && entries[low].uid == uid ? &entries[low] : NULL;
}

MdEntry *
md_table_find (MdTable *table, guint32 uid)
{
  MdEntry *entry = md_table_find_even_dead (table, uid);
  return entry != NULL && (entry->bits & MD_ENTRY_DEAD) == 0 ? entry : NULL;
}

const char *
md_table_name (const MdTable *table, const MdEntry *entry)
{
  return (const char *) table->arena->data + entry->name;
}

static guint32
store_name (MdTable *table, const char *name, gsize len)
{
  guint32 at = table->arena->len;
  g_byte_array_append (table->arena, (const guint8 *) name, (guint) len);
  g_byte_array_append (table->arena, (const guint8 *) "", 1);
  return at;
}

MdEntry *
md_table_add (MdTable *table, guint32 uid, guint8 bits, const char *name, guint base_len)
{
  gsize len = strlen (name);
  MdEntry entry = { .uid = uid, .bits = bits, .base_len = (guint8) base_len, .name_len = (guint8) len };
  entry.name = store_name (table, name, len);
  g_array_append_val (table->entries, entry);
  return &g_array_index (table->entries, MdEntry, table->entries->len - 1);
}

void
md_table_rename (MdTable *table, MdEntry *entry, guint8 bits, const char *name, guint base_len)
{
  gsize len = strlen (name);
  table->garbage += entry->name_len + 1u;
  entry->name = store_name (table, name, len);
  entry->bits = bits;
  entry->base_len = (guint8) base_len;
  entry->name_len = (guint8) len;
}

void
md_table_compact (MdTable *table)
{
  gboolean many_dead = table->n_dead > 64 && table->n_dead > table->entries->len / 4;
  if (!many_dead && (table->garbage < GARBAGE_BYTES_MIN || table->garbage < table->arena->len / 2))
    return;
  MdTable fresh;
  md_table_init (&fresh);
  for (guint i = 0; i < table->entries->len; i++)
    {
      MdEntry entry = g_array_index (table->entries, MdEntry, i);
      if ((entry.bits & MD_ENTRY_DEAD) != 0)
        continue;
      entry.name = store_name (&fresh, md_table_name (table, &entry), entry.name_len);
      g_array_append_val (fresh.entries, entry);
    }
  md_table_clear (table);
  *table = fresh;
}
