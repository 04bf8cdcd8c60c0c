/* SPDX-License-Identifier: MIT
 * Watches for failures that last.  Each mail process has its own.
 */
#include "alarm.h"

#include <satchel/counter.h>
#include <satchel/log.h>

SATCHEL_COUNTER (alarms, "satchel_spam_alarms_total", "Times that the log said that nothing is learnt",
                 "reason");

static GMutex lock;
static gint64 failing_since_us, told_us; /* 0: nothing fails; not told */

void
spam_alarm_note (const GError *failure, guint n_waiting, gint64 after_ms)
{
  gint64 now_us = g_get_monotonic_time (), after_us = after_ms * 1000;
  g_mutex_lock (&lock);
  if (failure == NULL)
    failing_since_us = told_us = 0;
  else if (failing_since_us == 0)
    failing_since_us = now_us;
  gint64 since_us = failing_since_us;
  gboolean refuses = failure != NULL && g_error_matches (failure, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM);
  gboolean tells = failure != NULL && (refuses || now_us - since_us >= after_us)
                   && (told_us == 0 || now_us - told_us >= after_us);
  if (tells)
    told_us = now_us;
  g_mutex_unlock (&lock);
  if (!tells)
    return;
  satchel_counter_add (&alarms, 1, refuses ? "refused" : "failing");
  satchel_log (SATCHEL_LOG_ERROR, "spam",
               "nothing has been learnt for %" G_GINT64_FORMAT
               " s, and %u messages of the last user wait: %s",
               (now_us - since_us) / G_USEC_PER_SEC, n_waiting, failure->message);
}
