/* SPDX-License-Identifier: MIT
 * This file imports mbox files, and directories of them: sub-directories are levels of names, "NAME.sbd" is
 * Thunderbird's directory of what is below NAME, "NAME.mbox/mbox" is Apple's mailbox NAME.
 */
#include "config.h"

#include "core/mail/name/utf7.h"
#include "core/session/transfer/import.h"
#include "core/session/transfer/mbox_path.h"

#include <errno.h>
#include <satchel/fd.h>
#include <satchel/mailbox_name.h>
#include <string.h>

#define DEPTH_MAX 32u
#define LIST_MAX (4u * 1024u * 1024u)

typedef struct MboxItem
{
  SatchelImportItem item;
  SatchelStream *stream; /* a reference */
  SatchelMboxMessage message;
  SatchelMboxFields fields;
  SatchelMboxVariant variant;
} MboxItem;

static gboolean
copy_item (const SatchelImportItem *item, SatchelMboxTakeFunc take, gpointer data, GError **error)
{
  const MboxItem *own = (const MboxItem *) item;
  return satchel_mbox_copy (own->stream, &own->message, &own->fields, own->variant, take, data, error);
}

static void
free_item (SatchelImportItem *item)
{
  MboxItem *own = (MboxItem *) item;
  satchel_import_item_clear (item);
  satchel_mbox_fields_clear (&own->fields);
  satchel_stream_unref (own->stream);
  g_free (own);
}

/* Makes an item of @message.  NULL without @error: it is none. */
static SatchelImportItem *
item_new (const SatchelImport *import, SatchelStream *stream, const char *path,
          const SatchelMboxMessage *message, GError **error)
{
  MboxItem *own = g_new0 (MboxItem, 1);
  own->stream = satchel_stream_ref (stream);
  own->message = *message;
  own->variant = import->variant;
  own->item = (SatchelImportItem) {
    .path = path, .offset = message->offset, .uid = 0, .copy = copy_item, .free = free_item
  };
  if (!satchel_mbox_fields_read (stream, &own->message, &own->fields, error) || own->fields.is_pseudo)
    {
      free_item (&own->item);
      return NULL;
    }
  own->item.flags = own->fields.flags;
  own->item.keywords = g_ptr_array_ref (own->fields.keywords);
  own->item.date = message->from_date != SATCHEL_DATE_UNKNOWN ? message->from_date : own->fields.date;
  return &own->item;
}

/* Imports the messages of @stream.  FALSE with INVALID, or with an error of reading, means that the rest of
 * the file is skipped. */
static gboolean
import_messages (SatchelImportBatch *batch, SatchelStream *stream, const char *path, gboolean *ret_goes_on,
                 GError **error)
{
  SatchelImport *import = batch->import;
  SatchelTransfer *transfer = &import->transfer;
  const guint64 position = transfer->position;
  g_autoptr (SatchelMboxScanner) scanner = satchel_mbox_scanner_new (stream, import->variant);
  SatchelMboxMessage message;
  SatchelMboxResult result;
  *ret_goes_on = TRUE;
  while ((result = satchel_mbox_scanner_next (scanner, &message, error)) == SATCHEL_MBOX_MESSAGE)
    {
      g_autoptr (GError) local = NULL;
      SatchelImportItem *item = item_new (import, stream, path, &message, &local);
      if (local != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      transfer->position = position + message.end;
      if (item != NULL && !satchel_import_batch_add (batch, item, error))
        {
          *ret_goes_on = FALSE;
          return FALSE;
        }
    }
  return result == SATCHEL_MBOX_END;
}

static gboolean
import_stream (SatchelImport *import, SatchelStream *stream, const char *path, const char *mailbox,
               GError **error)
{
  g_auto (SatchelImportBatch) batch = { NULL };
  g_autoptr (GError) local = NULL;
  gboolean goes_on;
  if (!satchel_import_batch_begin (&batch, import, mailbox, error))
    return FALSE;
  if (!import_messages (&batch, stream, path, &goes_on, &local))
    {
      if (!goes_on)
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      satchel_transfer_problem (&import->transfer, path, G_MAXUINT64, g_steal_pointer (&local));
    }
  return satchel_import_batch_finish (&batch, *path != '\0' ? path : import->name, error);
}

/* Says whether the file looks like an mbox file.  A file that is none must not make a mailbox. */
static gboolean
is_mbox (SatchelStream *stream, GError **error)
{
  char head[5];
  gssize n = satchel_stream_read_at (stream, 0, head, sizeof head, error);
  if (n < 0)
    return FALSE;
  return n == 0 || (n >= 1 && (head[0] == '\n' || head[0] == '\r'))
         || (n == 5 && memcmp (head, "From ", 5) == 0)
         || satchel_error_set (error, SATCHEL_ERROR_INVALID,
                               "this is no mbox file: its first line does not begin with \"From \"");
}

gboolean
satchel_import_mbox_file (SatchelImport *import, const char *path, const char *mailbox, GError **error)
{
  SatchelTransfer *transfer = &import->transfer;
  g_autoptr (GError) local = NULL;
  struct stat st = { 0 };
  const guint64 position = transfer->position;
  g_auto (SatchelFd) fd = satchel_files_open (transfer->files, path, &local);
  if (fd >= 0)
    (void) fstat (fd, &st);
  g_autoptr (SatchelStream) stream = fd >= 0 ? satchel_stream_new_fd (satchel_fd_steal (&fd), 0) : NULL;
  if (stream == NULL || !is_mbox (stream, &local))
    {
      if (satchel_transfer_is_end (local))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      satchel_transfer_problem (transfer, *path != '\0' ? path : import->name, G_MAXUINT64,
                                g_steal_pointer (&local));
      return TRUE;
    }
  if (!import_stream (import, stream, path, mailbox, error))
    return FALSE;
  transfer->position = position + (guint64) MAX (st.st_size, 0);
  return satchel_transfer_step (transfer, error);
}

typedef struct Walk
{
  SatchelImport *import;
  gboolean is_export; /* names are escaped */
  gboolean only_counts;
} Walk;

static gboolean
has_end (const char *name, const char *end)
{
  const gsize len = strlen (name), end_len = strlen (end);
  return len > end_len && g_ascii_strcasecmp (name + len - end_len, end) == 0;
}

/* Says whether a file is one that mail programs keep beside mbox files. */
static gboolean
is_no_mail (const char *name)
{
  static const char *const ends[] = { ".msf", ".dat", ".html", ".json", ".sqlite", ".lock", ".part" };
  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    if (has_end (name, ends[i]))
      return TRUE;
  return name[0] == '.';
}

/* Returns the level of a mailbox's name that a file or directory stands for; yours. */
static char *
level_of (const Walk *walk, const char *file)
{
  static const char *const ends[] = { SATCHEL_MBOX_BELOW, ".mbox", ".mbx" };
  g_autofree char *level = g_strdup (file);
  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    if (has_end (level, ends[i]))
      {
        level[strlen (level) - strlen (ends[i])] = '\0';
        break;
      }
  if (walk->is_export)
    return satchel_mbox_unescape (level);
  char *decoded = g_str_is_ascii (level) ? satchel_utf7_decode (level, strlen (level)) : NULL;
  return decoded != NULL ? decoded : g_steal_pointer (&level);
}

static gboolean
take_file (Walk *walk, const SatchelFileEntry *entry, const char *path, const char *name, GError **error)
{
  SatchelTransfer *transfer = &walk->import->transfer;
  if (walk->only_counts)
    {
      transfer->length += entry->size;
      return TRUE;
    }
  g_autoptr (GError) local = NULL;
  g_autofree char *mailbox = satchel_import_mailbox (walk->import, name, &local);
  if (mailbox != NULL)
    return satchel_import_mbox_file (walk->import, path, mailbox, error);
  satchel_transfer_problem (transfer, path, G_MAXUINT64, g_steal_pointer (&local));
  return TRUE;
}

static gboolean take_dir (Walk *walk, const char *path, const char *above, guint depth, GError **error);

static gboolean
take_entry (Walk *walk, const SatchelFileEntry *entry, const char *dir, const char *above, guint depth,
            GError **error)
{
  SatchelTransfer *transfer = &walk->import->transfer;
  g_autofree char *path = satchel_files_path (dir, entry->name);
  g_autofree char *level = level_of (walk, entry->name);
  g_autofree char *name = above != NULL ? g_strconcat (above, "/", level, NULL) : g_strdup (level);
  if (is_no_mail (entry->name))
    return TRUE;
  if (entry->kind == SATCHEL_FILE_DIRECTORY)
    return take_dir (walk, path, name, depth + 1, error);
  if (entry->kind == SATCHEL_FILE_REGULAR)
    return take_file (walk, entry, path, name, error);
  if (!walk->only_counts)
    satchel_transfer_problem (transfer, path, G_MAXUINT64,
                              g_error_new_literal (SATCHEL_ERROR, SATCHEL_ERROR_CANNOT,
                                                   entry->kind == SATCHEL_FILE_LINK
                                                       ? "symbolic links are not followed"
                                                       : "this is neither a file nor a directory"));
  return TRUE;
}

/* Says whether the directory is "NAME.mbox" of Apple, whose file "mbox" is the mailbox itself. */
static gboolean
is_of_apple (const char *dir, const SatchelFileEntry *entry)
{
  return entry->kind == SATCHEL_FILE_REGULAR && has_end (dir, ".mbox") && strcmp (entry->name, "mbox") == 0;
}

static gboolean
take_dir (Walk *walk, const char *path, const char *above, guint depth, GError **error)
{
  SatchelTransfer *transfer = &walk->import->transfer;
  g_autoptr (GError) local = NULL;
  g_autoptr (GPtrArray) entries =
      depth <= DEPTH_MAX ? satchel_files_list (transfer->files, path, &local) : NULL;
  if (entries == NULL)
    {
      if (satchel_transfer_is_end (local))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      if (local == NULL)
        satchel_error_set (&local, SATCHEL_ERROR_LIMIT, "directories are nested too deeply");
      if (!walk->only_counts)
        satchel_transfer_problem (transfer, path, G_MAXUINT64, g_steal_pointer (&local));
      return TRUE;
    }
  for (guint i = 0; i < entries->len; i++)
    {
      const SatchelFileEntry *entry = entries->pdata[i];
      g_autofree char *file = satchel_files_path (path, entry->name);
      if (!(is_of_apple (path, entry) && above != NULL ? take_file (walk, entry, file, above, error)
                                                       : take_entry (walk, entry, path, above, depth, error)))
        return FALSE;
    }
  return TRUE;
}

static gboolean
read_list (SatchelImport *import, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GBytes) list = satchel_files_read (import->transfer.files, SATCHEL_MBOX_LIST, LIST_MAX, &local);
  if (list == NULL)
    return g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT)
           || (g_propagate_error (error, g_steal_pointer (&local)), FALSE);
  gsize len;
  const char *data = g_bytes_get_data (list, &len);
  g_autofree char *text = g_strndup (data, len);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  import->subscribed = g_ptr_array_new_with_free_func (g_free);
  for (char **line = lines; *line != NULL; line++)
    if (*g_strchomp (*line) != '\0')
      g_ptr_array_add (import->subscribed, g_strdup (*line));
  return TRUE;
}

gboolean
satchel_import_mbox_files (SatchelImport *import, GError **error)
{
  Walk walk = { .import = import, .only_counts = TRUE };
  g_autoptr (GPtrArray) entries = satchel_files_list (import->transfer.files, "", error);
  if (entries == NULL || !read_list (import, error))
    return FALSE;
  walk.is_export = satchel_files_find (entries, SATCHEL_MBOX_MARK) != NULL;
  if (!take_dir (&walk, "", NULL, 0, error))
    return FALSE;
  walk.only_counts = FALSE;
  return take_dir (&walk, "", NULL, 0, error) && satchel_import_subscribe (import, error);
}
