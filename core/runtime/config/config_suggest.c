/* SPDX-License-Identifier: MIT
 * Finds the nearest of a list of names, for "did you mean".
 */
#include "config.h"

#include <string.h>

#include "core/runtime/config/config_image.h"

#define NAME_MAX_BYTES 48u

static char
fold_letter (char c)
{
  return c == '-' ? '_' : g_ascii_tolower (c);
}

/* Returns the number of edits (insert, delete, change, swap of neighbours) that turn one name into the
 * other. */
static guint
edit_distance (const char *a, const char *b)
{
  gsize n = strlen (a), m = strlen (b);
  guint rows[3][NAME_MAX_BYTES + 1];
  guint *before = rows[0], *last = rows[1], *now = rows[2];
  for (gsize j = 0; j <= m; j++)
    last[j] = before[j] = (guint) j;
  for (gsize i = 1; i <= n; i++)
    {
      now[0] = (guint) i;
      for (gsize j = 1; j <= m; j++)
        {
          gboolean same = fold_letter (a[i - 1]) == fold_letter (b[j - 1]);
          now[j] = MIN (MIN (now[j - 1], last[j]) + 1, last[j - 1] + !same);
          if (i > 1 && j > 1 && fold_letter (a[i - 1]) == fold_letter (b[j - 2])
              && fold_letter (a[i - 2]) == fold_letter (b[j - 1]))
            now[j] = MIN (now[j], before[j - 2] + 1);
        }
      guint *spare = before;
      before = last;
      last = now;
      now = spare;
    }
  return last[m];
}

const char *
satchel_suggest (const char *name, const char *const *names)
{
  gsize len = strlen (name);
  const char *best = NULL;
  guint best_distance = len <= 3 ? 2 : 3 + (guint) len / 6;
  if (len == 0 || len > NAME_MAX_BYTES)
    return NULL;
  for (gsize i = 0; names[i] != NULL; i++)
    {
      if (strlen (names[i]) > NAME_MAX_BYTES)
        continue;
      guint found = edit_distance (name, names[i]);
      if (found < best_distance && found < strlen (names[i]))
        {
          best = names[i];
          best_distance = found;
        }
    }
  return best;
}
