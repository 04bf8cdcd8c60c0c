/* SPDX-License-Identifier: MIT
 * This file writes mailboxes to mbox files.  A file gets its name when it is complete; a repeated run
 * writes only files that are not complete.
 */
#include "config.h"

#include "core/mail/mbox/mbox.h"
#include "core/session/transfer/export.h"
#include "core/session/transfer/mbox_path.h"
#include "core/storage/snapshot/keyword_names.h"

#include <string.h>

#define PART SATCHEL_EXPORT_PART

/* Makes the directories of @path. */
static gboolean
make_dirs (SatchelExport *export, const char *path, GError **error)
{
  for (const char *slash = strchr (path, '/'); slash != NULL; slash = strchr (slash + 1, '/'))
    {
      g_autofree char *dir = g_strndup (path, (gsize) (slash - path));
      if (!satchel_files_make_dir (export->transfer.files, dir, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
write_message (const SatchelExportMailbox *source, guint32 index, SatchelExportFile *file, GError **error)
{
  SatchelTransfer *transfer = &source->export->transfer;
  SatchelMessageRow row;
  g_autoptr (GError) local = NULL;
  g_autoptr (SatchelStream) content = satchel_export_open (source, index, &row, &local);
  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (content == NULL)
    return TRUE;
  const guint64 before = file->n_bytes + file->buffer->len;
  g_autofree const char **keywords = satchel_snapshot_keyword_names (source->snapshot, &row.keywords);
  if (!satchel_mbox_write (content, row.internal_date, row.flags & SATCHEL_FLAGS_ALL, keywords,
                           satchel_export_file_take, file, error))
    return FALSE;
  const guint64 n_bytes = file->n_bytes + file->buffer->len - before;
  transfer->n_messages++;
  transfer->n_done++;
  transfer->n_bytes += n_bytes;
  transfer->position += row.size != SATCHEL_SIZE_UNKNOWN ? row.size : 0;
  return satchel_transfer_keep_rate (transfer, n_bytes, error);
}

static gboolean
write_all (const SatchelExportMailbox *source, const char *part, GError **error)
{
  g_auto (SatchelExportFile) file = { .fd = -1 };
  if (!satchel_export_file_begin (&file, source->export, part, error))
    return FALSE;
  for (guint32 i = 0; i < source->snapshot->state.n_messages; i++)
    if (!write_message (source, i, &file, error))
      return FALSE;
  return satchel_export_file_flush (&file, error);
}

/* Says in *ret_is whether the file is complete already. */
static gboolean
is_there (SatchelExport *export, const char *path, gboolean *ret_is, GError **error)
{
  const char *slash = strrchr (path, '/');
  g_autofree char *dir = g_strndup (path, slash != NULL ? (gsize) (slash - path) : 0);
  g_autoptr (GPtrArray) entries = satchel_files_list (export->transfer.files, dir, error);
  *ret_is = entries != NULL && satchel_files_find (entries, slash != NULL ? slash + 1 : path) != NULL;
  return entries != NULL;
}

gboolean
satchel_export_mbox (const SatchelExportMailbox *source, GError **error)
{
  SatchelFiles *files = source->export->transfer.files;
  g_autofree char *path = satchel_mbox_path (source->name), *part = g_strconcat (path, PART, NULL);
  gboolean is_done;
  if (!make_dirs (source->export, path, error) || !is_there (source->export, path, &is_done, error))
    return FALSE;
  if (is_done)
    {
      source->export->transfer.n_known += source->snapshot->state.n_messages;
      source->export->transfer.n_messages += source->snapshot->state.n_messages;
      source->export->transfer.position += source->snapshot->state.size_bytes;
      return satchel_transfer_step (&source->export->transfer, error);
    }
  /* The file gets its name only after its content is on disk, so that a file with that name is complete. */
  return satchel_files_remove (files, part, error) && write_all (source, part, error)
         && satchel_files_sync (files, error)
         && satchel_files_rename (files, part, path, FALSE, G_MAXINT64, error);
}

gboolean
satchel_export_mbox_stream (const SatchelExportMailbox *source, GError **error)
{
  return write_all (source, "", error);
}

gboolean
satchel_export_mbox_names (SatchelExport *export, const GPtrArray *subscribed, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; i < subscribed->len; i++)
    g_string_append_printf (text, "%s\n", (const char *) subscribed->pdata[i]);
  return satchel_export_replace (export, "", SATCHEL_MBOX_LIST, text->str, text->len, error);
}
