/* SPDX-License-Identifier: MIT
 * Watches for failures that last.  Each mail process has its own.
 */
#include "alarm.h"

#include <satchel/counter.h>
#include <satchel/log.h>

SATCHEL_COUNTER (alarms, "satchel_spam_alarms_total", "Times that the log said that nothing is learnt",
                 "reason");

/* Something that goes on: since when, and when that was told; 0: it does not, and was not. */
typedef struct Trouble
{
  gint64 since_us, told_us;
} Trouble;
static GMutex lock;
static Trouble failing, declining;
static guint n_declined_since;

/* Says whether it is to be told now. The caller holds the lock. */
static gboolean
note_trouble (Trouble *trouble, gboolean is_urgent, gint64 now_us, gint64 after_us)
{
  if (trouble->since_us == 0)
    trouble->since_us = now_us;
  if ((!is_urgent && now_us - trouble->since_us < after_us)
      || (trouble->told_us != 0 && now_us - trouble->told_us < after_us))
    return FALSE;
  trouble->told_us = now_us;
  return TRUE;
}

void
spam_alarm_note (const GError *failure, guint n_waiting, gint64 after_ms)
{
  gint64 now_us = g_get_monotonic_time ();
  gboolean refuses = failure != NULL && g_error_matches (failure, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM);
  g_mutex_lock (&lock);
  gboolean tells = failure != NULL && note_trouble (&failing, refuses, now_us, after_ms * 1000);
  if (failure == NULL)
    failing = (Trouble) { 0 };
  gint64 since_us = failing.since_us;
  g_mutex_unlock (&lock);
  if (!tells)
    return;
  satchel_counter_add (&alarms, 1, refuses ? "refused" : "failing");
  satchel_log (SATCHEL_LOG_ERROR, "spam",
               "nothing has been learnt for %" G_GINT64_FORMAT
               " s, and %u messages of the last user wait: %s",
               (now_us - since_us) / G_USEC_PER_SEC, n_waiting, failure->message);
}

void
spam_alarm_note_answers (guint n_taken, guint n_declined, gint64 after_ms)
{
  gint64 now_us = g_get_monotonic_time ();
  if (n_taken + n_declined == 0)
    return;
  g_mutex_lock (&lock);
  if (n_taken > 0)
    declining = (Trouble) { 0 };
  n_declined_since = n_taken > 0 ? 0 : n_declined_since + n_declined;
  gboolean is_enough = n_declined_since >= SPAM_ALARM_DECLINED;
  gboolean tells =
      n_taken == 0 && note_trouble (&declining, FALSE, now_us, is_enough ? after_ms * 1000 : G_MAXINT64);
  gint64 since_us = declining.since_us;
  guint n = n_declined_since;
  g_mutex_unlock (&lock);
  if (!tells)
    return;
  satchel_counter_add (&alarms, 1, "declined");
  satchel_log (SATCHEL_LOG_ERROR, "spam",
               "the scanner has declined all %u messages that it was to learn in %" G_GINT64_FORMAT
               " s; its log says why",
               n, (now_us - since_us) / G_USEC_PER_SEC);
}
