/* SPDX-License-Identifier: MIT
 * Implements the metadata of groups; see group.h.
 */
#include "config.h"

#include "message/group.h"

#include <string.h>

#define HEAD (BDB_KEY_HEAD + 8) /* in front of the name of a key */

/* ---- lists ---- */

static void
free_item (gpointer data)
{
  SatchelMetadata *item = data;
  g_free (item->key);
  g_bytes_unref (item->value);
  g_free (item);
}

GPtrArray *
bdb_metadata_list_new (void)
{
  return g_ptr_array_new_with_free_func (free_item);
}

void
bdb_metadata_list_add (GPtrArray *items, const char *key, gsize key_len, gconstpointer value, gsize len)
{
  SatchelMetadata *item = g_new0 (SatchelMetadata, 1);
  item->key = g_strndup (key, key_len);
  item->value = g_bytes_new (value, len);
  g_ptr_array_add (items, item);
}

/* ---- groups ---- */

/* A key has the last UID, so that a search from a UID on finds its group. */
static void
make_key (BdbKey *key, const BdbStore *store, const BdbBox *box, guint32 last, const char *name)
{
  bdb_key_begin (key, store->user, BDB_KIND_GROUP);
  bdb_key_u32 (key, box->number);
  if (last > 0)
    bdb_key_u32 (key, last);
  if (name != NULL)
    bdb_key_bytes (key, name, strlen (name));
}

void
bdb_group_clear (BdbGroup *group)
{
  g_clear_pointer (&group->items, g_ptr_array_unref);
}

gboolean
bdb_group_save (const BdbStore *store, BdbWrite *write, const BdbBox *box, guint32 first, guint32 last,
                const GPtrArray *metadata, GError **error)
{
  const guint32 little = GUINT32_TO_LE (first);
  g_autoptr (GByteArray) record = g_byte_array_new ();
  for (guint i = 0; i < metadata->len; i++)
    {
      const SatchelMetadata *item = metadata->pdata[i];
      BdbKey key;
      if (item->value == NULL)
        continue;
      make_key (&key, store, box, last, item->key);
      g_byte_array_set_size (record, 0);
      g_byte_array_append (record, (const guint8 *) &little, sizeof little);
      g_byte_array_append (record, g_bytes_get_data (item->value, NULL),
                           (guint) g_bytes_get_size (item->value));
      if (!bdb_put (write, BDB_RECORDS, &key, record->data, record->len, error))
        return FALSE;
    }
  return TRUE;
}

/* Reads the UIDs of a group.  FALSE means that the record is malformed. */
static gboolean
read_range (const guint8 *key, guint key_len, const guint8 *value, guint value_len, BdbGroup *ret_group)
{
  guint32 little;
  if (key_len < HEAD || value_len < sizeof little)
    return FALSE;
  memcpy (&little, value, sizeof little);
  ret_group->first = GUINT32_FROM_LE (little);
  ret_group->last = bdb_key_read_u32 (key + HEAD - 4);
  return TRUE;
}

typedef struct Search
{
  guint32 uid;
  BdbGroup *group;
} Search;

static gboolean
take_item (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  const Search *search = data;
  BdbGroup found = { 0 }, *group = search->group;
  if (!read_range (key, key_len, value, value_len, &found) || found.first > search->uid
      || (group->items->len > 0 && found.last != group->last))
    return FALSE;
  group->first = found.first;
  group->last = found.last;
  bdb_metadata_list_add (group->items, (const char *) key + HEAD, key_len - HEAD, value + 4, value_len - 4);
  return TRUE;
}

gboolean
bdb_group_find (const BdbStore *store, BdbWrite *write, const BdbBox *box, guint32 uid, BdbGroup *ref_group,
                GError **error)
{
  BdbKey prefix, start;
  Search search = { uid, ref_group };
  if (ref_group->items != NULL && ref_group->first <= uid && uid <= ref_group->last)
    return TRUE;
  bdb_group_clear (ref_group);
  *ref_group = (BdbGroup) { 1, 0, bdb_metadata_list_new () };
  make_key (&prefix, store, box, 0, NULL);
  make_key (&start, store, box, uid, NULL);
  return bdb_scan (store->volume, write, BDB_RECORDS, &prefix, &start, take_item, &search, error);
}

/* ---- removal ---- */

typedef struct Trim
{
  BdbWrite *write;
  const SatchelSnapshot *snapshot;
  guint32 last; /* the last UID that is gone */
  GError *error;
} Trim;

static gboolean
has_messages (const SatchelSnapshot *snapshot, const BdbGroup *group)
{
  guint at;
  guint32 index;
  if (satchel_snapshot_find (snapshot, group->first, &index))
    return TRUE;
  return index < snapshot->state.n_messages
         && satchel_snapshot_at (snapshot, index, &at)->uid[at] <= group->last;
}

static gboolean
trim_item (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  Trim *trim = data;
  BdbGroup group = { 0 };
  BdbKey where = { 0 };
  if (!read_range (key, key_len, value, value_len, &group) || group.first > trim->last)
    return FALSE;
  bdb_key_bytes (&where, key, key_len);
  return has_messages (trim->snapshot, &group) || bdb_remove (trim->write, BDB_RECORDS, &where, &trim->error);
}

gboolean
bdb_groups_trim (const BdbStore *store, BdbWrite *write, const BdbBox *box, const SatchelUidSet *left,
                 const SatchelSnapshot *snapshot, GError **error)
{
  BdbKey prefix, start;
  Trim trim = { .write = write, .snapshot = snapshot, .last = left->ranges[left->n_ranges - 1].last };
  make_key (&prefix, store, box, 0, NULL);
  make_key (&start, store, box, left->ranges[0].first, NULL);
  if (!bdb_scan (store->volume, write, BDB_RECORDS, &prefix, &start, trim_item, &trim, error))
    {
      g_clear_error (&trim.error);
      return FALSE;
    }
  if (trim.error == NULL)
    return TRUE;
  g_propagate_error (error, trim.error);
  return FALSE;
}
