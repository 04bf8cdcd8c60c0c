/* SPDX-License-Identifier: MIT
 * Implements LIST patterns (RFC 3501 6.3.8): a set of positions in the pattern is moved over the name, one
 * byte at a time, so that no pattern costs more than its length for each byte.
 */
#include "config.h"

#include <satchel/mailbox_name.h>
#include <string.h>

#define PATTERN_BYTES (4 * SATCHEL_MAILBOX_NAME_BYTES)

typedef struct Matcher
{
  char *pattern; /* the pattern, with each run of wildcards replaced by one */
  gsize len;
  char separator;
  guint8 *now, *next; /* len + 1 flags: which positions of the pattern match */
  gsize first, last;  /* the range that has all flags that are set */
} Matcher;

/* "%%" is "%", "*%" and "%*" are "*". */
static gsize
simplify (char *pattern)
{
  char *to = pattern;
  for (const char *at = pattern; *at != '\0';)
    if (*at != '*' && *at != '%')
      *to++ = *at++;
    else
      {
        char wildcard = '%';
        for (; *at == '*' || *at == '%'; at++)
          if (*at == '*')
            wildcard = '*';
        *to++ = wildcard;
      }
  *to = '\0';
  return to - pattern;
}

static void
set_position (Matcher *matcher, guint8 *set, gsize position, gsize *first, gsize *last)
{
  for (;;)
    {
      set[position] = 1;
      *first = MIN (*first, position);
      *last = MAX (*last, position);
      /* A wildcard also matches the empty text. */
      if (position == matcher->len
          || (matcher->pattern[position] != '*' && matcher->pattern[position] != '%'))
        return;
      position++;
    }
}

static void
matcher_start (Matcher *matcher, const char *pattern, char separator)
{
  matcher->pattern = g_strdup (pattern);
  matcher->len = simplify (matcher->pattern);
  matcher->separator = separator;
  matcher->now = g_malloc0 (matcher->len + 1);
  matcher->next = g_malloc0 (matcher->len + 1);
  matcher->first = matcher->len;
  matcher->last = 0;
  set_position (matcher, matcher->now, 0, &matcher->first, &matcher->last);
}

static void
matcher_clear (Matcher *matcher)
{
  g_free (matcher->pattern);
  g_free (matcher->now);
  g_free (matcher->next);
}

/* Takes one byte of the name.  FALSE means that neither this beginning of a name nor any longer
 * one can match. */
static gboolean
matcher_step (Matcher *matcher, char c, gboolean ignore_case)
{
  gsize first = matcher->len, last = 0;
  gboolean is_alive = FALSE;
  for (gsize i = matcher->first; i <= matcher->last; i++)
    {
      if (!matcher->now[i])
        continue;
      matcher->now[i] = 0;
      if (i == matcher->len)
        continue;
      const char want = matcher->pattern[i];
      gboolean stays = want == '*' || (want == '%' && c != matcher->separator);
      gboolean moves = want != '*' && want != '%'
                       && (want == c || (ignore_case && g_ascii_toupper (want) == g_ascii_toupper (c)));
      if (!stays && !moves)
        continue;
      set_position (matcher, matcher->next, stays ? i : i + 1, &first, &last);
      is_alive = TRUE;
    }
  guint8 *swap = matcher->now;
  matcher->now = matcher->next;
  matcher->next = swap;
  matcher->first = first;
  matcher->last = last;
  return is_alive;
}

static gboolean
matcher_feed (Matcher *matcher, const char *name)
{
  gsize inbox =
      g_ascii_strncasecmp (name, "INBOX", 5) == 0 && (name[5] == '\0' || name[5] == matcher->separator) ? 5
                                                                                                        : 0;
  for (gsize i = 0; name[i] != '\0'; i++)
    if (!matcher_step (matcher, name[i], i < inbox))
      return FALSE;
  return TRUE;
}

gboolean
satchel_list_match (const char *pattern, const char *name, char separator)
{
  Matcher matcher;
  if (strcmp (pattern, "*") == 0)
    return TRUE;
  if (strlen (pattern) > PATTERN_BYTES)
    return FALSE;
  matcher_start (&matcher, pattern, separator);
  gboolean is_match = matcher_feed (&matcher, name) && matcher.now[matcher.len];
  matcher_clear (&matcher);
  return is_match;
}
