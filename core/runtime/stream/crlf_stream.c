/* SPDX-License-Identifier: MIT
 * Shows content that is stored with LF as if it had CRLF: every LF without CR before it is read as CRLF.
 * Positions are remembered every 64 KiB and at the end of the last read, so that reading from front to
 * back takes linear time.
 */
#include "config.h"

#include <satchel/stream.h>
#include <string.h>

#define MARK_BYTES 65536u
#define BLOCK_BYTES 16384u

/* A place counts in both texts. Behind an inserted CR, `below` is at its LF and `after_cr` is set. */
typedef struct Place
{
  guint64 view, below;
  gboolean after_cr;
} Place;

typedef struct CrlfStream
{
  SatchelStream stream;
  SatchelStream *below;
  GMutex lock;
  GArray *marks; /* Place, ascending, about MARK_BYTES apart; the first is the start */
  Place last;    /* where the last read ended, in both texts */
  gint64 length; /* -1: not known yet */
} CrlfStream;

/* Moves @place over @input, the stored content at that place, by at most @room bytes of the view, which go
 * to @out unless it is NULL. Returns the number of bytes of the view. */
static gsize
convert_lines (Place *place, const guint8 *input, gsize len, guint8 *out, gsize room)
{
  gsize at = 0, made = 0;
  while (at < len && made < room)
    {
      const guint8 *newline = memchr (input + at, '\n', len - at);
      gsize plain = newline != NULL ? (gsize) (newline - input) - at : len - at;
      gsize n = MIN (plain, room - made);
      if (n > 0)
        {
          if (out != NULL)
            memcpy (out + made, input + at, n);
          at += n;
          made += n;
          place->after_cr = input[at - 1] == '\r';
        }
      if (n < plain || newline == NULL)
        continue;
      if (!place->after_cr && made < room)
        {
          if (out != NULL)
            out[made] = '\r';
          made++;
          place->after_cr = TRUE;
        }
      if (made == room)
        break;
      if (out != NULL)
        out[made] = '\n';
      made++;
      at++;
      place->after_cr = FALSE;
    }
  place->below += at;
  place->view += made;
  return made;
}

/* Remembers @place if it is far enough from the places that are known. */
static void
remember_place (CrlfStream *self, const Place *place)
{
  g_mutex_lock (&self->lock);
  const Place *newest = &g_array_index (self->marks, Place, self->marks->len - 1);
  if (place->view >= newest->view + MARK_BYTES)
    g_array_append_vals (self->marks, place, 1);
  g_mutex_unlock (&self->lock);
}

static Place
nearest_place (CrlfStream *self, guint64 offset)
{
  g_mutex_lock (&self->lock);
  guint low = 0, high = self->marks->len;
  while (high - low > 1)
    {
      guint middle = low + (high - low) / 2;
      if (g_array_index (self->marks, Place, middle).view <= offset)
        low = middle;
      else
        high = middle;
    }
  Place place = g_array_index (self->marks, Place, low);
  if (self->last.view <= offset && self->last.view > place.view)
    place = self->last;
  g_mutex_unlock (&self->lock);
  return place;
}

/* Moves @place by @len bytes of the view, which go to @out unless it is NULL. Returns their number; -1 on
 * error. */
static gint64
advance_to (CrlfStream *self, Place *place, guint8 *out, guint64 len, GError **error)
{
  guint8 block[BLOCK_BYTES];
  guint64 done = 0;
  while (done < len)
    {
      /* The view is at least as long as the stored content. */
      gsize want = (gsize) MIN (len - done, sizeof block);
      gssize n = satchel_stream_read_at (self->below, place->below, block, want, error);
      if (n < 0)
        return -1;
      if (n == 0)
        break;
      gsize room = (gsize) MIN (len - done, G_MAXSSIZE);
      done += convert_lines (place, block, (gsize) n, out != NULL ? out + done : NULL, room);
      remember_place (self, place);
    }
  return (gint64) done;
}

static gssize
crlf_read_at (SatchelStream *stream, guint64 offset, void *buffer, gsize len, GError **error)
{
  CrlfStream *self = (CrlfStream *) stream;
  Place place = nearest_place (self, offset);
  guint64 skip = offset - place.view;
  if (skip > 0)
    {
      gint64 skipped = advance_to (self, &place, NULL, skip, error);
      if (skipped < 0)
        return -1;
      if ((guint64) skipped < skip)
        return 0;
    }
  gint64 n = advance_to (self, &place, buffer, len, error);
  if (n < 0)
    return -1;
  g_mutex_lock (&self->lock);
  self->last = place;
  g_mutex_unlock (&self->lock);
  return (gssize) n;
}

static gint64
crlf_length (SatchelStream *stream, GError **error)
{
  CrlfStream *self = (CrlfStream *) stream;
  g_mutex_lock (&self->lock);
  gint64 length = self->length;
  Place place = g_array_index (self->marks, Place, self->marks->len - 1);
  g_mutex_unlock (&self->lock);
  if (length >= 0)
    return length;
  if (advance_to (self, &place, NULL, G_MAXUINT64, error) < 0)
    return -1;
  g_mutex_lock (&self->lock);
  self->length = (gint64) place.view;
  g_mutex_unlock (&self->lock);
  return (gint64) place.view;
}

static void
crlf_free (SatchelStream *stream)
{
  CrlfStream *self = (CrlfStream *) stream;
  satchel_stream_unref (self->below);
  g_mutex_clear (&self->lock);
  g_array_unref (self->marks);
  g_free (self);
}

static const SatchelStreamOps crlf_ops = {
  .size = sizeof (SatchelStreamOps),
  .read_at = crlf_read_at,
  .length = crlf_length,
  .free = crlf_free,
};

SatchelStream *
satchel_stream_new_crlf (SatchelStream *below, gint64 known_length)
{
  CrlfStream *self = g_new0 (CrlfStream, 1);
  satchel_stream_init (&self->stream, &crlf_ops);
  self->below = satchel_stream_ref (below);
  g_mutex_init (&self->lock);
  self->marks = g_array_new (FALSE, TRUE, sizeof (Place));
  g_array_set_size (self->marks, 1);
  self->length = known_length;
  return &self->stream;
}
