/* SPDX-License-Identifier: MIT
 * Implements lists of names of mailboxes, and the one that a store keeps.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

#include <satchel/mailbox_name.h>
#include <string.h>

void
satchel_mailbox_info_free (SatchelMailboxInfo *info)
{
  if (info == NULL)
    return;
  g_free (info->name);
  g_free (info);
}

gboolean
satchel_store_check_name (const char *name, GError **error)
{
  if (satchel_mailbox_name_is_valid (name))
    return TRUE;
  return satchel_error_set (error, SATCHEL_ERROR_INVALID, "this is not a valid mailbox name");
}

SatchelMailboxInfo *
satchel_list_find (GPtrArray *infos, const char *name)
{
  for (guint i = 0; i < infos->len; i++)
    if (strcmp (((SatchelMailboxInfo *) infos->pdata[i])->name, name) == 0)
      return infos->pdata[i];
  return NULL;
}

void
satchel_store_forget_list (SatchelStoreCore *store)
{
  g_mutex_lock (&store->list_lock);
  g_clear_pointer (&store->list, g_ptr_array_unref);
  store->list_generation++;
  g_mutex_unlock (&store->list_lock);
}
