/* SPDX-License-Identifier: MIT
 * Declares a window on a stream, for reading lines: a certain number of bytes from the start of a line on
 * lies in one piece of memory.
 */
#pragma once
#include <satchel/stream.h>

#define SATCHEL_WINDOW_BYTES 65536u

typedef struct SatchelWindow
{
  SatchelStream *stream; /* borrowed */
  guint64 offset;        /* offset of the first byte that is not used up */
  guint64 end;           /* offset in the stream at which the window ends */
  guint8 *bytes;         /* SATCHEL_WINDOW_BYTES; owned */
  gsize at, n;           /* bytes[at] to bytes[n - 1] have been read and not used up */
} SatchelWindow;

/* Opens a window on the bytes of @stream from @start to @end, which is not below @start. */
void satchel_window_open (SatchelWindow *window, SatchelStream *stream, guint64 start, guint64 end);
void satchel_window_clear (SatchelWindow *window);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelWindow, satchel_window_clear)
/* Goes on at @offset, which is at most `end`. */
void satchel_window_seek (SatchelWindow *window, guint64 offset);
/* Reads until at least @wanted bytes (at most half of the window) are there, or all up to the end; @wanted 1
 * asks for any.  Returns how many there are; 0 at the end, -1 with @error. [blocks] */
gssize satchel_window_see (SatchelWindow *window, gsize wanted, const guint8 **ret_bytes, GError **error);
/* Uses up @n bytes that were seen. */
void satchel_window_use (SatchelWindow *window, gsize n);
