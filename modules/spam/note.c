/* SPDX-License-Identifier: MIT
 * This file writes and reads notes of the message stage for the recipient stage: "FLAG SCORE THRESHOLD
 * SOURCE", such as "+ 12.3 5.0 rspamd-header", and then one sender a line. FLAG is + for spam, - for other
 * mail and ? if the source does not say; ? stands for a number that is not known.
 */
#include "note.h"

#include <satchel/header.h>
#include <string.h>

#define SENDER_BYTES 140u /* so that all fit into a note; a longer address is on nobody's list */

void
spam_senders_add (GPtrArray *senders, const char *address)
{
  gsize len = strlen (address);
  gboolean is_good = len > 0 && len <= SENDER_BYTES && g_utf8_validate (address, (gssize) len, NULL);
  for (const char *c = address; is_good && *c != '\0'; c++)
    is_good = (guchar) *c > ' ';
  if (!is_good || senders->len >= SPAM_SENDERS_MAX)
    return;
  g_autofree char *lower = g_utf8_strdown (address, (gssize) len);
  if (strlen (lower) <= SENDER_BYTES)
    g_ptr_array_add (senders, g_steal_pointer (&lower));
}

static void
add_addresses (GPtrArray *senders, const SatchelHeaderField *field)
{
  g_autoptr (GPtrArray) addresses =
      satchel_addresses_parse (field->value, field->value_len, SPAM_SENDERS_MAX);
  for (guint i = 0; i < addresses->len; i++)
    {
      const SatchelAddress *address = addresses->pdata[i];
      if (address->mailbox == NULL || address->host == NULL || *address->host == '\0')
        continue;
      g_autofree char *whole = g_strconcat (address->mailbox, "@", address->host, NULL);
      spam_senders_add (senders, whole);
    }
}

GPtrArray *
spam_senders_read (const char *block, gsize len)
{
  GPtrArray *senders = g_ptr_array_new_with_free_func (g_free);
  SatchelHeaderReader reader;
  SatchelHeaderField field;
  satchel_header_reader_init (&reader, block, len);
  while (satchel_header_reader_next (&reader, &field))
    if (satchel_header_field_is (&field, "From"))
      {
        add_addresses (senders, &field);
        break;
      }
  return senders;
}

static void
append_score (GString *text, gint64 score)
{
  g_autofree char *number = score != SPAM_NO_SCORE ? spam_score_format (score) : g_strdup ("?");
  g_string_append_printf (text, " %s", number);
}

char *
spam_note_format (const SpamFinding *finding, const GPtrArray *senders)
{
  GString *text = g_string_new (!finding->has_flag ? "?" : finding->is_flagged ? "+" : "-");
  append_score (text, finding->score);
  append_score (text, finding->required);
  g_string_append_printf (text, " %s", finding->source != NULL ? finding->source : "?");
  for (guint i = 0; i < senders->len; i++)
    g_string_append_printf (text, "\n%s", (const char *) senders->pdata[i]);
  return g_string_free (text, FALSE);
}

static gint64
parse_score (const char *word)
{
  gint64 score = SPAM_NO_SCORE;
  spam_score_take (&word, word + strlen (word), &score);
  return score;
}

static void
parse_finding (const char *line, SpamNote *note)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 4);
  if (g_strv_length (words) != 4)
    return;
  note->source = strcmp (words[3], "?") != 0 ? g_strdup (words[3]) : NULL;
  note->finding = (SpamFinding) { .has_flag = *words[0] != '?',
                                  .is_flagged = *words[0] == '+',
                                  .score = parse_score (words[1]),
                                  .required = parse_score (words[2]),
                                  .source = note->source };
}

void
spam_note_parse (const char *text, SpamNote *ret_note)
{
  *ret_note = (SpamNote) { SPAM_FINDING_NONE, g_ptr_array_new_with_free_func (g_free), NULL };
  if (text == NULL || *text == '\0')
    return;
  g_auto (GStrv) lines = g_strsplit (text, "\n", SPAM_SENDERS_MAX + 1);
  parse_finding (lines[0], ret_note);
  for (guint i = 1; lines[i] != NULL; i++)
    spam_senders_add (ret_note->senders, lines[i]);
}

void
spam_note_clear (SpamNote *note)
{
  g_clear_pointer (&note->senders, g_ptr_array_unref);
  g_clear_pointer (&note->source, g_free);
}
