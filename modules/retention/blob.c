/* SPDX-License-Identifier: MIT
 * This file stores what the layer keeps with a user; see blob.h.
 */
#include "blob.h"

#include <string.h>

#define SPACE "retention"

char *
retention_blob_get (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  gsize len;
  g_autoptr (GError) local = NULL;
  g_autoptr (GBytes) value = satchel_storage_get_blob (storage, access, SPACE, name, &local);
  if (value == NULL)
    {
      if (!g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT)
          && !g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT))
        g_propagate_error (error, g_steal_pointer (&local));
      return NULL;
    }
  const char *data = g_bytes_get_data (value, &len);
  return g_strndup (len > 0 ? data : "", len);
}

gboolean
retention_blob_put (SatchelStorage *storage, const SatchelAccess *access, const char *name, const char *text,
                    GError **error)
{
  g_autoptr (GBytes) value = text != NULL ? g_bytes_new (text, strlen (text)) : NULL;
  const SatchelBlob change = { name, value };
  return satchel_storage_put_blobs (storage, access, SPACE, &change, 1, error);
}
