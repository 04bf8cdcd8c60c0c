/* SPDX-License-Identifier: MIT
 * Message content: positioned reads that compose (decrypt, decompress, CRLF, limit).  A stream has
 * no cursor, so any number of readers may use one at a time; it is immutable content.
 */
#pragma once
#include <satchel/error.h>

G_BEGIN_DECLS

typedef struct SatchelStreamOps
{
  size_t size;
  /* Reads up to @len bytes at @offset into @buffer.  Returns the count, short only at the end of
   * the content, 0 at or past the end, -1 with @error.  May block.  Must. */
  gssize (*read_at) (SatchelStream *stream, guint64 offset, void *buffer, gsize len, GError **error);
  /* Content length in bytes, -1 with @error.  May block (a CRLF view counts lines once).  Must. */
  gint64 (*length) (SatchelStream *stream, GError **error);
  /* Frees the implementation's part, at the last unref.  Must. */
  void (*free) (SatchelStream *stream);
} SatchelStreamOps;

/* Embedded as first member by implementations. */
struct SatchelStream
{
  const SatchelStreamOps *ops;
  gatomicrefcount refs;
  SATCHEL_RESERVED (2);
};

SATCHEL_API void satchel_stream_init (SatchelStream *stream, const SatchelStreamOps *ops);
SATCHEL_API SatchelStream *satchel_stream_ref (SatchelStream *stream);
SATCHEL_API void satchel_stream_unref (SatchelStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelStream, satchel_stream_unref)

SATCHEL_API gssize satchel_stream_read_at (SatchelStream *stream, guint64 offset, void *buffer, gsize len,
                                           GError **error);
SATCHEL_API gint64 satchel_stream_length (SatchelStream *stream, GError **error);

/* Ready-made streams.  Each takes its own reference to what it reads. */
/* Content in memory. */
SATCHEL_API SatchelStream *satchel_stream_new_bytes (GBytes *bytes);
/* A file by descriptor, which the stream owns and closes; @offset bytes at its start are skipped. */
SATCHEL_API SatchelStream *satchel_stream_new_fd (int fd, guint64 offset);
/* The view of @below in which every LF without CR before it reads as CRLF.  Sequential reads are
 * linear; a jump costs a scan from the nearest remembered position (one each 64 KiB).
 * @known_length: length of the view if the caller knows it, else -1.  Thread-safe. */
SATCHEL_API SatchelStream *satchel_stream_new_crlf (SatchelStream *below, gint64 known_length);

/* Where content is written to, once, front to back.  Used for staging (transaction.h). */
typedef struct SatchelWriter SatchelWriter;
typedef struct SatchelWriterOps
{
  size_t size;
  gboolean (*write) (SatchelWriter *writer, const void *data, gsize len, GError **error);
  /* Ends the content.  After TRUE only free is called.  Not yet durable. */
  gboolean (*finish) (SatchelWriter *writer, GError **error);
  /* Frees; without a finish before it, what was written is thrown away. */
  void (*free) (SatchelWriter *writer);
} SatchelWriterOps;
struct SatchelWriter
{
  const SatchelWriterOps *ops;
  SATCHEL_RESERVED (2);
};
SATCHEL_API gboolean satchel_writer_write (SatchelWriter *writer, const void *data, gsize len,
                                           GError **error);
SATCHEL_API gboolean satchel_writer_finish (SatchelWriter *writer, GError **error);
SATCHEL_API void satchel_writer_free (SatchelWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelWriter, satchel_writer_free)

G_END_DECLS
