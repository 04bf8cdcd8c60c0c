/* SPDX-License-Identifier: MIT
 * Implements sets of UIDs, kept as ranges (RFC 3501 9, sequence-set).
 */
#include "config.h"

#include <satchel/number.h>
#include <satchel/snapshot.h>
#include <string.h>

/* Makes room for one range more.  The room is always the next power of two, so that appending takes constant
 * time and no idle session needs a member for it. */
static void
make_room (SatchelUidSet *set)
{
  guint n = set->n_ranges;
  if (n == 0 || (n & (n - 1)) == 0)
    set->ranges = g_renew (SatchelRange, set->ranges, n == 0 ? 1 : (gsize) n * 2);
}

/* Returns the first range whose last UID is >= @uid; n_ranges means that there is none. */
static guint
lower_bound (const SatchelUidSet *set, guint32 uid)
{
  guint low = 0, high = set->n_ranges;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (set->ranges[middle].last < uid)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

void
satchel_uid_set_add (SatchelUidSet *set, guint32 first, guint32 last)
{
  if (first > last)
    return;
  guint n = set->n_ranges;
  if (n > 0 && set->ranges[n - 1].last < first)
    {
      if (set->ranges[n - 1].last + 1 == first)
        {
          set->ranges[n - 1].last = last;
          return;
        }
      make_room (set);
      set->ranges[set->n_ranges++] = (SatchelRange) { first, last };
      return;
    }
  /* All ranges that overlap or touch the new one are joined with it: those from `at` up to `end`. */
  guint at = lower_bound (set, first > 0 ? first - 1 : 0);
  guint end = at;
  while (end < n && (last == G_MAXUINT32 || set->ranges[end].first <= last + 1))
    {
      first = MIN (first, set->ranges[end].first);
      last = MAX (last, set->ranges[end].last);
      end++;
    }
  if (end == at)
    {
      make_room (set);
      memmove (set->ranges + at + 1, set->ranges + at, (n - at) * sizeof (SatchelRange));
      set->n_ranges++;
    }
  else
    {
      memmove (set->ranges + at + 1, set->ranges + end, (n - end) * sizeof (SatchelRange));
      set->n_ranges -= end - at - 1;
    }
  set->ranges[at] = (SatchelRange) { first, last };
}

void
satchel_uid_set_copy (const SatchelUidSet *source, SatchelUidSet *ret_copy)
{
  guint room = 1;
  while (room < source->n_ranges)
    room *= 2;
  *ret_copy = (SatchelUidSet) { source->n_ranges > 0 ? g_new (SatchelRange, room) : NULL, source->n_ranges };
  if (source->n_ranges > 0)
    memcpy (ret_copy->ranges, source->ranges, source->n_ranges * sizeof (SatchelRange));
}

gboolean
satchel_uid_set_contains (const SatchelUidSet *set, guint32 uid)
{
  guint at = lower_bound (set, uid);
  return at < set->n_ranges && set->ranges[at].first <= uid;
}

guint64
satchel_uid_set_count (const SatchelUidSet *set)
{
  guint64 count = 0;
  for (guint i = 0; i < set->n_ranges; i++)
    count += (guint64) set->ranges[i].last - set->ranges[i].first + 1;
  return count;
}

void
satchel_uid_set_clear (SatchelUidSet *set)
{
  g_clear_pointer (&set->ranges, g_free);
  set->n_ranges = 0;
}

void
satchel_uid_set_format (const SatchelUidSet *set, GString *out)
{
  for (guint i = 0; i < set->n_ranges; i++)
    {
      if (i > 0)
        g_string_append_c (out, ',');
      g_string_append_printf (out, "%u", set->ranges[i].first);
      if (set->ranges[i].last != set->ranges[i].first)
        g_string_append_printf (out, ":%u", set->ranges[i].last);
    }
}

/* Reads an nz-number, which has no sign and no leading zero and is at most 2^32 - 1. */
static gboolean
parse_number (const char **at, const char *end, guint32 *ret_number)
{
  return *at < end && **at != '0' && satchel_number_take_u32 (at, end, G_MAXUINT32, ret_number);
}

gboolean
satchel_uid_set_parse (const char *text, gsize len, SatchelUidSet *ret_set)
{
  g_auto (SatchelUidSet) set = { NULL, 0 };
  const char *at = text, *end = text + len;
  for (;;)
    {
      guint32 first, last;
      if (!parse_number (&at, end, &first))
        return FALSE;
      last = first;
      if (at < end && *at == ':')
        {
          at++;
          if (!parse_number (&at, end, &last))
            return FALSE;
        }
      satchel_uid_set_add (&set, MIN (first, last), MAX (first, last));
      if (at == end)
        break;
      if (*at++ != ',')
        return FALSE;
    }
  *ret_set = set;
  set = (SatchelUidSet) { NULL, 0 };
  return TRUE;
}
