/* SPDX-License-Identifier: MIT
 * Implements the view of a message in which header blocks are replaced: pieces of the content and of a text,
 * in turn.
 */
#include "config.h"

#include "core/mail/header/fields.h"
#include <satchel/downgrade.h>
#include <satchel/message.h>
#include <string.h>

typedef struct Piece
{
  guint64 start, len; /* place and length in the view */
  guint64 source;     /* offset in the content, or in the text that replaces a header */
  gboolean is_text;
} Piece;

typedef struct DowngradedStream
{
  SatchelStream stream;
  SatchelStream *content;
  GString *text;
  GArray *pieces; /* Piece; no piece is empty */
  guint64 len;
} DowngradedStream;

static void
add_piece (DowngradedStream *self, guint64 source, guint64 len, gboolean is_text)
{
  Piece piece = { .start = self->len, .len = len, .source = source, .is_text = is_text };
  if (len == 0)
    return;
  g_array_append_val (self->pieces, piece);
  self->len += len;
}

/* Returns the piece that contains @offset, which is within the view. */
static const Piece *
find_piece (DowngradedStream *self, guint64 offset)
{
  guint low = 0, high = self->pieces->len;
  while (high - low > 1)
    {
      guint middle = low + (high - low) / 2;
      if (g_array_index (self->pieces, Piece, middle).start <= offset)
        low = middle;
      else
        high = middle;
    }
  return &g_array_index (self->pieces, Piece, low);
}

static gssize
downgraded_read_at (SatchelStream *stream, guint64 offset, void *buffer, gsize len, GError **error)
{
  DowngradedStream *self = (DowngradedStream *) stream;
  gsize done = 0;
  while (done < len && offset + done < self->len)
    {
      const Piece *piece = find_piece (self, offset + done);
      guint64 skip = offset + done - piece->start;
      gsize want = (gsize) MIN (piece->len - skip, len - done);
      gssize n = (gssize) want;
      if (piece->is_text)
        memcpy ((char *) buffer + done, self->text->str + piece->source + skip, want);
      else
        n = satchel_stream_read_at (self->content, piece->source + skip, (char *) buffer + done, want, error);
      if (n < 0)
        return -1;
      done += (gsize) n;
      if ((gsize) n < want)
        break;
    }
  return (gssize) done;
}

static gint64
downgraded_length (SatchelStream *stream, GError **error)
{
  return (gint64) ((DowngradedStream *) stream)->len;
}

static void
downgraded_free (SatchelStream *stream)
{
  DowngradedStream *self = (DowngradedStream *) stream;
  satchel_stream_unref (self->content);
  g_string_free (self->text, TRUE);
  g_array_unref (self->pieces);
  g_free (self);
}

static const SatchelStreamOps downgraded_ops = {
  .size = sizeof (SatchelStreamOps),
  .read_at = downgraded_read_at,
  .length = downgraded_length,
  .free = downgraded_free,
};

/* Replaces the header block [offset, offset + len) of the content if it needs that. FALSE means that it
 * cannot be read. */
static gboolean
replace_block (DowngradedStream *self, guint64 offset, gsize len, guint64 *done, GError **error)
{
  g_autofree char *block = g_malloc (len + 1);
  gssize n = satchel_stream_read_at (self->content, offset, block, len, error);
  if (n < 0)
    return FALSE;
  if (!satchel_header_needs_utf8 (block, (gsize) n))
    return TRUE;
  gsize start = self->text->len;
  satchel_header_downgrade (block, (gsize) n, self->text);
  add_piece (self, *done, offset - *done, FALSE);
  add_piece (self, start, self->text->len - start, TRUE);
  *done = offset + (guint64) n;
  return TRUE;
}

SatchelStream *
satchel_stream_new_downgraded (SatchelStream *content, GBytes *attributes, guint64 *ret_header,
                               GError **error)
{
  gint64 length = satchel_stream_length (content, error);
  if (length < 0)
    return NULL;
  DowngradedStream *self = g_new0 (DowngradedStream, 1);
  satchel_stream_init (&self->stream, &downgraded_ops);
  self->content = satchel_stream_ref (content);
  self->text = g_string_new (NULL);
  self->pieces = g_array_new (FALSE, FALSE, sizeof (Piece));
  g_autoptr (SatchelStream) view = &self->stream;
  guint64 done = 0, left = SATCHEL_SCAN_HEADER_BYTES, header = satchel_attributes_header_size (attributes);
  SatchelPart part;
  for (guint i = 0;
       satchel_attributes_is_parsed (attributes) && satchel_attributes_part (attributes, i, &part); i++)
    {
      /* Whatever a damaged blob says, pieces go forward, and no more is read than the scanner would have. */
      if (part.header_offset < done || part.body_offset <= part.header_offset
          || part.body_offset > (guint64) length || part.body_offset - part.header_offset > left)
        continue;
      left -= part.body_offset - part.header_offset;
      if (!replace_block (self, part.header_offset, (gsize) (part.body_offset - part.header_offset), &done,
                          error))
        return NULL;
      if (i == 0 && done > 0)
        header = self->len;
    }
  if (ret_header != NULL)
    *ret_header = header;
  if (done == 0)
    return satchel_stream_ref (content);
  add_piece (self, done, (guint64) length - done, FALSE);
  return g_steal_pointer (&view);
}
