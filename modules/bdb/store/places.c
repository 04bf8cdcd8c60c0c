/* SPDX-License-Identifier: MIT
 * This file remembers the volume of each user whose store could not be opened.
 */
#include "config.h"

#include "store/places.h"

#include <satchel/hash.h>

#define PLACES_MAX 10000u

static GMutex lock;
static GHashTable *places; /* user -> home */

void
bdb_places_note (const char *user, const char *home)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);
  if (places == NULL)
    places = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  if (g_hash_table_size (places) >= PLACES_MAX)
    g_hash_table_remove_all (places);
  g_hash_table_replace (places, g_strdup (user), g_strdup (home));
}

char *
bdb_places_find (const char *user)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);
  return places != NULL ? g_strdup (g_hash_table_lookup (places, user)) : NULL;
}

void
bdb_places_forget (void)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);
  g_clear_pointer (&places, g_hash_table_unref);
}
