/* SPDX-License-Identifier: MIT
 * A transport that compresses with raw DEFLATE (RFC 1951; RFC 4978 for IMAP) over another transport. The
 * result of one read is bounded by the caller's buffer, so small input that would become much output waits
 * here in its compressed form.
 */
#include "config.h"

#include "core/runtime/connection/connection_private.h"

#ifdef HAVE_ZLIB
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>

#define RAW_BYTES 16384u
#define READS_MAX 4 /* so many reads may yield no output before other connections get their turn */
#define PAGES_HEADER 64u
/* A connection takes 96 KiB while it is in use, and none at rest. A larger window would make answers some 7%
 * smaller. */
#define LEVEL 3
#define WINDOW_BITS (-14)
#define MEMORY_LEVEL 6
#define PEER_WINDOW_BITS (-15)

typedef struct DeflateTransport
{
  SatchelTransport transport;
  SatchelTransport *inner;
  z_stream in, out;
  gboolean has_out; /* `out` is in use; without it the next output begins with an empty dictionary */
  gboolean has_ended, has_more; /* the peer's stream has ended; more can be decompressed without more input */
  guint8 *raw;                  /* read and not decompressed yet, or NULL */
  gsize raw_start, raw_len;
  /* Bytes of output that are sent as they are, since they were written before the compression. */
  gsize n_plain;
  GByteArray *packed; /* compressed and not sent yet */
  gsize packed_start;
  /* Bytes of output whose compressed form is in `packed`, and that were not reported as written yet. */
  gsize owed;
} DeflateTransport;

static void
free_raw (DeflateTransport *self)
{
  g_clear_pointer (&self->raw, g_free);
  self->raw_start = self->raw_len = 0;
}

/* Decompresses into @buffer. 0 means that more input is needed. */
static gssize
inflate_some (DeflateTransport *self, void *buffer, gsize len)
{
  self->in.next_in = self->raw != NULL ? self->raw + self->raw_start : (guint8 *) "";
  self->in.avail_in = (uInt) self->raw_len;
  self->in.next_out = buffer;
  self->in.avail_out = (uInt) MIN (len, G_MAXINT);
  int result = inflate (&self->in, Z_SYNC_FLUSH);
  self->raw_start += self->raw_len - self->in.avail_in;
  self->raw_len = self->in.avail_in;
  self->has_more = self->in.avail_out == 0;
  if (result == Z_STREAM_END)
    self->has_ended = TRUE;
  else if (result != Z_OK && result != Z_BUF_ERROR)
    return SATCHEL_IO_DAMAGED;
  if (self->raw_len == 0 || self->has_ended)
    free_raw (self);
  return (gssize) (MIN (len, G_MAXINT) - self->in.avail_out);
}

static gssize
deflate_read (SatchelTransport *transport, void *buffer, gsize len)
{
  DeflateTransport *self = (DeflateTransport *) transport;
  for (guint i = 0; i < READS_MAX && !self->has_ended; i++)
    {
      if (self->raw_len > 0 || self->has_more)
        {
          gssize n = inflate_some (self, buffer, len);
          if (n != 0)
            return n;
          continue;
        }
      self->raw = g_malloc (RAW_BYTES);
      gssize n = self->inner->ops->read (self->inner, self->raw, RAW_BYTES);
      if (n <= 0)
        {
          free_raw (self);
          return n;
        }
      self->raw_start = 0;
      self->raw_len = (gsize) n;
    }
  return self->has_ended ? SATCHEL_IO_END : SATCHEL_IO_AGAIN;
}

/* Gives the compressor memory in pages of its own, since memory from the heap would not go back to the
 * system at rest. */
static voidpf
take_pages (voidpf data, uInt items, uInt size)
{
  gsize len = PAGES_HEADER + (gsize) items * size;
  gsize *pages = mmap (NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED)
    return Z_NULL;
  *pages = len;
  return (guint8 *) pages + PAGES_HEADER;
}

static void
give_pages_back (voidpf data, voidpf address)
{
  gsize *pages = (gsize *) (void *) ((guint8 *) address - PAGES_HEADER);
  munmap (pages, *pages);
}

/* Compresses @parts up to a point where the peer can decompress all of it.  FALSE means that there is no
 * memory. */
static gboolean
pack_output (DeflateTransport *self, const struct iovec *parts, int n)
{
  if (!self->has_out
      && deflateInit2 (&self->out, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
    return FALSE;
  self->has_out = TRUE;
  for (int i = 0; i < n; i++)
    {
      self->out.next_in = parts[i].iov_base;
      self->out.avail_in = (uInt) parts[i].iov_len;
      self->owed += parts[i].iov_len;
      do
        {
          guint8 block[RAW_BYTES];
          self->out.next_out = block;
          self->out.avail_out = sizeof block;
          deflate (&self->out, i + 1 < n ? Z_NO_FLUSH : Z_SYNC_FLUSH);
          g_byte_array_append (self->packed, block, (guint) (sizeof block - self->out.avail_out));
        }
      while (self->out.avail_out == 0);
    }
  return TRUE;
}

/* Sends compressed output, and reports how much output that was. It reports all only at the end, so that
 * until then the caller comes again with the rest. */
static gssize
send_packed (DeflateTransport *self)
{
  gsize before = self->packed->len - self->packed_start, left = before;
  gssize n = 0;
  while (left > 0)
    {
      struct iovec part = { self->packed->data + self->packed_start, left };
      n = self->inner->ops->write (self->inner, &part, 1);
      if (n < 0)
        break;
      self->packed_start += (gsize) n;
      left -= (gsize) n;
    }
  if (n < 0 && n != SATCHEL_IO_AGAIN)
    return n;
  gsize told = left == 0 ? self->owed : (gsize) ((guint64) self->owed * (before - left) / before);
  self->owed -= told;
  if (left == 0)
    {
      g_byte_array_unref (self->packed);
      self->packed = g_byte_array_new ();
      self->packed_start = 0;
    }
  return told > 0 ? (gssize) told : SATCHEL_IO_AGAIN;
}

/* Writes output from before the compression. */
static gssize
write_plain (DeflateTransport *self, const struct iovec *first)
{
  struct iovec part = { first->iov_base, MIN (first->iov_len, self->n_plain) };
  gssize n = self->inner->ops->write (self->inner, &part, 1);
  if (n > 0)
    self->n_plain -= (gsize) n;
  return n;
}

static gssize
deflate_write (SatchelTransport *transport, const struct iovec *parts, int n)
{
  DeflateTransport *self = (DeflateTransport *) transport;
  if (self->n_plain > 0)
    return write_plain (self, &parts[0]);
  if (self->owed == 0 && !pack_output (self, parts, n))
    return SATCHEL_IO_RESET;
  return send_packed (self);
}

static void
deflate_end_output (SatchelTransport *transport)
{
  DeflateTransport *self = (DeflateTransport *) transport;
  self->inner->ops->end_output (self->inner);
}

static gboolean
deflate_has_buffered (SatchelTransport *transport)
{
  DeflateTransport *self = (DeflateTransport *) transport;
  return self->raw_len > 0 || self->has_more || self->inner->ops->has_buffered (self->inner);
}

static void
deflate_free (SatchelTransport *transport)
{
  DeflateTransport *self = (DeflateTransport *) transport;
  self->inner->ops->free (self->inner);
  inflateEnd (&self->in);
  if (self->has_out)
    deflateEnd (&self->out);
  g_byte_array_unref (self->packed);
  g_free (self->raw);
  g_free (self);
}

static const SatchelTransportOps deflate_ops = {
  .read = deflate_read,
  .write = deflate_write,
  .end_output = deflate_end_output,
  .has_buffered = deflate_has_buffered,
  .free = deflate_free,
};

SatchelTransport *
satchel_transport_new_deflate (SatchelTransport *inner, const void *input, gsize len, gsize n_plain)
{
  DeflateTransport *self = g_new0 (DeflateTransport, 1);
  if (inflateInit2 (&self->in, PEER_WINDOW_BITS) != Z_OK)
    {
      g_free (self);
      return NULL;
    }
  self->transport.ops = &deflate_ops;
  self->transport.fd = inner->fd;
  self->inner = inner;
  self->out.zalloc = take_pages;
  self->out.zfree = give_pages_back;
  self->packed = g_byte_array_new ();
  self->n_plain = n_plain;
  self->raw = len > 0 ? g_memdup2 (input, len) : NULL;
  self->raw_len = len;
  return &self->transport;
}

void
satchel_transport_deflate_rest (SatchelTransport *transport)
{
  DeflateTransport *self = (DeflateTransport *) transport;
  /* A new stream can continue here, since each write ended at the border of a byte. */
  if (self->has_out && self->owed == 0)
    {
      deflateEnd (&self->out);
      self->has_out = FALSE;
    }
}

gboolean
satchel_connection_can_compress (void)
{
  return TRUE;
}

#else

SatchelTransport *
satchel_transport_new_deflate (SatchelTransport *inner, const void *input, gsize len, gsize n_plain)
{
  return NULL;
}

void
satchel_transport_deflate_rest (SatchelTransport *transport)
{
}

gboolean
satchel_connection_can_compress (void)
{
  return FALSE;
}
#endif
