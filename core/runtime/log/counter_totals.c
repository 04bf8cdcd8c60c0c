/* SPDX-License-Identifier: MIT
 * Adds up the lanes of all processes. A process that was taken over may have written anything into its
 * lane.
 */
#include "config.h"

#include "core/runtime/log/counter_lane.h"

#include <satchel/hash.h>
#include <string.h>

#define TOTALS_MAX 4096u /* most series of all processes together */

struct SatchelCounterTotals
{
  GHashTable *records; /* "name labels" -> SatchelCounterRecord */
};

SatchelCounterTotals *
satchel_counter_totals_new (void)
{
  SatchelCounterTotals *totals = g_new0 (SatchelCounterTotals, 1);
  totals->records = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  return totals;
}

void
satchel_counter_totals_free (SatchelCounterTotals *totals)
{
  if (totals == NULL)
    return;
  g_hash_table_unref (totals->records);
  g_free (totals);
}

static gboolean
is_made_of (const char *text, const char *others)
{
  for (; *text != '\0'; text++)
    if (!g_ascii_isalnum (*text) && strchr (others, *text) == NULL)
      return FALSE;
  return TRUE;
}

/* Copies a record, so that it cannot change any more, and checks that it holds what a counter can. */
static gboolean
read_record (const SatchelCounterRecord *shared, SatchelCounterRecord *ret_record)
{
  guint32 kind = __atomic_load_n (&shared->kind, __ATOMIC_ACQUIRE);
  if (kind < SATCHEL_KIND_OF_COUNTER || kind > SATCHEL_KIND_OF_HISTOGRAM)
    return FALSE;
  memcpy (ret_record, shared, sizeof *ret_record);
  ret_record->kind = kind;
  return memchr (ret_record->name, '\0', sizeof ret_record->name) != NULL
         && memchr (ret_record->labels, '\0', sizeof ret_record->labels) != NULL
         && g_str_has_prefix (ret_record->name, "satchel_") && is_made_of (ret_record->name, "_")
         && is_made_of (ret_record->labels, "_.-:,");
}

static void
add_record (SatchelCounterTotals *totals, const SatchelCounterRecord *record)
{
  g_autofree char *key = g_strconcat (record->name, " ", record->labels, NULL);
  SatchelCounterRecord *total = g_hash_table_lookup (totals->records, key);
  if (total == NULL && g_hash_table_size (totals->records) < TOTALS_MAX)
    g_hash_table_insert (totals->records, g_steal_pointer (&key), g_memdup2 (record, sizeof *record));
  else if (total != NULL && total->kind == record->kind)
    for (guint cell = 0; cell < G_N_ELEMENTS (record->cells); cell++)
      total->cells[cell] += record->cells[cell];
}

void
satchel_counter_totals_add (SatchelCounterTotals *totals, const SatchelCounterLane *lane, gboolean has_ended)
{
  for (guint i = 0; i < SATCHEL_COUNTER_RECORDS; i++)
    {
      SatchelCounterRecord record;
      if (read_record (&lane->records[i], &record) && !(has_ended && record.kind == SATCHEL_KIND_OF_GAUGE))
        add_record (totals, &record);
    }
}

void
satchel_counter_totals_add_totals (SatchelCounterTotals *totals, const SatchelCounterTotals *other)
{
  GHashTableIter iter;
  gpointer record;
  g_hash_table_iter_init (&iter, other->records);
  while (g_hash_table_iter_next (&iter, NULL, &record))
    add_record (totals, record);
}

static void
append_amount (GString *out, guint64 amount, gboolean is_seconds)
{
  if (is_seconds)
    g_string_append_printf (out, "%" G_GUINT64_FORMAT ".%06" G_GUINT64_FORMAT, amount / G_USEC_PER_SEC,
                            amount % G_USEC_PER_SEC);
  else
    g_string_append_printf (out, "%" G_GUINT64_FORMAT, amount);
}

static void
describe_histogram (const SatchelCounterRecord *record, GString *out)
{
  gboolean is_seconds = g_str_has_suffix (record->name, "_seconds");
  guint64 n = 0;
  g_string_append_printf (out, " count=%" G_GUINT64_FORMAT " sum=", record->cells[0]);
  append_amount (out, record->cells[1], is_seconds);
  g_string_append (out, " buckets=");
  for (guint i = 0; i < SATCHEL_COUNTER_BUCKETS; i++)
    {
      if (record->cells[2 + i] == 0)
        continue;
      if (n > 0)
        g_string_append_c (out, ',');
      n += record->cells[2 + i];
      if (i < SATCHEL_COUNTER_BUCKETS - 1)
        append_amount (out, G_GUINT64_CONSTANT (1) << i, is_seconds);
      else
        g_string_append (out, "inf");
      g_string_append_printf (out, ":%" G_GUINT64_FORMAT, n);
    }
}

static void
describe_total (const SatchelCounterRecord *record, GString *out)
{
  static const char *const kinds[] = { NULL, "counter", "gauge", "histogram" };
  g_string_append_printf (out, "counter name=%s kind=%s labels=%s", record->name, kinds[record->kind],
                          record->labels);
  if (record->kind == SATCHEL_KIND_OF_HISTOGRAM)
    describe_histogram (record, out);
  else
    g_string_append_printf (out, " value=%" G_GINT64_FORMAT, (gint64) record->cells[0]);
  g_string_append_c (out, '\n');
}

static gint
compare_keys (gconstpointer a, gconstpointer b)
{
  return strcmp (a, b);
}

void
satchel_counter_totals_describe (const SatchelCounterTotals *totals, GString *out)
{
  g_autoptr (GList) keys = g_list_sort (g_hash_table_get_keys (totals->records), compare_keys);
  for (GList *key = keys; key != NULL; key = key->next)
    describe_total (g_hash_table_lookup (totals->records, key->data), out);
}
