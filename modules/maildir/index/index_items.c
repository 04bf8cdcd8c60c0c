/* SPDX-License-Identifier: MIT
 * Implements items of the index as bytes (index_format.h).
 */
#include "config.h"

#include "index/index_format.h"
#include "index/index_items.h"

#include <string.h>

static void
append_bytes (GByteArray *out, const void *data, gsize len)
{
  g_byte_array_append (out, data, (guint) len);
}

static void
append_wide (GByteArray *out, char kind, const SatchelMessageRow *row)
{
  guint n = satchel_keyword_set_n_words (&row->keywords);
  if (n < 2)
    return;
  WideItem item = { row->uid, n - 1 };
  append_bytes (out, &kind, 1);
  append_bytes (out, &item, sizeof item);
  append_bytes (out, &row->keywords.words[1], item.n_words * sizeof (guint64));
}

static RowItem
make_row_item (const SatchelMessageRow *row)
{
  return (RowItem) { .uid = row->uid,
                     .flags = row->flags,
                     .modseq = row->modseq,
                     .keywords = row->keywords.words[0],
                     .size = row->size,
                     .internal_date = row->internal_date,
                     .save_date = row->save_date };
}

void
md_item_row (GByteArray *out, const SatchelMessageRow *row, const MdEntry *entry, const char *name)
{
  RowItem item = make_row_item (row);
  item.cache_off = entry->cache_off;
  item.cache_len = entry->cache_len;
  item.bits = entry->bits;
  item.base_len = entry->base_len;
  item.name_len = entry->name_len;
  append_bytes (out, "R", 1);
  append_bytes (out, &item, sizeof item);
  append_bytes (out, name, entry->name_len);
  append_wide (out, 'W', row);
}

void
md_item_flags (GByteArray *out, const SatchelMessageRow *row, const MdEntry *entry, const char *name)
{
  FlagsItem item = { .modseq = row->modseq,
                     .keywords = row->keywords.words[0],
                     .uid = row->uid,
                     .flags = row->flags,
                     .bits = entry->bits,
                     .end_len = entry->name_len - entry->base_len };
  append_bytes (out, "F", 1);
  append_bytes (out, &item, sizeof item);
  append_bytes (out, name + entry->base_len, item.end_len);
  append_wide (out, 'W', row);
}

void
md_item_tombstone (GByteArray *out, guint32 first, guint32 last, guint64 modseq)
{
  append_bytes (out, "X", 1);
  append_bytes (out, &first, 4);
  append_bytes (out, &last, 4);
  append_bytes (out, &modseq, 8);
}

void
md_item_keyword (GByteArray *out, const MdKeywords *keywords, guint bit)
{
  KeywordItem item = { (guint16) bit, keywords->letter[bit], (guint8) strlen (keywords->names[bit]) };
  append_bytes (out, "k", 1);
  append_bytes (out, &item, sizeof item);
  append_bytes (out, keywords->names[bit], item.name_len);
}

static void
append_metadata (GByteArray *out, char kind, guint32 uid, const char *key, GBytes *value)
{
  guint8 key_len = (guint8) strlen (key);
  gsize len = 0;
  gconstpointer data = value != NULL ? g_bytes_get_data (value, &len) : NULL;
  guint16 value_len = value != NULL ? (guint16) len : G_MAXUINT16;
  append_bytes (out, &kind, 1);
  append_bytes (out, &uid, 4);
  append_bytes (out, &key_len, 1);
  append_bytes (out, &value_len, 2);
  append_bytes (out, key, key_len);
  if (len > 0)
    append_bytes (out, data, len);
}

void
md_item_metadata (GByteArray *out, guint32 uid, const char *key, GBytes *value)
{
  append_metadata (out, 'M', uid, key, value);
}

void
md_item_planned (GByteArray *out, const SatchelMessageRow *row, const char *base, guint base_len,
                 GHashTable *metadata)
{
  RowItem item = make_row_item (row);
  item.base_len = item.name_len = (guint8) base_len;
  append_bytes (out, "P", 1);
  append_bytes (out, &item, sizeof item);
  append_bytes (out, base, base_len);
  append_wide (out, 'w', row);
  if (metadata == NULL)
    return;
  GHashTableIter iter;
  gpointer key, value;
  g_hash_table_iter_init (&iter, metadata);
  while (g_hash_table_iter_next (&iter, &key, &value))
    append_metadata (out, 'm', row->uid, key, value);
}
