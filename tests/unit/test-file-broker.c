/* SPDX-License-Identifier: MIT
 * What `satchel` lends to the server: files below a path and nothing else, whatever is asked for.
 */
#include "config.h"

#include "core/base/fd.h"
#include "core/cli/file_broker.h"
#include "core/runtime/ipc/ipc.h"
#include "core/session/transfer/files.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static char *work;

static char *
put (const char *name, const char *text)
{
  char *path = g_build_filename (work, name, NULL);
  g_autofree char *dir = g_path_get_dirname (path);
  g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  return path;
}

/* Sends a request with @path and, for a rename, @to; returns the errno of the answer, and its descriptor. */
static int
ask_with (const SatchelFileBroker *broker, SatchelIpcType type, const char *path, gsize len, const char *to,
          int *ret_fd)
{
  const int fd = satchel_file_broker_channel (broker);
  SatchelIpcMessage *request = satchel_ipc_message_new (type, 0);
  if (path != NULL)
    satchel_ipc_put_bytes (request, path, len);
  if (to != NULL)
    {
      satchel_ipc_put_bytes (request, to, strlen (to));
      satchel_ipc_put_u32 (request, FALSE);
      satchel_ipc_put_u64 (request, (guint64) G_MAXINT64);
    }
  g_assert_true (satchel_ipc_send_blocking (fd, request, NULL));
  for (;;)
    {
      g_autoptr (SatchelIpcMessage) answer = satchel_ipc_receive_blocking (fd, 60000, NULL);
      if (answer == NULL)
        return -1;
      if (answer->type == SATCHEL_IPC_FILES_ENTRIES)
        continue;
      const guint32 errnum = satchel_ipc_get_u32 (answer);
      g_assert_true (satchel_ipc_message_is_done (answer));
      if (ret_fd != NULL)
        *ret_fd = satchel_ipc_take_fd (answer);
      else
        g_assert_cmpint (satchel_ipc_take_fd (answer), ==, -1);
      return (int) errnum;
    }
}

static int
ask (const SatchelFileBroker *broker, SatchelIpcType type, const char *path)
{
  int fd = -1;
  int errnum = ask_with (broker, type, path, strlen (path), NULL, &fd);
  g_assert_true (errnum == 0 || fd < 0);
  satchel_fd_clear (&fd);
  return errnum;
}

static void
test_below (void)
{
  g_autofree char *outside = put ("outside", "secret"), *inside = put ("tree/dir/inside", "text");
  g_autofree char *tree = g_build_filename (work, "tree", NULL),
                  *link = g_build_filename (tree, "link", NULL),
                  *dir_link = g_build_filename (tree, "dir-link", NULL);
  g_assert_cmpint (symlink (outside, link), ==, 0);
  g_assert_cmpint (symlink ("dir", dir_link), ==, 0);
  g_autoptr (SatchelFileBroker) broker = satchel_file_broker_new (tree, NULL);
  g_assert_nonnull (broker);
  int fd = -1;
  char text[8] = { 0 };
  g_assert_cmpint (ask_with (broker, SATCHEL_IPC_FILES_OPEN, "dir/inside", 10, NULL, &fd), ==, 0);
  g_assert_cmpint (read (fd, text, sizeof text), ==, 4);
  g_assert_cmpint (write (fd, "x", 1), ==, -1);
  satchel_fd_clear (&fd);
  static const char *const refused[] = {
    "../outside", "dir/../../outside", "link", "dir-link/inside", "/etc/passwd", "dir", "none", ""
  };
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    g_assert_cmpint (ask (broker, SATCHEL_IPC_FILES_OPEN, refused[i]), >, 0);
  g_assert_cmpint (ask (broker, SATCHEL_IPC_FILES_LIST, ""), ==, 0);
  g_assert_cmpint (ask (broker, SATCHEL_IPC_FILES_LIST, "dir"), ==, 0);
  static const char *const no_dirs[] = { "..", "dir-link", "/", "dir/inside", "dir/../.." };
  for (guint i = 0; i < G_N_ELEMENTS (no_dirs); i++)
    g_assert_cmpint (ask (broker, SATCHEL_IPC_FILES_LIST, no_dirs[i]), >, 0);
  /* What is lent for reading is not written. */
  g_assert_cmpint (ask (broker, SATCHEL_IPC_FILES_CREATE, "new"), ==, EACCES);
  g_assert_cmpint (ask (broker, SATCHEL_IPC_FILES_MAKE, "new"), ==, EACCES);
  g_assert_cmpint (ask (broker, SATCHEL_IPC_FILES_REMOVE, "dir/inside"), ==, EACCES);
  g_assert_cmpint (ask_with (broker, SATCHEL_IPC_FILES_RENAME, "dir/inside", 10, "moved", NULL), ==, EACCES);
  g_assert_true (g_file_test (inside, G_FILE_TEST_EXISTS));
}

static void
test_file (void)
{
  g_autofree char *path = put ("file", "text");
  g_autoptr (SatchelFileBroker) broker = satchel_file_broker_new (path, NULL);
  g_assert_nonnull (broker);
  g_assert_cmpint (ask (broker, SATCHEL_IPC_FILES_OPEN, ""), ==, 0);
  g_assert_cmpint (ask (broker, SATCHEL_IPC_FILES_LIST, ""), ==, ENOTDIR);
  g_assert_cmpint (ask (broker, SATCHEL_IPC_FILES_OPEN, "x"), >, 0);
}

/* What is open already is all that is lent: a file to be read, a pipe to be written. */
static void
test_open_file (void)
{
  g_autofree char *path = put ("open", "text");
  int fd = -1, pipe_fds[2];
  char text[8] = { 0 };
  g_autoptr (SatchelFileBroker) reading =
      satchel_file_broker_new_fd (open (path, O_RDONLY | O_CLOEXEC), FALSE, NULL);
  g_assert_cmpint (ask_with (reading, SATCHEL_IPC_FILES_OPEN, "", 0, NULL, &fd), ==, 0);
  g_assert_cmpint (read (fd, text, sizeof text), ==, 4);
  satchel_fd_clear (&fd);
  g_assert_cmpint (ask (reading, SATCHEL_IPC_FILES_CREATE, ""), ==, EACCES);
  g_assert_cmpint (pipe2 (pipe_fds, O_CLOEXEC), ==, 0);
  SatchelFileBroker *writing = satchel_file_broker_new_fd (pipe_fds[1], TRUE, NULL);
  g_assert_cmpint (ask (writing, SATCHEL_IPC_FILES_CREATE, "x"), >, 0);
  g_assert_cmpint (ask (writing, SATCHEL_IPC_FILES_REMOVE, "x"), >, 0);
  g_assert_cmpint (ask_with (writing, SATCHEL_IPC_FILES_CREATE, "", 0, NULL, &fd), ==, 0);
  g_assert_cmpint (write (fd, "mail", 4), ==, 4);
  satchel_fd_clear (&fd);
  satchel_file_broker_free (writing);
  g_assert_cmpint (read (pipe_fds[0], text, sizeof text), ==, 4);
  g_assert_cmpint (read (pipe_fds[0], text, sizeof text), ==, 0); /* nobody else has it any more */
  satchel_fd_clear (&pipe_fds[0]);
}

static void
test_writing (void)
{
  g_autofree char *outside = put ("precious", "text"), *out = g_build_filename (work, "out", NULL);
  {
    g_autoptr (SatchelFileBroker) broker = satchel_file_broker_new_writing (out, "mark one", NULL);
    g_assert_nonnull (broker);
    int fd = -1;
    g_assert_cmpint (ask (broker, SATCHEL_IPC_FILES_MAKE, "a"), ==, 0);
    g_assert_cmpint (ask (broker, SATCHEL_IPC_FILES_MAKE, "a"), ==, 0);
    g_assert_cmpint (ask_with (broker, SATCHEL_IPC_FILES_CREATE, "a/one", 5, NULL, &fd), ==, 0);
    g_assert_cmpint (write (fd, "x", 1), ==, 1);
    satchel_fd_clear (&fd);
    g_assert_cmpint (ask (broker, SATCHEL_IPC_FILES_CREATE, "a/one"), ==, EEXIST);
    g_assert_cmpint (ask (broker, SATCHEL_IPC_FILES_CREATE, "a/two"), ==, 0);
    g_assert_cmpint (ask_with (broker, SATCHEL_IPC_FILES_RENAME, "a/one", 5, "a/two", NULL), ==, EEXIST);
    g_assert_cmpint (ask_with (broker, SATCHEL_IPC_FILES_RENAME, "a/one", 5, "a/three", NULL), ==, 0);
    g_assert_cmpint (ask_with (broker, SATCHEL_IPC_FILES_SYNC, NULL, 0, NULL, NULL), ==, 0);
    static const char *const refused[] = { "../new", "a/../../new", "..",       "a/..",           ".",
                                           "",       "a/",          "/tmp/new", ".satchel-export" };
    for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
      {
        g_assert_cmpint (ask (broker, SATCHEL_IPC_FILES_CREATE, refused[i]), >, 0);
        g_assert_cmpint (ask (broker, SATCHEL_IPC_FILES_MAKE, refused[i]), >, 0);
        g_assert_cmpint (ask (broker, SATCHEL_IPC_FILES_REMOVE, refused[i]), >, 0);
        g_assert_cmpint (ask_with (broker, SATCHEL_IPC_FILES_RENAME, "a/two", 5, refused[i], NULL), >, 0);
      }
    g_assert_cmpint (ask (broker, SATCHEL_IPC_FILES_REMOVE, "../precious"), >, 0);
    g_assert_true (g_file_test (outside, G_FILE_TEST_EXISTS));
  }
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelFileBroker) again = satchel_file_broker_new_writing (out, "mark one", NULL);
  g_assert_nonnull (again);
  g_assert_null (satchel_file_broker_new_writing (out, "mark two", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT);
  g_clear_error (&error);
  g_assert_null (satchel_file_broker_new_writing (work, "mark one", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT);
}

/* A request that makes no sense ends the channel. */
static void
test_malformed (void)
{
  g_autofree char *path = put ("malformed/file", "text"), *dir = g_path_get_dirname (path);
  g_autofree char *long_path = g_strnfill (SATCHEL_FILES_PATH_MAX + 1, 'x');
  const struct
  {
    SatchelIpcType type;
    const char *path;
    gsize len;
  } requests[] = { { SATCHEL_IPC_FILES_OPEN, "file\0x", 6 },
                   { SATCHEL_IPC_FILES_OPEN, long_path, SATCHEL_FILES_PATH_MAX + 1 },
                   { SATCHEL_IPC_FILES_OPEN, NULL, 0 },
                   { SATCHEL_IPC_FILES_RENAME, "file", 4 },
                   { SATCHEL_IPC_FILES_SYNC, "file", 4 },
                   { SATCHEL_IPC_FILES_DONE, "file", 4 },
                   { SATCHEL_IPC_PING, "file", 4 } };
  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      g_autoptr (SatchelFileBroker) broker = satchel_file_broker_new (dir, NULL);
      g_assert_nonnull (broker);
      g_assert_cmpint (ask_with (broker, requests[i].type, requests[i].path, requests[i].len, NULL, NULL), ==,
                       -1);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  work = g_dir_make_tmp ("satchel-broker-XXXXXX", NULL);
  g_test_add_func ("/cli/file-broker/below", test_below);
  g_test_add_func ("/cli/file-broker/file", test_file);
  g_test_add_func ("/cli/file-broker/open-file", test_open_file);
  g_test_add_func ("/cli/file-broker/writing", test_writing);
  g_test_add_func ("/cli/file-broker/malformed", test_malformed);
  int status = g_test_run ();
  g_autofree char *command = g_strdup_printf ("rm -rf '%s'", work);
  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL));
  g_free (work);
  return status;
}
