/* SPDX-License-Identifier: MIT
 * This file knows which runs of commands are at work of which a user may have only one at a time.
 */
#include "config.h"

#include "core/session/admin/alone.h"

static GMutex lock;
static GPtrArray *at_work; /* "KIND USER" of each run, guarded by the lock */

/* Finds a run by "KIND USER".  The caller holds the lock. */
static gboolean
find (const char *name, guint *ret_index)
{
  return at_work != NULL && g_ptr_array_find_with_equal_func (at_work, name, g_str_equal, ret_index);
}

gboolean
satchel_admin_be_alone (const char *kind, const char *user)
{
  g_autofree char *name = g_strconcat (kind, " ", user, NULL);
  g_mutex_lock (&lock);
  const gboolean is_free = !find (name, NULL);
  if (at_work == NULL)
    at_work = g_ptr_array_new_with_free_func (g_free);
  if (is_free)
    g_ptr_array_add (at_work, g_steal_pointer (&name));
  g_mutex_unlock (&lock);
  return is_free;
}

void
satchel_admin_end_alone (const char *kind, const char *user)
{
  guint index;
  g_autofree char *name = g_strconcat (kind, " ", user, NULL);
  g_mutex_lock (&lock);
  if (find (name, &index))
    g_ptr_array_remove_index_fast (at_work, index);
  g_mutex_unlock (&lock);
}

gboolean
satchel_admin_is_at_work (const char *kind, const char *user)
{
  g_autofree char *name = g_strconcat (kind, " ", user, NULL);
  g_mutex_lock (&lock);
  const gboolean is = find (name, NULL);
  g_mutex_unlock (&lock);
  return is;
}
