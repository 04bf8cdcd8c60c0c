/* SPDX-License-Identifier: MIT
 * This file asks the administrator's `satchel` for files; core/cli/file_broker.c answers.  What it answers is
 * checked as what any other process says.
 */
#include "config.h"

#include "core/session/transfer/files.h"

#include <errno.h>
#include <poll.h>
#include <satchel/fd.h>
#include <string.h>

#include "core/runtime/ipc/ipc.h"
#include "core/session/admin/admin_private.h"

#define WAIT_MS 500
#define RECEIVE_MS 10000

struct SatchelFiles
{
  SatchelAdminCall *call;
  int fd; /* the channel of the command */
};

SatchelFiles *
satchel_files_new (SatchelAdminCall *call, GError **error)
{
  if (call->channel_fd < 0)
    {
      satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                         "the command came without files; it has to be run by `satchel` of this version");
      return NULL;
    }
  SatchelFiles *files = g_new0 (SatchelFiles, 1);
  files->call = call;
  files->fd = call->channel_fd;
  return files;
}

void
satchel_files_free (SatchelFiles *files)
{
  g_free (files);
}

char *
satchel_files_path (const char *dir, const char *name)
{
  return *dir != '\0' ? g_strconcat (dir, "/", name, NULL) : g_strdup (name);
}

static gboolean
end_cancelled (GError **error)
{
  return satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "cancelled");
}

static gboolean
send (SatchelFiles *files, SatchelIpcMessage *message, GError **error)
{
  return satchel_ipc_send_blocking (files->fd, message, error);
}

/* Waits for an answer.  The administrator may end the wait. */
static SatchelIpcMessage *
receive (SatchelFiles *files, GError **error)
{
  for (;;)
    {
      struct pollfd poll_fd = { files->fd, POLLIN, 0 };
      if (satchel_admin_is_cancelled (files->call))
        {
          end_cancelled (error);
          return NULL;
        }
      int n = SATCHEL_RETRY (poll (&poll_fd, 1, WAIT_MS));
      if (n != 0)
        break;
    }
  g_autoptr (GError) local = NULL;
  SatchelIpcMessage *message = satchel_ipc_receive_blocking (files->fd, RECEIVE_MS, &local);
  if (message == NULL)
    satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "the `satchel` that has the files has gone: %s",
                       local->message);
  return message;
}

static gboolean
end_strange (GError **error)
{
  return satchel_error_set (
      error, SATCHEL_ERROR_INVALID,
      "the server does not understand the `satchel` that has the files; is it of another "
      "version?");
}

/* Reads FILES_DONE.  *ret_fd: the descriptor, or -1. */
static gboolean
take_done (SatchelIpcMessage *message, const char *path, int *ret_fd, GError **error)
{
  const guint32 errnum = satchel_ipc_get_u32 (message);
  if (message->type != SATCHEL_IPC_FILES_DONE || !satchel_ipc_message_is_done (message) || errnum > 4095)
    return end_strange (error);
  if (errnum != 0)
    return satchel_error_set_errno (error, (int) errnum, "%s cannot be used",
                                    *path != '\0' ? path : "the path");
  if (ret_fd != NULL)
    *ret_fd = satchel_ipc_take_fd (message);
  if (ret_fd != NULL && *ret_fd < 0)
    return satchel_error_set (error, SATCHEL_ERROR_RESOURCES, "%s: no more files can be opened", path);
  return TRUE;
}

static SatchelIpcMessage *
request_new (SatchelIpcType type, const char *path)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (type, 0);
  satchel_ipc_put_bytes (message, path, strlen (path));
  return message;
}

static gboolean
ask (SatchelFiles *files, SatchelIpcMessage *request, const char *path, int *ret_fd, GError **error)
{
  if (!send (files, request, error))
    return FALSE;
  g_autoptr (SatchelIpcMessage) answer = receive (files, error);
  return answer != NULL && take_done (answer, path, ret_fd, error);
}

static gboolean
take_entries (SatchelIpcMessage *message, GPtrArray *entries, GError **error)
{
  const guint32 n = satchel_ipc_get_u32 (message);
  for (guint32 i = 0; i < n && !message->failed; i++)
    {
      gsize len;
      const guint8 *name = satchel_ipc_get_bytes (message, &len);
      if (message->failed || len == 0 || len > 255 || memchr (name, '\0', len) != NULL
          || memchr (name, '/', len) != NULL)
        return end_strange (error);
      SatchelFileEntry *entry = g_malloc0 (sizeof *entry + len + 1);
      memcpy (entry->name, name, len);
      entry->kind = (SatchelFileKind) satchel_ipc_get_u32 (message);
      entry->size = satchel_ipc_get_u64 (message);
      entry->mtime_s = (gint64) satchel_ipc_get_u64 (message);
      g_ptr_array_add (entries, entry);
    }
  if (!satchel_ipc_message_is_done (message))
    return end_strange (error);
  return entries->len <= SATCHEL_FILES_ENTRIES_MAX
         || satchel_error_set (error, SATCHEL_ERROR_LIMIT, "the directory has more than %u entries",
                               SATCHEL_FILES_ENTRIES_MAX);
}

static int
compare_entries (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(SatchelFileEntry *const *) a)->name, (*(SatchelFileEntry *const *) b)->name);
}

GPtrArray *
satchel_files_list (SatchelFiles *files, const char *path, GError **error)
{
  g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func (g_free);
  if (!send (files, request_new (SATCHEL_IPC_FILES_LIST, path), error))
    return NULL;
  for (;;)
    {
      g_autoptr (SatchelIpcMessage) answer = receive (files, error);
      if (answer == NULL)
        return NULL;
      if (answer->type == SATCHEL_IPC_FILES_ENTRIES && !take_entries (answer, entries, error))
        return NULL;
      if (answer->type == SATCHEL_IPC_FILES_ENTRIES)
        continue;
      if (!take_done (answer, path, NULL, error))
        return NULL;
      g_ptr_array_sort (entries, compare_entries);
      return g_steal_pointer (&entries);
    }
}

const SatchelFileEntry *
satchel_files_find (const GPtrArray *entries, const char *name)
{
  guint low = 0, high = entries->len;
  while (low < high)
    {
      const guint middle = low + (high - low) / 2;
      const SatchelFileEntry *entry = entries->pdata[middle];
      const int order = strcmp (entry->name, name);
      if (order == 0)
        return entry;
      if (order < 0)
        low = middle + 1;
      else
        high = middle;
    }
  return NULL;
}

static int
open_by (SatchelFiles *files, SatchelIpcType type, const char *path, GError **error)
{
  int fd = -1;
  return ask (files, request_new (type, path), path, &fd, error) ? fd : -1;
}

int
satchel_files_open (SatchelFiles *files, const char *path, GError **error)
{
  return open_by (files, SATCHEL_IPC_FILES_OPEN, path, error);
}

int
satchel_files_create (SatchelFiles *files, const char *path, GError **error)
{
  return open_by (files, SATCHEL_IPC_FILES_CREATE, path, error);
}

GBytes *
satchel_files_read (SatchelFiles *files, const char *path, gsize max, GError **error)
{
  g_auto (SatchelFd) fd = satchel_files_open (files, path, error);
  struct stat st;
  if (fd < 0)
    return NULL;
  if (fstat (fd, &st) != 0)
    {
      satchel_error_set_errno (error, errno, "%s cannot be read", path);
      return NULL;
    }
  if (st.st_size < 0 || (guint64) st.st_size > max)
    {
      satchel_error_set (error, SATCHEL_ERROR_LIMIT, "%s has more than %" G_GSIZE_FORMAT " bytes", path, max);
      return NULL;
    }
  g_autofree char *data = g_malloc ((gsize) st.st_size + 1);
  gssize n = satchel_fd_read_all (fd, data, (gsize) st.st_size);
  if (n >= 0)
    return g_bytes_new_take (g_steal_pointer (&data), (gsize) n);
  satchel_error_set_errno (error, errno, "%s cannot be read", path);
  return NULL;
}

gboolean
satchel_files_make_dir (SatchelFiles *files, const char *path, GError **error)
{
  return ask (files, request_new (SATCHEL_IPC_FILES_MAKE, path), path, NULL, error);
}

gboolean
satchel_files_rename (SatchelFiles *files, const char *from, const char *to, gboolean replaces,
                      gint64 mtime_s, GError **error)
{
  SatchelIpcMessage *request = request_new (SATCHEL_IPC_FILES_RENAME, from);
  satchel_ipc_put_bytes (request, to, strlen (to));
  satchel_ipc_put_u32 (request, replaces);
  satchel_ipc_put_u64 (request, (guint64) mtime_s);
  return ask (files, request, to, NULL, error);
}

gboolean
satchel_files_remove (SatchelFiles *files, const char *path, GError **error)
{
  return ask (files, request_new (SATCHEL_IPC_FILES_REMOVE, path), path, NULL, error);
}

gboolean
satchel_files_sync (SatchelFiles *files, GError **error)
{
  return ask (files, satchel_ipc_message_new (SATCHEL_IPC_FILES_SYNC, 0), "the sync", NULL, error);
}
