/* SPDX-License-Identifier: MIT
 * Keeps budgets of log lines. For each place it stores one number, the time at which everything used will
 * have been given back (GCRA), in a table of fixed size that forgets the place used least recently.
 */
#include "config.h"

#include "core/session/gate/log_budget.h"
#include "core/runtime/loop/reactor_private.h"

#include <arpa/inet.h>
#include <satchel/hash.h>
#include <satchel/log.h>
#include <string.h>

#define N_SETS 128u
#define N_WAYS 8u
#define KIND_BYTES 40
#define TELL_MS 30000
#define PLACES_TOLD 20u /* so many places are named in each report */
/* The first lines of a place may use all of the budget that places share; later ones leave half of it. */
#define FIRST_LINES 10

struct SatchelLogEntry
{
  char place[SATCHEL_PLACE_BYTES], kind[KIND_BYTES];
  gint64 due_us, used_us; /* `used_us` 0: the entry is free */
  guint64 n_left_out;
};

gboolean
satchel_place_from_peer (const char *peer, char ret_place[SATCHEL_PLACE_BYTES])
{
  struct in_addr four;
  struct in6_addr six;
  if (strcmp (peer, "local") == 0)
    g_strlcpy (ret_place, "local", SATCHEL_PLACE_BYTES);
  else if (inet_pton (AF_INET, peer, &four) == 1)
    inet_ntop (AF_INET, &four, ret_place, SATCHEL_PLACE_BYTES);
  else if (inet_pton (AF_INET6, peer, &six) == 1 && IN6_IS_ADDR_V4MAPPED (&six))
    inet_ntop (AF_INET, &six.s6_addr[12], ret_place, SATCHEL_PLACE_BYTES);
  else if (inet_pton (AF_INET6, peer, &six) == 1)
    {
      memset (&six.s6_addr[8], 0, 8);
      inet_ntop (AF_INET6, &six, ret_place, SATCHEL_PLACE_BYTES);
    }
  else
    return FALSE;
  return TRUE;
}

/* Returns the entry of @place and @kind, or instead the one that was used least recently. */
static SatchelLogEntry *
find_entry (SatchelLogBudget *budget, const char *place, const char *kind)
{
  char key[SATCHEL_PLACE_BYTES + KIND_BYTES];
  int len = g_snprintf (key, sizeof key, "%s %s", place, kind);
  SatchelLogEntry *set = budget->entries + satchel_keyed_hash (key, (gsize) len) % N_SETS * N_WAYS,
                  *oldest = set;
  for (guint i = 0; i < N_WAYS; i++)
    {
      if (set[i].used_us != 0 && strcmp (set[i].place, place) == 0 && strcmp (set[i].kind, kind) == 0)
        return &set[i];
      if (set[i].used_us < oldest->used_us)
        oldest = &set[i];
    }
  budget->n_of_others += oldest->n_left_out;
  *oldest = (SatchelLogEntry) { 0 };
  g_strlcpy (oldest->place, place, sizeof oldest->place);
  g_strlcpy (oldest->kind, kind, sizeof oldest->kind);
  return oldest;
}

/* Returns the number of units in use in a bucket whose last unit is given back at @due_us. */
static gint64
n_used (gint64 due_us, gint64 now_us, gint64 interval_us)
{
  return due_us > now_us ? (due_us - now_us + interval_us - 1) / interval_us : 0;
}

static gboolean
take_line (SatchelLogBudget *budget, SatchelLogEntry *entry, gint64 now_us)
{
  const gint64 second_us = G_USEC_PER_SEC;
  gint64 own_us = 3600 * second_us / budget->an_hour, all_us = second_us / budget->a_second;
  gint64 n_own = n_used (entry->due_us, now_us, own_us);
  gint64 n_all = n_used (budget->due_us, now_us, all_us);
  if (n_own >= budget->burst
      || n_all >= (n_own < FIRST_LINES ? budget->burst_in_all : budget->burst_in_all / 2))
    return FALSE;
  entry->due_us = MAX (entry->due_us, now_us) + own_us;
  budget->due_us = MAX (budget->due_us, now_us) + all_us;
  return TRUE;
}

static void
tell_place (SatchelLogBudget *budget, const SatchelLogEntry *entry)
{
  satchel_log (SATCHEL_LOG_WARNING, budget->area, "%s: %" G_GUINT64_FORMAT " more lines like this from %s%s",
               entry->kind, entry->n_left_out, entry->place, strchr (entry->place, ':') != NULL ? "/64" : "");
}

void
satchel_log_budget_tell (SatchelLogBudget *budget)
{
  guint n_told = 0;
  g_mutex_lock (&budget->lock);
  for (guint i = 0; budget->entries != NULL && i < N_SETS * N_WAYS; i++)
    {
      SatchelLogEntry *entry = &budget->entries[i];
      if (entry->n_left_out == 0)
        continue;
      if (n_told++ < PLACES_TOLD)
        tell_place (budget, entry);
      else
        budget->n_of_others += entry->n_left_out;
      entry->n_left_out = 0;
    }
  if (budget->n_of_others > 0)
    satchel_log (SATCHEL_LOG_WARNING, budget->area,
                 "%" G_GUINT64_FORMAT " more lines like these from other addresses", budget->n_of_others);
  budget->n_of_others = 0;
  g_mutex_unlock (&budget->lock);
}

static void
time_to_tell (SatchelTimer *timer, gpointer data)
{
  SatchelLogBudget *budget = data;
  (void) timer;
  g_mutex_lock (&budget->lock);
  budget->is_armed = FALSE;
  g_mutex_unlock (&budget->lock);
  satchel_log_budget_tell (budget);
}

static void
arm_report (gpointer data)
{
  SatchelLogBudget *budget = data;
  satchel_timer_arm (&budget->timer, TELL_MS, time_to_tell, budget);
}

gboolean
satchel_log_budget_take (SatchelLogBudget *budget, const char *kind, const char *peer)
{
  char place[SATCHEL_PLACE_BYTES], words[KIND_BYTES];
  if (!satchel_place_from_peer (peer, place))
    g_strlcpy (place, peer, sizeof place);
  g_strlcpy (words, kind, MIN (sizeof words, strcspn (kind, ":") + 1));
  gint64 now_us = g_get_monotonic_time ();
  g_mutex_lock (&budget->lock);
  if (budget->entries == NULL)
    budget->entries = g_new0 (SatchelLogEntry, N_SETS * N_WAYS);
  SatchelLogEntry *entry = find_entry (budget, place, words);
  entry->used_us = now_us;
  gboolean is_taken = take_line (budget, entry, now_us);
  gboolean must_arm = !is_taken && !budget->is_armed;
  if (!is_taken)
    entry->n_left_out++;
  if (must_arm)
    budget->is_armed = TRUE;
  g_mutex_unlock (&budget->lock);
  if (must_arm)
    satchel_defer (arm_report, budget);
  return is_taken;
}
