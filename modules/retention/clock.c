/* SPDX-License-Identifier: MIT
 * This file gives the time that a removal is noted with; see clock.h.
 */
#include "clock.h"
#include "blob.h"

#define BLOB "clock" /* seconds since 1970 */
#define DAY_S 86400

gint64
retention_clock_trusted (SatchelStorage *storage, const SatchelAccess *access)
{
  Retention *self = storage->self;
  gint64 trusted_s;
  g_mutex_lock (&self->lock);
  trusted_s = self->clock_s;
  g_mutex_unlock (&self->lock);
  if (trusted_s != RETENTION_CLOCK_UNREAD)
    return trusted_s;
  g_autofree char *text = retention_blob_get (storage, access, BLOB, NULL);
  if (text == NULL || !g_ascii_string_to_signed (text, 10, 0, G_MAXINT64, &trusted_s, NULL))
    trusted_s = 0;
  g_mutex_lock (&self->lock);
  self->clock_s = MAX (self->clock_s, trusted_s);
  trusted_s = self->clock_s;
  g_mutex_unlock (&self->lock);
  return trusted_s;
}

gint64
retention_clock_now (SatchelStorage *storage, const SatchelAccess *access)
{
  return MAX (g_get_real_time () / G_USEC_PER_SEC, retention_clock_trusted (storage, access));
}

gboolean
retention_clock_trust (SatchelStorage *storage, const SatchelAccess *access, gint64 now_s, GError **error)
{
  Retention *self = storage->self;
  g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT, now_s);
  if (now_s < retention_clock_trusted (storage, access) + DAY_S)
    return TRUE;
  if (!retention_blob_put (storage, access, BLOB, text, error))
    return FALSE;
  g_mutex_lock (&self->lock);
  self->clock_s = now_s;
  g_mutex_unlock (&self->lock);
  return TRUE;
}
