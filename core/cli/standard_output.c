/* SPDX-License-Identifier: MIT
 * This file copies what the server writes into a pipe to standard output.
 */
#include "config.h"

#include "core/cli/standard_streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "core/cli/quiet_thread.h"

#define COPY_BYTES (64u * 1024u)

struct SatchelStandardOutput
{
  int out_fd;  /* what was standard output */
  int pipe[2]; /* the thread's end, and the server's */
  int errnum;  /* of the write that failed; read when the thread has ended */
  GThread *thread;
};

/* A reader that has gone ends the copying, and so the server's writing. */
static gpointer
copy (gpointer data)
{
  SatchelStandardOutput *output = data;
  g_autofree guint8 *buffer = g_malloc (COPY_BYTES);
  gssize n;
  while ((n = SATCHEL_RETRY (read (output->pipe[0], buffer, COPY_BYTES))) > 0)
    if (!satchel_fd_write_all (output->out_fd, buffer, (gsize) n))
      {
        output->errnum = errno;
        break;
      }
  satchel_fd_clear (&output->pipe[0]);
  return NULL;
}

static void
free_output (SatchelStandardOutput *output)
{
  satchel_fd_clear (&output->pipe[0]);
  satchel_fd_clear (&output->pipe[1]);
  satchel_fd_clear (&output->out_fd);
  g_free (output);
}

SatchelStandardOutput *
satchel_standard_output_take (GError **error)
{
  if (isatty (STDOUT_FILENO))
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID,
                         "standard output is a terminal; write > FILE or | PROGRAM behind the command, or a "
                         "directory in place of " SATCHEL_PATH_OF_STREAM);
      return NULL;
    }
  SatchelStandardOutput *output = g_new (SatchelStandardOutput, 1);
  *output =
      (SatchelStandardOutput) { .out_fd = fcntl (STDOUT_FILENO, F_DUPFD_CLOEXEC, 3), .pipe = { -1, -1 } };
  fflush (stdout);
  if (output->out_fd < 0 || dup2 (STDERR_FILENO, STDOUT_FILENO) < 0 || pipe2 (output->pipe, O_CLOEXEC) != 0
      || fcntl (output->pipe[1], F_SETFL, O_NONBLOCK) != 0)
    {
      satchel_error_set_errno (error, errno, "standard output cannot be used");
      free_output (output);
      return NULL;
    }
  output->thread = satchel_quiet_thread_new ("output", copy, output);
  return output;
}

int
satchel_standard_output_pipe (const SatchelStandardOutput *output)
{
  return fcntl (output->pipe[1], F_DUPFD_CLOEXEC, 3);
}

gboolean
satchel_standard_output_finish (SatchelStandardOutput *output, GError **error)
{
  satchel_fd_clear (&output->pipe[1]);
  g_thread_join (output->thread);
  const int errnum = output->errnum;
  free_output (output);
  if (errnum == EPIPE)
    return satchel_error_set (error, SATCHEL_ERROR_IO,
                              "whoever read standard output ended before the mailbox did");
  return errnum == 0 || satchel_error_set_errno (error, errnum, "standard output cannot be written");
}
