/* SPDX-License-Identifier: MIT
 * This file reads From_ lines: "From ADDRESS Fri Nov 21 09:55:06 1997", with the zones that some programs put
 * before or behind the year.  Pure functions.
 */
#include "config.h"

#include "core/mail/header/fields.h"
#include "core/mail/mbox/mbox.h"

#include <string.h>

#define LINE_MAX_BYTES 1000u

/* Says whether the text begins with "Fri Nov 21 ", or the like. */
static gboolean
begins_date (const char *at, const char *end)
{
  static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  gboolean has_day = FALSE, has_month = FALSE;
  if (end - at < 16 || at[3] != ' ' || at[7] != ' ')
    return FALSE;
  for (guint i = 0; i < 7 && !has_day; i++)
    has_day = strncmp (at, days + 3 * i, 3) == 0;
  for (guint i = 0; i < 12 && !has_month; i++)
    has_month = strncmp (at + 4, months + 3 * i, 3) == 0;
  return has_day && has_month;
}

/* Moves a zone that stands before the year, as in "Fri Nov 21 09:55:06 EST 1997", behind it. */
static char *
put_zone_last (const char *date, gsize len)
{
  g_autofree char *text = g_strndup (date, len);
  g_auto (GStrv) words = g_strsplit_set (g_strstrip (text), " \t", -1);
  g_autoptr (GString) out = g_string_new (NULL);
  const char *zone = NULL;
  gboolean has_time = FALSE;
  for (char **word = words; *word != NULL; word++)
    {
      if (has_time && zone == NULL && **word != '\0' && !g_ascii_isdigit (**word))
        zone = *word;
      else
        g_string_append_printf (out, "%s ", *word);
      has_time = has_time || strchr (*word, ':') != NULL;
    }
  if (!has_time)
    return NULL;
  if (zone != NULL)
    g_string_append (out, zone);
  return g_string_free (g_steal_pointer (&out), FALSE);
}

gboolean
satchel_mbox_from_parse (const char *line, gsize len, gint64 *ret_date)
{
  const char *end = line + len;
  if (len > LINE_MAX_BYTES || len < 5 || memcmp (line, "From ", 5) != 0)
    return FALSE;
  for (const char *at = line + 5; at < end; at++)
    if ((at[-1] == ' ' || at[-1] == '\t') && begins_date (at, end))
      {
        g_autofree char *date = put_zone_last (at, (gsize) (end - at));
        return date != NULL && satchel_date_parse (date, strlen (date), ret_date, NULL);
      }
  return FALSE;
}
