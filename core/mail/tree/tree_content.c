/* SPDX-License-Identifier: MIT
 * This file writes the content of a message in the form of a Maildir file.
 */
#include "config.h"

#include "core/mail/mbox/window.h"
#include "core/mail/tree/tree.h"

#include <string.h>

/* Sets *ret_is to whether exactly one CR stands before each LF, so that LF alone can stand for both. */
static gboolean
is_all_crlf (SatchelStream *content, guint64 len, gboolean *ret_is, GError **error)
{
  g_auto (SatchelWindow) window = { NULL };
  const guint8 *bytes;
  guint8 last[2] = { 0, 0 };
  gssize n;
  *ret_is = TRUE;
  satchel_window_open (&window, content, 0, len);
  while ((n = satchel_window_see (&window, 1, &bytes, error)) > 0)
    {
      for (const guint8 *at = bytes, *end = bytes + n;
           at < end && (at = memchr (at, '\n', (gsize) (end - at))) != NULL; at++)
        {
          const guint8 one = at > bytes ? at[-1] : last[1];
          const guint8 two = at > bytes + 1 ? at[-2] : at > bytes ? last[1] : last[0];
          *ret_is = *ret_is && one == '\r' && two != '\r';
        }
      last[0] = n > 1 ? bytes[n - 2] : last[1];
      last[1] = bytes[n - 1];
      satchel_window_use (&window, (gsize) n);
    }
  return n == 0;
}

/* Gives @take the bytes that the window shows, with LF for CRLF.  Returns how many were used up; a CR at the
 * end waits for what follows it. */
static gssize
give_lines (const guint8 *bytes, gsize n, gboolean is_end, SatchelMboxTakeFunc take, gpointer data,
            GError **error)
{
  const guint8 *at = bytes, *end = bytes + n - (!is_end && bytes[n - 1] == '\r' ? 1 : 0);
  while (at < end)
    {
      const guint8 *newline = memchr (at, '\n', (gsize) (end - at));
      const gsize len = newline != NULL ? (gsize) (newline - at) - 1 : (gsize) (end - at);
      if ((len > 0 && !take (at, len, data, error)) || (newline != NULL && !take ("\n", 1, data, error)))
        return -1;
      at = newline != NULL ? newline + 1 : end;
    }
  return at - bytes;
}

gboolean
satchel_tree_copy (SatchelStream *content, SatchelMboxTakeFunc take, gpointer data, guint64 *ret_size,
                   GError **error)
{
  g_auto (SatchelWindow) window = { NULL };
  const guint8 *bytes;
  gboolean is_crlf;
  gint64 len = satchel_stream_length (content, error);
  if (len < 0 || !is_all_crlf (content, (guint64) len, &is_crlf, error))
    return FALSE;
  *ret_size = (guint64) len;
  satchel_window_open (&window, content, 0, (guint64) len);
  for (;;)
    {
      gssize n = satchel_window_see (&window, 2, &bytes, error);
      if (n <= 0)
        return n == 0;
      const gboolean is_end = window.offset + (guint64) n == (guint64) len;
      gssize used = !is_crlf ? (take (bytes, (gsize) n, data, error) ? n : -1)
                             : give_lines (bytes, (gsize) n, is_end, take, data, error);
      if (used < 0)
        return FALSE;
      satchel_window_use (&window, (gsize) used);
    }
}
