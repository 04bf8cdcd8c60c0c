/* SPDX-License-Identifier: MIT
 * Finds or makes the spam folder.
 */
#include "junk.h"

static gboolean
make_junk (SatchelStore *store, const char *name, GError **error)
{
  g_autoptr (GError) local = NULL;
  if (satchel_store_create (store, name, SATCHEL_USE_JUNK, &local))
    return satchel_store_subscribe (store, name, TRUE, error);
  if (g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_ALREADYEXISTS))
    return satchel_store_set_special_use (store, name, SATCHEL_USE_JUNK, error);
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

gboolean
spam_junk_ensure (SatchelStore *store, const char *name, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autofree char *found = satchel_store_find_special_use (store, SATCHEL_USE_JUNK, &local);
  if (found != NULL)
    return TRUE;
  if (g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT) && *name != '\0')
    return make_junk (store, name, error);
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}
