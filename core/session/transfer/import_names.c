/* SPDX-License-Identifier: MIT
 * This file finds the mailbox for each part of the source, and imports the subscriptions.
 */
#include "config.h"

#include "core/session/transfer/import.h"

#include <satchel/mailbox_name.h>
#include <string.h>

char *
satchel_import_mailbox (const SatchelImport *import, const char *name, GError **error)
{
  if (import->into == NULL)
    return satchel_mailbox_name_normalise (name != NULL ? name : "INBOX", name != NULL ? strlen (name) : 5,
                                           error);
  if (name == NULL || g_ascii_strcasecmp (name, "INBOX") == 0)
    return g_strdup (import->into);
  g_autofree char *below = g_strconcat (import->into, "/", name, NULL);
  return satchel_mailbox_name_normalise (below, strlen (below), error);
}

gboolean
satchel_import_subscribe (SatchelImport *import, GError **error)
{
  for (guint i = 0; import->subscribed != NULL && !import->transfer.is_dry && i < import->subscribed->len;
       i++)
    {
      g_autoptr (GError) local = NULL;
      g_autofree char *name = satchel_import_mailbox (import, import->subscribed->pdata[i], &local);
      if (name != NULL && satchel_store_subscribe (import->transfer.store, name, TRUE, &local))
        continue;
      if (satchel_transfer_is_fatal (local))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      satchel_transfer_problem (&import->transfer, import->subscribed->pdata[i], G_MAXUINT64,
                                g_steal_pointer (&local));
    }
  return TRUE;
}
