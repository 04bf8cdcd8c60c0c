/* SPDX-License-Identifier: MIT
 * This file reads messages for an export, and writes files that `satchel` opened.
 */
#include "config.h"

#include "core/session/transfer/export.h"

#include <errno.h>
#include <poll.h>
#include <satchel/fd.h>
#include <unistd.h>

#define BUFFER_BYTES 65536u
#define WAIT_MS 500

gboolean
satchel_export_wants (const SatchelExportMailbox *source, guint32 index, SatchelMessageRow *ret_row)
{
  guint at;
  const SatchelChunk *chunk = satchel_snapshot_at (source->snapshot, index, &at);
  satchel_chunk_get_row (chunk, at, ret_row);
  return ret_row->internal_date >= source->export->since_s;
}

SatchelStream *
satchel_export_open (const SatchelExportMailbox *source, guint32 index, SatchelMessageRow *ret_row,
                     GError **error)
{
  SatchelTransfer *transfer = &source->export->transfer;
  g_autoptr (GError) local = NULL;
  if (!satchel_export_wants (source, index, ret_row))
    return NULL;
  SatchelStream *content = satchel_mailbox_open_message (source->mailbox, ret_row->uid, &local);
  if (content != NULL || g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_GONE))
    return content;
  if (satchel_transfer_is_fatal (local))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return NULL;
    }
  g_prefix_error (&local, "message %u: ", ret_row->uid);
  transfer->n_failed++;
  satchel_transfer_problem (transfer, source->name, G_MAXUINT64, g_steal_pointer (&local));
  return NULL;
}

gboolean
satchel_export_file_begin (SatchelExportFile *file, SatchelExport *export, const char *path, GError **error)
{
  *file = (SatchelExportFile) { .export = export,
                                .fd = satchel_files_create (export->transfer.files, path, error),
                                .buffer = g_byte_array_sized_new (BUFFER_BYTES) };
  return file->fd >= 0;
}

/* A pipe whose reader takes nothing must not keep a job that nobody waits for. */
static gboolean
wait_for_reader (SatchelExportFile *file, GError **error)
{
  struct pollfd poll_fd = { file->fd, POLLOUT, 0 };
  (void) poll (&poll_fd, 1, WAIT_MS);
  return satchel_transfer_step (&file->export->transfer, error);
}

gboolean
satchel_export_file_flush (SatchelExportFile *file, GError **error)
{
  for (guint written = 0; written < file->buffer->len;)
    {
      const gssize n =
          SATCHEL_RETRY (write (file->fd, file->buffer->data + written, file->buffer->len - written));
      if (n < 0 && errno == EAGAIN && !wait_for_reader (file, error))
        return FALSE;
      if (n == 0 || (n < 0 && errno != EAGAIN))
        return satchel_error_set_errno (error, n < 0 ? errno : EIO, "the export cannot be written");
      written += (guint) MAX (n, 0);
    }
  file->n_bytes += file->buffer->len;
  g_byte_array_set_size (file->buffer, 0);
  return TRUE;
}

gboolean
satchel_export_file_take (const void *data, gsize len, gpointer to, GError **error)
{
  SatchelExportFile *file = to;
  g_byte_array_append (file->buffer, data, (guint) len);
  return file->buffer->len < BUFFER_BYTES
         || (satchel_export_file_flush (file, error)
             && satchel_transfer_step (&file->export->transfer, error));
}

void
satchel_export_file_clear (SatchelExportFile *file)
{
  if (file->buffer != NULL)
    satchel_fd_clear (&file->fd);
  g_clear_pointer (&file->buffer, g_byte_array_unref);
}

gboolean
satchel_export_replace (SatchelExport *export, const char *dir, const char *name, const char *text, gsize len,
                        GError **error)
{
  SatchelFiles *files = export->transfer.files;
  g_auto (SatchelExportFile) file = { .fd = -1 };
  g_autofree char *path = satchel_files_path (dir, name),
                  *part = g_strconcat (path, SATCHEL_EXPORT_PART, NULL);
  return satchel_files_remove (files, part, error) && satchel_export_file_begin (&file, export, part, error)
         && satchel_export_file_take (text, len, &file, error) && satchel_export_file_flush (&file, error)
         && satchel_files_rename (files, part, path, TRUE, G_MAXINT64, error);
}
