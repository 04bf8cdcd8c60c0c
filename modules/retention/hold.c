/* SPDX-License-Identifier: MIT
 * This file reads and writes the legal hold of a user; see hold.h.
 */
#include "hold.h"
#include "blob.h"

#define BLOB "hold"

char *
retention_hold_get (SatchelStorage *storage, const SatchelAccess *access, GError **error)
{
  return retention_blob_get (storage, access, BLOB, error);
}

gboolean
retention_hold_put (SatchelStorage *storage, const SatchelAccess *access, const char *reason, GError **error)
{
  g_autofree char *text = reason != NULL ? g_strdup_printf ("%" G_GINT64_FORMAT "\t%s",
                                                            g_get_real_time () / G_USEC_PER_SEC, reason)
                                         : NULL;
  return retention_blob_put (storage, access, BLOB, text, error);
}
