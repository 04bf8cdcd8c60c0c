/* SPDX-License-Identifier: MIT
 * Streams of message content: positioned reads that can be stacked (decrypt, decompress, CRLF, limit).  A
 * stream has no cursor, so any number of readers may use it, one at a time; its content never changes.
 */
#pragma once
#include <satchel/error.h>

G_BEGIN_DECLS

typedef struct SatchelStreamOps
{
  size_t size;
  /* Reads up to @len bytes at @offset into @buffer.  Returns the count, which is short only at the end of
   * the content, 0 at or past the end, or -1 with @error.  Must.  [blocks] */
  gssize (*read_at) (SatchelStream *stream, guint64 offset, void *buffer, gsize len, GError **error);
  /* Returns the length of the content in bytes, or -1 with @error.  Must.  [blocks] (a CRLF view counts
   * lines once) */
  gint64 (*length) (SatchelStream *stream, GError **error);
  /* Frees what the implementation owns, at the last unref.  Must. */
  void (*free) (SatchelStream *stream);
} SatchelStreamOps;

/* Implementations embed it as their first member. */
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
/* Returns the content of a stream of satchel_stream_new_bytes, which it keeps; NULL: it is another one. */
SATCHEL_API GBytes *satchel_stream_bytes (SatchelStream *stream);

/* Each of these streams takes a reference of its own to what it reads. */
/* Reads content in memory. */
SATCHEL_API SatchelStream *satchel_stream_new_bytes (GBytes *bytes);
/* Reads the content of a file.  The stream owns and closes @fd; the first @offset bytes of the file are
 * skipped. */
SATCHEL_API SatchelStream *satchel_stream_new_fd (int fd, guint64 offset);
/* Returns a view of @below in which every LF without a CRLF reads as CRLF.  Sequential reads are linear; a
 * jump costs a scan from the nearest remembered position (one in each 64 KiB).  @known_length: the length of
 * the view if the caller knows it, else -1.  Thread-safe. */
SATCHEL_API SatchelStream *satchel_stream_new_crlf (SatchelStream *below, gint64 known_length);

/* A writer takes content once, from front to back.  Staging uses it (transaction.h). */
typedef struct SatchelWriter SatchelWriter;
typedef struct SatchelWriterOps
{
  size_t size;
  gboolean (*write) (SatchelWriter *writer, const void *data, gsize len, GError **error);
  /* Ends the content.  After TRUE only `free` is called.  The content need not be durable yet. */
  gboolean (*finish) (SatchelWriter *writer, GError **error);
  /* Frees the writer.  Without a finish before it, what was written is thrown away. */
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
