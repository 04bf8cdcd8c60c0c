/* SPDX-License-Identifier: MIT
 * sequence-set (RFC 3501 9): seq-number ["," ...], ranges in either order, "*" for the last message; or "$"
 * (RFC 5182 3).
 */
#include "grammar/sequence.h"

#include <satchel/number.h>
#include <stdlib.h>

/* Reads seq-number: nz-number or "*".  NULL means that it is neither. */
static const char *
parse_number (const char *at, guint32 *ret_number)
{
  if (*at == '*')
    {
      *ret_number = 0;
      return at + 1;
    }
  return *at != '0' && satchel_number_take_u32 (&at, NULL, G_MAXUINT32, ret_number) ? at : NULL;
}

gboolean
imap_sequence_parse (const char *text, ImapSequence *ret_sequence)
{
  if (text[0] == '$' && text[1] == '\0')
    {
      ret_sequence->is_saved = TRUE;
      return TRUE;
    }
  g_autoptr (GArray) ranges = g_array_new (FALSE, FALSE, sizeof (SatchelRange));
  for (const char *at = text;; at++)
    {
      SatchelRange range;
      if ((at = parse_number (at, &range.first)) == NULL)
        return FALSE;
      range.last = range.first;
      if (*at == ':' && (at = parse_number (at + 1, &range.last)) == NULL)
        return FALSE;
      g_array_append_val (ranges, range);
      if (*at == '\0')
        break;
      if (*at != ',')
        return FALSE;
    }
  ret_sequence->n_ranges = ranges->len;
  ret_sequence->ranges = (SatchelRange *) (gpointer) g_array_free (g_steal_pointer (&ranges), FALSE);
  return TRUE;
}

gboolean
imap_parse_sequence (ImapReader *reader, ImapSequence *ret_sequence)
{
  const char *text;
  if (!imap_read_word (reader, &text))
    return FALSE;
  return imap_sequence_parse (text, ret_sequence) || imap_reader_fail (reader, "Invalid sequence set");
}

void
imap_sequence_clear (ImapSequence *sequence)
{
  g_clear_pointer (&sequence->ranges, g_free);
  sequence->n_ranges = 0;
}

static int
compare_ranges (const void *a, const void *b)
{
  guint32 first = ((const SatchelRange *) a)->first, second = ((const SatchelRange *) b)->first;
  return first < second ? -1 : first > second;
}

void
imap_sequence_resolve (const ImapSequence *sequence, guint32 star, SatchelUidSet *ret_set)
{
  if (star == 0 || sequence->n_ranges == 0)
    return;
  g_autofree SatchelRange *ranges = g_new (SatchelRange, sequence->n_ranges);
  gboolean is_sorted = TRUE;
  for (guint i = 0; i < sequence->n_ranges; i++)
    {
      guint32 first = sequence->ranges[i].first, last = sequence->ranges[i].last;
      first = first == 0 ? star : first;
      last = last == 0 ? star : last;
      ranges[i] = (SatchelRange) { MIN (first, last), MAX (first, last) };
      is_sorted = is_sorted && (i == 0 || ranges[i - 1].first <= ranges[i].first);
    }
  if (!is_sorted)
    qsort (ranges, sequence->n_ranges, sizeof *ranges, compare_ranges);
  SatchelRange current = ranges[0];
  for (guint i = 1; i < sequence->n_ranges; i++)
    if (current.last == G_MAXUINT32 || ranges[i].first <= current.last + 1)
      current.last = MAX (current.last, ranges[i].last);
    else
      {
        satchel_uid_set_add (ret_set, current.first, current.last);
        current = ranges[i];
      }
  satchel_uid_set_add (ret_set, current.first, current.last);
}

gboolean
imap_sequence_fits (const ImapSequence *sequence, guint32 n_messages)
{
  if (sequence->is_saved)
    return TRUE;
  if (n_messages == 0)
    return sequence->n_ranges == 1 && sequence->ranges[0].first == 1 && sequence->ranges[0].last == 0;
  for (guint i = 0; i < sequence->n_ranges; i++)
    if (sequence->ranges[i].first > n_messages || sequence->ranges[i].last > n_messages)
      return FALSE;
  return TRUE;
}
