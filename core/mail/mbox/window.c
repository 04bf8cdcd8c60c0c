/* SPDX-License-Identifier: MIT
 * Implements a window on a stream.
 */
#include "config.h"

#include "core/mail/mbox/window.h"

#include <string.h>

void
satchel_window_open (SatchelWindow *window, SatchelStream *stream, guint64 start, guint64 end)
{
  *window = (SatchelWindow) {
    .stream = stream, .offset = start, .end = end, .bytes = g_malloc (SATCHEL_WINDOW_BYTES)
  };
}

void
satchel_window_clear (SatchelWindow *window)
{
  g_clear_pointer (&window->bytes, g_free);
}

void
satchel_window_seek (SatchelWindow *window, guint64 offset)
{
  const guint64 first = window->offset - window->at;
  if (offset >= first && offset - first <= window->n)
    window->at = (gsize) (offset - first);
  else
    window->at = window->n = 0;
  window->offset = offset;
}

void
satchel_window_use (SatchelWindow *window, gsize n)
{
  window->at += n;
  window->offset += n;
}

gssize
satchel_window_see (SatchelWindow *window, gsize wanted, const guint8 **ret_bytes, GError **error)
{
  while (window->n - window->at < wanted)
    {
      const gsize n_there = window->n - window->at;
      const guint64 next = window->offset + n_there;
      memmove (window->bytes, window->bytes + window->at, n_there);
      window->at = 0;
      window->n = n_there;
      const gsize room = (gsize) MIN (SATCHEL_WINDOW_BYTES - n_there, window->end - next);
      if (room == 0)
        break;
      gssize n = satchel_stream_read_at (window->stream, next, window->bytes + n_there, room, error);
      if (n < 0)
        return -1;
      if (n == 0)
        break;
      window->n += (gsize) n;
    }
  *ret_bytes = window->bytes + window->at;
  return (gssize) (window->n - window->at);
}
