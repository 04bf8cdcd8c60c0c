/* SPDX-License-Identifier: MIT
 * Reads and writes scores.
 */
#include "score.h"

gboolean
spam_score_take (const char **at, const char *end, gint64 *ret_score)
{
  const char *c = *at;
  gint64 score = 0;
  guint n_digits = 0;
  gboolean is_negative = c < end && *c == '-';
  if (c < end && (*c == '-' || *c == '+'))
    c++;
  for (; c < end && g_ascii_isdigit (*c) && score <= SPAM_SCORE_MAX; c++, n_digits++)
    score = score * 10 + (*c - '0') * 1000;
  if (c < end && *c == '.')
    {
      gint64 unit = 100;
      for (c++; c < end && g_ascii_isdigit (*c); c++, n_digits++, unit /= 10)
        score += (*c - '0') * unit;
    }
  if (n_digits == 0 || score > SPAM_SCORE_MAX)
    return FALSE;
  *ret_score = is_negative ? -score : score;
  *at = c;
  return TRUE;
}

char *
spam_score_format (gint64 score)
{
  guint64 size = (guint64) (score < 0 ? -score : score);
  GString *text = g_string_new (NULL);
  g_string_printf (text, "%s%" G_GUINT64_FORMAT ".%03u", score < 0 ? "-" : "", size / 1000,
                   (guint) (size % 1000));
  while (text->str[text->len - 1] == '0' && text->str[text->len - 2] != '.')
    g_string_truncate (text, text->len - 1);
  return g_string_free (text, FALSE);
}
