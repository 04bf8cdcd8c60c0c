/* SPDX-License-Identifier: MIT
 * This file counts the readers of each content.
 */
#include "config.h"

#include "store/pins.h"

#include <satchel/hash.h>

struct BdbPins
{
  gatomicrefcount refs;
  GMutex lock;
  GHashTable *counts; /* content (guint64) -> number of readers */
};

BdbPins *
bdb_pins_new (void)
{
  BdbPins *pins = g_new0 (BdbPins, 1);
  g_atomic_ref_count_init (&pins->refs);
  g_mutex_init (&pins->lock);
  pins->counts = g_hash_table_new_full (satchel_number64_hash, g_int64_equal, g_free, NULL);
  return pins;
}

BdbPins *
bdb_pins_ref (BdbPins *pins)
{
  g_atomic_ref_count_inc (&pins->refs);
  return pins;
}

void
bdb_pins_unref (BdbPins *pins)
{
  if (!g_atomic_ref_count_dec (&pins->refs))
    return;
  g_hash_table_unref (pins->counts);
  g_mutex_clear (&pins->lock);
  g_free (pins);
}

static void
change_count (BdbPins *pins, guint64 content, int by)
{
  g_mutex_lock (&pins->lock);
  int count = GPOINTER_TO_INT (g_hash_table_lookup (pins->counts, &content)) + by;
  if (count > 0)
    g_hash_table_insert (pins->counts, g_memdup2 (&content, sizeof content), GINT_TO_POINTER (count));
  else
    g_hash_table_remove (pins->counts, &content);
  g_mutex_unlock (&pins->lock);
}

void
bdb_pins_add (BdbPins *pins, guint64 content)
{
  change_count (pins, content, 1);
}

void
bdb_pins_remove (BdbPins *pins, guint64 content)
{
  change_count (pins, content, -1);
}

gboolean
bdb_pins_has (BdbPins *pins, guint64 content)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&pins->lock);
  return g_hash_table_contains (pins->counts, &content);
}
