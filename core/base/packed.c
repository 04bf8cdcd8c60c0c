/* SPDX-License-Identifier: MIT
 * Makes structures in one piece with their texts (packed.h).
 */
#include "config.h"

#include "core/base/packed.h"

#include <string.h>

static const char **
text_at (gpointer packed, gsize offset)
{
  return (const char **) (gpointer) ((char *) packed + offset);
}

gpointer
satchel_packed_new (gconstpointer from, gsize size, const gsize *offsets, guint n_offsets)
{
  gsize n_bytes = size + 1; /* all empty texts share one byte */
  for (guint i = 0; i < n_offsets; i++)
    {
      const char *text = *text_at ((gpointer) from, offsets[i]);
      n_bytes += text != NULL && *text != '\0' ? strlen (text) + 1 : 0;
    }
  char *packed = g_atomic_rc_box_alloc0 (n_bytes);
  memcpy (packed, from, size);
  char *end = packed + size + 1;
  for (guint i = 0; i < n_offsets; i++)
    {
      const char **text = text_at (packed, offsets[i]);
      if (*text == NULL)
        continue;
      gsize len = strlen (*text);
      const char *source = *text;
      *text = len > 0 ? end : packed + size;
      if (len > 0)
        end = (char *) memcpy (end, source, len + 1) + len + 1;
    }
  return packed;
}
