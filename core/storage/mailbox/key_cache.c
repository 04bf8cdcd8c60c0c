/* SPDX-License-Identifier: MIT
 * Implements keys of messages (keys.h), kept with the mailbox: a column a kind, by UID, filled with what was
 * asked for (mailbox_keys.c). A UID's key never changes. Bounded for a column and for the process; what does
 * not fit is made again each time.
 */
#include "config.h"

#include <string.h>

#include "core/storage/mailbox/key_cache.h"

#define COLUMN_MAX (16u << 20)
/* most bytes of the process; beyond them the column that was not used for longest is dropped */
#define ALL_MAX (64u << 20)
#define ENTRY_BYTES (sizeof (guint32) + sizeof (guint32) + sizeof (guint16))

typedef struct Column
{
  guint64 used;     /* value of `clock` at the last use; 0: empty */
  GArray *uids;     /* guint32, ascending */
  GArray *offsets;  /* guint32, in data */
  GByteArray *data; /* u16 length, bytes */
  guint at;         /* index at which a search begins, behind the one that was found last */
} Column;

struct SatchelKeyCache
{
  guint key_id; /* key of the accesses that the cache is for; 0: those without a key, or all */
  GMutex lock;
  Column columns[SATCHEL_N_KEYS];
};

static GMutex all_lock; /* taken before a cache's own lock */
static GPtrArray *all;  /* SatchelKeyCache */
static gsize all_bytes, use_clock;

static gsize
column_bytes (const Column *column)
{
  return column->used != 0 ? column->data->len + column->uids->len * 2 * sizeof (guint32) : 0;
}

static void
column_clear (Column *column)
{
  g_atomic_pointer_add (&all_bytes, -(gssize) column_bytes (column));
  g_clear_pointer (&column->uids, g_array_unref);
  g_clear_pointer (&column->offsets, g_array_unref);
  g_clear_pointer (&column->data, g_byte_array_unref);
  column->used = column->at = 0;
}

static SatchelKeyCache *
cache_new (guint key_id)
{
  SatchelKeyCache *cache = g_new0 (SatchelKeyCache, 1);
  cache->key_id = key_id;
  g_mutex_init (&cache->lock);
  g_mutex_lock (&all_lock);
  if (all == NULL)
    all = g_ptr_array_new ();
  g_ptr_array_add (all, cache);
  g_mutex_unlock (&all_lock);
  return cache;
}

static void
cache_free (gpointer data)
{
  SatchelKeyCache *cache = data;
  if (cache == NULL)
    return;
  g_mutex_lock (&all_lock);
  g_ptr_array_remove_fast (all, cache);
  g_mutex_unlock (&all_lock);
  for (guint i = 0; i < SATCHEL_N_KEYS; i++)
    column_clear (&cache->columns[i]);
  g_mutex_clear (&cache->lock);
  g_free (cache);
}

/* Finds the cache of a mailbox for a key.  The caller holds the mailbox's lock. */
static SatchelKeyCache *
find_cache (const SatchelMailboxCore *core, guint key_id)
{
  for (guint i = 0; core->keys != NULL && i < core->keys->len; i++)
    {
      SatchelKeyCache *cache = core->keys->pdata[i];
      if (cache->key_id == key_id)
        return cache;
    }
  return NULL;
}

/* Returns the key for which the cache is.  Without layers, mail is the same for everybody; otherwise what one
 * key has opened is for that key. */
static guint
cache_id (const SatchelMailbox *mailbox)
{
  const SatchelStoreCore *store = mailbox->core->store;
  gboolean is_plain =
      SATCHEL_TOP (store, open_message)->below == NULL && SATCHEL_TOP (store, get_attributes)->below == NULL;
  return is_plain ? 0 : mailbox->store->key_id;
}

SatchelKeyCache *
satchel_key_cache_of (SatchelMailbox *mailbox)
{
  SatchelMailboxCore *core = mailbox->core;
  guint key_id = cache_id (mailbox);
  SatchelKeyCache *cache = key_id == 0 ? g_atomic_pointer_get (&core->keyless_keys) : NULL;
  if (cache != NULL)
    return cache;
  g_mutex_lock (&core->lock);
  cache = find_cache (core, key_id);
  g_mutex_unlock (&core->lock);
  if (cache != NULL)
    return cache;
  SatchelKeyCache *made = cache_new (key_id);
  g_mutex_lock (&core->lock);
  cache = find_cache (core, key_id); /* another thread may have made it since */
  if (core->keys == NULL)
    core->keys = g_ptr_array_new_with_free_func (cache_free);
  if (cache == NULL)
    g_ptr_array_add (core->keys, made);
  if (cache == NULL && key_id == 0)
    g_atomic_pointer_set (&core->keyless_keys, made);
  g_mutex_unlock (&core->lock);
  if (cache == NULL)
    return made;
  cache_free (made);
  return cache;
}

void
satchel_key_cache_forget (SatchelMailboxCore *core, guint key_id)
{
  g_mutex_lock (&core->lock);
  SatchelKeyCache *cache = find_cache (core, key_id);
  guint index;
  if (cache != NULL && g_ptr_array_find (core->keys, cache, &index))
    g_ptr_array_steal_index_fast (core->keys, index);
  g_mutex_unlock (&core->lock);
  cache_free (cache);
}

/* Finds the place of a key, or the place where it should be put. */
static gboolean
find_key (Column *column, guint32 uid, guint *ret_index)
{
  const guint32 *uids = (const guint32 *) (gpointer) column->uids->data;
  guint low = 0, high = column->uids->len;
  if (column->at < high && uids[column->at] == uid)
    {
      *ret_index = column->at++;
      return TRUE;
    }
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (uids[middle] < uid)
        low = middle + 1;
      else
        high = middle;
    }
  *ret_index = low;
  if (low == column->uids->len || uids[low] != uid)
    return FALSE;
  column->at = low + 1;
  return TRUE;
}

static const guint8 *
bytes_at (const Column *column, guint index, gsize *ret_len)
{
  const guint8 *record = column->data->data + g_array_index (column->offsets, guint32, index);
  guint16 len;
  memcpy (&len, record, sizeof len);
  *ret_len = len;
  return record + sizeof len;
}

static Column *
column_for_use (SatchelKeyCache *cache, SatchelKeyKind kind, guint32 n_messages)
{
  Column *column = &cache->columns[kind];
  /* Keys of messages that have gone are dropped here. */
  if (column->used != 0 && column->uids->len > 2 * (guint64) n_messages + 1024)
    column_clear (column);
  if (column->used == 0)
    {
      column->uids = g_array_new (FALSE, FALSE, sizeof (guint32));
      column->offsets = g_array_new (FALSE, FALSE, sizeof (guint32));
      column->data = g_byte_array_new ();
    }
  column->used = (guint64) g_atomic_pointer_add (&use_clock, 1) + 1;
  return column;
}

/* Puts the new ones between the old ones, from the last on; all are ascending. */
static void
merge_keys (Column *column, const guint32 *new_uids, const guint32 *new_offsets, guint n_new)
{
  guint n_old = column->uids->len, at = n_old + n_new;
  g_array_set_size (column->uids, at);
  g_array_set_size (column->offsets, at);
  guint32 *uids = (guint32 *) (gpointer) column->uids->data,
          *offsets = (guint32 *) (gpointer) column->offsets->data;
  while (n_new > 0)
    {
      gboolean is_old = n_old > 0 && uids[n_old - 1] > new_uids[n_new - 1];
      at--;
      uids[at] = is_old ? uids[n_old - 1] : new_uids[n_new - 1];
      offsets[at] = is_old ? offsets[n_old - 1] : new_offsets[n_new - 1];
      n_old -= is_old;
      n_new -= !is_old;
    }
}

/* Keeps the keys that were made, unless another thread has added them since. */
static void
keep_keys (Column *column, const SatchelMissingKey *missing, guint n, const GByteArray *made)
{
  guint32 uids[SATCHEL_KEYS_BATCH], offsets[SATCHEL_KEYS_BATCH];
  guint n_new = 0, index;
  gsize before = column_bytes (column);
  if (before + made->len + n * ENTRY_BYTES > COLUMN_MAX)
    return;
  for (guint i = 0; i < n; i++)
    {
      guint16 len = (guint16) missing[i].len;
      if (find_key (column, missing[i].uid, &index))
        continue;
      uids[n_new] = missing[i].uid;
      offsets[n_new++] = column->data->len;
      g_byte_array_append (column->data, (const guint8 *) &len, sizeof len);
      g_byte_array_append (column->data, made->data + missing[i].offset, len);
    }
  merge_keys (column, uids, offsets, n_new);
  g_atomic_pointer_add (&all_bytes, (gssize) (column_bytes (column) - before));
}

GArray *
satchel_key_cache_read (SatchelKeyCache *cache, SatchelKeyKind kind, guint32 n_messages, const guint32 *uids,
                        guint n, SatchelKeyFunc func, gpointer data)
{
  GArray *missing = g_array_new (FALSE, FALSE, sizeof (SatchelMissingKey));
  g_mutex_lock (&cache->lock);
  Column *column = column_for_use (cache, kind, n_messages);
  for (guint i = 0; i < n; i++)
    {
      guint index;
      gsize len;
      SatchelMissingKey entry = { .index = i, .uid = uids[i] };
      if (!find_key (column, uids[i], &index))
        g_array_append_val (missing, entry);
      else if (func != NULL)
        {
          const guint8 *bytes = bytes_at (column, index, &len);
          func (i, bytes, len, data);
        }
    }
  g_mutex_unlock (&cache->lock);
  return missing;
}

gboolean
satchel_key_cache_peek (SatchelKeyCache *cache, SatchelKeyKind kind, guint32 uid, SatchelKeyFunc func,
                        gpointer data)
{
  guint index;
  gsize len;
  g_mutex_lock (&cache->lock);
  Column *column = &cache->columns[kind];
  gboolean is_known = column->used != 0 && find_key (column, uid, &index);
  if (is_known)
    {
      const guint8 *bytes = bytes_at (column, index, &len);
      column->used = (guint64) g_atomic_pointer_add (&use_clock, 1) + 1;
      func (0, bytes, len, data);
    }
  g_mutex_unlock (&cache->lock);
  return is_known;
}

void
satchel_key_cache_keep (SatchelKeyCache *cache, SatchelKeyKind kind, guint32 n_messages,
                        const SatchelMissingKey *keys, guint n, const GByteArray *made)
{
  g_mutex_lock (&cache->lock);
  keep_keys (column_for_use (cache, kind, n_messages), keys, n, made);
  g_mutex_unlock (&cache->lock);
}

/* Drops columns until there is room.  Columns of mailboxes that are in use at the moment stay. */
void
satchel_key_cache_trim (void)
{
  if ((gsize) g_atomic_pointer_get (&all_bytes) <= ALL_MAX)
    return;
  g_mutex_lock (&all_lock);
  while ((gsize) g_atomic_pointer_get (&all_bytes) > ALL_MAX)
    {
      SatchelKeyCache *oldest = NULL;
      guint kind = 0;
      guint64 used = G_MAXUINT64;
      for (guint i = 0; i < all->len; i++)
        {
          SatchelKeyCache *cache = all->pdata[i];
          if (!g_mutex_trylock (&cache->lock))
            continue;
          for (guint k = 0; k < SATCHEL_N_KEYS; k++)
            if (cache->columns[k].used != 0 && cache->columns[k].used < used)
              {
                used = cache->columns[k].used;
                oldest = cache;
                kind = k;
              }
          g_mutex_unlock (&cache->lock);
        }
      if (oldest == NULL)
        break;
      g_mutex_lock (&oldest->lock);
      column_clear (&oldest->columns[kind]);
      g_mutex_unlock (&oldest->lock);
    }
  g_mutex_unlock (&all_lock);
}
