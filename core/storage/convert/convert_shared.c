/* SPDX-License-Identifier: MIT
 * Keeps what the parts of a conversion share: steps, by which it ends early, its rate, and keywords.
 */
#include "config.h"

#include "core/storage/convert/convert_private.h"

/* A thread that sleeps wakes up so often (in us) to report progress, which shows that it lives. */
#define NAP_US 200000

gboolean
satchel_convert_step (SatchelConversion *conversion, GError **error)
{
  if (!satchel_store_check_fence (conversion->from->core, error))
    return FALSE;
  return conversion->step (&conversion->counts, conversion->data)
         || satchel_error_set (error, SATCHEL_ERROR_CANCELLED,
                               "the conversion was stopped; the same command goes on with it");
}

gboolean
satchel_convert_keep_rate (SatchelConversion *conversion, guint64 n_bytes, GError **error)
{
  const gint64 now_us = g_get_monotonic_time ();
  if (conversion->bytes_per_s == 0 || conversion->is_held)
    return satchel_convert_step (conversion, error);
  conversion->slept_us = MAX (conversion->slept_us, now_us)
                         + (gint64) MIN (n_bytes * G_USEC_PER_SEC / conversion->bytes_per_s, G_MAXINT32);
  for (gint64 left_us = conversion->slept_us - now_us; left_us > 0;
       left_us = conversion->slept_us - g_get_monotonic_time ())
    {
      g_usleep ((gulong) MIN (left_us, NAP_US));
      if (!satchel_convert_step (conversion, error))
        return FALSE;
    }
  return satchel_convert_step (conversion, error);
}
