/* SPDX-License-Identifier: MIT
 * This file counts (<satchel/counter.h>): it finds the record of a counter and its labels in the lane of
 * this process.
 */
#include "config.h"

#include "core/runtime/log/counter_lane.h"

#include <string.h>

#define VALUE_BYTES 24u /* bytes of a label's value with its NUL */
#define OTHER "other"

typedef struct Series
{
  char values[SATCHEL_COUNTER_LABELS][VALUE_BYTES]; /* values as given, cut off */
  SatchelCounterRecord *record;
} Series;

/* SatchelCounter.core points to this. Readers look only at the first `n` series, which never change again. */
typedef struct Counter
{
  guint n;                                   /* how many series there are; atomic */
  Series series[SATCHEL_COUNTER_SERIES + 1]; /* the last one counts all other values of labels */
} Counter;

static GMutex lock; /* guards the variables below, and the making of series */
static SatchelCounter *counters;
static SatchelCounterLane *lane, *own_lane; /* own_lane counts until another lane is set */
static SatchelCounterRecord no_room; /* takes the counts for which the lane has no room; nobody reads it */

static void
append_label (GString *text, const char *name, const char *value)
{
  g_string_append_printf (text, "%s%.15s:", text->len > 0 ? "," : "", name);
  for (; *value != '\0'; value++)
    g_string_append_c (text, g_ascii_isalnum (*value) || strchr ("_.-", *value) != NULL ? *value : '_');
}

static char *
labels_text (const SatchelCounter *counter, const Series *series)
{
  GString *text = g_string_new (NULL);
  for (guint i = 0; counter->labels[i] != NULL; i++)
    append_label (text, counter->labels[i], series->values[i]);
  return g_string_free (text, FALSE);
}

/* Finds a record, under the lock. The record of an earlier process of this lane is continued. */
static SatchelCounterRecord *
find_record (const SatchelCounter *counter, const Series *series)
{
  g_autofree char *labels = labels_text (counter, series);
  for (guint i = 0; i < SATCHEL_COUNTER_RECORDS; i++)
    {
      SatchelCounterRecord *record = &lane->records[i];
      if (record->kind == 0)
        {
          g_strlcpy (record->name, counter->name, sizeof record->name);
          g_strlcpy (record->labels, labels, sizeof record->labels);
          __atomic_store_n (&record->kind, counter->kind, __ATOMIC_RELEASE);
          return record;
        }
      if (record->kind == counter->kind && strncmp (record->name, counter->name, sizeof record->name - 1) == 0
          && strncmp (record->labels, labels, sizeof record->labels - 1) == 0)
        return record;
    }
  return &no_room;
}

static gboolean
has_values (const Series *series, const char *const *values, guint n_labels)
{
  for (guint i = 0; i < n_labels; i++)
    {
      const char *value = *values != NULL ? *values++ : "";
      if (strncmp (series->values[i], value, VALUE_BYTES - 1) != 0)
        return FALSE;
    }
  return TRUE;
}

static const Series *
find_series (const Counter *state, const char *const *values, guint n_labels)
{
  guint n = __atomic_load_n (&state->n, __ATOMIC_ACQUIRE);
  for (guint i = 0; i < n; i++)
    if (has_values (&state->series[i], values, n_labels))
      return &state->series[i];
  return n > SATCHEL_COUNTER_SERIES ? &state->series[SATCHEL_COUNTER_SERIES] : NULL;
}

/* Adds a series with these values of labels.  The caller holds the lock. */
static const Series *
add_series (SatchelCounter *counter, const char *const *values, guint n_labels)
{
  Counter *state = counter->core;
  /* Another thread may have made the series before this one had the lock. */
  const Series *found = find_series (state, values, n_labels);
  if (found != NULL)
    return found;
  Series *series = &state->series[state->n];
  for (guint i = 0; i < n_labels; i++)
    g_strlcpy (series->values[i],
               state->n == SATCHEL_COUNTER_SERIES ? OTHER
               : values[i] != NULL                ? values[i]
                                                  : "",
               VALUE_BYTES);
  series->record = find_record (counter, series);
  __atomic_store_n (&state->n, state->n + 1, __ATOMIC_RELEASE);
  return series;
}

static guint
count_labels (const SatchelCounter *counter)
{
  guint n = 0;
  while (n < SATCHEL_COUNTER_LABELS && counter->labels[n] != NULL)
    n++;
  return n;
}

/* Gives a counter its state.  The caller holds the lock. */
static void
prepare_counter (SatchelCounter *counter)
{
  static const char *const none[] = { NULL };
  if (lane == NULL)
    lane = own_lane = g_new0 (SatchelCounterLane, 1);
  if (counter->core == NULL)
    g_atomic_pointer_set (&counter->core, g_new0 (Counter, 1));
  /* A counter without labels gets its series now, so that it is shown as 0; the values that labels will have
   * are not known. */
  if (count_labels (counter) == 0)
    add_series (counter, none, 0);
}

static SatchelCounterRecord *
record_of (SatchelCounter *counter, const char *const *values)
{
  guint n_labels = count_labels (counter);
  Counter *state = g_atomic_pointer_get (&counter->core);
  const Series *series = state != NULL ? find_series (state, values, n_labels) : NULL;
  if (series == NULL)
    {
      /* The caller may give fewer values than the counter has labels; the others are empty. */
      const char *full[SATCHEL_COUNTER_LABELS + 1] = { NULL };
      for (guint i = 0; i < n_labels; i++)
        full[i] = *values != NULL ? *values++ : "";
      g_mutex_lock (&lock);
      prepare_counter (counter);
      series = add_series (counter, full, n_labels);
      g_mutex_unlock (&lock);
    }
  return series->record;
}

static gboolean
is_name (const SatchelCounter *counter, const char *prefix)
{
  if (counter->size < sizeof *counter || counter->name == NULL
      || strlen (counter->name) >= sizeof no_room.name || !g_str_has_prefix (counter->name, prefix))
    return FALSE;
  for (const char *c = counter->name; *c != '\0'; c++)
    if (!g_ascii_islower (*c) && !g_ascii_isdigit (*c) && *c != '_')
      return FALSE;
  return TRUE;
}

const SatchelCounter *
satchel_counters_newest (void)
{
  g_mutex_lock (&lock);
  const SatchelCounter *newest = counters;
  g_mutex_unlock (&lock);
  return newest;
}

gboolean
satchel_counters_check (const SatchelCounter *newest, const char *name, GError **error)
{
  g_autofree char *module = g_strdelimit (g_strdup (name), "-", '_');
  g_autofree char *prefix = g_strdup_printf ("satchel_%s_", module);
  gboolean ok = TRUE;
  g_mutex_lock (&lock);
  for (const SatchelCounter *counter = counters; ok && counter != newest; counter = counter->next)
    ok = is_name (counter, prefix)
         || satchel_error_set (error, SATCHEL_ERROR_INVALID,
                               "module %s: its counter %s is not named %s followed by [a-z0-9_], 63 bytes at "
                               "most in all; its author has to rename it",
                               name, counter->name != NULL ? counter->name : "(unnamed)", prefix);
  g_mutex_unlock (&lock);
  return ok;
}

void
satchel_counter_register (SatchelCounter *counter)
{
  g_mutex_lock (&lock);
  counter->next = counters;
  counters = counter;
  prepare_counter (counter);
  g_mutex_unlock (&lock);
}

void
satchel_counter_unregister (SatchelCounter *counter)
{
  g_mutex_lock (&lock);
  for (SatchelCounter **at = &counters; *at != NULL; at = &(*at)->next)
    if (*at == counter)
      {
        *at = counter->next;
        break;
      }
  g_free (counter->core);
  counter->core = NULL;
  g_mutex_unlock (&lock);
}

void
satchel_counter_add_values (SatchelCounter *counter, gint64 n, const char *const *values)
{
  SatchelCounterRecord *record = record_of (counter, values);
  __atomic_fetch_add (&record->cells[0], (guint64) n, __ATOMIC_RELAXED);
}

void
satchel_counter_observe_values (SatchelCounter *counter, guint64 observed, const char *const *values)
{
  SatchelCounterRecord *record = record_of (counter, values);
  guint bucket = observed <= 1 ? 0 : 64u - (guint) __builtin_clzll (observed - 1);
  __atomic_fetch_add (&record->cells[2 + MIN (bucket, SATCHEL_COUNTER_BUCKETS - 1)], 1, __ATOMIC_RELAXED);
  __atomic_fetch_add (&record->cells[1], observed, __ATOMIC_RELAXED);
  __atomic_fetch_add (&record->cells[0], 1, __ATOMIC_RELAXED);
}

static void
move_series (SatchelCounter *counter)
{
  Counter *state = counter->core;
  for (guint i = 0; state != NULL && i < state->n; i++)
    {
      const SatchelCounterRecord *before = state->series[i].record;
      SatchelCounterRecord *record = find_record (counter, &state->series[i]);
      for (guint cell = 0; before != &no_room && cell < G_N_ELEMENTS (record->cells); cell++)
        record->cells[cell] += before->cells[cell];
      state->series[i].record = record;
    }
}

void
satchel_counters_set_lane (SatchelCounterLane *new_lane)
{
  g_mutex_lock (&lock);
  g_autofree SatchelCounterLane *before = g_steal_pointer (&own_lane);
  lane = new_lane;
  for (guint i = 0; i < SATCHEL_COUNTER_RECORDS; i++)
    if (lane->records[i].kind == SATCHEL_KIND_OF_GAUGE)
      lane->records[i].cells[0] = 0;
  for (SatchelCounter *counter = counters; counter != NULL; counter = counter->next)
    move_series (counter);
  g_mutex_unlock (&lock);
}

SatchelCounterLane *
satchel_counters_lane (void)
{
  g_mutex_lock (&lock);
  if (lane == NULL)
    lane = own_lane = g_new0 (SatchelCounterLane, 1);
  SatchelCounterLane *current = lane;
  g_mutex_unlock (&lock);
  return current;
}
