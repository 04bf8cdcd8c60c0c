/* SPDX-License-Identifier: MIT
 * This file lends files to a command that runs in the server, from a thread of its own.
 */
#include "config.h"

#include "core/cli/file_broker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "core/cli/quiet_thread.h"
#include "core/runtime/ipc/ipc.h"
#include "core/session/transfer/files.h"

#define PART_BYTES 12000u
#define MARK_NAME ".satchel-export"
#define MARK_BYTES 1024u

struct SatchelFileBroker
{
  int root_fd; /* the directory, or the file */
  gboolean is_file, writes;
  int fds[2]; /* ours, the server's */
  GThread *thread;
};

/* Opens @path below the root, and nowhere else. */
static int
open_below (const SatchelFileBroker *broker, const char *path, int flags, mode_t mode)
{
  if (broker->is_file)
    {
      errno = ENOTDIR;
      return *path == '\0' && (flags & O_DIRECTORY) == 0 ? fcntl (broker->root_fd, F_DUPFD_CLOEXEC, 3) : -1;
    }
  struct open_how how = { .flags = (guint64) (flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY),
                          .mode = mode,
                          .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
  return (int) SATCHEL_RETRY (
      syscall (SYS_openat2, broker->root_fd, *path != '\0' ? path : ".", &how, sizeof how));
}

/* Opens the directory of @path; *ret_name: what is behind it. */
static int
open_parent (const SatchelFileBroker *broker, const char *path, const char **ret_name)
{
  const char *slash = strrchr (path, '/');
  g_autofree char *dir = g_strndup (path, slash != NULL ? (gsize) (slash - path) : 0);
  *ret_name = slash != NULL ? slash + 1 : path;
  if (!broker->writes || **ret_name == '\0' || strcmp (*ret_name, ".") == 0 || strcmp (*ret_name, "..") == 0
      || strcmp (path, MARK_NAME) == 0)
    {
      errno = EACCES;
      return -1;
    }
  return open_below (broker, dir, O_RDONLY | O_DIRECTORY, 0);
}

static void
send_done (const SatchelFileBroker *broker, int errnum, int fd)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_FILES_DONE, 0);
  satchel_ipc_put_u32 (message, (guint32) errnum);
  if (fd >= 0)
    satchel_ipc_put_fd (message, fd);
  (void) satchel_ipc_send_blocking (broker->fds[0], message, NULL);
}

typedef struct Part
{
  SatchelIpcMessage *names; /* its body has the entries, without their number */
  guint32 n;
} Part;

static void
send_part (const SatchelFileBroker *broker, Part *part)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_FILES_ENTRIES, 0);
  satchel_ipc_put_u32 (message, part->n);
  g_byte_array_append (message->body, part->names->body->data, part->names->body->len);
  satchel_ipc_message_free (part->names);
  part->names = satchel_ipc_message_new (SATCHEL_IPC_FILES_ENTRIES, 0);
  part->n = 0;
  (void) satchel_ipc_send_blocking (broker->fds[0], message, NULL);
}

static void
add_entry (Part *part, int dirfd, const char *name)
{
  struct stat st;
  if (fstatat (dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return; /* it has gone */
  satchel_ipc_put_bytes (part->names, name, strlen (name));
  satchel_ipc_put_u32 (part->names, S_ISREG (st.st_mode)   ? SATCHEL_FILE_REGULAR
                                    : S_ISDIR (st.st_mode) ? SATCHEL_FILE_DIRECTORY
                                    : S_ISLNK (st.st_mode) ? SATCHEL_FILE_LINK
                                                           : SATCHEL_FILE_OTHER);
  satchel_ipc_put_u64 (part->names, (guint64) st.st_size);
  satchel_ipc_put_u64 (part->names, (guint64) st.st_mtim.tv_sec);
  part->n++;
}

static void
list (const SatchelFileBroker *broker, const char *path)
{
  int fd = open_below (broker, path, O_RDONLY | O_DIRECTORY, 0);
  DIR *dir = fd >= 0 ? fdopendir (fd) : NULL;
  if (dir == NULL)
    {
      const int errnum = errno;
      satchel_fd_clear (&fd);
      send_done (broker, errnum, -1);
      return;
    }
  Part part = { .names = satchel_ipc_message_new (SATCHEL_IPC_FILES_ENTRIES, 0) };
  const struct dirent *entry;
  while (errno = 0, (entry = readdir (dir)) != NULL)
    {
      if (strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0)
        add_entry (&part, fd, entry->d_name);
      if (part.names->body->len > PART_BYTES)
        send_part (broker, &part);
    }
  const int errnum = errno;
  send_part (broker, &part);
  satchel_ipc_message_free (part.names);
  closedir (dir);
  send_done (broker, errnum, -1);
}

static void
open_file (const SatchelFileBroker *broker, const char *path)
{
  struct stat st;
  g_auto (SatchelFd) fd = open_below (broker, path, O_RDONLY | O_NOFOLLOW, 0);
  int errnum = fd < 0 ? errno : 0;
  if (fd >= 0 && fstat (fd, &st) == 0 && !S_ISREG (st.st_mode))
    errnum = S_ISDIR (st.st_mode) ? EISDIR : ENXIO;
  send_done (broker, errnum, errnum == 0 ? fd : -1);
}

static void
create_file (const SatchelFileBroker *broker, const char *path)
{
  const char *name;
  const gboolean is_lent = broker->is_file && broker->writes;
  g_auto (SatchelFd) dir = is_lent ? -1 : open_parent (broker, path, &name);
  g_auto (SatchelFd) fd = is_lent ? open_below (broker, path, 0, 0)
                          : dir >= 0
                              ? openat (dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)
                              : -1;
  send_done (broker, fd >= 0 ? 0 : errno, fd);
}

static void
make_dir (const SatchelFileBroker *broker, const char *path)
{
  const char *name;
  g_auto (SatchelFd) dir = open_parent (broker, path, &name);
  gboolean ok = dir >= 0 && (mkdirat (dir, name, 0700) == 0 || errno == EEXIST);
  send_done (broker, ok ? 0 : errno, -1);
}

static void
rename_file (const SatchelFileBroker *broker, const char *from, const char *to, gboolean replaces,
             gint64 mtime_s)
{
  const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = mtime_s } };
  const char *name, *new_name;
  g_auto (SatchelFd) dir = open_parent (broker, from, &name);
  g_auto (SatchelFd) new_dir = dir >= 0 ? open_parent (broker, to, &new_name) : -1;
  gboolean ok = new_dir >= 0
                && (mtime_s == G_MAXINT64 || utimensat (dir, name, times, AT_SYMLINK_NOFOLLOW) == 0)
                && renameat2 (dir, name, new_dir, new_name, replaces ? 0 : RENAME_NOREPLACE) == 0;
  send_done (broker, ok ? 0 : errno, -1);
}

static void
remove_file (const SatchelFileBroker *broker, const char *path)
{
  const char *name;
  g_auto (SatchelFd) dir = open_parent (broker, path, &name);
  gboolean ok = dir >= 0 && (unlinkat (dir, name, 0) == 0 || errno == ENOENT);
  send_done (broker, ok ? 0 : errno, -1);
}

/* Returns a path that the server sent; NULL: it is none. */
static char *
take_path (SatchelIpcMessage *message)
{
  gsize len;
  const guint8 *path = satchel_ipc_get_bytes (message, &len);
  if (message->failed || len > SATCHEL_FILES_PATH_MAX || memchr (path, '\0', len) != NULL)
    return NULL;
  return g_strndup ((const char *) path, len);
}

/* Carries out a request.  FALSE: it is malformed. */
static gboolean
answer (const SatchelFileBroker *broker, SatchelIpcMessage *message)
{
  g_autofree char *path = message->type != SATCHEL_IPC_FILES_SYNC ? take_path (message) : g_strdup ("");
  g_autofree char *to =
      path != NULL && message->type == SATCHEL_IPC_FILES_RENAME ? take_path (message) : NULL;
  const gboolean replaces = to != NULL && satchel_ipc_get_u32 (message) != 0;
  const gint64 mtime_s = to != NULL ? (gint64) satchel_ipc_get_u64 (message) : G_MAXINT64;
  if (path == NULL || !satchel_ipc_message_is_done (message))
    return FALSE;
  switch ((int) message->type)
    {
    case SATCHEL_IPC_FILES_LIST:
      list (broker, path);
      return TRUE;
    case SATCHEL_IPC_FILES_OPEN:
      open_file (broker, path);
      return TRUE;
    case SATCHEL_IPC_FILES_CREATE:
      create_file (broker, path);
      return TRUE;
    case SATCHEL_IPC_FILES_MAKE:
      make_dir (broker, path);
      return TRUE;
    case SATCHEL_IPC_FILES_RENAME:
      rename_file (broker, path, to, replaces, mtime_s);
      return TRUE;
    case SATCHEL_IPC_FILES_REMOVE:
      remove_file (broker, path);
      return TRUE;
    case SATCHEL_IPC_FILES_SYNC:
      send_done (broker, syncfs (broker->root_fd) == 0 ? 0 : errno, -1);
      return TRUE;
    default:
      return FALSE;
    }
}

static gpointer
serve (gpointer data)
{
  SatchelFileBroker *broker = data;
  for (;;)
    {
      g_autoptr (SatchelIpcMessage) message = satchel_ipc_receive_blocking (broker->fds[0], -1, NULL);
      if (message == NULL || !answer (broker, message))
        break;
    }
  shutdown (broker->fds[0], SHUT_RDWR);
  return NULL;
}

static SatchelFileBroker *
start (SatchelFileBroker *broker, GError **error)
{
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, broker->fds) != 0)
    {
      satchel_error_set_errno (error, errno, "files cannot be lent to the server");
      satchel_file_broker_free (broker);
      return NULL;
    }
  broker->thread = satchel_quiet_thread_new ("files", serve, broker);
  return broker;
}

static SatchelFileBroker *
alloc (int root_fd)
{
  SatchelFileBroker *broker = g_new0 (SatchelFileBroker, 1);
  broker->root_fd = root_fd;
  broker->fds[0] = broker->fds[1] = -1;
  return broker;
}

SatchelFileBroker *
satchel_file_broker_new (const char *path, GError **error)
{
  struct stat st;
  if (stat (path, &st) != 0)
    {
      satchel_error_set_errno (error, errno, "%s cannot be opened", path);
      return NULL;
    }
  if (!S_ISREG (st.st_mode) && !S_ISDIR (st.st_mode))
    {
      satchel_error_set (error, SATCHEL_ERROR_CANNOT, "%s is neither a file nor a directory", path);
      return NULL;
    }
  g_auto (SatchelFd) fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0 || fstat (fd, &st) != 0)
    {
      satchel_error_set_errno (error, errno, "%s cannot be opened", path);
      return NULL;
    }
  SatchelFileBroker *broker = alloc (satchel_fd_steal (&fd));
  broker->is_file = S_ISREG (st.st_mode);
  return start (broker, error);
}

SatchelFileBroker *
satchel_file_broker_new_fd (int fd, gboolean writes, GError **error)
{
  SatchelFileBroker *broker = alloc (fd);
  broker->is_file = TRUE;
  broker->writes = writes;
  return start (broker, error);
}

/* FALSE with errno 0: the directory has something in it. */
static gboolean
is_empty (int root_fd)
{
  int fd = openat (root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir (fd) : NULL;
  guint n = 0;
  if (dir == NULL)
    return FALSE;
  for (const struct dirent *entry; (entry = readdir (dir)) != NULL;)
    n += strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0;
  closedir (dir);
  errno = 0;
  return n == 0;
}

/* The mark says that what is in the directory was written by this command, for the same purpose. */
static gboolean
check_mark (int root_fd, const char *path, const char *mark, GError **error)
{
  char there[MARK_BYTES + 1] = { 0 };
  g_autofree char *line = g_strconcat (mark, "\n", NULL);
  g_auto (SatchelFd) fd = openat (root_fd, MARK_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  gssize n = fd >= 0 ? satchel_fd_read_all (fd, there, MARK_BYTES) : 0;
  if (n == (gssize) strlen (line) && memcmp (there, line, (gsize) n) == 0)
    return TRUE;
  if (n > 0)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "%s has another export: %.*s", path,
                              (int) strcspn (there, "\n"), there);
  if (fd < 0 && !is_empty (root_fd))
    return errno != 0
               ? satchel_error_set_errno (error, errno, "%s cannot be opened", path)
               : satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                                    "%s is not empty, and nothing is overwritten; name a new directory",
                                    path);
  return satchel_file_replace (root_fd, MARK_NAME, line, strlen (line), NULL, TRUE, error);
}

SatchelFileBroker *
satchel_file_broker_new_writing (const char *path, const char *mark, GError **error)
{
  if (mkdir (path, 0700) != 0 && errno != EEXIST)
    {
      satchel_error_set_errno (error, errno, "%s cannot be made", path);
      return NULL;
    }
  g_auto (SatchelFd) fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    {
      satchel_error_set_errno (error, errno, "%s cannot be opened", path);
      return NULL;
    }
  if (!check_mark (fd, path, mark, error))
    return NULL;
  SatchelFileBroker *broker = alloc (satchel_fd_steal (&fd));
  broker->writes = TRUE;
  return start (broker, error);
}

int
satchel_file_broker_channel (const SatchelFileBroker *broker)
{
  return broker->fds[1];
}

void
satchel_file_broker_free (SatchelFileBroker *broker)
{
  if (broker->fds[0] >= 0)
    shutdown (broker->fds[0], SHUT_RDWR);
  if (broker->thread != NULL)
    g_thread_join (broker->thread);
  for (guint i = 0; i < 2; i++)
    satchel_fd_clear (&broker->fds[i]);
  satchel_fd_clear (&broker->root_fd);
  g_free (broker);
}
