/* SPDX-License-Identifier: MIT
 * Implements a table of bounded size that forgets what was used least recently.
 */
#include "config.h"

#include "core/daemon/auth/check/auth_lru.h"

#include <satchel/hash.h>
#include <string.h>

typedef struct
{
  GList link; /* in order of use, and at the start; data: the key */
  guint key_len, hash;
  max_align_t value[]; /* then a copy of the key */
} Entry;

struct SatchelLru
{
  GHashTable *entries;
  GQueue order; /* most recently used first */
  gsize value_len;
  guint max_entries;
  void (*clear) (gpointer value);
};

static guint
entry_hash (gconstpointer data)
{
  return ((const Entry *) data)->hash;
}

static gboolean
entry_equal (gconstpointer a, gconstpointer b)
{
  const Entry *one = a, *other = b;
  return one->key_len == other->key_len && memcmp (one->link.data, other->link.data, one->key_len) == 0;
}

SatchelLru *
satchel_lru_new (gsize value_len, guint max_entries)
{
  return satchel_lru_new_full (value_len, max_entries, NULL);
}

SatchelLru *
satchel_lru_new_full (gsize value_len, guint max_entries, void (*clear) (gpointer value))
{
  SatchelLru *lru = g_new0 (SatchelLru, 1);
  lru->clear = clear;
  lru->entries = g_hash_table_new_full (entry_hash, entry_equal, NULL, g_free);
  g_queue_init (&lru->order);
  lru->value_len = value_len;
  lru->max_entries = max_entries;
  return lru;
}

static void
clear_values (SatchelLru *lru)
{
  for (GList *link = lru->order.head; lru->clear != NULL && link != NULL; link = link->next)
    lru->clear (((Entry *) link)->value);
}

void
satchel_lru_clear (SatchelLru *lru)
{
  clear_values (lru);
  g_hash_table_remove_all (lru->entries); /* frees the entries, and with them the links */
  g_queue_init (&lru->order);
}

void
satchel_lru_free (SatchelLru *lru)
{
  if (lru == NULL)
    return;
  clear_values (lru);
  g_hash_table_unref (lru->entries);
  g_free (lru);
}

/* Makes what stands for a key in look-ups. */
static Entry
probe_of (gconstpointer key, gsize key_len)
{
  return (Entry) { .link.data = (gpointer) key,
                   .key_len = (guint) key_len,
                   .hash = (guint) satchel_keyed_hash (key, key_len) };
}

static void
drop_entry (SatchelLru *lru, Entry *entry)
{
  if (lru->clear != NULL)
    lru->clear (entry->value);
  g_queue_unlink (&lru->order, &entry->link);
  g_hash_table_remove (lru->entries, entry);
}

void
satchel_lru_remove_if (SatchelLru *lru, gboolean (*func) (gpointer value, gpointer data), gpointer data)
{
  for (GList *next, *link = lru->order.head; link != NULL; link = next)
    {
      Entry *entry = (Entry *) link;
      next = link->next;
      if (func (entry->value, data))
        drop_entry (lru, entry);
    }
}

void
satchel_lru_foreach (SatchelLru *lru, SatchelLruFunc func, gpointer data)
{
  for (GList *link = lru->order.head; link != NULL; link = link->next)
    {
      Entry *entry = (Entry *) link;
      func (link->data, entry->key_len, entry->value, data);
    }
}

static gpointer
use_entry (SatchelLru *lru, const Entry *probe)
{
  Entry *entry = g_hash_table_lookup (lru->entries, probe);
  if (entry == NULL)
    return NULL;
  if (lru->order.head != &entry->link)
    {
      g_queue_unlink (&lru->order, &entry->link);
      g_queue_push_head_link (&lru->order, &entry->link);
    }
  return entry->value;
}

gpointer
satchel_lru_find (SatchelLru *lru, gconstpointer key, gsize key_len)
{
  const Entry probe = probe_of (key, key_len);
  return use_entry (lru, &probe);
}

gpointer
satchel_lru_add (SatchelLru *lru, gconstpointer key, gsize key_len)
{
  const Entry probe = probe_of (key, key_len);
  gpointer value = use_entry (lru, &probe);
  if (value != NULL)
    return value;
  if (g_queue_get_length (&lru->order) >= lru->max_entries)
    drop_entry (lru, (Entry *) g_queue_peek_tail_link (&lru->order));
  Entry *entry = g_malloc0 (sizeof (Entry) + lru->value_len + key_len);
  entry->link.data = memcpy ((guint8 *) entry->value + lru->value_len, key, key_len);
  entry->key_len = probe.key_len;
  entry->hash = probe.hash;
  g_queue_push_head_link (&lru->order, &entry->link);
  g_hash_table_add (lru->entries, entry);
  return entry->value;
}

void
satchel_lru_remove (SatchelLru *lru, gconstpointer key, gsize key_len)
{
  const Entry probe = probe_of (key, key_len);
  Entry *entry = g_hash_table_lookup (lru->entries, &probe);
  if (entry != NULL)
    drop_entry (lru, entry);
}

void
satchel_lru_drop (SatchelLru *lru, gpointer value)
{
  drop_entry (lru, (Entry *) ((guint8 *) value - offsetof (Entry, value)));
}

guint
satchel_lru_count (SatchelLru *lru)
{
  return g_queue_get_length (&lru->order);
}
