/* SPDX-License-Identifier: MIT
 * Lists connections: open addressing over 64-bit entries, each with the fingerprint of the client (32 bits),
 * the gate's slot (8) and a count (24). Each gate changes its own entries only, so the successor of a dead
 * gate finds its entries and clears them.
 */
#include "config.h"

#include "core/session/gate/connection_table.h"
#include <string.h>

#define PROBES 32u
#define PRIVATE_TABLE_BYTES 65536u
/* An entry has these fields, from its lowest bit up: the count, the slot, the fingerprint. */
#define COUNT_BITS 24u
#define SLOT_BITS 8u
#define COUNT_MAX ((1u << COUNT_BITS) - 1)
#define SLOT_MAX ((1u << SLOT_BITS) - 1)
#define FINGERPRINT_SHIFT (COUNT_BITS + SLOT_BITS)

struct SatchelConnectionTable
{
  guint64 *entries;
  gsize n_entries;
  gboolean is_own;
  guint slot;
  guint64 key[2];
};

static guint64
load_entry (SatchelConnectionTable *table, gsize index)
{
  return __atomic_load_n (&table->entries[index % table->n_entries], __ATOMIC_RELAXED);
}

static gboolean
replace_entry (SatchelConnectionTable *table, gsize index, guint64 before, guint64 after)
{
  return __atomic_compare_exchange_n (&table->entries[index % table->n_entries], &before, after, FALSE,
                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static inline guint64
mix (guint64 value)
{
  value ^= value >> 32;
  value *= G_GUINT64_CONSTANT (0xd6e8feb86659fd93);
  value ^= value >> 32;
  value *= G_GUINT64_CONSTANT (0xd6e8feb86659fd93);
  return value ^ (value >> 32);
}

static guint64
hash_of (SatchelConnectionTable *table, const SatchelAddress *address)
{
  guint64 low;
  guint64 high = satchel_address_client_key (address, &low);
  return mix (mix (mix (high ^ table->key[0]) + low) ^ table->key[1]);
}

static inline guint64
entry_of (guint64 hash, guint slot, guint64 count)
{
  /* A fingerprint is never 0, since an empty entry is 0. */
  return ((hash | 1) & G_MAXUINT32) << FINGERPRINT_SHIFT | (guint64) slot << COUNT_BITS | count;
}

static inline guint
slot_of (guint64 entry)
{
  return (guint) (entry >> COUNT_BITS) & SLOT_MAX;
}

static inline guint64
count_of (guint64 entry)
{
  return entry & COUNT_MAX;
}

static inline guint64
fingerprint_of (guint64 entry)
{
  return entry >> FINGERPRINT_SHIFT;
}

/* Clears what an earlier gate of this slot left. */
static void
clear_own_slot (SatchelConnectionTable *table)
{
  for (gsize i = 0; i < table->n_entries; i++)
    {
      guint64 entry = load_entry (table, i);
      if (entry != 0 && slot_of (entry) == table->slot)
        replace_entry (table, i, entry, 0);
    }
}

SatchelConnectionTable *
satchel_connection_table_new (gpointer area, gsize len, guint slot, const guint8 key[16])
{
  SatchelConnectionTable *table = g_new0 (SatchelConnectionTable, 1);
  table->is_own = area == NULL;
  table->n_entries = (area != NULL ? len : PRIVATE_TABLE_BYTES) / sizeof (guint64);
  table->entries = area != NULL ? area : g_malloc0 (PRIVATE_TABLE_BYTES);
  table->slot = slot & SLOT_MAX;
  memcpy (table->key, key, sizeof table->key);
  clear_own_slot (table);
  return table;
}

void
satchel_connection_table_free (SatchelConnectionTable *table)
{
  if (table == NULL)
    return;
  if (table->is_own)
    g_free (table->entries);
  g_free (table);
}

guint
satchel_connection_table_count (SatchelConnectionTable *table, const SatchelAddress *address)
{
  guint64 hash = hash_of (table, address), fingerprint = fingerprint_of (entry_of (hash, 0, 0));
  guint64 sum = 0;
  for (guint i = 0; i < PROBES; i++)
    {
      guint64 entry = load_entry (table, (hash >> 32) + i);
      if (fingerprint_of (entry) == fingerprint)
        sum += count_of (entry);
    }
  return (guint) MIN (sum, G_MAXUINT);
}

/* Changes this gate's entry for @hash by @change, and makes the entry if it is new and there is room. */
static void
change_count (SatchelConnectionTable *table, guint64 hash, int change)
{
  guint64 mine = entry_of (hash, table->slot, 0) >> COUNT_BITS;
  for (guint i = 0; i < PROBES; i++)
    {
      gsize index = (hash >> 32) + i;
      guint64 entry = load_entry (table, index);
      if (entry >> COUNT_BITS != mine)
        continue;
      guint64 count = count_of (entry);
      if (count + (guint64) change == 0 || (change < 0 && count == 0))
        replace_entry (table, index, entry, 0);
      else if (count < COUNT_MAX || change < 0)
        replace_entry (table, index, entry, entry + (guint64) change);
      return;
    }
  for (guint i = 0; i < PROBES && change > 0; i++)
    {
      gsize index = (hash >> 32) + i;
      if (load_entry (table, index) == 0 && replace_entry (table, index, 0, entry_of (hash, table->slot, 1)))
        return;
    }
}

gboolean
satchel_connection_table_add (SatchelConnectionTable *table, const SatchelAddress *address, guint limit)
{
  if (address->is_local)
    return TRUE;
  if (satchel_connection_table_count (table, address) >= limit)
    return FALSE;
  change_count (table, hash_of (table, address), 1);
  return TRUE;
}

void
satchel_connection_table_remove (SatchelConnectionTable *table, const SatchelAddress *address)
{
  if (!address->is_local)
    change_count (table, hash_of (table, address), -1);
}
